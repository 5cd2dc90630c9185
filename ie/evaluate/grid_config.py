"""Benchmark grids: a YAML file that names corpora, models and prompts, every mix of which is a cell.

    corpora: {cluener-dev: {gold: cluener-dev.jsonl, schema: cluener, tasks: [ner]}}
    models:  {mini: {model: mini, prompts: [own]}, general: {model: Qwen/Qwen2.5-7B-Instruct}}
    prompts: {own: {}, english: {lang: en}}

Relative paths are relative to the working directory, as on the command line.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from ..data.configuration import NOT_WRITTEN, Problem, one_of, read_configuration
from ..data.schema import TASKS, read_schema
from ..errors import ChinchillaError, ConfigError, near_miss
from ..files.jsonl import read_documents
from ..options import ExtractOptions
from ..prompts.prompt import PromptStyle, check_style, read_template

# The general template of each language; what `lang` stands for.
LANGUAGES = {"zh": "zh-v1", "en": "en-v1"}
# Names become file names.
_Name = Annotated[
    str, Meta(pattern=r"^[\w+-][\w.+-]*$", description="a name of letters, digits and . _ + -")
]
_AtLeastOne = Meta(min_length=1)
_OPTIONS = ("types_per_prompt", "near_miss", "constrain")
_STYLE = ("template", "format", "wording", "steps", "rationale")


class Corpus(msgspec.Struct, frozen=True):
    """Gold documents, and the schema to ask with.

    `tasks` (empty: all of the schema) are asked for; `limit` takes the first documents only.
    """

    gold: str
    schema: str
    tasks: tuple[Annotated[str, one_of(TASKS)], ...] = ()
    limit: int | None = None


class GridModel(msgspec.Struct, frozen=True):
    """What `--model` takes. `prompts` (empty: all) and `corpora` (empty: all) narrow its cells."""

    model: str
    quantisation: str = "none"
    prompts: tuple[str, ...] = ()
    corpora: tuple[str, ...] = ()


class PromptSettings(msgspec.Struct, frozen=True, omit_defaults=True):
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

    corpora: Annotated[dict[_Name, Corpus], _AtLeastOne]
    models: Annotated[dict[_Name, GridModel], _AtLeastOne]
    prompts: Annotated[dict[_Name, PromptSettings], _AtLeastOne] = msgspec.field(
        default_factory=lambda: {"own": PromptSettings()}
    )
    source: Annotated[str, NOT_WRITTEN] = ""

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
    grid = read_configuration(path, Grid, examples="configs/bench", check=_mistakes)
    return msgspec.structs.replace(grid, source=str(path))


def _mistakes(grid: Grid) -> Iterator[Problem]:
    for name, corpus in grid.corpora.items():
        try:
            read_schema(corpus.schema)
        except ChinchillaError as error:
            yield ("corpora", name, "schema"), str(error)
    for name, model in grid.models.items():
        for key, chosen, known in (
            ("prompts", model.prompts, list(grid.prompts)),
            ("corpora", model.corpora, list(grid.corpora)),
        ):
            for item in chosen:
                if item not in known:
                    near = near_miss(item, known) or ";"
                    yield (
                        ("models", name, key),
                        f"unknown value {item!r}{near} use {', '.join(known)}",
                    )
    for name, prompt in grid.prompts.items():
        try:
            # Of a settings' own mistakes; whether they suit a model is seen when it is asked.
            if prompt.lang or prompt.template:
                msgspec.structs.replace(prompt, demonstrations=None).style(PromptStyle())
        except ConfigError as error:
            yield ("prompts", name), str(error)
