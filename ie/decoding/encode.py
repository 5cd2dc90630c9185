"""From annotations to the words that a model should say; the inverse of `decode`.

Of a string that stands in the text several times, the decoder takes an occurrence by the order of
the answer and what is usual. Where that is another one than is meant, the mention gets a mark
(see `formats`). Which those are is found by placing the items as the decoder would.
"""

from bisect import bisect_right
from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from ..data.documents import Document
from ..data.occurrences import Occurrences
from ..data.schema import Schema, chosen_tasks, read_schema
from .field_names import is_null
from .formats import (
    AskedTrigger,
    Item,
    annotated_items,
    extraction_items,
    mark_trigger,
    mention_starts,
    serialise,
)
from .places import place_items

# Rounds in which one mark of those that depend on each other is set, and rounds in all; after
# them, every mention of a repeated string is marked.
_GENTLE_ROUNDS, _ROUNDS = 3, 8
# So many marks are tried one by one whether the others do without them.
_TRIED = 16
# A place of a mention: the number of its item, and 0 for the head or the number of the slot.
_At = tuple[int, int]


def encode(
    document: Document,
    schema: Schema | str | Path | dict[str, Any],
    format: str = "json",
    tasks: Sequence[str] | str | None = None,
    *,
    occurrences: bool = True,
) -> str:
    """Write the annotations of a document as a model should say them.

    Mentions come in text order, repeats included. Annotations whose type the schema does not
    declare are left out, as are those of tasks not in `tasks` (default: those of the schema).
    With `occurrences`, a mention that `decode` would place elsewhere says which occurrence of
    its string it is.

    Raises:
        ValueError: unknown format.
        SchemaError: unknown or malformed schema, or a task that it does not declare.
    """
    schema = read_schema(schema)
    chosen = chosen_tasks(schema, tasks)
    return serialise(
        answer_items(document, schema, chosen, occurrences=occurrences), format, chosen
    )


def answer_items(
    document: Document,
    schema: Schema,
    tasks: Sequence[str],
    *,
    occurrences: bool = True,
    asked: AskedTrigger | None = None,
) -> list[Item]:
    """Return the items of an answer, with marks if `occurrences`.

    `asked` is the trigger that the prompt asked about: its own mark is not written again.
    """
    if not occurrences:
        return extraction_items(document.extraction, schema, tasks)
    pairs = annotated_items(document.extraction, schema, tasks)
    items = [item for item, _ in pairs]
    if not _may_repeat(items, document.text):
        return items
    starts = [mention_starts(annotation) for _, annotation in pairs]
    return _Marker(items, starts, document.text, schema, asked).run()


def _may_repeat(items: Sequence[Item], text: str) -> bool:
    strings = {item.head for item in items if item.head}
    strings.update(string for item in items for _, string in item.slots if string)
    return any(
        is_null(string) or text.find(string, text.find(string) + 1) >= 0 for string in strings
    )


class _Marker:
    """Sets marks until every mention of a repeated string is placed where it should be."""

    def __init__(
        self,
        items: Sequence[Item],
        starts: Sequence[Sequence[int | None]],
        text: str,
        schema: Schema,
        asked: AskedTrigger | None,
    ) -> None:
        self.items = items
        self.starts = starts
        self.schema = schema
        self.asked = asked
        self.occurrences = Occurrences(text)
        self.marks: dict[_At, int] = {}
        # A word for nothing is read as a mention only with a mark.
        self.kept: set[_At] = set()
        self.wanted: dict[_At, int] = {}
        for i, item in enumerate(items):
            for j, string in enumerate((item.head or "", *(text for _, text in item.slots))):
                places, start = self.occurrences.find(string).starts, starts[i][j]
                is_nothing = bool(places) and is_null(string)
                if start is not None and (len(places) > 1 or is_nothing):
                    self.wanted[i, j] = bisect_right(places, start)
                    if is_nothing:
                        self.marks[i, j] = self.wanted[i, j]
                        self.kept.add((i, j))

    def run(self) -> list[Item]:
        """Return the items with their marks."""
        for number in range(_ROUNDS):
            wrong = self._wrong()
            for at in self._independent(wrong) if number < _GENTLE_ROUNDS else wrong:
                self.marks[at] = self.wanted[at]
            if not wrong:
                break
        else:
            self.marks = dict(self.wanted)
        if 1 < len(self.marks) <= _TRIED:
            self._prune()
        return self._marked()

    def _marked(self) -> list[Item]:
        rows: dict[int, list[int]] = {}
        for (i, j), mark in self.marks.items():
            rows.setdefault(i, [0] * (len(self.items[i].slots) + 1))[j] = mark
        return [
            msgspec.structs.replace(item, marks=tuple(rows[i])) if i in rows else item
            for i, item in enumerate(self.items)
        ]

    def _wrong(self) -> list[_At]:
        """Return the mentions that the marks so far do not bring to their place."""
        items = self._marked()
        if self.asked is not None:
            items = mark_trigger(items, self.asked)
        placed = place_items(items, self.occurrences, self.schema)
        return [
            (i, j)
            for i, j in self.wanted
            if (place := placed[i][j])[0].starts[place[1]] != self.starts[i][j]
        ]

    def _independent(self, wrong: Sequence[_At]) -> list[_At]:
        """Return the first of those of which one mark may bring others to their place too."""
        first: dict[Hashable, _At] = {}
        heads = {i for i, j in wrong if j == 0}
        for i, j in wrong:
            item = self.items[i]
            key: Hashable = i
            if item.task == "ner":
                key = item.head
            elif item.task == "ee" and j == 0:
                key = (item.label, item.head)
            if item.task != "ee" or j == 0 or i not in heads:
                first.setdefault(key, (i, j))
        return list(first.values())

    def _prune(self) -> None:
        """Take away marks, one at a time, until none can be spared."""
        before = -1
        while before != len(self.marks):
            before = len(self.marks)
            for at, mark in list(self.marks.items()):
                if at in self.kept:
                    continue
                del self.marks[at]
                if self._wrong():
                    self.marks[at] = mark
