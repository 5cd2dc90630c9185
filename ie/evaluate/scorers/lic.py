"""The rules of Baidu's competitions: DuIE relations, DuEE 1.0 and DuEE-fin events.

All compare strings; offsets play no part.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from ...data.documents import Document, Event, Relation
from ...errors import InputError
from .matching import row_of
from .scorer import Tally

Aliases = Mapping[str, frozenset[str]]
Fact = tuple[str, str, frozenset[tuple[str, str]]]  # predicate, subject, {(slot, object)}

_NO_ALIASES: Aliases = {}


def score_duie(gold: Document, predicted: Document, aliases: Aliases = _NO_ALIASES) -> Tally:
    """Tally the relations of one document by the official DuIE rule.

    Rule: strings are lower-cased and stripped of enclosing 《》; a relation is right if predicate,
    subject and every slot of the object (`@value` and the qualifiers, no more, no fewer) are
    right, up to the alias dictionary. Duplicates up to aliases are removed on both sides.
    Precision counts right predictions, recall found gold relations: two numerators. End types are
    not compared.

    `aliases` maps a lower-case name to its other names; the competition's dictionary was never
    released, and without one scores are some points lower. Of documents with equal texts the last
    stands for all, as there (`Scorer.once_a_text`).

    Source: Baidu, `KG/DuIE_Baseline/script/re_official_evaluation.py` at 46593e1; the same file is
    in PaddleNLP, examples/information_extraction/DuIE. It prints four decimals; nothing is rounded
    here.
    """
    tally: Tally = {}
    if not aliases:
        asked, given = set(_facts(gold)), set(_facts(predicted))
        for fact in asked:
            row = row_of(tally, "relations", fact[0])
            row[0] += 1
            row[3] += fact in given
        for fact in given:
            row = row_of(tally, "relations", fact[0])
            row[1] += 1
            row[2] += fact in asked
        return tally
    listed = list(dict.fromkeys(_facts(predicted)))
    asked_for, distinct = _distinct(list(_facts(gold)), aliases), _distinct(listed, aliases)
    for fact in asked_for:
        row = row_of(tally, "relations", fact[0])
        row[0] += 1
        row[3] += _holds(listed, fact, aliases)
    for fact in distinct:
        row = row_of(tally, "relations", fact[0])
        row[1] += 1
        row[2] += _holds(asked_for, fact, aliases)
    return tally


def _facts(document: Document) -> Iterator[Fact]:
    for relation in document.relations:
        yield (relation.type, _folded(relation.subject.text), frozenset(_slots(relation)))


def _slots(relation: Relation) -> Iterator[tuple[str, str]]:
    yield "@value", _folded(relation.object.text)
    for name, mention in relation.qualifiers.items():
        yield name, _folded(mention.text)


def _folded(text: str) -> str:
    text = text.lower()
    return text[1:-1] if text.startswith("《") and text.endswith("》") else text


def _distinct(facts: list[Fact], aliases: Aliases) -> list[Fact]:
    kept: list[Fact] = []
    for fact in facts:
        if not _holds(kept, fact, aliases):
            kept.append(fact)
    return kept


def _holds(facts: list[Fact], wanted: Fact, aliases: Aliases) -> bool:
    predicate, subject, object = wanted
    if wanted in facts:
        return True
    return any(
        name == predicate
        and _names(subject, other, aliases)
        and _same_objects(dict(object), dict(slots), aliases)
        for name, other, slots in facts
    )


def _same_objects(one: dict[str, str], two: dict[str, str], aliases: Aliases) -> bool:
    return one.keys() == two.keys() and all(
        _names(text, two[slot], aliases) and _names(two[slot], text, aliases)
        for slot, text in one.items()
    )


def _names(text: str, other: str, aliases: Aliases) -> bool:
    return other == text or other in aliases.get(text, ())


def score_duee(gold: Document, predicted: Document) -> Tally:
    """Tally the arguments of one document as the task description of DuEE 1.0 words it.

    No program was released, so this is a reading of that text. What is counted: arguments, each by
    the share of its characters that are right, not spans.

    Rule: a predicted argument scores the best F1 between its characters (with repeats, lower
    case) and those of a gold argument of the same event type and role, or of one of its other
    wordings; 0 if there is none. Precision is the sum over the predicted arguments, recall the
    same sum over the gold arguments. Triggers and offsets do not count. Other wordings are read
    from `meta["aliases"]` of the gold document, by path such as `events[0].arguments[1]`.

    The published wording lets one gold argument be matched any number of times; the sum is capped
    at the number of gold arguments of the type in the document, so that recall stays within 1.

    Source: task description of LIC2020/2021 event extraction (aistudio.baidu.com, competitions 32
    and 65); no code was released.
    """
    tally: Tally = {}
    wordings: dict[tuple[str, str], list[str]] = {}
    others = other_wordings(gold)
    for i, event in enumerate(gold.events):
        for j, argument in enumerate(event.arguments):
            row_of(tally, "arguments", event.type)[0] += 1
            known = wordings.setdefault((event.type, argument.role), [])
            known += [argument.text, *others.get(f"events[{i}].arguments[{j}]", ())]
    for event in predicted.events:
        for argument in event.arguments:
            row = row_of(tally, "arguments", event.type)
            row[1] += 1
            known = wordings.get((event.type, argument.role), [])
            row[2] += max((character_f1(argument.text, text) for text in known), default=0.0)
    for row in tally.values():
        row[3] = min(row[2], row[0])
    return tally


def other_wordings(document: Document) -> Mapping[str, Sequence[str]]:
    """Return the other wordings of arguments, by path such as `events[0].arguments[1]`.

    Raises:
        InputError: `meta["aliases"]` is no mapping of paths to lists of strings.
    """
    found = document.meta.get("aliases") or {}
    try:
        return msgspec.convert(found, dict[str, list[str]])
    except msgspec.ValidationError as error:
        raise InputError(
            f"document {document.id!r}: meta.aliases: {error}; expected lists of names by path, "
            "such as {'events[0].arguments[1]': ['雀巢集团']}"
        ) from None


def character_f1(one: str, two: str) -> float:
    """Return the F1 of shared characters, as multisets and in lower case: 1 for equal strings."""
    if one == two:
        return 1.0
    one, two = one.lower(), two.lower()
    shared = (Counter(one) & Counter(two)).total()
    return 2 * shared / (len(one) + len(two)) if shared else 0.0


def score_duee_fin(gold: Document, predicted: Document) -> Tally:
    """Tally the arguments of one document as the task description of DuEE-fin words it.

    No program was released, so this is a reading of that text. What is counted: distinct (role,
    string) pairs of each event, not spans, role slots or triggers.

    Rule: each gold event in turn takes, without replacement, the predicted event of its type that
    shares most (role, string) pairs with it; pairs shared by matched events are right, all other
    pairs on either side are not. Of equally good candidates the one with fewest other pairs is
    taken, then the first: the published wording leaves that open.

    Source: task description of LIC2021 document-level event extraction (aistudio.baidu.com,
    competition 65); no code was released.
    """
    tally: Tally = {}
    given: dict[str, list[frozenset[tuple[str, str]]]] = {}
    for event in predicted.events:
        pairs = _pairs(event)
        given.setdefault(event.type, []).append(pairs)
        row_of(tally, "arguments", event.type)[1] += len(pairs)
    for event in gold.events:
        pairs = _pairs(event)
        row = row_of(tally, "arguments", event.type)
        row[0] += len(pairs)
        candidates = given.get(event.type)
        if candidates:
            best = max(
                range(len(candidates)),
                key=lambda i: (len(pairs & candidates[i]), -len(candidates[i]), -i),
            )
            right = len(pairs & candidates.pop(best))
            row[2] += right
            row[3] += right
    return tally


def _pairs(event: Event) -> frozenset[tuple[str, str]]:
    return frozenset((argument.role, argument.text) for argument in event.arguments)
