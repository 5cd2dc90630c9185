"""The embedded reader on a tiny random encoder: folding, parity of torch and numpy, decoding."""

import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from tokenizers import Tokenizer
from tokenizers.models import Unigram

import chinchilla.mini
from chinchilla.data.documents import Entity, Extraction
from chinchilla.data.schema import EntityType, EventType, RelationType, Role, Schema
from chinchilla.errors import ConfigError, ModelError
from chinchilla.mini.characters import SPECIAL, UNKNOWN, Characters
from chinchilla.mini.decoder import Span, _apart, _best, _compatible, consistent, whole
from chinchilla.mini.reader import NAMES_WINDOW
from chinchilla.mini.rules import Rules
from chinchilla.mini.weights import open_reader
from chinchilla.mini.words import Words
from chinchilla.options import ExtractOptions
from chinchilla.pipeline import Extractor

torch = pytest.importorskip("torch")

from chinchilla.mini.train import losses  # noqa: E402
from chinchilla.mini.train.base import quick_vectors  # noqa: E402
from chinchilla.mini.train.batches import Batcher, Sampler  # noqa: E402
from chinchilla.mini.train.batches import cut as cut_example  # noqa: E402
from chinchilla.mini.train.calibrate import LIKELY, add_facts, best_threshold, choose, spread  # noqa: E402
from chinchilla.mini.train.draw import Drawer  # noqa: E402
from chinchilla.mini.train.model import Model, Sizes, distance_of  # noqa: E402
from chinchilla.mini.train.reader_folder import export  # noqa: E402
from chinchilla.mini.train.restore import restore  # noqa: E402
from chinchilla.mini.train.scores import names_of, read, reader_of, score  # noqa: E402
from chinchilla.mini.train.tune import parts as parts_of  # noqa: E402
from chinchilla.mini.train.vary import vary, with_remains  # noqa: E402

CHARS = "▁甲乙丙丁公司人名在收购了，。:ABquery雀巢裁员"
H = 64


def characters() -> Characters:
    pieces = [(name, 0.0) for name in SPECIAL]
    pieces += [(char, -3.0) for char in dict.fromkeys(CHARS)]
    pieces += [("公司", -2.0), ("收购", -2.0), ("雀巢", -2.0)]
    return Characters(pieces, [*SPECIAL, *dict.fromkeys(CHARS)], {"員": "员", "購": "购"})


def words(chars: Characters, layers: int = 2) -> Words:
    rng = np.random.default_rng(3)

    def blocks(*shape: int) -> np.ndarray:
        count = int(np.prod(shape)) // 32
        value = rng.integers(0, 255, (count, 18)).astype(np.uint8)
        value[:, :2] = np.full((count, 1), 0.01, np.float16).view(np.uint8)
        return value

    tensors = {
        "word": blocks(len(chars.pieces), H),
        "position": rng.normal(size=(96, H)).astype(np.float32) / 9,
        "mean": np.zeros(H, np.float32),
        "deviation": np.full(H, 0.1, np.float32),
    }
    shapes = {"qkv": (3 * H, H), "out": (H, H), "up": (4 * H, H), "down": (H, 4 * H)}
    for k in range(layers):
        for name, shape in shapes.items():
            tensors[f"{k}.{name}.w"] = blocks(*shape)
            tensors[f"{k}.{name}.b"] = rng.normal(size=shape[0]).astype(np.float32) / 9
    for name in ("norm", *(f"{k}.{n}" for k in range(layers) for n in ("norm", "last"))):
        tensors[f"{name}.w"] = np.ones(H, np.float32)
        tensors[f"{name}.b"] = np.zeros(H, np.float32)
    return Words(chars, tensors, 4)


def model(chars: Characters) -> Model:
    torch.manual_seed(2)
    sizes = Sizes(
        hidden=H,
        heads=4,
        ffn=4 * H,
        positions=512,
        layers=(0, 1),
        pieces=len(chars.pieces),
        singles=len(chars.singles),
        width=8,
        span=16,
        detectors=2,
        detector=8,
        link=16,
        label=32,
    )
    made = Model(sizes)
    for name, value in made.named_parameters():
        if name.startswith("encoder.") and "norm" not in name and "last" not in name:
            torch.nn.init.normal_(value, std=0.1)
    torch.nn.init.normal_(made.labels.outer.weight, std=0.1)
    torch.nn.init.zeros_(made.labels.outer.bias)
    torch.nn.init.normal_(made.links.between.weight, std=0.1)
    torch.nn.init.normal_(made.links.clue.weight, std=0.1)
    return made.eval()


@pytest.fixture(scope="module")
def parts() -> tuple[Characters, Words, Model]:
    chars = characters()
    return chars, words(chars), model(chars)


SCHEMA = Schema(
    "tiny",
    (EntityType("公司"), EntityType("人名", "人的名字", ("甲",))),
    (RelationType("收购", "公司", "公司"), RelationType("在", None, "公司")),
    (
        EventType("裁员", (Role("公司"), Role("人名"), Role("阶段", values=("收购", "裁员了")))),
        EventType("收购", (Role("公司"), Role("人名")), trigger=False),
    ),
)


def test_folding_keeps_length_and_reads_forms_alike() -> None:
    chars = characters()
    for text in ("裁員\n收購", "Ａ　Ｂ，", "\u200b甲\r\n乙", "…㎡①", "𠀀甲", ""):
        assert len(chars.fold(text)) == len(text)
    (plain, plain_cover), (other, other_cover) = chars.encode(["裁员 收购,A", "裁員\n收購，Ａ"])
    assert plain.tolist() == other.tolist()
    assert plain_cover.tolist() == other_cover.tolist()


def test_covering_piece_is_shared_by_its_characters() -> None:
    chars = characters()
    (_, cover), (_, unknown) = chars.encode(["在公司在", "鑫公司"])
    assert cover[1] == cover[2] != cover[0] == cover[3]
    assert unknown[0] == 3
    assert len(unknown) == 3


def test_pieces_are_those_of_another_unigram_reader() -> None:
    chars = Characters.load(Path(chinchilla.mini.__file__).with_name("characters.json"))
    other = Tokenizer(Unigram(chars.pieces, UNKNOWN, False))
    lines = Path("examples/news.txt").read_text(encoding="utf-8").splitlines()
    for text in map(chars.fold, [*lines, "an English text, 2,300 km", "𠮷野家😀", ""]):
        encoding = other.encode(text)
        wanted = np.full(len(text), UNKNOWN)
        for piece, (start, end) in zip(encoding.ids, encoding.offsets, strict=True):
            wanted[start:end] = piece
        assert chars.encode([text])[0][1].tolist() == wanted.tolist()


def test_characters_survive_their_file(tmp_path: Path) -> None:
    chars = characters()
    chars.save(tmp_path / "c.json")
    again = Characters.load(tmp_path / "c.json")
    assert again.to_dict() == chars.to_dict()
    assert again.encode(["雀巢裁員"])[0][1].tolist() == chars.encode(["雀巢裁員"])[0][1].tolist()


def test_label_vectors_of_numpy_and_torch_agree(parts: tuple[Characters, Words, Model]) -> None:
    _, label_words, _ = parts
    texts = ["公司", "人名在公司收购了", "甲"]
    np.testing.assert_allclose(
        label_words.raw(texts), quick_vectors(words(characters()), texts), atol=2e-3
    )


def test_span_and_link_scores_of_numpy_and_torch_agree(
    parts: tuple[Characters, Words, Model],
) -> None:
    chars, label_words, net = parts
    reader = reader_of(net, chars, label_words)
    rng = np.random.default_rng(1)
    x = rng.normal(size=(11, H)).astype(np.float32)
    texts = rng.normal(size=(5, 2 * H)).astype(np.float32)
    kinds = np.array([0, 1, 2, 3, 4])
    labels = reader.heads.labels(texts, kinds)
    with torch.inference_mode():
        a, b, c, gates, bias, link, link_bias, inner = net.labels(
            torch.from_numpy(texts), torch.from_numpy(kinds)
        )
        vectors = torch.cat([a, b, c], -1)[None]
        scores, _ = net.spans(torch.from_numpy(x)[None], vectors, gates[None], bias[None])
    found = reader.heads.spans(x, labels, np.full(5, -1e9))
    for k, (starts, ends, values) in enumerate(found):
        assert len(starts) == 11 * 8 - 28
        np.testing.assert_allclose(
            values, scores[0, k].numpy()[starts, ends - starts - 1], atol=1e-4
        )
    for least in (-1.0, 0.5, 1.5, 1e9):
        few = reader.heads.spans(x, labels, np.full(5, least))
        assert [len(one[0]) for one in few] == [int((one[2] >= least).sum()) for one in found]
    heads, tails = np.array([[0, 2], [9, 10], [3, 4]]), np.array([[5, 6], [1, 3], [3, 6]])
    given = rng.normal(size=(3, 2)).astype(np.float32)
    which = np.array([1, 0, 2])
    ours = reader.heads.links(x, heads, tails, given, labels, which)
    with torch.inference_mode():
        y = torch.from_numpy(x)[None]
        zero = torch.zeros(3, dtype=torch.long)
        h, t = torch.from_numpy(heads), torch.from_numpy(tails)
        theirs = link_bias[which, 0] + net.links(
            losses.ends_of(y, zero, h),
            losses.ends_of(y, zero, t),
            losses.between(y, zero, h, t),
            distance_of(h[:, 0], t[:, 0]),
            link[which],
            inner[which],
            torch.from_numpy(given),
        )
        theirs += losses.clearest(net, y, zero, torch.from_numpy(which), h, t, link)
    np.testing.assert_allclose(ours, theirs.numpy(), atol=1e-4)


def test_exported_reader_agrees_with_torch(
    parts: tuple[Characters, Words, Model], tmp_path: Path
) -> None:
    chars, label_words, net = parts
    export(tmp_path, net, chars, label_words, quantization=None, known=["公司", "收购"])
    texts = ["雀巢公司在甲", "乙", "丙丁收购了公司，公司裁员。"]
    ours = open_reader(tmp_path, compute="float32")
    assert ours.words.knows("收购")
    assert not ours.words.knows("裁员")
    np.testing.assert_allclose(ours.words.raw(["公司"]), label_words.raw(["公司"]), atol=2e-3)
    wanted = reader_of(net, chars, label_words)
    for a, b in zip(ours.vectors(texts), wanted.vectors(texts), strict=True):
        np.testing.assert_allclose(a, b, atol=2e-4)
    low = Rules(least={"entity": -1.0, "trigger": -1.0})
    found = [
        [[(e.type, e.span) for e in one.entities] for one in read(texts, reader, SCHEMA)]
        for reader in (replace(ours, rules=low), replace(wanted, rules=low))
    ]
    assert found[0] == found[1]
    assert any(found[0])


def test_what_is_read_fits_text_and_schema(parts: tuple[Characters, Words, Model]) -> None:
    chars, label_words, net = parts
    low = Rules(dict.fromkeys(("entity", "trigger", "role", "relation", "argument"), -2.5))
    reader = reader_of(net, chars, label_words, low)
    text = "雀巢公司在甲收购了乙，公司裁员。\n" * 60
    (found, empty, blank) = read([text, "", " \n"], reader, SCHEMA)
    assert not empty.entities
    assert not blank.events
    assert found.entities
    names = {e.name for e in SCHEMA.entities}
    for entity in found.entities:
        assert entity.type in names
        assert text[entity.start : entity.end] == entity.text
        assert 0 <= entity.score <= 1
    for relation in found.relations:
        assert relation.subject.text != relation.object.text
    for event in found.events:
        for argument in event.arguments:
            if argument.role == "阶段":
                assert argument.text in ("收购", "裁员了")
                assert argument.start is None or argument.text in text
            else:
                assert text[argument.start : argument.end] == argument.text
    assert all(e.trigger is None for e in found.events if e.type == "收购")
    flat = replace(reader, rules=replace(low, nested=1e9), trained={"ner": ["公司", "人名"]})
    entities = read(["雀巢公司在甲收购了乙"], flat, SCHEMA)[0].entities
    assert all(a.end <= b.start for a, b in zip(entities, entities[1:], strict=False))


def test_answers_do_not_depend_on_company(
    parts: tuple[Characters, Words, Model], tmp_path: Path
) -> None:
    export(tmp_path, parts[2], parts[0], parts[1])
    low = Rules(dict.fromkeys(("entity", "trigger", "role", "relation", "argument"), -2.5))
    reader = replace(open_reader(tmp_path), rules=low)
    texts = [("雀巢公司在甲收购了乙，" * 9)[k : k + 1 + 9 * k] for k in range(9)]
    alone = [read([text], reader, SCHEMA)[0] for text in texts]
    assert sum(len(one.entities) for one in alone) > 9
    assert read(texts * 3, reader, SCHEMA) == alone * 3
    turned = Schema("t", SCHEMA.entities[::-1], SCHEMA.relations, SCHEMA.events)
    assert [set(one.entities) for one in read(texts, reader, turned)] == [
        set(one.entities) for one in alone
    ]


def test_new_types_take_nothing_from_known_ones(parts: tuple[Characters, Words, Model]) -> None:
    chars, label_words, net = parts
    trained = {"ner": ["公司", "人名"]}
    reader = reader_of(net, chars, label_words, Rules({"entity": -1.5}), trained)
    more = Schema("m", (EntityType("收购"), *SCHEMA.entities, EntityType("裁员")))
    text = "雀巢公司在甲收购了乙，公司裁员。"
    known = read([text], reader, Schema("k", SCHEMA.entities))[0].entities
    found = read([text], reader, more)[0].entities
    assert known
    assert len(found) > len(known)
    assert [e for e in found if e.type in trained["ner"]] == list(known)


def test_types_never_met_are_returned_from_a_lower_score_on(
    parts: tuple[Characters, Words, Model],
) -> None:
    text = "雀巢公司在甲收购了乙，公司裁员。"
    schema = Schema("k", SCHEMA.entities)

    def found(least: float, unmet: float, trained: list[str]) -> set[tuple[str | None, str]]:
        rules = Rules({"entity": least}, nested=1e9, unmet=unmet)
        reader = reader_of(parts[2], parts[0], parts[1], rules, {"ner": trained})
        return {(e.type, e.text) for e in read([text], reader, schema)[0].entities}

    every = [e.name for e in SCHEMA.entities]
    assert found(-0.5, 1.0, []) == found(-1.5, 0.0, []) > found(-0.5, 0.0, [])
    assert found(-0.5, 1.0, every) == found(-0.5, 0.0, every)
    # Where a type that was met is returned, no other comes in by the lower threshold.
    some = found(-0.5, 1.0, every[:1])
    assert {one for one in some if one[0] == every[0]} == {
        one for one in found(-0.5, 0.0, every[:1]) if one[0] == every[0]
    }


def test_triggers_of_types_never_met_are_returned_from_a_lower_score_on(
    parts: tuple[Characters, Words, Model],
) -> None:
    schema = Schema("k", events=SCHEMA.events[:1])

    def found(least: float, unmet: float, trained: list[str]) -> set[tuple[int, int]]:
        rules = Rules({"trigger": least}, nested=1e9, unmet=unmet)
        reader = reader_of(parts[2], parts[0], parts[1], rules, {"ee": trained})
        events = read(["雀巢公司在甲收购了乙，公司裁员。"], reader, schema)[0].events
        return {(e.trigger.start, e.trigger.end) for e in events if e.trigger}

    assert found(0.5, 3.0, []) == found(-2.5, 0.0, []) > found(0.5, 0.0, [])
    assert found(0.5, 3.0, ["裁员"]) == found(0.5, 0.0, ["裁员"])


@pytest.mark.parametrize(
    ("met", "new", "kept"),
    [(3.0, 2.0, {0, 1}), (3.0, 0.4, {0}), (0.4, 3.0, {1}), (0.6, 3.0, {0, 1}), (3.0, 3.0, {0, 1})],
)
def test_the_weaker_of_two_types_of_one_name_goes_if_the_other_is_surer_by_far(
    met: float, new: float, kept: set[int]
) -> None:
    spans = [Span(0, 4, 8, met), Span(1, 4, 8, new)]
    found = _compatible(spans, {0: "met", 1: "new"}, frozenset({"met"}), 2.0)
    assert {span.place for span in found} == kept
    # At places of their own both stay, whatever they score.
    apart = [Span(0, 4, 8, met), Span(1, 9, 12, new)]
    assert len(_compatible(apart, {0: "met", 1: "new"}, frozenset({"met"}), 2.0)) == 2


def test_an_end_of_a_relation_may_stand_inside_another_if_it_scores_enough() -> None:
    starts, ends = np.array([0, 0, 2, 6]), np.array([4, 2, 5, 7])
    scores = np.array([1.0, -1.5, 0.5, -3.0], np.float32)
    assert [(s.start, s.end) for s in _best(0, starts, ends, scores, 9)] == [(0, 4), (6, 7)]
    loose = _best(0, starts, ends, scores, 9, -2.0)
    assert [(s.start, s.end) for s in loose] == [(0, 4), (0, 2), (6, 7)]
    assert len(_best(0, starts, ends, scores, 9, -1.0)) == 2


def test_of_pairs_whose_ends_overlap_the_best_stays() -> None:
    whole_name, part = Span(0, 0, 4, 1.0), Span(0, 0, 2, -1.0)
    other, more = Span(1, 6, 8, 1.0), Span(1, 9, 10, 1.0)
    pairs = [(part, other, 0.5), (whole_name, other, 1.5), (part, more, 0.2)]
    assert list(_apart(pairs)) == [(whole_name, other, 1.5), (part, more, 0.2)]


def test_long_texts_are_read_whole(parts: tuple[Characters, Words, Model]) -> None:
    chars, label_words, net = parts
    reader = reader_of(net, chars, label_words, Rules({"entity": -1.0}))
    text = "丙" * (NAMES_WINDOW - 2) + "雀巢公司在甲" + "丙" * NAMES_WINDOW + "乙"
    found = read([text], reader, Schema("k", SCHEMA.entities))[0].entities
    assert {e.start // NAMES_WINDOW for e in found} >= {1, 2}


def test_names_alone_are_read_in_longer_windows(parts: tuple[Characters, Words, Model]) -> None:
    reader = reader_of(parts[2], parts[0], parts[1])
    assert reader.windows(("ner",))[0].size > reader.windows(("ner", "re", "ee"))[0].size


def test_links_stay_in_a_sentence(
    parts: tuple[Characters, Words, Model],
) -> None:
    chars, label_words, net = parts
    low = Rules({"relation": -3.0}, far=0.0)
    trained = {"ner": ["公司"]}
    text = "雀巢公司在甲收购了乙。公司裁员，\n甲在丙。"

    def relations(rules: Rules) -> list[tuple[int, int]]:
        found = read([text], reader_of(net, chars, label_words, rules, trained), SCHEMA)[0]
        return [(r.subject.start or 0, r.object.start or 0) for r in found.relations]

    end = text.index("。") + 1
    free = relations(low)
    assert any((a < end) != (b < end) for a, b in free)
    held = relations(replace(low, far=1e3))
    assert held
    assert all((a < end) == (b < end) for a, b in held)


def test_a_role_takes_no_second_filler_that_scores_much_less(
    parts: tuple[Characters, Words, Model],
) -> None:
    chars, label_words, net = parts
    low = Rules(dict.fromkeys(("trigger", "argument"), -3.0), spare=1e3, shared=1e3)

    def fillers(rules: Rules) -> list[int]:
        text = "雀巢公司在甲收购了乙，公司裁员。甲裁员，丙裁员。"
        found = read([text], reader_of(net, chars, label_words, rules), SCHEMA)[0]
        return [
            sum(a.role == role for a in event.arguments)
            for event in found.events
            if event.trigger
            for role in {a.role for a in event.arguments}
        ]

    assert max(fillers(low)) > 1
    assert set(fillers(replace(low, spare=0.0))) == {1}
    assert 0 < sum(fillers(replace(low, shared=0.0))) < sum(fillers(low))


@pytest.mark.parametrize(
    ("text", "cut", "mended"),
    [
        ("今天（5月1日）开幕", "今天（5月1日", "今天（5月1日）"),
        ("在“五一”期间", "五一”期间", "“五一”期间"),
        ("看《读者", "《读者", "《读者"),
        ("今天（5月1日）下午", "5月1日）下午", "5月1日）下午"),
    ],
)
def test_a_mention_has_both_halves_of_its_brackets(text: str, cut: str, mended: str) -> None:
    start = text.index(cut)
    start, end = whole(text, start, start + len(cut))
    assert text[start:end] == mended


def test_windows_that_type_a_name_differently_are_brought_together() -> None:
    def entity(kind: str, start: int, end: int, score: float | None) -> Entity:
        return Entity(kind, "甲" * (end - start), start, end, score)

    best, worse = entity("甲", 0, 3, 0.9), entity("乙", 0, 3, 0.8)
    crossing, inside = entity("甲", 2, 5, 0.7), entity("乙", 1, 2, 0.1)
    new, told = entity("新", 0, 3, 0.2), entity("乙", 0, 3, None)
    every = (worse, best, crossing, inside, new, told)
    found = consistent(Extraction(every), {"甲", "乙"})
    assert found.entities == (best, inside, new, told)
    assert consistent(found, {"甲", "乙"}) is found


def test_options_of_language_models_are_refused(parts: tuple[Characters, Words, Model]) -> None:
    chars, label_words, net = parts
    reader = reader_of(net, chars, label_words)
    for given in ({"constrain": True}, {"types_per_prompt": 3}, {"max_tokens": 9}):
        with pytest.raises(ConfigError, match=f"{next(iter(given))} is for language models"):
            Extractor(reader, SCHEMA, options=ExtractOptions(**given))


def test_unsure_facts_are_told_and_scores_are_returned_on_demand(
    parts: tuple[Characters, Words, Model],
) -> None:
    chars, label_words, net = parts
    reader = reader_of(net, chars, label_words, Rules({"entity": -1.0}, near=1.0))
    document = "在。" * 220 + "雀巢公司在甲收购了乙"
    found = Extractor(reader, SCHEMA, "ner").extract(document)
    told = [issue.detail for issue in found.issues if issue.kind == "withheld"]
    assert told
    assert all(e.score is None for e in found.entities)
    places = {f"{e.text} at [{e.start}, {e.end}) | {e.type}" for e in found.entities}
    for detail in told:
        what, _, why = detail.rpartition(": ")
        assert why == "left out, too unsure"
        assert what not in places
        start, end = what[what.index("[") + 1 : what.index(")")].split(", ")
        assert what.startswith(document[int(start) : int(end)])


def test_a_damaged_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "reader.json").write_text("{}", encoding="utf-8")
    with pytest.raises(ModelError, match="damaged or of another version"):
        open_reader(tmp_path)


def test_heads_of_another_version_are_told(
    parts: tuple[Characters, Words, Model], tmp_path: Path
) -> None:
    chars, label_words, net = parts
    export(tmp_path, net, chars, label_words)
    heads = load_file(tmp_path / "heads.safetensors")
    heads["labels.outer.bias"] = heads["labels.outer.bias"][:-16]
    save_file(heads, tmp_path / "heads.safetensors")
    with pytest.raises(ModelError, match="heads of another version.* tune it, anew"):
        open_reader(tmp_path)


LABELS = {
    "t/entity/公司": {"kind": "entity", "set": "t", "name": "公司", "wordings": ["公司"]},
    "t/entity/人": {"kind": "entity", "set": "t", "name": "人", "wordings": ["人名", "人"]},
    "t/relation/收购": {
        "kind": "relation",
        "set": "t",
        "name": "收购",
        "wordings": ["收购"],
        "ends": {"subject": ["公司"], "object": []},
    },
    "t/event/裁员": {"kind": "event", "set": "t", "name": "裁员", "wordings": ["裁员"]},
    "t/role/裁员/公司": {
        "kind": "role",
        "set": "t",
        "name": "公司",
        "event": "t/event/裁员",
        "wordings": ["公司"],
    },
}
for _label in LABELS.values():
    _label |= {"description": "", "examples": ["甲", "乙", "丙"], "broader": []}


def example(text: str = "雀巢公司收购了乙公司，雀巢裁员。") -> dict:
    def mention(start: int, end: int, **more: str) -> dict:
        return {"text": text[start:end], "start": start, "end": end, **more}

    return {
        "text": text,
        "set": "t",
        "asked": ["@t"],
        "entities": [mention(0, 4, type="公司"), mention(7, 10, type="公司")],
        "relations": [
            {
                "type": "收购",
                "subject": mention(0, 4, type="公司"),
                "object": mention(7, 10, type="公司"),
            }
        ],
        "events": [
            {
                "type": "裁员",
                "trigger": mention(13, 15),
                "arguments": [mention(11, 13, role="公司")],
            }
        ],
    }


def test_drawn_gold_stands_under_its_labels() -> None:
    drawer = Drawer(LABELS, {"t": list(LABELS)}, random.Random(2))
    for _ in range(50):
        asked = drawer.draw(example())
        assert len(asked.links) == len(asked.plan.links)
        for place, (start, end) in asked.spans:
            assert 0 <= place < len(asked.plan.spans)
            assert 0 <= start < end <= len(asked.text)
        for link, pairs in zip(asked.plan.links, asked.links, strict=True):
            for head, tail in pairs:
                assert (link.head, head) in asked.spans
                assert (link.tail, tail) in asked.spans


def test_forms_keep_mentions() -> None:
    rng = random.Random(4)
    for _ in range(200):
        changed = vary(example(), rng, example)
        for entity in changed["entities"]:
            assert (
                changed["text"][entity["start"] : entity["end"]].lower() == entity["text"].lower()
            )


def test_some_texts_are_joined_to_long_ones() -> None:
    rng = random.Random(6)
    lengths = [len(vary(example(), rng, example)["text"]) for _ in range(400)]
    assert max(lengths) > 5 * len(example()["text"])
    assert sum(length < 1.5 * len(example()["text"]) for length in lengths) > 250


def test_remains_of_pages_stand_outside_mentions() -> None:
    rng = random.Random(5)
    for _ in range(60):
        changed = with_remains(example(), rng)
        for entity in changed["entities"]:
            assert changed["text"][entity["start"] : entity["end"]] == entity["text"]
    assert len(changed["text"]) >= len(example()["text"])


def test_cut_drops_what_stands_beyond() -> None:
    value = example("甲" * 395 + "雀巢公司收购了乙公司，雀巢裁员。")
    value["entities"] = [
        {"type": "公司", "text": "巢", "start": 396, "end": 397},
        {"type": "公司", "text": "司收", "start": 398, "end": 401},
    ]
    assert [e["start"] for e in cut_example(value)["entities"]] == [396]


def test_a_few_steps_learn_one_example(parts: tuple[Characters, Words, Model]) -> None:
    chars, label_words, _ = parts
    net = model(chars).train()
    batcher = Batcher(chars, label_words)
    drawer = Drawer(LABELS, {"t": list(LABELS)}, random.Random(1))
    optimiser = torch.optim.Adam(
        [
            p
            for n, p in net.named_parameters()
            if not n.startswith(("encoder.single", "encoder.piece"))
        ],
        lr=3e-3,
    )
    values = []
    for _ in range(40):
        loss, _ = losses.forward(net, batcher.batch([drawer.draw(example()) for _ in range(4)]))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        values.append(loss.item())
    assert np.mean(values[-5:]) < 0.3 * np.mean(values[:3])


def test_sampler_goes_on_where_it_stopped() -> None:
    sets = {
        "a": [{"text": str(k), "asked": []} for k in range(7)],
        "b": [{"text": "b", "asked": []}],
    }
    one = Sampler(sets, {"a": 3, "b": 1}, 5, forms=False)
    stream = iter(one)
    first = [next(stream)["text"] for _ in range(30)]
    assert set(first) == {*map(str, range(7)), "b"}
    state = one.state()
    wanted = [next(stream)["text"] for _ in range(20)]
    again = Sampler(sets, {"a": 3, "b": 1}, 5, forms=False)
    again.restore({"at": dict(state["at"]), "random": state["random"]})
    assert len(wanted) == 20
    assert next(iter(again))["text"] in {*map(str, range(7)), "b"}


def test_scores_count_strict_spans() -> None:
    gold = [{"entity": {("a", 0, 2)}, "triple": set(), "trigger": set(), "argument": set()}]
    found = [
        {"entity": {("a", 0, 2), ("a", 0, 3)}, "triple": {1}, "trigger": set(), "argument": set()}
    ]
    assert score(gold, found) == {"entity": {"p": 0.5, "r": 1.0, "f": 0.667}}


def test_an_exported_folder_becomes_a_model_again(
    parts: tuple[Characters, Words, Model], tmp_path: Path
) -> None:
    chars, label_words, net = parts
    export(tmp_path, net, chars, label_words, Rules(least={"entity": 0.5}))
    again, _, _, rules = restore(tmp_path)
    assert rules.least == {"entity": 0.5}
    for name, value in net.state_dict().items():
        other = again.state_dict()[name]
        assert other.shape == value.shape
        assert (other - value).abs().max() <= value.abs().max() / 100 + 1e-4, name


def test_restoring_no_reader_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no embedded reader"):
        restore(tmp_path)
    with pytest.raises(ModelError, match="no embedded reader"):
        open_reader(tmp_path)


def test_long_documents_are_tuned_in_windows() -> None:
    text = "雀巢公司收购了乙公司，雀巢裁员。"
    value = example(text)
    value["text"] = text + "甲" * 600 + text
    late = len(text) + 600
    value["entities"].append({"type": "人名", "text": "雀巢", "start": late, "end": late + 2})
    pieces = parts_of(value, 200)
    assert len(pieces) > 1
    found = {(p["text"][e["start"] : e["end"]], e["type"]) for p in pieces for e in p["entities"]}
    assert found == {("雀巢公司", "公司"), ("乙公司", "公司"), ("雀巢", "人名")}


def test_other_occurrences_of_located_strings_count_neither_way() -> None:
    drawer = Drawer(LABELS, {"t": list(LABELS)}, random.Random(2), plain=True)
    text = "雀巢公司收购了乙公司，雀巢裁员。雀巢公司在"
    value = {**example(text), "located": True}
    asked = drawer.draw(value)
    strings = {(text[a:b], a) for _, (a, b) in asked.unknown}
    assert ("雀巢公司", 16) in strings
    assert not asked.unknown & asked.spans
    assert not drawer.draw(example(text)).unknown


def test_of_partly_annotated_texts_only_what_overlaps_gold_is_wrong(
    parts: tuple[Characters, Words, Model],
) -> None:
    chars, label_words, _ = parts
    drawer = Drawer(LABELS, {"t": list(LABELS)}, random.Random(2), plain=True)
    whole = example()
    batch = Batcher(chars, label_words).batch(
        [drawer.draw({**whole, "partial": True}), drawer.draw(whole)]
    )
    free = losses.unsure(batch, len(whole["text"]), 8)
    assert free[0, 4, 0]
    assert free[0, 5, 1]
    assert not free[0, 3, 4]
    assert not free[0, 4, 3]
    assert not free[1].any()


def test_rules_are_chosen_where_f1_is_best() -> None:
    facts = {
        "entity": {
            "a": (
                [
                    ("entity", score, right, 99.0)
                    for score, right in ((2.0, True), (1.0, True), (-1.0, True), (-2.0, False))
                ],
                3,
            )
        }
    }
    rules, errors, table = choose(facts)
    assert -2 < rules.least["entity"] <= -1
    assert table == {"a": {"entity": 1.0}}
    assert set(errors) == {"a entity"}


def test_of_few_documents_a_threshold_stays_near_the_one_before() -> None:
    facts = [(1.0, True)] * 6 + [(-0.5, True), (-1.0, False), (-3.0, False)] + [(-3.0, False)] * 9
    assert best_threshold([(facts, 8)]) > -1
    assert best_threshold([(facts, 8)], -2.0) == -2.0
    assert best_threshold([(facts, 8)], -3.5) == -2.75
    assert best_threshold([(facts * 99, 8 * 99)], -2.0) > -1
    assert best_threshold([([], 8)], -2.0) == -2.0


def test_built_in_schemas_get_numbers_of_their_own() -> None:
    def facts(least: float) -> tuple[list[tuple[str, float, bool, float]], int]:
        scores = [least + k / 10 for k in range(-20, 20)]
        return [("relation", score, score >= least, 99.0) for score in scores], 20

    sets = {"one": facts(-1.0), "two": facts(2.0), "raw": facts(0.5)}
    schemas = {"one": "first", "two": "", "raw": "news"}
    rules, _, table = choose({"relation": sets}, schemas, cautious=["raw"])
    assert rules.least["relation"] == 2.0
    assert rules.under("first").least["relation"] == -1.0
    assert rules.under("mine") is rules
    least, slope, offset = rules.schemas["news"]["relation"]
    assert 1 / (1 + np.exp(-slope * least - offset)) == pytest.approx(LIKELY, abs=1e-3)
    assert table["one"]["relation"] == 1.0


def test_gold_counts_where_nothing_was_found(parts: tuple[Characters, Words, Model]) -> None:
    chars, label_words, net = parts
    fact = {"text": "雀巢", "start": 0, "end": 2}
    documents = [
        {"text": "雀巢在甲", "entities": [{"type": "公司", **fact}]},
        {"text": "", "relations": [{"type": "总部", "subject": fact, "object": fact}]},
    ]
    schema = Schema("s", (EntityType("公司"),), (RelationType("总部", "公司", "地点"),))
    facts: dict = {}
    for document in documents:
        reader = reader_of(net, chars, label_words)
        add_facts(facts, "own", reader, [document], schema, names_of(schema))
    assert facts["relation"]["own"][1] == 1
    assert facts["entity"]["own"][1] == 1
    assert "trigger" not in facts


def test_arguments_count_only_with_their_trigger() -> None:
    facts = {
        "trigger": {"a": ([("trigger", 2.0, True, 99.0), ("trigger", -2.0, False, 99.0)] * 20, 20)},
        "argument": {"a": ([("argument", 2.5, False, -2.0), ("argument", 1.0, True, 2.0)], 1)},
    }
    rules, _, table = choose(facts)
    assert rules.least["trigger"] > -2
    assert table["a"]["argument"] == 1.0


def test_dev_examples_are_spread_evenly():
    examples = [{"id": n} for n in range(10)]
    assert [one["id"] for one in spread(examples, 4)] == [0, 2, 5, 7]
    assert spread(examples, 20) == examples
    assert spread([], 5) == []


def test_roles_without_a_set_of_their_own_get_the_numbers_of_entities() -> None:
    facts = {"entity": {"one": ([("entity", 0.1 * n, n > 20, 99.0) for n in range(40)], 20)}}
    rules, _, _ = choose(facts)
    assert rules.least["role"] == rules.least["entity"]
    assert rules.slope["role"] == rules.slope["entity"]
