"""Weibo NER: `科0<tab>B-PER.NAM`, where the digit is the character's place in its word (2nd edition).

Types are person, organisation, place and geo-political entity, each as a name (NAM) or a common
noun (NOM). Some bytes are not UTF-8 in the originals: they become U+FFFD and are counted.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

from chinchilla.converters.columns import Columns, read_columns, schema_types
from chinchilla.converters.report import Report
from chinchilla.data.documents import Document


def read(
    paths: Iterable[str | Path], report: Report, *, name: str = "weibo", encoding: str = "auto"
) -> Iterator[Document]:
    """Yield a document per post; the first edition, without digits, reads as well."""
    return read_columns(
        paths,
        report,
        name=name,
        types=schema_types(name),
        columns=Columns(token_of=_character),
        encoding=encoding,
    )


def _character(column: str) -> str:
    # A token that is one digit is the digit itself: only what follows a character is a place.
    return column[:-1] if len(column) > 1 and column[-1].isdigit() else column
