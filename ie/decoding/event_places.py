"""Choose the occurrences of triggers and arguments of events.

Triggers are listed in text order across events, arguments within an event. An argument is likely
before its trigger, in the same clause, and not part of a longer argument; another event of the
same type and trigger word is likely its next occurrence. The weights were fitted on the training
splits of DuEE 1.0 and FewFC (`scripts/check_roundtrip` measures them).
"""

from collections.abc import Sequence

from ..data.occurrences import Covers, Occurrence, Occurrences, nearest
from .chain import BACKWARDS, cheapest_chain

_CANDIDATES = 32
_TRIGGERS = 12
# A gap of g characters costs weight * g ** _POWER: next to the trigger or not is what matters.
_BEFORE, _AFTER, _POWER = 0.6, 1.25, 0.1
_CLAUSE, _MOST_CLAUSES = 0.25, 5
_INSIDE, _BROKEN, _LATER = 3.5, 0.1, 0.05
_TRIGGER_BROKEN, _TRIGGER_LATER = 3.6, 0.55
_SAME_EVENT = 5.0
# Of so many different arguments it is asked at once, not one by one, which is inside another.
_MANY = 8

Placed = tuple[int, list[int]]


def place_events(
    keys: Sequence[tuple[str, str]],
    heads: Sequence[Occurrence],
    slots: Sequence[Sequence[Occurrence]],
    occurrences: Occurrences,
) -> list[Placed]:
    """Return for each event the index of its trigger's occurrence and of each argument's.

    `keys` are (event type, trigger word); an index is -1 where there is no occurrence.
    """
    if all(len(head.starts) <= 1 for head in heads):
        return [
            (at, _Arguments(founds, occurrences).near(head, at)[0])
            for head, founds in zip(heads, slots, strict=True)
            for at in (len(head.starts) - 1,)
        ]
    arguments = [_Arguments(founds, occurrences) for founds in slots]
    options: list[list[tuple[list[int], float]]] = []
    for head, own in zip(heads, arguments, strict=True):
        tried = min(len(head.starts), _TRIGGERS)
        options.append([own.near(head, at) for at in range(tried)])
    costs = [
        [
            cost
            + _TRIGGER_LATER * at
            + _TRIGGER_BROKEN * occurrences.broken_ends(head.starts[at], head.ends[at])
            for at, (_, cost) in enumerate(tried)
        ]
        for head, tried in zip(heads, options, strict=True)
    ]
    triggers = _trigger_chain(keys, heads, costs)
    return [
        (at, tried[at][0] if at >= 0 else own.near(head, -1)[0])
        for at, head, own, tried in zip(triggers, heads, arguments, options, strict=True)
    ]


def _trigger_chain(
    keys: Sequence[tuple[str, str]], heads: Sequence[Occurrence], costs: Sequence[Sequence[float]]
) -> list[int]:
    """Like `chain.cheapest_chain`, but events of one type and trigger word avoid one place.

    The cheapest way to each place remembers the events that it has put there.
    """
    picks = [-1] * len(heads)
    links: list[tuple[int, list[int]]] = []
    before: list[int] = []
    totals: list[float] = []
    there: list[frozenset[tuple[str, str]]] = []
    for i, (key, head) in enumerate(zip(keys, heads, strict=True)):
        if not head.starts:
            continue
        starts = head.starts[:_TRIGGERS]
        if not before:
            totals, link = list(costs[i]), [-1] * len(starts)
            there = [frozenset((key,))] * len(starts)
        else:
            new, link, new_there = [], [], []
            for start, own in zip(starts, costs[i], strict=True):
                ways = [
                    total
                    + (BACKWARDS if place > start else 0.0)
                    + (_SAME_EVENT if place == start and key in group else 0.0)
                    for place, total, group in zip(before, totals, there, strict=True)
                ]
                best = min(range(len(ways)), key=ways.__getitem__)
                new.append(ways[best] + own)
                link.append(best)
                group = there[best] if before[best] == start else frozenset()
                new_there.append(group | {key})
            totals, there = new, new_there
        links.append((i, link))
        before = starts
    at = min(range(len(totals)), key=totals.__getitem__) if totals else -1
    for i, link in reversed(links):
        picks[i] = at
        at = link[at]
    return picks


class _Arguments:
    """The arguments of one event, to be placed near one or another occurrence of its trigger."""

    def __init__(self, founds: Sequence[Occurrence], occurrences: Occurrences) -> None:
        self.founds = founds
        self.occurrences = occurrences
        # By string and number of the occurrence: what its place costs wherever the trigger stands.
        self._own: dict[tuple[int, int], float] = {}
        self._covers: Covers | None = None
        self._are_many = len({id(found) for found in founds}) > _MANY

    def near(self, head: Occurrence, at: int) -> tuple[list[int], float]:
        """Return the occurrences of the arguments, given the trigger's, and their cost."""
        if not self.founds:
            return [], 0.0
        trigger = (head.starts[at], head.ends[at]) if at >= 0 else None
        firsts, windows, costs = [], [], []
        for found in self.founds:
            first = 0
            if trigger is not None and len(found.starts) > _CANDIDATES:
                first = max(nearest(found.starts, trigger[0]) - _CANDIDATES // 2, 0)
            window = found.starts[first : first + _CANDIDATES]
            ends = found.ends[first : first + _CANDIDATES]
            spans = zip(window, ends, strict=True)
            row = [_gap_cost(span, trigger, self.occurrences) for span in spans]
            if len(row) > 1:
                for rank in range(len(row)):
                    row[rank] += _LATER * rank + self._cost(found, first + rank)
            firsts.append(first)
            windows.append(window)
            costs.append(row)
        picks, cost = cheapest_chain(windows, costs)
        return [f + pick if pick >= 0 else -1 for f, pick in zip(firsts, picks, strict=True)], cost

    def _cost(self, found: Occurrence, index: int) -> float:
        key = (id(found), index)
        cost = self._own.get(key)
        if cost is None:
            span = found.starts[index], found.ends[index]
            cost = _INSIDE * self._is_inside(*span) + _BROKEN * self.occurrences.broken_ends(*span)
            self._own[key] = cost
        return cost

    def _is_inside(self, start: int, end: int) -> bool:
        if not self._are_many:
            return self.occurrences.is_inside(self.founds, start, end)
        if self._covers is None:
            self._covers = Covers(self.founds)
        return self._covers.hold(start, end)


def _gap_cost(
    span: tuple[int, int], trigger: tuple[int, int] | None, occurrences: Occurrences
) -> float:
    if trigger is None:
        return 0.0
    if span[1] <= trigger[0]:
        weight, gap = _BEFORE, (span[1], trigger[0])
    elif span[0] >= trigger[1]:
        weight, gap = _AFTER, (trigger[1], span[0])
    else:
        return 0.0
    clauses = min(occurrences.clause_marks(*gap), _MOST_CLAUSES)
    return float(weight * (gap[1] - gap[0]) ** _POWER + _CLAUSE * clauses)
