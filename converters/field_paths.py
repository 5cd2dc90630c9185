"""Reading records by field names given as data, for corpora that differ in names alone.

A field is a key, a dotted path (`entity_index.begin`) or, in list items, a position (`0`).
"""

from collections.abc import Iterable, Mapping
from typing import Any

from chinchilla.errors import ConfigError, near_miss

MISSING: Any = object()


def as_names(value: str | Iterable[str]) -> tuple[str, ...]:
    """Return the names that an option gives; one alone may come as a plain string."""
    return (value,) if isinstance(value, str) else tuple(value)


def merged(defaults: Mapping[str, Any], given: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the defaults with what is given laid over them.

    Raises:
        ConfigError: a field that the reader does not know.
    """
    for key in given or {}:
        if key not in defaults:
            raise ConfigError(
                f"unknown field {key!r}{near_miss(str(key), defaults)}; "
                f"fields are {', '.join(defaults)}"
            )
    return {**defaults, **(given or {})}


def pick(value: Any, field: Any, default: Any = MISSING) -> Any:
    """Return the content of a field of a record, or `default`.

    Raises:
        LookupError: the field is missing and there is no default.
    """
    steps = [field] if isinstance(field, int) else str(field).split(".")
    for step in steps:
        try:
            value = value[int(step)] if isinstance(value, list) else value[step]
        except (LookupError, TypeError, ValueError):
            if default is MISSING:
                raise LookupError(f"no {field!r} in {_keys(value)}") from None
            return default
    return value


def _keys(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(map(str, value)) + "}"
    return type(value).__name__
