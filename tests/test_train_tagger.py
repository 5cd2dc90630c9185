"""The tagger tuned on gold names: its gradients, its loss, what it learns and how it is kept."""

from itertools import product

import numpy
import pytest
import torch

from chinchilla.data import Document, Entity, Event, Mention, Relation
from chinchilla.errors import ModelError
from chinchilla.tagger import Tagger, jieba_weights, read_weights, write_weights
from chinchilla.train import tagger
from chinchilla.train.tagger import Example, Marked, examples, tag_names, tune

KINDS = ("PER", "LOC", "nz")
TEXT = "顾长风昨天在北京试驾远航三号。"


def test_gradients_of_the_recurrence_are_those_of_its_forward_pass():
    torch.manual_seed(0)
    inputs = torch.randn(4, 3, 12, dtype=torch.double, requires_grad=True)
    gates = torch.randn(2, 2, 4, dtype=torch.double, requires_grad=True)
    candidate = torch.randn(2, 2, 2, dtype=torch.double, requires_grad=True)
    is_text = torch.tensor([[1, 1, 1], [1, 1, 1], [1, 1, 0], [1, 0, 0]], dtype=torch.bool)
    assert torch.autograd.gradcheck(
        lambda *given: tagger._Recurrence.apply(given[0], is_text, *given[1:]),
        (inputs, gates, candidate),
    )


def test_the_loss_counts_all_paths():
    torch.manual_seed(0)
    scores, start, end, after = (torch.randn(size) for size in ((3, 1, 2), (2,), (2,), (2, 2)))
    tags = torch.tensor([[1], [0], [1]])
    is_text = torch.ones(3, 1, dtype=torch.bool)

    def value(path):
        steps = sum(scores[t, 0, tag] for t, tag in enumerate(path))
        ways = sum(after[a, b] for a, b in zip(path, path[1:], strict=False))
        return start[path[0]] + steps + ways + end[path[-1]]

    total = torch.stack([value(path) for path in product(range(2), repeat=3)]).logsumexp(0)
    loss = tagger._chain_loss(scores, tags, is_text, start, after, end)
    assert torch.allclose(loss, total - value((1, 0, 1)))


def test_gold_names_come_before_those_that_jieba_sees():
    entities = (
        Entity("产品", "远航三号", 10, 14),
        Entity("人名", "顾长", 0, 2),
        Entity("人名", "无", None, None),
    )
    document = Document("d", TEXT, entities)
    (example,) = examples([document], Marked(entities={"产品": "nz", "人名": "PER"}), KINDS)
    names = tag_names(KINDS)
    told = [names[tag] for tag in example.tags]
    assert told == [
        *("PER-B", "PER-I", "O", "O", "O", "O"),
        *("LOC-B", "LOC-I", "O", "O", "nz-B", "nz-I", "nz-I", "nz-I", "O"),
    ]


def test_ends_of_relations_and_triggers_are_told_beside_the_names_that_jieba_sees():
    subject, target = Entity("人物", "顾长风", 0, 3), Entity(None, "远航三号", 10, 14)
    document = Document(
        "d",
        TEXT,
        relations=(Relation("试驾", subject, target),),
        events=(Event("试", Mention("试驾", 8, 10)), Event("试", None)),
    )
    marked = Marked(ends={"人物": "PER", "any": "REL"}, triggers="EVT")
    kinds = ("PER", "LOC", "REL", "EVT")
    (example,) = examples([document], marked, kinds)
    words = [tag_names(kinds)[tag].removesuffix("-I") for tag in example.tags]
    assert words == [
        "PER-B",
        "PER",
        "PER",
        *"OOO",
        "LOC-B",
        "LOC",
        "EVT-B",
        "EVT",
        "REL-B",
        *["REL"] * 3,
        "O",
    ]


@pytest.fixture(scope="module")
def tuned():
    documents = [
        Document(str(n), f"{n}月{name}号试航，{name}号返回", (Entity("船", f"{name}号", 2, 4),))
        for n, name in enumerate("甲乙丙丁戊己庚辛")
    ]
    data = list(examples(documents, Marked(entities={"船": "nz"}), KINDS))
    return tune(data, KINDS, epochs=30, lr=3e-3, characters=60)


def test_a_tuned_tagger_sees_what_it_was_taught(tuned):
    assert (2, 4, "nz") in Tagger(tuned).tag(["9月壬号试航，壬号返回"])[0]


def test_it_comes_back_from_its_file(tuned, tmp_path):
    path = tmp_path / "tagger.weights"
    write_weights(path, tuned)
    again = read_weights(path)
    assert again.tags == tag_names(KINDS)
    assert again.characters == jieba_weights().characters
    for name, array in tuned.arrays.items():
        assert numpy.allclose(array, again.arrays[name], rtol=1e-3, atol=1e-6)
    assert Tagger(again).tag([TEXT]) == Tagger(tuned).tag([TEXT])


def test_the_same_data_and_seed_give_the_same_weights():
    data = [Example([5, 6, 7], [0, 1, 2]), Example([8, 9], [3, 4])] * 4
    first, second = (tune(data, KINDS, characters=12, seed=3) for _ in range(2))
    for name, array in first.arrays.items():
        assert numpy.array_equal(array, second.arrays[name]), name


@pytest.mark.parametrize("content", [None, b"", b"\0" * 64])
def test_a_file_without_a_tagger_is_told_so(tmp_path, content):
    path = tmp_path / "tagger.weights"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ModelError, match="holds no tagger"):
        read_weights(path)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("embeddings", lambda array: array[:-1]),
        ("candidate.0", lambda array: array[0]),
        ("input.1", lambda array: array[:-1]),
        ("gates.0", lambda array: array[:, :, :-1]),
        ("after", lambda array: array[:-1, :-1]),
        ("out", lambda array: array[:, :-1]),
    ],
)
def test_a_tagger_whose_parts_do_not_fit_is_told_so(tmp_path, name, change):
    path = tmp_path / "tagger.weights"
    weights = jieba_weights()
    weights.arrays[name] = change(weights.arrays[name])
    write_weights(path, weights)
    with pytest.raises(ModelError, match="holds no tagger"):
        read_weights(path)


def test_a_tagger_without_its_tags_is_told_so(tmp_path):
    path = tmp_path / "tagger.weights"
    weights = jieba_weights()
    write_weights(path, weights._replace(tags=weights.tags[:-1]))
    with pytest.raises(ModelError, match="for other than its 56 tags"):
        read_weights(path)
