"""Gold documents as worked examples: of each text those that are most like it.

Likeness is the overlap of pairs of neighbouring characters, each weighted by how rare it is among the
documents. No text is shown with its own answer.
"""

import math
from collections import Counter
from collections.abc import Iterable
from hashlib import blake2b

from ..errors import InputError
from .documents import Document
from .schema import FIELD_OF_TASK, Schema

# Longer texts would crowd the text that is asked about out of the prompt.
MOST_CHARACTERS = 300


class GoldExamples:
    """Annotated documents, of which `near` chooses."""

    def __init__(self, documents: Iterable[Document], number: int = 4) -> None:
        """Keep the short documents; `number` of them are shown at once.

        Raises:
            InputError: there is none of at most 300 characters.
        """
        self.number = number
        self._documents = [d for d in documents if 0 < len(d.text) <= MOST_CHARACTERS]
        if not self._documents:
            raise InputError(
                f"no document of at most {MOST_CHARACTERS} characters to show as an example; "
                "cut the texts at paragraphs"
            )
        pairs = [_pairs(document.text) for document in self._documents]
        counts = Counter(pair for some in pairs for pair in some)
        self._weights = {pair: math.log(1 + len(pairs) / n) for pair, n in counts.items()}
        self._norms = [sum(self._weights[pair] for pair in some) ** 0.5 for some in pairs]
        self._holders: dict[str, list[int]] = {}
        for number_, some in enumerate(pairs):
            for pair in some:
                self._holders.setdefault(pair, []).append(number_)
        self.digest = blake2b(repr(self._documents).encode(), digest_size=16).hexdigest()

    def near(self, text: str, task: str, schema: Schema) -> list[Document]:
        """Return the documents most like a text, the likest last, next to the text.

        One of them has nothing of the types asked for, if the documents are annotated for the task.
        """
        labels, field = {item.name for item in schema.types(task)}, FIELD_OF_TASK[task]
        full: list[Document] = []
        empty: list[Document] = []
        for document in self._ranked(text):
            if len(full) + 1 >= self.number and empty:
                break
            types = {item.type for item in getattr(document, field)}
            (full if types & labels else empty).append(document)
        is_annotated = any(getattr(document, field) for document in self._documents)
        chosen = full[: self.number]
        if is_annotated and empty:
            chosen = [*chosen[: self.number - 1], empty[0]]
        return chosen[::-1]

    def _ranked(self, text: str) -> list[Document]:
        scores = [0.0] * len(self._documents)
        for pair in _pairs(text):
            for number in self._holders.get(pair, ()):
                scores[number] += self._weights[pair]
        order = sorted(
            range(len(self._documents)), key=lambda i: (-scores[i] / (self._norms[i] or 1), i)
        )
        documents = (self._documents[i] for i in order)
        return [d for d in documents if d.text not in text and text not in d.text]


def _pairs(text: str) -> set[str]:
    return {text[i : i + 2] for i in range(len(text) - 1)} or {text}
