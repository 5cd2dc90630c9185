"""Configuration files: YAML and `key=value` overrides into a `TrainConfig`, all mistakes at once."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, fields, is_dataclass
from pathlib import Path
from typing import Any, get_type_hints

import msgspec
import yaml

from ..data.yaml_file import read_yaml
from ..errors import ConfigError, near_miss
from .checks import combination_problems, file_problems
from .config import TrainConfig

_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+")


def read_config(path: str | Path, overrides: Iterable[str] = ()) -> TrainConfig:
    """Read a YAML file, apply `section.key=value` overrides and check everything.

    Relative paths in the file are relative to the working directory, as on the command line.

    Raises:
        ConfigError: one line for each mistake: unknown key, wrong type or value, missing file,
            combination that cannot work.
    """
    where = str(path)
    problems: list[str] = []
    value = _load(where)
    for override in overrides:
        _apply(value, override, problems)
    config: TrainConfig = _build(TrainConfig, value, "", problems)
    problems += combination_problems(config)
    problems += file_problems(config)
    if problems:
        raise ConfigError("\n".join(f"{where}: {problem}" for problem in problems))
    return config


def config_to_yaml(config: TrainConfig) -> str:
    """Return the resolved configuration as YAML that `read_config` reads back."""
    plain = msgspec.to_builtins(asdict(config))
    text: str = yaml.safe_dump(plain, allow_unicode=True, sort_keys=False)
    return text


def _load(where: str) -> dict[str, Any]:
    value = read_yaml(where, "configs/train")
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ConfigError(f"{where}: expected keys and values, got a {type(value).__name__}")
    return value


def _apply(value: dict[str, Any], override: str, problems: list[str]) -> None:
    """Set one `section.key=value`; the value is read as YAML."""
    name, equals, content = override.partition("=")
    if not equals or not name:
        problems.append(f"override {override!r}: expected key=value, such as training.epochs=2")
        return
    *sections, key = name.split(".")
    for section in sections:
        inner = value.setdefault(section, {})
        if not isinstance(inner, dict):
            problems.append(f"override {override!r}: {section!r} is not a section")
            return
        value = inner
    try:
        value[key] = yaml.safe_load(content)
    except yaml.YAMLError:
        problems.append(f"override {override!r}: the value is not valid YAML")


def _build(kind: Any, value: Mapping[str, Any], where: str, problems: list[str]) -> Any:
    hints = get_type_hints(kind)
    known = {spec.name: hints[spec.name] for spec in fields(kind)}
    arguments: dict[str, Any] = {}
    for key, content in value.items():
        if key not in known:
            place = f" in {where!r}" if where else ""
            problems.append(f"unknown key {key!r}{place}{near_miss(str(key), _spellings(known))}")
        elif is_dataclass(known[key]):
            if isinstance(content, dict):
                arguments[key] = _build(known[key], content, key, problems)
            elif content is not None:
                problems.append(f"{key}: expected a section of keys, got {content!r}")
        else:
            name = f"{where}.{key}" if where else key
            _set(arguments, key, known[key], content, name, problems)
    return kind(**arguments)


def _set(
    arguments: dict[str, Any], key: str, kind: Any, content: Any, name: str, problems: list[str]
) -> None:
    # YAML 1.1 reads 2e-4, written without a dot, as a string.
    if kind is float and isinstance(content, str) and _NUMBER.fullmatch(content):
        content = float(content)
    if kind == tuple[str, ...] and isinstance(content, str):
        content = [content]
    try:
        arguments[key] = msgspec.convert(content, kind)
    except msgspec.ValidationError:
        problems.append(f"{name}: expected {_describe(kind)}, got {content!r}")


def _describe(kind: Any) -> str:
    names = {
        int: "a whole number",
        float: "a number",
        bool: "true or false",
        str: "text",
        tuple[str, ...]: "a list of texts",
        str | None: "text or null",
        bool | None: "true, false or null",
    }
    return names.get(kind, str(kind))


def _spellings(known: Mapping[str, Any]) -> list[str]:
    return list(known)
