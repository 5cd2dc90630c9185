"""The plain scorers: exact offsets (`strict`, `boundary`) and equal strings (`string`)."""

from collections.abc import Callable, Iterable

from ..data import Document, Entity, Located, Relation
from .counts import Tally
from .matching import Item, match_multisets, match_sets

Place = tuple[int | str | None, int | None]


def score_strict(gold: Document, predicted: Document) -> Tally:
    """Tally one document by type and offsets: the score to report unless a task fixes another.

    Rule: an entity is right if type, start and end are; a relation if its predicate, the types
    and offsets of both ends and all its qualifiers are; a trigger if event type and offsets are;
    an argument if event type, role and offsets are, whatever the trigger. Items are sets: the
    same item twice counts once. A mention without offsets is compared by its string and never
    equals one that has them. Where no gold relation of a document types its ends, end types are
    not compared.

    Source: CoNLL-2003 for entities; `rel-strict`, `evt-trigger` and `evt-role` on offsets of
    universal-ie/UIE (`uie/extraction/scorer.py`) for the rest.
    """
    tally: Tally = {}
    match_sets(tally, "entities", _entities(gold), _entities(predicted))
    if gold.relations or predicted.relations:
        typed = has_typed_ends(gold)
        match_sets(tally, "relations", _relations(gold, typed), _relations(predicted, typed))
    if gold.events or predicted.events:
        match_sets(tally, "triggers", _triggers(gold, place), _triggers(predicted, place))
        match_sets(tally, "arguments", _arguments(gold, place), _arguments(predicted, place))
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
        match_sets(tally, "relations", _bare_relations(gold), _bare_relations(predicted))
    if gold.events or predicted.events:
        match_sets(
            tally,
            "triggers",
            (("", *item[1:]) for item in _triggers(gold, place)),
            (("", *item[1:]) for item in _triggers(predicted, place)),
        )
        match_sets(
            tally,
            "arguments",
            ((item[0], item[2]) for item in _arguments(gold, place)),
            ((item[0], item[2]) for item in _arguments(predicted, place)),
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


Match = Callable[[Tally, str, Iterable[Item], Iterable[Item]], None]


def _match_strings(gold: Document, predicted: Document, match: Match) -> Tally:
    tally: Tally = {}
    given = string_items(predicted)
    for section, items in string_items(gold).items():
        match(tally, section, items, given[section])
    return tally


def string_items(document: Document) -> dict[str, list[Item]]:
    """Return the string items of a document by section, repeats included."""
    return {
        "entities": [(m.type or "", m.text) for m in document.entities],
        "relations": [(r.type, r.subject.text, r.object.text) for r in document.relations],
        "triggers": list(_triggers(document, _text)),
        "arguments": list(_arguments(document, _text)),
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


def _text(mention: Located) -> str:
    return mention.text


def _entities(document: Document) -> Iterable[Item]:
    return [(m.type or "", place(m)) for m in document.entities]


def _relations(document: Document, typed: bool) -> Iterable[Item]:
    def end(entity: Entity) -> Item:
        return (entity.type, place(entity)) if typed else (place(entity),)

    def item(relation: Relation) -> Item:
        slots = frozenset((name, *end(m)) for name, m in relation.qualifiers.items())
        return (relation.type, end(relation.subject), end(relation.object), slots)

    return [item(relation) for relation in document.relations]


def _bare_relations(document: Document) -> Iterable[Item]:
    return [(r.type, place(r.subject), place(r.object)) for r in document.relations]


def _triggers(document: Document, of: Callable[[Located], object]) -> Iterable[Item]:
    return [(e.type, of(e.trigger)) for e in document.events if e.trigger is not None]


def _arguments(document: Document, of: Callable[[Located], object]) -> Iterable[Item]:
    return [(e.type, a.role, of(a)) for e in document.events for a in e.arguments]
