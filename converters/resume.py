"""ResumeNER: `吴 B-NAME`, tags B M E S, characters and tags parted by a blank."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from chinchilla.data import Document

from .columns import read_columns, schema_types
from .report import Report


def read(
    paths: Iterable[str | Path], report: Report, *, name: str = "resume", encoding: str = "utf-8"
) -> Iterator[Document]:
    """Yield a document per sentence."""
    return read_columns(paths, report, name=name, types=schema_types(name), encoding=encoding)
