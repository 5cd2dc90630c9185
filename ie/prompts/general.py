"""How a general model is told of types, forms and examples: the tables of the `table` templates.

All of it is made from the schema: a line a type, with its description, examples and allowed values; the
keys of the answer that its types need, no others; and worked examples with types of its own, the
last of them without a result. What is written here is part of released templates and is not edited.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from ..data.documents import Argument, Document, Entity, Event, Mention, Relation
from ..data.schema import EntityType, EventType, RelationType, Role, Schema, SchemaType
from ..decoding.formats import JSON_KEYS
from .messages import TEXT_SLOT
from .wording import TRIGGERS

# Names for the worked examples, by the words in the name of a type or role; a fact may need several.
_SAMPLES = (
    (r"时间|日期|年份", ("5月3日", "2019年")),
    (r"人数|数量|个数|数值", ("300人", "12家")),
    (r"金额|价格|票房|收入|资本|额$", ("500万元", "2亿元")),
    (r"学校|学院|院校|大学", ("青石学院", "临江大学")),
    (
        r"公司|企业|机构|组织|单位|品牌|集团|部门|方$|者$|主体|主办",
        ("海星公司", "北岸集团", "南山协会"),
    ),
    (r"作品|书|歌曲|电影|影视|专辑|节目", ("长河", "远山", "晨光")),
    (r"地|国家|城市|省|位置|场所", ("青川市", "临江县")),
    (r"人|演员|导演|歌手|作者", ("李明", "张芳", "王强")),
)
# Names of end types that schemas have in English; answers do not hold them.
_CHINESE = {"Text": "文字", "Number": "数值", "Date": "日期"}
_NOTHING = "今天天气晴朗，大家心情很好。"
# Types in the worked example; each shows something of its own.
_SHOWN = {"ner": 3, "re": 2, "ee": 2}
_SHOWN_ROLES = 3


def describe_table(types: Sequence[SchemaType], *, with_roles: bool = True) -> str:
    """Return a line for each type and, with `with_roles`, further ones for its roles."""
    return "\n".join("\n".join(_lines(item, with_roles)) for item in types)


def _lines(item: SchemaType, with_roles: bool) -> Iterator[str]:
    parts = [item.label]
    # A label with its signature says it already.
    if isinstance(item, RelationType) and (item.subject or item.object) and item.label == item.name:
        parts.append(f"{_end(item.subject)}→{_end(item.object)}")
    parts += [item.description] * bool(item.description)
    if item.examples:
        parts.append("例：" + "、".join(item.examples))
    if isinstance(item, RelationType) and item.qualifiers:
        slots = (f"{k}（{_end(v)}）" if v else k for k, v in item.qualifiers.items())
        parts.append("附加项：" + "、".join(slots))
    if isinstance(item, EventType) and not item.trigger:
        parts.append("没有触发词，trigger 写 null")
    yield "｜".join(parts)
    if isinstance(item, EventType) and with_roles:
        if item.roles:
            yield "  角色：" + "、".join(map(_role, item.roles))
        for role in item.roles:
            if role.values:
                yield f"  {role.name}：只能是 {'/'.join(role.values)} 之一"


def _end(kind: str | None) -> str:
    return _CHINESE.get(kind, kind) if kind else "任意"


def _role(role: Role) -> str:
    return f"{role.name}（{role.description}）" if role.description else role.name


def values_rule(types: Sequence[SchemaType]) -> str:
    """Return what the rule of copying adds of roles with listed values; empty if there are none."""
    has_values = any(
        role.values for item in types if isinstance(item, EventType) for role in item.roles
    )
    return "列有取值的角色除外：从取值中选一个，<文本>中不必出现原词。" if has_values else ""


def describe_form(types: Sequence[SchemaType], task: str, step: str) -> str:
    """Return the form of an answer in JSON, with the keys that these types need."""
    key = JSON_KEYS[task]
    return "\n".join(f'{{"{key}":[{item}]}}' for item in _forms(types, step))


def _forms(types: Sequence[SchemaType], step: str) -> Iterator[str]:
    events = [item for item in types if isinstance(item, EventType)]
    relations = [item for item in types if isinstance(item, RelationType)]
    if not (events or relations):
        yield '{"type":"名称","text":"片段"}'
    if relations:
        ends = '{"type":"名称","subject":"片段","object":"片段"'
        yield ends + "}"
        slots = dict.fromkeys(name for item in relations for name in item.qualifiers)
        if slots:
            yield ends + ',"qualifiers":{' + ",".join(f'"{s}":"片段"' for s in slots) + "}}"
    inside = "" if step == TRIGGERS else '{"role":"角色","text":"片段"}'
    if any(item.trigger for item in events):
        yield f'{{"type":"名称","trigger":"片段","arguments":[{inside}]}}'
    if any(not item.trigger for item in events):
        yield f'{{"type":"没有触发词的名称","trigger":null,"arguments":[{inside}]}}'


def empty_answer(task: str) -> str:
    """Return the answer that says that there is nothing."""
    return f'{{"{JSON_KEYS[task]}":[]}}'


def show_examples(pairs: Sequence[tuple[str, str]], frame: str) -> str:
    """Return worked examples, each a text in its frame and its answer."""
    return "\n".join(["", "示例：", *(f"{frame.replace(TEXT_SLOT, t)}\n{a}" for t, a in pairs)])


def made_examples(schema: Schema, task: str) -> list[Document]:
    """Return a text made up of types of the schema, annotated, and one without a result."""
    return [_Maker(schema, task).document(), Document("nothing", _NOTHING)]


@dataclass
class _Maker:
    """Makes a text for a schema, mention by mention."""

    schema: Schema
    task: str
    text: str = ""
    used: set[str] = field(default_factory=set)

    def document(self) -> Document:
        types = _telling(self.schema.types(self.task), _SHOWN[self.task])
        if self.task == "ner":
            entities = tuple(self._entities([t for t in types if isinstance(t, EntityType)]))
            return Document("made", self.text, entities=entities)
        if self.task == "re":
            relations = tuple(self._relation(t) for t in types if isinstance(t, RelationType))
            return Document("made", self.text, relations=relations)
        events = tuple(self._event(item) for item in types if isinstance(item, EventType))
        return Document("made", self.text, events=events)

    def _entities(self, types: Sequence[EntityType]) -> Iterator[Entity]:
        self.text += "报道提到"
        for number, item in enumerate(types):
            self.text += "、" * bool(number)
            yield self._entity(item.name, item.name, item.examples)
        self.text += "。"

    def _relation(self, item: RelationType) -> Relation:
        subject = self._entity(item.subject, item.subject or "某事物")
        self.text += f"的{item.name}是"
        object_ = self._entity(item.object, item.object or "某事物")
        qualifiers = {}
        for name, kind in list(item.qualifiers.items())[:1]:
            self.text += f"，{_CHINESE.get(kind or name, kind or name)}是"
            qualifiers[name] = self._entity(kind, kind or name)
        self.text += "。"
        return Relation(item.name, subject, object_, qualifiers)

    def _event(self, item: EventType) -> Event:
        trigger = None
        self.text += "消息"
        if item.trigger:
            self.text += "称发生"
            trigger = Mention(*self._written(re.split(r"[-—/·]", item.name)[-1] or item.name))
        arguments = []
        for role in _telling_roles(item.roles):
            if role.values:
                arguments.append(Argument(role.name, role.values[0], None, None))
                continue
            self.text += f"，{role.name}是"
            arguments.append(Argument(role.name, *self._written(self._sample(role.name))))
        self.text += "。"
        return Event(item.name, trigger, tuple(arguments))

    def _entity(self, kind: str | None, name: str, examples: Sequence[str] = ()) -> Entity:
        return Entity(kind, *self._written(self._sample(name, examples)))

    def _sample(self, name: str, examples: Sequence[str] = ()) -> str:
        name = _CHINESE.get(name, name)
        known = next((list(some) for words, some in _SAMPLES if re.search(words, name)), [])
        options: list[str] = [*examples, *known, f"某{name}"]
        chosen = next((option for option in options if option not in self.used), options[-1])
        self.used.add(chosen)
        return chosen

    def _written(self, mention: str) -> tuple[str, int, int]:
        start = len(self.text)
        self.text += mention
        return mention, start, len(self.text)


def _telling(types: Sequence[SchemaType], most: int) -> list[SchemaType]:
    """Return the first types, one of each shape: with qualifiers, without a trigger, with values."""
    shapes: dict[tuple[bool, ...], SchemaType] = {}
    for item in types:
        shapes.setdefault(_shape(item), item)
    chosen = list(shapes.values())[:most]
    chosen += [item for item in types if item not in chosen][: most - len(chosen)]
    return chosen


def _shape(item: SchemaType) -> tuple[bool, ...]:
    if isinstance(item, RelationType):
        return (bool(item.qualifiers),)
    if isinstance(item, EventType):
        return (item.trigger, any(role.values for role in item.roles))
    return ()


def _telling_roles(roles: Sequence[Role]) -> list[Role]:
    listed = [role for role in roles if role.values][:1]
    free = [role for role in roles if not role.values][: _SHOWN_ROLES - len(listed)]
    return [*free, *listed]
