"""The catalogue of data sets: what there is, in which format, and what its licence lets one do.

Entries stand in the YAML files of `configs/datasets/`; what is not known for sure is `unknown`.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import yaml

from chinchilla.errors import ConfigError, near_miss

TASKS = ("ner", "re", "ee", "raw", "translation")


@dataclass(frozen=True)
class Dataset:
    """One data set; `consequence` says what its licence means for a model trained on it.

    `converter` names the reader, or is empty where there is none; `lang` may list two by comma.
    """

    name: str
    title: str
    tasks: tuple[str, ...]
    lang: str = "zh"
    domain: str = "general"
    size: str = "unknown"
    licence: str = "unknown"
    consequence: str = "ask the owner before any use but private study"
    source: str = "unknown"
    format: str = "unknown"
    converter: str = ""
    notes: str = ""


@cache
def read_catalogue() -> tuple[Dataset, ...]:
    """Return every entry, sorted by name.

    Raises:
        ConfigError: an entry is malformed or a name is given twice.
    """
    folder = resources.files("chinchilla.configs").joinpath("datasets")
    entries: dict[str, Dataset] = {}
    for item in sorted(folder.iterdir(), key=lambda item: item.name):
        if not item.name.endswith(".yaml"):
            continue
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        for value in yaml.load(item.read_text(encoding="utf-8"), Loader=loader) or []:
            entry = _entry(value, item.name)
            if entry.name in entries:
                raise ConfigError(f"{item.name}: data set {entry.name!r} is listed twice")
            entries[entry.name] = entry
    return tuple(entries[name] for name in sorted(entries))


def _entry(value: dict[str, Any], where: str) -> Dataset:
    known = [spec.name for spec in fields(Dataset)]
    for key in value:
        if key not in known:
            raise ConfigError(f"{where}: unknown key {key!r}{near_miss(key, known)}")
    tasks = tuple(value.pop("tasks"))
    for task in tasks:
        if task not in TASKS:
            raise ConfigError(f"{where}: {value['name']}: unknown task {task!r}")
    return Dataset(tasks=tasks, **{key: str(item) for key, item in value.items()})


def find(
    names: Sequence[str] = (),
    *,
    task: str | None = None,
    lang: str | None = None,
    licence: str | None = None,
    domain: str | None = None,
) -> list[Dataset]:
    """Return the entries that fit every condition given, sorted by name.

    Licence and domain match by a part, in any case; names, task and language in full.

    Raises:
        ConfigError: a name or a task that the catalogue does not know.
    """
    entries = read_catalogue()
    known = [entry.name for entry in entries]
    for name in names:
        if name not in known:
            raise ConfigError(f"no data set {name!r} in the catalogue{near_miss(name, known)}")
    if task is not None and task not in TASKS:
        raise ConfigError(
            f"unknown task {task!r}{near_miss(task, TASKS)}; tasks are {', '.join(TASKS)}"
        )
    return [
        entry
        for entry in entries
        if (not names or entry.name in names)
        and (task is None or task in entry.tasks)
        and (lang is None or lang in entry.lang.split(","))
        and (licence is None or licence.lower() in entry.licence.lower())
        and (domain is None or domain.lower() in entry.domain.lower())
    ]


def to_dict(entry: Dataset) -> dict[str, Any]:
    """Return the JSON form of an entry, every field present."""
    return {**asdict(entry), "tasks": list(entry.tasks)}


def document_meta(name: str, path: str) -> dict[str, Any]:
    """Return what every document of a corpus file carries: source, lang, licence, file."""
    entry = next((entry for entry in read_catalogue() if entry.name == name), None)
    meta: dict[str, Any] = {"source": name}
    if entry is not None:
        meta["lang"] = entry.lang
        meta["licence"] = entry.licence
    meta["file"] = Path(path).name
    return meta


def document_id(given: object, name: str, path: str, ordinal: int) -> str:
    """Return the id that the corpus gives, or one made of the file's stem and the place in it."""
    return f"{name}-{_stem(path)}-{ordinal}" if given in (None, "") else str(given)


@cache
def _stem(path: str) -> str:
    return Path(path).stem
