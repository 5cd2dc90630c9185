"""Cut long documents into windows that hold whole mentions, and drop what has no place in a text."""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from typing import TypeVar

import msgspec

from .kit import Argument, Document, Entity, Event, Mention, Relation, iter_mentions

_Located = TypeVar("_Located", Entity, Argument, Mention)
_SENTENCE_END = re.compile(r"[。！？!?；;…\n]+[”’」』）)]*|(?<=[a-z0-9)\]])\.(?= )")
_PAUSE = re.compile(r"[，,、：:\s]")


def verified(document: Document, faults: Counter[str]) -> tuple[Document, set[tuple[str, ...]]]:
    """Return the document with located annotations only, and the labels of what was dropped.

    A label is `(kind, name)` or `("role", event type, role)`. A relation goes with either of its
    ends; an event goes with a trigger that is named but has no place.
    """
    text = document.text
    lost: set[tuple[str, ...]] = set()

    def fits(mention: Entity | Argument | Mention) -> bool:
        span = mention.span
        return span is not None and span[0] < span[1] and text[slice(*span)] == mention.text

    def keep(is_good: bool, *label: str) -> bool:
        if not is_good:
            lost.add(label)
            faults[f"{label[0]} without a place in the text"] += 1
        return is_good

    entities = [
        entity
        for entity in dict.fromkeys(document.entities)
        if keep(fits(entity), "entity", str(entity.type))
    ]
    relations = [
        _with_qualifiers(relation, fits)
        for relation in document.relations
        if keep(fits(relation.subject) and fits(relation.object), "relation", relation.type)
    ]
    events = []
    for event in document.events:
        if not keep(event.trigger is None or fits(event.trigger), "event", event.type):
            continue
        arguments = tuple(
            argument
            for argument in dict.fromkeys(event.arguments)
            if keep(fits(argument), "role", event.type, argument.role)
        )
        events.append(Event(event.type, event.trigger, arguments))
    kept = Document(
        document.id, text, tuple(entities), tuple(relations), tuple(events), meta=document.meta
    )
    return kept, lost


def _with_qualifiers(relation: Relation, fits: Callable[[Entity], bool]) -> Relation:
    qualifiers = {name: item for name, item in relation.qualifiers.items() if fits(item)}
    return Relation(relation.type, relation.subject, relation.object, qualifiers)


def cut(document: Document, limit: int) -> Iterator[Document]:
    """Yield the document in windows of at most `limit` code points, unless one mention is longer.

    Windows end with a sentence where one ends in their second half, else at a pause, and never
    inside a mention. Facts whose parts stand in two windows are left out; an event is told in the
    window of its trigger, with the arguments there.
    """
    spans = [mention.span for _, mention in iter_mentions(document) if mention.span]
    ends = list(_ends(document.text, spans, limit))
    if len(ends) == 1:
        yield document
        return
    start = 0
    for number, end in enumerate(ends):
        yield window(document, start, end, f"{document.id}#{number}")
        start = end


def _ends(text: str, spans: list[tuple[int, int]], limit: int) -> Iterator[int]:
    inside = bytearray(len(text) + 1)
    for first, last in spans:
        inside[first + 1 : last] = b"\1" * (last - first - 1)
    start = 0
    while len(text) - start > limit:
        start = _end(text, inside, start, limit)
        yield start
    yield len(text)


def _end(text: str, inside: bytearray, start: int, limit: int) -> int:
    piece = text[start : start + limit]
    for pattern in (_SENTENCE_END, _PAUSE):
        ends = [match.end() for match in pattern.finditer(piece)]
        good = [end for end in ends if end > limit // 2 and not inside[start + end]]
        if good:
            return start + good[-1]
    end = start + limit
    while end > start + 1 and inside[end]:
        end -= 1
    if end == start + 1:
        end = start + limit
        while inside[end]:
            end += 1
    return end


def window(document: Document, start: int, end: int, id: str) -> Document:
    """Return the part [start, end) of a document with the facts inside it."""

    def moved(item: _Located) -> _Located | None:
        span = item.span
        if span is None or span[0] < start or span[1] > end:
            return None
        return msgspec.structs.replace(item, start=span[0] - start, end=span[1] - start)

    entities = tuple(item for entity in document.entities if (item := moved(entity)))
    relations = []
    for relation in document.relations:
        subject, object = moved(relation.subject), moved(relation.object)
        if subject and object:
            slots = {
                name: item
                for name, entity in relation.qualifiers.items()
                if (item := moved(entity))
            }
            relations.append(Relation(relation.type, subject, object, slots))
    events = []
    for event in document.events:
        trigger = moved(event.trigger) if event.trigger else None
        arguments = tuple(there for argument in event.arguments if (there := moved(argument)))
        if trigger or (event.trigger is None and arguments):
            events.append(Event(event.type, trigger, arguments))
    text = document.text[start:end]
    return Document(id, text, entities, tuple(relations), tuple(events), meta=document.meta)
