"""From scanned JSON to items, whichever of the usual layouts a model chose.

Understood are our own layout (see `formats`), bare lists of such items, layouts with other
field names (see `layouts`), JSON inside a JSON string, and the mappings of IEPile and OneKE:

    {"人名": ["张三"], "机构名": []}                       entities by type
    {"作者": [{"subject": "边城", "object": "沈从文"}]}      relations by type
    {"裁员": [{"trigger": "裁员", "arguments": {"裁员方": "雀巢", "时间": "NAN"}}]}
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..data.documents import Issue
from ..data.schema import Schema
from .field_names import CONTAINERS, EMPTY_ANSWERS, FIELDS, NULL_WORDS, WRAPPERS
from .formats import OBJECT_SLOT, OCCURRENCE, Item, read_mark
from .json_scanner import Array, Node, Object, Text, scan, scan_inside

Fields = dict[str, Node]
# Name, string and what marks its occurrence.
Slot = tuple[Text, Text, Node]
# JSON in a string in JSON is read, deeper nesting is not: each level scans its text once more.
_NESTED_STRINGS = 2
_ENTITIES_HEAD = re.compile(r'\s*\{"entities": ?\[')
_ENTITY = re.compile(
    r'(?:, ?)?\{"type": ?"([^"\\]*)", ?"text": ?"([^"\\]+)"'
    r'(?:, ?"occurrence": ?([1-9]\d{0,8}))?\}'
)
_ENTITIES_TAIL = re.compile(r"\]\}\s*$")
# What a mention has besides its string in our documents.
_MENTION_FIELDS = frozenset(("type", "start", "end", "score", "status"))
_NO_NAME = Text(OBJECT_SLOT, -1, -1)
_LABELS = ("type", "predicate")
# What an item of each shape says at least, beside its label.
_WHOLE = {None: ("text",), "re": ("subject", "object"), "ee": ("trigger",)}
# Fields that may hold lists.
_LISTED = frozenset(("text", "subject", "object", "trigger", "arguments", "qualifiers"))


def read_json(source: str, tasks: Sequence[str], schema: Schema) -> tuple[list[Item], list[Issue]]:
    """Return the items of a completion that holds JSON, and what could not be read as one."""
    entities = _undamaged_entities(source)
    if entities is not None:
        return entities, []
    scanned = scan(source)
    reader = _Reader(source, tasks, schema)
    reader.read_all(scanned.values)
    issues = reader.issues
    if not source.strip():
        issues.append(Issue("unparsable", "the completion is empty"))
    elif not (reader.items or reader.understood or issues or scanned.cut is not None):
        said = source.strip().strip("。.\"'`[]{}").lower()
        if said not in EMPTY_ANSWERS:
            issues.append(Issue("unparsable", f"no answer in {excerpt(source)!r}"))
    if scanned.cut is not None:
        issues.append(cut_issue(source[scanned.cut :], scanned.cut, len(reader.items)))
    return reader.items, issues


def _undamaged_entities(source: str) -> list[Item] | None:
    """Read the most frequent answer, entities in our own layout, at once; None if it is another."""
    head = _ENTITIES_HEAD.match(source)
    if head is None:
        return None
    items = []
    at = head.end()
    for match in _ENTITY.finditer(source, at):
        if match.start() != at:
            return None
        at = match.end()
        label, text, mark = match.groups()
        marks = (int(mark),) if mark else ()
        items.append(Item("ner", label, text, (), (match.span(1), match.span(2)), marks))
    return items if _ENTITIES_TAIL.match(source, at) else None


def cut_issue(rest: str, at: int, kept: int) -> Issue:
    """Describe an answer of which `rest`, from code point `at` of the completion, breaks off."""
    said = excerpt(rest) if rest else "closing brackets are missing"
    return Issue("truncated", f"breaks off after {kept} items at character {at}: {said!r}")


def mark_issue(mention: str, said: str) -> Issue:
    """Describe a mark that is no number."""
    detail = f"occurrence {excerpt(said)!r} of {excerpt(mention)!r} is not a number from 1"
    return Issue("unparsable", detail)


def excerpt(text: str, length: int = 80) -> str:
    """Return the beginning of a text for a message, safe to write as UTF-8."""
    short = text if len(text) <= length else text[:length] + "…"
    return short.encode("utf-8", "replace").decode()


class _Reader:
    def __init__(self, source: str, tasks: Sequence[str], schema: Schema) -> None:
        self.source = source
        self.tasks = tasks
        self.labels: dict[str, Mapping[str, Any]] = {
            "ner": schema.entity_by_label,
            "re": schema.relation_by_label,
            "ee": schema.event_by_label,
        }
        self.items: list[Item] = []
        self.issues: list[Issue] = []
        self.understood = False
        self.nested = 0

    def read_all(self, values: Sequence[Node]) -> None:
        """Read the top-level values; one that only repeats an earlier one counts once."""
        seen: list[list[Item]] = []
        understood = False
        for value in values:
            start = len(self.items)
            self.understood = False
            self._read(value, None)
            if len(values) == 1:
                return
            understood |= self.understood
            new = [_unplaced(item) for item in self.items[start:]]
            # A single bare item may well be a second listing.
            whole = len(new) > 1 or (new and self.understood)
            if whole and any(new == old[: len(new)] for old in seen[-3:]):
                detail = f"an answer of {len(new)} items is given again"
                self.issues.append(Issue("ambiguous", detail))
                del self.items[start:]
            elif new:
                seen.append(new)
        self.understood = understood

    def _read(self, node: Node, task: str | None) -> None:
        if isinstance(node, Array):
            self._array(node, task)
        elif isinstance(node, Object):
            self._object(node, task)
        elif isinstance(node, Text) and node.value.lstrip()[:1] in ("{", "["):
            self._string(node, task)

    def _string(self, node: Text, task: str | None) -> None:
        """Read JSON that stands in a string."""
        if self.nested < _NESTED_STRINGS:
            self.nested += 1
            for value in scan_inside(self.source[node.start : node.end], node.start).values:
                self._read(value, task)
            self.nested -= 1

    def _array(self, node: Array, task: str | None) -> None:
        if node.values and all(isinstance(value, Text) for value in node.values):
            self._tuple([value for value in node.values if isinstance(value, Text)], task, node)
            return
        for value in node.values:
            self._read(value, task)

    def _tuple(self, texts: list[Text], task: str | None, node: Array) -> None:
        """Read [mention, type], [type, mention] or [subject, predicate, object]."""
        if len(texts) == 2:
            for label, text in (texts, texts[::-1]):
                if self._task(label.value, None) == "ner":
                    self._add("ner", label, text, [])
                    return
        if len(texts) == 3 and self._task(texts[1].value, None) == "re":
            self._add("re", texts[1], texts[0], [(_NO_NAME, texts[2], None)])
            return
        if len(texts) == 1 and texts[0].value.lstrip()[:1] in ("{", "["):
            self._read(texts[0], task)
        elif task is not None:
            said = ", ".join(text.value for text in texts[:5])
            self.issues.append(Issue("unparsable", f"strings without a type: {excerpt(said)!r}"))

    def _object(self, node: Object, task: str | None) -> None:
        fields = _fields(node)
        label = _label(fields)
        if label is not None and (len(fields) > 1 or task is not None):
            for one in _run_together(node):
                self._item(_label(one) or label, one, task, node.closed)
            return
        for key, value in node.pairs:
            if key is None:
                self._read(value, task)
                continue
            name = key.value.strip()
            declared = self._task(name, None)
            container = CONTAINERS.get(name.lower())
            if declared and not (container and _holds_items(value)):
                self._labelled(key, value, task)
            elif container:
                self.understood = True
                self._read(value, container)
            elif name.lower() in WRAPPERS:
                self._read(value, task)
            elif isinstance(value, Text) and self._task(value.value, None) == "ner":
                self._add("ner", value, key, [])  # {mention: type}
            elif not isinstance(value, Text) or task is not None:
                self._labelled(key, value, task)

    def _task(self, label: str, hint: str | None) -> str | None:
        if hint is not None:
            return hint
        return next((task for task in self.tasks if label in self.labels[task]), None)

    def _labelled(self, label: Text, value: Node, hint: str | None) -> None:
        """Read `label: value` of the mappings by type."""
        declared = self._task(label.value.strip(), hint)
        self.understood |= declared is not None
        for one in value.values if isinstance(value, Array) else [value]:
            if isinstance(one, Text):
                if one.value.strip().lower() not in NULL_WORDS:
                    task = declared or self.tasks[0]
                    if task == "re":
                        self._lost(label, one)
                    else:
                        self._add(task, label, one, [])
            elif isinstance(one, Array):
                self._labelled(label, one, hint)
            elif isinstance(one, Object):
                fields = _fields(one)
                if not fields and any(isinstance(v, Object) for _, v in one.pairs):
                    self._read(one, hint)
                elif fields or one.pairs:
                    # Without field names, the object maps roles to strings.
                    self._item(label, fields or {"arguments": one}, declared, one.closed)

    def _item(self, label: Text, fields: Fields, hint: str | None, closed: bool) -> None:
        task = _shape(fields) or self._task(label.value, hint) or self.tasks[0]
        if task == "re":
            self._relation(label, fields, closed)
        elif task == "ee":
            self._event(label, fields, closed)
        else:
            values = fields.get("text")
            beside = _mark(values, fields.get(OCCURRENCE))
            for value in _values(values):
                text = _text(value)
                if text is not None:
                    self._add(task, label, text, [], _mark(value, beside))
                elif closed:
                    self._lost(label, None)

    def _event(self, label: Text, fields: Fields, closed: bool) -> None:
        slots = list(self._slots(label, fields, "arguments"))
        said = fields.get("trigger") if _text(fields.get("trigger")) else fields.get("text")
        first, *others = _values(said)
        head = _text(first)
        for other in filter(None, map(_text, others)):
            detail = f"{excerpt(other.value)!r} is a further trigger of one event; left out"
            self.issues.append(Issue("ambiguous", detail))
        if head and isinstance(fields.get("arguments"), Object) and _is_null(head):
            head = None
        if head or slots or closed:
            mark = _mark(first, fields.get("trigger_occurrence"))
            self._add("ee", label, head, slots, mark)

    def _slots(self, label: Text, fields: Fields, name: str) -> Iterator[Slot]:
        """Yield the arguments or qualifiers of an item; report strings without a role."""
        node = fields.get(name)
        if isinstance(node, Object):
            yield from _filled_pairs(node) if name == "arguments" else _pairs(node)
            return
        event = self.labels["ee"].get(label.value.strip())
        known = event.role_by_name if event is not None else {}
        for value in node.values if isinstance(node, Array) else (node,):
            if isinstance(value, Object):
                yield from _argument(value)
            elif pair := _role_and_text(value, known):
                yield pair
            else:
                for text in filter(None, map(_text, _each(value))):
                    if not _is_null(text):
                        said = (
                            f"{excerpt(text.value)!r} among the {name} of {excerpt(label.value)!r}"
                        )
                        self.issues.append(Issue("unparsable", f"{said} has no role"))

    def _relation(self, label: Text, fields: Fields, closed: bool) -> None:
        declared = self.labels["re"].get(label.value.strip())
        shared = list(self._slots(label, fields, "qualifiers"))
        subjects = _values(fields.get("subject"))
        # Beside a list it would be that of each.
        beside = fields.get("subject_occurrence") if len(subjects) == 1 else None
        for name in ("subject", "object"):
            for end in _values(fields.get(name)):
                self._check_end(label, declared, name, end)
        for value in _values(fields.get("object")):
            for object_, slots in self._objects(value, declared, fields.get("object_occurrence")):
                for end in subjects:
                    subject = _text(end)
                    mark = _mark(end, beside)
                    if subject is not None and (object_ or closed):
                        slot = [object_] if object_ else []
                        self._add("re", label, subject, [*slot, *slots, *shared], mark)
                    elif closed:
                        self._lost(label, object_[1] if object_ else None)

    def _objects(
        self, value: Node, declared: Any, mark: Node
    ) -> Iterator[tuple[Slot | None, list[Slot]]]:
        """Yield each object of a relation with the qualifiers that stand in it."""
        if not isinstance(value, Object):
            text = _text(value)
            yield (_NO_NAME, text, mark) if text is not None else None, []
            return
        # DuIE's own form, {"@value": …, "inWork": …}, or a mention as documents have it.
        beside = _beside_mentions(declared)
        inner = [slot for slot in _pairs(value) if slot[0].value != OCCURRENCE]
        main = [slot for slot in inner if FIELDS.get(slot[0].value.lstrip("@")) == "text"]
        slots = [slot for slot in inner if slot not in main and slot[0].value not in beside]
        mark = _mark(value, mark)
        for _, text, own in main:
            yield (_NO_NAME, text, own or mark), slots
        if not main:
            yield None, slots

    def _check_end(self, label: Text, declared: Any, slot: str, end: Node) -> None:
        """Report an end of a relation that is said to be of another type than the schema's."""
        said = _fields(end).get("type") if isinstance(end, Object) else None
        if declared is None or not isinstance(said, Text):
            return
        # A name may be declared several times, with other ends.
        named = [one for one in self.labels["re"].values() if one.name == declared.name]
        types = list(dict.fromkeys(getattr(one, slot) for one in named))
        if None not in types and said.value.strip() not in types:
            detail = f"the {slot} of {excerpt(label.value)!r} is said to be of type "
            detail += f"{excerpt(said.value)!r}, where the schema has {', '.join(types)}"
            self.issues.append(Issue("out_of_schema", detail))

    def _add(
        self, task: str, label: Text, head: Text | None, slots: list[Slot], mark: Node = None
    ) -> None:
        at = (
            (label.start, label.end),
            (head.start, head.end) if head else (-1, -1),
            *((slot[1].start, slot[1].end) for slot in slots),
        )
        pairs = tuple((name.value, text.value) for name, text, _ in slots)
        marks: tuple[int, ...] = ()
        if mark is not None or any(slot[2] is not None for slot in slots):
            listed = ((head, mark), *((text, one) for _, text, one in slots))
            marks = tuple(self._number(text, one) for text, one in listed)
        name_at = tuple((slot[0].start, slot[0].end) for slot in slots)
        said = head.value if head else None
        self.items.append(Item(task, label.value, said, pairs, at, _kept(marks), name_at))

    def _number(self, text: Text | None, mark: Node) -> int:
        """Return the occurrence that a mark says; report one that says no number."""
        if mark is None or text is None:
            return 0
        said = mark.value if isinstance(mark, Text) else "{…}"
        number = read_mark(said)
        if not number:
            self.issues.append(mark_issue(text.value, said))
        return number

    def _lost(self, label: Text, text: Text | None) -> None:
        said = f" and {excerpt(text.value)!r}" if text else ""
        self.issues.append(Issue("unparsable", f"an item has only {excerpt(label.value)!r}{said}"))


def _unplaced(item: Item) -> Item:
    return Item(item.task, item.label, item.head, item.slots, marks=item.marks)


def _kept(marks: tuple[int, ...]) -> tuple[int, ...]:
    return marks if any(marks) else ()


def _fields(node: Object) -> Fields:
    """Return the values by canonical field name; of a repeated field the last non-null."""
    fields: Fields = {}
    for key, value in node.pairs:
        if key is None:
            continue
        name = FIELDS.get(key.value) or FIELDS.get(key.value.strip().lower())
        if name and (value is not None or name not in fields):
            fields[name] = value
    return fields


def _run_together(node: Object) -> Iterator[Fields]:
    """Yield the fields of each item of an object; a brace may be missing between two.

    Another label, or another value of the field that came first, begins another item, if the one
    before it is complete. Of other fields that are repeated all values count, as in a list.
    """
    fields: Fields = {}
    own: list[str] = []
    for key, value in node.pairs:
        name = FIELDS.get(key.value.strip().lower()) if key is not None else None
        if name is None or (value is None and name in fields):
            continue
        is_other = name in own and _differ(fields[name], value)
        lead = next((one for one in own if one not in _LABELS), None)
        if is_other and name in (*_LABELS, lead) and _is_complete(fields):
            yield fields
            fields = {label: fields[label] for label in _LABELS if label in fields}
            own = []
        elif is_other and name in _LISTED:
            value = Array(-1, [*_each(fields[name]), *_each(value)], closed=True)
        fields[name] = value
        if value is not None:
            own.append(name)
    yield fields


def _is_complete(fields: Fields) -> bool:
    """Return whether the fields say a whole item, of whichever task."""
    return all(fields.get(name) is not None for name in _WHOLE[_shape(fields)])


def _differ(one: Node, other: Node) -> bool:
    if isinstance(one, Text) and isinstance(other, Text):
        return one.value != other.value
    return True


def _each(node: Node) -> Iterator[Node]:
    """Yield what a list holds, of lists in it too; another value is the only one of itself."""
    if isinstance(node, Array):
        for value in node.values:
            yield from _each(value)
    else:
        yield node


def _label(fields: Fields) -> Text | None:
    for name in ("type", "predicate"):
        label = fields.get(name)
        if isinstance(label, Text):
            return label
    return None


def _shape(fields: Fields) -> str | None:
    if "subject" in fields or "object" in fields:
        return "re"
    if "trigger" in fields or "arguments" in fields:
        return "ee"
    return None


def _is_null(text: Text) -> bool:
    return text.value.strip().lower() in NULL_WORDS


def _text(node: Node) -> Text | None:
    """Return the string of a value; our own layout writes what is absent as null."""
    if isinstance(node, Object):
        return _text(_fields(node).get("text"))
    if isinstance(node, Array):
        return _text(node.values[0]) if node.values else None
    return node if isinstance(node, Text) and node.value else None


def _mark(node: Node, beside: Node) -> Node:
    """Return what marks a mention: a key in its own object, or one beside it."""
    inside = _fields(node).get(OCCURRENCE) if isinstance(node, Object) else None
    return beside if inside is None and not isinstance(node, Array) else inside


def _values(node: Node) -> list[Node]:
    """Return what a field says, which may be a list; one that says nothing says None."""
    return list(_each(node)) or [None]


def _argument(value: Object) -> Iterator[Slot]:
    """Yield role and string of an object, or of each role if it maps roles to strings."""
    fields = _fields(value)
    role = fields.get("role") or (fields.get("type") if "text" in fields else None)
    if not isinstance(role, Text):
        yield from _filled_pairs(value)
        return
    texts = fields.get("text")
    for one in _values(texts):
        text = _text(one)
        if text is not None:
            yield role, text, _mark(texts, fields.get(OCCURRENCE))


def _role_and_text(node: Node, known: Mapping[str, Any]) -> Slot | None:
    """Read [role, string], where the role is one of the known ones."""
    if isinstance(node, Array) and len(node.values) == 2:
        role, text = node.values
        if isinstance(role, Text) and isinstance(text, Text) and role.value.strip() in known:
            return role, text, None
    return None


def _beside_mentions(relation: Any) -> frozenset[str]:
    """Return the fields of a mention that are no qualifiers of the relation."""
    return _MENTION_FIELDS - set(relation.qualifiers if relation is not None else ())


def _pairs(node: Object) -> Iterator[Slot]:
    for key, value in node.pairs:
        for one in value.values if isinstance(value, Array) else (value,):
            text = _text(one)
            if key is not None and text is not None:
                yield key, text, _mark(one, None)


def _filled_pairs(node: Object) -> Iterator[Slot]:
    """Yield role and string of a mapping by role, which says NAN where there is none."""
    return (pair for pair in _pairs(node) if not _is_null(pair[1]))


def _holds_items(node: Node) -> bool:
    return isinstance(node, Array) and any(isinstance(value, Object) for value in node.values)
