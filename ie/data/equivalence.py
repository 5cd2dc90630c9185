"""One name and one direction for what a schema says is the same.

A type's alias (PER) becomes its name; of a symmetric relation, and of a relation and its
inverse, one direction is kept, so that (甲, 收购, 乙) and (乙, 被收购, 甲) are one fact.
"""

from typing import Any

import msgspec

from .documents import Document, Entity, Event, Relation
from .schema import RelationType, Schema


def canonical_document(document: Document, schema: Schema) -> Document:
    """Return the document with aliases resolved and relations in their canonical direction.

    Types that the schema does not declare stay as they are.
    """
    entities = tuple(_entity(entity, schema) for entity in document.entities)
    relations = tuple(_relation(relation, schema) for relation in document.relations)
    events = tuple(_event(event, schema) for event in document.events)
    return msgspec.structs.replace(document, entities=entities, relations=relations, events=events)


def folded_document(document: Document, schema: Schema) -> Document:
    """Return the canonical document; a relation told in both directions is kept once."""
    canonical = canonical_document(document, schema)
    told = list(zip(document.relations, canonical.relations, strict=True))
    straight = {_ends(now) for was, now in told if not was_turned(was, now)}
    kept = [now for was, now in told if not was_turned(was, now) or _ends(now) not in straight]
    return msgspec.structs.replace(canonical, relations=tuple(kept))


def was_turned(before: Relation, canonical: Relation) -> bool:
    """Return whether a relation has another subject in its canonical direction."""
    was, now = before.subject, canonical.subject
    return (was.text, was.span) != (now.text, now.span)


def _ends(relation: Relation) -> tuple[Any, ...]:
    ends = (relation.subject, relation.object)
    return (relation.type, *((one.type, one.text, one.span) for one in ends))


def _entity(entity: Entity, schema: Schema) -> Entity:
    declared = schema.entity_by_label.get(entity.type or "")
    if declared is None or declared.name == entity.type:
        return entity
    return msgspec.structs.replace(entity, type=declared.name)


def _event(event: Event, schema: Schema) -> Event:
    declared = schema.event_by_label.get(event.type)
    if declared is None or declared.name == event.type:
        return event
    return msgspec.structs.replace(event, type=declared.name)


def _relation(relation: Relation, schema: Schema) -> Relation:
    changed: dict[str, Any] = {
        "subject": _entity(relation.subject, schema),
        "object": _entity(relation.object, schema),
        "qualifiers": {slot: _entity(e, schema) for slot, e in relation.qualifiers.items()},
    }
    found = turned(msgspec.structs.replace(relation, **changed), schema)
    declared = schema.relation_by_label.get(found.type)
    if declared is None or declared.name == found.type:
        return found
    return msgspec.structs.replace(found, type=declared.name)


def turned(relation: Relation, schema: Schema) -> Relation:
    """Return the relation in its canonical direction, the same object if it is that already.

    Of two inverse relations the one that the schema lists first is kept; of a symmetric one, the
    subject that stands first in the text, or in no place of it. Of relations that share a name,
    the one that these end types fit says which it is.
    """
    subject, object = relation.subject, relation.object
    label = schema.relation_label(relation.type, subject.type, object.type)
    known = schema.relation_by_label
    declared = known.get(relation.type) or known.get(label or "")
    if declared is None or not _is_turned(declared, subject, object, schema):
        return relation
    name = relation.type if declared.symmetric else declared.inverse
    changed: dict[str, Any] = {"type": name, "subject": object, "object": subject}
    return msgspec.structs.replace(relation, **changed)


def _is_turned(declared: RelationType, subject: Entity, object: Entity, schema: Schema) -> bool:
    if declared.symmetric:
        return _order(object) < _order(subject)
    names = [item.name for item in schema.relations]
    return declared.inverse in names and names.index(declared.inverse) < names.index(declared.name)


def _order(entity: Entity) -> tuple[int, int, str]:
    if entity.start is None or entity.end is None:
        return (-1, -1, entity.text)
    return (entity.start, entity.end, entity.text)
