"""Words of jieba's own dictionary, as jieba itself cuts them."""

import jieba
from hypothesis import given, settings
from hypothesis import strategies as st

from chinchilla.data.segmenter import segmenter

OWN = jieba.Tokenizer()
# Words, beginnings of words, names that the dictionary lacks, Latin letters, halves of pairs.
PARTS = [
    "北京大学",
    "北京",
    "大",
    "中华人民共和国",
    "中华人",
    "星河科技",
    "的",
    "B超",
    "AT&T",
    "3月",
    "𠮷",
    "\ud842",
    "。",
]


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.lists(st.sampled_from(PARTS), max_size=12).map("".join))
def test_words_are_those_of_jieba(text):
    assert list(segmenter().cut(text)) == list(OWN.cut(text))


def test_frequencies_are_those_of_jieba_also_of_beginnings():
    OWN.initialize()
    known, table = segmenter().FREQ, OWN.FREQ
    assert known.total == OWN.total
    for word in [*list(table)[::997], "中华人", "没有这词", "北京北京"]:
        assert (word in known) == (word in table)
        assert known.get(word) == table.get(word)


def test_words_that_a_user_adds_to_jieba_change_nothing():
    before = list(segmenter().cut("星河科技公司"))
    jieba.add_word("星河科技公司")
    try:
        assert list(segmenter().cut("星河科技公司")) == before
    finally:
        jieba.del_word("星河科技公司")
