"""Encoding: marks where order does not tell the occurrence, none elsewhere, and their reading."""

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from chinchilla import Document, Entity, encode
from chinchilla.data.documents import Argument, Event, Extraction, Mention, Relation
from chinchilla.data.occurrences import Occurrences
from chinchilla.data.schema import Schema
from chinchilla.decoding.align import align
from chinchilla.decoding.check import check
from chinchilla.decoding.decode import decode
from chinchilla.decoding.encode import answer_items
from chinchilla.decoding.formats import FORMATS, Item, serialise
from chinchilla.decoding.parse import parse
from chinchilla.decoding.places import place_items

SCHEMA = Schema.from_dict(
    {
        "name": "test",
        "entities": ["人名", "机构名"],
        "relations": ["作者", {"name": "歌手", "qualifiers": {"inWork": "影视作品"}}],
        "events": [
            {"name": "裁员", "roles": ["裁员方", "人数"]},
            {"name": "上市", "trigger": False, "roles": ["公司", "#2"]},
        ],
    }
)
NESTLE = "雀巢说，雀巢将裁员，雀巢工会反对裁员"


def event(trigger: int, *arguments: tuple[str, str, int]) -> Event:
    said = tuple(Argument(role, text, at, at + len(text)) for role, text, at in arguments)
    return Event("裁员", Mention("裁员", trigger, trigger + 2), said)


def entity(text: str, start: int, type: str = "机构名") -> Entity:
    return Entity(type, text, start, start + len(text))


def test_the_first_listings_of_a_string_need_no_mark() -> None:
    document = Document("d", NESTLE, (entity("雀巢", 0), entity("雀巢", 4)))
    assert encode(document, SCHEMA, "compact", ["ner"]) == "雀巢⟦机构名⟧雀巢⟦机构名⟧"


def test_one_mark_leads_the_listings_after_it_too() -> None:
    document = Document("d", NESTLE, (entity("雀巢", 4), entity("雀巢", 10)))
    said = encode(document, SCHEMA, "compact", ["ner"])
    assert said == "雀巢⟦机构名⟧⟦#2⟧雀巢⟦机构名⟧"
    assert decode(said, NESTLE, SCHEMA, "compact", ["ner"]).entities == document.entities


def test_marks_can_be_left_out() -> None:
    document = Document("d", NESTLE, (entity("雀巢", 4),))
    assert encode(document, SCHEMA, "compact", ["ner"], occurrences=False) == "雀巢⟦机构名⟧"
    assert encode(document, SCHEMA, "compact", ["ner"]) == "雀巢⟦机构名⟧⟦#2⟧"


def test_marks_stand_beside_the_strings_of_every_kind_in_json() -> None:
    text = "边城边城，沈从文沈从文"
    twice = Relation(
        "歌手",
        entity("边城", 2),
        entity("沈从文", 8),
        {"inWork": entity("边城", 0)},
    )
    document = Document(
        "d",
        text + NESTLE,
        (entity("雀巢", 15),),
        (twice,),
        (event(27, ("裁员方", "雀巢", 21)),),
    )
    items = answer_items(document, SCHEMA, SCHEMA.tasks)
    items = [msgspec.structs.replace(item, marks=tuple(range(2, 3 + len(item.slots)))) for item in items]  # fmt: skip
    assert serialise(items, "json", SCHEMA.tasks) == (
        '{"entities":[{"type":"机构名","text":"雀巢","occurrence":2}],'
        '"relations":[{"type":"歌手","subject":"边城","subject_occurrence":2,'
        '"object":"沈从文","object_occurrence":3,'
        '"qualifiers":{"inWork":{"text":"边城","occurrence":4}}}],'
        '"events":[{"type":"裁员","trigger":"裁员","trigger_occurrence":2,'
        '"arguments":[{"role":"裁员方","text":"雀巢","occurrence":3}]}]}'
    )
    for form in FORMATS:
        answer = parse(serialise(items, form, SCHEMA.tasks), form, SCHEMA.tasks, SCHEMA)
        assert [item.marks for item in answer.items] == [(2,), (2, 3, 4), (2, 3)]
        assert answer.issues == ()


def test_a_label_that_looks_like_a_mark_is_escaped() -> None:
    items = [Item("ee", "上市", None, (("公司", "雀巢"), ("#2", "")))]
    said = serialise(items, "compact", ["ee"])
    assert said == "⟦上市⟧雀巢⟦公司⟧⟦\\#2⟧"
    assert parse(said, "compact", ["ee"], SCHEMA).items[0].slots == items[0].slots


@pytest.mark.parametrize(
    ("said", "form"),
    [
        ('{"entities": [{"type": "机构名", "text": "雀巢", "occurrence": %s}]}', "json"),
        ('[{"type": "机构名", "text": {"text": "雀巢", "occurrence": %s}}]', "json"),
        ("雀巢⟦机构名⟧⟦#%s⟧", "compact"),
    ],
)
@pytest.mark.parametrize(
    ("number", "start", "issues"),
    [
        ("2", 4, []),
        ("３", 10, []),
        ("4", 0, ["ambiguous"]),
        ("0", 0, ["unparsable"]),
        ("9" * 5000, 0, ["unparsable"]),
    ],
)
def test_a_wrong_mark_is_an_issue_and_the_mention_goes_its_usual_way(
    said: str, form: str, number: str, start: int, issues: list[str]
) -> None:
    result = decode(said % number, NESTLE, SCHEMA, form, ["ner"])
    assert result.entities == (entity("雀巢", start),)
    assert [issue.kind for issue in result.issues] == issues


def test_a_mark_that_is_no_number_is_an_issue() -> None:
    said = '{"events": [{"type": "裁员", "trigger": "裁员", "trigger_occurrence": "second", "arguments": []}]}'  # fmt: skip
    result = decode(said, NESTLE, SCHEMA)
    assert result.events[0].trigger == Mention("裁员", 7, 9)
    assert [issue.detail for issue in result.issues] == [
        "occurrence 'second' of '裁员' is not a number from 1"
    ]


def test_a_mark_cut_off_leaves_its_mention() -> None:
    for said in ("雀巢⟦机构名⟧⟦", "雀巢⟦机构名⟧⟦#", "雀巢⟦机构名⟧⟦#2"):
        result = decode(said, NESTLE, SCHEMA, "compact", ["ner"])
        assert result.entities == (entity("雀巢", 0),)
        assert [issue.kind for issue in result.issues] == ["truncated"]


def test_marks_out_of_order_are_obeyed() -> None:
    items = [Item("ner", "机构名", "雀巢", marks=(3,)), Item("ner", "机构名", "雀巢"), Item("ner", "机构名", "雀巢", marks=(1,))]  # fmt: skip
    starts = [e.start for e in align(items, NESTLE, SCHEMA).entities]
    assert starts == [10, 4, 0]


def test_a_mark_counts_occurrences_that_overlap() -> None:
    document = Document("d", "哈哈哈哈", (entity("哈哈", 1),))
    said = encode(document, SCHEMA, "compact", ["ner"])
    assert said == "哈哈⟦机构名⟧⟦#2⟧"
    assert decode(said, document.text, SCHEMA, "compact").entities == document.entities


def test_unknown_slots_take_their_marks_with_them() -> None:
    item = Item("ee", "裁员", "裁员", (("地点", "甲"), ("人数", "乙")), marks=(1, 2, 3))
    kept, _ = check([item], SCHEMA)
    assert (kept[0].slots, kept[0].marks) == ((("人数", "乙"),), (1, 3))


def test_the_trigger_asked_about_needs_no_mark_and_keeps_its_place() -> None:
    document = Document("d", NESTLE, events=(event(16, ("裁员方", "雀巢", 10)),))
    asked = ("裁员", 2)
    items = answer_items(document, SCHEMA, ["ee"], asked=asked)
    said = serialise(items, "compact", ["ee"])
    assert said == "裁员⟦裁员⟧雀巢⟦裁员方⟧"
    found = decode(said, NESTLE, SCHEMA, "compact", ["ee"], asked=asked)
    assert found.events == document.events
    assert decode(said, NESTLE, SCHEMA, "compact", ["ee"]).events != document.events


@st.composite
def repetitive(draw: st.DrawFn) -> Document:
    """Documents of few characters, so that strings repeat, overlap and nest."""
    text = draw(st.text("甲乙，", min_size=2, max_size=24))

    def span() -> tuple[str, int, int]:
        start = draw(st.integers(0, len(text) - 1))
        end = draw(st.integers(start + 1, min(start + 4, len(text))))
        return text[start:end], start, end

    def some(most: int) -> range:
        return range(draw(st.integers(0, most)))

    def one(type: str | None = None) -> Entity:
        return Entity(type, *span())

    entities = [one(draw(st.sampled_from(["人名", "机构名"]))) for _ in some(6)]
    relations = [Relation("作者", one(), one()) for _ in some(3)]
    relations += [Relation("歌手", one(), one(), {"inWork": one("影视作品")}) for _ in some(2)]
    roles = st.sampled_from(["裁员方", "人数"])
    events = [
        Event("裁员", Mention(*span()), tuple(Argument(draw(roles), *span()) for _ in some(3)))
        for _ in some(4)
    ]
    events += [Event("上市", None, (Argument("公司", *span()),)) for _ in some(2)]
    return Document("d", text, tuple(entities), tuple(relations), tuple(events))


def facts(extraction: Extraction | Document) -> object:
    """What was said, in no order; of equal annotations one, as `encode` says them."""
    relations = {
        (r.type, r.subject.span, r.object.span, *(q.span for q in r.qualifiers.values()))
        for r in extraction.relations
    }
    events = {
        (
            e.type,
            e.trigger.span if e.trigger else (),
            frozenset((a.role, a.span) for a in e.arguments),
        )
        for e in extraction.events
    }
    return {(e.type, e.span) for e in extraction.entities}, relations, events


@given(repetitive(), st.sampled_from(FORMATS))
def test_any_document_with_offsets_comes_back_exactly(document: Document, form: str) -> None:
    result = decode(encode(document, SCHEMA, form), document.text, SCHEMA, form)
    assert facts(result) == facts(document)


@given(repetitive())
def test_no_mark_can_be_spared(document: Document) -> None:
    items = answer_items(document, SCHEMA, SCHEMA.tasks)
    assume(sum(mark > 0 for item in items for mark in item.marks) <= 16)
    whole = placed(items, document.text)
    for i, item in enumerate(items):
        for j in (j for j, mark in enumerate(item.marks) if mark):
            marks = tuple(0 if k == j else mark for k, mark in enumerate(item.marks))
            fewer = [*items[:i], msgspec.structs.replace(item, marks=marks), *items[i + 1 :]]
            assert placed(fewer, document.text) != whole


def placed(items: list[Item], text: str) -> object:
    places = place_items(items, Occurrences(text), SCHEMA)
    return [[found.starts[at] for found, at in row if at >= 0] for row in places]
