"""Facts of the texts in a column: for pandas, pyarrow and Hugging Face datasets.

A fact is a row, or part of one, with the fields of `Extraction.to_rows`: `kind`, `number`, `type`, `mention`,
`start`, `end`, `score`, `role`, `argument`, `argument_start`, `argument_end`, `argument_score`.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from ..data.documents import Document
from ..data.extras import require_extra
from ..errors import InputError, near_miss
from ..files.exports.fact_sheets import COLUMNS
from ..pipeline import Extractor

# A fact without the document that it is of.
FACT = {name: kind for name, kind in COLUMNS.items() if name != "document"}


def facts_of(extractor: Extractor, texts: Iterable[Any]) -> Iterator[list[dict[str, Any]]]:
    """Yield the facts of each text, in order and lazily; what is no string has none."""
    documents = (
        Document(str(number), text if isinstance(text, str) else "")
        for number, text in enumerate(texts)
    )
    for document in extractor.stream(documents):
        yield document.extraction.to_rows()


def extract_frame(frame: Any, extractor: Extractor, column: str = "text") -> Any:
    """Return the facts of a pandas DataFrame's column: a row a fact, `row` is the index of its text.

    Raises:
        InputError: no such column.
        ModelError: pandas is not installed.
    """
    require_extra("a DataFrame", "frames", ("pandas",))
    import pandas

    _check(column, [str(name) for name in frame.columns])
    rows = [
        {"row": index, **fact}
        for index, facts in zip(frame.index, facts_of(extractor, frame[column]), strict=True)
        for fact in facts
    ]
    kinds = {"string": "str", "int64": "Int64", "float64": "float64"}
    made = pandas.DataFrame(rows, columns=["row", *FACT])
    return made.astype({name: kinds[kind] for name, kind in FACT.items()})


def extract_table(table: Any, extractor: Extractor, column: str = "text") -> Any:
    """Return the facts of a pyarrow Table or RecordBatch as a Table; `row` is the number of the text.

    Raises:
        InputError: no such column.
        ModelError: pyarrow is not installed.
    """
    require_extra("an Arrow table", "graph", ("pyarrow",))
    import pyarrow

    _check(column, table.schema.names)
    texts = table.column(column).to_pylist()
    rows = [
        {"row": number, **fact}
        for number, facts in enumerate(facts_of(extractor, texts))
        for fact in facts
    ]
    fields = [("row", pyarrow.int64())]
    fields += [(name, pyarrow.type_for_alias(kind)) for name, kind in FACT.items()]
    return pyarrow.Table.from_pylist(rows, schema=pyarrow.schema(fields))


def mapper(extractor: Extractor, column: str = "text") -> Callable[[Any], dict[str, Any]]:
    """Return a function for `Dataset.map(…, batched=True)`: it adds the column `facts`.

    Give `features=features_with_facts(dataset)` with it: a batch without facts has no types of its own.
    """

    def facts(batch: Any) -> dict[str, Any]:
        _check(column, list(batch))
        return {"facts": list(facts_of(extractor, batch[column]))}

    return facts


def features_with_facts(dataset: Any) -> Any:
    """Return the features of a dataset, and those of `facts`."""
    from datasets import Features, List, Value

    return Features({**dataset.features, "facts": List({n: Value(k) for n, k in FACT.items()})})


def _check(column: str, names: list[str]) -> None:
    if column not in names:
        raise InputError(
            f"no column {column!r}{near_miss(column, names)}; columns are {', '.join(names)}"
        )
