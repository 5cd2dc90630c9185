"""FinRE, relations in financial news: head, tail, relation, sentence by tab, a blank line after each.

`unknown` rows are pairs without a relation. Most facts stand twice, as (A, 收购, B) and (B, 被收购, A).
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

from chinchilla.data import Document
from chinchilla.schema import read_schema

from .pairs import read_pairs
from .report import Report


def read(
    paths: Iterable[str | Path], report: Report, *, name: str = "finre", encoding: str = "utf-8"
) -> Iterator[Document]:
    """Yield a document per sentence."""
    types = {label: item.name for label, item in read_schema(name).relation_by_label.items()}
    return read_pairs(paths, report, name=name, relations=types, encoding=encoding)
