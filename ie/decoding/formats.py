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

A mention may carry a mark: the number, from 1, of its occurrence in the text that was shown,
overlapping ones counted. It is written where the order of the answer would lead elsewhere; see
`encode`. `json` has it in a key after the mention (for a qualifier, in an object in its place),
`compact` in a further pair of brackets after the label:

    {"type": "机构名", "text": "雀巢", "occurrence": 2}                    雀巢⟦机构名⟧⟦#2⟧
    {"type": "作者", "subject": "边城", "subject_occurrence": 3, "object": "沈从文",
     "qualifiers": {"inWork": {"text": "边城", "occurrence": 1}}}
    {"type": "组织关系-裁员", "trigger": "裁员", "trigger_occurrence": 2, "arguments": [
        {"role": "裁员方", "text": "雀巢", "occurrence": 2}]}   裁员⟦组织关系-裁员⟧⟦#2⟧雀巢⟦裁员方⟧⟦#2⟧
"""

import re
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Any, TypeVar

import msgspec

from ..data.documents import Argument, Entity, Event, Extraction, Located, Relation
from ..data.schema import Schema, SchemaType

FORMATS = ("json", "compact")
OBJECT_SLOT = ""
# The key of a mark in JSON; after subject, object and trigger it is `subject_occurrence` etc.
OCCURRENCE = "occurrence"
EMPTY = "⟦⟧"
OPEN, CLOSE, MARK = "⟦", "⟧", "#"
_MARK_DIGITS = 9
JSON_KEYS = {"ner": "entities", "re": "relations", "ee": "events"}
_ESCAPES = str.maketrans({"\\": "\\\\", "⟦": "\\⟦", "⟧": "\\⟧", "\n": "\\n", "\r": "\\r"})
_MUST_ESCAPE = re.compile(r"[\\⟦⟧\n\r]")
# In an answer these would begin or end a model's reasoning; see `parse`.
THOUGHT_TAGS = "think|thinking|thought|reasoning|analysis"
_THOUGHT_TAG = re.compile(f"<(/?)({THOUGHT_TAGS})>")
_encoder = msgspec.json.Encoder()
_T = TypeVar("_T")
Annotation = Entity | Relation | Event
# A trigger that the prompt named, and its occurrence from 1.
AskedTrigger = tuple[str, int]


class Item(msgspec.Struct, frozen=True, gc=False):
    """One thing said: strings only, not yet checked against a schema or a text.

    `at` holds, when the item was parsed, the `[start, end)` ranges in the completion (code
    points) of the label, the head and each slot's text, in this order; (-1, -1) where absent.
    `name_at` holds, likewise, those of the slots' names, which of qualifiers and roles are labels
    too. `marks` holds the occurrence of the head and of each slot's text, 0 where none is given; it
    is empty where none at all is.
    """

    task: str
    label: str
    head: str | None
    slots: tuple[tuple[str, str], ...] = ()
    at: tuple[tuple[int, int], ...] = ()
    marks: tuple[int, ...] = ()
    name_at: tuple[tuple[int, int], ...] = ()

    def mark(self, at: int) -> int:
        """Return the mark of the head (0) or of a slot (from 1); 0 if it has none."""
        return self.marks[at] if self.marks else 0


def serialise(items: Iterable[Item], format: str, tasks: Sequence[str]) -> str:
    """Write items in a format; a task without items gives its explicit empty answer.

    Raises:
        ValueError: unknown format.
    """
    if len(tasks) == 1:
        grouped = {tasks[0]: list(items)}
    else:
        grouped = {task: [] for task in tasks}
        for item in items:
            grouped[item.task].append(item)
    if format == "json":
        value = {JSON_KEYS[t]: [_json_item(item) for item in grouped[t]] for t in tasks}
        text = _encoder.encode(value).decode()
        return text.replace("</", "<\\/") if _THOUGHT_TAG.search(text) else text
    if format == "compact":
        return "\n\n".join(_compact_section(task, grouped[task]) for task in tasks)
    raise ValueError(f"unknown format {format!r}; formats are {', '.join(FORMATS)}")


def extraction_items(extraction: Extraction, schema: Schema, tasks: Sequence[str]) -> list[Item]:
    """Return the annotations as items in text order, labelled as the schema labels them."""
    if len(tasks) > 1 or _has_twins(extraction):
        return [item for item, _ in annotated_items(extraction, schema, tasks)]
    # One task is what record building asks for: no pairs are made there.
    items: list[Item] = []
    if "ner" in tasks:
        items = [_entity_item(e, schema) for e in _sorted(extraction.entities, _place)]
    elif "re" in tasks:
        items = [_relation_item(r, schema) for r in _sorted(extraction.relations, _relation_place)]
    elif "ee" in tasks:
        items = [_event_item(e, schema) for e in _sorted(extraction.events, _event_place)]
    return [item for item in items if item.label]


def _has_twins(extraction: Extraction) -> bool:
    """Say whether entities, relations or events may be annotated twice."""
    entities, relations, events = extraction.entities, extraction.relations, extraction.events
    return (
        (len(entities) > 1 and len({(e.type, e.start, e.text) for e in entities}) < len(entities))
        or (len(relations) > 1 and len({_relation_key(r) for r in relations}) < len(relations))
        or (len(events) > 1 and len({(e.type, e.trigger) for e in events}) < len(events))
    )


def _relation_key(relation: Relation) -> tuple[object, ...]:
    subject, object_ = relation.subject, relation.object
    return (relation.type, subject.text, subject.start, object_.text, object_.start)


def annotated_items(
    extraction: Extraction, schema: Schema, tasks: Sequence[str]
) -> list[tuple[Item, Annotation]]:
    """Return each of `extraction_items` with what it says."""
    pairs: list[tuple[Item, Annotation]] = []
    if "ner" in tasks:
        pairs += [(_entity_item(e, schema), e) for e in _sorted(extraction.entities, _place)]
    if "re" in tasks:
        relations = _sorted(extraction.relations, _relation_place)
        pairs += [(_relation_item(r, schema), r) for r in relations]
    if "ee" in tasks:
        pairs += [(_event_item(e, schema), e) for e in _sorted(extraction.events, _event_place)]
    return _distinct([pair for pair in pairs if pair[0].label])


def _distinct(pairs: list[tuple[Item, Annotation]]) -> list[tuple[Item, Annotation]]:
    """Leave out what is annotated twice in the same places: each listing is one occurrence."""
    if len({item for item, _ in pairs}) == len(pairs):
        return pairs
    kept: dict[tuple[object, ...], tuple[Item, Annotation]] = {}
    for item, annotation in pairs:
        kept.setdefault((item, *mention_starts(annotation)), (item, annotation))
    return list(kept.values())


def mention_starts(annotation: Annotation) -> list[int | None]:
    """Return where the head and each slot of an annotation's item begin."""
    if isinstance(annotation, Entity):
        return [annotation.start]
    if isinstance(annotation, Relation):
        ends = (annotation.subject, annotation.object, *annotation.qualifiers.values())
        return [end.start for end in ends]
    head = annotation.trigger.start if annotation.trigger else None
    return [head, *(argument.start for argument in _arguments(annotation))]


def _arguments(event: Event) -> Sequence[Argument]:
    """Return the arguments in text order, none twice."""
    arguments = _sorted(event.arguments, _place)
    if len(arguments) < 2:
        return arguments
    kept = {(one.role, one.text, one.start): one for one in arguments}
    return arguments if len(kept) == len(arguments) else list(kept.values())


def mark_trigger(items: Sequence[Item], asked: AskedTrigger) -> list[Item]:
    """Give the trigger asked about its occurrence, where no other one is said."""
    trigger, mark = asked
    return [
        msgspec.structs.replace(item, marks=(mark, *(item.marks[1:] or (0,) * len(item.slots))))
        if mark and item.task == "ee" and item.head == trigger and not item.mark(0)
        else item
        for item in items
    ]


def read_mark(said: str) -> int:
    """Return the number that a mark says, or 0 if it is no number from 1."""
    said = said.strip()
    # More digits are never meant, and int() refuses thousands of them.
    return int(said) if said.isdecimal() and len(said) <= _MARK_DIGITS else 0


# Labels are few, and each is written millions of times.
@lru_cache(maxsize=4096)
def label_text(label: str) -> str:
    """Return a label as the compact format writes it, brackets included."""
    if label[:1] == MARK and label[1:].isdecimal():
        # It only looks like a mark.
        return f"{OPEN}\\{label}{CLOSE}"
    return f"{OPEN}{_escaped(label)}{CLOSE}"


def _escaped(text: str) -> str:
    if "<" in text:
        return _THOUGHT_TAG.sub(_escaped_tag, text.translate(_ESCAPES))
    return text.translate(_ESCAPES) if _MUST_ESCAPE.search(text) else text


def _escaped_tag(match: re.Match[str]) -> str:
    return f"<\\/{match[2]}>" if match[1] else f"\\<{match[2]}>"


def _sorted(values: Sequence[_T], key: Callable[[_T], Any]) -> Sequence[_T]:
    # Most sentences hold one annotation or none, and this is the inner loop of record building.
    return sorted(values, key=key) if len(values) > 1 else values


def _place(mention: Located) -> tuple[float, float]:
    if mention.start is None or mention.end is None:
        return (float("inf"), 0)
    return (mention.start, mention.end)


def _relation_place(relation: Relation) -> tuple[Any, ...]:
    subject, object_ = relation.subject, relation.object
    if subject.start is None or object_.start is None:
        return (*_place(subject), *_place(object_), relation.type)
    return (subject.start, subject.end, object_.start, object_.end, relation.type)


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
    arguments = _arguments(event)
    slots = tuple((argument.role, argument.text) for argument in arguments)
    head = event.trigger.text if event.trigger else None
    return Item("ee", found.label if found else "", head, slots)


def _json_item(item: Item) -> dict[str, Any]:
    if item.marks:
        return _marked_json_item(item)
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


def _marked_json_item(item: Item) -> dict[str, Any]:
    """Like `_json_item`; apart from it, because few items have marks and most are written often."""
    marks = item.marks
    value: dict[str, Any] = {"type": item.label}
    if item.task == "ner":
        return value | _named("text", item.head, OCCURRENCE, marks[0])
    if item.task == "re":
        value |= _named("subject", item.head, f"subject_{OCCURRENCE}", marks[0])
        qualifiers = {}
        for (name, text), mark in zip(item.slots, marks[1:], strict=True):
            if name == OBJECT_SLOT:
                value |= _named("object", text, f"object_{OCCURRENCE}", mark)
            else:
                qualifiers[name] = {"text": text, OCCURRENCE: mark} if mark else text
        return {**value, "qualifiers": qualifiers} if qualifiers else value
    value |= _named("trigger", item.head, f"trigger_{OCCURRENCE}", marks[0])
    value["arguments"] = [
        {"role": role, **_named("text", text, OCCURRENCE, mark)}
        for (role, text), mark in zip(item.slots, marks[1:], strict=True)
    ]
    return value


def _named(key: str, text: str | None, mark_key: str, mark: int) -> dict[str, Any]:
    return {key: text, mark_key: mark} if mark else {key: text}


def _compact_section(task: str, items: list[Item]) -> str:
    if not items:
        return EMPTY
    return ("" if task == "ner" else "\n").join(_compact_item(item) for item in items)


def _compact_item(item: Item) -> str:
    parts = [_escaped(item.head or ""), label_text(item.label)]
    for name, text in item.slots:
        parts += [_escaped(text), label_text(name)]
    for i, mark in enumerate(item.marks):
        parts[2 * i + 1] += f"{OPEN}{MARK}{mark}{CLOSE}" if mark else ""
    return "".join(parts)
