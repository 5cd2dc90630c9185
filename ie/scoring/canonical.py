"""One name and one direction for what a schema says is the same.

A type's alias (PER) becomes its name; of a symmetric relation, and of a relation and its
inverse, one direction is kept, so that (甲, 收购, 乙) and (乙, 被收购, 甲) are one fact.
"""

from typing import Any

import msgspec

from ..data import Document, Entity, Event, Relation
from ..schema import RelationType, Schema


def canonical_document(document: Document, schema: Schema) -> Document:
    """Return the document with aliases resolved and relations in their canonical direction.

    Types that the schema does not declare stay as they are.
    """
    entities = tuple(_entity(entity, schema) for entity in document.entities)
    relations = tuple(_relation(relation, schema) for relation in document.relations)
    events = tuple(_event(event, schema) for event in document.events)
    return msgspec.structs.replace(document, entities=entities, relations=relations, events=events)


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
    declared = schema.relation_by_label.get(relation.type)
    name = declared.name if declared else relation.type
    subject, object = _entity(relation.subject, schema), _entity(relation.object, schema)
    if declared and _is_turned(declared, subject, object, schema):
        name = declared.inverse or name
        subject, object = object, subject
    changed: dict[str, Any] = {"type": name, "subject": subject, "object": object}
    return msgspec.structs.replace(relation, **changed)


def _is_turned(declared: RelationType, subject: Entity, object: Entity, schema: Schema) -> bool:
    if declared.symmetric:
        return _order(object) < _order(subject)
    if declared.inverse in (None, declared.name):
        return False
    names = [item.name for item in schema.relations]
    return declared.inverse in names and names.index(declared.inverse) < names.index(declared.name)


def _order(entity: Entity) -> tuple[int, int, str]:
    if entity.start is None or entity.end is None:
        return (-1, -1, entity.text)
    return (entity.start, entity.end, entity.text)
