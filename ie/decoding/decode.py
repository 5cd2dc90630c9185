"""The structured decoder: a completion and its text become annotations with offsets."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..data.documents import Extraction, Issue
from ..data.schema import Schema, chosen_tasks, read_schema
from .align import align
from .check import check
from .confidence import item_scores
from .formats import AskedTrigger, mark_trigger
from .parse import parse


def decode(
    completion: str,
    text: str,
    schema: Schema | str | Path | dict[str, Any],
    format: str = "json",
    tasks: Sequence[str] | str | None = None,
    *,
    finish_reason: str = "stop",
    token_ends: Sequence[int] = (),
    log_probs: Sequence[float] = (),
    near_miss: bool = False,
    asked: AskedTrigger | None = None,
    offset: int = 0,
) -> Extraction:
    """Read what a model said about a text; the inverse of `encode`.

    Every mention gets its offsets in `text`. What cannot be read, is not in the schema or not in
    the text becomes an issue; no completion raises. `finish_reason`, `token_ends` and `log_probs`
    are those of `engines.protocol.Completion`: "length" says that the engine cut the completion, and
    the arrays give every mention and fact its score. With `near_miss`, an undeclared type or role
    is read as the declared one it resembles, if there is one, and an issue says so. `asked` is the
    trigger that the prompt asked about, with its occurrence from 1 (see `encode`). Of a window of a
    document, `offset` is where it starts there, for what issues say of places.

    >>> decode('{"entities": [{"type": "机构名", "text": "雀巢"}]}', "雀巢裁员", "msra").entities
    (Entity(type='机构名', text='雀巢', start=0, end=2, score=None, status='exact'),)

    Raises:
        ValueError: unknown format.
        SchemaError: unknown or malformed schema, or a task that it does not declare.
    """
    schema = read_schema(schema)
    answer = parse(completion, format, chosen_tasks(schema, tasks), schema)
    items, problems = check(answer.items, schema, near_miss=near_miss)
    if asked is not None:
        items = mark_trigger(items, asked)
    scores = item_scores(items, token_ends, log_probs) if token_ends else None
    found = align(items, text, schema, scores, offset)
    issues = (*answer.issues, *problems, *found.issues)
    if finish_reason == "length" and all(issue.kind != "truncated" for issue in issues):
        cut = "the completion was cut off, at the token limit or where it went round in circles"
        issues = (Issue("truncated", cut), *issues)
    return Extraction(found.entities, found.relations, found.events, issues)
