"""Schemas as JSON Schema, for engines that hold a model to one.

Kept to what every such engine understands (objects with all properties required and none
further, arrays, `anyOf`, `enum`), so that it is also a valid schema for OpenAI's strict mode.
Mentions are any string: that they stand in the text is more than JSON Schema can say.
"""

from typing import Any

from ..data.schema import EventType, RelationType, Schema
from .formats import JSON_KEYS

_TEXT = {"type": "string"}
_ABSENT = {"type": "null"}


def to_json_schema(schema: Schema, task: str) -> dict[str, Any]:
    """Return the JSON Schema of answers in the `json` format to a question for one task.

    Raises:
        KeyError: unknown task.
    """
    items: dict[str, Any]
    if task == "ner":
        labels = [item.label for item in schema.entities]
        items = _object({"type": {"type": "string", "enum": labels}, "text": _TEXT})
    elif task == "re":
        items = _relations(schema.relations)
    else:
        items = _any_of([_event(item) for item in schema.events])
    return _object({JSON_KEYS[task]: {"type": "array", "items": items}})


def _relations(relations: tuple[RelationType, ...]) -> dict[str, Any]:
    """Relations without qualifiers share one shape; each other has its own."""
    plain = [item.label for item in relations if not item.qualifiers]
    shapes = [_relation(plain)] if plain else []
    for item in relations:
        if item.qualifiers:
            # Strict mode knows no optional property; a qualifier that is absent is null.
            slots = {name: {"anyOf": [_TEXT, _ABSENT]} for name in item.qualifiers}
            shapes.append(_relation([item.label], {"qualifiers": _object(slots)}))
    return _any_of(shapes)


def _relation(labels: list[str], further: dict[str, Any] | None = None) -> dict[str, Any]:
    fixed = {"type": {"type": "string", "enum": labels}, "subject": _TEXT, "object": _TEXT}
    return _object({**fixed, **(further or {})})


def _event(event: EventType) -> dict[str, Any]:
    free = [role.name for role in event.roles if not role.values]
    shapes = [_argument(free, _TEXT)] if free else []
    shapes += [
        _argument([role.name], {"type": "string", "enum": list(role.values)})
        for role in event.roles
        if role.values
    ]
    arguments: dict[str, Any] = {"type": "array"}
    arguments |= {"items": _any_of(shapes)} if shapes else {"maxItems": 0}
    return _object(
        {
            "type": {"type": "string", "enum": [event.label]},
            "trigger": _TEXT if event.trigger else _ABSENT,
            "arguments": arguments,
        }
    )


def _argument(roles: list[str], text: dict[str, Any]) -> dict[str, Any]:
    return _object({"role": {"type": "string", "enum": roles}, "text": text})


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _any_of(shapes: list[dict[str, Any]]) -> dict[str, Any]:
    return shapes[0] if len(shapes) == 1 else {"anyOf": shapes}


def conforms(value: Any, schema: dict[str, Any]) -> bool:
    """Return whether a value is one that a schema of `to_json_schema` allows.

    A key that is absent counts as null, as where a server does not hold to `required`.
    """
    if "anyOf" in schema:
        return any(conforms(value, option) for option in schema["anyOf"])
    if schema["type"] == "object":
        known = schema["properties"]
        return (
            isinstance(value, dict)
            and value.keys() <= known.keys()
            and all(conforms(value.get(key), part) for key, part in known.items())
        )
    if schema["type"] == "array":
        is_short = (
            len(value) <= schema.get("maxItems", len(value)) if isinstance(value, list) else False
        )
        return is_short and all(conforms(item, schema["items"]) for item in value)
    if schema["type"] == "null":
        return value is None
    return isinstance(value, str) and value in schema.get("enum", (value,))
