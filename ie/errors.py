"""The errors that callers can cause; `except ChinchillaError` catches them all.

Messages say what was found, where, what was expected and what to do, in at most three lines.
A model's output never raises: what is wrong with it becomes an `Issue` in the result.
"""

import difflib
from collections.abc import Iterable


class ChinchillaError(Exception):
    """Base of every error the package raises on purpose."""


class InputError(ChinchillaError):
    """A document, corpus or record file cannot be read as what it should be."""


class SchemaError(ChinchillaError):
    """A schema is malformed, unknown, or does not declare what was asked of it."""


class ConfigError(ChinchillaError):
    """A configuration file or option holds an unknown key or a wrong value."""


class ModelError(ChinchillaError):
    """A model or a package that it needs is missing or unusable."""


class ModelGoneError(ModelError):
    """The model answers no further text, whatever it is: its server is away, or its quota used up."""


def near_miss(name: str, known: Iterable[str]) -> str:
    """Return "; did you mean 'x'?" for the closest known name, or an empty string."""
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f"; did you mean {close[0]!r}?" if close else ""
