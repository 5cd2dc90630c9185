"""The structured decoder: a completion and its text become annotations with offsets."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from ..data.documents import Extraction, Issue
from ..data.schema import Role, Schema, chosen_tasks, read_schema
from ..data.text import fold
from .align import align
from .confidence import item_scores
from .encode import AskedTrigger, mark_trigger
from .formats import OBJECT_SLOT, Item
from .parse import parse
from ..data.issues import excerpt

# Of 100; 组织机构名 is read as 组织机构 (89), 人物 is not read as 人名 (50).
_NEAR = 75.0


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
    are those of `backend.Completion`: "length" says that the engine cut the completion, and
    the arrays give every mention and fact its score. With `near_miss`, an undeclared type or role
    is read as the declared one it resembles, if there is one, and an issue says so. `asked` is the
    trigger that the prompt asked about, with its occurrence from 1 (see `encoder`). Of a window of a
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


def check(
    items: Sequence[Item], schema: Schema, *, near_miss: bool = False
) -> tuple[list[Item], list[Issue]]:
    """Keep the items, and of an item the slots, that the schema declares; describe the others.

    A label that differs from a declared one in spaces, width or case only is that label.
    """
    checker = _Checker(schema, near_miss)
    return [kept for item in items if (kept := checker.item(item))], checker.issues


class _Checker:
    def __init__(self, schema: Schema, near_miss: bool) -> None:
        self.tables: dict[str, Mapping[str, Any]] = {
            "ner": schema.entity_by_label,
            "re": schema.relation_by_label,
            "ee": schema.event_by_label,
        }
        self.near_miss = near_miss
        self.issues: list[Issue] = []

    def item(self, item: Item) -> Item | None:
        """Return the item as far as the schema declares it, or None."""
        table = self.tables[item.task]
        label = item.label
        if label not in table:
            declared = self._declared(label, table)
            if declared is None:
                self._report("unknown_type", "is of no type of the schema", item)
                return None
            if fold(declared).text != fold(label).text:
                self._report("unknown_type", f"was read as {declared!r}", item)
            item = msgspec.structs.replace(item, label=declared)
        if item.task == "ner":
            return item
        found = table[item.label]
        if item.task == "re":
            if not item.head or all(name != OBJECT_SLOT for name, _ in item.slots):
                self._report("out_of_schema", "needs a subject and an object", item)
                return None
            return self._slots(item, {OBJECT_SLOT: None, **found.qualifiers})
        if found.trigger and not item.head:
            self._report("out_of_schema", "names no trigger", item)
        return self._slots(item, found.role_by_name)

    def _declared(self, name: str, known: Mapping[str, Any]) -> str | None:
        folded = fold(name).text
        for one in known:
            if one and fold(one).text == folded:
                return one
        if not self.near_miss:
            return None
        from rapidfuzz import fuzz, process

        best = process.extractOne(name, [one for one in known if one], scorer=fuzz.ratio)
        return best[0] if best is not None and best[1] >= _NEAR else None

    def _slots(self, item: Item, known: Mapping[str, Any]) -> Item:
        is_once = item.task != "re" or len({name for name, _ in item.slots}) == len(item.slots)
        if is_once and all(
            name in known and not getattr(known[name], "values", ()) for name, _ in item.slots
        ):
            return item
        keep: list[int] = []
        names: list[str] = []
        for i, (name, text) in enumerate(item.slots):
            declared = name if name in known else self._declared(name, known)
            if declared is None:
                what = f"has no slot {excerpt(name)!r} ({excerpt(text)!r})"
                self._report("unknown_role", what, item)
                continue
            if fold(declared).text != fold(name).text:
                self._report("unknown_role", f"{name!r} was read as {declared!r}", item)
            role = known[declared]
            if isinstance(role, Role) and role.values and text not in role.values:
                what = f"{excerpt(text)!r} is not a value of {name!r} ({', '.join(role.values)})"
                self._report("out_of_schema", what, item)
            if item.task == "re" and declared in names:
                what = f"{excerpt(text)!r} is a further {excerpt(declared) or 'object'} of one relation"
                self._report("out_of_schema", f"{what}; left out", item)
                continue
            keep.append(i)
            names.append(declared)
        at = (*item.at[:2], *(item.at[2 + i] for i in keep)) if item.at else ()
        marks = (item.marks[0], *(item.marks[1 + i] for i in keep)) if item.marks else ()
        slots = tuple((name, item.slots[i][1]) for name, i in zip(names, keep, strict=True))
        name_at = tuple(item.name_at[i] for i in keep) if item.name_at else ()
        return Item(item.task, item.label, item.head, slots, at, marks, name_at)

    def _report(self, kind: str, what: str, item: Item) -> None:
        parts = [excerpt(item.head or "(none)"), excerpt(item.label)]
        parts += [f"{excerpt(name) or 'object'}: {excerpt(text)}" for name, text in item.slots]
        self.issues.append(Issue(kind, f"{' | '.join(parts)}: {what}"))
