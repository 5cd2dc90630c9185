"""Cut a gold document into windows, each a document with the annotations that it holds.

A relation stays only where both ends stand. An event goes where its trigger stands (without one,
where most of its arguments stand) and keeps the arguments that stand there too, because that is
what a model sees of it. Whatever no window holds is counted, never dropped silently.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from chinchilla.data.documents import Document, Event, Extraction, Relation, shift

Spans = Sequence[tuple[int, int]]


def cut_document(document: Document, spans: Spans) -> Iterator[tuple[Document, int]]:
    """Yield a piece for each `[start, end)` window with the number of losses charged to it.

    Offsets in a piece count from its start; its id is that of the document. There are two kinds of
    loss. An entity, relation or event that no window holds whole is charged to the first window that
    holds the start of its first mention, else to the first window. A qualifier or argument that
    stands outside of the first window of its relation or event is charged to that window. So the sum
    over the pieces is the number of losses of the document. Windows may overlap: an annotation that
    lies in two is given in both, and a qualifier or argument counts as lost even if the second keeps
    it.
    """
    pieces: list[dict[str, list[Any]]] = [
        {"entities": [], "relations": [], "events": []} for _ in spans
    ]
    lost: Counter[int] = Counter()
    for entity in document.entities:
        homes = _holding(spans, (entity,))
        if not homes:
            lost[_charged(spans, (entity,))] += 1
        for home in homes:
            pieces[home]["entities"].append(entity)
    for relation in document.relations:
        ends = (relation.subject, relation.object)
        homes = _holding(spans, ends)
        if not homes:
            lost[_charged(spans, ends)] += 1
        for i, home in enumerate(homes):
            kept = _relation_within(relation, spans[home])
            pieces[home]["relations"].append(kept)
            lost[home] += (len(relation.qualifiers) - len(kept.qualifiers)) if i == 0 else 0
    for event in document.events:
        homes = _event_homes(spans, event)
        if not homes:
            lost[_charged(spans, (event.trigger, *event.arguments))] += 1
        for i, home in enumerate(homes):
            kept_event = _event_within(event, spans[home])
            pieces[home]["events"].append(kept_event)
            lost[home] += (len(event.arguments) - len(kept_event.arguments)) if i == 0 else 0
    for i, ((start, end), piece) in enumerate(zip(spans, pieces, strict=True)):
        inside = Extraction(
            tuple(piece["entities"]), tuple(piece["relations"]), tuple(piece["events"])
        )
        cut = Document(document.id, document.text[start:end], meta=document.meta)
        yield cut.with_extraction(shift(inside, -start)), lost[i]


def _within(mention: Any, span: tuple[int, int]) -> bool:
    """Whether a mention is in the window; one that is not in the text is so everywhere."""
    if mention is None or mention.start is None:
        return True
    return bool(span[0] <= mention.start and mention.end <= span[1])


def _holding(spans: Spans, mentions: Sequence[Any]) -> list[int]:
    if all(mention is None or mention.start is None for mention in mentions):
        return [0] if spans else []
    return [i for i, span in enumerate(spans) if all(_within(m, span) for m in mentions)]


def _event_homes(spans: Spans, event: Event) -> list[int]:
    if event.trigger is not None and event.trigger.start is not None:
        return _holding(spans, (event.trigger,))
    grounded = [argument for argument in event.arguments if argument.start is not None]
    if not grounded:
        return [0] if spans else []
    held = [sum(_within(argument, span) for argument in grounded) for span in spans]
    return [held.index(max(held))] if max(held, default=0) else []


def _charged(spans: Spans, mentions: Sequence[Any]) -> int:
    starts = [m.start for m in mentions if m is not None and m.start is not None]
    first = min(starts, default=0)
    return next((i for i, (start, end) in enumerate(spans) if start <= first < end), 0)


def _relation_within(relation: Relation, span: tuple[int, int]) -> Relation:
    inside = {name: end for name, end in relation.qualifiers.items() if _within(end, span)}
    if len(inside) == len(relation.qualifiers):
        return relation
    return msgspec.structs.replace(relation, qualifiers=inside)


def _event_within(event: Event, span: tuple[int, int]) -> Event:
    inside = tuple(argument for argument in event.arguments if _within(argument, span))
    if len(inside) == len(event.arguments):
        return event
    return msgspec.structs.replace(event, arguments=inside)
