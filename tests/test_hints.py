import json
from dataclasses import replace

import pytest

from chinchilla import hints as module
from chinchilla.backend import Completion
from chinchilla.data import Document
from chinchilla.engines import TAGGER_FILE, Engine, read_style, write_style
from chinchilla.errors import ModelError
from chinchilla.hints import JIEBA, MARKS, Marker, marker
from chinchilla.instructions.options import BuildOptions
from chinchilla.instructions.records import build_records
from chinchilla.pipeline import Extractor
from chinchilla.prompt import PromptStyle, render_arguments, render_prompt
from chinchilla.schema import read_schema
from chinchilla.tagger import jieba_weights, write_weights

TEXT = "王小明昨天在北京见到了总经理。"
MARKED = "⟦PER⟧王小明⟦/⟧⟦TIME⟧昨天⟦/⟧在⟦LOC⟧北京⟦/⟧见到了总经理。"
MARKER = marker(JIEBA)
STYLE = PromptStyle(template="compact-v1", format="compact", hints=JIEBA)


def test_hints_stand_around_the_likely_names_of_a_text():
    assert MARKER.mark(TEXT) == MARKED


def test_all_marks_are_declared():
    assert {mark for mark in MARKS if mark in MARKED} == {"⟦PER⟧", "⟦TIME⟧", "⟦LOC⟧", "⟦/⟧"}


@pytest.mark.parametrize("text", ["", "。", "abc 123", "⟦北京", "𠮷\u2028\r\n", "北" * 20_000])
def test_any_text_is_kept_under_its_hints(text):
    told = MARKER.mark(text)
    for mark in MARKS:
        told = told.replace(mark, "")
    assert told == text


def test_texts_read_ahead_are_tagged_once(monkeypatch):
    texts = [f"第{n}个人是王小明" for n in range(5)]
    alone = [MARKER.mark(text) for text in texts]
    fresh = Marker(MARKER.tagger)
    fresh.read_ahead(texts)
    monkeypatch.setattr(fresh, "tagger", None)
    fresh.read_ahead(texts)
    assert [fresh.mark(text) for text in texts] == alone


def test_what_is_kept_is_bounded_and_holds_what_is_asked_for_next(monkeypatch):
    monkeypatch.setattr(module, "_MOST_KEPT", 16)
    fresh = Marker(MARKER.tagger)
    fresh.read_ahead(f"{n}号" for n in range(8))
    fresh.read_ahead(["7号", "九号", "北" * 20_000])
    assert list(fresh._kept) == ["7号", "九号"]


def test_a_style_with_hints_asks_alike_in_records_and_at_inference():
    schema = read_schema("msra")
    document = Document("d", TEXT)
    record = next(iter(build_records([document], lambda _: schema, BuildOptions(style=STYLE))))
    prompt = render_prompt("ner", schema, TEXT, STYLE)
    assert (record.instruction, record.input) == (prompt.instruction, prompt.input)
    assert prompt.input == MARKED


def test_records_with_hints_ask_for_what_was_read_ahead(monkeypatch):
    style = PromptStyle("compact-v1", "compact", window={"ner": 12}, hints=JIEBA)
    documents = [Document(str(n), TEXT * n) for n in range(1, 4)] + [Document("blank", " ")]
    schema = read_schema("msra")
    MARKER._kept.clear()
    asked = []
    read = MARKER._marked
    monkeypatch.setattr(MARKER, "_marked", lambda texts: asked.append(texts) or read(texts))
    records = list(build_records(documents, lambda _: schema, BuildOptions(style=style)))
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


def test_the_tagger_of_a_model_lies_beside_its_style(tmp_path):
    kept, folder = tmp_path / "kept.safetensors", tmp_path / "model"
    folder.mkdir()
    write_weights(kept, jieba_weights())
    write_style(replace(STYLE, hints=str(kept)), folder)
    kept.unlink()
    assert json.loads((folder / "chinchilla.json").read_text())["hints"] == TAGGER_FILE
    style = read_style(folder)
    assert render_prompt("ner", read_schema("msra"), TEXT, style).input == MARKED
    write_style(style, folder)
    assert read_style(folder) == style


def test_a_tagger_that_is_not_there_is_told_so():
    style = PromptStyle.from_dict({"hints": "none.safetensors"}, "folder/chinchilla.json")
    with pytest.raises(ModelError, match=r"folder/none.safetensors: no such file; hints come from"):
        render_prompt("ner", read_schema("msra"), TEXT, style)
