"""Benchmark grids: a YAML file that names corpora, models and prompts, every mix of which is a cell.

    corpora: {cluener-dev: {gold: cluener-dev.jsonl, schema: cluener, tasks: [ner]}}
    models:  {mini: {model: mini, prompts: [own]}, general: {model: Qwen/Qwen2.5-7B-Instruct}}
    prompts: {own: {}, english: {lang: en}}

Relative paths are relative to the working directory, as on the command line.
"""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from ..data.schema import TASKS, read_schema
from ..data.yaml_file import read_yaml
from ..errors import ChinchillaError, ConfigError, near_miss
from ..files.jsonl import read_documents
from ..options import ExtractOptions
from ..prompts.prompt import PromptStyle, check_style, read_template

# The general template of each language; what `lang` stands for.
LANGUAGES = {"zh": "zh-v1", "en": "en-v1"}
_NAME = re.compile(r"[\w+-][\w.+-]*")  # names become file names
_SECTIONS = ("corpora", "models", "prompts")
_OPTIONS = ("types_per_prompt", "near_miss", "constrain")
_STYLE = ("template", "format", "wording", "steps", "rationale")


class Corpus(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Gold documents, and the schema to ask with.

    `tasks` (empty: all of the schema) are asked for; `limit` takes the first documents only.
    """

    gold: str
    schema: str
    tasks: list[str] = []
    limit: int | None = None


class Model(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What `--model` takes. `prompts` (empty: all) and `corpora` (empty: all) narrow its cells."""

    model: str
    quantisation: str = "none"
    prompts: list[str] = []
    corpora: list[str] = []


class PromptSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """How to ask; what is not said stays as the model was taught.

    `lang` is short for the general template of that language; a template brings its format
    unless `format` says another. `demonstrations` is a file of gold documents shown as examples.
    The rest is as in `PromptStyle` and `ExtractOptions`.
    """

    lang: str | None = None
    template: str | None = None
    format: str | None = None
    wording: int | None = None
    steps: int | None = None
    rationale: bool | None = None
    demonstrations: str | None = None
    types_per_prompt: int | None = None
    near_miss: bool | None = None
    constrain: bool | None = None

    def style(self, own: PromptStyle) -> PromptStyle:
        """Return the style of a model with what is said here changed.

        Raises:
            ConfigError: an unknown template or language, or settings that do not go together.
            InputError: the demonstrations cannot be read.
        """
        changes: dict[str, Any] = {
            name: getattr(self, name) for name in _STYLE if getattr(self, name) is not None
        }
        if self.lang is not None:
            changes["template"] = self._template()
        if "template" in changes:
            changes.setdefault("format", read_template(changes["template"]).format)
        if self.demonstrations is not None:
            shown = read_documents(self.demonstrations)
            changes["demonstrations"] = [document.to_dict() for document in shown]
        style = replace(own, **changes)
        check_style(style, "prompt")
        return style

    def options(self) -> ExtractOptions:
        """Return the options of extraction that are said here."""
        said = {name: getattr(self, name) for name in _OPTIONS if getattr(self, name) is not None}
        return ExtractOptions(**said)

    def _template(self) -> str:
        if self.lang not in LANGUAGES:
            raise ConfigError(f"unknown lang {self.lang!r}; use {' or '.join(LANGUAGES)}")
        if self.template is not None and read_template(self.template).lang != self.lang:
            raise ConfigError(f"template {self.template!r} is not in lang {self.lang!r}")
        return self.template or LANGUAGES[self.lang]


class Grid(msgspec.Struct, frozen=True):
    """A grid by names; `source` is the file it was read from."""

    source: str
    corpora: dict[str, Corpus]
    models: dict[str, Model]
    prompts: dict[str, PromptSettings]

    def cells(self) -> list[tuple[str, str, str]]:
        """Return `(corpus, model, prompt)` of every cell, the cells of a model together."""
        return [
            (corpus, name, prompt)
            for name, model in self.models.items()
            for corpus in model.corpora or self.corpora
            for prompt in model.prompts or self.prompts
        ]


def read_grid(path: str | Path) -> Grid:
    """Read a grid and check all that needs no corpus and no model.

    Raises:
        ConfigError: one line for each mistake: not YAML, unknown key, wrong type or value.
    """
    where = str(path)
    value = _load(where)
    problems = [
        f"unknown key {key!r}{near_miss(str(key), _SECTIONS)}"
        for key in value
        if key not in _SECTIONS
    ]
    corpora = _entries(value, "corpora", Corpus, problems)
    models = _entries(value, "models", Model, problems)
    prompts = (
        _entries(value, "prompts", PromptSettings, problems)
        if "prompts" in value
        else {"own": PromptSettings()}
    )
    grid = Grid(where, corpora, models, prompts)
    if not problems:
        problems = _mistakes(grid)
    if problems:
        raise ConfigError("\n".join(f"{where}: {problem}" for problem in problems))
    return grid


_Kind = TypeVar("_Kind", Corpus, Model, PromptSettings)


def _entries(
    value: dict[str, Any], section: str, kind: type[_Kind], problems: list[str]
) -> dict[str, _Kind]:
    entries = value.get(section)
    if not isinstance(entries, dict) or not entries:
        problems.append(f"{section}: expected a name and its settings at least once")
        return {}
    result = {}
    for name, content in entries.items():
        place = f"{section}.{name}"
        if not (isinstance(name, str) and _NAME.fullmatch(name)):
            problems.append(f"{place}: a name is made of letters, digits and . _ + -")
            continue
        try:
            result[name] = msgspec.convert({} if content is None else content, kind)
        except msgspec.ValidationError as error:
            problems.append(f"{place}: {_explained(error, kind, content)}")
    return result


def _explained(error: Exception, kind: type[Any], content: Any) -> str:
    known = kind.__struct_fields__
    for key in content if isinstance(content, dict) else ():
        if key not in known:
            return f"unknown key {key!r}{near_miss(str(key), known)}"
    return str(error)


def _mistakes(grid: Grid) -> list[str]:
    problems = []
    for name, corpus in grid.corpora.items():
        problems += [
            f"corpora.{name}: unknown task {task!r}; tasks are {', '.join(TASKS)}"
            for task in corpus.tasks
            if task not in TASKS
        ]
        try:
            read_schema(corpus.schema)
        except ChinchillaError as error:
            problems.append(f"corpora.{name}: {error}")
    for name, model in grid.models.items():
        for key, chosen, known in (
            ("prompts", model.prompts, list(grid.prompts)),
            ("corpora", model.corpora, list(grid.corpora)),
        ):
            problems += [
                f"models.{name}.{key}: {item!r} is none of {', '.join(known)}"
                for item in chosen
                if item not in known
            ]
    for name, prompt in grid.prompts.items():
        try:
            # Of a settings' own mistakes; whether they suit a model is seen when it is asked.
            if prompt.lang or prompt.template:
                msgspec.structs.replace(prompt, demonstrations=None).style(PromptStyle())
        except ConfigError as error:
            problems.append(f"prompts.{name}: {error}")
    return problems


def _load(where: str) -> dict[str, Any]:
    value = read_yaml(where, "configs/bench")
    if not isinstance(value, dict):
        raise ConfigError(f"{where}: expected {', '.join(_SECTIONS)}, got {value!r:.40}")
    return value
