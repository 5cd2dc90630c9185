"""Windows lose no character and cut where a reader would; folding leads back."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chinchilla.data.text import fold, windows

TEXTS = st.text("雀巢裁员。！，；“”《》（）\nab1. 　", max_size=120)


def pieces(text: str, size: int, overlap: int = 0) -> list[str]:
    return [text[start:end] for start, end in windows(text, size, overlap)]


@given(TEXTS, st.integers(2, 40), st.integers(0, 39))
@example("." + "1" * 3, 3, 1)
@example("111.." + "1" * 38 + " 11", 40, 36)
def test_windows_cover_the_text_in_order_and_size(text: str, size: int, overlap: int) -> None:
    overlap = min(overlap, size - 1)
    spans = windows(text, size, overlap)
    assert all(0 < end - start <= size for start, end in spans)
    if not text:
        assert spans == []
        return
    assert spans[0][0] == 0
    assert spans[-1][1] == len(text)
    for (start, end), (following, after) in zip(spans, spans[1:], strict=False):
        assert start < following <= end < after
        assert end - following <= overlap
    if overlap == 0:
        assert "".join(text[start:end] for start, end in spans) == text


@given(TEXTS, st.integers(10, 40))
def test_any_mention_as_long_as_the_overlap_lies_in_one_window_of_a_sentence(
    text: str, size: int
) -> None:
    overlap = size // 3
    spans = windows(text, size, overlap)
    breaks = {end for _, end in spans}
    for start in range(len(text) - overlap):
        inside = range(start + 1, start + overlap)
        if not any(at in breaks for at in inside):
            assert any(a <= start and start + overlap <= b for a, b in spans)


def test_sentences_stay_whole_with_their_closing_quotes() -> None:
    text = "雀巢宣布裁员。“这很艰难。”发言人说。明天再议！"
    assert pieces(text, 15) == ["雀巢宣布裁员。“这很艰难。”", "发言人说。明天再议！"]


def test_paragraphs_come_before_sentences_and_sentences_before_clauses() -> None:
    assert pieces("一二三四五。\n六七。八九十", 10) == ["一二三四五。\n", "六七。八九十"]
    assert pieces("一二三，四五。六，七八九十", 9) == ["一二三，四五。", "六，七八九十"]
    assert pieces("一二三四，五六七八九十", 8) == ["一二三四，", "五六七八九十"]


def test_titles_numbers_and_words_are_not_cut() -> None:
    assert pieces("他读过很多书比如《百年孤独》吧", 10) == ["他读过很多书比如", "《百年孤独》吧"]
    assert pieces("售价一共是3,141.59元整", 8) == ["售价一共是", "3,141.59", "元整"]


def test_a_bracket_that_never_closes_changes_nothing() -> None:
    assert pieces("（一二三。四五六七", 6) == ["（一二三。", "四五六七"]


def test_overlap_repeats_whole_sentences() -> None:
    text = "一二三四。五六七。八九十。"
    assert pieces(text, 10, 4) == ["一二三四。五六七。", "五六七。八九十。"]


def test_sizes_that_make_no_progress_are_refused() -> None:
    with pytest.raises(ValueError, match="need 0 <= overlap < size"):
        windows("一二三", 3, 3)


@given(st.text("雀ＡßİﬁＴ㎏ 　《》臺’”\u2028𠮷e\u0301", max_size=30))
def test_each_folded_character_comes_from_its_place(text: str) -> None:
    folded = fold(text)
    assert len(folded.text) == len(folded.origin)
    assert folded.origin == sorted(folded.origin)
    for i in range(len(folded.text)):
        start, end = folded.span(i, i + 1)
        assert folded.text[i] in fold(text[start:end]).text


@pytest.mark.parametrize(
    ("written", "folded"),
    [
        ("鬱金香與蠟燭", "郁金香与蜡烛"),
        ("頭髮與發展", "头发与发展"),
        ("穿著", "穿着"),
        ("\ud83d後", "\ud83d后"),
    ],
)
def test_every_traditional_character_is_folded_each_by_itself(written: str, folded: str) -> None:
    assert fold(written).text == folded
    assert fold(written).origin == list(range(len(written)))


def test_folding_unites_width_case_space_marks_and_variants() -> None:
    assert fold("ＡＢ c《百年　孤独》㎏臺灣").text == "abc百年孤独kg台湾"
    assert fold("ＡＢ c").origin == [0, 1, 3]


@given(st.integers(0, 40), st.integers(2, 24))
def test_a_name_in_a_text_without_boundaries_lies_whole_in_one_window(at: int, length: int) -> None:
    text = "那个时候大家都觉得这件事情应该是没有什么问题的" * 9
    start = 40 + at
    spans = windows(text, 50, 0, 24)
    assert any(first <= start and start + length <= last for first, last in spans)


def test_windows_that_end_with_a_clause_share_nothing() -> None:
    text = "今天我们去了很远的地方，" * 12
    spans = windows(text, 50, 0, 24)
    assert all(end == start for (_, end), (start, _) in zip(spans, spans[1:], strict=False))
