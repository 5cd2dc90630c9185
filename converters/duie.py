"""DuIE 2.0 and 1.0: JSON lines of facts without any offset, and bare triples.

    {"text": "甲写了《乙》", "spo_list": [{"predicate": "作者", "subject": "乙", "subject_type": "图书作品",
      "object": {"@value": "甲"}, "object_type": {"@value": "人物"}}]}        2.0: further object slots
    {… "object": "甲", "object_type": "人物"}                                  1.0
    [{"text": "…", "triple_list": [["甲", "作者", "乙"]]}]                      types from the schema

Subject and object are located as the closest pair of their occurrences, slots next to the object;
where there was a choice the document says so in an issue. Documents hold relations only: not every
entity of a text stands in a fact, so an entity list made of them would be wrong as gold.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from chinchilla.converters.catalogue import document_meta
from chinchilla.converters.locate import Span, closest_pair, nearest, spans_of
from chinchilla.converters.record_files import read_objects
from chinchilla.converters.report import Place, Report
from chinchilla.data.documents import Document, Entity, Issue, Relation
from chinchilla.data.schema import Schema, builtin_schemas, read_schema

_VALUE = "@value"


class _Fact(msgspec.Struct, gc=False):
    predicate: str
    subject: str
    object: dict[str, str] | str
    subject_type: str | None = None
    object_type: dict[str, str] | str | None = None


class _Record(msgspec.Struct, gc=False):
    text: str
    spo_list: list[_Fact] = []
    triple_list: list[tuple[str, str, str]] = []


def read(
    paths: Iterable[str | Path], report: Report, *, name: str = "duie", encoding: str = "auto"
) -> Iterator[Document]:
    """Yield a document per record; a record without facts is legal."""
    schema = read_schema(name) if name in builtin_schemas() else None
    for path in map(str, paths):
        meta = document_meta(name, path)
        stem = Path(path).stem
        records = read_objects(
            path,
            report,
            _Record,
            expected='{"text": …, "spo_list": [{"predicate", "subject", "object", …}]} a line',
            encoding=encoding,
            once=(b'"text"', b'"spo_list"', b'"triple_list"'),
        )
        for place, ordinal, record in records:
            facts = record.spo_list or [_fact(schema, *triple) for triple in record.triple_list]
            builder = _Facts(record.text, report, place)
            for fact in facts if _are_distinct(facts) else builder.without_repeats(facts):
                relation = _plain_relation(record.text, fact)
                if relation is None:
                    builder.add(fact)
                else:
                    builder.relations.append(relation)
            relations, issues = tuple(builder.relations), tuple(builder.issues)
            yield Document(f"{name}-{stem}-{ordinal}", record.text, (), relations, (), issues, meta)


def _fact(schema: Schema | None, subject: str, predicate: str, object: str) -> _Fact:
    """Give a bare triple the types that the schema declares for its predicate, if they are one."""
    declared = [item for item in schema.relations if item.name == predicate] if schema else []
    if len(declared) != 1:
        return _Fact(predicate, subject, object)
    return _Fact(predicate, subject, object, declared[0].subject, declared[0].object)


def _value(content: dict[str, str] | str) -> str:
    return content if isinstance(content, str) else content.get(_VALUE, "")


def _are_distinct(facts: Sequence[_Fact]) -> bool:
    """Say quickly whether no fact is repeated; False also where a closer look is needed."""
    return len(facts) < 2 or len(facts) == len(
        {(fact.subject, _value(fact.object)) for fact in facts}
    )


def _plain_relation(text: str, fact: _Fact) -> Relation | None:
    """Return a fact without slots whose strings stand in the text once each; None for any other."""
    subject, value, kind = fact.subject, fact.object, fact.object_type
    if not isinstance(value, str):
        if len(value) != 1:
            return None
        value = value.get(_VALUE, "")
    first, second = text.find(subject), text.find(value)
    if first < 0 or second < 0 or not subject or not value:
        return None
    if text.find(subject, first + 1) >= 0 or text.find(value, second + 1) >= 0:
        return None
    if subject.strip() != subject or value.strip() != value:
        return None
    if isinstance(kind, dict):
        kind = kind.get(_VALUE)
    return Relation(
        fact.predicate,
        Entity(fact.subject_type, subject, first, first + len(subject)),
        Entity(kind, value, second, second + len(value)),
    )


class _Facts:
    """Gathers the relations of one text, locating their strings."""

    def __init__(self, text: str, report: Report, place: Place) -> None:
        self.text = text
        self.report = report
        self.place = place
        self.relations: list[Relation] = []
        self.issues: list[Issue] = []
        self._spans: dict[str, list[Span]] = {}

    def without_repeats(self, facts: Sequence[_Fact]) -> list[_Fact]:
        """Return the facts, each once; repetitions are counted."""
        kept: dict[tuple[str, str, str], list[_Fact]] = {}
        distinct = []
        for fact in facts:
            twins = kept.setdefault((fact.predicate, fact.subject, _value(fact.object)), [])
            if fact in twins:
                self.report.drop("repeated fact", self.place, f"{fact.subject} {fact.predicate}")
                continue
            twins.append(fact)
            distinct.append(fact)
        return distinct

    def add(self, fact: _Fact) -> None:
        """Locate and keep one fact."""
        content, types = fact.object, fact.object_type
        subject, value = fact.subject.strip(), _value(content).strip()
        if not value or not subject:
            self.report.drop("fact without subject or object", self.place, fact.predicate)
            return
        firsts, seconds = self._find(subject), self._find(value)
        first = firsts[0] if firsts else None
        second = seconds[0] if seconds else None
        if firsts and seconds:
            first, second = closest_pair(firsts, seconds)
        kind = types if isinstance(types, str) else types.get(_VALUE) if types else None
        relation = Relation(
            fact.predicate,
            self._entity(fact.subject_type, subject, first, len(firsts), "subject"),
            self._entity(kind, value, second, len(seconds), "object"),
        )
        if isinstance(content, dict) and len(content) > 1:
            kinds = types if isinstance(types, dict) else {}
            anchor = second or first or (0, 0)
            relation.qualifiers.update(self._qualifiers(content, kinds, anchor))
        self.relations.append(relation)

    def _qualifiers(
        self, slots: Mapping[str, str], kinds: Mapping[str, str], anchor: Span
    ) -> dict[str, Entity]:
        qualifiers = {}
        for slot, content in slots.items():
            content = content.strip()
            if slot == _VALUE or not content:
                continue
            spans = self._find(content)
            span = nearest(spans, anchor[0]) if spans else None
            where = f"qualifiers.{slot}"
            qualifiers[slot] = self._entity(kinds.get(slot), content, span, len(spans), where)
        return qualifiers

    def _find(self, mention: str) -> list[Span]:
        found = self._spans.get(mention)
        if found is None:
            found, is_folded = spans_of(self.text, mention)
            self._spans[mention] = found
            if is_folded and found:
                reason = "found after folding case, width or blanks"
                self.report.note(reason, self.place, mention)
        return found

    def _entity(
        self, kind: str | None, mention: str, span: Span | None, count: int, slot: str
    ) -> Entity:
        if count == 1 and span is not None:
            return Entity(kind, self.text[span[0] : span[1]], *span)
        where = f"relations[{len(self.relations)}].{slot}"
        if span is None:
            self.report.note("mention not in the text", self.place, repr(mention))
            self.issues.append(Issue("ungrounded", f"{mention!r} is not in the text", where))
            return Entity(kind, mention, None, None, status="none")
        self.report.note("one of several occurrences chosen", self.place, repr(mention))
        detail = f"{mention!r} occurs {count} times; the place nearest to the other end is given"
        self.issues.append(Issue("ambiguous", detail, where))
        return Entity(kind, self.text[span[0] : span[1]], *span)
