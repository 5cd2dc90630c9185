"""Predictions as tasks of annotation tools, to be corrected there and read back by the converters.

Label Studio gets `predictions`, which a person turns into annotations; doccano gets labels to correct.
Entities and relations have a form in these tools that comes back; events have none.
"""

from collections.abc import Callable, Iterable
from typing import Any
from xml.sax.saxutils import quoteattr

from ..data.documents import Document, Entity
from ..data.schema import Schema
from ..files.exports.label_tools import utf16_places

LABEL_STUDIO = "label-studio"

Json = dict[str, Any]


def label_studio_task(document: Document, model: str) -> Json:
    """Return a task for Label Studio's import; offsets count as browsers do, in UTF-16 units."""
    names, entities = _named_entities(document)
    places = utf16_places(document.text)
    results: list[Json] = []
    for name, entity in entities:
        if entity.start is None or entity.end is None:
            continue
        value = {
            "start": places(entity.start),
            "end": places(entity.end),
            "text": entity.text,
            "labels": [entity.type or ""],
        }
        result = {
            "id": name,
            "from_name": "label",
            "to_name": "text",
            "type": "labels",
            "value": value,
        }
        results.append(result if entity.score is None else {**result, "score": entity.score})
    for relation in document.relations:
        ends = [names.get((end.type, end.span)) for end in (relation.subject, relation.object)]
        if all(ends):
            results.append(
                {
                    "type": "relation",
                    "from_id": ends[0],
                    "to_id": ends[1],
                    "direction": "right",
                    "labels": [relation.type],
                }
            )
    return {
        "data": {"text": document.text, "id": document.id},
        "predictions": [{"model_version": model, "result": results}],
    }


def doccano_line(document: Document, model: str) -> Json:
    """Return a line for doccano's import of sequence labels with relations; code points."""
    names, entities = _named_entities(document)
    numbers = {name: n for n, (name, _) in enumerate(entities, 1)}
    relations: list[Json] = []
    for relation in document.relations:
        ends = [names.get((end.type, end.span)) for end in (relation.subject, relation.object)]
        if ends[0] and ends[1]:
            number = len(relations) + 1
            relations.append(
                {
                    "id": number,
                    "from_id": numbers[ends[0]],
                    "to_id": numbers[ends[1]],
                    "type": relation.type,
                }
            )
    spans = [
        {"id": numbers[name], "label": e.type or "", "start_offset": e.start, "end_offset": e.end}
        for name, e in entities
        if e.span
    ]
    return {"text": document.text, "id": document.id, "entities": spans, "relations": relations}


def label_studio_config(schema: Schema) -> str:
    """Return the labelling interface of a Label Studio project for a schema."""
    labels = "".join(f"\n    <Label value={quoteattr(kind.name)}/>" for kind in schema.entities)
    names = dict.fromkeys(kind.name for kind in schema.relations)
    relations = "".join(f"\n    <Relation value={quoteattr(name)}/>" for name in names)
    among = f"\n  <Relations>{relations}\n  </Relations>" if names else ""
    return (
        f'<View>{among}\n  <Labels name="label" toName="text">{labels}\n  </Labels>\n'
        '  <Text name="text" value="$text"/>\n</View>\n'
    )


def _named_entities(
    document: Document,
) -> tuple[dict[tuple[str | None, tuple[int, int] | None], str], list[tuple[str, Entity]]]:
    """Return names of entities by type and span, and the entities; ends of relations are some too."""
    names: dict[tuple[str | None, tuple[int, int] | None], str] = {}
    entities: list[tuple[str, Entity]] = []
    ends = (end for r in document.relations for end in (r.subject, r.object))
    for entity in (*document.entities, *ends):
        key = (entity.type, entity.span)
        if entity.span and key not in names:
            names[key] = f"e{len(names) + 1}"
            entities.append((names[key], entity))
    return names, entities


def form_of(tool: str) -> Callable[[Iterable[Document], str], list[Json]]:
    """Return what makes tasks of documents for a tool."""
    one = label_studio_task if tool == LABEL_STUDIO else doccano_line
    return lambda documents, model: [one(document, model) for document in documents]
