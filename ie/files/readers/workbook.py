"""Excel workbooks by openpyxl: in each sheet the first row that is not empty names the columns."""

import warnings
from collections.abc import Iterator
from itertools import zip_longest
from typing import Any

import msgspec

from ...data.documents import Document
from ...errors import InputError
from .rows import from_row, is_text, text_column
from .source import Found, Source, made
from .zipped import open_zipped

_WHAT = "an Excel workbook"


def read_workbook(source: Source) -> Iterator[Found]:
    """Yield each row of each sheet that has a column of text; other sheets are told.

    `meta` has the `sheet` and the `cell` of the text, as Excel names it. A title goes before the text.
    """
    book = _opened(source)
    try:
        headers = [(sheet, *_header(sheet, source)) for sheet in book.worksheets]
        keys = [key for _, _, _, key in headers if isinstance(key, str)]
        wrong = [key for _, _, _, key in headers if isinstance(key, InputError)]
        if wrong and not any(keys):
            raise wrong[0]
        for error in wrong:
            source.tell(str(error), f"a sheet is left out: {error}")
        for sheet, first, columns, key in headers:
            if isinstance(key, str) and key:
                several = len(keys) > 1
                yield from _rows(sheet, first, columns, key, source, several)
    finally:
        book.close()


def _opened(source: Source) -> Any:
    import openpyxl

    file = open_zipped(source, _WHAT)
    try:
        with warnings.catch_warnings():
            # Of styles and the like, which nobody asked for.
            warnings.simplefilter("ignore")
            book = openpyxl.load_workbook(file, read_only=True, data_only=True)
    except Exception as error:
        # A damaged workbook raises whatever its parts are taken for.
        raise source.damaged(_WHAT, error) from None
    for sheet in book.worksheets:
        # Some programs write a wrong size, which would cut rows off.
        sheet.reset_dimensions()
    return book


def _cells(sheet: Any, source: Source) -> Iterator[tuple[int, list[Any]]]:
    """Yield the rows that are not empty, with their numbers from 1."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        rows = iter(sheet.iter_rows(values_only=True))
    number = 0
    while True:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                row = next(rows)
        except StopIteration:
            return
        except Exception as error:
            raise source.damaged(
                f"{_WHAT}, beyond row {number} of {sheet.title!r},", error
            ) from None
        number += 1
        if any(cell not in (None, "") for cell in row):
            yield number, list(row)


def _header(sheet: Any, source: Source) -> tuple[int, list[str], str | InputError]:
    """Return the row and names of the columns, and that of the text; "" for a sheet without rows."""
    rows = _cells(sheet, source)
    number, cells = next(rows, (0, []))
    columns = ["" if cell is None else str(cell).strip() for cell in cells]
    first = next(rows, (0, []))[1]
    if not first:
        return number, columns, ""
    texts = [name for name, cell in zip(columns, first, strict=False) if is_text(cell)]
    where = f"{source.name} ({sheet.title})"
    return number, columns, made(text_column, columns, source, texts, where)


def _rows(
    sheet: Any, first: int, columns: list[str], key: str, source: Source, several: bool
) -> Iterator[Found]:
    letter = _letter(columns.index(key))
    for number, cells in _cells(sheet, source):
        if number > first:
            place = {"file": source.name, "sheet": sheet.title, "cell": f"{letter}{number}"}
            name = f"{sheet.title}-{number}" if several else str(number)
            yield made(_from_cells, cells, columns, key, source, place, name)


def _from_cells(
    cells: list[Any],
    columns: list[str],
    key: str,
    source: Source,
    place: dict[str, Any],
    name: str,
) -> Document:
    named = dict(zip_longest(columns, cells[: len(columns)]))
    named.pop("", None)
    row = msgspec.to_builtins(named, enc_hook=str)
    for column in (key, source.options.title):
        if row.get(column) is not None:
            row[column] = str(row[column])
    row[key] = row[key] or ""
    return from_row(row, key, source, place, name)


def _letter(index: int) -> str:
    """Return the name of a column in Excel: A of 0, AA of 26."""
    letters = ""
    while index >= 0:
        letters = chr(ord("A") + index % 26) + letters
        index = index // 26 - 1
    return letters
