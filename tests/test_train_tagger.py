"""The tagger tuned on gold names: its gradients, its loss, what it learns and how it is kept."""

from itertools import product

import msgspec
import numpy
import pytest
import torch
from safetensors.numpy import save_file

from chinchilla.data.documents import Argument, Document, Entity, Event, Mention, Relation
from chinchilla.data.schema import EntityType, EventType, RelationType, Role, Schema
from chinchilla.errors import ConfigError, ModelError
from chinchilla.mini.tagger import (
    OUTSIDE,
    Tagger,
    jieba_weights,
    read_weights,
    tag_names,
    write_weights,
)
from chinchilla.mini.train import tune_tagger as tagger
from chinchilla.mini.train.tune_tagger import (
    Example,
    Lesson,
    Tuning,
    go_on,
    lesson,
    made_eager,
    slim,
    tune,
)

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
    scores, start, end, after = (torch.randn(size) for size in ((3, 1, 3), (3,), (3,), (3,)))
    outside, begin, inside = range(3)
    start = tagger._barred(start)
    tags = torch.tensor([[outside], [begin], [inside]])
    is_text = torch.ones(3, 1, dtype=torch.bool)

    def step(a, b):
        if b == inside:
            return torch.tensor(-1e4 if a == outside else 0.0)
        return after[a]

    def value(path):
        steps = sum(scores[t, 0, tag] for t, tag in enumerate(path))
        ways = sum(step(a, b) for a, b in zip(path, path[1:], strict=False))
        return start[path[0]] + steps + ways + end[path[-1]]

    total = torch.stack([value(path) for path in product(range(3), repeat=3)]).logsumexp(0)
    loss = tagger._chain_loss(scores, tags, is_text, start, after, end)
    assert torch.allclose(loss, total - value((outside, begin, inside)))
    # Padding, of whatever score, changes nothing.
    padded = torch.cat([scores, torch.randn(2, 1, 3)])
    more = torch.tensor([[outside], [begin], [inside], [outside], [outside]])
    is_text = torch.tensor([[True]] * 3 + [[False]] * 2)
    assert torch.allclose(tagger._chain_loss(padded, more, is_text, start, after, end), loss)


def told(document: Document, schema: Schema, task: str) -> str:
    """Return the tags of a document's only piece: capitals and small letters of their kinds."""
    learnt = lesson([document], schema, task)
    (example,) = learnt.examples
    short = {OUTSIDE: "."} | {f"{kind}-B": kind[0].upper() for kind in learnt.kinds}
    short |= {f"{kind}-I": kind[0].lower() for kind in learnt.kinds}
    return "".join(short[tag_names(learnt.kinds)[tag]] for tag in example.tags)


def test_entities_are_told_by_label_but_for_those_that_overlap_one_before():
    schema = Schema("s", entities=(EntityType("x产品"), EntityType("p人名")))
    entities = (
        Entity("x产品", "远航三号", 10, 14),
        Entity("p人名", "顾长风", 0, 3),
        Entity("p人名", "长风", 1, 3),
        Entity("p人名", "无", None, None),
        Entity("别的", "昨天", 3, 5),
    )
    assert told(Document("d", TEXT, entities), schema, "ner") == "Ppp.......Xxxx."


def test_objects_are_told_by_predicate_and_subjects_that_are_none_as_such():
    schema = Schema("s", relations=(RelationType("t试驾", qualifiers={"w时间": None}),))
    pilot, ship, day = (
        Entity(None, text, start, start + len(text))
        for text, start in (("顾长风", 0), ("远航三号", 10), ("昨天", 3))
    )
    one = Document("d", TEXT, relations=(Relation("t试驾", pilot, ship, {"w时间": day}),))
    assert told(one, schema, "re") == "RrrWw.....Tttt."
    both = Document(
        "d", TEXT, relations=(Relation("t试驾", pilot, ship), Relation("t试驾", ship, pilot))
    )
    assert told(both, schema, "re") == "Ttt.......Tttt."


def test_triggers_are_told_by_type_and_arguments_by_role():
    schema = Schema("s", events=(EventType("e试", roles=(Role("p人"), Role("x物"))),))
    arguments = (Argument("p人", "顾长风", 0, 3), Argument("x物", "没有", None, None))
    events = (Event("e试", Mention("试驾", 8, 10), arguments), Event("e试", None))
    assert told(Document("d", TEXT, events=events), schema, "ee") == "Ppp.....Ee....."


def test_long_texts_are_told_in_pieces():
    schema = Schema("s", entities=(EntityType("人名"),))
    document = Document("d", TEXT * 20, (Entity("人名", "顾长风", 270, 273),))
    pieces = lesson([document], schema, "ner").examples
    assert len(pieces) > 1
    assert sum(len(piece.rows) for piece in pieces) == 300
    assert sum(tag == 1 for piece in pieces for tag in piece.tags) == 1


SHIPS = Schema("s", entities=(EntityType("船"),))


@pytest.fixture(scope="module")
def tuned():
    documents = [
        Document(str(n), f"{n}月{name}号试航，{name}号返回", (Entity("船", f"{name}号", 2, 4),))
        for n, name in enumerate("甲乙丙丁戊己庚辛")
    ]
    second = [
        Document(document.id, document.text, (Entity("船", document.text[7:9], 7, 9),))
        for document in documents
    ]
    lessons = {"first": lesson(documents, SHIPS, "ner"), "last": lesson(second, SHIPS, "ner")}
    return tune(lessons, jieba_weights(), epochs=30, lr=3e-3, characters=30)


@pytest.mark.parametrize(("head", "found"), [("first", (2, 4)), ("last", (7, 9))])
def test_each_head_sees_what_it_was_taught(tuned, head, found):
    words = Tagger(tuned).tag(["9月壬号试航，壬号返回"], head)[0]
    assert [word for word in words if word[2] == "船"] == [(*found, "船")]


def test_an_eager_head_sees_more_spans_of_its_task_alone(tuned):
    text = "9月十号试航，十号返回，丑号未归"
    sure, eager, other = (
        [word for word in Tagger(made_eager(tuned, marks)).tag([text])[0] if word[2] == "船"]
        for marks in ({}, {"ner": 9.0}, {"re": 9.0})
    )
    assert sure == other
    assert len(eager) > len(sure)


def is_kept(made, kept) -> bool:
    """Return whether numbers came back as near as their file holds them."""
    step = numpy.abs(made).max(-2, keepdims=True) / 127 if made.ndim > 1 else 0
    return bool((numpy.abs(kept - made) <= 0.52 * step + 1e-3 * numpy.abs(made) + 1e-6).all())


def test_it_comes_back_from_its_file(tuned, tmp_path):
    path = tmp_path / "tagger.weights"
    write_weights(path, tuned)
    again = read_weights(path)
    assert again.characters == jieba_weights().characters
    for name, head in tuned.heads.items():
        assert again.heads[name]._replace(arrays={}) == head._replace(arrays={})
        for array, value in head.arrays.items():
            assert is_kept(value, again.heads[name].arrays[array]), array
    for name, value in tuned.arrays.items():
        assert is_kept(value, again.arrays[name]), name
    # Once more changes nothing, and a byte a number is what a matrix takes.
    write_weights(tmp_path / "again.weights", again)
    assert (tmp_path / "again.weights").read_bytes() == path.read_bytes()
    assert path.stat().st_size < 1.1 * sum(array.size for array in tuned.arrays.values())
    assert Tagger(again).tag([TEXT]) == Tagger(tuned).tag([TEXT])


def test_the_same_data_and_seed_give_the_same_weights():
    data = [Example([5, 6, 7], [0, 1, 2]), Example([8, 9], [1, 2])] * 4
    lessons = {"ships": Lesson("ner", ("船",), ("船",), data)}
    first, second = (tune(lessons, jieba_weights(), characters=6, seed=3) for _ in range(2))
    for name, array in first.arrays.items():
        assert numpy.array_equal(array, second.arrays[name]), name
    for name, array in first.heads["ships"].arrays.items():
        assert numpy.array_equal(array, second.heads["ships"].arrays[name]), name


def test_heads_that_go_on_have_a_body_of_their_own(tuned, tmp_path):
    documents = [
        Document(str(n), f"{n}月{name}号试航", (Entity("船", f"{name}号", 2, 4),))
        for n, name in enumerate("甲乙丙丁戊己庚辛")
    ]
    lessons = {"first": lesson(documents, SHIPS, "ner")}
    grown = go_on(tuned, lessons, "own", ["first"], epochs=3, characters=60)
    assert {name: head.body for name, head in grown.heads.items()} == {"first": "own", "last": ""}
    assert not numpy.array_equal(grown.apart["own"]["input.1"], tuned.arrays["input.1"])
    assert "embeddings" not in grown.apart["own"]
    less = slim(go_on(grown, lessons, "other", ["first"], epochs=1, embeddings=True))
    assert list(less.heads) == ["first"]
    assert list(less.apart) == ["other"]
    assert not {"input.1", "pairs.input"} & set(less.arrays)
    assert not numpy.array_equal(less.arrays["embeddings"], tuned.arrays["embeddings"])
    assert Tagger(less).tag(["9月壬号试航"])
    for name, array in tuned.arrays.items():
        assert numpy.array_equal(grown.arrays[name], array), name
    path = tmp_path / "tagger.weights"
    write_weights(path, grown)
    again = read_weights(path)
    assert is_kept(grown.apart["own"]["gates.0"], again.apart["own"]["gates.0"])
    texts = ["9月壬号试航", TEXT]
    assert Tagger(again).tag(texts, "first") == Tagger(grown).tag(texts, "first")
    common = {"first": grown.heads["first"]._replace(body="")}
    scores = [
        reader._scores([TEXT], numpy.array([len(TEXT)]), reader._readers["first"])
        for reader in (Tagger(grown), Tagger(grown._replace(heads=grown.heads | common)))
    ]
    assert not numpy.allclose(*scores)


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
        ("bias.1", lambda array: array[:-1]),
    ],
)
def test_a_tagger_whose_parts_do_not_fit_is_told_so(tmp_path, name, change):
    path = tmp_path / "tagger.weights"
    weights = jieba_weights()
    arrays = weights.arrays if name in weights.arrays else weights.heads["jieba"].arrays
    arrays[name] = change(arrays[name])
    write_weights(path, weights)
    with pytest.raises(ModelError, match="holds no tagger"):
        read_weights(path)


def test_a_tagger_without_its_heads_or_kinds_is_told_so(tmp_path):
    path = tmp_path / "tagger.weights"
    weights = jieba_weights()
    write_weights(path, weights._replace(heads={}))
    with pytest.raises(ModelError, match="no heads"):
        read_weights(path)
    head = weights.heads["jieba"]
    short = {"jieba": head._replace(kinds=head.kinds[:-1])}
    write_weights(path, weights._replace(heads=short))
    with pytest.raises(ModelError, match="jieba: scores for other than 55 tags"):
        read_weights(path)
    write_weights(path, weights._replace(heads={"jieba": head._replace(kinds=())}))
    with pytest.raises(ModelError, match="jieba: no kinds of words"):
        read_weights(path)


@pytest.mark.parametrize(
    "said", ['{"characters": "中", "heads": {"a": {"kinds": "人"}}}', "[" * 9999]
)
def test_a_tagger_that_says_nonsense_is_told_so(tmp_path, said):
    path = tmp_path / "tagger.weights"
    save_file({"embeddings": numpy.zeros((1, 128), "f2")}, path, {"chinchilla.tagger": said})
    with pytest.raises(ModelError, match="holds no tagger"):
        read_weights(path)


@pytest.mark.parametrize(
    ("tuning", "message"),
    [
        ({"heads": {"a.b": {"msra": 1}}}, "no name for a head: 'a.b'"),
        ({"heads": {"jieba": {"msra": 1}}}, "no name for a head: 'jieba'"),
        ({"heads": {"a": {}}}, "head a: needs corpora"),
        ({"heads": {"a": {"msra": 0}}}, "head a: needs corpora, each once an epoch"),
        ({"eager": {"er": 1.0}}, "eager names no task 'er'"),
        ({"bodies": {"b": {"heads": ["b"]}}}, "body b: b; heads are"),
        ({"bodies": {"b": {"heads": []}}}, "body b: no heads"),
        ({"bodies": {"b.": {"heads": ["a"]}}}, "no name for a body"),
        (
            {"bodies": {b: {"heads": ["a"], "train": {"embeddings": True}} for b in "bc"}},
            "body c: embeddings are for all bodies",
        ),
        ({"bodies": {}}, "no body for the heads a"),
        ({"parts": 3}, "width 128 is no multiple of parts, 3"),
        ({"pairs": 9}, "need raw text to be counted in"),
        ({"head": {}}, "unknown field `head`"),
    ],
)
def test_what_could_not_be_tuned_is_told_so(tuning, message):
    with pytest.raises(msgspec.ValidationError, match=message):
        msgspec.convert(
            {"heads": {"a": {"msra": 1}}, "bodies": {"own": {"heads": ["a"]}}} | tuning, Tuning
        )


def test_a_lesson_without_spans_is_told_so():
    with pytest.raises(ConfigError, match="schema s: no span for the task ner"):
        lesson([Document("d", TEXT)], SHIPS, "ner")
