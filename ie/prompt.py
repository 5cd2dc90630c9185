"""Prompts: the words in which a model is asked, the same in training records and at inference.

A template is a YAML file of `chinchilla.instructions` with wordings for each task and the slots
`{types}` and `{format}`. How a model was taught is its `PromptStyle`, kept in `chinchilla.json`
beside its weights, so that inference asks just as training did.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields
from functools import cache
from importlib import resources
from typing import Any

import msgspec
import yaml

from .backend import Prompt
from .errors import ConfigError, near_miss
from .formats import FORMATS, label_text
from .schema import TASKS, EntityType, EventType, RelationType, Role, Schema

STYLE_FILE = "chinchilla.json"


@dataclass(frozen=True)
class PromptStyle:
    """How a model is asked.

    `types_per_prompt` (None: all) is how many types one prompt may list per task; `window` is
    the most characters of text in one prompt, per task; `trained` lists the labels met in
    training per task (empty: unknown, as for a general model).
    """

    template: str = "zh-v1"
    format: str = "json"
    wording: int = 0
    types_per_prompt: dict[str, int] = field(default_factory=dict)
    window: dict[str, int] = field(default_factory=dict)
    trained: dict[str, list[str]] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return asdict(self)

    @classmethod
    def from_dict(cls, value: dict[str, Any], where: str = STYLE_FILE) -> "PromptStyle":
        """Build from the JSON form.

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
        read_template(style.template)
        return style


@dataclass(frozen=True)
class Template:
    """Wordings per task. `types` is `labels` (bare) or `list` (a line a type, described)."""

    name: str
    lang: str
    format: str
    types: str
    wordings: dict[str, tuple[str, ...]]


@cache
def template_names() -> tuple[str, ...]:
    """Return the names of the built-in templates, sorted."""
    folder = resources.files("chinchilla.instructions").joinpath("templates")
    return tuple(sorted(item.name[:-5] for item in folder.iterdir() if item.name.endswith(".yaml")))


@cache
def read_template(name: str) -> Template:
    """Return a built-in template.

    Raises:
        ConfigError: there is none of that name.
    """
    if name not in template_names():
        raise ConfigError(
            f"unknown template {name!r}{near_miss(name, template_names())}; "
            f"templates are {', '.join(template_names())}"
        )
    source = resources.files("chinchilla.instructions").joinpath("templates", f"{name}.yaml")
    value = yaml.safe_load(source.read_text(encoding="utf-8"))
    wordings = {task: tuple(value[task]) for task in TASKS}
    return Template(name, value["lang"], value["format"], value["types"], wordings)


def render_prompt(task: str, schema: Schema, text: str, style: PromptStyle) -> Prompt:
    """Ask for all types that the schema declares for one task in one text."""
    template = read_template(style.template)
    wordings = template.wordings[task]
    wording = wordings[style.wording % len(wordings)]
    types = _render_types(schema.types(task), template)
    described = _FORMAT_TEXT[template.lang, style.format][task] if "{format}" in wording else ""
    # Not str.format: names and descriptions may hold braces.
    instruction = wording.replace("{types}", types).replace("{format}", described)
    return Prompt(instruction, text)


def split_schema(schema: Schema, task: str, limit: int | None) -> list[Schema]:
    """Cut the types of a task into schemas of at most `limit` types, in order."""
    labels = [item.label for item in schema.types(task)]
    size = limit or len(labels)
    return [schema.select(task, labels[i : i + size]) for i in range(0, len(labels), size)]


def plain_prompt(prompt: Prompt) -> str:
    """Join a prompt for models without a chat template; the answer follows directly."""
    return f"{prompt.instruction}\n{prompt.input}\n"


def _render_types(types: Sequence[Any], template: Template) -> str:
    if template.types == "labels":
        return "".join(label_text(item.label) for item in types)
    english = template.lang == "en"
    return "\n".join(f"- {_describe(item, english)}" for item in types)


def _describe(item: Any, english: bool) -> str:
    parts = [item.label]
    if isinstance(item, RelationType):
        if item.subject or item.object:
            # A label with its signature says it already.
            if item.label == item.name:
                parts[0] += f"（{item.subject or '*'} → {item.object or '*'}）"
        if item.qualifiers:
            slots = "、".join(f"{k}（{v}）" if v else k for k, v in item.qualifiers.items())
            parts.append(("qualifiers: " if english else "附加项：") + slots)
    if isinstance(item, EventType):
        roles = "、".join(_describe_role(role, english) for role in item.roles)
        parts.append(("roles: " if english else "角色：") + roles)
        if not item.trigger:
            parts.append("no trigger" if english else "不需触发词")
    if item.description:
        parts.append(item.description)
    if isinstance(item, EntityType | RelationType | EventType) and item.examples:
        parts.append(("e.g. " if english else "例如 ") + "、".join(item.examples))
    return ("; " if english else "；").join(parts)


def _describe_role(role: Role, english: bool) -> str:
    notes = [role.description] if role.description else []
    if role.values:
        notes.append(("one of " if english else "取值 ") + "/".join(role.values))
    return f"{role.name}（{'，'.join(notes)}）" if notes else role.name


_JSON_EXAMPLES = {
    "ner": '{"entities": [{"type": "…", "text": "…"}]}',
    "re": '{"relations": [{"type": "…", "subject": "…", "object": "…"}]}',
    "ee": '{"events": [{"type": "…", "trigger": "…", "arguments": [{"role": "…", "text": "…"}]}]}',
}
_COMPACT_EXAMPLES = {
    "ner": "提及⟦类型⟧提及⟦类型⟧",
    "re": "主体⟦关系⟧客体⟦⟧",
    "ee": "触发词⟦事件类型⟧论元⟦角色⟧论元⟦角色⟧",
}
_FORMAT_TEXT = {
    ("zh", "json"): {
        task: f"只输出 JSON：{example}；没有则列表为空。"
        for task, example in _JSON_EXAMPLES.items()
    },
    ("en", "json"): {
        task: f"Answer with JSON only: {example}; use an empty list if there is none."
        for task, example in _JSON_EXAMPLES.items()
    },
    ("zh", "compact"): {
        task: f"每条一行，格式为 {example}；没有则输出 ⟦⟧。"
        for task, example in _COMPACT_EXAMPLES.items()
    },
    ("en", "compact"): {
        task: f"One item a line, as {example}; answer ⟦⟧ if there is none."
        for task, example in _COMPACT_EXAMPLES.items()
    },
}
