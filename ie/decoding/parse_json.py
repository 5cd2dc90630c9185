"""From scanned JSON to items, whichever of the usual layouts a model chose.

Our own layout is understood (see `formats`), and bare lists of its items. So are other field names
(see `field_names`), any key over the list, tool calls, JSON inside a JSON string, and roles beside an
item. Bare strings are read where one type alone is asked for. Mappings of IEPile, OneKE and UIE are
read too:

    {"人名": ["张三"], "机构名": []}                       entities by type
    {"作者": [{"subject": "边城", "object": "沈从文"}]}      relations by type
    {"裁员": [{"trigger": "裁员", "arguments": {"裁员方": "雀巢", "时间": "NAN"}}]}
    {"图书": [{"text": "边城", "relations": {"作者": [{"text": "沈从文"}]}}]}
"""

from collections.abc import Collection, Sequence

from ..data.documents import Issue
from ..data.issues import excerpt
from ..data.schema import Schema
from .field_names import (
    BOOKKEEPING,
    COMMENTS,
    CONTAINERS,
    FIELDS,
    WRAPPERS,
    is_empty_answer,
    is_null,
    plain_name,
)
from .formats import Item
from .json_fields import (
    Part,
    called_with,
    each,
    has_relations_inside,
    holds_items,
    is_blank,
    is_json,
    is_nothing,
    label_of,
    labels_of,
    parts,
)
from .json_items import NO_NAME, ItemBuilder
from .json_scanner import Array, JsonString, Node, Object, scan, scan_inside
from .labelled_words import labelled_lines, labelled_string, quoted_string
from .undamaged import undamaged_entities

# JSON in a string in JSON is read, deeper nesting is not: each level scans its text once more.
_NESTED_STRINGS = 2
_QUOTES = frozenset("\"'“”‘’＂「『")
_ATTRIBUTES = "_attributes"
_NO_TYPES = COMMENTS | BOOKKEEPING | FIELDS.keys()


def read_json(source: str, tasks: Sequence[str], schema: Schema) -> tuple[list[Item], list[Issue]]:
    """Return the items of a completion that holds JSON, and what could not be read as one."""
    entities = undamaged_entities(source)
    if entities is not None:
        return entities, []
    scanned = scan(source)
    reader = _Reader(source, tasks, schema)
    reader.read_all(scanned.values)
    items, issues = reader.builder.items, reader.builder.issues
    if not source.strip():
        issues.append(Issue("unparsable", "the completion is empty"))
    elif not (items or issues or reader.builder.says_nothing or scanned.cut is not None):
        reader.read_words()
        if not (
            items
            or reader.understood
            or issues
            or reader.builder.says_nothing
            or is_empty_answer(source)
        ):
            issues.append(Issue("unparsable", f"no answer in {excerpt(source)!r}"))
    reader.builder.tell_nothings()
    if scanned.cut is not None:
        issues.append(cut_issue(source[scanned.cut :], scanned.cut, len(items)))
    return items, issues


def cut_issue(rest: str, at: int, kept: int) -> Issue:
    """Describe an answer of which `rest`, from code point `at` of the completion, breaks off."""
    said = excerpt(rest) if rest else "closing brackets are missing"
    return Issue("truncated", f"breaks off after {kept} items at character {at}: {said!r}")


class _Reader:
    def __init__(self, source: str, tasks: Sequence[str], schema: Schema) -> None:
        self.source = source
        self.tasks = tasks
        self.builder = ItemBuilder(tasks, schema)
        self.understood = False
        self.nested = 0
        # By identity, with the node, which must live as long: each is looked through once.
        self._known: dict[int, tuple[Node, bool]] = {}

    def read_all(self, values: Sequence[Node]) -> None:
        """Read the top-level values; one that only repeats an earlier one counts once."""
        items = self.builder.items
        seen: list[list[Item]] = []
        understood = False
        for value in values:
            start = len(items)
            self.understood = False
            self._read(value, None)
            if len(values) == 1:
                return
            understood |= self.understood
            new = [_unplaced(item) for item in items[start:]]
            # A single bare item may well be a second listing.
            whole = len(new) > 1 or (new and self.understood)
            if whole and any(new == old[: len(new)] for old in seen[-3:]):
                detail = f"an answer of {len(new)} items is given again"
                self.builder.issues.append(Issue("repeated", detail))
                del items[start:]
            elif new:
                seen.append(new)
        self.understood = understood

    def read_words(self) -> None:
        """Read an answer without JSON: a quoted string of the only type, or 人名：张三 in lines."""
        quoted = quoted_string(self.source)
        if quoted is not None:
            self._stray(quoted, None)
            return
        for label, said in labelled_lines(self.source, self._is_labelled):
            self.understood = True
            for text in said:
                self._labelled(label, text, None)

    def _is_labelled(self, name: str) -> bool:
        return self.builder.task_of(name) in ("ner", "ee")

    def _read(self, node: Node, task: str | None) -> None:
        if isinstance(node, Array):
            self.understood |= node.closed and not node.values
            self._array(node, task)
        elif isinstance(node, Object):
            self.understood |= node.closed and not node.pairs
            self._object(node, task)
        elif isinstance(node, JsonString):
            if is_json(node):
                self._string(node, task)
            elif task is not None:
                self._stray(node, task)

    def _string(self, node: JsonString, task: str | None) -> None:
        """Read JSON that stands in a string."""
        if self.nested < _NESTED_STRINGS:
            self.nested += 1
            for value in scan_inside(self.source[node.start : node.end], node.start).values:
                self._read(value, task)
            self.nested -= 1

    def _array(self, node: Array, task: str | None) -> None:
        texts = [value for value in node.values if isinstance(value, JsonString)]
        if texts and len(texts) == len(node.values):
            self._tuple(texts, task)
            return
        for value in node.values:
            self._read(value, task)

    def _tuple(self, texts: list[JsonString], task: str | None) -> None:
        """Read [mention, type], [type, mention], [subject, predicate, object] or bare strings."""
        builder = self.builder
        if len(texts) == 2:
            for label, text in (texts, texts[::-1]):
                if builder.task_of(label.value.strip()) == "ner":
                    self._labelled(label, text, None)
                    return
        if len(texts) == 3:
            for i, j, k in ((1, 0, 2), (0, 1, 2), (2, 0, 1)):
                if builder.task_of(texts[i].value.strip()) == "re":
                    builder.add("re", texts[i], texts[j], [(NO_NAME, texts[k], None)])
                    return
        if task is None and not all(self._is_quoted(text) for text in texts):
            # Brackets in prose: 见[1].
            return
        lost = [text for text in texts if not self._stray(text, task, tells=False)]
        if lost and task is not None:
            said = ", ".join(text.value for text in lost[:5])
            detail = f"strings without a type: {excerpt(said)!r}"
            builder.issues.append(Issue("unparsable", detail))

    def _is_quoted(self, text: JsonString) -> bool:
        return self.source[text.start - 1 : text.start] in _QUOTES and text.start > 0

    def _stray(self, text: JsonString, task: str | None, *, tells: bool = True) -> bool:
        """Read a string that no key gives a type; say whether it could be."""
        builder = self.builder
        if is_null(text.value):
            self.understood = True
            return True
        if is_json(text):
            self._string(text, task)
            return True
        pair = labelled_string(text)
        for kind, mention in (pair, pair[::-1]) if pair else ():
            if builder.task_of(kind.value.strip()) == "ner":
                self._labelled(kind, mention, None)
                return True
        label = builder.only_label(task)
        of = builder.task_of(label.value) if label else None
        if label is not None and of in ("ner", "ee"):
            self._labelled(label, text, of)
            return True
        if tells:
            detail = f"strings without a type: {excerpt(text.value)!r}"
            builder.issues.append(Issue("unparsable", detail))
        return False

    def _object(self, node: Object, task: str | None) -> None:
        called = called_with(node, self.builder.declares)
        if called is not None:
            self._read(called, None)
            return
        found = parts(node, self.builder.declares, self._own_roles(node))
        label = label_of(found[0].fields)
        if label is None and self._is_bare_item(found[0], task):
            label = self.builder.only_label(task)
        if label is not None and self._is_item(label, found[0], task):
            for part in found:
                for own in labels_of(part.fields) or [label]:
                    self.builder.item(self.builder.event_label(own), part, task, node.closed)
            return
        siblings = {key.value.strip(): value for key, value in node.pairs if key is not None}
        for key, value in node.pairs:
            if key is None:
                # The last key of a cut object has no value yet.
                if node.closed or not isinstance(value, JsonString):
                    self._read(value, task)
            else:
                self._pair(key, value, task, siblings)

    def _own_roles(self, node: Object) -> Collection[str]:
        """Return the roles of the type that an object names."""
        for key, value in node.pairs[:16]:
            if key is not None and isinstance(value, JsonString):
                field = FIELDS.get(plain_name(key.value))
                if field in ("type", "predicate") and self.builder.declares(value.value):
                    return self.builder.roles_of(value.value).keys()
        return ()

    def _is_bare_item(self, part: Part, task: str | None) -> bool:
        """Say whether an object without a label may be an item of the only type."""
        fields, beside = part
        if self.builder.only_label(task) is None or self._holds_answers(beside):
            return False
        if any(
            isinstance(one, JsonString) and self.builder.declares(one.value)
            for one in fields.values()
        ):
            return False
        if task is None and "trigger" not in fields and not {"subject", "object"} <= fields.keys():
            return "text" in fields and len(beside) < 4
        return bool(fields.keys() & {"text", "trigger", "subject", "object"})

    def _is_item(self, label: JsonString, part: Part, task: str | None) -> bool:
        fields, beside = part
        if self.builder.declares(label.value):
            return len(fields) > 1 or bool(beside) or task is not None or label.start < 0
        is_answer = self._holds_answers(beside)
        return (len(fields) > 1 or task is not None or label.start < 0) and not is_answer

    def _holds_answers(self, beside: Sequence[tuple[JsonString, Node]]) -> bool:
        """Say whether one of some pairs is a list of items or a type with its mentions."""
        return any(
            self.builder.declares(key.value)
            or (
                not isinstance(value, JsonString)
                and value is not None
                and (CONTAINERS.get(plain_name(key.value)) or self._names_own(value))
            )
            for key, value in beside
        )

    def _pair(
        self, key: JsonString, value: Node, task: str | None, siblings: dict[str, Node]
    ) -> None:
        """Read a pair of an object that is no item."""
        builder = self.builder
        name = key.value.strip()
        plain = plain_name(name)
        label = builder.event_label(key)
        declared = builder.task_of(label.value.strip())
        container = CONTAINERS.get(plain)
        if declared and not (container and holds_items(value)):
            self._labelled(label, value, task, siblings.get(name + _ATTRIBUTES))
        elif container:
            self.understood = True
            self._read(value, container)
        elif is_blank(value):
            self.understood |= plain in WRAPPERS
        elif plain in WRAPPERS:
            self._wrapped(value, task)
        elif isinstance(value, JsonString):
            self._string_pair(key, value, task)
        elif name.endswith(_ATTRIBUTES) and name.removesuffix(_ATTRIBUTES) in siblings:
            pass
        elif "re" in self.tasks and has_relations_inside(value):
            self._labelled(key, value, "ner")
        elif self._names_own(value):
            self._read(value, task)
        elif task is not None or plain not in COMMENTS:
            self._labelled(key, value, task)

    def _wrapped(self, value: Node, task: str | None) -> None:
        """Read what stands under a key like `result`, bare strings of the only type too."""
        only = self.builder.only_label(task)
        of = self.builder.task_of(only.value) if only else None
        self._read(value, task or of)

    def _string_pair(self, key: JsonString, value: JsonString, task: str | None) -> None:
        """Read {mention: type}, JSON in a string, or a string under a type that is unknown."""
        builder = self.builder
        plain = plain_name(key.value)
        if builder.task_of(value.value.strip()) == "ner" and plain not in FIELDS:
            builder.add("ner", value, key, [])
        elif is_json(value):
            self._string(value, task)
        elif is_nothing(value) or (
            task is None and (plain in _NO_TYPES or not self._is_quoted(value))
        ):
            return
        elif plain not in COMMENTS:
            self._labelled(key, value, task)

    def _names_own(self, node: Node) -> bool:
        """Say whether a value holds an item that names a type of the schema, or a list of them."""
        if not isinstance(node, Array | Object):
            return isinstance(node, JsonString) and is_json(node)
        known = self._known.get(id(node))
        if known is None:
            known = self._known[id(node)] = (node, self._look_through(node))
        return known[1]

    def _look_through(self, node: Array | Object) -> bool:
        if isinstance(node, Array):
            return any(map(self._names_own, node.values))
        for key, value in node.pairs:
            if key is None:
                continue
            plain = plain_name(key.value)
            field = FIELDS.get(plain)
            says = value.value if isinstance(value, JsonString) else None
            if says is None:
                found = plain in CONTAINERS
            else:
                found = field in ("type", "predicate") and self.builder.declares(says)
            if found or self.builder.declares(key.value):
                return True
        return any(self._names_own(value) for _, value in node.pairs)

    def _labelled(
        self, label: JsonString, value: Node, hint: str | None, attributes: Node = None
    ) -> None:
        """Read `label: value` of the mappings by type."""
        builder = self.builder
        declared = builder.task_of(label.value.strip(), hint)
        self.understood |= declared is not None
        listed = value.values if isinstance(value, Array) else [value]
        if declared == "re" and len(listed) == 2 and all(isinstance(v, JsonString) for v in listed):
            ends = {"subject": listed[0], "object": listed[1]}
            builder.item(label, Part(ends, []), declared, True)
            return
        for one in listed:
            if (
                isinstance(one, JsonString)
                and is_json(one)
                and one.value.rstrip()[-1:] in ("]", "}")
            ):
                self._labelled_inside(label, one, hint)
            elif isinstance(one, JsonString):
                self._labelled_string(label, one, declared, attributes)
            elif isinstance(one, Array):
                self._labelled(label, one, hint)
            elif isinstance(one, Object):
                self._labelled_object(label, one, declared, hint)

    def _labelled_inside(self, label: JsonString, text: JsonString, hint: str | None) -> None:
        """Read a string under a label that holds JSON itself."""
        if self.nested < _NESTED_STRINGS:
            self.nested += 1
            for value in scan_inside(self.source[text.start : text.end], text.start).values:
                self._labelled(label, value, hint)
            self.nested -= 1

    def _labelled_string(
        self, label: JsonString, text: JsonString, declared: str | None, attributes: Node
    ) -> None:
        builder = self.builder
        task = declared or self.tasks[0]
        if is_nothing(text):
            builder.nothing(label, text)
        elif task == "re":
            builder.lost(label, text)
        elif is_blank(attributes):
            builder.add(task, label, text, [])
        else:
            # langextract's {"裁员": "裁员", "裁员_attributes": {…}}
            event = Part({"trigger": text, "arguments": attributes}, [])
            entity = Part({"text": text}, [(JsonString("attributes", -1, -1), attributes)])
            builder.item(label, event if task == "ee" else entity, task, True)

    def _labelled_object(
        self, label: JsonString, node: Object, declared: str | None, hint: str | None
    ) -> None:
        """Read an object under a label: an item, or a mapping of roles, subjects or mentions."""
        builder = self.builder
        found = parts(node, builder.declares, builder.roles_of(label.value).keys())
        if found[0].fields:
            for part in found:
                builder.item(label, part, declared, node.closed)
        elif declared == "ee" and self._maps_roles(label, node):
            # Without field names, the object maps roles to strings.
            builder.item(label, Part({"arguments": node}, []), declared, node.closed)
        elif declared is not None and not self._holds_answers(found[0].beside):
            for key, value in node.pairs:
                if key is not None:
                    self._keyed(label, key, value, declared)
        elif any(isinstance(value, Object) for _, value in node.pairs):
            self._read(node, hint)
        elif node.pairs:
            builder.item(label, Part({"arguments": node}, []), declared, node.closed)

    def _maps_roles(self, label: JsonString, node: Object) -> bool:
        roles = self.builder.roles_of(label.value)
        if any(key is not None and key.value.strip() in roles for key, _ in node.pairs):
            return True
        return not any(isinstance(value, Object) for value in self._inner(node))

    def _inner(self, node: Object) -> list[Node]:
        return [one for _, value in node.pairs for one in each(value)]

    def _keyed(self, label: JsonString, key: JsonString, value: Node, declared: str) -> None:
        """Read {"1": mention}, {mention: …}, {subject: object} or {trigger: {role: …}}."""
        builder = self.builder
        if key.value.strip().isdecimal():
            self._labelled(label, value, declared)
        elif declared == "ner":
            builder.item(label, Part({"text": key}, [(key, value)]), declared, True)
        elif declared == "ee":
            builder.item(label, Part({"trigger": key, "arguments": value}, []), declared, True)
        else:
            for one in each(value):
                found = parts(one, builder.declares)[0] if isinstance(one, Object) else None
                fields = found.fields if found and "object" in found.fields else {"object": one}
                beside = found.beside if found and "object" in found.fields else []
                builder.item(label, Part({"subject": key, **fields}, beside), declared, True)


def _unplaced(item: Item) -> Item:
    return Item(item.task, item.label, item.head, item.slots, marks=item.marks)
