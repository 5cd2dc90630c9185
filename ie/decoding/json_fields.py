"""What the fields of a scanned JSON object say, by whichever names a model gave them."""

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, NamedTuple

from .field_names import BOOKKEEPING, FIELDS, RANKS, SPREAD, is_null, plain_name
from .formats import OCCURRENCE
from .json_scanner import Array, JsonString, Node, Object

Fields = dict[str, Node]
Pair = tuple[JsonString, Node]
# Name, string and what marks its occurrence.
Slot = tuple[JsonString, JsonString, Node]
LABELS = ("type", "predicate")
# What an item of each shape says at least, beside its label.
_WHOLE = {None: ("text",), "re": ("subject", "object"), "ee": ("trigger",)}
# Fields that may hold lists.
_LISTED = frozenset(("text", "subject", "object", "trigger", "arguments", "qualifiers"))
_NAMES_OF_ROLES = frozenset(("name", "argument", "key", "slot", "field", "名称", "论元", "属性"))
_CALL_KEYS = frozenset(("arguments", "parameters", "input", "args", "kwargs"))


class Part(NamedTuple):
    """An item of an object: its fields, and the pairs beside them."""

    fields: Fields
    beside: list[Pair]


def parts(node: Object, declares: Callable[[str], bool], roles: Collection[str] = ()) -> list[Part]:
    """Return what the items of an object say; a brace may be missing between two.

    A key in `roles` is no field. Another label, or another value of the field that came first,
    begins another item, if the one before it is complete. Of other fields that are repeated all
    values count, as in a list.
    """
    names = _chosen_names(node, declares, roles)
    result = [Part({}, [])]
    own: dict[str, None] = {}
    grown: dict[str, Array] = {}
    for key, value in node.pairs:
        if key is None:
            continue
        fields, beside = result[-1]
        name = names.get(key.value)
        if name is None:
            beside.append((key, value))
            continue
        if value is None and name in fields:
            continue
        is_other = name in own and _differ(fields[name], value)
        lead = next((one for one in own if one not in LABELS), None)
        if is_other and name in (*LABELS, lead) and _is_complete(fields):
            fields = {label: fields[label] for label in LABELS if label in fields}
            result.append(Part(fields, []))
            own, grown = {}, {}
        elif is_other and name in _LISTED:
            if name not in grown:
                grown[name] = Array(-1, list(each(fields[name])), closed=True)
            grown[name].values.extend(each(value))
            value = grown[name]
        fields[name] = value
        if value is not None:
            own[name] = None
    return result


def _chosen_names(
    node: Object, declares: Callable[[str], bool], roles: Collection[str]
) -> dict[str, str]:
    """Return the field of each key; of several keys for one field only the best has it."""
    best: dict[str, tuple[tuple[bool, bool, int], str]] = {}
    label_in_text = None
    seen: set[str] = set()
    for key, value in node.pairs:
        if key is None or key.value in roles:
            continue
        name = plain_name(key.value)
        field = FIELDS.get(name)
        if field is None:
            continue
        is_declared = isinstance(value, JsonString) and declares(value.value)
        if field == "text" and is_declared and name in _NAMES_OF_ROLES:
            label_in_text = key.value
        rank = (field in LABELS and not is_declared, value is None, RANKS[name])
        if field not in best or rank < best[field][0]:
            best[field] = (rank, key.value)
        if field == "text":
            seen.add(key.value)
    if label_in_text is not None and "type" not in best and len(seen) > 1:
        # {"name": "人名", "value": "张三"}
        best["type"] = ((False, False, 0), label_in_text)
        other = [name for name in seen if name != label_in_text]
        best["text"] = ((False, False, 0), min(other, key=lambda name: RANKS[plain_name(name)]))
    return {key: field for field, (_, key) in best.items()}


def fields_of(node: Object) -> Fields:
    """Return the values by canonical field name; of a repeated field the last non-null."""
    fields: Fields = {}
    ranks: dict[str, int] = {}
    for key, value in node.pairs:
        if key is None:
            continue
        name = plain_name(key.value)
        field = FIELDS.get(name)
        if field is None or (value is None and field in fields):
            continue
        if RANKS[name] <= ranks.get(field, RANKS[name]) or fields.get(field) is None:
            fields[field] = value
            ranks[field] = RANKS[name]
    return fields


def spread(beside: list[Pair]) -> Iterator[Pair]:
    """Yield the pairs beside an item that say something, those inside of `attributes` too."""
    for key, value in beside:
        name = plain_name(key.value)
        if name in SPREAD and isinstance(value, Object):
            yield from spread([(k, v) for k, v in value.pairs if k is not None])
        elif not is_blank(value) and name not in BOOKKEEPING:
            yield key, value


def is_blank(node: Node) -> bool:
    """Say whether a value says nothing: null, or an empty list or object."""
    if isinstance(node, Array):
        return not node.values
    return node is None or (isinstance(node, Object) and not node.pairs)


def shown(node: Node) -> str:
    """Return a value for a message."""
    if isinstance(node, Array):
        return ", ".join(shown(value) for value in node.values[:5])
    if isinstance(node, Object):
        return ", ".join(f"{k.value if k else ''}: {shown(v)}" for k, v in node.pairs[:5])
    return node.value if node is not None else "null"


def _is_complete(fields: Fields) -> bool:
    """Return whether the fields say a whole item, of whichever task."""
    return all(fields.get(name) is not None for name in _WHOLE[shape(fields)])


def _differ(one: Node, other: Node) -> bool:
    if isinstance(one, JsonString) and isinstance(other, JsonString):
        return one.value != other.value
    return True


def each(node: Node) -> Iterator[Node]:
    """Yield what a list holds, of lists in it too; another value is the only one of itself."""
    if isinstance(node, Array):
        for value in node.values:
            yield from each(value)
    else:
        yield node


def labels_of(fields: Fields) -> list[JsonString]:
    """Return the strings that name the types of an item; nearly always there is one."""
    for name in LABELS:
        label = fields.get(name)
        listed = label.values if isinstance(label, Array) else [label]
        labels = [one for one in listed if isinstance(one, JsonString)]
        if labels and len(labels) == len(listed):
            return labels
    return []


def label_of(fields: Fields) -> JsonString | None:
    """Return the first string that names a type of an item."""
    return next(iter(labels_of(fields)), None)


def shape(fields: Fields) -> str | None:
    """Return the task that the fields speak for; None: an entity, or they do not say."""
    if "subject" in fields or "object" in fields:
        return "re"
    if "trigger" in fields or "arguments" in fields:
        return "ee"
    return None


def text_of(node: Node) -> JsonString | None:
    """Return the string of a value; our own layout writes what is absent as null."""
    if isinstance(node, Object):
        return text_of(fields_of(node).get("text"))
    if isinstance(node, Array):
        return text_of(node.values[0]) if node.values else None
    return node if isinstance(node, JsonString) and node.value else None


def mark_of(node: Node, beside: Node) -> Node:
    """Return what marks a mention: a key in its own object, or one beside it."""
    inside = fields_of(node).get(OCCURRENCE) if isinstance(node, Object) else None
    return beside if inside is None and not isinstance(node, Array) else inside


def values_of(node: Node) -> list[Node]:
    """Return what a field says, which may be a list; one that says nothing says None."""
    return list(each(node)) or [None]


def argument(value: Object, known: Mapping[str, Any]) -> Iterator[Slot]:
    """Yield role and string of an object, or of each role if it maps roles to strings."""
    keys = {key.value: one for key, one in value.pairs if key is not None}
    fields = fields_of(value)
    role = fields.get("role") or (fields.get("type") if "text" in fields else None)
    texts = fields.get("text")
    if not isinstance(role, JsonString):
        # {"name": role, "value": string}
        named = [
            one
            for key, one in keys.items()
            if isinstance(one, JsonString)
            and plain_name(key) in _NAMES_OF_ROLES
            and one.value.strip() in known
        ]
        others = [
            one
            for key, one in keys.items()
            if FIELDS.get(plain_name(key)) == "text" and not any(one is name for name in named)
        ]
        if not named or not others:
            yield from pairs(value)
            return
        role, texts = named[0], others[0]
    for one in values_of(texts):
        text = text_of(one)
        if text is not None:
            yield role, text, mark_of(texts, fields.get(OCCURRENCE))


def role_and_text(node: Node, known: Mapping[str, Any]) -> Slot | None:
    """Read [role, string], where the role is one of the known ones."""
    if isinstance(node, Array) and len(node.values) == 2:
        role, text = node.values
        if (
            isinstance(role, JsonString)
            and isinstance(text, JsonString)
            and role.value.strip() in known
        ):
            return role, text, None
    return None


def pairs(node: Object) -> Iterator[Slot]:
    """Yield name and string of each pair of an object."""
    for key, value in node.pairs:
        for one in values_of(value):
            text = text_of(one)
            if key is not None and text is not None:
                yield key, text, mark_of(one, None)


def is_nothing(text: JsonString, mark: Node = None) -> bool:
    """Say whether a string is a word for nothing; one with a mark is meant."""
    return mark is None and is_null(text.value)


def holds_items(node: Node) -> bool:
    """Say whether a value is a list with objects."""
    return isinstance(node, Array) and any(isinstance(value, Object) for value in node.values)


def called_with(node: Object, declares: Callable[[str], bool]) -> Node:
    """Return the arguments of a tool call, {"name": "extract", "arguments": {…}}, or None."""
    if len(node.pairs) > 8:
        return None
    values = {plain_name(key.value): value for key, value in node.pairs if key is not None}
    name = values.get("name")
    if not isinstance(name, JsonString) or declares(name.value):
        return None
    kind = values.get("type")
    if isinstance(kind, JsonString) and declares(kind.value):
        return None
    given = next((values[key] for key in _CALL_KEYS if values.get(key) is not None), None)
    is_call = isinstance(given, Object) or (isinstance(given, JsonString) and is_json(given))
    return given if is_call else None


def is_json(text: JsonString) -> bool:
    """Return whether a string begins as JSON does."""
    return text.value.lstrip()[:1] in ("{", "[")


def has_relations_inside(value: Node) -> bool:
    """Return whether a list holds mentions with relations, as UIE gives them."""
    first = value.values[0] if isinstance(value, Array) and value.values else None
    return isinstance(first, Object) and {"text", "relations"} <= {
        key.value for key, _ in first.pairs if key is not None
    }
