"""Prompts: the words in which a model is asked, the same in training records and at inference.

A template is a YAML file of `chinchilla.instructions` with wordings for each task and the slots
`{types}` and `{format}`. How a model was taught is its `PromptStyle`, kept in `chinchilla.json`
beside its weights, so that inference asks just as training did. Training has it from a file
beside the records, which says how they were made (`records_style_file`).

With `steps: 2` events are asked twice: `render_prompt("ee", …)` asks for triggers, and
`render_arguments` for the arguments of one trigger found; both answers have the usual form.
With `rationale: true` the answer begins with `<think>…</think>`, which `parse` skips.
With `occurrences: true` the answer numbers the occurrence of a mention whose string stands in the
text several times, where the order of the answer does not tell (see `decoding.encode`).
A template with a `frame` is for general models: the instruction is the system's, the framed text the
user's (`messages.chat_turns`), and types, form and worked examples are made in `general`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec
import yaml

from ..data.configuration import Problem, one_of, read_configuration
from ..data.documents import Document, Event, Extraction
from ..data.occurrences import find_all
from ..data.schema import TASKS, Schema
from ..decoding.encode import encode
from ..decoding.formats import FORMATS
from ..errors import ConfigError, near_miss
from .general import (
    describe_form,
    describe_table,
    empty_answer,
    made_examples,
    show_examples,
    values_rule,
)
from .messages import Prompt
from .wording import (
    ARGUMENTS,
    FORMAT_TEXT,
    INSTRUCTIONS_TEXT,
    OCCURRENCES_TEXT,
    RATIONALE_TEXT,
    TRIGGERS,
    describe_trigger,
    describe_types,
    render_demonstrations,
)

STYLE_FILE = "chinchilla.json"
_Style = TypeVar("_Style", bound="PromptStyle")


def records_style_file(path: str | Path) -> Path:
    """Return where the style of a file of instruction records is told: beside it, by its name."""
    return Path(f"{path}.style.json")


@dataclass(frozen=True)
class PromptStyle:
    """How a model is asked.

    `types_per_prompt` (None: all) is how many types one prompt may list per task; `window` is
    the most characters of text in one prompt, per task; `trained` lists the labels met in
    training per task (empty: unknown, as for a general model). `steps` 2 asks for events in two
    prompts; `rationale` asks for a few words of reasoning before the answer; `demonstrations`
    are gold documents (in their JSON form) shown as worked examples in every prompt. A model taught
    before there were `occurrences` does not say them, hence their default. Of a schema with more event
    types than `types_first` (None: however many), a first prompt asks which types occur and a second
    for the roles of those, if the template has words for it. `instructions` are the user's own, said
    in every prompt.
    """

    template: str = "zh-v1"
    format: str = "json"
    wording: int = 0
    types_per_prompt: dict[str, int] = field(default_factory=dict)
    window: dict[str, int] = field(default_factory=dict)
    trained: dict[str, list[str]] = field(default_factory=dict)
    steps: int = 1
    rationale: bool = False
    demonstrations: list[dict[str, Any]] = field(default_factory=list)
    occurrences: bool = False
    types_first: int | None = None
    instructions: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return asdict(self)

    @classmethod
    def from_dict(cls: type[_Style], value: dict[str, Any], where: str = STYLE_FILE) -> _Style:
        """Build from the JSON form; `where` is its file.

        Raises:
            ConfigError: unknown key, wrong type, unknown template or format.
        """
        names = [spec.name for spec in fields(cls)]
        for key in value:
            if key not in names:
                raise ConfigError(f"{where}: unknown key {key!r}{near_miss(key, names)}")
        try:
            style = msgspec.convert(value, cls)
        except msgspec.ValidationError as error:
            raise ConfigError(f"{where}: {error}") from None
        if style.format not in FORMATS:
            raise ConfigError(
                f"{where}: unknown format {style.format!r}; use {' or '.join(FORMATS)}"
            )
        check_style(style, where)
        return style


# How a model is asked of which nothing is known.
GENERAL = PromptStyle("zh-v3", types_per_prompt={"ner": 16, "re": 16, "ee": 16}, types_first=16)


def check_style(style: PromptStyle, where: str = STYLE_FILE) -> None:
    """Check that the template exists and words what the style asks for.

    Raises:
        ConfigError: unknown template, `steps` out of range, or no wording for two steps.
    """
    template = read_template(style.template)
    if template.frame and style.format != template.format:
        raise ConfigError(
            f"{where}: template {style.template!r} is for the format {template.format!r}, "
            f"not {style.format!r}"
        )
    if style.steps not in (1, 2):
        raise ConfigError(f"{where}: steps is {style.steps}; events are asked in 1 or 2 steps")
    if style.steps == 2 and TRIGGERS not in template.wordings:
        able = [name for name in template_names() if TRIGGERS in read_template(name).wordings]
        raise ConfigError(
            f"{where}: template {style.template!r} has no wording for two-step events; "
            f"use one of {', '.join(able)}"
        )


@dataclass(frozen=True)
class Template:
    """Wordings per task and step.

    `types` is `labels` (bare), `list` (a described line each) or `table` (as `general` writes them).
    `frame` is what the user's turn holds around `{text}`, `further` what is said after it to ask again
    for what is not in `{found}`.
    """

    name: str
    lang: str
    format: str
    types: str
    wordings: dict[str, tuple[str, ...]]
    frame: str = ""
    further: str = ""


@cache
def template_names() -> tuple[str, ...]:
    """Return the names of the built-in templates, sorted."""
    folder = resources.files("chinchilla.instructions").joinpath("templates")
    return tuple(sorted(item.name[:-5] for item in folder.iterdir() if item.name.endswith(".yaml")))


@cache
def read_template(name: str) -> Template:
    """Return a built-in template, or one of a file whose name ends in `.yaml`.

    Raises:
        ConfigError: there is none of that name, or the file is no template.
    """
    if name.endswith(".yaml"):
        return _read_own(name)
    if name not in template_names():
        raise ConfigError(
            f"unknown template {name!r}{near_miss(name, template_names())}; "
            f"templates are {', '.join(template_names())}, or a file NAME.yaml"
        )
    source = resources.files("chinchilla.instructions").joinpath("templates") / f"{name}.yaml"
    return _template(name, yaml.safe_load(source.read_text(encoding="utf-8")))


class _OwnTemplate(msgspec.Struct, forbid_unknown_fields=True):
    lang: Annotated[str, one_of(("zh", "en"))]
    format: Annotated[str, one_of(FORMATS)]
    types: Annotated[str, one_of(("labels", "list"))]
    ner: tuple[str, ...]
    re: tuple[str, ...]
    ee: tuple[str, ...]
    triggers: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()


def _read_own(name: str) -> Template:
    def check(value: _OwnTemplate) -> Iterator[Problem]:
        for task in TASKS:
            wordings = getattr(value, task)
            if not wordings:
                yield (task,), "has no wording"
            for n, wording in enumerate(wordings):
                if "{types}" not in wording:
                    yield (task, n), "has no slot {types}"

    value = read_configuration(name, _OwnTemplate, check=check)
    return _template(name, {k: v for k, v in msgspec.structs.asdict(value).items() if v})


def _template(name: str, value: dict[str, Any]) -> Template:
    steps = [step for step in (TRIGGERS, ARGUMENTS) if step in value]
    wordings = {task: tuple(value[task]) for task in (*TASKS, *steps)}
    frame, further = value.get("frame", ""), value.get("further", "")
    return Template(name, value["lang"], value["format"], value["types"], wordings, frame, further)


def render_prompt(task: str, schema: Schema, text: str, style: PromptStyle) -> Prompt:
    """Ask for all types that the schema declares for one task in one text.

    With two steps, the prompt for `ee` asks for triggers alone, as that for `triggers` always does; see
    `render_arguments`.
    """
    instruction = render_instruction(task, schema, style)
    return Prompt(instruction, text, read_template(style.template).frame)


def render_further(prompt: Prompt, task: str, found: str, style: PromptStyle) -> Prompt:
    """Ask again for what an answer missed; `found` is that answer as `encode` writes it."""
    said = read_template(style.template).further.replace("{empty}", empty_answer(task))
    return replace(prompt, after=said.replace("{found}", found))


def render_arguments(
    schema: Schema, trigger: str | None, text: str, style: PromptStyle, occurrence: int = 0
) -> Prompt:
    """Ask for the arguments of one trigger: the second step of events.

    `schema` declares one event type; `trigger` is None where the type has no trigger. The answer
    is the whole event (or events, if several share the trigger) in the usual form.
    `occurrence` counts from 1 which of several places in the text is meant; 0 if there is one.
    """
    template = read_template(style.template)
    instruction = render_instruction(ARGUMENTS, schema, style)
    named = describe_trigger(trigger, occurrence, template.types, template.lang)
    instruction = instruction.replace("{trigger}", named)
    return Prompt(instruction, text, template.frame)


def occurrence_of(text: str, mention: str, start: int | None) -> int:
    """Return which occurrence (from 1) begins at `start`; 0 where the mention occurs once."""
    starts = find_all(text, mention)
    return sum(at <= start for at in starts) if start is not None and len(starts) > 1 else 0


def render_instruction(
    task: str, schema: Schema, style: PromptStyle, shown: Sequence[Document] | None = None
) -> str:
    """Return the instruction alone; `{trigger}` is left open in that of the arguments step.

    `shown` are gold documents to show as worked examples instead of the style's.
    """
    template = read_template(style.template)
    step = TRIGGERS if task == "ee" and style.steps == 2 else task
    task = "ee" if step in (TRIGGERS, ARGUMENTS) else task
    wordings = template.wordings[step]
    # Not str.format: names and descriptions may hold braces.
    fill = _table_slots if template.frame else _list_slots
    instruction = fill(wordings[style.wording % len(wordings)], task, step, schema, style)
    if style.instructions:
        instruction += "\n" + INSTRUCTIONS_TEXT[template.lang] + style.instructions
    if style.occurrences and template.types != "labels":
        instruction += "\n" + OCCURRENCES_TEXT[template.lang, style.format]
    if style.rationale:
        instruction += "\n" + RATIONALE_TEXT[template.lang]
    if step == ARGUMENTS:
        return instruction
    if shown is None:
        shown = [Document.from_dict(value) for value in style.demonstrations]
    if template.frame and not shown:
        shown = made_examples(schema, task)
    pairs = [(document.text, _answer(document, schema, task, step, style)) for document in shown]
    return instruction + show_pairs(pairs, style)


def show_pairs(pairs: Sequence[tuple[str, str]], style: PromptStyle) -> str:
    """Return worked examples, texts and their answers, as they follow an instruction."""
    template = read_template(style.template)
    if not pairs:
        return ""
    if template.frame:
        return show_examples(pairs, template.frame)
    return render_demonstrations(pairs, template.lang)


def _list_slots(wording: str, task: str, step: str, schema: Schema, style: PromptStyle) -> str:
    template = read_template(style.template)
    types = describe_types(schema.types(task), template.types, template.lang)
    described = FORMAT_TEXT[template.lang, style.format][step] if "{format}" in wording else ""
    return wording.replace("{types}", types).replace("{format}", described)


def _table_slots(wording: str, task: str, step: str, schema: Schema, style: PromptStyle) -> str:
    types = schema.types(task)
    wording = wording.replace("{empty}", empty_answer(task))
    wording = wording.replace("{values}", values_rule(types))
    wording = wording.replace("{format}", describe_form(types, task, step))
    return wording.replace("{types}", describe_table(types, with_roles=step != TRIGGERS))


def _answer(document: Document, schema: Schema, task: str, step: str, style: PromptStyle) -> str:
    if step == TRIGGERS:
        document = without_arguments(document)
    return encode(document, schema, style.format, (task,), occurrences=style.occurrences)


def without_arguments(document: Document) -> Document:
    """Return the document with events reduced to type and trigger, each pair once a place."""
    seen: dict[tuple[str, int | None], Event] = {}
    for event in document.events:
        key = (event.type, event.trigger.start if event.trigger else None)
        seen.setdefault(key, Event(event.type, event.trigger))
    return document.with_extraction(Extraction(events=tuple(seen.values())))


def split_schema(schema: Schema, task: str, limit: int | None) -> list[Schema]:
    """Cut the types of a task into schemas of at most `limit` types, in order."""
    labels = [item.label for item in schema.types(task)]
    size = limit or len(labels)
    return [schema.select(task, labels[i : i + size]) for i in range(0, len(labels), size)]
