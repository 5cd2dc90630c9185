"""What annotation tools import: doccano's JSON lines, Label Studio's tasks with predictions.

Label Studio runs in a browser, which counts UTF-16 units; doccano counts code points as we do.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from ...data.documents import Document, Located
from ..jsonl import dumps

# As in the labelling configuration of the tool: <Labels name="label" toName="text">.
FROM_NAME, TO_NAME = "label", "text"


def render_doccano(documents: Iterable[Document], lost: Counter[str]) -> Iterator[bytes]:
    """Yield a line for each document: entities and relations, as doccano takes them."""
    number = 0
    for document in documents:
        lost["event"] += len(document.events)
        spans = _Spans()
        relations = []
        for entity in document.entities:
            spans.name(entity.type or "entity", entity, lost)
        for relation in document.relations:
            lost["qualifier of a relation"] += len(relation.qualifiers)
            ends = [spans.name(end.type or "entity", end, lost)
                    for end in (relation.subject, relation.object)]  # fmt: skip
            if None not in ends:
                relations.append((ends[0], ends[1], relation.type))
        first = number + 1
        entities = [
            {"id": first + at, "label": label, "start_offset": start, "end_offset": end}
            for at, (label, (start, end)) in enumerate(spans.places)
        ]
        number += len(entities)
        links = [
            {"id": at, "from_id": first + one, "to_id": first + other, "type": type_}
            for at, (one, other, type_) in enumerate(relations, 1)
            if one is not None and other is not None
        ]
        line = {"id": document.id, "text": document.text, "entities": entities, "relations": links}
        yield (dumps(line) + "\n").encode()


class _Spans:
    """Spans of a document, each once for its label and place, with their first scores."""

    def __init__(self) -> None:
        self.places: dict[tuple[str, tuple[int, int]], int] = {}
        self.mentions: list[Located] = []

    def name(self, label: str, mention: Located, lost: Counter[str]) -> int | None:
        if mention.span is None:
            lost["mention that is not in the text"] += 1
            return None
        key = (label, mention.span)
        if key not in self.places:
            self.places[key] = len(self.places)
            self.mentions.append(mention)
        return self.places[key]


def render_predictions(documents: Iterable[Document], lost: Counter[str]) -> Iterator[bytes]:
    """Yield a JSON array of Label Studio's tasks, with predictions and their scores."""
    return _tasks(documents, "predictions", lost)


def render_annotations(documents: Iterable[Document], lost: Counter[str]) -> Iterator[bytes]:
    """Yield a JSON array of Label Studio's tasks, as if they had been annotated there."""
    return _tasks(documents, "annotations", lost)


def _tasks(documents: Iterable[Document], key: str, lost: Counter[str]) -> Iterator[bytes]:
    before = "[\n"
    for document in documents:
        results, score = label_studio_results(document, lost)
        answer: dict[str, Any] = {"result": results}
        if key == "predictions":
            answer = {"model_version": "chinchilla", "score": score, **answer}
        data = {"text": document.text, "document": document.id}
        yield (before + dumps({"data": data, key: [answer]})).encode()
        before = ",\n"
    yield (before if before == "[\n" else "\n").encode() + b"]\n"


def label_studio_results(
    document: Document,
    lost: Counter[str] | None = None,
    from_name: str = FROM_NAME,
    to_name: str = TO_NAME,
) -> tuple[list[dict[str, Any]], float | None]:
    """Return the results of a task, and the mean of the scores of its spans.

    A relation is a link between spans. An event is a span of its trigger with links to its arguments,
    each with its role; without a trigger in the text it is left out.
    """
    lost = Counter() if lost is None else lost
    spans = _Spans()
    for entity in document.entities:
        spans.name(entity.type or "entity", entity, lost)
    links: list[tuple[int | None, int | None, str]] = []
    for relation in document.relations:
        subject = spans.name(relation.subject.type or "entity", relation.subject, lost)
        slots = [(relation.type, relation.object), *relation.qualifiers.items()]
        links += [
            (subject, spans.name(end.type or "entity", end, lost), label) for label, end in slots
        ]
    types = {span: label for label, span in reversed(spans.places)}
    for event in document.events:
        if event.trigger is None:
            lost["event without a trigger"] += 1
            continue
        trigger = spans.name(event.type, event.trigger, lost)
        for argument in event.arguments:
            label = types.get(argument.span or (-1, -1), "argument")
            links.append((trigger, spans.name(label, argument, lost), argument.role))
    results = list(_span_results(document.text, spans, from_name, to_name))
    for one, other, label in links:
        if one is not None and other is not None:
            ends = {"from_id": f"s{one}", "to_id": f"s{other}"}
            results.append({"type": "relation", **ends, "direction": "right", "labels": [label]})
    scores = [mention.score for mention in spans.mentions if mention.score is not None]
    return results, sum(scores) / len(scores) if scores else None


def _span_results(
    text: str, spans: _Spans, from_name: str, to_name: str
) -> Iterator[dict[str, Any]]:
    units = utf16_places(text)
    for ((label, (start, end)), number), mention in zip(
        spans.places.items(), spans.mentions, strict=True
    ):
        value = {"start": units(start), "end": units(end), "text": mention.text, "labels": [label]}
        result = {
            **{"id": f"s{number}", "from_name": from_name, "to_name": to_name},
            **{"type": "labels", "value": value},
        }
        yield result if mention.score is None else {**result, "score": mention.score}


def utf16_places(text: str) -> Callable[[int], int]:
    """Return what turns a place in code points into UTF-16 units."""
    if max(text, default="") < "\U00010000":
        return lambda place: place
    counts = [0]
    for character in text:
        counts.append(counts[-1] + (2 if character >= "\U00010000" else 1))
    return counts.__getitem__
