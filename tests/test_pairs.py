"""Vectors of pairs of characters: learnt from raw text, read beside characters, kept in the file."""

import numpy
import pytest
import torch

from chinchilla.errors import ConfigError, ModelError
from chinchilla.mini import tagger
from chinchilla.mini.tagger import Tagger, jieba_weights, read_weights, write_weights
from chinchilla.mini.train import pair_vectors as pairs_module
from chinchilla.mini.train.pair_vectors import Pairs, learn_pairs
from chinchilla.mini.train.tune_tagger import Network, _only_seen, with_pairs

CITIES = ["北京", "上海", "广州", "武汉", "西安"]
VERBS = ["上涨", "下跌", "回落", "飙升", "震荡"]
TEXTS = [
    text
    for round in range(30)
    for number, (city, verb) in enumerate(zip(CITIES, VERBS, strict=True))
    for text in (
        f"他{round}日在{city}市开会",
        f"记者从{city}市{CITIES[number - 1]}路发来",
        f"股价大幅{verb}了{round}点",
        f"今天继续{verb}了，{VERBS[number - 1]}不止",
    )
]


def row(text: str) -> tuple[int, ...]:
    return tuple(Tagger().rows(text))


@pytest.fixture(scope="module")
def pairs() -> Pairs:
    return learn_pairs(TEXTS, 60, 8, parts=4)


def vectors_of(pairs: Pairs, *texts: str):
    place = {tuple(pair): number for number, pair in enumerate(pairs.rows.tolist())}
    numbers = numpy.array([place[row(text)] for text in texts])
    arrays = {"pairs.codes": pairs.codes, "pairs.centroids": pairs.centroids}
    return tagger.pair_vectors(arrays, numbers)


def test_pairs_with_the_same_neighbours_are_alike(pairs):
    chosen = vectors_of(pairs, "北京", "武汉", "回落")
    city, other, verb = chosen / numpy.linalg.norm(chosen, axis=1, keepdims=True)
    assert city @ other > 0.9
    assert city @ verb < 0.3


def test_pairs_are_sorted_and_of_known_characters_of_one_text(pairs):
    codes = tagger.pair_codes(*pairs.rows.T)
    assert (numpy.diff(codes) > 0).all()
    assert (pairs.rows > 0).all()
    assert row("会记") not in set(map(tuple, pairs.rows.tolist()))
    assert pairs.codes.shape == (60, 4)
    assert pairs.centroids.shape == (4, 60, 2)


def test_parts_of_vectors_lie_by_their_centroids():
    vectors = numpy.repeat(numpy.random.default_rng(0).normal(size=(40, 6)), 50, 0)
    noise = numpy.random.default_rng(1).normal(size=vectors.shape) * 1e-3
    codes, centroids = pairs_module._in_parts(vectors + noise, 3, 0)
    assert codes.dtype == numpy.uint8
    assert centroids.shape == (3, 256, 2)
    kept = tagger.pair_vectors(
        {"pairs.codes": codes, "pairs.centroids": centroids}, numpy.array([5, -1, 1999])
    )
    assert numpy.allclose(kept[[0, 2]], vectors[[5, 1999]], atol=0.02)
    assert not kept[1].any()


def test_the_same_text_gives_the_same_vectors(pairs):
    again = learn_pairs(TEXTS, 60, 8, parts=4)
    for one, other in zip(again, pairs, strict=True):
        assert numpy.array_equal(one, other)


def test_too_little_text_is_told_so():
    with pytest.raises(ConfigError, match="raw text with 3 pairs of characters, asked 8 and more"):
        learn_pairs(["他在北京"], 60, 8, parts=4)


def test_a_pair_begins_where_both_its_characters_stand():
    rows = numpy.array([[5, 0], [7, 5], [9, 7], [0, 9]])
    codes = tagger.pair_codes(numpy.array([5, 7]), numpy.array([7, 9]))
    assert tagger.pair_numbers(rows, codes).tolist() == [[0, -1], [1, 0], [-1, 1]]


@pytest.fixture
def weights(pairs):
    """A tagger whose pairs say something."""
    told = with_pairs(jieba_weights(), pairs)
    said = numpy.random.default_rng(0).normal(size=told.arrays["pairs.input"].shape) * 0.3
    return told._replace(arrays=told.arrays | {"pairs.input": said.astype("f4")})


def test_what_is_tuned_and_what_reads_add_the_same(weights):
    text = "他3日在北京市开会，股价回落"
    network = Network(weights, {}, 0.0)
    rows = torch.tensor(Tagger().rows(text))[:, None]
    said = network._said_by_pairs(rows, torch.Generator())
    added = numpy.zeros(said.shape, "f4")
    tagger._Pairs(weights.arrays, numpy.ones(768, "f4")).add_to(added, rows.numpy())
    assert numpy.allclose(added, said.detach().numpy(), atol=1e-5)
    # A pair speaks to both of its characters, and to no other.
    spoken = {text[at] for at in numpy.flatnonzero(numpy.abs(added).sum((1, 2)))}
    assert set("北京开会回落") <= spoken
    assert "，" not in spoken


def test_texts_with_pairs_do_not_depend_on_what_is_read_beside(weights):
    reader = Tagger(weights)
    texts = ["", "北", "他在北京市开会", "股价回落了", "北京"]
    assert reader.tag(texts) == [reader.tag([text])[0] for text in texts]
    assert reader.tag(texts) != Tagger().tag(texts)


def test_pairs_come_back_from_the_file(weights, tmp_path):
    path = tmp_path / "tagger.weights"
    write_weights(path, weights)
    again = read_weights(path)
    for name in ("pairs.rows", "pairs.codes"):
        assert again.arrays[name].dtype == weights.arrays[name].dtype
        assert numpy.array_equal(again.arrays[name], weights.arrays[name])


def test_characters_that_were_not_seen_become_unknown_ones(weights, pairs):
    less = _only_seen(weights, pairs.seen)
    assert len(less.arrays["embeddings"]) == len(less.characters) + 1 == len(pairs.seen) + 1
    assert {"北", "，"} & set(less.characters) == {"北"}  # a Chinese comma is read as an ASCII one
    assert "," in less.characters
    texts = ["他在北京市开会，股价回落", "股价大幅下跌"]
    assert Tagger(less).tag(texts) == Tagger(weights).tag(texts)
    assert Tagger(less).rows("他彧") == [less.characters["他"], 0]


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("pairs.rows", lambda array: array[:-1]),
        ("pairs.rows", lambda array: array[:, :1]),
        ("pairs.codes", lambda array: array[:, :1]),
        ("pairs.codes", lambda array: array + numpy.uint8(200)),
        ("pairs.centroids", lambda array: array[:-1]),
        ("pairs.input", lambda array: array[:, :-1]),
        ("pairs.input", lambda array: array[:1]),
    ],
)
def test_pairs_that_do_not_fit_are_told_so(weights, tmp_path, name, change):
    path = tmp_path / "tagger.weights"
    weights.arrays[name] = change(weights.arrays[name])
    write_weights(path, weights)
    with pytest.raises(ModelError, match="holds no tagger"):
        read_weights(path)
