"""From the compact form to items: `mention⟦label⟧` pairs, an item a line (see `formats`).

`⟦#2⟧` after a pair is its mark.
"""

import re
from collections.abc import Iterator, Mapping, Sequence

from ..data.documents import Issue
from ..data.issues import excerpt
from ..data.schema import Schema
from .field_names import is_empty_answer
from .formats import CLOSE, MARK, OBJECT_SLOT, OPEN, Item, read_mark
from .json_items import mark_issue
from .parse_json import cut_issue

# A backslash takes the next character with it.
_BRACKET = re.compile(r"\\.|[⟦⟧]")
_ESCAPE = re.compile(r"\\(.)")
_MARK = re.compile(rf"{MARK}(\d+)")
# Mention, label, their ranges in the completion, and the mark of the mention.
Pair = tuple[str, str, tuple[int, int], tuple[int, int], int]


def read_compact(
    source: str, tasks: Sequence[str], schema: Schema
) -> tuple[list[Item], list[Issue]]:
    """Return the items of a completion in the compact form, and what could not be read."""
    if OPEN not in source:
        if not source.strip():
            return [], [Issue("unparsable", "the completion is empty")]
        return [], [] if is_empty_answer(source) else [_noise(source)]
    reader = _Reader(tasks, schema)
    at = 0
    for line in source.split("\n"):
        reader.line(line.rstrip("\r"), at, at + len(line) >= len(source))
        at += len(line) + 1
    return reader.items, reader.issues


def _noise(text: str) -> Issue:
    return Issue("unparsable", f"no label in {excerpt(text)!r}")


def _plain(text: str) -> str:
    if "\\" not in text:
        return text
    return _ESCAPE.sub(lambda m: {"n": "\n", "r": "\r"}.get(m.group(1), m.group(1)), text)


def _pair_ranges(line: str) -> Iterator[tuple[int, int, int]]:
    """Yield where each `mention⟦label⟧` of a line starts, opens and closes, in linear time."""
    start, opening = 0, -1
    for match in _BRACKET.finditer(line):
        bracket = match.group()
        if bracket == OPEN:
            if opening >= 0:
                # The one before it was never closed.
                start = opening + 1
            opening = match.start()
        elif bracket == CLOSE:
            if opening >= 0:
                yield start, opening, match.start()
            start, opening = match.end(), -1


class _Reader:
    def __init__(self, tasks: Sequence[str], schema: Schema) -> None:
        self.tasks = tasks
        self.schema = schema
        self.section = 0
        self.in_section = False
        self.items: list[Item] = []
        self.issues: list[Issue] = []

    def line(self, line: str, offset: int, is_last: bool) -> None:
        """Read one line that begins at `offset` of the completion."""
        if not line.strip():
            self.section += self.in_section
            self.in_section = False
            return
        pairs: list[Pair] = []
        end = 0
        for start, opening, closing in _pair_ranges(line):
            if line[end:start].strip():
                self.issues.append(_noise(line[end:start]))
            end = closing + 1
            mention, label = line[start:opening], line[opening + 1 : closing]
            mark = _MARK.fullmatch(label.strip())
            if mark and pairs and not mention.strip():
                pairs[-1] = (*pairs[-1][:4], self._mark(pairs[-1][0], mark.group(1)))
                continue
            pairs.append(
                (
                    _plain(mention),
                    _plain(label),
                    (start + offset, opening + offset),
                    (opening + 1 + offset, closing + offset),
                    0,
                )
            )
        if pairs:
            self.in_section = True
            if pairs != [] and not (len(pairs) == 1 and not pairs[0][0] and not pairs[0][1]):
                self._items(pairs)
        rest = line[end:]
        if rest.strip() and not rest.startswith("```"):
            if is_last and (pairs or OPEN in rest or self.items):
                self.issues.append(cut_issue(rest, offset + end, len(self.items)))
            elif OPEN in rest or CLOSE in rest or pairs:
                self.issues.append(_noise(rest))

    def _mark(self, mention: str, said: str) -> int:
        number = read_mark(said)
        if not number:
            self.issues.append(mark_issue(mention, said))
        return number

    def _items(self, pairs: list[Pair]) -> None:
        task = self._task(pairs[0][1])
        if task == "ner":
            for mention, label, at, label_at, mark in pairs:
                if mention and label:
                    marks = (mark,) if mark else ()
                    self.items.append(Item("ner", label, mention, (), (label_at, at), marks))
                else:
                    self.issues.append(_noise(f"{mention}{OPEN}{label}{CLOSE}"))
            return
        group: list[Pair] = []
        for pair in pairs:
            if group and self._is_head(task, pair[1], group):
                self._item(task, group)
                group = []
            group.append(pair)
        self._item(task, group)

    def _task(self, label: str) -> str:
        if len(self.tasks) == 1:
            return self.tasks[0]
        tables: dict[str, Mapping[str, object]] = {
            "ner": self.schema.entity_by_label,
            "re": self.schema.relation_by_label,
            "ee": self.schema.event_by_label,
        }
        expected = self.tasks[min(self.section, len(self.tasks) - 1)]
        if label in tables[expected]:
            return expected
        return next((task for task in self.tasks if label in tables[task]), expected)

    def _is_head(self, task: str, label: str, group: list[Pair]) -> bool:
        """Say whether a pair begins a new item although no line end stands before it."""
        names = {pair[1] for pair in group[1:]}
        if task == "re":
            relation = self.schema.relation_by_label.get(group[0][1])
            known = self.schema.relation_by_label
            return (
                OBJECT_SLOT in names
                and label in known
                and not (relation and label in relation.qualifiers)
            )
        event = self.schema.event_by_label.get(group[0][1])
        known_events = self.schema.event_by_label
        return label in known_events and not (event and label in event.role_by_name)

    def _item(self, task: str, group: list[Pair]) -> None:
        objects = [pair for pair in group[1:] if pair[1] == OBJECT_SLOT] if task == "re" else []
        if len(objects) > 1:
            # Several objects of one subject are a relation each.
            for one in objects:
                self._item(task, [pair for pair in group if pair is one or pair not in objects])
            return
        head, label, at, label_at, _ = group[0]
        slots = tuple((pair[1], pair[0]) for pair in group[1:])
        marks = tuple(pair[4] for pair in group)
        marks = marks if any(marks) else ()
        places = (label_at, at if head else (-1, -1), *(pair[2] for pair in group[1:]))
        name_at = tuple(pair[3] for pair in group[1:])
        self.items.append(Item(task, label, head or None, slots, places, marks, name_at))
