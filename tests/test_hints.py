import json
import re
from dataclasses import replace

import pytest

from chinchilla.data.documents import Document, Extraction
from chinchilla.data.schema import EntityType, RelationType, Schema, read_schema
from chinchilla.engines.open import TAGGER_FILE, Engine, read_style, write_style
from chinchilla.engines.protocol import Completion
from chinchilla.errors import ConfigError, ModelError
from chinchilla.instructions.options import BuildOptions
from chinchilla.instructions.records import build_records
from chinchilla.mini import hints as module
from chinchilla.mini.hints import END, JIEBA, KINDS, Marker, Reading, marker
from chinchilla.mini.tagger import Head, Tagger, Weights, jieba_weights, write_weights
from chinchilla.pipeline import ExtractOptions, Extractor
from chinchilla.prompts.prompt import PromptStyle, render_arguments, render_prompt

TEXT = "王小明昨天在北京见到了总经理。"
MARKED = "⟦PER⟧王小明⟦/⟧⟦TIME⟧昨天⟦/⟧在⟦LOC⟧北京⟦/⟧见到了总经理。"
MARKER = marker(JIEBA)
MSRA = read_schema("msra")
STYLE = PromptStyle(template="compact-v1", format="compact", hints=JIEBA)


def test_hints_stand_around_the_likely_names_of_a_text():
    assert MARKER.mark(TEXT, "ner", MSRA) == MARKED


def own_weights(**heads: tuple[str, list[str]]) -> Weights:
    """Return a tagger with heads, each a task and names, that see what jieba's sees.

    Their first three kinds are those of a person, a place and a time.
    """
    weights = jieba_weights()
    head = weights.heads[JIEBA]
    named = {}
    for name, (task, names) in heads.items():
        renamed = dict(zip(("PER", "LOC", "TIME"), names, strict=False))
        kinds = tuple(renamed.get(kind, kind) for kind in head.kinds)
        named[name] = Head(kinds, head.arrays, task, tuple(names))
    return weights._replace(heads=named)


def own_marker(**heads: tuple[str, list[str]]) -> Marker:
    return Marker(Tagger(own_weights(**heads)))


def test_a_tuned_tagger_marks_what_the_schema_asks_for_with_the_head_that_knows_it():
    own = own_marker(
        wide=("ner", ["地名", "人名", "时间", "机构名", "国籍"]),
        near=("ner", ["人名", "地名", "日子", "机构名"]),
        small=("ner", ["地名", "人名"]),
        events=("ee", ["交往-会见", "地名"]),
    )
    assert own.mark(TEXT, "ner", MSRA) == "⟦人名⟧王小明⟦/⟧昨天在⟦地名⟧北京⟦/⟧见到了总经理。"
    only = Schema("s", entities=(EntityType("时间"), EntityType("国籍"), EntityType("机构名")))
    assert own.mark(TEXT, "ner", only) == "王小明⟦时间⟧昨天⟦/⟧在北京见到了总经理。"
    meetings = read_schema("duee").select("ee", ["交往-会见"])
    assert own.mark(TEXT, "ee", meetings) == "⟦交往-会见⟧王小明⟦/⟧昨天在北京见到了总经理。"


def test_there_are_no_marks_where_no_head_shares_a_label():
    own = own_marker(events=("ee", ["人名"]), names=("ner", ["药品"]))
    assert own.mark(TEXT, "ner", MSRA) == TEXT
    own.read_ahead([Reading(TEXT, "ner", MSRA)])
    assert own._kept == {}


def test_subjects_of_relations_are_marked_too():
    own = own_marker(relations=("re", ["REL", "作者"]))
    schema = Schema("s", relations=(RelationType("作者"),))
    told = "⟦REL⟧王小明⟦/⟧昨天在⟦作者⟧北京⟦/⟧见到了总经理。"
    assert own.mark(TEXT, "re", schema) == told


@pytest.mark.parametrize("text", ["", "。", "abc 123", "⟦北京", "𠮷\u2028\r\n", "北" * 20_000])
def test_any_text_is_kept_under_its_hints(text):
    told = MARKER.mark(text, "ner", MSRA)
    for mark in (*(f"⟦{kind}⟧" for kind in KINDS), END):
        told = told.replace(mark, "")
    assert told == text


def readings(*texts: str) -> list[Reading]:
    return [Reading(text, "ner", MSRA) for text in texts]


def test_texts_read_ahead_are_tagged_once(monkeypatch):
    texts = [f"第{n}个人是王小明" for n in range(5)]
    alone = [MARKER.mark(text, "ner", MSRA) for text in texts]
    fresh = Marker(MARKER.tagger, 2)
    fresh.read_ahead(readings(*texts))
    asked = []
    read = fresh.tagger.read
    monkeypatch.setattr(
        fresh.tagger, "read", lambda texts, *more: asked.extend(texts) or read(texts, *more)
    )
    fresh.read_ahead(readings(*texts))
    assert [fresh.mark(text, "ner", MSRA) for text in texts] == alone
    assert asked == []
    fresh.read_ahead(readings(*texts, "另一个人是李华"))
    assert asked == ["另一个人是李华"]


def test_what_is_kept_is_bounded_and_holds_what_is_asked_for_next(monkeypatch):
    fresh = Marker(MARKER.tagger)
    # How near a text is to each kind counts as much as its characters.
    each = 2 + len(fresh.tagger.heads[JIEBA].kinds)
    monkeypatch.setattr(module, "_MOST_KEPT", 8 * each)
    fresh.read_ahead(readings(*(f"{n}号" for n in range(8))))
    fresh.read_ahead(readings("7号", "九号", "北" * 20_000))
    kept = [text for _, text in fresh._kept]
    assert kept == [*(f"{n}号" for n in range(1, 8)), "九号"]
    fresh.read_ahead(readings("1号", "十号"))
    assert [text for _, text in fresh._kept][-3:] == ["九号", "1号", "十号"]


def test_a_style_with_hints_asks_alike_in_records_and_at_inference():
    document = Document("d", TEXT)
    record = next(iter(build_records([document], lambda _: MSRA, BuildOptions(style=STYLE))))
    prompt = render_prompt("ner", MSRA, TEXT, STYLE)
    assert (record.instruction, record.input) == (prompt.instruction, prompt.input)
    assert prompt.input == MARKED


def test_records_with_hints_ask_for_what_was_read_ahead(monkeypatch):
    style = PromptStyle("compact-v1", "compact", window={"ner": 12}, hints=JIEBA)
    documents = [Document(str(n), TEXT * n) for n in range(1, 4)] + [Document("blank", " ")]
    MARKER.forget()
    asked = []
    read = MARKER._read
    monkeypatch.setattr(MARKER, "_read", lambda *given: asked.append(given) or read(*given))
    records = list(build_records(documents, lambda _: MSRA, BuildOptions(style=style)))
    assert len(asked) == 1
    assert "".join(record.input for record in records).count("⟦LOC⟧北京⟦/⟧") == 6


def test_the_second_step_of_events_has_hints_too():
    style = PromptStyle(template="zh-v2", hints=JIEBA, steps=2)
    schema = read_schema("duee").select("ee", ["交往-会见"])
    assert render_arguments(schema, "见到", TEXT, style).input == MARKED


def test_offsets_are_those_of_the_text_without_hints():
    class Backend:
        def generate(self, prompts, **_):
            for prompt in prompts:
                assert "⟦LOC⟧北京⟦/⟧" in prompt.input
                yield Completion("北京⟦地名⟧", "stop")

    extractor = Extractor(Engine("stub", Backend(), STYLE), "msra")
    texts = [TEXT, " ", TEXT * 2]
    found = list(extractor.stream(Document(str(i), text) for i, text in enumerate(texts)))
    assert [[e.span for e in document.entities] for document in found] == [[(6, 8)], [], [(6, 8)]]


@pytest.mark.parametrize(
    ("only", "schema", "asked"),
    [
        ((), "msra", ["⟦地名⟧北京⟦/⟧", "无人"]),
        (("ner",), "msra", ["⟦地名⟧北京⟦/⟧"]),
        (("ee",), "msra", ["⟦地名⟧北京⟦/⟧", "无人"]),
        # 职位 is not known to the head: a text without marks may hold one.
        (("ner",), "news", ["⟦地名⟧北京⟦/⟧", "无人"]),
    ],
)
def test_texts_without_marks_are_not_asked_of_where_the_style_says_so(
    tmp_path, only, schema, asked
):
    prompts = []

    class Backend:
        def generate(self, given, **_):
            for prompt in given:
                prompts.append(prompt.input)
                yield Completion("北京⟦地名⟧", "stop")

    path = tmp_path / "tagger.weights"
    write_weights(path, own_weights(names=("ner", ["人名", "地名", "时间", "机构名"])))
    style = replace(STYLE, hints=str(path), only_marked=only)
    extractor = Extractor(Engine("stub", Backend(), style), schema, ("ner",))
    found = list(extractor.stream([Document("a", "北京"), Document("b", "无人")]))
    assert [document.id for document in found] == ["a", "b"]
    assert prompts == asked


NAMES = ("ner", ["人名", "地名", "时间", "机构名"])


def test_types_that_the_text_comes_nowhere_near_to_are_not_glimpsed():
    own = own_marker(names=NAMES, events=("ee", ["人名"]))

    def labels(text, schema, margins):
        return [item.label for item in own.glimpsed(text, "ner", schema, margins).entities]

    # There is no 机构名 among the kinds of this head, which cannot speak against it.
    assert labels("在北京", MSRA, {"names": 0.0}) == ["地名", "机构名"]
    assert labels(TEXT, MSRA, {"names": 0.0}) == ["人名", "地名", "机构名"]
    assert labels("在北京", MSRA, {"names": 99.0}) == ["人名", "地名", "机构名"]
    assert labels("在北京", MSRA, {"events": 0.0}) == ["人名", "地名", "机构名"]
    assert labels("", MSRA, {"names": 0.0}) == ["机构名"]


def test_prompts_ask_for_types_that_are_glimpsed_and_answers_may_hold_any(tmp_path):
    prompts = []

    class Backend:
        def generate(self, given, **_):
            for prompt in given:
                prompts.append((prompt.instruction, prompt.input))
                yield Completion("北京⟦地名⟧北⟦人名⟧", "stop")

    path = tmp_path / "tagger.weights"
    write_weights(path, own_weights(names=NAMES, places=("ner", ["地名"])))
    style = replace(STYLE, hints=str(path), glimpsed={"names": 0.0, "places": 0.0})
    extractor = Extractor(Engine("stub", Backend(), style), MSRA.select("ner", ["人名", "地名"]))
    found = extractor.extract("在北京")
    # Read by the head that knows both, not by that which knows no more than what is left.
    assert prompts == [("实体⟦地名⟧", "在⟦地名⟧北京⟦/⟧")]
    assert [(entity.type, entity.start) for entity in found.entities] == [("地名", 1), ("人名", 1)]
    assert extractor.extract("在了") == Extraction()
    assert len(prompts) == 1


def test_a_tagger_with_labels_of_its_own_does_not_say_that_a_text_is_bare():
    assert MARKER.words("无人。", "ner", MSRA) == []
    assert not MARKER.is_bare("无人。", "ner", MSRA)


def held_to_marks(folder, names, support, said, schema):
    """Return what is extracted from TEXT where the model says this, and a head `names` reads it."""

    class Backend:
        def generate(self, given, **_):
            for _ in given:
                yield Completion(said, "stop")

    path = folder / "tagger.weights"
    write_weights(path, own_weights(names=("ner", names)))
    style = replace(STYLE, hints=str(path), support=support)
    return Extractor(Engine("stub", Backend(), style), schema).extract(TEXT)


@pytest.mark.parametrize(
    ("least", "kept"), [({}, 3), ({"names": (None, 0)}, 2), ({"others": (None, 0)}, 3)]
)
def test_names_without_marks_are_told_where_the_style_says_so(tmp_path, least, kept):
    names, said = ["人名", "地名", "时间", "机构名"], "北京⟦地名⟧王小明⟦地名⟧经理⟦人名⟧"
    found = held_to_marks(tmp_path, names, least, said, "msra")
    assert len(found.entities) == kept
    assert [issue.kind for issue in found.issues] == ["withheld"] * (3 - kept)
    assert all("经理 at [" in issue.detail for issue in found.issues)


def test_scores_that_nobody_asked_for_decide_and_are_not_returned(tmp_path):
    asked = []

    class Backend:
        def generate(self, given, *, scores, **_):
            asked.append(scores)
            for _ in given:
                # Each character is a token, those of the second name hardly likely.
                said = "北京⟦地名⟧经理⟦人名⟧"
                probable = [0.0] * 6 + [-3.0] * 6
                yield Completion(said, "stop", tuple(range(1, 13)), tuple(probable))

    path = tmp_path / "tagger.weights"
    write_weights(path, own_weights(names=("ner", ["人名", "地名"])))
    for least, kept in (((0.5, 0.5), ["北京"]), ((0.0, 0.0), ["北京", "经理"])):
        style = replace(STYLE, hints=str(path), support={"names": least})
        found = Extractor(Engine("stub", Backend(), style), "msra").extract(TEXT)
        assert [(e.text, e.score) for e in found.entities] == [(name, None) for name in kept]
    assert asked == [True, False]


def test_facts_are_held_to_scores_where_answers_vote(tmp_path):
    class Backend:
        def generate(self, given, *, scores, **_):
            assert scores
            for number, _ in enumerate(given):
                # The second order is surer of the second name.
                probable = [0.0] * 6 + [-3.0 if number == 0 else 0.0] * 6
                yield Completion(
                    "北京⟦地名⟧经理⟦人名⟧", "stop", tuple(range(1, 13)), tuple(probable)
                )

    path = tmp_path / "tagger.weights"
    write_weights(path, own_weights(names=("ner", ["人名", "地名"])))
    style = replace(STYLE, hints=str(path), support={"names": (0.5, 0.5)})
    for agreement, kept, told in ((0.5, [1.0, 0.5], 0), (1.0, [1.0], 1)):
        options = ExtractOptions(orders=2, agreement=agreement)
        found = Extractor(Engine("stub", Backend(), style), "msra", options=options).extract(TEXT)
        assert [entity.score for entity in found.entities] == kept
        assert len(found.issues) >= told
        assert all("经理" in issue.detail for issue in found.issues)


def test_support_takes_no_account_of_what_is_asked_for_or_cannot_be_marked(tmp_path):
    # The head knows a nationality by name alone; the time that it sees is not asked for.
    names, said = ["人名", "地名", "时间", "国籍"], "北京⟦地名⟧经理⟦国籍⟧昨天⟦地名⟧"
    schema = Schema("own", entities=(EntityType("地名"), EntityType("国籍")))
    found = held_to_marks(tmp_path, names, {"names": (None, 0)}, said, schema)
    assert [entity.text for entity in found.entities] == ["北京", "经理", "昨天"]


@pytest.mark.parametrize("least", [[], [None, 1.5], [0.1, -0.5], [0.0, 0.1, 0.2, 0.3, 0.4]])
def test_a_style_asks_for_scores_and_points_that_there_are(least):
    told = re.escape(f"support of msra is {least}; expected for each of 0 to 3 points")
    with pytest.raises(ConfigError, match=told):
        PromptStyle.from_dict({"support": {"msra": least}, "hints": JIEBA})


@pytest.mark.parametrize("margin", [-1.0, float("nan")])
def test_a_style_asks_for_no_margin_below_zero(margin):
    with pytest.raises(ConfigError, match=f"glimpsed of duee is {margin}; expected a margin"):
        PromptStyle.from_dict({"glimpsed": {"duee": margin}, "hints": JIEBA})


@pytest.mark.parametrize(
    "value",
    [{"only_marked": ["ner"]}, {"glimpsed": {"msra": 1}}, {"support": {"msra": [None, 0]}}],
)
def test_a_style_that_leans_on_marks_needs_them(value):
    with pytest.raises(ConfigError, match=f"{next(iter(value))} needs hints"):
        PromptStyle.from_dict(value)


def test_a_style_that_names_no_task_is_told_so():
    with pytest.raises(ConfigError, match="only_marked names no task 'net'; did you mean 'ner'"):
        PromptStyle.from_dict({"only_marked": ["net"], "hints": JIEBA})


def test_the_tagger_of_a_model_lies_beside_its_style(tmp_path):
    kept, folder = tmp_path / "kept.safetensors", tmp_path / "model"
    folder.mkdir()
    write_weights(kept, jieba_weights())
    write_style(replace(STYLE, hints=str(kept)), folder)
    kept.unlink()
    assert json.loads((folder / "chinchilla.json").read_text())["hints"] == TAGGER_FILE
    style = read_style(folder)
    assert render_prompt("ner", MSRA, TEXT, style).input == MARKED
    write_style(style, folder)
    assert read_style(folder) == style


def test_a_tagger_that_is_not_there_is_told_so():
    style = PromptStyle.from_dict({"hints": "none.safetensors"}, "folder/chinchilla.json")
    with pytest.raises(ModelError, match=r"folder/none.safetensors: no such file; hints come from"):
        render_prompt("ner", MSRA, TEXT, style)
