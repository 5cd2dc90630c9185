"""The structured decoder: a completion and its text become annotations with offsets."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .align import align
from .data import Extraction, Issue
from .formats import OBJECT_SLOT, Item
from .parse import parse
from .parse_json import excerpt
from .schema import Role, Schema, read_schema


def decode(
    completion: str,
    text: str,
    schema: Schema | str | Path | dict[str, Any],
    format: str = "json",
    tasks: Sequence[str] | None = None,
    *,
    finish_reason: str = "stop",
) -> Extraction:
    """Read what a model said about a text; the inverse of `encode`.

    Every mention gets its offsets in `text`. What cannot be read, is not in the schema or not in
    the text becomes an issue; no completion raises. `finish_reason="length"` says that the token
    limit cut the completion.

    Raises:
        ValueError: unknown format.
        SchemaError: unknown or malformed schema.
    """
    schema = read_schema(schema)
    chosen = schema.tasks if tasks is None else tuple(t for t in schema.tasks if t in tasks)
    answer = parse(completion, format, chosen or schema.tasks, schema)
    items, problems = check(answer.items, schema)
    found = align(items, text, schema)
    issues = [*answer.issues, *problems, *found.issues]
    if finish_reason == "length" and all(issue.kind != "truncated" for issue in issues):
        issues.insert(0, Issue("truncated", "the token limit ended the completion"))
    return Extraction(found.entities, found.relations, found.events, tuple(issues))


def check(items: Sequence[Item], schema: Schema) -> tuple[list[Item], list[Issue]]:
    """Keep the items, and of an item the slots, that the schema declares; describe the others."""
    checker = _Checker(schema)
    return [kept for item in items if (kept := checker.item(item))], checker.issues


class _Checker:
    def __init__(self, schema: Schema) -> None:
        self.schema = schema
        self.issues: list[Issue] = []

    def item(self, item: Item) -> Item | None:
        """Return the item as far as the schema declares it."""
        if item.task == "ner":
            if item.label in self.schema.entity_by_label:
                return item
        elif item.task == "re":
            relation = self.schema.relation_by_label.get(item.label)
            if relation is not None:
                if not item.head or all(name != OBJECT_SLOT for name, _ in item.slots):
                    self._report("out_of_schema", "needs a subject and an object", item)
                    return None
                return self._slots(item, {OBJECT_SLOT: None, **relation.qualifiers})
        else:
            event = self.schema.event_by_label.get(item.label)
            if event is not None:
                if event.trigger and not item.head:
                    self._report("out_of_schema", "names no trigger", item)
                return self._slots(item, event.role_by_name)
        self._report("unknown_type", "is of no type of the schema", item)
        return None

    def _slots(self, item: Item, known: dict[str, Any]) -> Item:
        keep = []
        for i, (name, text) in enumerate(item.slots):
            if name not in known:
                self._report(
                    "unknown_role", f"has no slot {excerpt(name)!r} ({excerpt(text)!r})", item
                )
                continue
            role = known[name]
            if isinstance(role, Role) and role.values and text not in role.values:
                what = f"{excerpt(text)!r} is not a value of {name!r} ({', '.join(role.values)})"
                self._report("out_of_schema", what, item)
            keep.append(i)
        if len(keep) == len(item.slots):
            return item
        at = (*item.at[:2], *(item.at[2 + i] for i in keep)) if item.at else ()
        return Item(item.task, item.label, item.head, tuple(item.slots[i] for i in keep), at)

    def _report(self, kind: str, what: str, item: Item) -> None:
        parts = [excerpt(item.head or "(none)"), excerpt(item.label)]
        parts += [f"{excerpt(name) or 'object'}: {excerpt(text)}" for name, text in item.slots]
        self.issues.append(Issue(kind, f"{' | '.join(parts)}: {what}"))
