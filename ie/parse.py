"""From a completion to items: whatever a model says becomes items and issues, never an error."""

import re
from collections.abc import Sequence

import msgspec

from .data import Issue
from .formats import CLOSE, FORMATS, OPEN, Item
from .parse_compact import read_compact
from .parse_json import read_json
from .schema import Schema

_THINK = re.compile(r"</(?:think|thinking|reasoning)>")
_OTHER_MARKS = str.maketrans("【】〚〛", "⟦⟧⟦⟧")


class Answer(msgspec.Struct, frozen=True):
    """What a completion says, before schema and text are looked at."""

    items: tuple[Item, ...]
    issues: tuple[Issue, ...] = ()


def parse(completion: str, format: str, tasks: Sequence[str], schema: Schema) -> Answer:
    """Read a completion in the given format, or in the other if it is plainly in that.

    The schema only tells the tasks apart. Time is linear in the length; nothing raises but:

    Raises:
        ValueError: unknown format, or no task.
    """
    if format not in FORMATS:
        raise ValueError(f"unknown format {format!r}; formats are {', '.join(FORMATS)}")
    if not tasks:
        raise ValueError("no tasks; name at least one of ner, re, ee")
    # Reasoning is blanked, not cut off, so that ranges stay those of the completion.
    source = completion
    thought = max((match.end() for match in _THINK.finditer(completion)), default=0)
    if thought:
        source = "\n" * thought + completion[thought:]
    if _is_compact(source, format):
        if OPEN not in source:
            source = source.translate(_OTHER_MARKS)
        items, issues = read_compact(source, tasks, schema)
    else:
        items, issues = read_json(source, tasks, schema)
    return Answer(tuple(items), tuple(issues))


def _is_compact(source: str, format: str) -> bool:
    if OPEN in source and CLOSE in source:
        return format == "compact" or not ("{" in source or "[" in source)
    return format == "compact" and not ("{" in source and '"' in source)
