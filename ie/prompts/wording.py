"""The fixed words of prompts, in Chinese and English: types, answer forms, worked examples.

What is written here has been learnt by models: like a released template it is not edited.
"""

from collections.abc import Sequence
from typing import Any

from ..data.schema import EntityType, EventType, RelationType, Role
from ..decoding.formats import label_text

# The two steps in which events may be asked, beside the tasks ner, re, ee.
TRIGGERS, ARGUMENTS = "triggers", "arguments"


def describe_types(types: Sequence[Any], kind: str, lang: str) -> str:
    """Return the types as a prompt lists them: `labels` bare, `list` a described line each."""
    if kind == "labels":
        return "".join(label_text(item.label) for item in types)
    english = lang == "en"
    return "\n".join(f"- {_describe(item, english)}" for item in types)


def _describe(item: Any, english: bool) -> str:
    parts = [item.label]
    comma = ", " if english else "、"
    if isinstance(item, RelationType):
        # A label with its signature says it already.
        if (item.subject or item.object) and item.label == item.name:
            ends = f"{item.subject or '*'} → {item.object or '*'}"
            parts[0] += f" ({ends})" if english else f"（{ends}）"
        if item.qualifiers:
            noted = (_noted(k, [v] if v else [], english) for k, v in item.qualifiers.items())
            parts.append(("qualifiers: " if english else "附加项：") + comma.join(noted))
    if isinstance(item, EventType):
        roles = comma.join(_describe_role(role, english) for role in item.roles)
        parts.append(("roles: " if english else "角色：") + roles)
        if not item.trigger:
            parts.append("no trigger" if english else "不需触发词")
    if item.description:
        parts.append(item.description)
    if isinstance(item, EntityType | RelationType | EventType) and item.examples:
        parts.append(("e.g. " if english else "例如 ") + comma.join(item.examples))
    return ("; " if english else "；").join(parts)


def _describe_role(role: Role, english: bool) -> str:
    notes = [role.description] if role.description else []
    if role.values:
        notes.append(("one of " if english else "取值 ") + "/".join(role.values))
    return _noted(role.name, notes, english)


def _noted(name: str, notes: Sequence[str], english: bool) -> str:
    if not notes:
        return name
    return f"{name} ({', '.join(notes)})" if english else f"{name}（{'，'.join(notes)}）"


def describe_trigger(trigger: str | None, occurrence: int, kind: str, lang: str) -> str:
    """Return how a prompt names a trigger; bare templates write it as an answer would."""
    if kind == "labels":
        return f"{trigger or ''}{label_text(str(occurrence)) if occurrence else ''}"
    english = lang == "en"
    if trigger is None:
        return "none" if english else "无"
    if not occurrence:
        return f'"{trigger}"' if english else f"“{trigger}”"
    if english:
        return f'"{trigger}" (occurrence {occurrence} in the text)'
    return f"“{trigger}”（文中第 {occurrence} 处）"


def render_demonstrations(pairs: Sequence[tuple[str, str]], lang: str) -> str:
    """Return worked examples, each a text and its answer, to be put after an instruction."""
    text_word, answer_word, heading, closing = _DEMONSTRATION_TEXT[lang]
    shown = [f"{text_word}{text}\n{answer_word}{answer}" for text, answer in pairs]
    return "\n".join(["", heading, *shown, closing])


_JSON_EXAMPLES = {
    "ner": '{"entities": [{"type": "…", "text": "…"}]}',
    "re": '{"relations": [{"type": "…", "subject": "…", "object": "…"}]}',
    "ee": '{"events": [{"type": "…", "trigger": "…", "arguments": [{"role": "…", "text": "…"}]}]}',
    TRIGGERS: '{"events": [{"type": "…", "trigger": "…", "arguments": []}]}',
}
_JSON_EXAMPLES[ARGUMENTS] = _JSON_EXAMPLES["ee"]
_COMPACT_EXAMPLES = {
    "ner": "提及⟦类型⟧提及⟦类型⟧",
    "re": "主体⟦关系⟧客体⟦⟧",
    "ee": "触发词⟦事件类型⟧论元⟦角色⟧论元⟦角色⟧",
    TRIGGERS: "触发词⟦事件类型⟧",
}
_COMPACT_EXAMPLES[ARGUMENTS] = _COMPACT_EXAMPLES["ee"]
_ENGLISH_COMPACT = {
    "ner": "mention⟦type⟧mention⟦type⟧",
    "re": "subject⟦relation⟧object⟦⟧",
    "ee": "trigger⟦event type⟧argument⟦role⟧argument⟦role⟧",
    TRIGGERS: "trigger⟦event type⟧",
}
_ENGLISH_COMPACT[ARGUMENTS] = _ENGLISH_COMPACT["ee"]
RATIONALE_TEXT = {
    "zh": "先在 <think> 与 </think> 之间写出分析，再给出答案。",
    "en": "First write your analysis between <think> and </think>, then the answer.",
}
INSTRUCTIONS_TEXT = {"zh": "补充要求：", "en": "Also: "}
_WHERE_UNCLEAR = {
    "zh": "同样的文字在文中出现多次、而先后次序不能说明是哪一处时，",
    "en": "Where a string occurs several times in the text and order does not tell which is meant, ",
}
_NUMBERED = {
    ("zh", "json"): "在其后用 occurrence（触发词、主体、客体用 trigger_occurrence、"
    "subject_occurrence、object_occurrence）写明是第几处，从 1 数起。",
    ("en", "json"): "add its number from 1 as occurrence (trigger_occurrence, "
    "subject_occurrence, object_occurrence).",
    ("zh", "compact"): "在其标签后写明是第几处，从 1 数起，如 ⟦#2⟧。",
    ("en", "compact"): "add its number from 1 after its label, as ⟦#2⟧.",
}
OCCURRENCES_TEXT = {key: _WHERE_UNCLEAR[key[0]] + text for key, text in _NUMBERED.items()}
_DEMONSTRATION_TEXT = {
    "zh": ("文本：", "答案：", "示例：", "请按同样方式处理下面的文本。"),
    "en": ("Text: ", "Answer: ", "Examples:", "Now do the same for the following text."),
}
FORMAT_TEXT = {
    ("zh", "json"): {
        task: f"只输出 JSON：{example}；没有则列表为空。"
        for task, example in _JSON_EXAMPLES.items()
    },
    ("en", "json"): {
        task: f"Answer with JSON only: {example}; use an empty list if there is none."
        for task, example in _JSON_EXAMPLES.items()
    },
    ("zh", "compact"): {
        task: f"每条一行，格式为 {example}；没有则输出 ⟦⟧。"
        for task, example in _COMPACT_EXAMPLES.items()
    },
    ("en", "compact"): {
        task: f"One item a line, as {example}; answer ⟦⟧ if there is none."
        for task, example in _ENGLISH_COMPACT.items()
    },
}
