"""The rules by which other systems report: IEPile, universal-ie, GPLinker, Doc2EDAG, CLUENER."""

from ...data.documents import Document, Event
from .counts import Tally
from .matching import Item, Match, match_many, match_multisets, match_sets, row_of
from .spans import (
    Key,
    argument_items,
    entity_items,
    place,
    relation_ends,
    relation_items,
    string_items,
    string_of,
    trigger_items,
)


def score_iepile(gold: Document, predicted: Document) -> Tally:
    """Tally one document as IEPile's evaluation does.

    Rule: strings alone: (text, type), (subject, predicate, object), (type, trigger) and (type,
    role, argument); each gold listing is matched once; the value `NAN` is dropped. A completion
    that does not parse gives no prediction. Precision and recall, in per cent, are rounded to two
    decimals before F1.

    Source: `ie2instruction/eval` of zjunlp/IEPile (`eval/metric/metric.py` for the rounding).
    """
    tally: Tally = {}
    given = string_items(predicted)
    for section, items in string_items(gold).items():
        match_multisets(tally, section, _not_nan(items), _not_nan(given[section]))
    return tally


IEPILE_DECIMALS = 4  # two decimals of a percentage


def _not_nan(items: list[Item]) -> list[Item]:
    return [item for item in items if "NAN" not in item[1:]]


def score_uie_offset_set(gold: Document, predicted: Document) -> Tally:
    """Tally one document by offsets as universal-ie does in mode `set`; see `_score_uie`."""
    return _score_uie(gold, predicted, place, match_sets)


def score_uie_offset_normal(gold: Document, predicted: Document) -> Tally:
    """Tally one document by offsets as universal-ie does in mode `normal`; see `_score_uie`."""
    return _score_uie(gold, predicted, place, match_multisets)


def score_uie_offset_multimatch(gold: Document, predicted: Document) -> Tally:
    """Tally one document by offsets as universal-ie does in mode `multimatch`."""
    return _score_uie(gold, predicted, place, match_many)


def score_uie_string_set(gold: Document, predicted: Document) -> Tally:
    """Tally one document by strings as universal-ie does in mode `set`; see `_score_uie`."""
    return _score_uie(gold, predicted, string_of, match_sets)


def score_uie_string_normal(gold: Document, predicted: Document) -> Tally:
    """Tally one document by strings as universal-ie does in mode `normal`; see `_score_uie`."""
    return _score_uie(gold, predicted, string_of, match_multisets)


def score_uie_string_multimatch(gold: Document, predicted: Document) -> Tally:
    """Tally one document by strings as universal-ie does in mode `multimatch`."""
    return _score_uie(gold, predicted, string_of, match_many)


def _score_uie(gold: Document, predicted: Document, of: Key, match: Match) -> Tally:
    """Tally entities, relations with and without end types, triggers, arguments, whole events.

    Rule: `ent` (type, mention); `rel-strict` (predicate, both ends with types) as `relations`;
    `rel-boundary` (predicate, both ends) as `relation ends`; `evt-trigger` (type, mention);
    `evt-role` (type, role, mention); the record score (type, trigger, all arguments) as `events`.
    Mode `set` counts distinct items, `normal` each listing with gold matched once, `multimatch`
    each listing with gold matched any number of times. Qualifiers have no place in it.

    Source: `uie/extraction/scorer.py` of universal-ie/UIE.
    """
    tally: Tally = {}
    match(tally, "entities", entity_items(gold, of), entity_items(predicted, of))
    asked, given = _typed_relations(gold, of), _typed_relations(predicted, of)
    match(tally, "relations", asked, given)
    match(tally, "relation ends", relation_ends(gold, of), relation_ends(predicted, of))
    match(tally, "triggers", trigger_items(gold, of), trigger_items(predicted, of))
    match(tally, "arguments", argument_items(gold, of), argument_items(predicted, of))
    match(tally, "events", _records(gold, of), _records(predicted, of))
    return tally


def _typed_relations(document: Document, of: Key) -> list[Item]:
    return [item[:3] for item in relation_items(document, True, of)]


def _records(document: Document, of: Key) -> list[Item]:
    return [_record(event, of) for event in document.events]


def _record(event: Event, of: Key) -> Item:
    trigger = None if event.trigger is None else of(event.trigger)
    return (event.type, trigger, frozenset((a.role, of(a)) for a in event.arguments))


def score_gplinker(gold: Document, predicted: Document) -> Tally:
    """Tally relations and events as the GPLinker scripts do.

    Rule: a relation is right if predicate, subject and object are equal once white space and case
    are gone (the scripts compare token lists of a lower-casing BERT); an argument if event type,
    role, string and start are, whatever the trigger; an event (section `events`) if type, trigger
    and all arguments are. Sets throughout; events without a trigger are not counted as events.

    Source: bojone/GPLinker (`task_relation_extraction.py`, `task_event_extraction.py`).
    """
    tally: Tally = {}
    match_sets(tally, "relations", _token_triples(gold), _token_triples(predicted))
    match_sets(tally, "arguments", argument_items(gold), argument_items(predicted))
    match_sets(tally, "events", _triggered(gold), _triggered(predicted))
    return tally


def _token_triples(document: Document) -> list[Item]:
    return [
        (kind, "".join(subject.lower().split()), "".join(object.lower().split()))
        for kind, subject, object in relation_ends(document, string_of)
    ]


def _triggered(document: Document) -> list[Item]:
    return [_record(event, place) for event in document.events if event.trigger is not None]


def score_doc2edag(gold: Document, predicted: Document) -> Tally:
    """Tally the role slots of one document as Doc2EDAG and DocEE do.

    Rule: each predicted event, those with most filled roles first, takes without replacement the
    gold event of its type with most equal role slots (the first of them on a tie), where slots
    empty on both sides are equal too. Over matched pairs and what remains, each role slot filled
    on both sides and equal is right; a slot filled otherwise is a wrong prediction and a missed
    gold slot; empty slots do not count. Published slots hold one string; one that several
    arguments fill is equal if one string is shared.

    Source: `dee/dee_metric.py` of dolphin-zs/Doc2EDAG, `measure_event_table_filling`.
    """
    tally: Tally = {}
    waiting: dict[str, list[dict[str, set[str]]]] = {}
    for event in gold.events:
        slots = _slots(event)
        waiting.setdefault(event.type, []).append(slots)
        row_of(tally, "arguments", event.type)[0] += len(slots)
    given = [(event.type, _slots(event)) for event in predicted.events]
    for kind, slots in sorted(given, key=lambda pair: len(pair[1]), reverse=True):
        row = row_of(tally, "arguments", kind)
        row[1] += len(slots)
        candidates = waiting.get(kind)
        if candidates:
            equal = [_equal_slots(slots, candidate) for candidate in candidates]
            # All roles of the type but those that one of the two fills are empty in both.
            alike = [
                count - len(slots.keys() | candidate.keys())
                for count, candidate in zip(equal, candidates, strict=True)
            ]
            best = alike.index(max(alike))
            del candidates[best]
            row[2] += equal[best]
            row[3] += equal[best]
    return tally


def _slots(event: Event) -> dict[str, set[str]]:
    slots: dict[str, set[str]] = {}
    for argument in event.arguments:
        slots.setdefault(argument.role, set()).add(argument.text)
    return slots


def _equal_slots(one: dict[str, set[str]], two: dict[str, set[str]]) -> int:
    return sum(1 for role, texts in one.items() if texts & two.get(role, set()))


def score_cluener(gold: Document, predicted: Document) -> Tally:
    """Tally the entities of one document by type and offsets; the figure is the macro mean.

    Rule: F1 of each type over (type, start, end), then the unweighted mean over the types that
    occur in gold (ten in CLUENER).

    Source: the CLUENER2020 leaderboard (CLUEbenchmark/CLUENER2020).
    """
    tally: Tally = {}
    match_sets(tally, "entities", entity_items(gold), entity_items(predicted))
    return tally
