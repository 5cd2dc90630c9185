"""How the records of a run ask, and so how the model that it trains is to be asked."""

import json
import logging
import os
from collections import Counter
from dataclasses import fields, replace
from pathlib import Path

from chinchilla.instructions.rationale import CLOSE_THOUGHT, OPEN_THOUGHT

from ..decoding.formats import MARK, OPEN
from ..engines.model_files import write_style
from ..errors import ConfigError, InputError
from ..prompts.prompt import (
    STYLE_FILE,
    PromptStyle,
    read_template,
    records_style_file,
    template_names,
)
from ..prompts.wording import OCCURRENCES_TEXT, TRIGGERS
from .config import TrainConfig
from .examples import TrainingRecord

# Tasks of records that ask for events in two steps.
_STEPS = ("ee-triggers", "ee-arguments")


def find_style(config: TrainConfig, records: list[TrainingRecord]) -> PromptStyle:
    """Return how the records ask: as told, as written beside them, or as they show themselves.

    `records` are some of the first; where they must show it, what they do not is left out, and
    a line is logged that says so.

    Raises:
        ConfigError: a style file is malformed, or the files of records tell different styles.
        InputError: a style file cannot be read.
    """
    if config.data.style:
        style = _read_style(config.data.style)
    elif told := {path: _read_style(name) for path in config.data.train if (name := _beside(path))}:
        style = _agreed(told)
        if untold := [path for path in config.data.train if path not in told]:
            _warn(f"{', '.join(untold)}: no style file; taken to ask as {next(iter(told))} does")
    else:
        style = _shown_style(config.data.train, records)
    return style


def _read_style(name: str) -> PromptStyle:
    try:
        value = json.loads(Path(name).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{name}: not a readable style ({error})") from None
    return PromptStyle.from_dict(value, name)


def _agreed(told: dict[str, PromptStyle]) -> PromptStyle:
    """Return the style that all files of records tell."""
    first, style = next(iter(told.items()))
    others = [path for path, other in told.items() if other != style]
    if others:
        keys = [
            spec.name
            for spec in fields(PromptStyle)
            if any(getattr(told[path], spec.name) != getattr(style, spec.name) for path in others)
        ]
        raise ConfigError(
            f"{', '.join(others)}: built to ask otherwise than {first} ({', '.join(keys)}); "
            "build them alike, or name the style file to ask by as data.style"
        )
    return style


def _shown_style(paths: tuple[str, ...], records: list[TrainingRecord]) -> PromptStyle:
    """Return the style that records of unknown origin show, and log it."""
    thinks = bool(records) and all(r.output.lstrip().startswith(OPEN_THOUGHT) for r in records)
    answers = [r.output.partition(CLOSE_THOUGHT)[2] if thinks else r.output for r in records]
    is_json = all(answer.lstrip().startswith("{") for answer in answers)
    form = "json" if is_json else "compact"
    name, wording = _shown_template(records) or ("zh-v1" if is_json else "compact-v1", 0)
    template = read_template(name)
    in_steps = any(record.task in _STEPS for record in records) and TRIGGERS in template.wordings
    asked = OCCURRENCES_TEXT[template.lang, form]
    style = PromptStyle(
        name,
        form,
        wording,
        steps=2 if in_steps else 1,
        rationale=thinks,
        occurrences=any(asked in r.instruction or f"{OPEN}{MARK}" in r.output for r in records),
    )
    shown = f"{name}, {form}, steps {style.steps}"
    shown += ", rationale" * style.rationale + ", occurrences" * style.occurrences
    _warn(
        f"{', '.join(paths)}: no style file; taken to ask as the first {len(records)} records show "
        f"({shown}), of whole texts and for all types; else give data.style"
    )
    return style


def _shown_template(records: list[TrainingRecord]) -> tuple[str, int] | None:
    """Return the template that most of the records name, and the wording if it is one."""
    wordings: dict[str, Counter[str]] = {}
    for record in records:
        name, _, wording = str(record.template).partition("#")
        if name in template_names():
            wordings.setdefault(name, Counter())[wording] += 1
    if not wordings:
        return None
    name = max(wordings, key=lambda known: wordings[known].total())
    wording, *others = wordings[name]
    return name, int(wording) if wording.isdecimal() and not others else 0


def _beside(path: str) -> str | None:
    names = (records_style_file(path), Path(path).parent / STYLE_FILE)
    return next((str(name) for name in names if name.is_file()), None)


def _warn(line: str) -> None:
    # Every process of a run gets here; one of them tells.
    if os.environ.get("RANK", "0") == "0":
        logging.getLogger(__name__).warning(line)


def write_trained_style(style: PromptStyle, labels: Counter[tuple[str, str]], folder: Path) -> None:
    """Write `chinchilla.json` beside the model, with the labels met in training per task."""
    if not style.trained:
        trained: dict[str, list[str]] = {}
        for task, label in sorted(labels):
            trained.setdefault(task, []).append(label)
        style = replace(style, trained=trained)
    write_style(style, folder)
