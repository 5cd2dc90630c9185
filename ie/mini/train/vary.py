"""Other forms of a training example: two texts as one, line breaks, other letters' case."""

import random
import re
from collections.abc import Callable, Iterator
from typing import Any

from .draw import Json

_MARKS = re.compile(r"[，。；、！？,;!?]")
_JOINS = ("\n", " ", "。", "\n\n", "，", "")
# What pages leave in their texts.
_REMAINS = ("&nbsp;", "<br>", "<br/>", "<p>", "</p>", "\u200b", "\u3000\u3000", "&amp;", "&#13;", "</strong>", "<b>", "[图]", "【1】", " http://t.cn/A6x ", "@ ", "#", "…… ", "|")  # fmt: skip
# Texts are joined until they are longer than one of these.
_JOINED = (60, 120, 120, 240, 360)


def vary(example: Json, rng: random.Random, another: Callable[[], Json]) -> Json:
    """Return the example, in four of ten draws in another form; offsets fit the new text."""
    if rng.random() < 0.2:
        longest = rng.choice(_JOINED)
        for _ in range(8):
            if len(example["text"]) < longest:
                example = joined(example, another(), rng)
    chance = rng.random()
    if chance < 0.09:
        return with_remains(example, rng)
    if chance < 0.23:
        return dict(example, text=reformed(example["text"], rng))
    return example


def reformed(text: str, rng: random.Random) -> str:
    """Return a text of equal length: marks as blanks or breaks, or another case."""
    way = rng.randrange(5)
    if way == 0:
        return _MARKS.sub("\n", text)
    if way == 1:
        return _MARKS.sub(" ", text)
    if way == 2:
        return _MARKS.sub(lambda m: rng.choice(("\n", " ", m[0])), text)
    changed = text.upper() if way == 3 else text.lower()
    return changed if len(changed) == len(text) else text


def joined(first: Json, second: Json, rng: random.Random) -> Json:
    """Return two examples of one set as one, asked what both are asked."""
    if sorted(first["asked"]) != sorted(second["asked"]) or len(second["text"]) > 200:
        return first
    join = rng.choice(_JOINS)
    by = len(first["text"]) + len(join)
    value = dict(first, text=first["text"] + join + second["text"])
    for name in ("entities", "relations", "events"):
        value[name] = [*first.get(name, ()), *(moved(item, by) for item in second.get(name, ()))]
    return value


def with_remains(example: Json, rng: random.Random) -> Json:
    """Return an example with what pages leave, behind marks and at both ends, outside mentions."""
    text = example["text"]
    inside = {
        place
        for name in ("entities", "relations", "events")
        for start, end in spans(example.get(name, ()))
        for place in range(start + 1, end)
    }
    places = [0, *(mark.end() for mark in _MARKS.finditer(text)), len(text)]
    added = [(at, rng.choice(_REMAINS)) for at in places if at not in inside and rng.random() < 0.4]
    pieces, done = [], 0
    for at, remains in added:
        pieces += [text[done:at], remains]
        done = at

    def shifted(item: Any) -> Any:
        if isinstance(item, list):
            return [shifted(one) for one in item]
        if not isinstance(item, dict):
            return item
        value = {name: shifted(one) for name, one in item.items()}
        if "start" in value:
            value["start"] += sum(len(r) for at, r in added if at <= item["start"])
            value["end"] += sum(len(r) for at, r in added if at < item["end"])
        return value

    value = dict(example, text="".join([*pieces, text[done:]]))
    for name in ("entities", "relations", "events"):
        if name in example:
            value[name] = shifted(example[name])
    return value


def spans(item: Any) -> Iterator[tuple[int, int]]:
    """Yield the places of all mentions in an annotation."""
    if isinstance(item, list | tuple):
        for one in item:
            yield from spans(one)
    elif isinstance(item, dict):
        if "start" in item and item["start"] is not None:
            yield item["start"], item["end"]
        for one in item.values():
            yield from spans(one)


def moved(item: Any, by: int) -> Any:
    """Return an annotation whose offsets are `by` further."""
    if isinstance(item, list):
        return [moved(one, by) for one in item]
    if not isinstance(item, dict):
        return item
    value = {name: moved(one, by) for name, one in item.items()}
    if "start" in value:
        value["start"], value["end"] = item["start"] + by, item["end"] + by
    return value
