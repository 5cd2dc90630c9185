"""The quicker tagger gives what jieba gives, to the last tag."""

import jieba
import jieba.posseg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chinchilla.tagger import Tagger

SEGMENTER = jieba.Tokenizer()
JIEBA = jieba.posseg.POSTokenizer(SEGMENTER)
OURS = Tagger(SEGMENTER)
# Common characters of names and grammar, traditional, rare and non-Chinese ones.
ALPHABET = "王李张欧阳晓明的了在和是向他京海市县公司謝瀋陽龘靐𠮷，。 aB3%"


def pairs(tagger, text):
    return [(word.word, word.flag) for word in tagger.cut(text)]


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet=ALPHABET, max_size=30))
def test_any_text_has_the_same_words_and_tags(text):
    assert pairs(OURS, text) == pairs(JIEBA, text)


@pytest.mark.parametrize(
    "text",
    [
        "汤雪辉的哥哥向杨芳借了钱",
        "謝謝瀋陽",
        "龘靐齉",
        "韦小宝和双儿在扬州见了茅十八",
        "CPI同比上涨2.1%，环比持平",
        "",
    ],
)
def test_names_that_no_dictionary_holds_are_found_alike(text):
    assert pairs(OURS, text) == pairs(JIEBA, text)
