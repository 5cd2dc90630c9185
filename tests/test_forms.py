"""Forms keep `text[start:end] == mention`, change what they say, and leave the rest."""

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chinchilla.data.documents import (
    Argument,
    Document,
    Entity,
    Event,
    Mention,
    Relation,
    check_offsets,
)
from chinchilla.evaluate import forms

_ALPHABET = "张三在北京A&B公司，。；！《 》“”<>().,1２Ⅷ萬發面里后ßİ\n\u3000\u00a0𠮷\u2028（）-…"


@st.composite
def documents(draw):
    text = draw(st.text(_ALPHABET, min_size=1, max_size=60))
    spans = st.tuples(st.integers(0, len(text) - 1), st.integers(1, 12))
    places = [(s, min(s + n, len(text))) for s, n in draw(st.lists(spans, max_size=6))]
    entities = tuple(Entity("甲", text[s:e], s, e) for s, e in places)
    relations, events = (), ()
    if len(places) > 1:
        relations = (Relation("乙", entities[0], entities[1], {"丙": entities[0]}),)
        (s, e), (a, b) = places[:2]
        events = (Event("丁", Mention(text[s:e], s, e), (Argument("戊", text[a:b], a, b),)),)
    return Document("d", text, entities, relations, events, meta={"asked": ["@x"]})


@settings(max_examples=150, deadline=None)
@given(documents(), st.integers(0, 5), st.sampled_from(list(forms.FORMS.values())))
def test_every_form_keeps_offsets_exact(document, seed, form):
    other = form(document, Random(seed))
    check_offsets(other)
    assert len(other.entities) == len(document.entities)
    assert other.meta == document.meta
    assert form(document, Random(seed)) == other


@settings(max_examples=60, deadline=None)
@given(st.lists(documents(), min_size=1, max_size=4), st.sampled_from(["", "\n", "。"]))
def test_joining_keeps_offsets_exact(parts, separator):
    whole = forms.join(parts, separator)
    check_offsets(whole)
    assert whole.text == separator.join(part.text for part in parts)
    assert len(whole.entities) == sum(len(part.entities) for part in parts)


@settings(max_examples=100, deadline=None)
@given(documents(), st.lists(st.tuples(st.integers(0, 60), st.integers(0, 4)), max_size=5))
def test_edits_never_take_a_mention_apart(document, places):
    size = len(document.text)
    edits = [(min(s, size), min(s + n, size), "换") for s, n in places]
    check_offsets(forms.edited(document, edits))


def _document(text, *mentions):
    entities = tuple(
        Entity("甲", mention, text.index(mention), text.index(mention) + len(mention))
        for mention in mentions
    )
    return Document("d", text, entities)


def test_insertions_beside_a_mention_stay_outside():
    document = forms.edited(_document("甲乙丙", "乙"), [(1, 1, "<"), (2, 2, ">")])
    assert document.text == "甲<乙>丙"
    assert document.entities[0].span == (2, 3)


def test_a_deletion_never_empties_a_mention():
    document = forms.without_marks(_document("他说《》，走。", "《》"), Random(0))
    check_offsets(document)
    assert document.entities[0].text


@pytest.mark.parametrize(
    ("form", "before", "after"),
    [
        (forms.break_commas, "张三，李四、王五。", "张三\n李四\n王五。"),
        (forms.break_stops, "张三来了。李四走了！", "张三来了\n李四走了\n"),
        (forms.break_blanks, "张三  北京\u3000上海", "张三\n北京\n上海"),
        (forms.full_width, "A股涨1.5%", "Ａ股涨１．５％"),
        (forms.half_width, "Ａ股，涨１％。", "A股,涨1%."),
        (forms.upper, "买iPhone", "买IPHONE"),
        (forms.lower, "买iPhone", "买iphone"),
    ],
)
def test_forms_write_the_text_anew(form, before, after):
    assert form(_document(before), Random(0)).text == after


def test_line_breaks_spare_mentions():
    document = forms.break_commas(_document("《爱，不爱》，上映", "爱，不爱"), Random(0))
    assert document.text == "《爱，不爱》\n上映"


def test_traditional_keeps_every_place():
    text = "中国发展银行在台湾里面，皇后头发干净"
    document = forms.traditional(_document(text, "发展银行", "头发"), Random(3))
    assert len(document.text) == len(text)
    assert document.entities[0].text == "發展銀行"
    assert document.entities[1].text == "頭髮"


def test_without_marks_spares_numbers_and_words():
    document = forms.without_marks(_document("约3.5亿元，见U.S.A报道。"), Random(1))
    assert "3.5亿元" in document.text
    assert "，" not in document.text
    assert "。" not in document.text


def test_web_remains_hold_the_text_between_tags():
    document = forms.web_remains(_document("他在 A&B 工作。", "他"), Random(2))
    assert "&nbsp;" in document.text
    assert document.text.startswith("<")
    assert document.entities[0].text == "他"


def test_joined_texts_have_about_the_length():
    parts = [_document("张三来了。", "张三")] * 10
    whole = forms.joined(parts, Random(0), 22)
    assert sum(len(document.entities) for document in whole) == 10
    assert all(len(document.text) <= 28 for document in whole)
