"""The run folder: what a run was told, what it ran on, and what came of it.

config.yaml        the resolved configuration
data.json          files with their hashes, and what became of their records
environment.json   package versions, git revision, devices
metrics.jsonl      every logged figure       curves.png   loss and F1 over the steps
checkpoints/       to resume from            model/       the adapter or model, with its card
"""

import hashlib
import json
import logging
import os
import platform
import subprocess
from collections import Counter
from dataclasses import fields, replace
from importlib import metadata
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
import yaml

from chinchilla.instructions.rationale import CLOSE_THOUGHT, OPEN_THOUGHT

from ..engines import write_style
from ..errors import ConfigError, InputError
from ..formats import MARK, OPEN
from ..hints import marker
from ..jsonl import read_values
from ..prompt import (
    STYLE_FILE,
    PromptStyle,
    read_template,
    records_style_file,
    template_names,
)
from ..wording import OCCURRENCES_TEXT, TRIGGERS
from .config import TrainConfig
from .examples import TrainingRecord
from .reading import config_to_yaml

CONFIG_FILE = "config.yaml"
DATA_FILE = "data.json"
METRICS_FILE = "metrics.jsonl"
PLOT_FILE = "curves.png"
CHECKPOINTS = "checkpoints"
MODEL = "model"
_STEPS = ("ee-triggers", "ee-arguments")
_PACKAGES = (
    "chinchilla-ie",
    "torch",
    "transformers",
    "peft",
    "bitsandbytes",
    "accelerate",
    "tokenizers",
    "safetensors",
    "numpy",
)
# What may differ between a run and its continuation without changing its result.
_FREE = ("output", "tracking", "distributed")


class _Named(msgspec.Struct):
    """What a record says of its template; those of other tools may say anything."""

    template: Any = ""


def open_run(config: TrainConfig, *, resume: bool, force: bool) -> str | None:
    """Prepare the run folder and return the checkpoint to go on from, if any.

    Raises:
        ConfigError: the folder holds a run and neither `resume` nor `force` was given, or the
            configuration or the data are not those of the run to resume.
    """
    folder = Path(config.output)
    earlier = folder / CONFIG_FILE
    checkpoint = None
    # What failed before its first step is no run: it may be mended and started again.
    has_begun = any((folder / name).exists() for name in (CHECKPOINTS, METRICS_FILE, MODEL))
    if earlier.is_file() and not has_begun:
        earlier.unlink()
    if earlier.is_file() and resume:
        _check_same(config, earlier)
        checkpoint = last_checkpoint(folder)
    elif earlier.is_file() and not force:
        raise ConfigError(f"{folder}: holds a run; pass --resume to go on, --force to start over")
    if checkpoint is None and (folder / CHECKPOINTS).is_dir():
        import shutil

        shutil.rmtree(folder / CHECKPOINTS)
    folder.mkdir(parents=True, exist_ok=True)
    earlier.write_text(config_to_yaml(config), encoding="utf-8")
    environment = json.dumps(describe_environment(), ensure_ascii=False, indent=1)
    (folder / "environment.json").write_text(environment + "\n", encoding="utf-8")
    return checkpoint


def last_checkpoint(folder: Path, before: int | None = None) -> str | None:
    """Return the newest whole checkpoint: its state file, written last, can be read.

    With `before`, the newest of fewer steps.
    """
    found: list[tuple[int, Path]] = []
    for path in (folder / CHECKPOINTS).glob("checkpoint-*"):
        try:
            state = json.loads((path / "trainer_state.json").read_text(encoding="utf-8"))
            step = int(state["global_step"])
            if before is None or step < before:
                found.append((step, path))
        except (OSError, ValueError, KeyError):
            continue
    return str(max(found)[1]) if found else None


def hash_files(paths: tuple[str, ...]) -> dict[str, str]:
    """Return the SHA-256 of each file."""
    hashes = {}
    for path in paths:
        digest = hashlib.sha256()
        with Path(path).open("rb") as file:
            for block in iter(lambda: file.read(1 << 20), b""):
                digest.update(block)
        hashes[path] = digest.hexdigest()
    return hashes


def write_manifest(config: TrainConfig, counts: dict[str, Any], *, resume: bool) -> dict[str, Any]:
    """Write `data.json` and return it.

    Raises:
        ConfigError: on resuming, a data file has changed since the run began.
    """
    path = Path(config.output) / DATA_FILE
    manifest = {
        "train": hash_files(config.data.train),
        "dev": hash_files(config.data.dev),
        **counts,
    }
    if resume and path.is_file():
        earlier = json.loads(path.read_text(encoding="utf-8"))
        for part in ("train", "dev"):
            if list(earlier.get(part, {}).values()) != list(manifest[part].values()):
                raise ConfigError(f"{path}: data.{part} has changed since the run began")
    text = json.dumps(manifest, ensure_ascii=False, indent=1)
    path.write_text(text + "\n", encoding="utf-8")
    return manifest


def find_style(config: TrainConfig, records: list[TrainingRecord]) -> PromptStyle:
    """Return how the records ask: as told, as written beside them, or as they show themselves.

    `records` are some of the first; where they must show it, what they do not is left out, and
    a line is logged that says so.

    Raises:
        ConfigError: a style file is malformed, or the files of records tell different styles.
        ModelError: the tagger that the style names is missing.
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
    if style.hints:
        marker(style.hints)  # a tagger that is missing is told now, not after the training
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
    name, wording = _shown_template(paths, len(records)) or (
        "zh-v1" if is_json else "compact-v1",
        0,
    )
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


def _shown_template(paths: tuple[str, ...], number: int) -> tuple[str, int] | None:
    """Return the template that most of the first records name, and the wording if it is one."""
    named: Counter[str] = Counter()
    wordings: dict[str, set[str]] = {}
    rows = (row for path in paths for _, row in read_values(path, _Named))
    for row in islice(rows, number):
        name, _, wording = str(row.template).partition("#")
        if name in template_names():
            named[name] += 1
            wordings.setdefault(name, set()).add(wording)
    if not named:
        return None
    name = named.most_common(1)[0][0]
    wording = wordings[name].pop()
    return name, int(wording) if wording.isdecimal() and not wordings[name] else 0


def write_trained_style(style: PromptStyle, labels: Counter[tuple[str, str]], folder: Path) -> None:
    """Write `chinchilla.json` beside the model, with the labels met in training per task."""
    if not style.trained:
        trained: dict[str, list[str]] = {}
        for task, label in sorted(labels):
            trained.setdefault(task, []).append(label)
        style = replace(style, trained=trained)
    write_style(style, folder)


def describe_environment() -> dict[str, Any]:
    """Return versions, git revision and devices."""
    import torch

    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": {name: _version(name) for name in _PACKAGES},
        "git": _git_revision(),
        "devices": [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
        or ["cpu"],
    }


def _check_same(config: TrainConfig, earlier: Path) -> None:
    before = yaml.safe_load(earlier.read_text(encoding="utf-8"))
    now = yaml.safe_load(config_to_yaml(config))
    changed = [
        f"{section}.{key}" if isinstance(now[section], dict) else section
        for section in now
        if section not in _FREE and now[section] != before.get(section)
        for key in (now[section] if isinstance(now[section], dict) else [section])
        if not isinstance(now[section], dict)
        or now[section][key] != (before.get(section) or {}).get(key)
    ]
    if changed:
        raise ConfigError(
            f"{earlier}: the run to resume had other values of {', '.join(changed)}; "
            "restore them, or pass --force to start over"
        )


def _beside(path: str) -> str | None:
    names = (records_style_file(path), Path(path).parent / STYLE_FILE)
    return next((str(name) for name in names if name.is_file()), None)


def _warn(line: str) -> None:
    # Every process of a run gets here; one of them tells.
    if os.environ.get("RANK", "0") == "0":
        logging.getLogger(__name__).warning(line)


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _git_revision() -> str | None:
    try:
        result = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=40"],
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return result.stdout.strip() or None
