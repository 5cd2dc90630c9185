"""Predictions of a model for gold documents, of which it sees the texts alone."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from ..data.documents import Document


def predict_documents(
    gold: Iterable[Document],
    model: str | None = None,
    schema: str | None = None,
    tasks: Sequence[str] | None = None,
    *,
    scores: bool = False,
    max_tokens: int | None = None,
    **opening: Any,
) -> Iterator[Document]:
    """Yield a predicted document for each gold one, lazily and in order.

    `opening` is what `engines.open.open_engine` takes beside the model's name. With `scores` they carry those of the model itself, without its calibration: to fit one.

    Raises:
        ModelError: the model cannot be loaded.
        SchemaError: the schema cannot be read.
    """
    from ..decoding.confidence import Calibration
    from ..options import ExtractOptions
    from ..pipeline import Extractor

    # One that changes nothing, in place of the model's.
    calibration = Calibration() if scores else None
    options = ExtractOptions(calibration=calibration, max_tokens=max_tokens)
    extractor = Extractor(model, schema, tasks, options=options, **opening)
    yield from extractor.stream(Document(item.id, item.text, meta=item.meta) for item in gold)
