"""What a prompt's answer is held to, as an engine gets it: strings in, a grammar out."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from ...data.schema import Schema
from ...decoding.formats import EMPTY, FORMATS
from ...decoding.json_schema import to_json_schema
from ...errors import ModelError
from .grammar import COMPACT_ESCAPES, JSON_ESCAPES, answer_grammar

# What no answer can do without.
_FIXED = {
    ("json", "ner"): '{"entities":[type,text]}',
    ("json", "re"): '{"relations":[type,subject,object,qualifiers]}',
    ("json", "ee"): '{"events":[type,trigger,arguments,role,text,null]}',
    ("compact", "ner"): EMPTY,
    ("compact", "re"): EMPTY + "\n",
    ("compact", "ee"): EMPTY + "\n",
}


@dataclass(frozen=True)
class AnswerConstraint:
    """Answers in a format, with the labels of a schema for one task and mentions of a text."""

    schema: Schema
    task: str
    text: str
    format: str = "json"

    def __post_init__(self) -> None:
        if self.format not in FORMATS:
            raise ValueError(f"unknown format {self.format!r}; formats are {', '.join(FORMATS)}")
        if not self.schema.types(self.task):
            raise ValueError(f"the schema declares nothing for task {self.task!r}")

    def grammar(self, can_write: Callable[[str], bool] = lambda _: True) -> str:
        """Return the grammar of the answers that can be written with certain characters.

        Labels with other characters are left out; mentions stop short of them.

        Raises:
            ModelError: the format itself cannot be written.
        """
        missing = [c for c in _FIXED[self.format, self.task] if not can_write(c)]
        if missing:
            raise ModelError(
                f"the model's vocabulary cannot write the {self.format} format: "
                f"no token for {missing[0]!r}"
            )
        escapes = JSON_ESCAPES if self.format == "json" else COMPACT_ESCAPES

        def fits(text: str) -> bool:
            return all(can_write(part) for c in text for part in escapes.get(c, c))

        schema = _writable(self.schema, fits)
        return answer_grammar(schema, self.task, self.text, self.format, can_write=can_write)

    def names(self) -> Iterator[str]:
        """Yield every label, slot name and listed value that an answer may hold."""
        yield from self.schema.answer_names(self.task)
        if self.task == "ee":
            yield from (v for event in self.schema.events for r in event.roles for v in r.values)

    def json_schema(self) -> dict[str, Any] | None:
        """Return the JSON Schema of the answers, or None for another format than JSON."""
        return to_json_schema(self.schema, self.task) if self.format == "json" else None


def without_roles(schema: Schema) -> Schema:
    """Return the schema with events that take no arguments, for asking for triggers alone."""
    return replace(schema, events=tuple(replace(event, roles=()) for event in schema.events))


def _writable(schema: Schema, fits: Callable[[str], bool]) -> Schema:
    """Return the schema without the labels, slots and values that do not fit."""
    return replace(
        schema,
        entities=tuple(item for item in schema.entities if fits(item.label)),
        relations=tuple(
            replace(item, qualifiers={k: v for k, v in item.qualifiers.items() if fits(k)})
            for item in schema.relations
            if fits(item.label)
        ),
        events=tuple(
            replace(
                item,
                roles=tuple(
                    replace(role, values=tuple(filter(fits, role.values)))
                    for role in item.roles
                    if fits(role.name) and (not role.values or any(map(fits, role.values)))
                ),
            )
            for item in schema.events
            if fits(item.label)
        ),
    )
