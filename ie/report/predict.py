"""Predictions of a model for gold documents, of which it sees the texts alone."""

from collections.abc import Iterable, Iterator, Sequence

from ..data import Document


def predict_documents(
    gold: Iterable[Document],
    model: str | None = None,
    schema: str | None = None,
    tasks: Sequence[str] | None = None,
) -> Iterator[Document]:
    """Yield a predicted document for each gold one, lazily and in order.

    Raises:
        ModelError: the model cannot be loaded.
        SchemaError: the schema cannot be read.
    """
    from ..pipeline import Extractor

    extractor = Extractor(model=model, schema=schema, tasks=tasks)
    yield from extractor.stream(Document(item.id, item.text, meta=item.meta) for item in gold)
