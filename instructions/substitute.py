"""Name substitution: new training texts from annotated ones, other names in the same places.

A small model trained long enough knows its sentences by heart. In a copy of a document some of
the annotated strings give way to others of the same kind, drawn evenly from those that a corpus
annotates, so that rare names and new contexts meet ("mention replacement", Dai and Adel 2020).
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from chinchilla.data.documents import Document, iter_mentions, map_mentions

# Types that say nothing of the string: the predicate and the end stand for the kind.
_VAGUE = {None, "Text", "Number", "Date"}

Pools = Mapping[str, Sequence[str]]


def kinds(document: Document) -> dict[str, str]:
    """Return the kind of every annotated string but triggers: a type, or predicate and end.

    A string of several kinds has the one met first. Arguments have their role for a kind.
    """
    found: dict[str, str] = {}
    for entity in document.entities:
        found.setdefault(entity.text, entity.type or "")
    for relation in document.relations:
        ends = {"subject": relation.subject, "object": relation.object, **relation.qualifiers}
        for end, mention in ends.items():
            vague = mention.type in _VAGUE
            found.setdefault(
                mention.text, f"{relation.type}/{end}" if vague else mention.type or ""
            )
    for event in document.events:
        for argument in event.arguments:
            found.setdefault(argument.text, argument.role)
    return found


def substitute(
    document: Document, own: Pools, alike: Pools, share: float, rng: random.Random
) -> Document | None:
    """Return the document with a share of its annotated strings exchanged, or None if none can be.

    Args:
        document: text with annotations; a document with ungrounded mentions is left alone.
        own: strings of each kind to draw from, of the same corpus.
        alike: strings of each kind from other corpora, drawn from half the time where there are.
        share: chance of each distinct string to be exchanged, 0 to 1.
        rng: the source of chance.
    """
    spans = [mention.span for _, mention in iter_mentions(document)]
    if not spans or None in spans:
        return None
    located = sorted({span for span in spans if span})
    edits: list[tuple[int, int, str]] = []
    for old, kind in kinds(document).items():
        if rng.random() < share and kind in own:
            pool = alike[kind] if kind in alike and rng.random() < 0.5 else own[kind]
            new = rng.choice(pool)
            edits += [(s, e, new) for s, e in _places(document, old, located)]
    edits = _disjoint(edits)
    return _edited(document, edits) if edits else None


def _places(
    document: Document, old: str, located: Sequence[tuple[int, int]]
) -> Iterator[tuple[int, int]]:
    """Yield where a string can be exchanged without cutting through another mention.

    Where entities are annotated every one of them is, so only these count; relations and events
    annotate one place of a string that stands in several.
    """
    if document.entities or len(old) < 2:
        found = [(s, e) for s, e in located if document.text[s:e] == old]
    else:
        found = _occurrences(document.text, old)
    for start, end in found:
        if all(e <= start or end <= s or (s <= start and end <= e) for s, e in located):
            yield start, end


def _occurrences(text: str, old: str) -> list[tuple[int, int]]:
    found, at = [], text.find(old)
    while at >= 0:
        found.append((at, at + len(old)))
        at = text.find(old, at + len(old))
    return found


def _disjoint(edits: list[tuple[int, int, str]]) -> list[tuple[int, int, str]]:
    kept: list[tuple[int, int, str]] = []
    for edit in sorted(edits):
        if not kept or kept[-1][1] <= edit[0]:
            kept.append(edit)
    return kept


def _edited(document: Document, edits: Sequence[tuple[int, int, str]]) -> Document:
    pieces, last = [], 0
    for start, end, new in edits:
        pieces += [document.text[last:start], new]
        last = end
    text = "".join([*pieces, document.text[last:]])

    def moved(position: int, is_end: bool) -> int:
        # An edit is inside a mention, or apart from it: ends of a mention never lie in an edit.
        return position + sum(
            len(new) - (end - start)
            for start, end, new in edits
            if (end <= position if is_end else start < position)
        )

    def changed(mention: Any) -> Any:
        start, end = moved(mention.start, False), moved(mention.end, True)
        return msgspec.structs.replace(mention, text=text[start:end], start=start, end=end)

    extraction = map_mentions(document.extraction, changed)
    return msgspec.structs.replace(document, text=text, meta={}).with_extraction(extraction)
