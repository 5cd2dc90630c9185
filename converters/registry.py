"""Which converter reads which corpus, by the one name that schema and catalogue use too.

for document in converters.read("duie", ["duie_train.json"], report=report):
    ...
"""

import inspect
from collections.abc import Callable, Iterable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from chinchilla.data import Document
from chinchilla.errors import ConfigError, InputError, near_miss

from .report import Report

# Corpus -> module of this package; several corpora may share a format.
CONVERTERS = {
    "boson": "boson",
    "cluener": "cluener",
    "duee": "duee",
    "duie": "duie",
    "duie1": "duie",
    "fewfc": "fewfc",
    "finre": "finre",
    "general-events": "duee",
    "msra": "msra",
    "resume": "resume",
    "sanwen": "sanwen",
    "weibo": "weibo",
}

Reader = Callable[..., Iterator[Document]]


def names() -> tuple[str, ...]:
    """Return the names of the converters, sorted."""
    return tuple(sorted(CONVERTERS))


def load(name: str) -> Reader:
    """Return the `read` function of a converter.

    Raises:
        InputError: no converter of that name.
    """
    if name not in CONVERTERS:
        raise InputError(
            f"no converter {name!r}{near_miss(name, names())}; converters are {', '.join(names())}"
        )
    reader: Reader = import_module(f"{__package__}.{CONVERTERS[name]}").read
    return reader


def read(
    name: str,
    paths: Iterable[str | Path],
    *,
    report: Report | None = None,
    encoding: str = "utf-8",
    **options: Any,
) -> Iterator[Document]:
    """Yield the documents of corpus files lazily, in file order, counted in `report`.

    `options` are those of the converter, such as `canonical=True` of finre.

    Raises:
        InputError: unknown converter, or (while reading) a file that is not of the format.
        ConfigError: the converter has no such option.
    """
    reader = load(name)
    known = [
        parameter.name
        for parameter in inspect.signature(reader).parameters.values()
        if parameter.kind is parameter.KEYWORD_ONLY and parameter.name not in ("name", "encoding")
    ]
    for option in options:
        if option not in known:
            raise ConfigError(
                f"converter {name!r} has no option {option!r}{near_miss(option, known)}; "
                f"its options are {', '.join(known) or 'none'}"
            )
    report = Report() if report is None else report
    report.name = name
    return _counted(reader(list(paths), report, name=name, encoding=encoding, **options), report)


def _counted(documents: Iterator[Document], report: Report) -> Iterator[Document]:
    for document in documents:
        report.add(document)
        yield document
