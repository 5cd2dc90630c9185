"""What kind of mistake each wrong or missing item is.

Exact matches of the strict scorer are set aside; what remains on the two sides is paired, each
item at most once, by the closest kinship: equal offsets first, then overlap.
"""

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from heapq import merge
from itertools import product

from ...data.documents import Document, Event, Located, Relation
from .exact import has_typed_ends, place, relation_items
from .pairing import Pair

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
Key = tuple[object, ...]


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
    spans: Key
    marked: Marked


@dataclass(frozen=True, slots=True)
class _Rule:
    """How items are related: they share a key, and `related` says yes, if there is one to ask.

    `given` are the keys of predicted items where these differ from those of gold.
    """

    keys: Callable[[_Item], Iterable[Key]]
    given: Callable[[_Item], Iterable[Key]] | None = None
    related: Callable[[_Item, _Item], bool] | None = None


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
    rules = (
        ("type", _Rule(lambda item: [item.spans])),
        ("boundary", _Rule(lambda item: _cells(item.marked, item.label), related=_overlap)),
        ("type and boundary", _Rule(lambda item: _cells(item.marked), related=_overlap)),
    )
    for kind, rule in rules:
        for one, two in _take(asked, given, rule):
            yield Mistake(kind, section, document, one.marked, two.marked)
    yield from _rest(section, document, asked, given)


def _relation_mistakes(gold: Document, predicted: Document) -> Iterator[Mistake]:
    typed = has_typed_ends(gold)

    def items(document: Document) -> Iterator[_Item]:
        for relation, key in zip(document.relations, relation_items(document, typed), strict=True):
            yield _Item(relation.type, key[1:], _marked_relation(relation))

    asked, given = _unmatched(items(gold), items(predicted))
    rules = (
        ("type", _Rule(lambda item: [_ends(item)])),
        (
            "wrong direction",
            _Rule(
                lambda item: [(item.label, *_ends(item))],
                lambda item: [(item.label, *_ends(item)[::-1])],
            ),
        ),
        (
            "wrong argument",
            _Rule(lambda item: [(item.label, k, end) for k, end in enumerate(_ends(item))]),
        ),
        ("boundary", _Rule(lambda item: _cells(item.marked, item.label, 2), related=_overlap)),
    )
    for kind, rule in rules:
        for one, two in _take(asked, given, rule):
            is_boundary = kind == "wrong argument" and _is_boundary_only(one, two)
            shown = "boundary" if is_boundary else kind
            yield Mistake(shown, "relations", gold.id, one.marked, two.marked)
    yield from _rest("relations", gold.id, asked, given)


def _marked_relation(relation: Relation) -> Marked:
    slots = tuple(relation.qualifiers.items())
    ends = (("subject", relation.subject), ("object", relation.object), *slots)
    return Marked(relation.type, ends)


def _ends(item: _Item) -> Key:
    """Return the places of subject and object, without their types."""
    return tuple(place(mention) for _, mention in item.marked.mentions[:2])


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
    same_argument = _Rule(_labelled_arguments, related=lambda one, two: not _overlap(one, two))
    for one, two in _take(asked, given, same_argument):
        yield Mistake("wrong trigger", "triggers", gold.id, one.marked, two.marked)
    yield from _typed_mistakes("triggers", gold.id, asked, given)


def _labelled_arguments(item: _Item) -> list[Key]:
    """Return event type, role and place of each argument of an event with its trigger."""
    return [(item.label, role, place(mention)) for role, mention in item.marked.mentions[1:]]


def _merged(gold: Document, predicted: Document) -> Iterator[Mistake]:
    """Yield predicted events that hold arguments which only different gold events have."""
    by_type: dict[str, list[tuple[Event, set[Key]]]] = {}
    holders: dict[Key, list[int]] = {}
    for event in gold.events:
        alike = by_type.setdefault(event.type, [])
        keys = _argument_keys(event)
        for key in keys:
            holders.setdefault((event.type, *key), []).append(len(alike))
        alike.append((event, keys))
    counts = Counter(event.type for event in predicted.events)
    for event in predicted.events:
        candidates = by_type.get(event.type, [])
        if counts[event.type] >= len(candidates):
            continue
        held = _argument_keys(event)
        sharing = {k for key in held for k in holders.get((event.type, *key), ())}
        parts = {k: candidates[k][1] & held for k in sorted(sharing)}
        first = max(parts, key=lambda k: len(parts[k]), default=None)
        if first is None:
            continue
        others = [candidates[k][0] for k, part in parts.items() if part - parts[first]]
        if others:
            whole = (candidates[first][0], *others)
            mentions = tuple((a.role, a) for e in whole for a in e.arguments)
            shown = tuple((a.role, a) for a in event.arguments)
            yield Mistake(
                "merged events",
                "events",
                gold.id,
                Marked(event.type, mentions),
                Marked(event.type, shown),
            )


def _argument_keys(event: Event) -> set[Key]:
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


def _take(asked: list[_Item], given: list[_Item], rule: _Rule) -> list[tuple[_Item, _Item]]:
    """Remove and return related pairs, in gold order, each item once.

    Only items that share a key are compared: linear in the number of items where those with a
    common key are related, or few.
    """
    places: dict[Key, deque[int]] = {}
    for k, item in enumerate(given):
        for key in (rule.given or rule.keys)(item):
            places.setdefault(key, deque()).append(k)
    taken: dict[int, int] = {}
    for i, one in enumerate(asked):
        near = [places[key] for key in rule.keys(one) if key in places]
        for candidates in near:
            while candidates and candidates[0] in taken:
                candidates.popleft()
        for k in merge(*near):
            if k not in taken and (rule.related is None or rule.related(one, given[k])):
                taken[k] = i
                break
    pairs = [(asked[i], given[k]) for k, i in taken.items()]
    gone = set(taken.values())
    asked[:] = [item for i, item in enumerate(asked) if i not in gone]
    given[:] = [item for k, item in enumerate(given) if k not in taken]
    return pairs


def _cells(marked: Marked, label: str = "", ends: int = 1) -> Iterable[Key]:
    """Return the parts of the text in which the first mentions stand; none without offsets."""
    rows = []
    for _, mention in marked.mentions[:ends]:
        if mention.start is None or mention.end is None:
            return ()
        rows.append(range(mention.start // _CELL, (mention.end - 1) // _CELL + 1))
    return ((label, *cells) for cells in product(*rows))


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
