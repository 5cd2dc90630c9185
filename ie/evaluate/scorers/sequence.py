"""Scores of tag sequences by the seqeval library, one tag a code point."""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from ...data.documents import Document, Entity
from ...errors import ModelError
from .matching import Item, match_sets
from .scorer import Tally


def score_seqeval(gold: Document, predicted: Document) -> Tally:
    """Tally the entities of one document with seqeval's default mode on BIO tags.

    Rule: entities become tags, one a code point, and seqeval reads chunks out of them. Tags hold
    neither overlaps nor mentions without offsets: of overlapping entities the longest, then the
    first, is kept, on both sides alike; the strict scorer counts what is left out here.

    Its macro mean is over the types of gold or predictions (`macro avg`).

    Source: seqeval 1.2.2, chakki-works/seqeval (`get_entities`), which follows conlleval.
    """
    return _score(gold, predicted, bio_tags, _default_chunks)


def score_seqeval_strict(gold: Document, predicted: Document) -> Tally:
    """Tally the entities of one document with seqeval's strict mode, scheme IOB2; see seqeval."""
    return _score(gold, predicted, bio_tags, _strict_iob2)


def score_seqeval_bmes(gold: Document, predicted: Document) -> Tally:
    """Tally the entities of one document with seqeval's strict mode on BMES tags (IOBES)."""
    return _score(gold, predicted, bmes_tags, _strict_iobes)


def _score(
    gold: Document,
    predicted: Document,
    tags: Callable[[Document], list[str]],
    chunks: Callable[[list[str]], list[Item]],
) -> Tally:
    tally: Tally = {}
    match_sets(tally, "entities", chunks(tags(gold)), chunks(tags(predicted)))
    return tally


def bio_tags(document: Document) -> list[str]:
    """Return one BIO tag a code point; see `flat_entities` for overlaps."""
    tags = ["O"] * len(document.text)
    for entity in flat_entities(document.entities):
        start, end = entity.span or (0, 0)
        tags[start:end] = [f"B-{entity.type}"] + [f"I-{entity.type}"] * (end - start - 1)
    return tags


def bmes_tags(document: Document) -> list[str]:
    """Return one BMES tag a code point, M written I and single ones S, as seqeval's IOBES."""
    tags = ["O"] * len(document.text)
    for entity in flat_entities(document.entities):
        start, end = entity.span or (0, 0)
        if end - start == 1:
            tags[start] = f"S-{entity.type}"
        else:
            inside = [f"I-{entity.type}"] * (end - start - 2)
            tags[start:end] = [f"B-{entity.type}", *inside, f"E-{entity.type}"]
    return tags


def flat_entities(entities: Sequence[Entity]) -> list[Entity]:
    """Return grounded entities that do not overlap, the longest kept, then the first."""
    grounded = [e for e in entities if e.start is not None and e.end is not None]
    kept: list[Entity] = []
    taken: set[int] = set()
    for entity in sorted(grounded, key=_longest_first):
        place = range(*(entity.span or (0, 0)))
        if taken.isdisjoint(place):
            taken.update(place)
            kept.append(entity)
    return kept


def _longest_first(entity: Entity) -> tuple[int, int]:
    start, end = entity.span or (0, 0)
    return (start - end, start)


def _default_chunks(tags: list[str]) -> list[Item]:
    return list(_seqeval()[0](tags))


def _strict_iob2(tags: list[str]) -> list[Item]:
    return _strict_chunks(tags, _seqeval()[2])


def _strict_iobes(tags: list[str]) -> list[Item]:
    return _strict_chunks(tags, _seqeval()[3])


def _strict_chunks(tags: list[str], scheme: Any) -> list[Item]:
    found = _seqeval()[1]([tags], scheme=scheme).entities[0]
    return [(entity.tag, entity.start, entity.end) for entity in found]


@cache
def _seqeval() -> tuple[Any, Any, Any, Any]:
    try:
        from seqeval.metrics.sequence_labeling import get_entities
        from seqeval.scheme import IOB2, IOBES, Entities
    except ImportError:
        raise ModelError(
            "this scorer needs seqeval; run: pip install 'chinchilla-ie[eval]'"
        ) from None
    return get_entities, Entities, IOB2, IOBES
