"""What the recipe takes from the rest of the package, in one place."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from chinchilla.data.documents import (
    Argument,
    Document,
    Entity,
    Event,
    Extraction,
    Mention,
    Relation,
    check_offsets,
    iter_mentions,
    map_mentions,
)
from chinchilla.data.occurrences import find_all
from chinchilla.data.schema import Schema, builtin_schemas, read_schema
from chinchilla.data.yaml_file import parse_yaml
from chinchilla.errors import ConfigError, InputError, near_miss
from chinchilla.files.jsonl import read_documents, write_values

__all__ = [
    "Argument",
    "ConfigError",
    "Document",
    "Entity",
    "Event",
    "Extraction",
    "InputError",
    "Mention",
    "Relation",
    "Schema",
    "builtin_schemas",
    "check_offsets",
    "convert",
    "decode_tags",
    "find_all",
    "iter_mentions",
    "KnownTexts",
    "map_mentions",
    "near_miss",
    "parse_yaml",
    "read_documents",
    "read_schema",
    "write_values",
]


def decode_tags(
    tags: Sequence[str], scheme: str = "bio"
) -> tuple[list[tuple[str, int, int]], list[tuple[int, str, str]]]:
    """Return `(type, start, end)` token spans, end-exclusive, and faults `(index, outcome, reason)`."""
    from chinchilla.converters.tags import decode_tags as decode

    return decode(tags, scheme)


def convert(
    name: str, paths: Iterable[Path], **options: Any
) -> tuple[Iterator[Document], dict[str, int]]:
    """Return the documents of a converter, and its faults by reason, filled as they are read."""
    from chinchilla import converters

    report = converters.Report()
    faults: dict[str, int] = {}

    def documents() -> Iterator[Document]:
        yield from converters.read(name, list(paths), report=report, **options)
        faults.update({reason: entry.count for reason, entry in report.reasons.items()})

    return documents(), faults


class KnownTexts:
    """Texts that training must not hold, and whether another is one of them or nearly so."""

    def __init__(self) -> None:
        """Make an empty collection."""
        from chinchilla.instructions.duplicates import Index

        # Jaccard similarity of 3-character shingles.
        self._index = Index(near=0.8)
        self._count = 0

    def add(self, text: str, source: str) -> None:
        """Keep a text of the dev or test part of `source`."""
        from chinchilla.instructions.duplicates import PlacedText

        self._count += 1
        self._index.add(PlacedText(text, source, self._count))

    def find(self, text: str) -> str | None:
        """Return the source of the text that this one repeats, or None."""
        from chinchilla.instructions.duplicates import PlacedText

        found = self._index.find(PlacedText(text, "", 0))
        return found.of.file if found else None
