import hashlib

import pytest

from chinchilla.data.documents import Document
from chinchilla.data.schema import Schema, read_schema
from chinchilla.decoding.decode import decode
from chinchilla.errors import ConfigError
from chinchilla.prompts.prompt import (
    PromptStyle,
    occurrence_of,
    read_template,
    render_arguments,
    render_prompt,
    template_names,
)

SCHEMA = read_schema(
    {
        "name": "toy",
        "entities": [
            "人名",
            {"name": "机构名", "description": "公司、机关", "examples": ["雀巢"]},
            "作品",
        ],
        "relations": [
            {
                "name": "主演",
                "subject": "作品",
                "object": "人名",
                "qualifiers": {"饰演": "角色"},
            }
        ],
        "events": [
            {
                "name": "公司上市",
                "roles": ["上市公司", {"name": "环节", "values": ["筹备上市", "正式上市"]}],
            },
            {"name": "公告", "trigger": False, "roles": ["主体"]},
        ],
    }
)
# What released templates render, as hashes: models have learnt these very bytes.
RELEASED = {
    "compact-v1": "dd4e270fe1988bd7",
    "en-v1": "a7e840ec40646433",
    "zh-v1": "ced38d1d2df5428b",
    "zh-v2": "913420fb9730d421",
    "zh-v3": "3fa109550e4f2b14",
}


def _rendered(name: str) -> str:
    parts = []
    for task in SCHEMA.tasks:
        for wording in range(len(read_template(name).wordings[task])):
            style = PromptStyle(name, read_template(name).format, wording)
            parts.append(render_prompt(task, SCHEMA, "文", style).instruction)
    return "\n\n".join(parts)


@pytest.mark.parametrize("name", sorted(RELEASED))
def test_released_templates_render_the_same_bytes(name):
    assert hashlib.sha256(_rendered(name).encode()).hexdigest()[:16] == RELEASED[name]


def test_the_compact_template_lists_bare_labels():
    style = PromptStyle("compact-v1", "compact")
    assert render_prompt("ner", SCHEMA, "文", style).instruction == "实体⟦人名⟧⟦机构名⟧⟦作品⟧"
    assert render_prompt("ee", SCHEMA, "文", style).instruction == "事件⟦公司上市⟧⟦公告⟧"


@pytest.mark.parametrize("form", ["json", "compact"])
@pytest.mark.parametrize("name", template_names())
def test_every_wording_fills_its_slots(name, form):
    template = read_template(name)
    for task, wordings in template.wordings.items():
        for wording in range(len(wordings)):
            style = PromptStyle(name, form, wording, steps=2 if task == "triggers" else 1)
            if task == "arguments":
                one = SCHEMA.select("ee", ["公司上市"])
                instruction = render_arguments(one, "上市", "甲上市", style).instruction
                assert "上市" in instruction
                assert "公司上市" in instruction
            else:
                asked = "ee" if task == "triggers" else task
                instruction = render_prompt(asked, SCHEMA, "文", style).instruction
                assert all(item.label in instruction for item in SCHEMA.types(asked))
            for slot in ("{types}", "{format}", "{trigger}", "{text}"):
                assert slot not in instruction


def test_wordings_differ_within_and_between_templates_of_a_kind():
    names = [name for name in template_names() if not name.startswith("compact")]
    wordings = [w for name in names for ws in read_template(name).wordings.values() for w in ws]
    assert len(set(wordings)) == len(wordings)
    assert {read_template(name).lang for name in names} == {"zh", "en"}


def test_descriptions_examples_roles_and_values_reach_the_prompt():
    style = PromptStyle("zh-v2")
    assert "- 机构名；公司、机关；例如 雀巢" in render_prompt("ner", SCHEMA, "", style).instruction
    relations = render_prompt("re", SCHEMA, "", style).instruction
    assert "- 主演（作品 → 人名）；附加项：饰演（角色）" in relations
    events = render_prompt("ee", SCHEMA, "", style).instruction
    assert "角色：上市公司、环节（取值 筹备上市/正式上市）" in events
    assert "- 公告；角色：主体；不需触发词" in events
    english = render_prompt("re", SCHEMA, "", PromptStyle("en-v1")).instruction
    assert "- 主演 (作品 → 人名); qualifiers: 饰演 (角色)" in english


def test_braces_in_names_are_left_alone():
    schema = Schema.from_dict({"name": "x", "entities": ["{0}", "{a}"]})
    assert "- {0}\n- {a}" in render_prompt("ner", schema, "", PromptStyle()).instruction


def test_two_steps_ask_for_triggers_then_for_arguments_of_one():
    style = PromptStyle("compact-v2", "compact", steps=2)
    assert render_prompt("ee", SCHEMA, "甲上市", style).instruction == "触发词⟦公司上市⟧⟦公告⟧"
    one = SCHEMA.select("ee", ["公司上市"])
    text = "甲上市，乙上市"
    place = occurrence_of(text, "上市", 5)
    assert place == 2
    prompt = render_arguments(one, "上市", text, style, place)
    assert prompt.instruction == "论元⟦公司上市⟧上市⟦2⟧"
    spoken = render_arguments(one, "上市", text, PromptStyle("zh-v2", steps=2), place)
    assert "“上市”（文中第 2 处）" in spoken.instruction


def test_an_occurrence_is_numbered_only_where_there_are_several():
    assert occurrence_of("甲上市", "上市", 1) == 0
    assert occurrence_of("上市上市", "上市", 0) == 1
    assert occurrence_of("上市", "上市", None) == 0
    assert occurrence_of("哈哈哈", "哈哈", 1) == 2


def test_a_style_that_says_nothing_of_occurrences_numbers_none():
    assert PromptStyle.from_dict({"template": "zh-v2"}).occurrences is False
    asked = render_prompt("ner", SCHEMA, "", PromptStyle("zh-v2", occurrences=True)).instruction
    plain = render_prompt("ner", SCHEMA, "", PromptStyle("zh-v2")).instruction
    assert asked.startswith(plain)
    assert "写明是第几处" in asked
    bare = PromptStyle("compact-v1", "compact", occurrences=True)
    assert "第几处" not in render_prompt("ner", SCHEMA, "", bare).instruction


def test_a_style_is_refused_two_steps_that_its_template_does_not_word():
    with pytest.raises(ConfigError, match="'zh-v1' has no wording for two-step events; use one of"):
        PromptStyle.from_dict({"template": "zh-v1", "steps": 2})
    with pytest.raises(ConfigError, match="steps is 3"):
        PromptStyle.from_dict({"template": "zh-v2", "steps": 3})
    with pytest.raises(ConfigError, match="unknown template 'zh-v9'; did you mean 'zh-v"):
        PromptStyle.from_dict({"template": "zh-v9"})


def test_a_style_carries_demonstrations_answered_for_what_is_asked():
    example = Document("e", "雀巢裁员").to_dict()
    example["entities"] = [{"type": "机构名", "text": "雀巢", "start": 0, "end": 2}]
    style = PromptStyle.from_dict({"template": "zh-v2", "demonstrations": [example]})
    asked = render_prompt("ner", SCHEMA, "甲", style).instruction
    expected = '文本：雀巢裁员\n答案：{"entities":[{"type":"机构名","text":"雀巢"}]}\n'
    assert expected in asked
    other = render_prompt("ner", SCHEMA.select("ner", ["人名"]), "甲", style).instruction
    assert '答案：{"entities":[]}\n' in other
    assert PromptStyle.from_dict(style.to_dict()) == style


@pytest.mark.parametrize("form", ["json", "compact"])
def test_reasoning_before_an_answer_is_skipped_when_it_is_read(form):
    answer = '{"entities": [{"type": "人名", "text": "鲁迅"}]}' if form == "json" else "鲁迅⟦人名⟧"
    completion = f"<think>\n名称：{{鲁迅}}、[呐喊]、巴金⟦人名⟧。\n</think>\n{answer}"
    found = decode(completion, "鲁迅与巴金", SCHEMA, form, ("ner",))
    assert [(entity.text, entity.start) for entity in found.entities] == [("鲁迅", 0)]
    assert found.issues == ()
