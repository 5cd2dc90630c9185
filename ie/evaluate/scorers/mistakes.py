"""What kind of mistake each wrong or missing item is.

Exact matches of the strict scorer are set aside; what remains on the two sides is paired, each
item at most once, by the closest kinship: equal offsets first, then overlap.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from ...data.documents import Document, Event, Located, Relation
from .pairing import Pair
from .spans import has_typed_ends, place, relation_items

KINDS = {
    "type": "right offsets, wrong type",
    "boundary": "right type, offsets that overlap the gold ones",
    "type and boundary": "offsets that overlap gold ones of another type",
    "missing": "gold item that nothing predicted touches",
    "spurious": "predicted item that touches no gold one",
    "ungrounded": "predicted item with a mention that is not in the text",
    "wrong direction": "relation with subject and object exchanged",
    "wrong argument": "relation or argument with a wrong end, role or event",
    "wrong trigger": "event of the right type, known by its arguments, with another trigger",
    "merged events": "one predicted event with the arguments of several gold ones",
}


_CELL = 32  # code points


@dataclass(frozen=True, slots=True)
class Marked:
    """One side of an error: its label and the mentions to show, each with what it is there."""

    label: str
    mentions: tuple[tuple[str, Located], ...]


@dataclass(frozen=True, slots=True)
class Mistake:
    """One error: its kind (see KINDS), where it is, and the gold and predicted item, if any."""

    kind: str
    section: str
    document: str
    gold: Marked | None
    predicted: Marked | None


@dataclass(frozen=True, slots=True)
class _Item:
    """An item as the pairing sees it: what it is called, where it is, how to show it."""

    label: str
    spans: tuple[object, ...]
    marked: Marked


def find_mistakes(pairs: Iterable[Pair]) -> Iterator[Mistake]:
    """Yield the mistakes of each document, entities first, then relations, events, arguments."""
    for gold, predicted in pairs:
        yield from _entity_mistakes(gold, predicted)
        yield from _relation_mistakes(gold, predicted)
        yield from _event_mistakes(gold, predicted)
        yield from _argument_mistakes(gold, predicted)


def count_mistakes(mistakes: Iterable[Mistake]) -> dict[str, dict[str, int]]:
    """Return how many mistakes of each kind there are, by section."""
    counts = Counter((mistake.section, mistake.kind) for mistake in mistakes)
    result: dict[str, dict[str, int]] = {}
    for section in dict.fromkeys(section for section, _ in counts):
        of = {kind: counts[section, kind] for kind in KINDS if counts[section, kind]}
        result[section] = of
    return result


def confusion(mistakes: Iterable[Mistake], section: str = "entities") -> Counter[tuple[str, str]]:
    """Count (gold type, predicted type) of mistakes in types alone; "" stands for no item.

    Items whose offsets differ too are in the rows and columns of "": their type is not comparable.
    """
    counts: Counter[tuple[str, str]] = Counter()
    for mistake in mistakes:
        if mistake.section != section:
            continue
        asked = mistake.gold.label if mistake.gold else ""
        given = mistake.predicted.label if mistake.predicted else ""
        if mistake.kind == "type":
            counts[asked, given] += 1
        else:
            counts.update([(asked, "")] if asked else [])
            counts.update([("", given)] if given else [])
    return counts


def _entity_mistakes(gold: Document, predicted: Document) -> Iterator[Mistake]:
    def items(document: Document) -> Iterator[_Item]:
        for entity in document.entities:
            label = entity.type or ""
            yield _Item(label, (place(entity),), Marked(label, ((label, entity),)))

    asked, given = _unmatched(items(gold), items(predicted))
    yield from _typed_mistakes("entities", gold.id, asked, given)


def _typed_mistakes(
    section: str, document: str, asked: list[_Item], given: list[_Item]
) -> Iterator[Mistake]:
    """Pair single mentions by offsets, then by overlap with and without the type."""
    rules: tuple[tuple[str, Callable[[_Item, _Item], bool]], ...] = (
        ("type", lambda one, two: one.spans == two.spans),
        ("boundary", lambda one, two: one.label == two.label and _overlap(one, two)),
        ("type and boundary", _overlap),
    )
    for kind, related in rules:
        for one, two in _take(asked, given, related):
            yield Mistake(kind, section, document, one.marked, two.marked)
    yield from _rest(section, document, asked, given)


def _relation_mistakes(gold: Document, predicted: Document) -> Iterator[Mistake]:
    typed = has_typed_ends(gold)

    def items(document: Document) -> Iterator[_Item]:
        for relation, key in zip(document.relations, relation_items(document, typed), strict=True):
            yield _Item(relation.type, key[1:], _marked_relation(relation))

    asked, given = _unmatched(items(gold), items(predicted))
    rules: tuple[tuple[str, Callable[[_Item, _Item], bool]], ...] = (
        ("type", lambda one, two: _ends(one) == _ends(two)),
        (
            "wrong direction",
            lambda one, two: one.label == two.label and _ends(one) == _ends(two)[::-1],
        ),
        ("wrong argument", lambda one, two: one.label == two.label and _share_end(one, two)),
        ("boundary", lambda one, two: one.label == two.label and _overlap(one, two)),
    )
    for kind, related in rules:
        for one, two in _take(asked, given, related):
            if kind == "wrong argument" and _is_boundary_only(one, two):
                kind = "boundary"
            yield Mistake(kind, "relations", gold.id, one.marked, two.marked)
    yield from _rest("relations", gold.id, asked, given)


def _marked_relation(relation: Relation) -> Marked:
    slots = tuple(relation.qualifiers.items())
    ends = (("subject", relation.subject), ("object", relation.object), *slots)
    return Marked(relation.type, ends)


def _ends(item: _Item) -> tuple[object, ...]:
    """Return the places of subject and object, without their types."""
    return tuple(place(mention) for _, mention in item.marked.mentions[:2])


def _share_end(one: _Item, two: _Item) -> bool:
    first, second = _ends(one), _ends(two)
    return first[0] == second[0] or first[1] == second[1]


def _is_boundary_only(one: _Item, two: _Item) -> bool:
    """Say whether both ends at least overlap, and not both are equal."""
    pairs = list(zip(one.marked.mentions[:2], two.marked.mentions[:2], strict=True))
    equal = all(place(a) == place(b) for (_, a), (_, b) in pairs)
    return not equal and all(_touch(a, b) for (_, a), (_, b) in pairs)


def _event_mistakes(gold: Document, predicted: Document) -> Iterator[Mistake]:
    yield from _merged(gold, predicted)

    def items(document: Document) -> Iterator[_Item]:
        for event in document.events:
            if event.trigger is not None:
                mentions: tuple[tuple[str, Located], ...] = (
                    ("trigger", event.trigger),
                    *((argument.role, argument) for argument in event.arguments),
                )
                yield _Item(event.type, (place(event.trigger),), Marked(event.type, mentions))

    asked, given = _unmatched(items(gold), items(predicted))
    for one, two in _take(asked, given, _is_other_trigger):
        yield Mistake("wrong trigger", "triggers", gold.id, one.marked, two.marked)
    yield from _typed_mistakes("triggers", gold.id, asked, given)


def _is_other_trigger(one: _Item, two: _Item) -> bool:
    """Say whether two events of one type share an argument and no part of the trigger."""
    if one.label != two.label or _overlap(one, two):
        return False
    first = {(role, place(mention)) for role, mention in one.marked.mentions[1:]}
    return any((role, place(mention)) in first for role, mention in two.marked.mentions[1:])


def _merged(gold: Document, predicted: Document) -> Iterator[Mistake]:
    """Yield predicted events that hold arguments which only different gold events have."""
    by_type: dict[str, list[Event]] = {}
    for event in gold.events:
        by_type.setdefault(event.type, []).append(event)
    counts = Counter(event.type for event in predicted.events)
    for event in predicted.events:
        candidates = by_type.get(event.type, [])
        if counts[event.type] >= len(candidates):
            continue
        held = _argument_keys(event)
        parts = [_argument_keys(candidate) & held for candidate in candidates]
        best = max(parts, key=len, default=set())
        others = [c for c, part in zip(candidates, parts, strict=True) if part - best]
        if others and best:
            first = candidates[parts.index(best)]
            mentions = tuple((a.role, a) for e in (first, *others) for a in e.arguments)
            shown = tuple((a.role, a) for a in event.arguments)
            yield Mistake(
                "merged events",
                "events",
                gold.id,
                Marked(event.type, mentions),
                Marked(event.type, shown),
            )


def _argument_keys(event: Event) -> set[tuple[str, object]]:
    return {(argument.role, place(argument)) for argument in event.arguments}


def _argument_mistakes(gold: Document, predicted: Document) -> Iterator[Mistake]:
    def items(document: Document) -> Iterator[_Item]:
        for event in document.events:
            for argument in event.arguments:
                label = f"{event.type}: {argument.role}"
                marked = Marked(label, ((argument.role, argument),))
                yield _Item(label, (place(argument),), marked)

    asked, given = _unmatched(items(gold), items(predicted))
    for mistake in _typed_mistakes("arguments", gold.id, asked, given):
        if mistake.kind in ("type", "type and boundary"):
            yield Mistake("wrong argument", "arguments", gold.id, mistake.gold, mistake.predicted)
        else:
            yield mistake


def _unmatched(
    gold: Iterable[_Item], predicted: Iterable[_Item]
) -> tuple[list[_Item], list[_Item]]:
    """Return the distinct items that only one side has."""
    asked = {(item.label, item.spans): item for item in gold}
    given = {(item.label, item.spans): item for item in predicted}
    return (
        [item for key, item in asked.items() if key not in given],
        [item for key, item in given.items() if key not in asked],
    )


def _take(
    asked: list[_Item], given: list[_Item], related: Callable[[_Item, _Item], bool]
) -> list[tuple[_Item, _Item]]:
    """Remove and return related pairs, in gold order, each item once.

    Related items always share a mention or overlap in one, so only items of a common cell of the
    text are compared: linear in the number of items where these do not crowd in one place.
    """
    places: dict[object, list[int]] = {}
    for i, item in enumerate(given):
        for cell in _cells(item):
            places.setdefault(cell, []).append(i)
    taken: dict[int, int] = {}
    for i, one in enumerate(asked):
        near = {k for cell in _cells(one) for k in places.get(cell, ()) if k not in taken}
        found = next((k for k in sorted(near) if related(one, given[k])), None)
        if found is not None:
            taken[found] = i
    pairs = [(asked[i], given[k]) for k, i in sorted(taken.items(), key=lambda pair: pair[1])]
    gone = set(taken.values())
    asked[:] = [item for i, item in enumerate(asked) if i not in gone]
    given[:] = [item for k, item in enumerate(given) if k not in taken]
    return pairs


def _cells(item: _Item) -> set[object]:
    cells: set[object] = set()
    for _, mention in item.marked.mentions:
        if mention.start is None or mention.end is None:
            cells.add(mention.text)
        else:
            cells.update(range(mention.start // _CELL, (mention.end - 1) // _CELL + 1))
    return cells


def _rest(
    section: str, document: str, asked: Sequence[_Item], given: Sequence[_Item]
) -> Iterator[Mistake]:
    for item in given:
        lost = any(mention.start is None for _, mention in item.marked.mentions)
        kind = "ungrounded" if lost else "spurious"
        yield Mistake(kind, section, document, None, item.marked)
    for item in asked:
        yield Mistake("missing", section, document, item.marked, None)


def _overlap(one: _Item, two: _Item) -> bool:
    """Say whether the first mentions overlap, and for relations the second ones too."""
    width = 2 if len(one.spans) > 1 else 1
    first, second = one.marked.mentions[:width], two.marked.mentions[:width]
    return all(_touch(a, b) for (_, a), (_, b) in zip(first, second, strict=True))


def _touch(one: Located, two: Located) -> bool:
    if one.start is None or one.end is None or two.start is None or two.end is None:
        return False
    return one.start < two.end and two.start < one.end
