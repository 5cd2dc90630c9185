"""Carry the annotations of a document into its translation, sentence by sentence."""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from ...data.documents import Document, check_offsets, iter_mentions, map_mentions
from .glossary import Glossary
from .methods import Projector
from .protocol import FoundMention, Projected, Span

LOST, UNLOCATED = "mention lost", "mention without offsets"
_END = re.compile(r"(?<=[.!?])[\"')\]]*\s+(?=[\"'(\[A-Z0-9])|\n+")
# Initials and titles end no sentence.
_SHORT = re.compile(
    r"(?:\b[A-Z]|\b(?:Mr|Mrs|Ms|Dr|St|Gen|Sen|Rep|Gov|Lt|Col|Jr|Inc|Corp|Co|No|vs))\.\s+$"
)
_replace: Callable[..., Any] = msgspec.structs.replace


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence at `[start, end)` of a document, and the spans in it (of the sentence)."""

    start: int
    text: str
    after: str
    spans: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Carried:
    """A translated document; `lost` tells path, label and reason of each mention without a place."""

    document: Document
    lost: tuple[tuple[str, str, str], ...]
    methods: Counter[str]


def sentences(document: Document) -> list[Sentence]:
    """Cut a document at ends of sentences that no mention crosses; line ends are kept as `after`."""
    text = document.text
    spans = sorted({mention.span for _, mention in iter_mentions(document) if mention.span})
    cuts = [
        match
        for match in _END.finditer(text)
        if not _SHORT.search(text[max(0, match.start() - 8) : match.end()])
        and not any(start < match.end() and match.start() < end for start, end in spans)
    ]
    result: list[Sentence] = []
    start = 0
    for begin, end in [*((m.start(), m.end()) for m in cuts), (len(text), len(text))]:
        if start < begin or not result:
            inside = tuple((a - start, b - start) for a, b in spans if start <= a and b <= begin)
            after = "\n" if "\n" in text[begin:end] else ""
            result.append(Sentence(start, text[start:begin], after, inside))
        start = end
    return result


def carry(
    document: Document,
    parts: Sequence[Sentence],
    projected: Sequence[Projected],
    glossary: Glossary,
) -> Carried:
    """Return the translation with every mention at its new place, types by the glossary.

    What has no place is lost: an entity or argument alone, a relation or event with its end or trigger.
    """
    text = ""
    places: dict[Span, FoundMention] = {}
    methods: Counter[str] = Counter()
    for part, one in zip(parts, projected, strict=True):
        for (start, end), found in zip(part.spans, one.found, strict=True):
            at = (part.start + start, part.start + end)
            places[at] = _moved(found, len(text))
            if found.span:
                methods[found.method] += 1
        text += one.text + part.after
    lost = []
    for where, mention in iter_mentions(document):
        here = places.get(mention.span) if mention.span else FoundMention(None, "", UNLOCATED)
        if here is None or here.span is None:
            label = getattr(mention, "type", None) or getattr(mention, "role", "") or "trigger"
            lost.append((where, str(label), here.reason if here else LOST))

    def change(mention: Any) -> Any:
        found = places.get(mention.span) if mention.span else None
        if found is None or found.span is None:
            return None
        start, end = found.span
        return _replace(mention, text=text[start:end], start=start, end=end)

    carried = _named(_kept(document, change), text, glossary)
    check_offsets(carried)
    return Carried(carried, tuple(lost), methods)


def _moved(found: FoundMention, by: int) -> FoundMention:
    if found.span is None:
        return found
    return FoundMention((found.span[0] + by, found.span[1] + by), found.method, "", found.told)


def _kept(document: Document, change: Callable[[Any], Any]) -> Document:
    """Return the document with changed mentions, without the facts that lack one."""
    relations = []
    for relation in document.relations:
        subject, object = change(relation.subject), change(relation.object)
        if subject and object:
            slots = {slot: change(entity) for slot, entity in relation.qualifiers.items()}
            slots = {slot: entity for slot, entity in slots.items() if entity}
            relations.append(_replace(relation, subject=subject, object=object, qualifiers=slots))
    events = []
    for event in document.events:
        trigger = event.trigger and change(event.trigger)
        if event.trigger is None or trigger:
            arguments = tuple(filter(None, map(change, event.arguments)))
            events.append(_replace(event, trigger=trigger, arguments=arguments))
    entities = tuple(filter(None, map(change, document.entities)))
    kept: Document = _replace(
        document, entities=entities, relations=tuple(relations), events=tuple(events), issues=()
    )
    return kept


def _named(document: Document, text: str, glossary: Glossary) -> Document:
    """Return the document with that text and the names of the glossary; unknown names stay."""

    def named(mention: Any) -> Any:
        kind = getattr(mention, "type", None)
        role = getattr(mention, "role", None)
        if kind in glossary.entities:
            return _replace(mention, type=glossary.entities[kind])
        if role in glossary.roles:
            return _replace(mention, role=glossary.roles[role])
        return mention

    extraction = map_mentions(document.extraction, named)
    relations = tuple(
        _replace(
            relation,
            type=glossary.relations.get(relation.type, relation.type),
            qualifiers={glossary.roles.get(s, s): e for s, e in relation.qualifiers.items()},
        )
        for relation in extraction.relations
    )
    events = tuple(
        _replace(event, type=glossary.events.get(event.type, event.type))
        for event in extraction.events
    )
    changed: Document = _replace(
        document, text=text, entities=extraction.entities, relations=relations, events=events
    )
    return changed


def translate_documents(
    documents: Sequence[Document], projector: Projector, glossary: Glossary
) -> list[tuple[Document, Carried, list[Projected]]]:
    """Translate documents together, all their sentences in one batch."""
    cut = [sentences(document) for document in documents]
    asked = [(part.text, part.spans) for parts in cut for part in parts]
    said = iter(projector.project(asked))
    result = []
    for document, parts in zip(documents, cut, strict=True):
        projected = [next(said) for _ in parts]
        result.append((document, carry(document, parts, projected, glossary), projected))
    return result
