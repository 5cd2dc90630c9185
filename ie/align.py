"""Find where the strings of items stand in the text.

The k-th listing of a string takes its k-th occurrence: mentions are listed in text order, so a
listing is a chain whose starts should not decrease. A dynamic programme picks for each mention
one of its occurrences so that the chain is least out of order, then leftmost. Relations and
arguments repeat a string without meaning another place; they are tied to the nearest fitting
occurrence. A string that is not in the text gets null offsets and an issue.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence

from .data import Argument, Entity, Event, Extraction, Issue, Mention, Relation
from .formats import OBJECT_SLOT, Item
from .parse_json import excerpt
from .schema import EventType, RelationType, Schema

# More occurrences than this of one string are not compared for one mention.
_CANDIDATES = 64
_BACKWARDS = 1000.0


class _Text:
    """The text with the occurrences found so far."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.found: dict[str, list[int]] = {}

    def places(self, mention: str) -> list[int]:
        """Return all starts of a string, overlapping ones included, ascending."""
        places = self.found.get(mention)
        if places is None:
            places = self.found[mention] = []
            at = self.text.find(mention) if mention else -1
            while at >= 0:
                places.append(at)
                at = self.text.find(mention, at + 1)
        return places


def align(items: Sequence[Item], text: str, schema: Schema) -> Extraction:
    """Give every mention of the items its offsets in the text.

    Items are taken to be checked: labels that the schema does not know are used as types.
    """
    return _Aligner(text, schema).run(items)


def chain(candidates: Sequence[Sequence[int]], after: int = -1) -> list[int | None]:
    """Pick one start of each list so that starts decrease least often, then advance least.

    Lists are ascending; an empty list gives None and is passed over. `after` is the start that
    the first pick should not precede. Cost is linear in the number of candidates.
    """
    costs: list[tuple[Sequence[int], list[float], list[int]]] = []
    previous: Sequence[int] = (after,)
    previous_cost: list[float] = [0.0]
    for starts in candidates:
        if not starts:
            costs.append(((), [], []))
            continue
        # best[j]: cheapest way to any previous start <= the j-th; ties go to the leftmost.
        overall = min(range(len(previous)), key=previous_cost.__getitem__)
        cost, back = [], []
        j, cheapest = 0, -1
        for rank, start in enumerate(starts):
            while j < len(previous) and previous[j] <= start:
                if cheapest < 0 or previous_cost[j] < previous_cost[cheapest]:
                    cheapest = j
                j += 1
            in_order = previous_cost[cheapest] if cheapest >= 0 else float("inf")
            backwards = previous_cost[overall] + _BACKWARDS
            cost.append(min(in_order, backwards) + rank)
            back.append(cheapest if in_order <= backwards else overall)
        costs.append((starts, cost, back))
        previous, previous_cost = starts, cost
    picks: list[int | None] = [None] * len(costs)
    at = -1
    for i in range(len(costs) - 1, -1, -1):
        starts, cost, back = costs[i]
        if not starts:
            continue
        if at < 0:
            at = min(range(len(cost)), key=cost.__getitem__)
        picks[i] = starts[at]
        at = back[at]
    return picks


class _Aligner:
    def __init__(self, text: str, schema: Schema) -> None:
        self.places = _Text(text).places
        self.schema = schema
        self.issues: list[Issue] = []

    def run(self, items: Sequence[Item]) -> Extraction:
        entities = self._entities([item for item in items if item.task == "ner"])
        relations = self._relations([item for item in items if item.task == "re"])
        events = self._events([item for item in items if item.task == "ee"])
        return Extraction(entities, relations, events, tuple(self.issues))

    def _missing(self, text: str, where: str) -> None:
        self.issues.append(Issue("ungrounded", f"{excerpt(text)!r} is not in the text", where))

    def _entities(self, items: list[Item]) -> tuple[Entity, ...]:
        names = [self._entity_name(item) for item in items]
        starts = chain(
            self._listings([(n, i.head or "") for n, i in zip(names, items, strict=True)])
        )
        result: list[Entity] = []
        seen: set[tuple[str, int, int]] = set()
        for name, item, start in zip(names, items, starts, strict=True):
            text = item.head or ""
            if start is None:
                self._missing(text, f"entities[{len(result)}]")
                result.append(Entity(name, text, None, None, status="none"))
            elif (name, start, len(text)) in seen:
                detail = f"{excerpt(text)!r} as {name!r} is listed more often than it occurs"
                self.issues.append(Issue("ambiguous", detail))
            else:
                seen.add((name, start, len(text)))
                result.append(Entity(name, text, start, start + len(text)))
        return tuple(result)

    def _entity_name(self, item: Item) -> str:
        found = self.schema.entity_by_label.get(item.label)
        return found.name if found else item.label

    def _listings(self, listed: list[tuple[str, str]]) -> list[list[int]]:
        """Return the occurrences open to each (type, string), in order of listing.

        Of M occurrences, the k-th of K listings may take ranks k to M-K+k, so that no two
        listings can share one. Types share occurrences only if there are too few for all.
        """
        per_string = Counter(text for _, text in listed)
        per_type = Counter(listed)
        used: Counter[object] = Counter()
        result = []
        for pair in listed:
            places = self.places(pair[1])
            if per_string[pair[1]] <= len(places):
                key: object = pair[1]
                total = per_string[pair[1]]
            else:
                key, total = pair, min(per_type[pair], len(places))
            rank = min(used[key], max(len(places) - 1, 0))
            used[key] += 1
            spare = len(places) - total
            result.append(places[rank : rank + min(spare, _CANDIDATES) + 1])
        return result

    def _relations(self, items: list[Item]) -> tuple[Relation, ...]:
        result: list[Relation] = []
        before = 0
        for item in items:
            found = self.schema.relation_by_label.get(item.label)
            where = f"relations[{len(result)}]"
            objects = [text for name, text in item.slots if name == OBJECT_SLOT]
            head, tail = item.head or "", objects[0] if objects else ""
            pair = self._nearest_pair(head, tail, before)
            subject = self._end(found.subject if found else None, head, pair[0], f"{where}.subject")
            object_ = self._end(found.object if found else None, tail, pair[1], f"{where}.object")
            anchor = pair[0] if pair[0] is not None else before
            before = anchor
            qualifiers = {}
            for name, text in item.slots:
                if name != OBJECT_SLOT:
                    start = _nearest(self.places(text), anchor)
                    kind = found.qualifiers.get(name) if found else None
                    qualifiers[name] = self._end(kind, text, start, f"{where}.qualifiers.{name}")
            result.append(Relation(_name(found, item), subject, object_, qualifiers))
        return tuple(result)

    def _end(self, kind: str | None, text: str, start: int | None, where: str) -> Entity:
        if start is None:
            self._missing(text, where)
            return Entity(kind, text, None, None, status="none")
        return Entity(kind, text, start, start + len(text))

    def _nearest_pair(self, head: str, tail: str, before: int) -> tuple[int | None, int | None]:
        """Pick the closest occurrences of subject and object, the subject not before `before`."""
        heads, tails = self.places(head), self.places(tail)
        if not heads or not tails:
            return _first_from(heads, before), _first_from(tails, before)
        first = bisect_left(heads, before)
        heads = heads[first : first + _CANDIDATES] or heads[-1:]
        best = min(heads, key=lambda start: (abs(_near(tails, start) - start), start))
        return best, _near(tails, best)

    def _events(self, items: list[Item]) -> tuple[Event, ...]:
        heads = [item.head or "" for item in items]
        triggers = chain([self.places(head) for head in heads])
        taken: set[tuple[str, str, int]] = set()
        result: list[Event] = []
        for item, head, start in zip(items, heads, triggers, strict=True):
            found = self.schema.event_by_label.get(item.label)
            where = f"events[{len(result)}]"
            if start is not None:
                # A second event of this type and trigger word means its next occurrence.
                later = [p for p in self.places(head) if (item.label, head, p) not in taken]
                start = _first_from(later, start) if later else start
                taken.add((item.label, head, start or 0))
            trigger = None
            if head:
                if start is None:
                    self._missing(head, f"{where}.trigger")
                    trigger = Mention(head, None, None, status="none")
                else:
                    trigger = Mention(head, start, start + len(head))
            arguments = self._arguments(item, found, start, where)
            result.append(Event(_name(found, item), trigger, arguments))
        return tuple(result)

    def _arguments(
        self, item: Item, found: EventType | None, anchor: int | None, where: str
    ) -> tuple[Argument, ...]:
        candidates = [_around(self.places(text), anchor) for _, text in item.slots]
        starts = chain(candidates)
        result = []
        for i, ((name, text), start) in enumerate(zip(item.slots, starts, strict=True)):
            if start is None:
                role = found.role_by_name.get(name) if found else None
                if not (role and text in role.values):
                    self._missing(text, f"{where}.arguments[{i}]")
                result.append(Argument(name, text, None, None, status="none"))
            else:
                result.append(Argument(name, text, start, start + len(text)))
        return tuple(result)


def _name(found: RelationType | EventType | None, item: Item) -> str:
    return found.name if found else item.label


def _first_from(places: Sequence[int], before: int) -> int | None:
    if not places:
        return None
    at = bisect_left(places, before)
    return places[at] if at < len(places) else places[-1]


def _near(places: Sequence[int], anchor: int) -> int:
    at = bisect_left(places, anchor)
    close = places[max(at - 1, 0) : at + 1]
    return min(close, key=lambda place: abs(place - anchor))


def _nearest(places: Sequence[int], anchor: int) -> int | None:
    return _near(places, anchor) if places else None


def _around(places: Sequence[int], anchor: int | None) -> Sequence[int]:
    if anchor is None or len(places) <= _CANDIDATES:
        return places[:_CANDIDATES]
    at = bisect_left(places, anchor)
    return places[max(at - _CANDIDATES // 2, 0) : at + _CANDIDATES // 2]
