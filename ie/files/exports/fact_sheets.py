"""Facts as rows of Parquet or of a workbook: those of `Document.to_rows`."""

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import tee
from typing import Any

from ...data.documents import Document
from ..sheets import parquet_chunks, workbook

# Of a table of facts: the types of Arrow.
COLUMNS = {
    **{"document": "string", "kind": "string", "number": "int64", "type": "string"},
    **{"mention": "string", "start": "int64", "end": "int64", "score": "float64"},
    **{"role": "string", "argument": "string", "argument_start": "int64"},
    **{"argument_end": "int64", "argument_score": "float64"},
}


def render_parquet(documents: Iterable[Document], lost: Counter[str]) -> Iterator[bytes]:
    """Yield a Parquet file: a row for each entity, object, argument and issue."""
    return parquet_chunks(COLUMNS, _rows(documents))


def render_xlsx(documents: Iterable[Document], lost: Counter[str]) -> Iterator[bytes]:
    """Yield a workbook: a sheet of facts, one of issues, one of documents with their texts."""
    facts, issues, texts = tee(documents, 3)
    columns = list(COLUMNS)
    sheets: dict[str, Any] = {
        "facts": (columns, (row for row in _rows(facts) if row[1] != "issue")),
        "issues": (columns[:9], (row[:9] for row in _rows(issues) if row[1] == "issue")),
        "documents": (["document", "text"], ((d.id, d.text) for d in texts)),
    }
    yield workbook(sheets)


def _rows(documents: Iterable[Document]) -> Iterator[tuple[Any, ...]]:
    for document in documents:
        for row in document.to_rows():
            yield tuple(row[name] for name in COLUMNS)
