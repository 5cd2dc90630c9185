"""Damaged model outputs: every answer of data/damaged/answers.jsonl with every defect we know.

A case says which items must be salvaged (`whole`, in order) and whether a further, partial item
may follow. All is deterministic; `python tests/damaged_outputs.py` prints the corpus.
"""

import json
import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from chinchilla.data.schema import Schema
from chinchilla.decoding.formats import JSON_KEYS, Item, serialise

ANSWERS = Path(__file__).parent / "data" / "damaged" / "answers.jsonl"
CUTS = 14


@dataclass(frozen=True)
class Case:
    name: str
    completion: str
    format: str
    tasks: tuple[str, ...]
    text: str
    whole: tuple[Item, ...]
    is_cut: bool = False


def read_answers() -> list[tuple[str, tuple[str, ...], tuple[Item, ...]]]:
    result = []
    for line in ANSWERS.read_text(encoding="utf-8").split("\n"):
        if not line:
            continue
        value = json.loads(line)
        tasks = tuple(task for task in ("ner", "re", "ee") if task in value)
        items = [Item("ner", label, head) for head, label in value.get("ner", ())]
        items += [
            Item("re", label, head, (("", tail), *map(tuple, qualifiers)))
            for head, label, tail, qualifiers in value.get("re", ())
        ]
        items += [
            Item("ee", label, head, tuple((role, text) for text, role in arguments))
            for head, label, arguments in value.get("ee", ())
        ]
        result.append((value["text"], tasks, tuple(items)))
    return result


def schema() -> Schema:
    """The schema that declares exactly what the answers use."""
    items = [item for _, _, answer in read_answers() for item in answer]
    events: dict[str, dict[str, None]] = {}
    for item in items:
        if item.task == "ee":
            events.setdefault(item.label, {}).update((role, None) for role, _ in item.slots)
    return Schema.from_dict(
        {
            "name": "damaged",
            "entities": sorted({item.label for item in items if item.task == "ner"}),
            "relations": [
                {"name": name, "qualifiers": {"inWork": "作品名"}}
                for name in sorted({item.label for item in items if item.task == "re"})
            ],
            "events": [{"name": name, "roles": list(roles)} for name, roles in events.items()],
        }
    )


def _outside_strings(change: Callable[[str], str], source: str) -> str:
    parts = re.split(r'("(?:[^"\\]|\\.)*")', source)
    return "".join(part if i % 2 else change(part) for i, part in enumerate(parts))


def _strings(change: Callable[[str], str], source: str) -> str:
    return re.sub(r'"((?:[^"\\]|\\.)*)"', lambda m: change(m.group(1)), source)


def _by_type(items: tuple[Item, ...], tasks: tuple[str, ...]) -> str | None:
    """Write one task as IEPile does: a mapping from type to mentions or objects."""
    if len(tasks) > 1 or not items:
        return None
    table: dict[str, list[object]] = {}
    for item in items:
        if item.task == "ner":
            value: object = item.head
        elif item.task == "re":
            if len(item.slots) > 1:
                return None
            value = {"subject": item.head, "object": item.slots[0][1]}
        else:
            roles: dict[str, object] = {"别的角色": "NAN"}
            roles.update((role, [text]) for role, text in item.slots)
            value = {"trigger": item.head, "arguments": roles}
        table.setdefault(item.label, []).append(value)
    table["没有的类型"] = []
    return json.dumps(table, ensure_ascii=False)


def _renamed(source: str) -> str:
    names = {"type": "label", "text": "name", "subject": "head", "object": "tail",
             "trigger": "触发词", "arguments": "论元", "role": "角色"}  # fmt: skip
    for old, new in names.items():
        source = source.replace(f'"{old}":', f'"{new}":')
    return source


JSON_DEFECTS: dict[str, Callable[[str], str]] = {
    "clean": lambda s: s,
    "pretty": lambda s: json.dumps(json.loads(s), ensure_ascii=False, indent=2),
    "ascii escapes": lambda s: json.dumps(json.loads(s)),
    "fenced": lambda s: f"```json\n{s}\n```",
    "fenced, unnamed, unclosed": lambda s: f"```\n{s}",
    "after prose": lambda s: f"好的，根据文本，抽取结果如下：\n{s}",
    "before prose": lambda s: f"{s}\n\n以上就是文本中的全部信息，希望对您有帮助。",
    "prose with brackets": lambda s: f"【结果】见[1]：{s}（完）",
    "after reasoning": lambda s: f'<think>先看{{"entities": [{{"type":"人名"</think>\n{s}',
    "after unopened reasoning": lambda s: f"先想一想……\n</think>\n\n{s}",
    "byte order mark": lambda s: "\ufeff" + s,
    "full-width structure": lambda s: _outside_strings(
        lambda p: p.translate(str.maketrans("{}[]:,", "｛｝［］：，")), s
    ),
    "full-width quotes": lambda s: _strings(lambda x: f"“{x}”", s),
    "full-width everything": lambda s: _strings(
        lambda x: f"“{x}”",
        _outside_strings(lambda p: p.translate(str.maketrans("{}[]:,", "｛｝［］：，")), s),
    ),
    "single quotes": lambda s: _strings(lambda x: f"'{x}'", s),
    "trailing commas": lambda s: _outside_strings(
        lambda p: p.replace("}", ",}").replace("]", ",]"), s
    ),
    "missing commas": lambda s: _outside_strings(lambda p: p.replace(",", "\n"), s),
    "line comments": lambda s: _outside_strings(
        lambda p: p.replace("},", "}, // 下一个，还有\n").replace("[", "[ # 列表\n"), s
    ),
    "block comments": lambda s: _outside_strings(lambda p: p.replace(":", ": /* 值: {} */ "), s),
    "unquoted keys": lambda s: re.sub(r'"(\w+)":', r"\1: ", s),
    "nan and none": lambda s: s[:-1] + ', "note": NaN, "other": None, "more": undefined}',
    "numbers and words": lambda s: s[:-1] + ', "count": 12, "ok": True, "rate": -1.5e3}',
    "unescaped quotes": lambda s: s.replace('\\"', '"'),
    "unescaped backslashes": lambda s: s.replace("\\\\", "\\"),
    "extra closing brackets": lambda s: s + "]}]}",
    "missing closing brackets": lambda s: s.rstrip("]}") + "}" if s[-3] == "}" else s,
    "escaped": lambda s: json.dumps(s, ensure_ascii=False),
    "escaped, no quotes around": lambda s: json.dumps(s, ensure_ascii=False)[1:-1],
    "escaped in a field": lambda s: json.dumps({"output": s}, ensure_ascii=False),
    "wrapped": lambda s: f'{{"result": {s}}}',
    "in a list": lambda s: f"[{s}]",
    "repeated whole": lambda s: f"{s}\n{s}",
    "repeated keys": lambda s: re.sub(r'"type":("[^"]*")', r'"type":\1,"type":\1', s),
    "other field names": _renamed,
    "spaces everywhere": lambda s: _outside_strings(lambda p: " ".join(f" {p} "), s),
    "crlf": lambda s: json.dumps(json.loads(s), ensure_ascii=False, indent=1).replace(
        "\n", "\r\n"
    ),
    "missing closing quotes": lambda s: re.sub(r'("text":"[^"\\]{2,6})"\}', r"\1}", s, count=1),
}  # fmt: skip

COMPACT_DEFECTS: dict[str, Callable[[str], str]] = {
    "clean": lambda s: s,
    "fenced": lambda s: f"```\n{s}\n```",
    "after prose": lambda s: f"抽取结果如下：\n{s}",
    "after reasoning": lambda s: f"<think>雀巢⟦机构</think>\n{s}",
    "crlf": lambda s: s.replace("\n", "\r\n"),
    "blank lines": lambda s: s.replace("\n\n", "\n\n\n\n") + "\n\n",
    "other brackets": lambda s: s.translate(str.maketrans("⟦⟧", "【】")) if "\\" not in s else s,
    "json instead": lambda s: s,
}


def _ends(item: Item) -> int:
    return max(end for _, end in item.at)


def cases() -> Iterator[Case]:
    declared = schema()
    for text, tasks, items in read_answers():
        for variant in dict.fromkeys((tasks, *((task,) for task in tasks))):
            chosen = tuple(item for item in items if item.task in variant)
            yield from _json_cases(text, variant, chosen)
            yield from _compact_cases(text, variant, chosen, declared)


def _json_cases(text: str, tasks: tuple[str, ...], items: tuple[Item, ...]) -> Iterator[Case]:
    clean = serialise(items, "json", tasks)
    seen = set()
    for name, damage in JSON_DEFECTS.items():
        damaged = damage(clean)
        if damaged not in seen:
            seen.add(damaged)
            yield Case(f"json: {name}", damaged, "json", tasks, text, items)
    mapping = _by_type(items, tasks)
    if mapping is not None:
        ordered = sorted(items, key=lambda item: [i.label for i in items].index(item.label))
        yield Case("json: by type", mapping, "json", tasks, text, tuple(ordered))
    if items:
        lines = "\n".join(
            json.dumps(one, ensure_ascii=False)
            for key, values in json.loads(clean).items()
            for one in values
        )
        yield Case("json: an item a line", lines, "json", tasks, text, items)
    rng = random.Random(len(clean))
    for at in sorted(rng.sample(range(1, len(clean)), min(CUTS, len(clean) - 1))):
        yield Case("json: cut", clean[:at], "json", tasks, text, _before(clean, at, items), True)
    if items:
        loop = clean.rstrip("]}") + "}" + "".join(
            "," + json.dumps(json.loads(clean)[JSON_KEYS[tasks[-1]]][-1], ensure_ascii=False)
            for _ in range(40)
        ) if json.loads(clean)[JSON_KEYS[tasks[-1]]] and tasks[-1] == "ner" else None  # fmt: skip
        if loop:
            yield Case("json: loop", loop, "json", tasks, text, items, True)


def _compact_cases(
    text: str, tasks: tuple[str, ...], items: tuple[Item, ...], declared: Schema
) -> Iterator[Case]:
    clean = serialise(items, "compact", tasks)
    for name, damage in COMPACT_DEFECTS.items():
        source = serialise(items, "json", tasks) if name == "json instead" else damage(clean)
        yield Case(f"compact: {name}", source, "compact", tasks, text, items)
    if not items:
        return
    from chinchilla.decoding.parse import parse

    placed = parse(clean, "compact", tasks, declared).items
    rng = random.Random(len(clean))
    for at in sorted(rng.sample(range(1, len(clean)), min(CUTS, len(clean) - 1))):
        whole = [
            item
            for item, at_clean in zip(items, placed, strict=True)
            if clean.find("⟧", _last_label(clean, at_clean)) < at
        ]
        yield Case("compact: cut", clean[:at], "compact", tasks, text, tuple(whole), True)


def _last_label(clean: str, item: Item) -> int:
    # The label after the last mention ends the item; escapes hold no closing bracket of ours.
    return _ends(item) if not item.slots else clean.find("⟦", _ends(item))


def _before(clean: str, at: int, items: tuple[Item, ...]) -> tuple[Item, ...]:
    """The items whose last string has its closing quote before `at`."""
    ends = []
    decoder = json.JSONDecoder()
    place = 0
    for key in re.finditer(r'"(?:entities|relations|events)":\[', clean):
        place = key.end()
        while place < len(clean) and clean[place] == "{":
            _, end = decoder.raw_decode(clean, place)
            ends.append(end)
            place = end + 1
    return tuple(item for item, end in zip(items, ends, strict=True) if end <= at)


if __name__ == "__main__":
    for case in cases():
        print(json.dumps([case.name, case.completion], ensure_ascii=False))  # noqa: T201
