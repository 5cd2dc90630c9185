"""Hold items against the schema: what it declares stays, all else is described.

Nothing of the text is looked at here; where mentions stand is asked of what is left.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from ..data.documents import Issue
from ..data.issues import excerpt
from ..data.schema import Role, Schema
from ..data.text import fold
from .formats import OBJECT_SLOT, Item

# Of 100; 组织机构名 is read as 组织机构 (89), 人物 is not read as 人名 (50).
_NEAR = 75.0
# So many slots of an item describe it.
_DESCRIBED = 8


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
        taken: set[str] = set()
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
            if item.task == "re" and declared in taken:
                what = f"{excerpt(text)!r} is a further {excerpt(declared) or 'object'} of one relation"
                self._report("out_of_schema", f"{what}; left out", item)
                continue
            keep.append(i)
            names.append(declared)
            taken.add(declared)
        at = (*item.at[:2], *(item.at[2 + i] for i in keep)) if item.at else ()
        marks = (item.marks[0], *(item.marks[1 + i] for i in keep)) if item.marks else ()
        slots = tuple((name, item.slots[i][1]) for name, i in zip(names, keep, strict=True))
        name_at = tuple(item.name_at[i] for i in keep) if item.name_at else ()
        return Item(item.task, item.label, item.head, slots, at, marks, name_at)

    def _report(self, kind: str, what: str, item: Item) -> None:
        parts = [excerpt(item.head or "(none)"), excerpt(item.label)]
        slots = item.slots[:_DESCRIBED]
        parts += [f"{excerpt(name) or 'object'}: {excerpt(text)}" for name, text in slots]
        parts += ["…"] if len(item.slots) > _DESCRIBED else []
        self.issues.append(Issue(kind, f"{' | '.join(parts)}: {what}"))
