"""Give the strings of items their offsets in the text, and report what has none.

Which of several occurrences a string takes is chosen in `places`. A string that is not in the
text gets null offsets and an issue.
"""

from collections.abc import Sequence

from ..data.documents import Argument, Entity, Event, Extraction, Issue, Mention, Relation
from ..data.issues import excerpt
from ..data.occurrences import NOWHERE, Occurrence, Occurrences
from ..data.schema import Schema
from .confidence import NO_SCORES, ItemScores
from .formats import OBJECT_SLOT, Item
from .places import Place, entity_places, event_places, is_value, relation_places

Spot = tuple[str, int | None, int | None, float | None, str]
Scored = list[tuple[Item, ItemScores]]


def align(
    items: Sequence[Item],
    text: str,
    schema: Schema,
    scores: Sequence[ItemScores] | None = None,
    offset: int = 0,
) -> Extraction:
    """Give every mention of the items its offsets in the text.

    Items are taken to be checked: labels that the schema does not know are used as types. A
    mention found by folding or nearly gets the text's own wording and a `folded` or `fuzzy` issue
    that gives the model's; see `occurrences`. `scores` belong to the items in order. What issues say of
    places counts from the start of the document, `offset` code points before the text.
    """
    aligner = _Aligner(text, schema, offset)
    said: dict[str, Scored] = {"ner": [], "re": [], "ee": []}
    for item, score in zip(items, scores or [NO_SCORES] * len(items), strict=True):
        said[item.task].append((item, score))
    entities = aligner.entities(said["ner"]) if said["ner"] else ()
    relations = aligner.relations(said["re"]) if said["re"] else ()
    events = aligner.events(said["ee"]) if said["ee"] else ()
    return Extraction(entities, relations, events, tuple(aligner.issues))


class _Aligner:
    def __init__(self, text: str, schema: Schema, offset: int) -> None:
        self.text = text
        self.offset = offset
        self.occurrences = Occurrences(text)
        self.schema = schema
        self.issues: list[Issue] = []

    def _spot(
        self, said: str, found: Occurrence, index: int, score: float | None, where: str
    ) -> Spot:
        """Return text, start, end, score and status of an occurrence; report an inexact one."""
        if index < 0:
            self.issues.append(Issue("ungrounded", self._missing(said), where))
            return said, None, None, score, "none"
        start, end = found.starts[index], found.ends[index]
        if found.status == "exact":
            return said, start, end, score, "exact"
        surface = self.text[start:end]
        detail = f"{excerpt(said)!r} was located as {excerpt(surface)!r} ({found.status})"
        self.issues.append(Issue(found.status, detail, where))
        return surface, start, end, score, found.status

    def _check_mark(self, item: Item, at: int, said: str, where: str) -> None:
        """Report a mark that numbers an occurrence which the text does not have."""
        count = len(self.occurrences.find(said).starts)
        if item.mark(at) > count > 0:
            detail = f"{excerpt(said)!r} occurs {count} times, not {item.mark(at)}"
            self.issues.append(Issue("ambiguous", detail, where))

    def _missing(self, said: str) -> str:
        detail = f"{excerpt(said)!r} is not in the text"
        pieces = self.occurrences.pieces(said)
        if not pieces:
            return detail
        by = self.offset
        parts = " and ".join(f"{self.text[a:b]!r} at [{a + by}, {b + by})" for a, b in pieces)
        return f"{detail} as one piece; it may be discontinuous: {parts}"

    def entities(self, items: Scored) -> tuple[Entity, ...]:
        """Place the entities; a listing beyond the occurrences of its string is a duplicate."""
        table = self.schema.entity_by_label
        places = entity_places([item for item, _ in items], self.occurrences, self.schema)
        result: list[Entity] = []
        seen: set[tuple[str, int, int]] = set()
        for (item, score), (found, pick) in zip(items, places, strict=True):
            name = table[item.label].name if item.label in table else item.label
            head = item.head or ""
            if pick >= 0:
                key = (name, found.starts[pick], found.ends[pick])
                if key in seen:
                    detail = f"{excerpt(head)!r} as {name!r} is listed more often than it occurs"
                    self.issues.append(Issue("repeated", detail))
                    continue
                seen.add(key)
            where = f"entities[{len(result)}]"
            if item.marks:
                self._check_mark(item, 0, head, where)
            result.append(Entity(name, *self._spot(head, found, pick, score.head, where)))
        return tuple(result)

    def _located(self, item: Item, at: int, place: Place, score: float | None, where: str) -> Spot:
        """Return what `_spot` does for the head (0) or a slot (from 1) of an item."""
        said = item.slots[at - 1][1] if at else item.head or ""
        if item.marks:
            self._check_mark(item, at, said, where)
        return self._spot(said, *place, score, where)

    def relations(self, items: Scored) -> tuple[Relation, ...]:
        """Give subjects, objects and qualifiers their offsets; equal facts are one."""
        listed = relation_places([item for item, _ in items], self.occurrences)
        result: list[Relation] = []
        seen: set[tuple[object, ...]] = set()
        for (item, score), places in zip(items, listed, strict=True):
            key = (item.label, item.head, item.slots, *map(_start, places))
            if key in seen:
                tail = next((text for name, text in item.slots if name == OBJECT_SLOT), "")
                said = f"{excerpt(item.head or '')!r} {item.label!r} {excerpt(tail)!r}"
                self.issues.append(Issue("repeated", f"{said} is repeated"))
                continue
            seen.add(key)
            result.append(self._relation(item, score, places, f"relations[{len(result)}]"))
        return tuple(result)

    def _relation(
        self, item: Item, score: ItemScores, places: Sequence[Place], where: str
    ) -> Relation:
        declared = self.schema.relation_by_label.get(item.label)
        types = (declared.subject, declared.object) if declared else (None, None)
        subject = Entity(
            types[0], *self._located(item, 0, places[0], score.head, f"{where}.subject")
        )
        object_: Entity | None = None
        qualifiers: dict[str, Entity] = {}
        owns = _slot_scores(item, score)
        for i, ((name, _), own) in enumerate(zip(item.slots, owns, strict=True), 1):
            if name != OBJECT_SLOT:
                kind = declared.qualifiers.get(name) if declared else None
                path = f"{where}.qualifiers.{name}"
                qualifiers[name] = Entity(kind, *self._located(item, i, places[i], own, path))
            elif object_ is None:
                spot = self._located(item, i, places[i], own, f"{where}.object")
                object_ = Entity(types[1], *spot)
        if object_ is None:
            object_ = Entity(types[1], *self._spot("", NOWHERE, -1, None, f"{where}.object"))
        name = declared.name if declared else item.label
        return Relation(name, subject, object_, qualifiers, score.whole)

    def events(self, items: Scored) -> tuple[Event, ...]:
        """Give triggers and arguments their offsets."""
        listed = event_places([item for item, _ in items], self.occurrences, self.schema)
        result: list[Event] = []
        for (item, score), places in zip(items, listed, strict=True):
            declared = self.schema.event_by_label.get(item.label)
            where = f"events[{len(result)}]"
            trigger = None
            if item.head:
                spot = self._located(item, 0, places[0], score.head, f"{where}.trigger")
                trigger = Mention(*spot)
            arguments: list[Argument] = []
            owns = _slot_scores(item, score)
            for i, ((role, text), own) in enumerate(zip(item.slots, owns, strict=True), 1):
                if places[i][1] < 0 and is_value(declared, role, text):
                    arguments.append(Argument(role, text, None, None, own, "none"))
                    continue
                path = f"{where}.arguments[{i - 1}]"
                arguments.append(Argument(role, *self._located(item, i, places[i], own, path)))
            name = declared.name if declared else item.label
            result.append(Event(name, trigger, tuple(arguments), score.head))
        return tuple(result)


def _slot_scores(item: Item, score: ItemScores) -> Sequence[float | None]:
    return score.slots or [None] * len(item.slots)


def _start(place: Place) -> int:
    found, pick = place
    return found.starts[pick] if pick >= 0 else -1
