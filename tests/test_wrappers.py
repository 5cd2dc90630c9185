"""What stands around an answer is passed over, in the marks of any model family."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chinchilla.data.schema import Schema
from chinchilla.decoding.decode import decode
from chinchilla.decoding.parse import parse
from chinchilla.decoding.wrappers import answer_of

SCHEMA = Schema.from_dict({"name": "t", "entities": ["人名", "机构名"]})
TEXT = "王芳去年在松江铝业上班"
ANSWER = '{"entities": [{"type": "人名", "text": "王芳"}]}'
DRAFT = '{"entities": [{"type": "机构名", "text": "松江铝业"}]}'


def entities(completion: str) -> list[tuple[str | None, str, int | None]]:
    found = decode(completion, TEXT, SCHEMA).entities
    return [(entity.type, entity.text, entity.start) for entity in found]


@pytest.mark.parametrize(
    "completion",
    [
        f"<think>\n\n</think>\n\n{ANSWER}",
        f"<THINKING>先写 {DRAFT}</THINKING>好的，答案如下：{ANSWER}",
        f"先写 {DRAFT}</think>。{ANSWER}",
        f"<think>{DRAFT}</think>{DRAFT}</think>{ANSWER}",
        f"<seed:think>{DRAFT}</seed:think>{ANSWER}",
        f"◁think▷{DRAFT}◁/think▷{ANSWER}",
        f"[THINK]{DRAFT}[/THINK]{ANSWER}",
        f"<|channel>thought\n{DRAFT}<channel|>{ANSWER}",
        f"<|START_THINKING|>{DRAFT}<|END_THINKING|><|START_RESPONSE|>{ANSWER}<|END_RESPONSE|>",
        f"{ANSWER}\n<think>检查：{DRAFT} 不对</think>",
        f"{ANSWER}\n<think>检查：{DRAFT} 不对</think>。<|im_end|>",
        f"{ANSWER}<think>再想想 {DRAFT}",
    ],
)
def test_reasoning_is_passed_over_whatever_its_marks_are(completion: str) -> None:
    assert entities(completion) == [("人名", "王芳", 0)]


@pytest.mark.parametrize(
    "completion",
    [
        f"<|channel|>analysis<|message|>Maybe {DRAFT}<|end|><|start|>assistant<|channel|>final"
        f"<|message|>{ANSWER}<|return|>",
        f"<|channel|>analysis<|message|>Maybe {DRAFT}<|end|><|start|>assistant<|channel|>"
        f"commentary to=functions.f <|constrain|>json<|message|>{ANSWER}<|call|>",
        f"analysisMaybe {DRAFT}assistantfinal{ANSWER}",
        f"analysisMaybe.assistantcommentary to=functions.f json{ANSWER}",
    ],
)
def test_of_channels_the_final_one_or_the_call_counts(completion: str) -> None:
    assert entities(completion) == [("人名", "王芳", 0)]


@pytest.mark.parametrize(
    "completion",
    [
        f"思考过程：可能是 {DRAFT}，不对。\n最终答案：{ANSWER}",
        f"First {DRAFT}.\n\n**Final Answer:**\n```json\n{ANSWER}\n```",
        f"<answer>{ANSWER}</answer>\n（初稿：{DRAFT}）",
        f"<|begin_of_box|>{ANSWER}<|end_of_box|>",
    ],
)
def test_words_and_tags_before_the_answer_end_what_came_before(completion: str) -> None:
    assert entities(completion) == [("人名", "王芳", 0)]


CALL = '{"name": "extract", "arguments": %s}'


@pytest.mark.parametrize(
    "completion",
    [
        f"<tool_call>\n{CALL % ANSWER}\n</tool_call>",
        '{"tool_calls": [{"id": "c1", "type": "function", "function": '
        '{"name": "f", "arguments": "{\\"人名\\": [\\"王芳\\"]}"}}]}',
        f'<|python_tag|>{{"name": "f", "parameters": {ANSWER}}}',
        f"[TOOL_CALLS][{CALL % ANSWER}]",
        f"<function=f>{ANSWER}</function>",
        "<tool_call>f\n<arg_key>人名</arg_key>\n<arg_value>王芳</arg_value>\n</tool_call>",
        '<tool_call><function=f><parameter=人名>\n["王芳"]\n</parameter></function></tool_call>',
        '<invoke name="f"><parameter name="人名">["王芳"]</parameter></invoke>',
        f"<｜tool▁call▁begin｜>function<｜tool▁sep｜>f\n```json\n{ANSWER}\n```<｜tool▁call▁end｜>",
        f"<|tool_call_begin|>functions.f:0<|tool_call_argument_begin|>{ANSWER}<|tool_call_end|>",
        f'{{"type": "tool_use", "name": "f", "input": {ANSWER}}}',
    ],
)
def test_an_answer_may_be_the_argument_of_a_tool_call(completion: str) -> None:
    assert entities(completion) == [("人名", "王芳", 0)]
    assert decode(completion, TEXT, SCHEMA).issues == ()


@pytest.mark.parametrize(
    "completion", [f"<think>{DRAFT}", f"<|channel|>analysis<|message|>Maybe {DRAFT}"]
)
def test_reasoning_that_never_ends_is_truncated(completion: str) -> None:
    answer = parse(completion, "json", ("ner",), SCHEMA)
    assert answer.items == ()
    assert [issue.kind for issue in answer.issues] == ["truncated"]


def test_what_looks_like_a_tag_inside_of_a_mention_is_kept() -> None:
    said = (
        '{"entities": [{"type": "人名", "text": "甲</think>乙"}, {"type": "人名", "text": "丙"}]}'
    )
    items = parse(said, "json", ("ner",), SCHEMA).items
    assert [item.head for item in items] == ["甲</think>乙", "丙"]


TAGS = ["<think>", "</think>", "<|channel|>", "final", "<|message|>", "<answer>", "</answer>", "{",
        "[TOOL_CALLS]", "<parameter=甲>", "</parameter>", "最终答案：", "assistantfinal", '"', "}"]  # fmt: skip


@given(st.lists(st.sampled_from(TAGS) | st.text(max_size=3), max_size=12).map("".join))
def test_an_answer_keeps_its_places(completion: str) -> None:
    answer = answer_of(completion)
    if answer is not None:
        assert len(answer) == len(completion)
        marks = set(' \n{}":')
        if "<parameter" not in completion:
            assert all(a in (b, *marks) for a, b in zip(answer, completion, strict=True))
