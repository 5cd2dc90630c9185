"""A few words of reasoning to stand before an answer, made from the gold annotations.

They name the mentions first and then what these are, the order in which a reader works:

    <think>
    先找触发词：裁员（组织关系-裁员）。再找论元：裁员方是雀巢。
    </think>
"""

from collections.abc import Sequence

from chinchilla.decoding.formats import OBJECT_SLOT, Item

OPEN_THOUGHT, CLOSE_THOUGHT = "<think>", "</think>"
_WORDS = {
    "zh": {
        "none": "文中没有所列类型的内容。",
        "ner": "依次提到的名称：{heads}。",
        "re": "先找实体：{heads}。再找关系：{facts}。",
        "ee": "先找触发词：{heads}。再找论元：{facts}。",
        "triggers": "先找触发词：{heads}。",
        "labelled": "{text}（{label}）",
        "filled": "{name}是{text}",
        "related": "{text}的{label}是{other}",
        "comma": "、",
        "semicolon": "；",
    },
    "en": {
        "none": "The text holds nothing of the listed types.",
        "ner": "Names in order: {heads}.",
        "re": "Entities first: {heads}. Then relations: {facts}.",
        "ee": "Triggers first: {heads}. Then arguments: {facts}.",
        "triggers": "Triggers first: {heads}.",
        "labelled": "{text} ({label})",
        "filled": "{name} is {text}",
        "related": "{label} of {text} is {other}",
        "comma": ", ",
        "semicolon": "; ",
    },
}


def with_rationale(answer: str, items: Sequence[Item], task: str, lang: str) -> str:
    """Put the reasoning for the items before their written answer."""
    thought = _thought(items, task, _WORDS[lang])
    # A mention that spells the mark would end the thought too early.
    thought = thought.replace(CLOSE_THOUGHT, "")
    return f"{OPEN_THOUGHT}\n{thought}\n{CLOSE_THOUGHT}\n{answer}"


def _thought(items: Sequence[Item], task: str, words: dict[str, str]) -> str:
    if not items:
        return words["none"]
    heads = _heads(items, task, words)
    if task == "ner":
        return words["ner"].format(heads=heads)
    facts = words["semicolon"].join(filter(None, (_fact(item, words) for item in items)))
    return words[task if facts else "triggers"].format(heads=heads, facts=facts)


def _heads(items: Sequence[Item], task: str, words: dict[str, str]) -> str:
    if task == "re":
        texts = [text for item in items for text in (item.head or "", *_slot_texts(item))]
        return words["comma"].join(dict.fromkeys(texts))
    named = [words["labelled"].format(text=item.head or "-", label=item.label) for item in items]
    return words["comma"].join(named)


def _slot_texts(item: Item) -> list[str]:
    return [text for _, text in item.slots]


def _fact(item: Item, words: dict[str, str]) -> str:
    if item.task == "re":
        other = next((text for name, text in item.slots if name == OBJECT_SLOT), "")
        return words["related"].format(text=item.head, label=item.label, other=other)
    filled = [words["filled"].format(name=name, text=text) for name, text in item.slots]
    return words["comma"].join(filled)
