"""Pair gold with predicted documents by id, and refuse what does not belong together."""

from collections import Counter
from collections.abc import Iterable, Sequence

from ...data.documents import Document
from ...errors import InputError

Pair = tuple[Document, Document]

_SHOWN = 5  # ids named in a message; the rest is counted


def pair_documents(
    gold: Iterable[Document],
    predicted: Iterable[Document],
    gold_name: str = "gold",
    predicted_name: str = "predicted",
) -> list[Pair]:
    """Return `(gold, predicted)` pairs in the order of the gold documents.

    Raises:
        InputError: names, all at once, the ids that are duplicate, that one side lacks, or that
            carry different texts; or says which side is empty.
    """
    gold, predicted = list(gold), list(predicted)
    for documents, name in ((gold, gold_name), (predicted, predicted_name)):
        if not documents:
            raise InputError(f"{name}: holds no document; expected JSON Lines, one a line")
    problems = _duplicates(gold, gold_name) + _duplicates(predicted, predicted_name)
    by_id = {document.id: document for document in predicted}
    missing = [document.id for document in gold if document.id not in by_id]
    if missing:
        problems.append(
            f"{predicted_name}: lacks {len(missing)} of {len(gold)} gold ids: {_some(missing)}; "
            "a document without findings needs a line too"
        )
    known = {document.id for document in gold}
    extra = [document.id for document in predicted if document.id not in known]
    if extra:
        problems.append(
            f"{predicted_name}: has {len(extra)} ids that {gold_name} lacks: {_some(extra)}"
        )
    differing = [d.id for d in gold if d.id in by_id and by_id[d.id].text != d.text]
    if differing:
        problems.append(
            f"{predicted_name}: {len(differing)} ids carry another text than in {gold_name}: "
            f"{_some(differing)}; texts must be equal to the code point"
        )
    if problems:
        raise InputError("\n".join(problems))
    return [(document, by_id[document.id]) for document in gold]


def _duplicates(documents: Sequence[Document], name: str) -> list[str]:
    counts = Counter(document.id for document in documents)
    if len(counts) == len(documents):
        return []
    twice = [key for key, count in counts.items() if count > 1]
    return [f"{name}: {len(twice)} ids occur more than once: {_some(twice)}; ids must be unique"]


def _some(ids: Sequence[str]) -> str:
    shown = ", ".join(repr(key) for key in ids[:_SHOWN])
    return shown + (f" and {len(ids) - _SHOWN} more" if len(ids) > _SHOWN else "")
