"""Documents: their JSON form, their offsets, and what is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chinchilla import Document, Entity, Event, Mention
from chinchilla.data.documents import check_offsets, iter_mentions, shift
from chinchilla.errors import InputError

FULL = {
    "id": "d1",
    "text": "雀巢裁员4000人",
    "entities": [{"type": "机构名", "text": "雀巢", "start": 0, "end": 2, "score": 0.98}],
    "relations": [
        {
            "type": "配音",
            "subject": {"type": "娱乐人物", "text": "雀巢", "start": 0, "end": 2},
            "object": {"type": "人物", "text": "甲", "start": None, "end": None, "status": "none"},
            "qualifiers": {"inWork": {"type": "影视作品", "text": "人", "start": 8, "end": 9}},
            "score": 0.9,
        }
    ],
    "events": [
        {
            "type": "组织关系-裁员",
            "trigger": {"text": "裁员", "start": 2, "end": 4},
            "arguments": [{"role": "裁员方", "text": "雀巢", "start": 0, "end": 2}],
            "score": 0.8,
        },
        {"type": "公司上市", "trigger": None, "arguments": []},
    ],
    "issues": [{"kind": "ungrounded", "detail": "甲", "where": "relations[0].object"}],
    "meta": {"source": "duee"},
}


def test_document_comes_back_from_its_json_form_unchanged():
    assert Document.from_dict(FULL).to_dict() == FULL


def test_unknown_keys_are_kept_in_meta():
    document = Document.from_dict({"id": "d", "text": "x", "title": "t", "meta": {"a": 1}})
    assert document.meta == {"title": "t", "a": 1}


def test_offsets_that_do_not_give_the_mention_are_refused_with_both_strings():
    value = {
        "id": "d",
        "text": "甲乙",
        "entities": [{"type": "t", "text": "甲", "start": 1, "end": 2}],
    }
    with pytest.raises(
        InputError, match=r"'d': entities\[0\] is '甲' but the text at \[1, 2\) is '乙'"
    ):
        Document.from_dict(value)


@pytest.mark.parametrize(("start", "end"), [(0, None), (-1, 1), (1, 1), (2, 1)])
def test_impossible_offsets_are_refused(start, end):
    document = Document("d", "甲乙", entities=(Entity("t", "甲", start, end),))
    with pytest.raises(InputError, match="0 <= start < end, or both null"):
        check_offsets(document)


def test_a_field_of_the_wrong_type_is_named():
    value = {"id": "d", "text": "x", "entities": [{"type": "t", "text": 1, "start": 0, "end": 1}]}
    with pytest.raises(InputError, match=r"Expected `str`, got `int` - at `\$.entities\[0\].text`"):
        Document.from_dict(value)


@pytest.mark.parametrize("text", ["text", "sentence"])
@pytest.mark.parametrize(("meta", "got"), [(None, "null"), ("abc", "str")])
def test_meta_that_is_no_object_is_named_beside_unknown_keys_too(text, meta, got):
    value = {"id": "d", text: "x", "meta": meta, "title": "t"}
    with pytest.raises(InputError, match=rf"Expected `object`, got `{got}` - at `\$.meta`"):
        Document.from_dict(value)


def test_unified_record_is_read_with_half_open_positions():
    record = {
        "sentence": "甲写了乙",
        "entities": [{"name": "甲", "type": "人物", "pos": [0, 1]}],
        "relations": [
            {
                "head": {"name": "乙", "type": "作品", "pos": [3, 4]},
                "tail": {"name": "甲", "type": "人物", "pos": [0, 1]},
                "type": "作者",
            }
        ],
        "events": [
            {
                "type": "写作",
                "trigger": {"name": "写", "pos": [1, 2]},
                "arguments": [{"name": "甲", "role": "作者", "pos": [0, 1]}],
            }
        ],
        "source": "x",
    }
    document = Document.from_dict(record)
    assert document.text == "甲写了乙"
    assert document.relations[0].subject.span == (3, 4)
    assert document.events[0].trigger == Mention("写", 1, 2)
    assert document.meta == {"source": "x"}


def test_shift_moves_grounded_mentions_only():
    document = Document.from_dict(FULL)
    moved = dict(iter_mentions(shift(document.extraction, 10)))
    assert moved["entities[0]"].span == (10, 12)
    assert moved["relations[0].object"].span is None
    assert moved["relations[0].qualifiers.inWork"].span == (18, 19)
    assert moved["events[0].trigger"].span == (12, 14)


TEXTS = st.text(
    alphabet='甲乙丙 «“”，。《》12ＡbA\u2028\u0085\r\n😀𠮷\t"\\', min_size=1, max_size=30
)


@given(TEXTS, st.data())
def test_every_slice_of_any_text_survives_the_json_form(text, data):
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start + 1, len(text)))
    mention = Mention(text[start:end], start, end)
    document = Document("d", text, events=(Event("e", mention),))
    assert Document.from_dict(document.to_dict()) == document
    check_offsets(document)
