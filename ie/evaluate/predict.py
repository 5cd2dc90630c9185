"""Predictions of a model for gold documents, of which it sees the texts alone."""

from collections.abc import Iterable, Iterator, Sequence

from ..data.documents import Document


def predict_documents(
    gold: Iterable[Document],
    model: str | None = None,
    schema: str | None = None,
    tasks: Sequence[str] | None = None,
    *,
    scores: bool = False,
) -> Iterator[Document]:
    """Yield a predicted document for each gold one, lazily and in order.

    With `scores` they carry those of the model itself, without its calibration: to fit one.

    Raises:
        ModelError: the model cannot be loaded.
        SchemaError: the schema cannot be read.
    """
    from ..decoding.confidence import Calibration
    from ..options import ExtractOptions
    from ..pipeline import Extractor

    # One that changes nothing, in place of the model's.
    more = {"options": ExtractOptions(calibration=Calibration())} if scores else {}
    extractor = Extractor(model=model, schema=schema, tasks=tasks, **more)
    yield from extractor.stream(Document(item.id, item.text, meta=item.meta) for item in gold)
