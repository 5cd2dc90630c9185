"""What an answer has said so far, and so what it may still say.

Three rules keep an answer finite and free of issues: an entity is listed under a type no more
often than it occurs in the text, a triple once, an argument once in its event. An event said
twice word for word ends the events of that type and trigger.
"""

from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property

from ...data.schema import Schema
from ...decoding.formats import OBJECT_SLOT
from .substrings import Substrings

Slots = tuple[tuple[str, str], ...]
Head = tuple[str, str | None]
_NOTHING: frozenset[str | None] = frozenset()


class Said:
    """The finished items of an answer; immutable, each item gives a new one.

    Attributes:
        closed: per label, the heads under which nothing new can be said.
        facts: per label and head, what was said: objects, argument lists, or a running number.
    """

    def __init__(
        self,
        closed: dict[str, frozenset[str | None]] | None = None,
        facts: dict[Head, frozenset[object]] | None = None,
    ) -> None:
        self.closed = closed or {}
        self.facts = facts or {}

    @cached_property
    def size(self) -> int:
        """How many heads are closed, over all labels."""
        return sum(len(heads) for heads in self.closed.values())

    @cached_property
    def most_closed(self) -> int:
        """The most mentions that are closed to any one blank."""
        sets = (*self.closed.values(), *self.facts.values())
        return max(map(len, sets), default=0)

    def with_item(self, task: str, memo: "Memo", text: Substrings) -> "Said":
        """Return what has been said when the item of a memo is finished."""
        assert memo.label is not None
        key = (memo.label, memo.head)
        before = self.facts.get(key, frozenset())
        fact: object = len(before) if task == "ner" else memo.slots
        if task == "re":
            fact = next(value for name, value in memo.slots if name == OBJECT_SLOT)
        after = before | {fact}
        if task == "ner":
            is_closed = len(after) >= text.occurrences(memo.head or "")
        else:
            is_closed = len(after) >= text.mentions if task == "re" else fact in before
        closed = self.closed
        if is_closed:
            closed = {**closed, memo.label: closed.get(memo.label, frozenset()) | {memo.head}}
        return Said(closed, {**self.facts, key: after})


@dataclass(frozen=True, slots=True, eq=False)
class Memo:
    """Where in an answer one is: `at` names the turn, the rest is the item being written.

    `name` is that of the slot being filled, where the form says it before the mention.
    """

    at: str
    said: Said
    label: str | None = None
    head: str | None = None
    slots: Slots = ()
    name: str = OBJECT_SLOT
    spaced: bool = False


class Openings:
    """Answers, for one schema, task and text, what may still be named from a memo on."""

    def __init__(self, schema: Schema, task: str, text: Substrings) -> None:
        self.task = task
        self.text = text
        self._events = {event.label: event for event in schema.events}
        self._relations = {relation.label: relation for relation in schema.relations}
        self.labels = tuple(item.label for item in schema.types(task))
        self.headed = tuple(label for label in self.labels if self.has_head(label))

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Every label, slot name and listed value."""
        names = [*self.labels]
        for label in self.labels:
            if self.task == "re":
                names += self._relations[label].qualifiers
            for role in self._events[label].roles if self.task == "ee" else ():
                names += (role.name, *role.values)
        return tuple(names)

    def has_head(self, label: str) -> bool:
        """Say whether items of this label begin with a mention."""
        return self.task != "ee" or self._events[label].trigger

    def open_labels(self, said: Said) -> tuple[str, ...]:
        """Return the labels under which an item can still be said."""
        if self.text.mentions > said.size == 0:
            return self.labels
        return tuple(label for label in self.labels if self._is_open(said, label))

    def _is_open(self, said: Said, label: str) -> bool:
        limit = self.text.mentions if self.has_head(label) else 1
        return len(said.closed.get(label, _NOTHING)) < limit

    def closed_heads(self, said: Said, labels: Collection[str]) -> frozenset[str]:
        """Return the mentions that can head an item of none of these labels."""
        if not said.closed or not labels:
            return frozenset()
        closed = [said.closed.get(label, _NOTHING) for label in labels]
        return frozenset(head for head in frozenset.intersection(*closed) if head is not None)

    def labels_of_head(self, said: Said, head: str) -> tuple[str, ...]:
        """Return the labels that an item with this head may have."""
        if not said.closed:
            return self.headed
        return tuple(label for label in self.headed if head not in said.closed.get(label, _NOTHING))

    def slots(self, memo: Memo) -> dict[str, tuple[str, ...]]:
        """Return the slots of an item that may be filled now, each with its values if listed."""
        filled = {name for name, _ in memo.slots}
        if self.task == "re":
            if OBJECT_SLOT not in filled:
                return {OBJECT_SLOT: ()}
            names = self._relations[memo.label or ""].qualifiers
            return {name: () for name in names if name not in filled}
        result = {}
        for role in self._events[memo.label or ""].roles if self.task == "ee" else ():
            used = {text for name, text in memo.slots if name == role.name}
            left = tuple(dict.fromkeys(value for value in role.values if value not in used))
            if left or (not role.values and len(used) < self.text.mentions):
                result[role.name] = left
        return result

    def qualifiers(self, label: str | None) -> tuple[str, ...]:
        """Return the names of the qualifiers of a relation."""
        return tuple(self._relations[label or ""].qualifiers)

    def closed_for(self, memo: Memo, name: str) -> frozenset[str]:
        """Return the mentions that may not fill a slot."""
        if self.task == "ee":
            return frozenset(text for other, text in memo.slots if other == name)
        if name != OBJECT_SLOT:
            return frozenset()
        said = memo.said.facts.get((memo.label or "", memo.head), frozenset())
        return frozenset(value for value in said if isinstance(value, str))
