"""A row of any table as a document: which column is the text, and what becomes of the others."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ...data.documents import Document, Extraction
from ...data.text import with_title
from ...errors import InputError, near_miss
from .source import ReadOptions, Source

# Names of the text that need not be given.
TEXT_KEYS = ("sentence", "content", "正文", "内容", "文本", "句子")
_MAX_NAMED = 30


def text_column(
    columns: Sequence[str], source: Source, texts: Iterable[str] | None = None, where: str = ""
) -> str:
    """Return the column of the text: the one named, one that is usually called so, the only one.

    `texts` are the columns that hold text; None is all. `where` says more than the file's name.

    Raises:
        InputError: there is none, or several; names the columns.
    """
    options = source.options
    if options.id_column:
        _check_column(where or source.name, options.id_column, columns, "--id-column")
    column = options.column
    if column in columns or column != ReadOptions.column:
        _check_column(where or source.name, column, columns, "--column")
        return column
    found = next((key for key in TEXT_KEYS if key in columns), None)
    if found is None:
        own = (options.id_column or "id", options.title)
        usable = [
            name for name in (columns if texts is None else texts) if name not in own and name
        ]
        if len(usable) != 1:
            _check_column(where or source.name, column, columns, "--column")
        found = usable[0]
    source.tell("column", f"column {found!r} is read; name another with --column")
    return found


def _check_column(where: str, column: str, columns: Sequence[str], option: str) -> None:
    if column not in columns:
        shown = ", ".join(columns[:_MAX_NAMED]) + (", …" if len(columns) > _MAX_NAMED else "")
        raise InputError(
            f"{where}: no column {column!r}{near_miss(column, columns)}; "
            f"columns are {shown or 'none'}; name the right one with {option}"
        )


def is_text(cell: Any) -> bool:
    """Return whether a cell holds words rather than a figure."""
    if not isinstance(cell, str) or not cell.strip():
        return False
    return any(letter.isalpha() for letter in cell)


def from_row(
    row: Mapping[str, Any], key: str, source: Source, place: dict[str, Any], number: object
) -> Document:
    """Return the document of a row with its text under `key`; `place` is its file and where in it.

    Raises:
        InputError: the title is no text.
    """
    title_key, id_key = source.options.title, source.options.id_column or "id"
    given, text = row.get(id_key), source.checked(row[key])
    identifier = f"{source.stem}-{number}" if given in (None, "") else str(given)
    title = row.get(title_key) if title_key and title_key != key else None
    if not isinstance(title, str | None):
        raise InputError(
            f"{source.name}:{number}: {title_key!r} is {type(title).__name__}, expected a title as "
            "text; name another with --title-column, or '' for none"
        )
    meta = _meta(row, {key, id_key, title_key, *Extraction.__struct_fields__}, place)
    if title is None or not title.strip():
        return Document(identifier, text, meta=meta)
    return Document(identifier, with_title(title, text), meta={**meta, "title_end": len(title)})


def _meta(row: Mapping[str, Any], used: set[str], place: dict[str, Any]) -> dict[str, Any]:
    rest = {key: item for key, item in row.items() if key not in used}
    if isinstance(row.get("meta"), dict):
        own = rest.pop("meta")
        return {**rest, **own}
    return {**place, **rest}
