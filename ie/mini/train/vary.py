"""Other forms of a training example: two texts as one, line breaks, other letters' case."""

import random
import re
from collections.abc import Callable
from typing import Any

from .draw import Json

_MARKS = re.compile(r"[，。；、！？,;!?]")
_JOINS = ("\n", " ", "。", "\n\n", "，", "")


def vary(example: Json, rng: random.Random, another: Callable[[], Json]) -> Json:
    """Return the example, in a quarter of draws in another form; offsets fit the new text."""
    chance = rng.random()
    if chance < 0.1 and len(example["text"]) < 120:
        return joined(example, another(), rng)
    if chance < 0.25:
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
