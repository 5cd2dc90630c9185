"""SanWen, relations in Chinese prose: head, tail, relation, sentence by tab, lines end in CRLF.

Relation names are English in the files (`Located`) and Chinese in documents (位于).
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

from chinchilla.data import Document
from chinchilla.schema import read_schema

from .pairs import read_pairs
from .report import Report


def read(
    paths: Iterable[str | Path], report: Report, *, name: str = "sanwen", encoding: str = "utf-8"
) -> Iterator[Document]:
    """Yield a document per sentence."""
    types = {label: item.name for label, item in read_schema(name).relation_by_label.items()}
    return read_pairs(paths, report, name=name, relations=types, encoding=encoding)
