"""From scanned JSON to items, whichever of the usual layouts a model chose.

Understood are our own layout (see `formats`), bare lists of such items, layouts with other
field names (`label`, `head`/`tail`, 触发词 …), and the mappings of IEPile and OneKE:

    {"人名": ["张三"], "机构名": []}                       entities by type
    {"作者": [{"subject": "边城", "object": "沈从文"}]}      relations by type
    {"裁员": [{"trigger": "裁员", "arguments": {"裁员方": "雀巢", "时间": "NAN"}}]}
"""

from collections.abc import Iterator, Sequence

from .data import Issue
from .formats import OBJECT_SLOT, Item
from .scan import Array, Node, Object, Text, scan
from .schema import Schema

_SYNONYMS = {
    "type": ("type", "label", "category", "entity_type", "event_type", "relation_type", "class",
             "类型", "实体类型", "事件类型", "类别", "标签"),
    "predicate": ("predicate", "relation", "rel", "关系", "关系类型", "谓词"),
    "text": ("text", "name", "mention", "entity", "span", "word", "value", "entity_text",
             "entity_name", "argument", "实体", "名称", "文本", "内容", "值"),
    "subject": ("subject", "head", "subj", "source", "主体", "主语", "头实体"),
    "object": ("object", "tail", "obj", "target", "客体", "宾语", "尾实体"),
    "trigger": ("trigger", "trigger_word", "event_trigger", "触发词"),
    "arguments": ("arguments", "args", "participants", "论元", "要素", "事件论元"),
    "role": ("role", "argument_role", "角色", "论元角色"),
    "qualifiers": ("qualifiers", "限定"),
}  # fmt: skip
FIELDS = {name: field for field, names in _SYNONYMS.items() for name in names}
_CONTAINERS = {
    "ner": ("entities", "entity_list", "ner", "named_entities", "实体", "实体列表", "命名实体"),
    "re": ("relations", "relation_list", "re", "spo_list", "triples", "关系", "关系列表", "三元组"),
    "ee": ("events", "event_list", "ee", "事件", "事件列表"),
}
CONTAINERS = {name: task for task, names in _CONTAINERS.items() for name in names}
_WRAPPERS = frozenset(
    ("output", "result", "results", "answer", "response", "data", "json", "结果", "答案", "输出")
)
EMPTY_WORDS = frozenset(
    ("", "nan", "none", "null", "n/a", "na", "无", "没有", "空", "不存在", "未提及", "未知")
)
_NOWHERE = (-1, -1)
Fields = dict[str, Node]


def read_json(source: str, tasks: Sequence[str], schema: Schema) -> tuple[list[Item], list[Issue]]:
    """Return the items of a completion that holds JSON, and what could not be read as one."""
    scanned = scan(source)
    reader = _Reader(tasks, schema)
    for node in scanned.values:
        reader.read(node, None)
    issues = reader.issues
    if not scanned.values and source.strip().strip("。.\"'`").lower() not in EMPTY_WORDS:
        issues.append(Issue("unparsable", f"no JSON in {excerpt(source)!r}"))
    elif not source.strip():
        issues.append(Issue("unparsable", "the completion is empty"))
    if scanned.cut is not None:
        issues.append(cut_issue(source, scanned.cut, len(reader.items)))
    return reader.items, issues


def cut_issue(source: str, at: int, kept: int) -> Issue:
    """Describe an answer that breaks off, from code point `at` of the completion."""
    rest = excerpt(source[at:]) if at < len(source) else "closing brackets are missing"
    return Issue("truncated", f"breaks off after {kept} items at character {at}: {rest!r}")


def excerpt(text: str, length: int = 80) -> str:
    """Return the beginning of a text for a message, safe to write as UTF-8."""
    short = text if len(text) <= length else text[:length] + "…"
    return short.encode("utf-8", "replace").decode()


class _Reader:
    def __init__(self, tasks: Sequence[str], schema: Schema) -> None:
        self.tasks = tasks
        self.labels = {
            "ner": schema.entity_by_label,
            "re": schema.relation_by_label,
            "ee": schema.event_by_label,
        }
        self.items: list[Item] = []
        self.issues: list[Issue] = []

    def read(self, node: Node, task: str | None) -> None:
        if isinstance(node, Array):
            for value in node.values:
                self.read(value, task)
        elif isinstance(node, Object):
            self._object(node, task)
        elif isinstance(node, Text) and node.value.lstrip()[:1] in ("{", "["):
            for value in scan(node.value).values:
                self.read(_without_ranges(value), task)

    def _object(self, node: Object, task: str | None) -> None:
        fields = _fields(node)
        label = fields.get("type") or fields.get("predicate")
        if isinstance(label, Text) and len(fields) > 1:
            self._item(label, fields, task, node.closed)
            return
        if isinstance(label, Text) and len(node.pairs) == 1 and task is not None:
            self._item(label, fields, task, node.closed)
            return
        for key, value in node.pairs:
            if key is None:
                self.read(value, task)
                continue
            name = key.value.strip()
            declared = self._task(name, None)
            container = CONTAINERS.get(name.lower())
            if container and not (declared and isinstance(value, Array) and _is_flat(value)):
                self.read(value, container)
            elif name.lower() in _WRAPPERS and not declared:
                self.read(value, task)
            else:
                self._labelled(key, value, task)

    def _task(self, label: str, hint: str | None) -> str | None:
        if hint is not None:
            return hint
        return next((task for task in self.tasks if label in self.labels[task]), None)

    def _labelled(self, label: Text, value: Node, hint: str | None) -> None:
        """Read `label: value` of the mappings by type."""
        values = value.values if isinstance(value, Array) else [value]
        for one in values:
            if isinstance(one, Text):
                task = self._task(label.value, hint) or self.tasks[0]
                self._mention(label, one, task)
            elif isinstance(one, Object):
                fields = _fields(one)
                if fields:
                    self._item(label, fields, self._task(label.value, hint), one.closed)
                else:
                    fields = {"arguments": one}
                    self._item(label, fields, self._task(label.value, hint) or "ee", one.closed)
            elif isinstance(one, Array):
                self._labelled(label, one, hint)

    def _mention(self, label: Text, text: Text, task: str) -> None:
        if text.value.strip().lower() in EMPTY_WORDS:
            return
        if task == "re":
            self._lost(label, text)
            return
        self._add(task, label, text, [])

    def _item(self, label: Text, fields: Fields, hint: str | None, closed: bool) -> None:
        task = _shape(fields) or self._task(label.value, hint) or self.tasks[0]
        if task == "re":
            slots = _qualifiers(fields.get("qualifiers"))
            subject, object_ = _text(fields.get("subject")), fields.get("object")
            if isinstance(object_, Object):  # DuIE's own form: {"@value": …, "inWork": …}
                inner = [(key, _text(value)) for key, value in object_.pairs if key]
                main = [value for key, value in inner if key.value.lstrip("@") in ("value", "text")]
                slots += [(k, v) for k, v in inner if v and v not in main]
                object_ = main[0] if main else None
            object_ = _text(object_)
            if subject is None or object_ is None:
                if closed:
                    self._lost(label, subject or object_)
                return
            self._add(task, label, subject, [(Text(OBJECT_SLOT, -1, -1), object_), *slots])
        elif task == "ee":
            head = _text(fields.get("trigger")) or _text(fields.get("text"))
            slots = list(_arguments(fields.get("arguments")))
            if head is None and not slots and not closed:
                return
            self._add(task, label, head, slots)
        else:
            head = _text(fields.get("text"))
            if head is not None:
                self._add(task, label, head, [])
            elif closed and not isinstance(fields.get("text"), Text):
                values = fields.get("text")
                for value in values.values if isinstance(values, Array) else ():
                    if isinstance(value, Text):
                        self._mention(label, value, task)
                if not isinstance(values, Array):
                    self._lost(label, None)

    def _add(
        self, task: str, label: Text, head: Text | None, slots: list[tuple[Text, Text]]
    ) -> None:
        at = (label[1:], head[1:] if head else _NOWHERE, *(text[1:] for _, text in slots))
        pairs = tuple((name.value, text.value) for name, text in slots)
        self.items.append(Item(task, label.value, head.value if head else None, pairs, at))

    def _lost(self, label: Text, text: Text | None) -> None:
        said = f" and {excerpt(text.value)!r}" if text else ""
        self.issues.append(Issue("unparsable", f"an item has only {excerpt(label.value)!r}{said}"))


def _fields(node: Object) -> Fields:
    """Return the values by canonical field name; of a repeated field the last non-null."""
    fields: Fields = {}
    for key, value in node.pairs:
        name = FIELDS.get(key.value) or FIELDS.get(key.value.strip().lower()) if key else None
        if name and (value is not None or name not in fields):
            fields[name] = value
    return fields


def _shape(fields: Fields) -> str | None:
    if "subject" in fields or "object" in fields:
        return "re"
    if "trigger" in fields or "arguments" in fields:
        return "ee"
    return None


def _text(node: Node) -> Text | None:
    if isinstance(node, Object):
        return _text(_fields(node).get("text"))
    if isinstance(node, Array):
        return _text(node.values[0]) if node.values else None
    if isinstance(node, Text) and node.value.strip().lower() not in EMPTY_WORDS:
        return node
    return None


def _qualifiers(node: Node) -> list[tuple[Text, Text]]:
    return list(_pairs(node)) if isinstance(node, Object) else []


def _arguments(node: Node) -> Iterator[tuple[Text, Text]]:
    if isinstance(node, Object):
        yield from _pairs(node)
    elif isinstance(node, Array):
        for value in node.values:
            if not isinstance(value, Object):
                continue
            fields = _fields(value)
            role = fields.get("role") or (fields.get("type") if "text" in fields else None)
            if isinstance(role, Text):
                text = _text(fields.get("text"))
                if text is not None:
                    yield role, text
            else:
                yield from _pairs(value)


def _pairs(node: Object) -> Iterator[tuple[Text, Text]]:
    for key, value in node.pairs:
        for one in value.values if isinstance(value, Array) else (value,):
            text = _text(one)
            if key is not None and text is not None:
                yield key, text


def _is_flat(node: Array) -> bool:
    return all(isinstance(value, Text) for value in node.values)


def _without_ranges(node: Node) -> Node:
    if isinstance(node, Text):
        return Text(node.value, *_NOWHERE)
    if isinstance(node, Array):
        return Array(-1, [_without_ranges(value) for value in node.values], node.closed)
    if isinstance(node, Object):
        pairs = [
            (Text(key.value, *_NOWHERE) if key else None, _without_ranges(value))
            for key, value in node.pairs
        ]
        return Object(-1, pairs, node.closed)
    return None
