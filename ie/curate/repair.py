"""Mend what has one right answer, and take out what is past mending.

Safe repairs: a mention gets the place where its string stands, if there is one nearest place or only
one; blanks at borders are cut off; repeated and empty annotations are taken out; an alias becomes the
name of its type. Everything else is for a person, or for `without`.
"""

from collections.abc import Callable, Collection
from typing import Any

import msgspec

from ..data.documents import Document, Event, Relation
from ..data.equivalence import canonical_document, was_turned
from ..data.occurrences import find_all
from ..data.schema import Schema
from .suspects import Suspect

_replace: Callable[..., Any] = msgspec.structs.replace


def mended(document: Document, schema: Schema | None = None) -> Document:
    """Return the document with the safe repairs made; the same object if there are none to make."""
    changed = _mapped(document, lambda mention: _settled(document.text, mention))
    changed = _without_empty(changed)
    if schema is not None:
        changed = _named(changed, schema)
    changed = _once(changed)
    return document if changed == document else changed


def without(document: Document, suspects: Collection[Suspect]) -> Document | None:
    """Return the document without the annotations of the suspects; None if one is of the whole text.

    Where an end of a relation or a trigger is suspect, the relation or event goes.
    """
    if any(not one.where for one in suspects):
        return None
    places = {one.where for one in suspects}

    def goes(where: str) -> bool:
        return where in places

    relations = []
    for i, relation in enumerate(document.relations):
        here = f"relations[{i}]"
        if goes(here) or goes(f"{here}.subject") or goes(f"{here}.object"):
            continue
        slots = {
            slot: entity
            for slot, entity in relation.qualifiers.items()
            if not goes(f"{here}.qualifiers.{slot}")
        }
        relations.append(_replace(relation, qualifiers=slots))
    events = []
    for i, event in enumerate(document.events):
        here = f"events[{i}]"
        if goes(here) or goes(f"{here}.trigger"):
            continue
        kept = [a for j, a in enumerate(event.arguments) if not goes(f"{here}.arguments[{j}]")]
        events.append(_replace(event, arguments=tuple(kept)))
    entities = [e for i, e in enumerate(document.entities) if not goes(f"entities[{i}]")]
    return _with(document, entities, relations, events)


def _with(document: Document, entities: Any, relations: Any, events: Any) -> Document:
    changed: Document = _replace(
        document, entities=tuple(entities), relations=tuple(relations), events=tuple(events)
    )
    return changed


def _mapped(document: Document, change: Callable[[Any], Any]) -> Document:
    relations = [
        _replace(
            relation,
            subject=change(relation.subject),
            object=change(relation.object),
            qualifiers={slot: change(entity) for slot, entity in relation.qualifiers.items()},
        )
        for relation in document.relations
    ]
    events = [
        _replace(
            event,
            trigger=event.trigger and change(event.trigger),
            arguments=tuple(map(change, event.arguments)),
        )
        for event in document.events
    ]
    return _with(document, map(change, document.entities), relations, events)


def _settled(text: str, mention: Any) -> Any:
    """Return a mention at the place of its string, without blanks around it."""
    start, end, string = mention.start, mention.end, mention.text
    if not string.strip():
        return mention
    is_right = start is not None and end is not None and text[max(start, 0) : end] == string
    if not is_right:
        places = find_all(text, string)
        if not places:
            return mention
        if start is not None:
            # A tie between two places is for a person.
            places.sort(key=lambda at: abs(at - start))
            if len(places) > 1 and abs(places[0] - start) == abs(places[1] - start):
                return mention
        elif len(places) > 1:
            return mention
        start, end = places[0], places[0] + len(string)
    left = len(string) - len(string.lstrip())
    stripped = string.strip()
    start += left
    return _replace(mention, text=stripped, start=start, end=start + len(stripped))


def _without_empty(document: Document) -> Document:
    def is_said(mention: Any) -> bool:
        return bool(mention.text.strip())

    relations = [
        _replace(r, qualifiers={s: e for s, e in r.qualifiers.items() if is_said(e)})
        for r in document.relations
        if is_said(r.subject) and is_said(r.object)
    ]
    events = [
        _replace(
            event,
            trigger=event.trigger if event.trigger and is_said(event.trigger) else None,
            arguments=tuple(filter(is_said, event.arguments)),
        )
        for event in document.events
    ]
    return _with(document, filter(is_said, document.entities), relations, events)


def _named(document: Document, schema: Schema) -> Document:
    """Put names in place of aliases, the direction of relations as it is."""
    named = canonical_document(document, schema)
    relations = []
    for was, now in zip(document.relations, named.relations, strict=True):
        found = schema.relation_by_label.get(was.type)
        is_turned = was_turned(was, now)
        kept = was if is_turned else now
        relations.append(_replace(kept, type=found.name) if found and is_turned else kept)
    return _with(named, named.entities, relations, named.events)


def _once(document: Document) -> Document:
    def distinct(items: Any) -> list[Any]:
        return list({repr(item): item for item in items}.values())

    relations: list[Relation] = distinct(document.relations)
    events: list[Event] = distinct(document.events)
    return _with(document, distinct(document.entities), relations, events)
