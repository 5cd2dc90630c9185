"""The rules by which other systems report: IEPile, universal-ie, GPLinker, Doc2EDAG, CLUENER."""

import unicodedata
from collections import Counter
from collections.abc import Callable, Collection
from functools import lru_cache

import msgspec

from ...data.documents import Document, Event
from .exact import (
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
from .matching import (
    Item,
    Match,
    match_all_equal,
    match_many,
    match_multisets,
    match_sets,
    row_of,
)
from .scorer import Tally, grouped, macro_rows


def score_iepile(gold: Document, predicted: Document) -> Tally:
    """Tally one document as IEPile's evaluation does in mode `normal`.

    Rule: strings alone: (text, type), (subject, predicate, object), (event type, trigger) and
    (event type, role, argument); each gold listing is matched once. An event without a trigger
    has the trigger "". A predicted argument `NAN` is dropped, and nothing else. A completion that
    does not parse gives no prediction. Precision and recall, in per cent, are rounded to two
    decimals before F1.

    Source: zjunlp/IEPile at 933918d, `ie2instruction/eval_func.py` and `ie2instruction/eval`
    (`metric/metric.py` for the rounding, `extracter/ee_extracter.py` for NAN).
    """
    tally: Tally = {}
    for section in ("entities", "relations"):
        match_multisets(tally, section, *(string_items(d)[section] for d in (gold, predicted)))
    match_multisets(tally, "triggers", _iepile_triggers(gold), _iepile_triggers(predicted))
    given = [item for item in argument_items(predicted, string_of) if item[2] != "NAN"]
    match_multisets(tally, "arguments", argument_items(gold, string_of), given)
    return tally


def _iepile_triggers(document: Document) -> list[Item]:
    return [(event.type, event.trigger.text if event.trigger else "") for event in document.events]


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
    `evt-role` (type, role, mention); the record score (type, trigger, all arguments with their
    repeats) as `events`. Mode `set` counts distinct items and has no record score, `normal` each
    listing with gold matched once, `multimatch` each listing with gold matched any number of
    times; of records the first right one takes all gold ones that equal it. A record is headed by
    its trigger: events without one are left out. Qualifiers have no place in it.

    Source: universal-ie/UIE at c88dd08, `uie/extraction/scorer.py`.
    """
    tally: Tally = {}
    gold, predicted = _with_triggers(gold), _with_triggers(predicted)
    match(tally, "entities", entity_items(gold, of), entity_items(predicted, of))
    asked, given = _typed_relations(gold, of), _typed_relations(predicted, of)
    match(tally, "relations", asked, given)
    match(tally, "relation ends", relation_ends(gold, of), relation_ends(predicted, of))
    match(tally, "triggers", trigger_items(gold, of), trigger_items(predicted, of))
    match(tally, "arguments", argument_items(gold, of), argument_items(predicted, of))
    if match is not match_sets:
        take = match_all_equal if match is match_many else match_multisets
        take(tally, "events", _records(gold, of), _records(predicted, of))
    return tally


def _with_triggers(document: Document) -> Document:
    if all(event.trigger for event in document.events):
        return document
    events = tuple(event for event in document.events if event.trigger)
    return msgspec.structs.replace(document, events=events)


def _typed_relations(document: Document, of: Key) -> list[Item]:
    return [item[:3] for item in relation_items(document, True, of)]


def _records(document: Document, of: Key) -> list[Item]:
    """Return (type, trigger, arguments as a multiset) of each event that has a trigger."""
    return [
        (e.type, of(e.trigger), frozenset(Counter((a.role, of(a)) for a in e.arguments).items()))
        for e in document.events
        if e.trigger is not None
    ]


def score_gplinker(gold: Document, predicted: Document) -> Tally:
    """Tally relations and events as the GPLinker scripts do.

    Rule: a relation is right if predicate and the words of subject and object are equal (see
    `bert_words`); an argument if event type, role, string and start are, whatever the trigger; an
    event (section `events`) if type, trigger and all arguments with their repeats are. Sets
    throughout; events without a trigger are not counted as events. Sums start at 1e-10, so
    precision of no prediction and recall of no gold are 1.

    Source: bojone/GPLinker at 461fb1f, `duie_v1.py` and `duee_v1.py`.
    """
    tally: Tally = {}
    match_sets(tally, "relations", _word_triples(gold), _word_triples(predicted))
    match_sets(tally, "arguments", argument_items(gold), argument_items(predicted))
    match_sets(tally, "events", _records(gold, place), _records(predicted, place))
    return tally


def _word_triples(document: Document) -> list[Item]:
    return [
        (kind, bert_words(subject), bert_words(object))
        for kind, subject, object in relation_ends(document, string_of)
    ]


@lru_cache(maxsize=1 << 16)
def bert_words(text: str) -> tuple[str, ...]:
    """Return the words into which a lower-casing BERT divides a string before its word pieces.

    Rule: lower case; accents off (NFD without category Mn); hanzi and punctuation are words of
    their own; control and format characters are dropped; white space divides. Equal words mean
    equal pieces in every vocabulary.

    Source: bojone/bert4keras, `bert4keras/tokenizers.py`, `Tokenizer(do_lower_case=True)`.
    """
    text = unicodedata.normalize("NFD", " ".join(text.split()).lower())
    return tuple("".join(map(_spaced, text)).split())


def _spaced(character: str) -> str:
    kind = unicodedata.category(character)
    if kind == "Mn":
        return ""
    if kind[0] == "P" or character in _ASCII_MARKS or _is_hanzi(ord(character)):
        return f" {character} "
    if kind == "Zs":
        return " "
    return "" if kind in ("Cc", "Cf") or character == "\ufffd" else character


_ASCII_MARKS = frozenset("$+<=>^`|~")  # the ASCII marks whose category is not punctuation
_HANZI = (
    (0x3400, 0x4DBF),
    (0x4E00, 0x9FFF),
    (0xF900, 0xFAFF),
    (0x20000, 0x2A6DF),
    (0x2A700, 0x2CEAF),
    (0x2F800, 0x2FA1F),
)


def _is_hanzi(code: int) -> bool:
    return any(low <= code <= high for low, high in _HANZI)


def score_doc2edag(gold: Document, predicted: Document) -> Tally:
    """Tally the role slots of one document as Doc2EDAG, DocEE and ProcNet do.

    Rule: a role is a slot that holds one string: of several arguments the last. Each predicted
    event, those with most filled slots first, takes without replacement the gold event of its type
    with most equal slots (the first of them on a tie), where slots empty on both sides are equal
    too. A slot filled on both sides with the same string is right; one filled otherwise is a wrong
    prediction and a missed gold slot; empty slots do not count. The macro mean is over the roles of
    each event type first, then over event types, those of gold or predictions; a type without
    arguments has 0, and a role that neither side fills is in no mean.

    Source: dolphin-zs/Doc2EDAG at da4f4bc, `dee/dee_metric.py`, `measure_event_table_filling`.
    """
    return _score_slots(gold, predicted, _last_string)


def score_role_slots(gold: Document, predicted: Document) -> Tally:
    """Tally role slots as `doc2edag` does, but let a slot hold all its strings.

    Rule: slots that share a string are equal. Ours, for corpora whose roles have several fillers.
    """
    return _score_slots(gold, predicted, _all_strings)


Slots = dict[str, frozenset[str]]


def _last_string(event: Event) -> Slots:
    return {argument.role: frozenset([argument.text]) for argument in event.arguments}


def _all_strings(event: Event) -> Slots:
    slots: Slots = {}
    for argument in event.arguments:
        slots[argument.role] = slots.get(argument.role, frozenset()) | {argument.text}
    return slots


def _score_slots(gold: Document, predicted: Document, of: Callable[[Event], Slots]) -> Tally:
    tally: Tally = {}
    waiting: dict[str, list[Slots]] = {}
    for event in gold.events:
        slots = of(event)
        waiting.setdefault(event.type, []).append(slots)
        _add_slots(tally, event.type, slots, 0)
    given = [(event.type, of(event)) for event in predicted.events]
    for kind, slots in sorted(given, key=lambda pair: len(pair[1]), reverse=True):
        _add_slots(tally, kind, slots, 1)
        candidates = waiting.get(kind)
        if candidates:
            equal = [_equal_slots(slots, candidate) for candidate in candidates]
            # All roles of the type but those that one of the two fills are empty in both.
            alike = [
                len(found) - len(slots.keys() | candidate.keys())
                for found, candidate in zip(equal, candidates, strict=True)
            ]
            best = alike.index(max(alike))
            del candidates[best]
            _add_slots(tally, kind, equal[best], 2, 3)
    return tally


def _add_slots(tally: Tally, kind: str, roles: Collection[str], *columns: int) -> None:
    """Count roles in these columns of the type's row, and of the row that macro means are of."""
    row = row_of(tally, "arguments", kind)
    if not roles and columns != (2, 3):
        row_of(tally, macro_rows("arguments"), grouped(kind, ""))[0] += 1
    for role in roles:
        own = row_of(tally, macro_rows("arguments"), grouped(kind, role))
        for column in columns:
            row[column] += 1
            own[column] += 1


def _equal_slots(one: Slots, two: Slots) -> list[str]:
    return [role for role, texts in one.items() if texts & two.get(role, frozenset())]


def score_cluener(gold: Document, predicted: Document) -> Tally:
    """Tally the entities of one document as the two programs of CLUENER2020 do.

    Rule of the macro mean, which is the leaderboard's figure: F1 of each type over distinct
    (type, string) of a document, then the mean over the types of gold (ten in CLUENER).
    Rule of the other figures, those of the baselines: every listing of (type, start, end), right
    if gold has it, so a right span given twice is right twice.

    Source: CLUEbenchmark/CLUENER2020 at 2e8fccd, `score.py` for the macro mean and
    `bilstm_crf_pytorch/ner_metrics.py` (`SpanEntityScore`) for the rest.
    """
    tally: Tally = {}
    match_many(tally, "entities", entity_items(gold), entity_items(predicted))
    strings = (entity_items(document, string_of) for document in (gold, predicted))
    match_sets(tally, macro_rows("entities"), *strings)
    return tally
