"""spaCy's DocBin: a character a token, mentions as `doc.ents`, all that overlap in `doc.spans`.

    docs = DocBin().from_disk("facts.spacy").get_docs(spacy.blank("zh").vocab)

`doc.user_data` has the document's `id`, and under `chinchilla` the annotations as JSON.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from ...data.documents import Document
from ...data.extras import require_extra
from ..jsonl import dumps
from .conll import flat

# Of `doc.spans`: every mention that is in the text, overlapping or not.
SPANS_KEY = "chinchilla"


def render_docbin(documents: Iterable[Document], lost: Counter[str]) -> Iterator[bytes]:
    """Yield the bytes of a DocBin.

    Raises:
        ModelError: spaCy is not installed.
    """
    require_extra("writing spaCy's DocBin", "spacy", ("spacy",))
    import spacy
    from spacy.tokens import Doc, DocBin

    vocab = spacy.blank("zh").vocab
    box = DocBin(store_user_data=True)
    for document in documents:
        letters = list(document.text)
        doc = Doc(vocab, words=letters, spaces=[False] * len(letters))
        mark_doc(doc, document, lost)
        box.add(doc)
    yield box.to_bytes()


def mark_doc(doc: Any, document: Document, lost: Counter[str] | None = None) -> None:
    """Set the annotations of a document on a Doc of the same text.

    A mention whose ends are within tokens is widened to them; `user_data` has it as it is.
    """
    lost = Counter() if lost is None else lost

    def span(entity: Any) -> Any:
        return doc.char_span(
            entity.start, entity.end, label=entity.type or "entity", alignment_mode="expand"
        )

    from spacy.util import filter_spans

    grounded = [span(entity) for entity in document.entities if entity.span is not None]
    doc.spans[SPANS_KEY] = grounded
    doc.set_ents(filter_spans([span(entity) for entity in flat(document.entities, lost)]))
    doc.user_data["id"] = document.id
    doc.user_data["chinchilla"] = dumps(document.extraction)
