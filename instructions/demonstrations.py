"""Worked examples for few-shot prompts, drawn from gold documents."""

import random
from collections.abc import Iterable

from chinchilla.data.documents import Document
from chinchilla.data.schema import FIELD_OF_TASK

_PER_SOURCE = 200
# Longer texts would crowd the text that is asked about out of the prompt.
_MAX_LENGTH = 200
_CANDIDATES = 4


class Pool:
    """Short annotated documents by source, the first that came; others are not kept."""

    def __init__(self, documents: Iterable[Document] = ()) -> None:
        self._by_source: dict[str, list[Document]] = {}
        for document in documents:
            self.add(document)

    def add(self, document: Document) -> None:
        """Keep a document if it is short, annotated, and its source has room."""
        if len(document.text) > _MAX_LENGTH:
            return
        if not (document.entities or document.relations or document.events):
            return
        kept = self._by_source.setdefault(str(document.meta.get("source", "")), [])
        if len(kept) < _PER_SOURCE:
            kept.append(document)

    def draw(
        self,
        document: Document,
        present: set[str],
        task: str,
        rng: random.Random,
        number: int,
    ) -> list[Document]:
        """Draw documents of the same source, never the document itself or one of equal text.

        Those that carry one of the types in `present` go first, so that examples show answers.
        """
        kept = self._by_source.get(str(document.meta.get("source", "")), [])
        drawn = rng.sample(kept, min(len(kept), _CANDIDATES * number + 1))
        others = [other for other in drawn if other.text != document.text]
        field = FIELD_OF_TASK[task]
        return sorted(
            others,
            key=lambda other: present.isdisjoint(item.type for item in getattr(other, field)),
        )[:number]
