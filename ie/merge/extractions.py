"""Bring extractions of one text together: of its windows, and of parts of a schema.

All offsets must already count from the start of the whole text (see `data.documents.shift`).
"""

import re
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import msgspec

from ..data.documents import Entity, Event, Extraction, Issue, Relation
from ..data.issues import excerpt
from .events import Places, unite_events

_T = TypeVar("_T", Entity, Relation, Event)
_WHERE = re.compile(r"^(entities|relations|events)\[(\d+)\]")
_ARGUMENT = re.compile(r"^events\[(\d+)\]\.arguments\[(\d+)\]$")
_SLOT = re.compile(r"\.(?:(subject|object|trigger)|qualifiers\.(.*)|arguments\[(\d+)\])$", re.S)
Spans = Sequence[tuple[int, int]]


def merge(parts: Sequence[Extraction], spans: Spans | None = None) -> Extraction:
    """Return one extraction with everything in the parts, each thing once.

    Equal entities and relations are one, with the higher score. An event joins one of another
    part that has the same type and compatible arguments, see `events.is_same_event`; two events of one
    part are never joined. Order is that of the text. Issues are kept, their paths renumbered.
    With `spans`, the windows of the parts, an entity that ends at a window's edge yields to a
    longer one of its type from a neighbour, and events may have been told by other triggers in
    other windows; a trigger that another one stands for is told in an issue.
    """
    if len(parts) < 2:
        return parts[0] if parts else Extraction()
    whole, maps = unite(parts, spans)
    issues = (*gather_issues(parts, whole, maps), *_other_triggers(parts, whole, maps["events"]))
    return msgspec.structs.replace(whole, issues=issues)


def concatenate(parts: Sequence[Extraction]) -> Extraction:
    """Return what different tasks brought as one extraction."""
    return Extraction(
        tuple(entity for part in parts for entity in part.entities),
        tuple(relation for part in parts for relation in part.relations),
        tuple(event for part in parts for event in part.events),
        tuple(issue for part in parts for issue in part.issues),
    )


def _other_triggers(parts: Sequence[Extraction], whole: Extraction, places: Places) -> list[Issue]:
    """Describe the triggers in the text of which united events do not keep the place."""
    issues: dict[Issue, None] = {}
    for (part, index), new in places.items():
        other, kept = parts[part].events[index].trigger, whole.events[new].trigger
        if other is None or other.start is None or kept is None or other.span == kept.span:
            continue
        detail = f"{other.text!r} at [{other.start}, {other.end}) was taken to tell of this event"
        issues[Issue("merged", detail, f"events[{new}].trigger")] = None
    return list(issues)


def gather_issues(
    parts: Sequence[Extraction], whole: Extraction, maps: dict[str, Places]
) -> tuple[Issue, ...]:
    """Return the issues of all parts, each once, with paths into what `unite` made of them.

    That a mention is not in the text does not hold where another part has located it.
    """
    issues: dict[Issue, None] = {}
    for i, part in enumerate(parts):
        for issue in part.issues:
            moved = _renumbered(issue, i, maps)
            places = [_ARGUMENT.match(one.where) for one in (issue, moved)]
            if places[0] and places[1]:
                numbers = [(int(match[1]), int(match[2])) for match in places if match]
                where = _argument_path(part, whole, *numbers)
                moved = Issue(moved.kind, moved.detail, where or moved.where)
            if moved.kind != "ungrounded" or not _is_located(whole, moved.where):
                issues[moved] = None
    return tuple(issues)


def _is_located(whole: Extraction, where: str) -> bool:
    """Return whether an issue's path leads to a mention that has a place in the text."""
    match = _WHERE.match(where)
    if match is None:
        return False
    fact: Any = getattr(whole, match[1])[int(match[2])]
    slot = _SLOT.match(where, match.end())
    if slot is None:
        return match[1] == "entities" and fact.start is not None
    name, qualifier, number = slot.groups()
    if number is not None:
        mention = fact.arguments[int(number)]
    else:
        mention = getattr(fact, name) if name else fact.qualifiers.get(qualifier)
    return mention is not None and mention.start is not None


def _argument_path(
    part: Extraction, whole: Extraction, old: tuple[int, int], new: tuple[int, int]
) -> str | None:
    """Return where an argument of an event of a part stands in the united event."""
    event, number = old
    if event >= len(part.events) or number >= len(part.events[event].arguments):
        return None
    said = part.events[event].arguments[number]
    for k, other in enumerate(whole.events[new[0]].arguments):
        if (other.role, other.text) == (said.role, said.text):
            return f"events[{new[0]}].arguments[{k}]"
    return None


def unite(
    parts: Sequence[Extraction], spans: Spans | None = None
) -> tuple[Extraction, dict[str, Places]]:
    """Merge without issues, and say where each entity, relation and event of each part went.

    The second result maps `entities`, `relations`, `events` to {(part, old index): new index}.
    """
    entities, entity_map = _unite([part.entities for part in parts], _entity_key)
    if spans is not None:
        entities, entity_map = _without_cut(entities, entity_map, spans)
    relations, relation_map = _unite([part.relations for part in parts], _relation_key)
    events, event_map = unite_events([part.events for part in parts], spans)
    order = sorted(range(len(events)), key=lambda k: _text_order(events[k]))
    events = [events[k] for k in order]
    rank = {k: at for at, k in enumerate(order)}
    event_map = {at: rank[k] for at, k in event_map.items()}
    maps = {"entities": entity_map, "relations": relation_map, "events": event_map}
    return Extraction(tuple(entities), tuple(relations), tuple(events)), maps


def _place(mention: Any) -> tuple[Any, ...]:
    """Where a mention is, or for one that is not in the text, what it says."""
    return (mention.text,) if mention.start is None else (mention.start, mention.end)


def _entity_key(entity: Entity) -> tuple[Any, ...]:
    return (entity.type, _place(entity))


def _relation_key(relation: Relation) -> tuple[Any, ...]:
    ends = (_entity_key(relation.subject), _entity_key(relation.object))
    qualifiers = tuple(sorted((name, _place(e)) for name, e in relation.qualifiers.items()))
    return (relation.type, *ends, qualifiers)


def _better(first: Any, second: Any) -> Any:
    return second if (second.score or 0.0) > (first.score or 0.0) else first


def _unite(lists: Sequence[Sequence[_T]], key: Callable[[_T], Any]) -> tuple[list[_T], Places]:
    """Return distinct values in text order, and where each (part, index) went."""
    found: dict[Any, _T] = {}
    keys: dict[tuple[int, int], Any] = {}
    for i, values in enumerate(lists):
        for j, value in enumerate(values):
            name = keys[i, j] = key(value)
            found[name] = _better(found[name], value) if name in found else value
    order = sorted(found, key=lambda name: _text_order(found[name]))
    rank = {name: at for at, name in enumerate(order)}
    return [found[name] for name in order], {at: rank[name] for at, name in keys.items()}


def _text_order(value: Any) -> tuple[float, ...]:
    if isinstance(value, Relation):
        return (*_text_order(value.subject), *_text_order(value.object))
    if isinstance(value, Event):
        if value.trigger is not None and value.trigger.start is not None:
            return _text_order(value.trigger)
        return min((_text_order(argument) for argument in value.arguments), default=(0.0, 0.0))
    if value.start is None:
        return (float("inf"), 0.0)
    return (value.start, value.end)


def _without_cut(
    entities: list[Entity], places: Places, spans: Spans
) -> tuple[list[Entity], Places]:
    """Drop an entity that stops at an inner window edge inside a longer one of its type."""
    outer = {min(start for start, _ in spans), max(end for _, end in spans)}
    edges = {edge for span in spans for edge in span} - outer
    winner: dict[int, int] = {}
    # Entities are in text order: of one type, the one that reaches furthest so far, and its index.
    furthest: dict[str | None, tuple[int, int]] = {}
    starting: dict[tuple[str | None, int | None], tuple[int, int]] = {}
    for i, entity in enumerate(entities):
        if entity.end is not None:
            key = (entity.type, entity.start)
            starting[key] = max(starting.get(key, (0, 0)), (entity.end, i))
    for i, entity in enumerate(entities):
        start, end = entity.start, entity.end
        if start is None or end is None:
            continue
        if start in edges or end in edges:
            wider = starting[entity.type, start]
            if wider[0] == end:
                wider = furthest.get(entity.type, (0, 0))
            if wider[0] >= end and wider[1] != i:
                winner[i] = wider[1]
        furthest[entity.type] = max(furthest.get(entity.type, (0, 0)), (end, i))
    kept = [i for i in range(len(entities)) if i not in winner]
    rank = {i: at for at, i in enumerate(kept)}

    def final(i: int) -> int:
        while i in winner:
            i = winner[i]
        return rank[i]

    return [entities[i] for i in kept], {at: final(i) for at, i in places.items()}


def _renumbered(issue: Issue, part: int, maps: dict[str, Places]) -> Issue:
    match = _WHERE.match(issue.where)
    if match is None:
        return issue
    kind, index = match.group(1), int(match.group(2))
    new = maps[kind].get((part, index))
    if new is None:
        return issue
    return Issue(issue.kind, issue.detail, f"{kind}[{new}]{issue.where[match.end() :]}")


def keep(extraction: Extraction, wanted: Callable[[Any], bool]) -> Extraction:
    """Return the entities, relations, events and arguments that are wanted, and their issues.

    `wanted` is asked for each; issues whose path leads to something left out are left out too.
    """
    maps: dict[str, Places] = {"entities": {}, "relations": {}, "events": {}}
    kept: dict[str, list[Any]] = {name: [] for name in maps}
    for name, places in maps.items():
        for i, value in enumerate(getattr(extraction, name)):
            if wanted(value):
                places[0, i] = len(kept[name])
                kept[name].append(value)
    arguments: dict[str, str] = {}
    for i, event in enumerate(kept["events"]):
        left = [j for j, argument in enumerate(event.arguments) if wanted(argument)]
        for j in range(len(event.arguments)):
            new = f"events[{i}].arguments[{left.index(j)}]" if j in left else ""
            arguments[f"events[{i}].arguments[{j}]"] = new
        chosen = tuple(event.arguments[j] for j in left)
        kept["events"][i] = msgspec.structs.replace(event, arguments=chosen)
    issues = []
    for issue in extraction.issues:
        match = _WHERE.match(issue.where)
        if match is None:
            issues.append(issue)
        elif (0, int(match.group(2))) in maps[match.group(1)]:
            moved = _renumbered(issue, 0, maps)
            where = arguments.get(moved.where, moved.where)
            if where:
                issues.append(Issue(moved.kind, moved.detail, where))
    return Extraction(
        tuple(kept["entities"]), tuple(kept["relations"]), tuple(kept["events"]), tuple(issues)
    )


def without_repeats(extraction: Extraction) -> Extraction:
    """Return the extraction with every event, and every argument of one, once; issues tell of more.

    What is said again of entities and relations is told apart, and left out, where they are located.
    """
    seen: set[tuple[Any, ...]] = set()
    owners = {id(argument): i for i, e in enumerate(extraction.events) for argument in e.arguments}
    issues: dict[Issue, None] = {}

    def is_new(value: Any) -> bool:
        if isinstance(value, Event):
            key: tuple[Any, ...] = _event_key(value)
            said = (
                f"{excerpt(value.trigger.text) if value.trigger else '(none)'!r} as {value.type!r}"
            )
        elif id(value) in owners:
            key = (owners[id(value)], value.role, _place(value))
            said = f"{excerpt(value.text)!r} as {value.role!r} of one event"
        else:
            return True
        if key not in seen:
            seen.add(key)
            return True
        issues[Issue("repeated", f"{said} is repeated")] = None
        return False

    kept = keep(extraction, is_new) if extraction.events else extraction
    return msgspec.structs.replace(kept, issues=(*kept.issues, *issues)) if issues else extraction


def _event_key(event: Event) -> tuple[Any, ...]:
    arguments = frozenset((argument.role, _place(argument)) for argument in event.arguments)
    return (event.type, _place(event.trigger) if event.trigger else None, arguments)


def at_least(extraction: Extraction, score: float) -> Extraction:
    """Return what has at least this score; what has none stays."""
    return keep(extraction, lambda value: value.score is None or value.score >= score)
