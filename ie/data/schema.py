"""Schemas: which types of entities, relations and events are asked for.

A schema is YAML or JSON; a type is a name, or an object with a description and more:

    name: news
    entities: [人名, {name: 机构名, description: 公司、机关、团体的专名, aliases: [ORG]}]
    relations: [{name: 作者, subject: 图书作品, object: 人物, qualifiers: {inWork: 影视作品}}]
    events: [{name: 公司上市, trigger: true, roles: [上市公司, {name: 环节, values: [正式上市]}]}]

Two relations may share a name if their subject or object types differ; each then carries the
label `name（subject→object）` in prompts and completions, so that a label names one type.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields
from functools import cache, cached_property
from importlib import resources
from pathlib import Path
from typing import Any

from ..errors import SchemaError, near_miss
from .yaml_file import parse_json, parse_yaml

TASKS = ("ner", "re", "ee")


@dataclass(frozen=True)
class EntityType:
    """A class of entity; `aliases` are other names accepted on reading, such as PER."""

    name: str
    description: str = ""
    examples: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """The name by which prompts and completions call this type."""
        return self.name


@dataclass(frozen=True)
class RelationType:
    """A predicate with the types of its ends (None: any) and its qualifier slots.

    `symmetric` and `inverse` say that (a, name, b) is the same fact as (b, name, a) or
    (b, inverse, a); converters and scorers use them to keep one direction.
    """

    name: str
    subject: str | None = None
    object: str | None = None
    qualifiers: dict[str, str | None] = field(default_factory=dict)
    description: str = ""
    examples: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    symmetric: bool = False
    inverse: str | None = None
    label: str = ""

    def __post_init__(self) -> None:
        if not self.label:
            object.__setattr__(self, "label", self.name)


@dataclass(frozen=True)
class Role:
    """A slot of an event; `values` lists the choices of an enum slot, which need no mention."""

    name: str
    description: str = ""
    values: tuple[str, ...] = ()


@dataclass(frozen=True)
class EventType:
    """A class of event; `trigger` says whether a trigger word is asked for."""

    name: str
    roles: tuple[Role, ...] = ()
    trigger: bool = True
    description: str = ""
    examples: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """The name by which prompts and completions call this type."""
        return self.name

    @cached_property
    def role_by_name(self) -> dict[str, Role]:
        """Roles by name."""
        return {role.name: role for role in self.roles}


SchemaType = EntityType | RelationType | EventType


@dataclass(frozen=True)
class Schema:
    """The types asked for, with look-up by label or alias."""

    name: str
    entities: tuple[EntityType, ...] = ()
    relations: tuple[RelationType, ...] = ()
    events: tuple[EventType, ...] = ()
    description: str = ""

    def types(self, task: str) -> tuple[SchemaType, ...]:
        """Return the types of one task: `ner`, `re` or `ee`."""
        table: dict[str, tuple[SchemaType, ...]] = {
            "ner": self.entities,
            "re": self.relations,
            "ee": self.events,
        }
        return table[task]

    @property
    def tasks(self) -> tuple[str, ...]:
        """The tasks for which the schema declares a type, in the order of TASKS."""
        return tuple(task for task in TASKS if self.types(task))

    def only(self, tasks: Sequence[str]) -> "Schema":
        """Return the schema with the types of these tasks alone."""
        kept = {_FIELD_OF_TASK[task]: self.types(task) for task in tasks}
        return Schema(self.name, description=self.description, **kept)  # type: ignore[arg-type]

    def answer_names(self, task: str) -> frozenset[str]:
        """Return all names that answers to a task may hold: labels, and slots of their items."""
        return self._answer_names[task]

    @cached_property
    def _answer_names(self) -> dict[str, frozenset[str]]:
        slots = {
            "ner": (),
            "re": (name for relation in self.relations for name in relation.qualifiers),
            "ee": (role.name for event in self.events for role in event.roles),
        }
        return {
            task: frozenset((*(item.label for item in self.types(task)), *slots[task]))
            for task in TASKS
        }

    @cached_property
    def entity_by_label(self) -> dict[str, EntityType]:
        """Entity types by name and alias."""
        return _by_label(self.entities)

    @cached_property
    def relation_by_label(self) -> dict[str, RelationType]:
        """Relation types by label and alias."""
        return _by_label(self.relations)

    @cached_property
    def event_by_label(self) -> dict[str, EventType]:
        """Event types by name and alias."""
        return _by_label(self.events)

    def relation_label(self, name: str, subject: str | None, object: str | None) -> str | None:
        """Return the label of the predicate for these end types, or None if undeclared.

        An end of type None, in the schema or in the call, fits every type.
        """
        key = (name, subject, object)
        known = self._known_labels
        if key not in known:
            fitting = (t.label for t in self._signatures.get(name, ()) if _fits(t, subject, object))
            known[key] = next(fitting, None)
        return known[key]

    @cached_property
    def _known_labels(self) -> dict[tuple[str, str | None, str | None], str | None]:
        return {}

    @cached_property
    def _signatures(self) -> dict[str, list[RelationType]]:
        result: dict[str, list[RelationType]] = {}
        for relation in self.relations:
            result.setdefault(relation.name, []).append(relation)
        return result

    def select(self, task: str, labels: "tuple[str, ...] | list[str] | set[str]") -> "Schema":
        """Return a schema of one task with only the types of these labels, in the given order."""
        tables: dict[str, dict[str, Any]] = {
            "ner": self.entity_by_label,
            "re": self.relation_by_label,
            "ee": self.event_by_label,
        }
        chosen: dict[str, Any] = {_FIELD_OF_TASK[task]: tuple(tables[task][x] for x in labels)}
        return Schema(self.name, **chosen)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form, without empty fields."""
        return {
            "name": self.name,
            **({"description": self.description} if self.description else {}),
            "entities": [_type_dict(item) for item in self.entities],
            "relations": [_type_dict(item) for item in self.relations],
            "events": [_type_dict(item) for item in self.events],
        }

    @classmethod
    def from_dict(cls, value: Any, where: str = "schema") -> "Schema":
        """Build from the JSON form.

        Raises:
            SchemaError: lists every wrong entry at once, each with its place.
        """
        return _Reader(where).read(value)


_FIELD_OF_TASK = {"ner": "entities", "re": "relations", "ee": "events"}


def _by_label(types: tuple[Any, ...]) -> dict[str, Any]:
    table = {alias: item for item in types for alias in item.aliases}
    table.update({item.label: item for item in types})
    return table


def _fits(relation: RelationType, subject: str | None, object: str | None) -> bool:
    return (subject is None or relation.subject in (None, subject)) and (
        object is None or relation.object in (None, object)
    )


def _type_dict(item: Any) -> Any:
    result: dict[str, Any] = {}
    for spec in fields(item):
        value = getattr(item, spec.name)
        if spec.name == "label" or value in ("", None, (), {}, False):
            continue
        if spec.name == "roles":
            value = [_type_dict(role) for role in value]
        result[spec.name] = list(value) if isinstance(value, tuple) else value
    if isinstance(item, EventType):
        result["trigger"] = item.trigger
    return result["name"] if set(result) == {"name"} else result


class _Reader:
    """Reads the JSON form and gathers every problem before it gives up."""

    def __init__(self, where: str) -> None:
        self.where = where
        self.problems: list[str] = []

    def read(self, value: Any) -> Schema:
        if not isinstance(value, dict):
            raise SchemaError(
                f"{self.where}: expected a mapping with name, entities, relations, events; "
                f"got {type(value).__name__}"
            )
        self._unknown_keys(value, ("name", "description", *_FIELD_OF_TASK.values()), "schema")
        entities = self._types(value, "entities", EntityType)
        relations = self._types(value, "relations", RelationType)
        events = self._types(value, "events", EventType)
        if not (entities or relations or events) and not self.problems:
            self.problems.append("declares no entities, relations or events")
        if self.problems:
            raise SchemaError("\n".join(f"{self.where}: {problem}" for problem in self.problems))
        return Schema(
            str(value.get("name", self.where)),
            entities,
            _labelled(relations),
            events,
            str(value.get("description", "")),
        )

    def _types(self, value: dict[str, Any], key: str, kind: type[Any]) -> tuple[Any, ...]:
        items = value.get(key) or []
        if not isinstance(items, list):
            self.problems.append(f"{key!r} must be a list, got {type(items).__name__}")
            return ()
        built = [self._one(item, kind, f"{key}[{i}]") for i, item in enumerate(items)]
        types = tuple(item for item in built if item is not None)
        seen: set[Any] = set()
        for item in types:
            mark = (item.name, item.subject, item.object) if kind is RelationType else item.name
            if mark in seen:
                self.problems.append(f"{key}: {item.name!r} is declared twice")
            seen.add(mark)
        return types

    def _one(self, item: Any, kind: type[Any], where: str) -> Any:
        if isinstance(item, str):
            item = {"name": item}
        if not isinstance(item, dict) or not isinstance(item.get("name"), str) or not item["name"]:
            self.problems.append(f"{where} must be a name or a mapping with a 'name', got {item!r}")
            return None
        names = [spec.name for spec in fields(kind) if spec.name != "label"]
        self._unknown_keys(item, names, f"{where} ({item['name']})")
        values: dict[str, Any] = {}
        for name, content in item.items():
            if name not in names:
                continue
            ok, values[name] = self._value(name, content, f"{where} ({item['name']}).{name}")
            if not ok:
                return None
        return kind(**values)

    def _value(self, name: str, content: Any, where: str) -> tuple[bool, Any]:
        if name == "roles":
            if not isinstance(content, list):
                self.problems.append(f"{where} must be a list, got {content!r}")
                return False, None
            roles = [self._one(role, Role, f"{where}[{i}]") for i, role in enumerate(content)]
            names = [role.name for role in roles if role]
            for twice in sorted({n for n in names if names.count(n) > 1}):
                self.problems.append(f"{where}: role {twice!r} is declared twice")
            return None not in roles, tuple(roles)
        if name in ("examples", "aliases", "values"):
            good = isinstance(content, list) and all(isinstance(x, str) for x in content)
            expected, result = "a list of strings", tuple(content) if good else ()
        elif name == "qualifiers":
            good = isinstance(content, dict) and all(
                isinstance(slot, str) and isinstance(kind, str | None)
                for slot, kind in content.items()
            )
            expected, result = "a mapping from slot to type", content
        elif name in ("trigger", "symmetric"):
            good, expected, result = isinstance(content, bool), "true or false", content
        else:
            good = isinstance(content, str) or (
                content is None and name in ("subject", "object", "inverse")
            )
            expected, result = "a string", content
        if not good:
            self.problems.append(f"{where} must be {expected}, got {content!r}")
        return good, result

    def _unknown_keys(self, value: dict[str, Any], known: Any, where: str) -> None:
        for key in value:
            if key not in known:
                self.problems.append(f"unknown key {key!r} in {where}{near_miss(str(key), known)}")


def _labelled(relations: tuple[RelationType, ...]) -> tuple[RelationType, ...]:
    names = [relation.name for relation in relations]
    result = []
    for relation in relations:
        if names.count(relation.name) > 1:
            label = f"{relation.name}（{relation.subject or '*'}→{relation.object or '*'}）"
            values = {spec.name: getattr(relation, spec.name) for spec in fields(relation)}
            relation = RelationType(**{**values, "label": label})
        result.append(relation)
    return tuple(result)


def chosen_tasks(schema: Schema, tasks: Sequence[str] | str | None) -> tuple[str, ...]:
    """Return the tasks, in their usual order; None is all that the schema declares.

    Raises:
        SchemaError: there are none, one is unknown, or the schema declares no type for one.
    """
    if tasks is None:
        return schema.tasks
    tasks = _named_tasks(tasks)
    if not tasks:
        raise SchemaError(f"no tasks; name some of {', '.join(TASKS)}, or leave it at None for all")
    for task in tasks:
        if task not in TASKS:
            raise SchemaError(f"unknown task {task!r}; tasks are {', '.join(TASKS)}")
        if task not in schema.tasks:
            raise SchemaError(
                f"schema {schema.name!r} declares nothing for task {task!r}; "
                f"it declares {', '.join(schema.tasks)}"
            )
    return tuple(task for task in TASKS if task in tasks)


def _named_tasks(tasks: Any) -> tuple[Any, ...]:
    """Return tasks given in a list, or as one string in which commas part them."""
    if isinstance(tasks, str):
        return tuple(part for part in re.split(r"[\s,，、;；]+", tasks) if part)
    if not isinstance(tasks, Iterable):
        raise SchemaError(f"tasks is {tasks!r}; expected a list, or names parted by commas")
    return tuple(tasks)


def read_schema(source: "Schema | str | Path | dict[str, Any]") -> Schema:
    """Return a schema given as an object, a mapping, a built-in name or a path.

    Raises:
        SchemaError: unknown name, missing file, YAML or JSON error with its line, or a wrong entry.
    """
    if isinstance(source, Schema):
        return source
    if isinstance(source, dict):
        return Schema.from_dict(source)
    if not isinstance(source, str | Path):
        raise SchemaError(
            f"the schema is a {type(source).__name__}; expected a Schema, a mapping, a name or a path"
        )
    if str(source) in builtin_schemas():
        return _read_builtin(str(source))
    path = Path(source)
    try:
        is_there = path.is_file()
    except OSError:  # such as a name that is too long
        is_there = False
    if not is_there:
        names = builtin_schemas()
        raise SchemaError(
            f"{str(source)!r} is neither a built-in schema nor a file{near_miss(str(source), names)}"
            f"; built in are {', '.join(names)}"
        )
    try:
        content = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise SchemaError(f"{path}: not UTF-8 at byte {error.start}; save it as UTF-8") from None
    parse = parse_json if path.suffix.lower() == ".json" else parse_yaml
    return Schema.from_dict(parse(content, str(path), SchemaError), str(path))


@cache
def builtin_schemas() -> tuple[str, ...]:
    """Return the names of the built-in schemas, sorted."""
    folder = resources.files("chinchilla.configs").joinpath("schemas")
    return tuple(sorted(item.name[:-5] for item in folder.iterdir() if item.name.endswith(".yaml")))


@cache
def _read_builtin(name: str) -> Schema:
    item = resources.files("chinchilla.configs").joinpath("schemas").joinpath(f"{name}.yaml")
    content = item.read_text(encoding="utf-8")
    return Schema.from_dict(parse_yaml(content, f"{name}.yaml", SchemaError), name)
