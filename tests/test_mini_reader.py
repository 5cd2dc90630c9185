"""The embedded model behind its fence: what a text is asked, what marks it, what is held back."""

import json
import shutil
from dataclasses import replace
from importlib import resources
from pathlib import Path

import numpy
import pytest

from chinchilla import Document, Extractor, read_schema
from chinchilla.engines.open import open_engine
from chinchilla.engines.protocol import Completion, Question
from chinchilla.errors import ConfigError, ModelError
from chinchilla.mini.form import readable
from chinchilla.mini.hints import Reading, read_marker
from chinchilla.mini.reader import TAGGER_FILE
from chinchilla.options import ExtractOptions

FOLDER = Path(str(resources.files("chinchilla").joinpath("mini")))
MARKER = read_marker(FOLDER / TAGGER_FILE)
MSRA = read_schema("msra")
TEXT = "王小明昨天在北京见到了总经理。"
MARKED = "⟦人名⟧王小明⟦/⟧昨天在⟦地名⟧北京⟦/⟧见到了总经理。"


class Backend:
    """Says the same of every prompt; keeps the prompts and whether scores were asked for."""

    def __init__(self, said):
        self.said, self.asked, self.scores = said, [], []

    def generate(self, prompts, *, scores, **_):
        self.scores.append(scores)
        for prompt in prompts:
            self.asked.append(prompt)
            yield Completion(self.said)


@pytest.fixture
def said():
    def make(answer, **style):
        engine = open_engine()
        return replace(engine, backend=Backend(answer), style=replace(engine.style, **style))

    return make


def test_names_are_marked_in_the_prompt_and_offsets_are_those_of_the_text(said):
    engine = said("北京⟦地名⟧")
    found = Extractor(engine, "msra").extract(TEXT)
    assert [prompt.input for prompt in engine.backend.asked] == [MARKED]
    assert [entity.span for entity in found.entities] == [(6, 8)]
    assert engine.backend.scores == [False]


def test_texts_in_which_the_tagger_sees_nothing_are_not_asked_of(said):
    engine = said("北京⟦地名⟧")
    documents = [Document(str(i), text) for i, text in enumerate(["的了。", TEXT, " ", "在了吗"])]
    found = list(Extractor(engine, "msra").stream(documents))
    assert [(document.id, len(document.entities)) for document in found] == [
        ("0", 0),
        ("1", 1),
        ("2", 0),
        ("3", 0),
    ]
    assert len(engine.backend.asked) == 1
    everything = said("⟦⟧", only_marked=())
    list(Extractor(everything, "msra").stream(documents))
    assert len(everything.backend.asked) == 3


def test_what_has_no_mark_is_held_back_and_told(said):
    found = Extractor(said("北京⟦地名⟧总经理⟦人名⟧"), "msra").extract(TEXT)
    assert [entity.text for entity in found.entities] == ["北京"]
    assert "总经理 at [11, 14) | 人名: left out" in found.issues[0].detail
    assert len(Extractor(said("总经理⟦人名⟧", support={}), "msra").extract(TEXT).entities) == 1


def test_scores_that_nobody_asked_for_decide_and_are_not_returned():
    found = Extractor(None, "duie").extract("《长河》是顾长风执导的电影。")
    assert [(relation.type, relation.score) for relation in found.relations] == [("导演", None)]


def test_a_question_may_be_of_several_tasks_at_once():
    text = "王小明在北京会见了李华。"
    schema = {"name": "s", "entities": ["人名", "地名"], "events": [{"name": "交往-会见"}]}
    question = Question(text, read_schema(schema), ("ner", "ee"))
    [answer] = open_engine().answer([question], ExtractOptions())
    assert [entity.text for entity in answer.entities] == ["王小明", "北京", "李华"]
    assert [event.trigger.text for event in answer.events] == ["会见"]


@pytest.mark.parametrize("text", ["", "。", "abc 123", "⟦北京", "𠮷\u2028\r\n", "北" * 20_000])
def test_any_text_is_kept_under_its_marks(text):
    told = MARKER.mark(text, "ner", MSRA)
    for mark in ("人名", "地名", "机构名", "/"):
        told = told.replace(f"⟦{mark}⟧", "")
    assert told == text


def test_texts_tagged_together_get_the_words_that_they_get_alone():
    texts = ["", TEXT, "他说", TEXT * 3, "北京,上海、天津"]
    tagger = MARKER.tagger
    for head in ("msra", "duie"):
        together = tagger.read(texts, head)
        for text, read in zip(texts, together, strict=True):
            alone = tagger.read([text], head)[0]
            assert read.words == alone.words
            numpy.testing.assert_allclose(read.near, alone.near, atol=1e-3)
            assert "".join(text[start:end] for start, end, _ in read.words) == text


def test_texts_read_ahead_are_tagged_once(monkeypatch):
    fresh = type(MARKER)(MARKER.tagger)
    fresh.read_ahead(Reading(text, "ner", MSRA) for text in ("甲在北京", TEXT))
    monkeypatch.setattr(fresh.tagger, "read", lambda *_: pytest.fail("tagged again"))
    assert fresh.mark(TEXT, "ner", MSRA) == MARKED


@pytest.mark.parametrize(
    ("change", "error", "told"),
    [
        ({"only_marked": ["net"]}, ConfigError, "only_marked names no task 'net'; .* 'ner'"),
        ({"support": {"msra": []}}, ConfigError, r"support of msra is \[\]; expected"),
        ({"glimpsed": {"duee": -1.0}}, ConfigError, "glimpsed of duee is -1.0; expected a margin"),
        ({"hints": "none.weights"}, ModelError, "none.weights: no such file"),
    ],
)
def test_a_copy_of_the_model_opens_and_says_what_is_wrong_with_it(tmp_path, change, error, told):
    for path in FOLDER.iterdir():
        if path.is_file() and path.suffix != ".py":
            shutil.copyfile(path, tmp_path / path.name)
    found = Extractor(str(tmp_path), "msra").extract(TEXT)
    assert [entity.text for entity in found.entities] == ["王小明", "北京"]
    style = tmp_path / "chinchilla.json"
    style.write_text(json.dumps({**json.loads(style.read_text("utf-8")), **change}), "utf-8")
    with pytest.raises(error, match=told):
        open_engine(tmp_path)


def found(text, schema="msra", tasks=None):
    return Extractor(None, schema, tasks).extract(text)


@pytest.mark.parametrize("white", ["\n", "\r\n", "\u3000", "\t", "\u00a0", "\u2028", "\n\n "])
def test_white_space_hides_nothing(white):
    text = f"天气不错。{white}王小明在北京{white}会见李华。"
    entities = found(text).entities
    assert [entity.text for entity in entities] == ["王小明", "北京", "李华"]
    assert all(text[entity.start : entity.end] == entity.text for entity in entities)


def test_traditional_characters_are_read_as_simplified_ones_and_given_as_written():
    text = "遠山電子董事長魏家明在廣東會見了劉國華。"
    simple = found("远山电子董事长魏家明在广东会见了刘国华。")
    entities = found(text).entities
    assert [entity.span for entity in entities] == [entity.span for entity in simple.entities]
    assert "劉國華" in [entity.text for entity in entities]
    assert [len(readable(c)) for c in "瞭乾隆著麼\U00020000"] == [1] * 6


@pytest.mark.parametrize("more", [["案号"], ["手机号", "菜名", "车型"]])
def test_types_never_met_take_nothing_from_known_ones(more):
    text = "国家主席李明在上海会见了来自腾讯公司的代表王芳。"
    known = ["人名", "地名", "机构名"]
    schema = {"name": "own", "entities": [*more[:1], *known, *more[1:]]}
    kept = [entity for entity in found(text, schema).entities if entity.type in known]
    assert kept == list(found(text, {"name": "own", "entities": known}).entities)


def test_a_thing_stands_in_no_relation_to_itself(said):
    engine = said("王小明⟦丈夫⟧王小明⟦⟧", only_marked=(), support={}, glimpsed={})
    result = Extractor(engine, "duie").extract("王小明与王小明合影。")
    assert result.relations == ()
    assert result.issues[-1].detail.startswith("王小明 | 丈夫 | 王小明: left out, a thing")


@pytest.mark.parametrize(
    ("answer", "kept"),
    [("王小明⟦妻子⟧李华⟦⟧", 1), ("北京⟦妻子⟧李华⟦⟧", 0), ("王小明⟦丈夫⟧北京⟦⟧", 0)],
)
def test_relations_take_ends_of_their_types_alone(said, answer, kept):
    engine = said(answer, only_marked=(), support={}, glimpsed={})
    result = Extractor(engine, "duie").extract("王小明和李华昨天在北京结婚。")
    assert len(result.relations) == kept
    assert len(result.issues) == 1 - kept


def test_an_argument_of_another_sentence_is_told_and_left_out(said):
    engine = said(
        "起诉⟦司法行为-起诉⟧海淀公安分局⟦原告⟧莫小燕⟦被告⟧", only_marked=(), support={}, glimpsed={}
    )
    result = Extractor(engine, "duee").extract(
        "海淀公安分局与恒丰村镇银行签署协议。莫小燕被依法起诉。"
    )
    assert [argument.text for argument in result.events[0].arguments] == ["莫小燕"]
    assert "another sentence" in result.issues[-1].detail
