"""DuIE 2.0 and 1.0: JSON lines of facts without any offset, and bare triples.

    {"text": "甲写了《乙》", "spo_list": [{"predicate": "作者", "subject": "乙", "subject_type": "图书作品",
      "object": {"@value": "甲"}, "object_type": {"@value": "人物"}}]}        2.0: further object slots
    {… "object": "甲", "object_type": "人物"}                                  1.0
    [{"text": "…", "triple_list": [["甲", "作者", "乙"]]}]                      types from the schema

Subject and object are located as the closest pair of their occurrences, slots next to the object;
where there was a choice the document says so in an issue. Documents hold relations only: not every
entity of a text stands in a fact, so an entity list made of them would be wrong as gold.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from chinchilla.data import Document, Entity, Issue, Relation
from chinchilla.schema import Schema, builtin_schemas, read_schema

from .catalogue import document_meta
from .locate import Span, closest_pair, nearest, spans_of, trimmed
from .report import Place, Report
from .source import read_objects

_VALUE = "@value"


class _Fact(msgspec.Struct):
    predicate: str
    subject: str
    object: dict[str, str] | str
    subject_type: str | None = None
    object_type: dict[str, str] | str | None = None


class _Record(msgspec.Struct):
    text: str
    spo_list: list[_Fact] = []
    triple_list: list[tuple[str, str, str]] = []


def read(
    paths: Iterable[str | Path], report: Report, *, name: str = "duie", encoding: str = "utf-8"
) -> Iterator[Document]:
    """Yield a document per record; a record without facts is legal."""
    schema = read_schema(name) if name in builtin_schemas() else None
    for path in map(str, paths):
        meta = document_meta(name, path)
        stem = Path(path).stem
        records = read_objects(
            [path],
            report,
            _Record,
            expected='{"text": …, "spo_list": [{"predicate", "subject", "object", …}]} a line',
            encoding=encoding,
            once=(b'"text"', b'"spo_list"', b'"triple_list"'),
        )
        for place, ordinal, record in records:
            facts = record.spo_list or [_fact(schema, *triple) for triple in record.triple_list]
            builder = Facts(record.text, report, place)
            for fact in facts:
                builder.add(fact)
            yield Document(
                f"{name}-{stem}-{ordinal}",
                record.text,
                relations=tuple(builder.relations),
                issues=tuple(builder.issues),
                meta=meta,
            )


def _fact(schema: Schema | None, subject: str, predicate: str, object: str) -> _Fact:
    """Give a bare triple the types that the schema declares for its predicate, if they are one."""
    declared = [item for item in schema.relations if item.name == predicate] if schema else []
    if len(declared) != 1:
        return _Fact(predicate, subject, object)
    return _Fact(predicate, subject, object, declared[0].subject, declared[0].object)


class Facts:
    """Gathers the relations of one text, locating their strings."""

    def __init__(self, text: str, report: Report, place: Place) -> None:
        self.text = text
        self.report = report
        self.place = place
        self.relations: list[Relation] = []
        self.issues: list[Issue] = []
        self._seen: set[tuple[object, ...]] = set()
        self._spans: dict[str, tuple[list[Span], bool]] = {}

    def add(self, fact: _Fact) -> None:
        """Locate and keep one fact; a repetition is dropped and counted."""
        slots = fact.object if isinstance(fact.object, dict) else {_VALUE: fact.object}
        types = fact.object_type
        kinds = types if isinstance(types, dict) else {_VALUE: types or None}
        key = (fact.predicate, fact.subject, fact.subject_type, *slots.items(), *kinds.items())
        if key in self._seen:
            self.report.drop("repeated fact", self.place, f"{fact.subject} {fact.predicate}")
            return
        self._seen.add(key)
        value, _ = trimmed(slots.get(_VALUE, ""), None)
        subject, _ = trimmed(fact.subject, None)
        if not value or not subject:
            self.report.drop("fact without subject or object", self.place, fact.predicate)
            return
        self._add(fact, subject, value, slots, kinds)

    def _add(
        self,
        fact: _Fact,
        subject: str,
        value: str,
        slots: dict[str, str],
        kinds: dict[str, str] | dict[str, str | None],
    ) -> None:
        where = f"relations[{len(self.relations)}]"
        subject_spans = self._find(subject)
        object_spans = self._find(value)
        subject_span = subject_spans[0] if subject_spans else None
        object_span = object_spans[0] if object_spans else None
        if subject_spans and object_spans:
            subject_span, object_span = closest_pair(subject_spans, object_spans)
        anchor = object_span or subject_span or (0, 0)
        qualifiers = {}
        for slot, content in slots.items():
            content = content.strip()
            if slot == _VALUE or not content:
                continue
            spans = self._find(content)
            span = nearest(spans, anchor[0]) if spans else None
            qualifiers[slot] = self._entity(
                kinds.get(slot), content, span, len(spans), f"{where}.qualifiers.{slot}"
            )
        self.relations.append(
            Relation(
                fact.predicate,
                self._entity(
                    fact.subject_type, subject, subject_span, len(subject_spans), f"{where}.subject"
                ),
                self._entity(
                    kinds.get(_VALUE), value, object_span, len(object_spans), f"{where}.object"
                ),
                qualifiers,
            )
        )

    def _find(self, mention: str) -> list[Span]:
        found = self._spans.get(mention)
        if found is None:
            found = self._spans[mention] = spans_of(self.text, mention)
            if found[1] and found[0]:
                self.report.note("found after folding case, width or blanks", self.place, mention)
        return found[0]

    def _entity(
        self, kind: str | None, mention: str, span: Span | None, count: int, where: str
    ) -> Entity:
        if span is None:
            self.report.note("mention not in the text", self.place, repr(mention))
            self.issues.append(Issue("ungrounded", f"{mention!r} is not in the text", where))
            return Entity(kind, mention, None, None, status="none")
        start, end = span
        if count > 1:
            self.report.note("one of several occurrences chosen", self.place, repr(mention))
            detail = (
                f"{mention!r} occurs {count} times; the place nearest to the other end is given"
            )
            self.issues.append(Issue("ambiguous", detail, where))
        return Entity(kind, self.text[start:end], start, end)
