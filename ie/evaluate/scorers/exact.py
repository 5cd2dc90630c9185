"""The plain scorers: exact offsets (`strict`, `boundary`) and equal strings (`string`)."""

from collections.abc import Callable
from typing import Any

from ...data.documents import Document, Entity, Located, Relation
from .matching import Item, Match, match_multisets, match_sets
from .scorer import Tally

Place = tuple[int | str | None, int | None]
Key = Callable[[Located], Any]


def score_strict(gold: Document, predicted: Document) -> Tally:
    """Tally one document by type and offsets: the score to report unless a task fixes another.

    Rule: an entity is right if type, start and end are; a relation if its predicate, the types
    and offsets of both ends and all its qualifiers are; a trigger if event type and offsets are;
    an argument if event type, role and offsets are, whatever the trigger. Items are sets: the
    same item twice counts once. A mention without offsets is compared by its string and never
    equals one that has them. Where no gold relation of a document types its ends, end types are
    not compared.

    Source: ours, after CoNLL-2003 for entities and universal-ie/UIE for the rest. From UIE's mode
    `set` on offsets (`uie-offset-set`) it differs in that qualifiers count and events without a
    trigger keep their arguments; from spaCy in that mentions without offsets count.
    """
    tally: Tally = {}
    match_sets(tally, "entities", entity_items(gold), entity_items(predicted))
    if gold.relations or predicted.relations:
        typed = has_typed_ends(gold)
        match_sets(
            tally, "relations", relation_items(gold, typed), relation_items(predicted, typed)
        )
    if gold.events or predicted.events:
        match_sets(tally, "triggers", trigger_items(gold), trigger_items(predicted))
        match_sets(tally, "arguments", argument_items(gold), argument_items(predicted))
    return tally


def score_boundary(gold: Document, predicted: Document) -> Tally:
    """Tally one document by offsets, with the type of what is found left out.

    Rule: entities and triggers by offsets alone; relations by predicate and the offsets of both
    ends; arguments by event type and offsets, whatever the role. Sets, as in `strict`.

    Source: trigger and argument identification after Ji and Grishman (2008); `rel-boundary` of
    universal-ie/UIE.
    """
    tally: Tally = {}
    match_sets(
        tally,
        "entities",
        (("", place(m)) for m in gold.entities),
        (("", place(m)) for m in predicted.entities),
    )
    if gold.relations or predicted.relations:
        match_sets(tally, "relations", relation_ends(gold), relation_ends(predicted))
    if gold.events or predicted.events:
        match_sets(
            tally,
            "triggers",
            (("", *item[1:]) for item in trigger_items(gold)),
            (("", *item[1:]) for item in trigger_items(predicted)),
        )
        match_sets(
            tally,
            "arguments",
            ((item[0], item[2]) for item in argument_items(gold)),
            ((item[0], item[2]) for item in argument_items(predicted)),
        )
    return tally


def score_string(gold: Document, predicted: Document) -> Tally:
    """Tally one document by strings, every listing counted and matched at most once.

    Rule: entities (type, text); relations (predicate, subject text, object text), end types and
    qualifiers left out; triggers (event type, text); arguments (event type, role, text). No
    normalisation. The string-level score of corpora without offsets.

    Source: mode `normal` of universal-ie/UIE; the multiset mode of IEPile without its rounding.
    """
    return _match_strings(gold, predicted, match_multisets)


def score_string_set(gold: Document, predicted: Document) -> Tally:
    """Tally one document as `string` does, but each distinct item counts once.

    Source: mode `set` of universal-ie/UIE and of IEPile's evaluation.
    """
    return _match_strings(gold, predicted, match_sets)


def _match_strings(gold: Document, predicted: Document, match: Match) -> Tally:
    tally: Tally = {}
    given = string_items(predicted)
    for section, items in string_items(gold).items():
        match(tally, section, items, given[section])
    return tally


def string_items(document: Document) -> dict[str, list[Item]]:
    """Return the string items of a document by section, repeats included."""
    return {
        "entities": entity_items(document, string_of),
        "relations": relation_ends(document, string_of),
        "triggers": trigger_items(document, string_of),
        "arguments": argument_items(document, string_of),
    }


def place(mention: Located) -> Place:
    """Return what identifies where a mention stands: its offsets, or its string if it has none."""
    return (mention.text, None) if mention.start is None else (mention.start, mention.end)


def has_typed_ends(document: Document) -> bool:
    """Say whether any relation of the document types one of its ends."""
    return any(
        relation.subject.type is not None or relation.object.type is not None
        for relation in document.relations
    )


def string_of(mention: Located) -> str:
    """Return what identifies a mention where offsets do not count: its string."""
    return mention.text


def entity_items(document: Document, of: Key = place) -> list[Item]:
    """Return (type, mention) of each entity, the mention by `of`."""
    return [(m.type or "", of(m)) for m in document.entities]


def relation_items(document: Document, typed: bool, of: Key = place) -> list[Item]:
    """Return (predicate, subject, object, qualifiers) of each relation, ends with their types."""

    def end(entity: Entity) -> Item:
        return (entity.type, of(entity)) if typed else (of(entity),)

    def item(relation: Relation) -> Item:
        slots = frozenset((name, *end(m)) for name, m in relation.qualifiers.items())
        return (relation.type, end(relation.subject), end(relation.object), slots)

    return [item(relation) for relation in document.relations]


def relation_ends(document: Document, of: Key = place) -> list[Item]:
    """Return (predicate, subject, object) of each relation, without types and qualifiers."""
    return [(r.type, of(r.subject), of(r.object)) for r in document.relations]


def trigger_items(document: Document, of: Key = place) -> list[Item]:
    """Return (event type, trigger) of each event that has a trigger."""
    return [(e.type, of(e.trigger)) for e in document.events if e.trigger is not None]


def argument_items(document: Document, of: Key = place) -> list[Item]:
    """Return (event type, role, mention) of each argument of each event."""
    return [(e.type, a.role, of(a)) for e in document.events for a in e.arguments]
