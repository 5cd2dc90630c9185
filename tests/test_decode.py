"""The structured decoder as a whole: encode and decode are inverse, no completion raises."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chinchilla import Document, Entity, encode, read_schema
from chinchilla.data.documents import Argument, Event, Extraction, Mention, Relation, iter_mentions
from chinchilla.data.schema import Schema
from chinchilla.decoding.check import check
from chinchilla.decoding.decode import decode
from chinchilla.decoding.formats import FORMATS, Item

SCHEMA = Schema.from_dict(
    {
        "name": "test",
        "entities": ["人名", "机构名", "地名"],
        "relations": ["作者", {"name": "歌手", "qualifiers": {"inWork": "影视作品"}}],
        "events": [
            {"name": "裁员", "roles": ["裁员方", "人数"]},
            {"name": "上市", "trigger": False, "roles": ["公司", {"name": "环节", "values": ["正式上市"]}]},
        ],
    }
)  # fmt: skip
TASKS = ("ner", "re", "ee")

# Hanzi, marks that the formats use themselves, full-width forms, line ends of all kinds,
# characters outside of the basic plane and such as change length when folded.
ALPHABET = st.sampled_from("雀巢裁员京ＡaA1２ 　，。“”\"'《》⟦⟧\\{}[]:/#\n\r\u2028\u0085𠮷😀ßİ㎏臺")
TEXTS = st.text(ALPHABET, max_size=60)
STRINGS = st.text(ALPHABET, min_size=1, max_size=8)
PIECES = st.sampled_from(
    ['{"entities": [', '{"type": "人名", "text": "', '"}', "]}", "雀巢", "⟦人名⟧", "⟦", "⟧", "\n",
     "\\", "\\u12", '"', "'", "“", "```json\n", "<think>", "</think>", '{"relations": [', "{", "[",
     '"subject": "', '"arguments": {', ",", ":", "null", "NAN", "//", "/*", "｛", "】", "\ud800"]
)  # fmt: skip
COMPLETIONS = st.lists(PIECES | st.text(max_size=4), max_size=30).map("".join)


def _slices_are_exact(result: Extraction, text: str) -> None:
    for _, mention in iter_mentions(result):
        if mention.start is None or mention.end is None:
            assert mention.start is None
            assert mention.end is None
        else:
            assert mention.start < mention.end
            assert text[mention.start : mention.end] == mention.text


@given(COMPLETIONS, TEXTS, st.sampled_from(FORMATS))
def test_no_completion_raises_and_every_offset_is_exact(
    completion: str, text: str, format: str
) -> None:
    result = decode(completion, text, SCHEMA, format)
    _slices_are_exact(result, text)
    # What is issued can be written down.
    str(result.issues).encode("utf-8", "surrogatepass")


@given(st.text(max_size=200), st.text(max_size=50), st.sampled_from(FORMATS))
def test_no_string_at_all_raises(completion: str, text: str, format: str) -> None:
    _slices_are_exact(decode(completion, text, SCHEMA, format), text)


@st.composite
def documents(draw: st.DrawFn) -> Document:
    """Documents in which every mention's string occurs once."""
    names = draw(st.lists(STRINGS, min_size=1, max_size=6, unique=True))
    gaps = draw(st.lists(st.text("的了在和是有", max_size=3), min_size=7, max_size=7))
    text, spans = gaps[0], []
    for name, gap in zip(names, gaps[1:], strict=False):
        spans.append((name, len(text)))
        text += name + gap
    spans = [(n, at) for n, at in spans if text.find(n) == at and text.find(n, at + 1) < 0]
    if not spans:
        return Document("d", text)
    chosen = st.sampled_from(spans)

    def entity(kind: str | None) -> Entity:
        name, at = draw(chosen)
        return Entity(kind, name, at, at + len(name))

    def argument(role: str) -> Argument:
        name, at = draw(chosen)
        return Argument(role, name, at, at + len(name))

    kinds = st.sampled_from(["人名", "机构名", "地名"])
    entities = {entity(draw(kinds)) for _ in range(draw(st.integers(0, 4)))}
    relations = {}
    for _ in range(draw(st.integers(0, 2))):
        relation = Relation("作者", entity(None), entity(None))
        relations[relation.subject, relation.object] = relation
    events = []
    for _ in range(draw(st.integers(0, 2))):
        name, at = draw(chosen)
        arguments = tuple(argument("裁员方") for _ in range(draw(st.integers(0, 3))))
        events.append(Event("裁员", Mention(name, at, at + len(name)), arguments))
    return Document("d", text, tuple(entities), tuple(relations.values()), tuple(events))


@given(documents(), st.sampled_from(FORMATS))
def test_decode_of_encode_gives_the_annotations_when_strings_occur_once(
    document: Document, format: str
) -> None:
    said = encode(document, SCHEMA, format)
    assert said == encode(document, SCHEMA, format, occurrences=False)
    result = decode(said, document.text, SCHEMA, format)
    assert set(result.entities) == set(document.entities)
    assert set(_ends(result)) == set(_ends(document.extraction))
    # What is annotated twice is said once.
    assert sorted(map(_facts, result.events)) == sorted({*map(_facts, document.events)})
    assert result.issues == ()


def _ends(extraction: Extraction) -> list[object]:
    return [(r.type, r.subject, r.object) for r in extraction.relations]


def _facts(event: Event) -> object:
    assert event.trigger is not None
    arguments = tuple(sorted({(a.role, a.text, a.start) for a in event.arguments}))
    return event.type, event.trigger.text, event.trigger.start, arguments


def test_unknown_types_and_roles_are_described_in_full_and_left_out() -> None:
    items = [
        Item("ner", "产品", "咖啡"),
        Item("ee", "裁员", "裁员", (("裁员方", "雀巢"), ("地点", "英国"))),
        Item("re", "作者", "边城"),
    ]
    kept, issues = check(items, SCHEMA)
    assert kept == [Item("ee", "裁员", "裁员", (("裁员方", "雀巢"),))]
    assert [(issue.kind, issue.detail) for issue in issues] == [
        ("unknown_type", "咖啡 | 产品: is of no type of the schema"),
        ("unknown_role", "裁员 | 裁员 | 裁员方: 雀巢 | 地点: 英国: has no slot '地点' ('英国')"),
        ("out_of_schema", "边城 | 作者: needs a subject and an object"),
    ]


def test_a_second_value_of_a_qualifier_is_reported() -> None:
    schema = {"name": "t", "relations": [{"name": "歌手", "qualifiers": {"inWork": "影视作品"}}]}
    completion = (
        '{"type": "歌手", "subject": "甲", "object": "乙", "qualifiers": {"inWork": ["丙", "丁"]}}'
    )
    found = decode(completion, "甲乙丙丁", Schema.from_dict(schema))
    assert {name: end.text for name, end in found.relations[0].qualifiers.items()} == {
        "inWork": "丙"
    }
    assert [issue.kind for issue in found.issues] == ["out_of_schema"]
    assert "'丁' is a further inWork" in found.issues[0].detail


def test_labels_are_accepted_in_any_width_and_near_ones_on_request() -> None:
    items = [Item("ner", " 机构名", "雀巢"), Item("ner", "组织机构名", "雀巢")]
    kept, issues = check(items, SCHEMA)
    assert [item.label for item in kept] == ["机构名"]
    assert [issue.kind for issue in issues] == ["unknown_type"]
    kept, issues = check(items, SCHEMA, near_miss=True)
    assert [item.label for item in kept] == ["机构名", "机构名"]
    assert issues[0].detail == "雀巢 | 组织机构名: was read as '机构名'"


def test_an_enum_value_needs_no_mention_but_must_be_declared() -> None:
    said = '{"events": [{"type": "上市", "trigger": null, "arguments": [{"role": "环节", "text": "%s"}]}]}'
    good = decode(said % "正式上市", "雀巢挂牌", SCHEMA)
    assert good.events[0].arguments == (Argument("环节", "正式上市", None, None, None, "none"),)
    assert good.issues == ()
    bad = decode(said % "撤回", "雀巢挂牌", SCHEMA)
    assert [issue.kind for issue in bad.issues] == ["out_of_schema", "ungrounded"]


def test_a_completion_cut_by_the_token_limit_says_so() -> None:
    result = decode("雀巢⟦机构名⟧", "雀巢", SCHEMA, "compact", ("ner",), finish_reason="length")
    assert [issue.kind for issue in result.issues] == ["truncated"]
    assert len(result.entities) == 1


def test_token_probabilities_become_scores() -> None:
    # Tokens: 雀巢 (p=0.5) ⟦机构名⟧ (p=0.125): geometric mean sqrt(0.0625) = 0.25.
    result = decode(
        "雀巢⟦机构名⟧",
        "雀巢",
        SCHEMA,
        "compact",
        ("ner",),
        token_ends=(2, 7, 7),
        log_probs=(-0.6931471805599453, -2.0794415416798357, -0.1),
    )
    assert result.entities[0].score == pytest.approx(0.25)


def test_a_built_in_schema_goes_by_its_name() -> None:
    result = decode('{"entities": [{"type": "PER", "text": "王芳"}]}', "王芳", read_schema("msra"))
    assert result.entities == (Entity("人名", "王芳", 0, 2),)
