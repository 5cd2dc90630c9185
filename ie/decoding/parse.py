"""From a completion to items: whatever a model says becomes items and issues, never an error."""

from collections.abc import Sequence

import msgspec

from ..data.documents import Issue
from ..data.issues import excerpt
from ..data.schema import Schema
from .formats import CLOSE, FORMATS, OPEN, Item
from .parse_compact import read_compact
from .parse_json import read_json
from .undamaged import undamaged_entities
from .wrappers import answer_of

_OTHER_MARKS = str.maketrans("【】〚〛", "⟦⟧⟦⟧")
# A loop: the same few items over and over until the token limit ends it.
_LONGEST_LOOP = 32
_FEWEST_ROUNDS = 3


class Answer(msgspec.Struct, frozen=True):
    """What a completion says, before schema and text are looked at."""

    items: tuple[Item, ...]
    issues: tuple[Issue, ...] = ()


def parse(completion: str, format: str, tasks: Sequence[str], schema: Schema) -> Answer:
    """Read a completion in the given format, or in the other if it is plainly in that.

    What stands around the answer is passed over; see `wrappers`. Every complete item is kept; a
    completion that breaks off gives a `truncated` issue, and of a loop that ran until it was cut
    one round is kept. Time is linear in the length.

    Raises:
        ValueError: unknown format, or no task.
    """
    if format not in FORMATS:
        raise ValueError(f"unknown format {format!r}; formats are {', '.join(FORMATS)}")
    if not tasks:
        raise ValueError("no tasks; name at least one of ner, re, ee")
    if format == "json" and (entities := undamaged_entities(completion)) is not None:
        return Answer(tuple(entities))
    source = answer_of(completion)
    if source is None:
        detail = f"breaks off while reasoning: {excerpt(completion.strip())!r}"
        return Answer((), (Issue("truncated", detail),))
    if _is_compact(source, format):
        if OPEN not in source:
            source = source.translate(_OTHER_MARKS)
        items, issues = read_compact(source, tasks, schema)
    else:
        items, issues = read_json(source, tasks, schema)
    if len(items) > 2 and any(issue.kind == "truncated" for issue in issues):
        items, issues = _without_loop(items, issues)
    return Answer(tuple(items), tuple(issues))


def _is_compact(source: str, format: str) -> bool:
    if OPEN in source and CLOSE in source:
        return format == "compact" or not ("{" in source or "[" in source)
    return format == "compact" and not ("{" in source and '"' in source)


def _without_loop(items: list[Item], issues: list[Issue]) -> tuple[list[Item], list[Issue]]:
    said = [(item.task, item.label, item.head, item.slots, item.marks) for item in items]
    for period in range(1, min(_LONGEST_LOOP, len(said) // _FEWEST_ROUNDS) + 1):
        at = len(said) - 1
        while at >= period and said[at] == said[at - period]:
            at -= 1
        repeated = len(said) - 1 - at
        if repeated >= period * (_FEWEST_ROUNDS - 1) and repeated >= 4:
            detail = f"the last {period} items were repeated {repeated // period} times; kept once"
            return items[: len(items) - repeated], [*issues, Issue("truncated", detail)]
    return items, issues
