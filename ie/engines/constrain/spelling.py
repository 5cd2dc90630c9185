"""The fixed words of the two written forms: what may be written at a turn and where it leads.

An answer alternates between fixed words and mentions. At a turn, or when a mention is over, one
of several options is written. No option is the beginning of another, and none begins as the
next character of a mention would, so that one always knows which of the two is being written.
"""

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec

from ...decoding.formats import EMPTY, JSON_KEYS, OBJECT_SLOT, label_text
from .memory import Memo, Openings

_JSON_ESCAPES = {
    **{chr(code): f"\\u{code:04x}" for code in range(32)},
    **{'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\b": "\\b", "\f": "\\f"},
}
_COMPACT_ESCAPES = {"\\": "\\\\", "⟦": "\\⟦", "⟧": "\\⟧", "\n": "\\n", "\r": "\\r"}


class Target(NamedTuple):
    """Where an option leads: to the turn `at`.

    `done` says that the item is over; `label` and `name` are those of the item and slot that
    begin, or, in the compact form, of the mention just written. `value` is a listed value of
    slot `name` that the option itself spells.
    """

    at: str
    done: bool = False
    label: str | None = None
    name: str = OBJECT_SLOT
    value: str | None = None
    spaced: bool | None = None


@dataclass(slots=True)
class Node:
    """A point within options; `target` is set where one is complete."""

    children: "dict[str, Node]" = field(default_factory=dict)
    target: Target | None = None
    _way_out: "tuple[int, int, str, Target] | None" = None

    def way_out(self) -> "tuple[int, int, str, Target]":
        """Return the option below that soonest ends the answer: rank, bytes, text and target.

        Ties go to the first in order, so that the choice stays the same along the way.
        """
        if self._way_out is None:
            if self.target is not None:
                rank = 0 if self.target.at == "end" else 2 - self.target.done
                self._way_out = (rank, 0, "", self.target)
            else:
                further = ((c, child.way_out()) for c, child in sorted(self.children.items()))
                self._way_out = min(
                    (
                        (rank, size + len(c.encode()), c + text, target)
                        for c, (rank, size, text, target) in further
                    ),
                    key=lambda way: way[:3],
                )
        return self._way_out


Options = list[tuple[str, Target]]
END = Target("end")


class Blank(NamedTuple):
    """A mention to be written: any of the text but those `closed`, or one of `values`."""

    closed: frozenset[str]
    values: tuple[str, ...] = ()
    takes_mentions: bool = True


class _Form:
    """What both forms share: options are built once and kept as trees.

    `escapes` are the written forms of characters of mentions that are not written as they are,
    and `overhead` bounds the bytes of an option beside the name and value in it.
    """

    escapes: dict[str, str]
    overhead: int

    def __init__(self, openings: Openings, *, may_space: bool = True) -> None:
        self.openings = openings
        self.may_space = may_space
        self.task = openings.task
        self._trees: dict[Hashable, Node] = {}

    def _tree(self, key: Hashable, options: Callable[[], Options]) -> Node:
        root = self._trees.get(key)
        if root is None:
            root = self._trees[key] = Node()
            for text, target in options():
                node = root
                for character in text:
                    node = node.children.setdefault(character, Node())
                node.target = target
        return root


class JsonForm(_Form):
    """The `json` form, minified as `encode` writes it or with blanks after `:` and `,`."""

    escapes = _JSON_ESCAPES
    overhead = 80

    def accepts(self, memo: Memo) -> bool:
        """Say whether the answer may end at this turn."""
        return memo.at == "end"

    def blank(self, memo: Memo) -> Blank | None:
        """Return the mention that is to be written at this turn."""
        if memo.at == "head":
            return Blank(self.openings.closed_heads(memo.said, (memo.label or "",)))
        return Blank(self.openings.closed_for(memo, memo.name)) if memo.at == "slot" else None

    def options(self, memo: Memo) -> Node:
        """Return what may be written at the turn of a memo, a mention aside."""
        at, spaced = memo.at, memo.spaced
        if at in ("first", "next"):
            labels = self.openings.open_labels(memo.said)
            return self._tree((at, spaced, labels), lambda: self._items(at, spaced, labels))
        if at in ("no arguments", "arguments"):
            slots = self.openings.slots(memo)
            key = (at, spaced, tuple(slots.items()))
            return self._tree(key, lambda: self._arguments(at, spaced, slots))
        return self._tree(at, self._start if at == "start" else list)

    def closings(self, memo: Memo, blank: Blank, word: str, is_mention: bool) -> Node | None:
        """Return what may be written after `word`, or None if the mention cannot end there."""
        if not is_mention or word in blank.closed:
            return None
        if memo.at == "head":
            return self._tree(("head", memo.spaced), lambda: self._after_head(memo.spaced))
        if self.task == "ee":
            return self._tree("argument", lambda: [('"}', Target("arguments"))])
        filled = frozenset((memo.name, *(name for name, _ in memo.slots)))
        key = (memo.spaced, memo.label, memo.name, filled)
        return self._tree(key, lambda: self._after_slot(memo, filled))

    def _start(self) -> Options:
        opened = f"{{{_quoted(JSON_KEYS[self.task])}:"
        tight, spaced = Target("first", spaced=False), Target("first", spaced=True)
        options = [(f"{opened}[", tight), (f"{opened} [", spaced)]
        return options if self.may_space else options[:1]

    def _items(self, at: str, spaced: bool, labels: tuple[str, ...]) -> Options:
        comma, colon = _marks(spaced)
        key = {"ner": "text", "re": "subject", "ee": "trigger"}[self.task]
        result: Options = [("]}", END)]
        for label in labels:
            start = f'{{"type"{colon}{_quoted(label)}{comma}"{key}"{colon}'
            start = start if at == "first" else comma + start
            if self.openings.has_head(label):
                result.append((f'{start}"', Target("head", label=label)))
            else:
                bare = f'{start}null{comma}"arguments"{colon}['
                result.append((bare, Target("no arguments", label=label)))
        return result

    def _arguments(self, at: str, spaced: bool, slots: dict[str, tuple[str, ...]]) -> Options:
        comma, colon = _marks(spaced)
        result: Options = [("]}", Target("next", done=True))]
        for name, values in slots.items():
            start = f'{{"role"{colon}{_quoted(name)}{comma}"text"{colon}'
            start = start if at == "no arguments" else comma + start
            if not values:
                result.append((f'{start}"', Target("slot", name=name)))
            for value in values:
                target = Target("arguments", name=name, value=value)
                result.append((f"{start}{_quoted(value)}}}", target))
        return result

    def _after_head(self, spaced: bool) -> Options:
        comma, colon = _marks(spaced)
        if self.task == "ner":
            return [('"}', Target("next", done=True))]
        if self.task == "re":
            return [(f'"{comma}"object"{colon}"', Target("slot"))]
        return [(f'"{comma}"arguments"{colon}[', Target("no arguments"))]

    def _after_slot(self, memo: Memo, filled: frozenset[str]) -> Options:
        comma, colon = _marks(memo.spaced)
        is_object = memo.name == OBJECT_SLOT
        before = f'"{comma}"qualifiers"{colon}{{' if is_object else f'"{comma}'
        result: Options = [('"}' if is_object else '"}}', Target("next", done=True))]
        for name in self.openings.qualifiers(memo.label):
            if name not in filled:
                target = Target("slot", name=name)
                result.append((f'{before}{_quoted(name)}{colon}"', target))
        return result


class CompactForm(_Form):
    """The `compact` form: a mention, then its label; an item a line, entities on one line."""

    escapes = _COMPACT_ESCAPES
    overhead = 8

    def accepts(self, memo: Memo) -> bool:
        """Say whether the answer may end at this turn."""
        if memo.at == "slot":
            return self.task == "ee" or bool(memo.slots)
        return memo.at in ("end", "entities")

    def blank(self, memo: Memo) -> Blank | None:
        """Return the mention that may be written at this turn."""
        if memo.at == "slot":
            slots = self.openings.slots(memo)
            free = [name for name, values in slots.items() if not values]
            values = tuple(value for values in slots.values() for value in values)
            closed = [self.openings.closed_for(memo, name) for name in free]
            both = frozenset.intersection(*closed) if closed else frozenset()
            return Blank(both, values, bool(free)) if slots else None
        if memo.at == "end" or not self.openings.headed:
            return None
        return Blank(self.openings.closed_heads(memo.said, self.openings.headed))

    def options(self, memo: Memo) -> Node:
        """Return what may be written at the turn of a memo, a mention aside."""
        if memo.at in ("start", "line"):
            labels = tuple(
                label
                for label in self.openings.open_labels(memo.said)
                if not self.openings.has_head(label)
            )
            empty: Options = [(EMPTY, END)] if memo.at == "start" else []
            return self._tree(
                (memo.at, labels),
                lambda: [
                    *empty,
                    *((label_text(label), Target("slot", label=label)) for label in labels),
                ],
            )
        if memo.at == "slot" and self.accepts(memo):
            said = memo.said.with_item(self.task, memo, self.openings.text)
            if self.openings.open_labels(said):
                return self._tree("another", lambda: [("\n", Target("line", done=True))])
        return self._tree("nothing", list)

    def closings(self, memo: Memo, blank: Blank, word: str, is_mention: bool) -> Node | None:
        """Return what may be written after `word`, or None if the mention cannot end there."""
        if memo.at == "slot":
            names = self._names(memo, word, is_mention)
            at, done = "slot", False
        else:
            names = self.openings.labels_of_head(memo.said, word) if is_mention else ()
            at, done = ("entities", True) if self.task == "ner" else ("slot", False)
        is_slot = memo.at == "slot"

        def options() -> Options:
            if is_slot:
                return [(label_text(name), Target("slot", name=name)) for name in names]
            return [(label_text(label), Target(at, done, label)) for label in names]

        return self._tree((is_slot, names), options) if names else None

    def _names(self, memo: Memo, word: str, is_mention: bool) -> tuple[str, ...]:
        return tuple(
            name
            for name, values in self.openings.slots(memo).items()
            if (
                word in values
                if values
                else is_mention and word not in self.openings.closed_for(memo, name)
            )
        )


def _marks(spaced: bool) -> tuple[str, str]:
    return (", ", ": ") if spaced else (",", ":")


def _quoted(text: str) -> str:
    return msgspec.json.encode(text).decode()
