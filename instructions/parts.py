"""What of a document one question is about: the annotations of a task, of types, of a trigger."""

from typing import Any

from chinchilla.data.documents import Document, Event, Extraction
from chinchilla.data.schema import FIELD_OF_TASK, Schema
from chinchilla.decoding.formats import annotated_items
from chinchilla.instructions.asking import Asked


def of_task(document: Document, task: str) -> Document:
    """Keep the annotations of one task: losses are counted where a task is asked, only there."""
    field = FIELD_OF_TASK[task]
    return document.with_extraction(Extraction(**{field: getattr(document, field)}))


def asked_for(document: Document, asked: Asked) -> Document:
    """Keep the annotations of the types asked for: a prompt loses no others."""
    pairs = annotated_items(document.extraction, asked.schema, (asked.task,))
    kept = {id(annotation) for _, annotation in pairs}
    return document.with_extraction(
        Extraction(
            tuple(entity for entity in document.entities if id(entity) in kept),
            tuple(relation for relation in document.relations if id(relation) in kept),
            tuple(event for event in document.events if id(event) in kept),
        )
    )


def by_trigger(piece: Document, schema: Schema) -> list[tuple[str, tuple[Event, ...]]]:
    """Group the events asked for by type and trigger place, in the order of the document."""
    groups: dict[Any, list[Event]] = {}
    for event in piece.events:
        found = schema.event_by_label.get(event.type)
        if found is not None:
            trigger = event.trigger
            place = (trigger.text, trigger.start) if trigger else None
            groups.setdefault((found.label, place), []).append(event)
    return [(key[0], tuple(events)) for key, events in groups.items()]
