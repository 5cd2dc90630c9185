"""Rules that one annotated document should keep. Each breach is a suspect; nothing is changed here.

The documents need not be sound: offsets may point anywhere. Hanzi are not cut into words: of borders
inside a word only Latin words and numbers are told, for segmenters disagree with annotators too often.
"""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from chinchilla.instructions.quality import QualityRules, text_faults

from ..data.documents import Document, Located, iter_mentions
from ..data.schema import Schema
from .suspects import Suspect, suspect

_NUMBER = r"\d+(?:,\d{3})*(?:[.．]\d+)?"
_WORD = re.compile(rf"{_NUMBER}|[A-Za-zＡ-Ｚａ-ｚ]+(?:['’][A-Za-z]+)*")
# Two words in lower case after one another say that it is no name.
_ENGLISH = re.compile(r"[A-Za-z]+(?:['’-][A-Za-z]+)*(?:[ ,]+[A-Za-z]+(?:['’-][A-Za-z]+)*){2,}")
_LOWER = re.compile(r"\b[a-z]{2,}\b")
_MARKUP = re.compile(r"</?[A-Za-z][^<>\n]{0,40}>|&(?:[a-z]{2,6}|#\d{2,5});|[⟦⟧]")


@dataclass(frozen=True)
class RuleLimits(QualityRules):
    """What is asked of documents, and the most characters of a mention."""

    longest_mention: int = 60


def find_suspects(
    document: Document, schema: Schema | None = None, limits: RuleLimits = RuleLimits()
) -> list[Suspect]:
    """Return all breaches of the rules in one document, those of the text first.

    Types are checked with a schema alone, of the tasks that it declares; the language only where
    `meta.lang` is zh or not given.
    """
    found = [*_of_the_text(document, limits)]
    for where, mention in iter_mentions(document):
        found += _of_a_mention(document.text, where, mention, limits)
    found += _of_entities(document)
    found += _given_twice(document)
    for i, relation in enumerate(document.relations):
        ends = (relation.subject, relation.object)
        if ends[0].text == ends[1].text and ends[0].span == ends[1].span:
            found.append(_at(f"relations[{i}]", relation.type, ends[0], "subject is object"))
    if schema is not None:
        found += _of_the_schema(document, schema)
    return found


def _at(where: str, label: str, mention: Located, rule: str, detail: str = "") -> Suspect:
    return suspect(rule, where, detail, label=label, text=mention.text, span=mention.span)


def _of_the_text(document: Document, limits: RuleLimits) -> Iterator[Suspect]:
    text = document.text
    faults = list(text_faults(document, limits))
    for fault in faults:
        yield suspect(fault.rule, detail=fault.detail, span=fault.span)
    if markup := _MARKUP.search(text):
        yield suspect("markup left", detail=markup.group(), span=markup.span())
    if document.meta.get("lang", "zh") != "zh" or "not Chinese" in (f.rule for f in faults):
        return
    for run in _ENGLISH.finditer(text):
        if len(_LOWER.findall(run.group())) >= 2:
            yield suspect("untranslated", detail=run.group()[:60], span=run.span())
            return


def _of_a_mention(text: str, where: str, mention: Located, limits: RuleLimits) -> Iterator[Suspect]:
    label = str(getattr(mention, "type", None) or getattr(mention, "role", ""))
    if not mention.text.strip():
        yield _at(where, label, mention, "empty mention")
        return
    span = mention.span
    if mention.text != mention.text.strip():
        yield _at(where, label, mention, "blank at a border")
    if len(mention.text) > limits.longest_mention:
        yield _at(where, label, mention, "long mention", f"{len(mention.text)} characters")
    if span is None:
        if mention.start is not None or mention.end is not None:
            yield _at(where, label, mention, "span mismatch", "one of the offsets is missing")
        elif mention.text in text:
            yield _at(where, label, mention, "unlocated")
        elif ".arguments[" not in where:
            # An argument may be a value of a list, which the text need not hold.
            yield _at(where, label, mention, "not in the text")
    elif not 0 <= span[0] < span[1] or text[span[0] : span[1]] != mention.text:
        there = text[max(span[0], 0) : max(span[1], 0)]
        yield _at(where, label, mention, "span mismatch", f"the text has {there[:40]!r} there")
    elif cut := _cut_word(text, *span):
        yield _at(where, label, mention, "border inside a word", f"inside {cut!r}")


def _cut_word(text: str, start: int, end: int) -> str:
    """Return the number or Latin word that a border cuts, or nothing."""
    low, high = max(0, start - 40), end + 40
    for word in _WORD.finditer(text, low, min(high, len(text))):
        if word.start() < start < word.end() or word.start() < end < word.end():
            return word.group()
    return ""


def _of_entities(document: Document) -> Iterator[Suspect]:
    types: dict[tuple[int, int], set[str | None]] = {}
    for i, entity in enumerate(document.entities):
        if entity.span is None:
            continue
        before = types.setdefault(entity.span, set())
        if before and entity.type not in before:
            others = "、".join(sorted(map(str, before)))
            yield _at(f"entities[{i}]", entity.type or "", entity, "two types", f"{others} as well")
        before.add(entity.type)
    order = sorted(
        (e.span, i) for i, e in enumerate(document.entities) if e.span and e.span[0] < e.span[1]
    )
    for n, ((start, end), i) in enumerate(order):
        for (other, last), j in order[n + 1 :]:
            if other >= end:
                break
            if start < other < end < last:
                one, two = document.entities[i], document.entities[j]
                yield _at(
                    f"entities[{j}]", two.type or "", two, "crossing", f"crosses {one.text!r}"
                )


def _given_twice(document: Document) -> Iterator[Suspect]:
    seen: Counter[object] = Counter()
    for i, entity in enumerate(document.entities):
        key: object = ("entity", entity.type, entity.text, entity.span)
        if seen[key]:
            yield _at(f"entities[{i}]", entity.type or "", entity, "given twice")
        seen[key] += 1
    for i, relation in enumerate(document.relations):
        key = ("relation", repr(relation))
        if seen[key]:
            yield _at(f"relations[{i}]", relation.type, relation.subject, "given twice")
        seen[key] += 1
    for i, event in enumerate(document.events):
        key = ("event", repr(event))
        if seen[key]:
            shown = event.trigger or next(iter(event.arguments), None)
            more: dict[str, Any] = {"text": shown.text, "span": shown.span} if shown else {}
            yield suspect("given twice", f"events[{i}]", label=event.type, **more)
        seen[key] += 1


def _of_the_schema(document: Document, schema: Schema) -> Iterator[Suspect]:
    outside = "type outside the schema"
    if schema.entities:
        names = {entity.name for entity in schema.entities}
        for i, entity in enumerate(document.entities):
            if entity.type not in names:
                yield _at(f"entities[{i}]", entity.type or "", entity, outside)
    for i, relation in enumerate(document.relations if schema.relations else ()):
        where, subject, object = f"relations[{i}]", relation.subject, relation.object
        named = [r for r in schema.relations if relation.type in (r.name, r.label)]
        if not named:
            yield _at(where, relation.type, subject, outside)
            continue
        ends = f"{subject.type}→{object.type}"
        if schema.relation_label(named[0].name, subject.type, object.type) is None:
            yield _at(where, relation.type, subject, "ends outside the schema", ends)
        slots = {slot for one in named for slot in one.qualifiers}
        for slot, entity in relation.qualifiers.items():
            if slot not in slots:
                yield _at(f"{where}.qualifiers.{slot}", slot, entity, "role outside the schema")
    events = {event.name: event for event in schema.events}
    for i, event in enumerate(document.events if schema.events else ()):
        declared = events.get(event.type)
        if declared is None:
            shown = event.trigger
            more: dict[str, Any] = {"text": shown.text, "span": shown.span} if shown else {}
            yield suspect(outside, f"events[{i}]", label=event.type, **more)
            continue
        for j, argument in enumerate(event.arguments):
            if argument.role not in declared.role_by_name:
                where = f"events[{i}].arguments[{j}]"
                yield _at(where, argument.role, argument, "role outside the schema")
