r"""The written forms of an answer: what a model is taught to say and what `parse` reads back.

An answer is a list of items; an item is a label with a head mention and named slots:

    task  label       head            slots
    ner   entity      the mention     none
    re    relation    the subject     ("", object), then (qualifier, value)…
    ee    event type  the trigger     (role, argument)…

`json` is for general language models, `compact` for small ones (one item a line for relations
and events, all entities on one line; a mention comes before its label, as it does in the text):

    {"entities": [{"type": "机构名", "text": "雀巢"}]}        雀巢⟦机构名⟧
    {"relations": [{"type": "作者", "subject": "边城", "object": "沈从文"}]}   边城⟦作者⟧沈从文⟦⟧
    {"events": [{"type": "组织关系-裁员", "trigger": "裁员",
                 "arguments": [{"role": "裁员方", "text": "雀巢"}]}]}   裁员⟦组织关系-裁员⟧雀巢⟦裁员方⟧

In `compact`, `⟦⟧` alone is the empty answer, sections of several tasks are parted by an empty
line in the order ner, re, ee, and `\`, `⟦`, `⟧` and line ends inside a mention are escaped.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import msgspec

from .data import Document, Entity, Event, Extraction, Located, Relation
from .schema import Schema, SchemaType, read_schema

FORMATS = ("json", "compact")
OBJECT_SLOT = ""
EMPTY = "⟦⟧"
OPEN, CLOSE = "⟦", "⟧"
JSON_KEYS = {"ner": "entities", "re": "relations", "ee": "events"}
_ESCAPES = str.maketrans({"\\": "\\\\", "⟦": "\\⟦", "⟧": "\\⟧", "\n": "\\n", "\r": "\\r"})
_encoder = msgspec.json.Encoder()
_T = TypeVar("_T")


class Item(msgspec.Struct, frozen=True):
    """One thing said: strings only, not yet checked against a schema or a text.

    `at` holds, when the item was parsed, the `[start, end)` ranges in the completion (code
    points) of the label, the head and each slot's text, in this order; (-1, -1) where absent.
    """

    task: str
    label: str
    head: str | None
    slots: tuple[tuple[str, str], ...] = ()
    at: tuple[tuple[int, int], ...] = ()


def encode(
    document: Document,
    schema: Schema | str,
    format: str = "json",
    tasks: Sequence[str] | None = None,
) -> str:
    """Write the annotations of a document as a model should say them.

    Mentions come in text order, repeats included. Annotations whose type the schema does not
    declare are left out, as are those of tasks not in `tasks` (default: those of the schema).

    Raises:
        ValueError: unknown format.
        SchemaError: unknown schema.
    """
    schema = read_schema(schema)
    chosen = schema.tasks if tasks is None else tuple(t for t in schema.tasks if t in tasks)
    return serialise(extraction_items(document.extraction, schema, chosen), format, chosen)


def serialise(items: Iterable[Item], format: str, tasks: Sequence[str]) -> str:
    """Write items in a format; a task without items gives its explicit empty answer.

    Raises:
        ValueError: unknown format.
    """
    grouped: dict[str, list[Item]] = {task: [] for task in tasks}
    if len(tasks) == 1:
        grouped[tasks[0]] = list(items)
    else:
        for item in items:
            grouped[item.task].append(item)
    if format == "json":
        value = {JSON_KEYS[t]: [_json_item(item) for item in grouped[t]] for t in tasks}
        return _encoder.encode(value).decode()
    if format == "compact":
        return "\n\n".join(_compact_section(task, grouped[task]) for task in tasks)
    raise ValueError(f"unknown format {format!r}; formats are {', '.join(FORMATS)}")


def extraction_items(extraction: Extraction, schema: Schema, tasks: Sequence[str]) -> list[Item]:
    """Return the annotations as items in text order, labelled as the schema labels them."""
    items: list[Item] = []
    if "ner" in tasks:
        items += [_entity_item(e, schema) for e in _sorted(extraction.entities, _place)]
    if "re" in tasks:
        items += [_relation_item(r, schema) for r in _sorted(extraction.relations, _relation_place)]
    if "ee" in tasks:
        items += [_event_item(e, schema) for e in _sorted(extraction.events, _event_place)]
    return [item for item in items if item.label]


def label_text(label: str) -> str:
    """Return a label as the compact format writes it, marks included."""
    return f"{OPEN}{label.translate(_ESCAPES)}{CLOSE}"


def _sorted(values: Sequence[_T], key: Callable[[_T], Any]) -> Sequence[_T]:
    # Most sentences hold one annotation or none, and this is the inner loop of record building.
    return sorted(values, key=key) if len(values) > 1 else values


def _place(mention: Located) -> tuple[float, float]:
    if mention.start is None or mention.end is None:
        return (float("inf"), 0)
    return (mention.start, mention.end)


def _relation_place(relation: Relation) -> tuple[Any, ...]:
    return (_place(relation.subject), _place(relation.object), relation.type)


def _event_place(event: Event) -> tuple[Any, ...]:
    places = [_place(event.trigger)] if event.trigger else []
    return (
        min(places + [_place(argument) for argument in event.arguments], default=(0, 0))
        if not places
        else places[0]
    )


def _entity_item(entity: Entity, schema: Schema) -> Item:
    found = schema.entity_by_label.get(entity.type or "")
    return Item("ner", found.label if found else "", entity.text)


def _relation_item(relation: Relation, schema: Schema) -> Item:
    subject, object_ = relation.subject, relation.object
    label = schema.relation_label(relation.type, subject.type, object_.type)
    if label is None:
        found = schema.relation_by_label.get(relation.type)
        label = found.label if found else ""
    if not relation.qualifiers:
        return Item("re", label, subject.text, ((OBJECT_SLOT, object_.text),))
    slots = [(OBJECT_SLOT, object_.text)]
    slots += [(name, entity.text) for name, entity in relation.qualifiers.items()]
    return Item("re", label, subject.text, tuple(slots))


def _event_item(event: Event, schema: Schema) -> Item:
    found: SchemaType | None = schema.event_by_label.get(event.type)
    arguments = _sorted(event.arguments, _place)
    slots = tuple((argument.role, argument.text) for argument in arguments)
    head = event.trigger.text if event.trigger else None
    return Item("ee", found.label if found else "", head, slots)


def _json_item(item: Item) -> dict[str, Any]:
    if item.task == "ner":
        return {"type": item.label, "text": item.head}
    if item.task == "re":
        value: dict[str, Any] = {"type": item.label, "subject": item.head}
        if len(item.slots) == 1 and item.slots[0][0] == OBJECT_SLOT:
            value["object"] = item.slots[0][1]
            return value
        value["object"] = next((text for name, text in item.slots if name == OBJECT_SLOT), None)
        qualifiers = {name: text for name, text in item.slots if name != OBJECT_SLOT}
        return {**value, "qualifiers": qualifiers} if qualifiers else value
    arguments = [{"role": role, "text": text} for role, text in item.slots]
    return {"type": item.label, "trigger": item.head, "arguments": arguments}


def _compact_section(task: str, items: list[Item]) -> str:
    if not items:
        return EMPTY
    return ("" if task == "ner" else "\n").join(_compact_item(item) for item in items)


def _compact_item(item: Item) -> str:
    parts = [(item.head or "").translate(_ESCAPES), label_text(item.label)]
    for name, text in item.slots:
        parts += [text.translate(_ESCAPES), label_text(name)]
    return "".join(parts)
