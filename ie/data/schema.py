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
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cache, cached_property
from importlib import resources
from pathlib import Path
from typing import Annotated, Any

from msgspec import Meta

from ..errors import SchemaError, near_miss
from .configuration import NOT_WRITTEN, STANDS_ALONE, Problem, configure
from .yaml_file import Content, Place, parse_yaml, read_content

TASKS = ("ner", "re", "ee")

# Of a type or role: said alone, it is the whole entry.
Name = Annotated[str, Meta(min_length=1, extra=STANDS_ALONE)]


@dataclass(frozen=True)
class EntityType:
    """A class of entity; `aliases` are other names accepted on reading, such as PER."""

    name: Name
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

    name: Name
    subject: str | None = None
    object: str | None = None
    qualifiers: dict[str, str | None] = field(default_factory=dict)
    description: str = ""
    examples: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    symmetric: bool = False
    inverse: str | None = None
    label: Annotated[str, NOT_WRITTEN] = ""

    def __post_init__(self) -> None:
        if not self.label:
            object.__setattr__(self, "label", self.name)


@dataclass(frozen=True)
class Role:
    """A slot of an event; `values` lists the choices of an enum slot, which need no mention."""

    name: Name
    description: str = ""
    values: tuple[str, ...] = ()


@dataclass(frozen=True)
class EventType:
    """A class of event; `trigger` says whether a trigger word is asked for."""

    name: Name
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
        kept = {FIELD_OF_TASK[task]: self.types(task) for task in tasks}
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
        chosen: dict[str, Any] = {FIELD_OF_TASK[task]: tuple(tables[task][x] for x in labels)}
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
        return _configured(Content(where, value))


# The field of a document, of an extraction and of a schema that holds what a task asks for.
FIELD_OF_TASK = {"ner": "entities", "re": "relations", "ee": "events"}


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


def _mistakes(schema: Schema) -> Iterator[Problem]:
    """Find what types cannot tell: what is declared twice, or nothing at all."""
    for key, types in (("entities", schema.entities), ("events", schema.events)):
        yield from _twice((key,), [item.name for item in types])
    marks = [(item.name, item.subject, item.object) for item in schema.relations]
    yield from _twice(("relations",), marks, [item.name for item in schema.relations])
    for i, event in enumerate(schema.events):
        yield from _twice(("events", i, "roles"), [role.name for role in event.roles])
    if not schema.tasks:
        yield (), "declares no entities, relations or events"


def _twice(place: Place, marks: list[Any], names: Sequence[str] = ()) -> Iterator[Problem]:
    seen = set()
    for i, mark in enumerate(marks):
        if mark in seen:
            yield (*place, i), f"{(names or marks)[i]!r} is declared twice"
        seen.add(mark)


def _configured(content: Content) -> Schema:
    if isinstance(content.value, dict):
        content.value = {"name": content.where, **content.value}
    schema = configure(content, Schema, check=_mistakes, error=SchemaError)
    return replace(schema, relations=_labelled(schema.relations))


def _labelled(relations: tuple[RelationType, ...]) -> tuple[RelationType, ...]:
    count = Counter(relation.name for relation in relations)
    return tuple(
        replace(item, label=f"{item.name}（{item.subject or '*'}→{item.object or '*'}）")
        if count[item.name] > 1
        else item
        for item in relations
    )


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
    return _configured(read_content(path, kind=SchemaError))


@cache
def builtin_schemas() -> tuple[str, ...]:
    """Return the names of the built-in schemas, sorted."""
    folder = resources.files("chinchilla.configs").joinpath("schemas")
    return tuple(sorted(item.name[:-5] for item in folder.iterdir() if item.name.endswith(".yaml")))


@cache
def _read_builtin(name: str) -> Schema:
    item = resources.files("chinchilla.configs").joinpath("schemas").joinpath(f"{name}.yaml")
    return _configured(parse_yaml(item.read_text(encoding="utf-8"), name, SchemaError))
