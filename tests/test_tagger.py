"""jieba's bundled tagger, run in numpy: words without gaps, best paths, one by one or together."""

from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chinchilla.errors import ModelError
from chinchilla.mini import tagger
from chinchilla.mini.tagger import Head, Tagger, jieba_weights, tag_names

TAGGER = Tagger()
TEXT = "国家主席王小明昨天在北京会见了星河科技公司董事长比尔·史密斯。"
# Common characters of names and grammar, traditional, rare and non-Chinese ones.
ALPHABET = "王李张欧阳晓明的了在和是向他京海市县公司謝瀋陽龘靐𠮷，。 aB3%\n\t"


def named(text: str, words: list[tuple[int, int, str]]) -> list[tuple[str, str]]:
    return [(text[start:end], tag) for start, end, tag in words if tag.isupper()]


def test_names_and_times_are_found():
    assert named(TEXT, TAGGER.tag([TEXT])[0]) == [
        ("王小明", "PER"),
        ("昨天", "TIME"),
        ("北京", "LOC"),
        ("星河科技公司", "ORG"),
        ("比尔·史密斯", "PER"),
    ]


def test_chinese_punctuation_parts_names_as_ascii_does():
    spans = [TAGGER.tag([text])[0] for text in ("王小明、李华，赵敏。", "王小明,李华,赵敏.")]
    assert [[word[:2] for word in words] for words in spans] == [
        [(0, 3), (3, 4), (4, 6), (6, 7), (7, 9), (9, 10)]
    ] * 2


def test_works_have_a_tag_of_their_own():
    text = "电影《长河落日》由顾长风执导"
    assert ("长河落日", "nw") in [(text[s:e], tag) for s, e, tag in TAGGER.tag([text])[0]]


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(st.text(alphabet=ALPHABET, max_size=20), max_size=4))
def test_words_follow_each_other_and_do_not_depend_on_what_is_tagged_beside(texts):
    together = TAGGER.tag(texts)
    assert together == [TAGGER.tag([text])[0] for text in texts]
    for text, words in zip(texts, together, strict=True):
        ends = [0, *(end for _, end, _ in words)]
        assert ends[-1] == len(text)
        assert [start for start, _, _ in words] == ends[:-1]


def test_a_text_is_told_to_be_near_to_kinds_that_are_not_its_words():
    kinds = TAGGER.heads["jieba"].kinds
    text = "在北京会见了来宾。"
    words, near = TAGGER.read([text])[0]
    assert near.shape == (len(kinds),)
    assert near.min() == 0
    less = dict(zip(kinds, near.tolist(), strict=True))
    assert all(less[kind] < 5 for _, _, kind in words)
    assert less["LOC"] == 0 < less["PER"]
    beside = TAGGER.read([TEXT, text, ""])
    numpy.testing.assert_allclose(beside[1].near, near, atol=1e-4)
    assert beside[2].words == []
    assert (beside[2].near == numpy.inf).all()


def test_more_texts_than_one_batch_come_back_in_order():
    texts = [TEXT[: 1 + i % len(TEXT)] for i in range(150)]
    assert TAGGER.tag(texts) == [TAGGER.tag([text])[0] for text in texts]


@pytest.mark.parametrize(
    ("lengths", "count"),
    [([50] * 30, 30), ([50] * 30 + [39] * 10, 30), ([50, 20] + [1] * 40, 24), ([9_000] * 3, 1)],
)
def test_texts_tagged_together_are_of_like_length_or_few(lengths, count):
    assert tagger._batch(lengths) == count


RANDOM = numpy.random.default_rng(0)
FACTORED = Head(
    ("PER", "LOC"),
    {
        **{f"bias.{layer}": numpy.zeros(768, "f4") for layer in (0, 1)},
        **{"out": numpy.zeros((256, 5), "f4"), "out_bias": numpy.zeros(5, "f4")},
        **{name: RANDOM.normal(size=5).astype("f4") for name in ("start", "end", "after")},
    },
)
# The inside of a kind follows its own kind alone.
FACTORED.arrays["start"][3:] -= 1e4


def chain_value(head: Head, scores: Any, path: Sequence[int]) -> float:
    tags, own = tag_names(head.kinds), head.arrays

    def after(first: int, second: int) -> float:
        if own["after"].ndim == 2:
            return float(own["after"][first, second])
        if tags[second].endswith("-I"):
            return 0.0 if tags[first][:-1] == tags[second][:-1] else -1e4
        return float(own["after"][first])

    steps = sum(float(scores[t, tag]) for t, tag in enumerate(path))
    ways = sum(after(a, b) for a, b in zip(path, path[1:], strict=False))
    return float(own["start"][path[0]] + steps + ways + own["end"][path[-1]])


@pytest.mark.parametrize(
    ("head", "lengths"), [(jieba_weights().heads["jieba"], [2, 1]), (FACTORED, [4, 2, 1, 4])]
)
def test_the_paths_found_are_the_best_of_all(head, lengths):
    count = 2 * len(head.kinds) + 1
    scores = RANDOM.normal(size=(max(lengths), len(lengths), count)).astype("f4") * 3
    reader = tagger._Reader(head, tagger._Body(jieba_weights().arrays))
    paths = tagger._best_paths(scores, numpy.array(lengths), reader)
    for row, length in enumerate(lengths):
        ways = product(range(count), repeat=length)
        best = max(ways, key=lambda path: chain_value(head, scores[:, row], path))
        assert tuple(paths[:length, row].tolist()) == best


def test_a_jieba_without_the_tagger_is_told_so(monkeypatch, tmp_path):
    monkeypatch.setattr(tagger.resources, "files", lambda _: tmp_path)
    with pytest.raises(ModelError, match=r"cannot read the tagger .* reinstall jieba"):
        Tagger()
