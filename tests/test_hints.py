import jieba
import pytest

from chinchilla.data import Document
from chinchilla.hints import MARKS, hints
from chinchilla.instructions.options import BuildOptions
from chinchilla.instructions.records import build_records
from chinchilla.prompt import PromptStyle, render_arguments, render_prompt
from chinchilla.schema import read_schema

TEXT = "王小明昨天在北京见到了总经理。"


MARKED = "王小明⟦nr⟧昨天在北京⟦ns⟧见到了总经理⟦n⟧。"


def test_hints_mark_the_likely_names_of_a_text_with_their_kind():
    assert hints(TEXT) == MARKED


def test_all_marks_are_declared():
    assert {mark for mark in MARKS if mark in hints(TEXT)} == {"⟦nr⟧", "⟦ns⟧", "⟦n⟧"}


@pytest.mark.parametrize("text", ["", "。", "abc 123", "⟦北京", "𠮷\u2028\r\n", "北" * 20_000])
def test_any_text_is_kept_under_its_hints(text):
    told = hints(text)
    for mark in MARKS:
        told = told.replace(mark, "")
    assert told == (text if len(text) <= 10_000 else "")


def test_words_added_to_jieba_elsewhere_do_not_change_a_prompt():
    jieba.add_word("见到了总经理", tag="nr")
    try:
        assert hints(TEXT) == MARKED
    finally:
        jieba.del_word("见到了总经理")


def test_a_style_with_hints_asks_alike_in_records_and_at_inference():
    style = PromptStyle(template="compact-v1", format="compact", hints=True)
    schema = read_schema("msra")
    document = Document("d", TEXT)
    record = next(iter(build_records([document], lambda _: schema, BuildOptions(style=style))))
    prompt = render_prompt("ner", schema, TEXT, style)
    assert record.instruction == prompt.instruction
    assert prompt.instruction.endswith(f"⟦机构名⟧\n{MARKED}")


def test_the_second_step_of_events_has_hints_too():
    style = PromptStyle(template="zh-v2", hints=True, steps=2)
    schema = read_schema("duee").select("ee", ["交往-会见"])
    assert render_arguments(schema, "见到", TEXT, style).instruction.endswith("\n" + hints(TEXT))
