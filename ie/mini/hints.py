"""Hints: names that a tagger sees in a text, told to a small model.

A model of a few million parameters has met too few names to know them, and a causal one reads a
character before what follows it. The tagger (module `tagger`) has met more, and reads both ways; it
has learnt what corpora annotate, and says it in the labels that the prompt asks for. What it finds is
advice in the prompt, not an answer: the model has learnt from the corpora when to follow it.
"""

from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from functools import cache
from itertools import islice
from pathlib import Path
from threading import Lock
from typing import NamedTuple, TypeVar

from ..data.schema import Schema
from ..decoding.formats import label_text
from ..errors import ModelError
from .tagger import Tagged, Tagger, Word, read_weights

# The mark of the subject of a relation; that of its object is the predicate.
SUBJECT = "REL"
END = label_text("/")
# A prompt's text is a window, far shorter; longer ones get no hints.
_LONGEST = 10_000
# Characters of texts that are kept with their hints, and how near they are to each kind, in numbers.
_MOST_KEPT = 2_000_000
# More sets of labels than this are not kept: where they are random nearly each one is new.
_MOST_WAYS = 4096
# Items whose texts are read together: a few first, since somebody waits for them, then more.
_FIRST_TOGETHER, _TOGETHER = 64, 512

_T = TypeVar("_T")


class Reading(NamedTuple):
    """A text and the task and schema that a prompt asks of it."""

    text: str
    task: str
    schema: Schema


class Seen(NamedTuple):
    """All that a head sees in a text, and which kinds of words are asked for that it may mark."""

    head: str
    words: list[Word]
    known: frozenset[str]


class _Way(NamedTuple):
    """How a prompt's text is read: by which head, for which kinds of words.

    `is_whole` says whether the head knows all that is asked for.
    """

    head: str
    kinds: frozenset[str]
    is_whole: bool


class Marker:
    """Marks names in texts; those of many texts are found sooner together, see `ahead`."""

    def __init__(self, tagger: Tagger) -> None:
        """Mark what the tagger sees."""
        self.tagger = tagger
        # A marker is the process's, as its tagger is.
        self._lock = Lock()
        self._kept: dict[tuple[str, str], Tagged] = {}
        self._ways: dict[tuple[str, frozenset[str]], _Way | None] = {}

    def mark(self, text: str, task: str, schema: Schema, asked: Schema | None = None) -> str:
        """Return the text with every likely mention between marks: `在⟦地名⟧北京⟦/⟧见到`.

        A tuned tagger reads it with the head that knows most of the labels that the schema has for
        the task, and the fewest others; there are no marks where no head knows any, nor, if only a
        part of the schema is `asked` for, of what is not.
        Texts beyond 10,000 characters get none.
        """
        pieces, at = [], 0
        for start, end, kind in self.words(text, task, schema, asked):
            pieces += [text[at:start], label_text(kind), text[start:end], END]
            at = end
        return "".join([*pieces, text[at:]])

    def words(
        self, text: str, task: str, schema: Schema, asked: Schema | None = None
    ) -> list[Word]:
        """Return the words that `mark` puts between marks."""
        seen = self.seen(text, task, schema)
        if seen is None:
            return []
        known = seen.known
        if asked is not None:
            known &= asked.answer_names(task) | {SUBJECT}
        return [word for word in seen.words if word[2] in known]

    def seen(self, text: str, task: str, schema: Schema) -> Seen | None:
        """Return what is seen in the text by the head that `mark` reads it with.

        None where no head knows any label, or the text is too long.
        """
        way = self._way(task, schema)
        if way is None or len(text) > _LONGEST:
            return None
        known = way.kinds.intersection(self.tagger.heads[way.head].kinds)
        return Seen(way.head, self._read_one(way.head, text).words, known)

    def names(self, text: str, head: str) -> list[Word]:
        """Return what a head sees in a text, asked for or not; nothing if there is no such head."""
        is_read = head in self.tagger.heads and len(text) <= _LONGEST
        return self._read_one(head, text).words if is_read else []

    def glimpsed(
        self, text: str, task: str, schema: Schema, margins: Mapping[str, float]
    ) -> Schema:
        """Return the schema, of one task with those types alone that the text may hold.

        Left out are types whose tag scores at no character within the margin of the head, in
        points, from the best tag. The schema stays whole where the head has no margin, no head knows
        any label, or the text is too long.
        """
        way = self._way(task, schema)
        margin = margins.get(way.head) if way else None
        if way is None or margin is None or len(text) > _LONGEST:
            return schema
        near = self._read_one(way.head, text).near
        kinds = self.tagger.heads[way.head].kinds
        far = {kind for kind, less in zip(kinds, near.tolist(), strict=True) if less > margin}
        return schema.select(task, [t.label for t in schema.types(task) if t.label not in far])

    def is_bare(self, text: str, task: str, schema: Schema) -> bool:
        """Return whether a tagger that knows all of what is asked sees nothing in the text."""
        way = self._way(task, schema)
        is_read = way is not None and way.is_whole and len(text) <= _LONGEST
        return is_read and not self.words(text, task, schema)

    def ahead(
        self, items: Iterable[_T], readings: Callable[[_T], Iterable[Reading]]
    ) -> Iterator[_T]:
        """Yield items whose `readings` were made ahead, those of many items together."""
        left, size = iter(items), _FIRST_TOGETHER
        while some := list(islice(left, size)):
            size = min(2 * size, _TOGETHER)
            self.read_ahead(reading for item in some for reading in readings(item))
            yield from some

    def read_ahead(self, readings: Iterable[Reading]) -> None:
        """Read texts together that `mark` will be asked for next, and keep what was found."""
        wanted = {
            (way.head, text): None
            for text, task, schema in readings
            if len(text) <= _LONGEST and (way := self._way(task, schema))
        }
        with self._lock:
            self._read_wanted(wanted)

    def _read_wanted(self, wanted: dict[tuple[str, str], None]) -> None:
        new: dict[str, list[str]] = {}
        for head, text in wanted:
            read = self._kept.pop((head, text), None)
            if read is None:
                new.setdefault(head, []).append(text)
            else:
                self._kept[head, text] = read
        for head, texts in new.items():
            self._make_room(sum(self._cost(head, text) for text in texts), wanted)
            found = self._read(head, texts)
            self._kept.update(((head, text), read) for text, read in zip(texts, found, strict=True))

    def _make_room(self, size: int, wanted: Container[tuple[str, str]]) -> None:
        """Drop what was wanted longest ago."""
        over = sum(self._cost(*key) for key in self._kept) + size - _MOST_KEPT
        for key in list(self._kept) if over > 0 else ():
            if over > 0 and key not in wanted:
                del self._kept[key]
                over -= self._cost(*key)

    def _cost(self, head: str, text: str) -> int:
        return len(text) + len(self.tagger.heads[head].kinds)

    def forget(self) -> None:
        """Drop what was read ahead."""
        with self._lock:
            self._kept = {}

    def _way(self, task: str, schema: Schema) -> _Way | None:
        names = schema.answer_names(task)
        key = (task, names)
        if key in (ways := self._ways):
            return ways[key]
        if len(ways) >= _MOST_WAYS:
            self._ways = {}
        way = self._ways[key] = self._new_way(task, names)
        return way

    def _new_way(self, task: str, names: frozenset[str]) -> _Way | None:
        shared = {
            name: len(names & set(head.names))
            for name, head in self.tagger.heads.items()
            if head.task == task and not names.isdisjoint(head.names)
        }
        if not shared:
            return None
        # Of those that know as many of the names, the one with the fewest others.
        heads = self.tagger.heads
        best = max(shared, key=lambda name: (shared[name], -len(heads[name].names)))
        return _Way(best, names | {SUBJECT}, is_whole=shared[best] == len(names))

    def _read_one(self, head: str, text: str) -> Tagged:
        return self._kept.get((head, text)) or self._read(head, [text])[0]

    def _read(self, head: str, texts: list[str]) -> list[Tagged]:
        """Return each text with those of its words that may be marked."""
        kinds = frozenset(self.tagger.heads[head].kinds)
        return [
            Tagged([word for word in words if word[2] in kinds], near)
            for words, near in self.tagger.read(texts, head)
        ]


def read_marker(path: Path) -> Marker:
    """Return the marker whose tagger a file holds; it is kept until the file changes.

    Raises:
        ModelError: the file is missing or holds no tagger.
    """
    if not path.is_file():
        raise ModelError(f"{path}: no such file; the model needs its tagger")
    return _marker(path, path.stat().st_mtime_ns)


@cache
def _marker(path: Path, changed: int) -> Marker:
    """Return the marker of a file as it is since it `changed`."""
    return Marker(Tagger(read_weights(path)))
