"""Choose the occurrence of each string that items name.

The k-th listing of a string takes its k-th occurrence: mentions are listed in text order, so a
list is a chain whose starts should not decrease (see `chain`). An occurrence that splits a Latin
word or number is taken only if there is no other. Among those that fit the order, one inside
another listed mention is a worse choice; then the leftmost counts for entities, the closest pair
for relations, and for events what `event_places` says. A mark decides by itself.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence

from ..data.occurrences import NOWHERE, Covers, Occurrence, Occurrences, first_from, nearest
from ..data.schema import EventType, Schema
from .chain import cheapest_chain
from .event_places import place_events
from .formats import OBJECT_SLOT, Item

# More occurrences than this of one string are not compared for one mention.
_CANDIDATES = 32
# Entities: what an occurrence inside of another listed mention costs, and each place to the right.
# Of 27,242 gold entities next to repeated strings in CLUENER, MSRA, Boson and Weibo 97 get another
# place so; if word boundaries (jieba) went before the leftmost place, 129 would.
_INSIDE, _LATER = 1000.0, 0.01
# Relations: each character between subject and object, and each later occurrence of the subject.
_APART, _LATER_SUBJECT = 1.0, 1.0

# The occurrences of a string and the index of the one chosen, -1 if there is none.
Place = tuple[Occurrence, int]


def place_items(
    items: Sequence[Item], occurrences: Occurrences, schema: Schema
) -> list[list[Place]]:
    """Return for each item the places of its head and of its slots, in this order."""
    result: list[list[Place]] = [[] for _ in items]
    said: dict[str, list[int]] = defaultdict(list)
    for i, item in enumerate(items):
        said[item.task].append(i)
    for task, numbers in said.items():
        listed = [items[i] for i in numbers]
        if task == "ner":
            places = [[place] for place in entity_places(listed, occurrences, schema)]
        elif task == "re":
            places = relation_places(listed, occurrences)
        else:
            places = event_places(listed, occurrences, schema)
        for i, one in zip(numbers, places, strict=True):
            result[i] = one
    return result


def entity_places(items: Sequence[Item], occurrences: Occurrences, schema: Schema) -> list[Place]:
    """Return the place of each listing of an entity.

    Of M occurrences, the k-th of K listings may take ranks k to M-K+k, so that all find one;
    where listings are marked, those between two marks share the occurrences between these.
    Types share occurrences only if there are too few for all.
    """
    # A mark counts all occurrences, so where a string has one its other listings do too.
    marked = {item.head for item in items if item.marks and item.mark(0)}
    founds = [
        (occurrences.find if item.head in marked else occurrences.whole)(item.head or "")
        for item in items
    ]
    if all(len(found.starts) <= 1 for found in founds):
        return [(found, len(found.starts) - 1) for found in founds]
    heads = [item.head for item in items]
    table = schema.entity_by_label
    names = [table[item.label].name if item.label in table else item.label for item in items]
    marks = [item.mark(0) for item in items]
    marks = [m if m <= len(f.starts) else 0 for m, f in zip(marks, founds, strict=True)]
    keys = _sharing(names, heads, founds)
    ranks = _ranks(keys, founds, marks)
    firsts = [first for first, _ in ranks]
    windows = [
        found.starts[first : first + min(last - first, _CANDIDATES) + 1]
        for found, (first, last) in zip(founds, ranks, strict=True)
    ]
    picks, _ = cheapest_chain(windows, _entity_costs(founds, firsts, windows))
    result: list[Place] = []
    taken: set[tuple[object, ...]] = {
        (name, head, mark - 1) for name, head, mark in zip(names, heads, marks, strict=True) if mark
    }
    for i, (found, pick) in enumerate(zip(founds, picks, strict=True)):
        at = firsts[i] + pick if pick >= 0 else -1
        if not marks[i]:
            own = (names[i], heads[i])
            while ((*own, at) in taken or (keys[i], at) in taken) and at + 1 < len(found.starts):
                at += 1
            taken.add((keys[i], at))
        result.append((found, at))
    return result


def _sharing(
    names: Sequence[str], heads: Sequence[str | None], founds: Sequence[Occurrence]
) -> list[object]:
    """Return for each listing what it shares the occurrences of its string with."""
    per_string = Counter(heads)
    return [
        (name, head) if per_string[head] > len(found.starts) else head
        for name, head, found in zip(names, heads, founds, strict=True)
    ]


def _ranks(
    keys: Sequence[object], founds: Sequence[Occurrence], marks: Sequence[int]
) -> list[tuple[int, int]]:
    """Return for each listing the first and the last occurrence that it may take."""
    groups: dict[object, list[int]] = defaultdict(list)
    for i, key in enumerate(keys):
        groups[key].append(i)
    result = [(0, 0)] * len(keys)
    for group in groups.values():
        count = len(founds[group[0]].starts)
        spare = count - min(len(group), count)
        for k, i in enumerate(group):
            first = min(k, max(count - 1, 0))
            result[i] = (first, first + spare)
        if any(marks[i] for i in group):
            _between_marks(group, marks, count, result)
    return result


def _between_marks(
    group: Sequence[int], marks: Sequence[int], count: int, ranks: list[tuple[int, int]]
) -> None:
    """Narrow the ranks of the listings of one string to what their marks leave them."""
    lows, low = [], 0
    for i in group:
        low = marks[i] - 1 if marks[i] else low
        lows.append(low)
        low += 1
    high = count - 1
    for i, low in zip(reversed(group), reversed(lows), strict=True):
        high = marks[i] - 1 if marks[i] else high
        # Marks that leave no room between them are obeyed; the others go their usual way.
        if marks[i]:
            ranks[i] = (high, high)
        elif low <= high:
            ranks[i] = (low, high)
        high -= 1


def _entity_costs(
    founds: Sequence[Occurrence], firsts: Sequence[int], windows: Sequence[Sequence[int]]
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


def relation_places(items: Sequence[Item], occurrences: Occurrences) -> list[list[Place]]:
    """Return the places of subjects and slots: subject and object a close pair in text order."""
    result: list[list[Place]] = []
    before = 0
    for item in items:
        heads = _found(item, 0, item.head or "", occurrences)
        founds = [_found(item, i, text, occurrences) for i, (_, text) in enumerate(item.slots, 1)]
        names = [name for name, _ in item.slots]
        object_at = names.index(OBJECT_SLOT) if OBJECT_SLOT in names else -1
        tails = founds[object_at] if object_at >= 0 else NOWHERE
        head_at, tail_at = _closest_pair(heads, tails, before, occurrences)
        before = heads.starts[head_at] if head_at >= 0 else before
        places: list[Place] = [(heads, head_at)]
        for i, found in enumerate(founds):
            near = nearest(found.starts, before) if found.starts else -1
            places.append((found, tail_at if i == object_at else near))
        result.append(places)
    return result


def event_places(
    items: Sequence[Item], occurrences: Occurrences, schema: Schema
) -> list[list[Place]]:
    """Return the places of triggers and arguments: triggers in text order, arguments near them."""
    heads = [_found(item, 0, item.head or "", occurrences) for item in items]
    slots = [_slot_founds(item, occurrences, schema) for item in items]
    keys = [(item.label, item.head or "") for item in items]
    chosen = place_events(keys, heads, slots, occurrences)
    return [
        [(head, at), *zip(founds, picks, strict=True)]
        for head, founds, (at, picks) in zip(heads, slots, chosen, strict=True)
    ]


def _slot_founds(item: Item, occurrences: Occurrences, schema: Schema) -> list[Occurrence]:
    declared = schema.event_by_label.get(item.label)
    founds = []
    for i, (role, text) in enumerate(item.slots, 1):
        found = _found(item, i, text, occurrences)
        # A value that is chosen from a list is not the text's wording: what is like it is not it.
        is_near = found.status not in ("exact", "none")
        founds.append(NOWHERE if is_near and is_value(declared, role, text) else found)
    return founds


def is_value(declared: EventType | None, role: str, text: str) -> bool:
    """Say whether a string is a choice of an enum slot, which the text need not hold."""
    known = declared.role_by_name.get(role) if declared else None
    return known is not None and text in known.values


def _found(item: Item, at: int, text: str, occurrences: Occurrences) -> Occurrence:
    """Return the occurrences of a string of an item, or the one that its mark names."""
    mark = item.mark(at)
    if not mark or mark > len((found := occurrences.find(text)).starts):
        return occurrences.whole(text)
    return Occurrence([found.starts[mark - 1]], [found.ends[mark - 1]], found.status)


def _closest_pair(
    heads: Occurrence, tails: Occurrence, before: int, occurrences: Occurrences
) -> tuple[int, int]:
    """Return the indices of the closest subject and object, the subject not before `before`."""
    if not heads.starts or not tails.starts:
        head, tail = (first_from(f.starts, before) if f.starts else -1 for f in (heads, tails))
        return head, tail
    if len(heads.starts) == len(tails.starts) == 1:
        return 0, 0
    both = (heads, tails)
    first = first_from(heads.starts, before)
    best, choice = float("inf"), (first, 0)
    for head in range(first, min(first + _CANDIDATES, len(heads.starts))):
        start = heads.starts[head]
        near = nearest(tails.starts, start)
        for tail in range(max(near - 1, 0), min(near + 2, len(tails.starts))):
            nested = (
                occurrences.is_inside(both, start, heads.ends[head]),
                occurrences.is_inside(both, tails.starts[tail], tails.ends[tail]),
            )
            cost = _APART * abs(tails.starts[tail] - start) + _LATER_SUBJECT * (head - first)
            cost += _INSIDE * sum(nested)
            if cost < best:
                best, choice = cost, (head, tail)
    return choice
