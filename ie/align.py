"""Find where the strings of items stand in the text.

The k-th listing of a string takes its k-th occurrence: mentions are listed in text order, so a
list is a chain whose starts should not decrease (see `chain`). Among occurrences that fit the
order, one inside another listed mention is a worse choice; then the leftmost counts for entities,
the closest pair for relations, and for events what `near_trigger` says. A string that is not in
the text gets null offsets and an issue.
"""

from collections import Counter
from collections.abc import Sequence

from .chain import cheapest_chain
from .confidence import NO_SCORES, ItemScores
from .data import Argument, Entity, Event, Extraction, Issue, Mention, Relation
from .formats import OBJECT_SLOT, Item
from .near_trigger import place_events
from .occurrences import Covers, Found, Occurrences, first_from, nearest
from .parse_json import excerpt
from .schema import EventType, RelationType, Schema

# More occurrences than this of one string are not compared for one mention.
_CANDIDATES = 32
# Entities: what an occurrence inside of another listed mention costs, and each place to the right.
# Of 27,242 gold entities next to repeated strings in CLUENER, MSRA, Boson and Weibo 97 get another
# place so; if word boundaries (jieba) went before the leftmost place, 129 would.
_INSIDE, _LATER = 1000.0, 0.01
# Relations: each character between subject and object, and each later occurrence of the subject.
_APART, _LATER_SUBJECT = 1.0, 1.0

Spot = tuple[str, int | None, int | None, float | None, str]
Scored = list[tuple[Item, ItemScores]]


def align(
    items: Sequence[Item],
    text: str,
    schema: Schema,
    scores: Sequence[ItemScores] | None = None,
) -> Extraction:
    """Give every mention of the items its offsets in the text.

    Items are taken to be checked: labels that the schema does not know are used as types. A
    mention found by folding or nearly gets the text's own wording and an `ambiguous` issue that
    gives the model's; see `occurrences`. `scores` belong to the items in order.
    """
    aligner = _Aligner(text, schema)
    said: dict[str, Scored] = {"ner": [], "re": [], "ee": []}
    for item, score in zip(items, scores or [NO_SCORES] * len(items), strict=True):
        said[item.task].append((item, score))
    entities = aligner.entities(said["ner"]) if said["ner"] else ()
    relations = aligner.relations(said["re"]) if said["re"] else ()
    events = aligner.events(said["ee"]) if said["ee"] else ()
    return Extraction(entities, relations, events, tuple(aligner.issues))


class _Aligner:
    def __init__(self, text: str, schema: Schema) -> None:
        self.text = text
        self.occurrences = Occurrences(text)
        self.find = self.occurrences.find
        self.schema = schema
        self.issues: list[Issue] = []

    def _spot(self, said: str, found: Found, index: int, score: float | None, where: str) -> Spot:
        """Return text, start, end, score and status of an occurrence; report an inexact one."""
        if index < 0:
            self.issues.append(Issue("ungrounded", self._missing(said), where))
            return said, None, None, score, "none"
        start, end = found.starts[index], found.ends[index]
        if found.status == "exact":
            return said, start, end, score, "exact"
        surface = self.text[start:end]
        detail = f"{excerpt(said)!r} was located as {excerpt(surface)!r} ({found.status})"
        self.issues.append(Issue("ambiguous", detail, where))
        return surface, start, end, score, found.status

    def _missing(self, said: str) -> str:
        detail = f"{excerpt(said)!r} is not in the text"
        pieces = self.occurrences.pieces(said)
        if not pieces:
            return detail
        parts = " and ".join(f"{self.text[a:b]!r} at [{a}, {b})" for a, b in pieces)
        return f"{detail} as one piece; it may be discontinuous: {parts}"

    def entities(self, items: Scored) -> tuple[Entity, ...]:
        """Place the entities; a listing beyond the occurrences of its string is a duplicate."""
        table = self.schema.entity_by_label
        names = [table[item.label].name if item.label in table else item.label for item, _ in items]
        heads = [item.head or "" for item, _ in items]
        founds = [self.find(head) for head in heads]
        picks = self._listed(names, heads, founds)
        result: list[Entity] = []
        seen: set[tuple[str, int, int]] = set()
        for name, head, found, pick, (_, score) in zip(
            names, heads, founds, picks, items, strict=True
        ):
            if pick >= 0:
                key = (name, found.starts[pick], found.ends[pick])
                if key in seen:
                    detail = f"{excerpt(head)!r} as {name!r} is listed more often than it occurs"
                    self.issues.append(Issue("ambiguous", detail))
                    continue
                seen.add(key)
            spot = self._spot(head, found, pick, score.head, f"entities[{len(result)}]")
            result.append(Entity(name, *spot))
        return tuple(result)

    def _listed(self, names: list[str], heads: list[str], founds: list[Found]) -> list[int]:
        """Return the index of the occurrence for each listing, -1 for none.

        Of M occurrences, the k-th of K listings may take ranks k to M-K+k, so that all find one.
        Types share occurrences only if there are too few for all.
        """
        if all(len(found.starts) <= 1 for found in founds):
            return [len(found.starts) - 1 for found in founds]
        per_string = Counter(heads)
        per_type = Counter(zip(names, heads, strict=True))
        used: Counter[object] = Counter()
        keys, firsts, windows = [], [], []
        for name, head, found in zip(names, heads, founds, strict=True):
            count = len(found.starts)
            shared = per_string[head] > count
            total = min(per_type[name, head] if shared else per_string[head], count)
            key: object = (name, head) if shared else head
            first = min(used[key], max(count - 1, 0))
            used[key] += 1
            keys.append(key)
            firsts.append(first)
            windows.append(found.starts[first : first + min(count - total, _CANDIDATES) + 1])
        picks, _ = cheapest_chain(windows, self._costs(founds, firsts, windows))
        result: list[int] = []
        taken: set[tuple[object, int]] = set()
        for key, found, first, pick in zip(keys, founds, firsts, picks, strict=True):
            at = first + pick if pick >= 0 else -1
            while (key, at) in taken and at + 1 < len(found.starts):
                at += 1
            taken.add((key, at))
            result.append(at)
        return result

    def _costs(
        self, founds: Sequence[Found], firsts: Sequence[int], windows: Sequence[Sequence[int]]
    ) -> list[list[float]]:
        if all(len(window) <= 1 for window in windows):
            return [[0.0] * len(window) for window in windows]
        covers = Covers(founds)
        costs = []
        for found, first, window in zip(founds, firsts, windows, strict=True):
            if len(window) == 1:
                costs.append([0.0])
                continue
            ends = found.ends[first : first + len(window)]
            costs.append(
                [
                    _INSIDE * covers.hold(*span) + _LATER * rank
                    for rank, span in enumerate(zip(window, ends, strict=True))
                ]
            )
        return costs

    def relations(self, items: Scored) -> tuple[Relation, ...]:
        """Place subjects and objects as close pairs in text order; equal facts are one."""
        result: list[Relation] = []
        seen: set[tuple[object, ...]] = set()
        before = 0
        for item, score in items:
            declared = self.schema.relation_by_label.get(item.label)
            where = f"relations[{len(result)}]"
            slots = [name for name, _ in item.slots]
            at = slots.index(OBJECT_SLOT) if OBJECT_SLOT in slots else -1
            tail = item.slots[at][1] if at >= 0 else ""
            heads, tails = self.find(item.head or ""), self.find(tail)
            head_at, tail_at = _closest_pair(heads, tails, before)
            key = (item.label, item.head, head_at, item.slots, tail_at)
            if key in seen:
                detail = (
                    f"{excerpt(item.head or '')!r} {item.label!r} {excerpt(tail)!r} is repeated"
                )
                self.issues.append(Issue("ambiguous", detail))
                continue
            seen.add(key)
            types = (declared.subject, declared.object) if declared else (None, None)
            subject = self._spot(item.head or "", heads, head_at, score.head, f"{where}.subject")
            own = _slot_scores(item, score)[at] if at >= 0 else None
            object_ = self._spot(tail, tails, tail_at, own, f"{where}.object")
            before = before if subject[1] is None else subject[1]
            qualifiers = self._qualifiers(item, score, declared, before, where)
            result.append(
                Relation(
                    declared.name if declared else item.label,
                    Entity(types[0], *subject),
                    Entity(types[1], *object_),
                    qualifiers,
                    score.whole,
                )
            )
        return tuple(result)

    def _qualifiers(
        self,
        item: Item,
        score: ItemScores,
        declared: RelationType | None,
        anchor: int,
        where: str,
    ) -> dict[str, Entity]:
        result = {}
        for (name, text), own in zip(item.slots, _slot_scores(item, score), strict=True):
            if name != OBJECT_SLOT:
                found = self.find(text)
                at = nearest(found.starts, anchor) if found.starts else -1
                kind = declared.qualifiers.get(name) if declared else None
                spot = self._spot(text, found, at, own, f"{where}.qualifiers.{name}")
                result[name] = Entity(kind, *spot)
        return result

    def events(self, items: Scored) -> tuple[Event, ...]:
        """Place triggers in text order, arguments near them."""
        heads = [self.find(item.head or "") for item, _ in items]
        slots = [[self.find(text) for _, text in item.slots] for item, _ in items]
        keys = [(item.label, item.head or "") for item, _ in items]
        result: list[Event] = []
        for (item, score), head, founds, (at, picks) in zip(
            items, heads, slots, place_events(keys, heads, slots, self.occurrences), strict=True
        ):
            declared = self.schema.event_by_label.get(item.label)
            where = f"events[{len(result)}]"
            trigger = None
            if item.head:
                trigger = Mention(*self._spot(item.head, head, at, score.head, f"{where}.trigger"))
            arguments: list[Argument] = []
            owns = _slot_scores(item, score)
            for (role, text), found, pick, own in zip(item.slots, founds, picks, owns, strict=True):
                spot: Spot
                if pick < 0 and _is_value(declared, role, text):
                    spot = (text, None, None, own, "none")
                else:
                    place = f"{where}.arguments[{len(arguments)}]"
                    spot = self._spot(text, found, pick, own, place)
                arguments.append(Argument(role, *spot))
            name = declared.name if declared else item.label
            result.append(Event(name, trigger, tuple(arguments), score.head))
        return tuple(result)


def _slot_scores(item: Item, score: ItemScores) -> Sequence[float | None]:
    return score.slots or [None] * len(item.slots)


def _is_value(declared: EventType | None, role: str, text: str) -> bool:
    """Say whether a string is a choice of an enum slot, which the text need not hold."""
    known = declared.role_by_name.get(role) if declared else None
    return known is not None and text in known.values


def _closest_pair(heads: Found, tails: Found, before: int) -> tuple[int, int]:
    """Return the indices of the closest subject and object, the subject not before `before`."""
    if not heads.starts or not tails.starts:
        head, tail = (first_from(f.starts, before) if f.starts else -1 for f in (heads, tails))
        return head, tail
    if len(heads.starts) == len(tails.starts) == 1:
        return 0, 0
    covers = Covers((heads, tails))
    first = first_from(heads.starts, before)
    best, choice = float("inf"), (first, 0)
    for head in range(first, min(first + _CANDIDATES, len(heads.starts))):
        start = heads.starts[head]
        near = nearest(tails.starts, start)
        for tail in range(max(near - 1, 0), min(near + 2, len(tails.starts))):
            nested = (
                covers.hold(start, heads.ends[head]),
                covers.hold(tails.starts[tail], tails.ends[tail]),
            )
            cost = _APART * abs(tails.starts[tail] - start) + _LATER_SUBJECT * (head - first)
            cost += _INSIDE * sum(nested)
            if cost < best:
                best, choice = cost, (head, tail)
    return choice
