"""Rows as CSV, Parquet and workbooks: what every table of this kit is written by."""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from ..data.extras import require_extra
from ..errors import InputError

# A spreadsheet runs a cell that begins so, a Chinese or Japanese one that of full width too.
_FORMULA = frozenset("=+-@\t\r\n＝＋－＠")
_NUMBER = re.compile(r"[-+]?[0-9]+([.,][0-9]+)*([eE][-+]?[0-9]+)?%?")
# What a sheet holds: rows, and characters of a cell.
SHEET_ROWS, CELL_LENGTH = 1_048_576, 32_767
# Characters that XML, and so a workbook, cannot hold.
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_ROWS_AT_ONCE = 50_000


def csv_text(rows: Iterable[Sequence[Any]], guard: bool = True) -> str:
    """Return rows as CSV; see `harmless` for the cells that `guard` keeps a spreadsheet from running."""
    buffer = io.StringIO()
    # Line ends as in the other forms, not those of CSV's own dialect.
    writer = csv.writer(buffer, lineterminator="\n")
    # A carriage return is a line end to readers, but not to this writer.
    quoting = csv.writer(buffer, lineterminator="\n", quoting=csv.QUOTE_ALL)
    for row in rows:
        has_return = any(isinstance(cell, str) and "\r" in cell for cell in row)
        (quoting if has_return else writer).writerow(
            [harmless(cell) for cell in row] if guard else row
        )
    return buffer.getvalue()


def harmless(cell: Any) -> Any:
    """Put an apostrophe before text that a spreadsheet would take for a formula and run.

    A number such as -5, +1,000.5 or -3% is none. Who reads the file by a program takes the
    apostrophe off where one of `= + - @`, a tab or a line end follows.
    """
    is_formula = isinstance(cell, str) and cell[:1] in _FORMULA and not _NUMBER.fullmatch(cell)
    return f"'{cell}" if is_formula else cell


def csv_lines(
    columns: Iterable[str], rows: Iterable[Sequence[Any]], *, guard: bool = True
) -> Iterator[bytes]:
    """Yield a header and rows as CSV in UTF-8; `guard` is that of `csv_text`."""
    yield csv_text([list(columns)]).encode()
    iterator = iter(rows)
    while some := list(islice(iterator, 1000)):
        yield csv_text(some, guard).encode()


def parquet_chunks(columns: Mapping[str, str], rows: Iterable[Sequence[Any]]) -> Iterator[bytes]:
    """Yield the bytes of a Parquet file; `columns` gives the Arrow type of each by its name.

    Types are such as `string`, `int64`, `float64`, and `list` of strings. So many rows as make a row
    group are held in memory.

    Raises:
        ModelError: pyarrow is not installed.
    """
    require_extra("writing Parquet", "graph", ("pyarrow",))
    import pyarrow
    import pyarrow.parquet

    types = {name: pyarrow.list_(pyarrow.string()) if kind == "list" else kind
             for name, kind in columns.items()}  # fmt: skip
    schema = pyarrow.schema(
        [
            (name, pyarrow.type_for_alias(t) if isinstance(t, str) else t)
            for name, t in types.items()
        ]
    )
    sink = io.BytesIO()
    iterator = iter(rows)
    # The writer counts where it is in the file: what was taken out stays counted.
    with pyarrow.parquet.ParquetWriter(_Counting(sink), schema, compression="zstd") as writer:
        while some := list(islice(iterator, _ROWS_AT_ONCE)):
            arrays = [
                pyarrow.array([row[at] for row in some], field.type)
                for at, field in enumerate(schema)
            ]
            writer.write_table(pyarrow.Table.from_arrays(arrays, schema=schema))
            yield _taken(sink)
    yield _taken(sink)


def _taken(sink: io.BytesIO) -> bytes:
    content = sink.getvalue()
    sink.seek(0)
    sink.truncate()
    return content


class _Counting(io.RawIOBase):
    """A file to write to that tells how much was written, though its content is taken away."""

    def __init__(self, sink: io.BytesIO) -> None:
        self.sink, self.written = sink, 0

    def writable(self) -> bool:
        return True

    def write(self, content: Any, /) -> int:
        self.written += len(content)
        return self.sink.write(content)

    def tell(self) -> int:
        return self.written


def workbook(sheets: Mapping[str, tuple[Sequence[str], Iterable[Sequence[Any]]]]) -> bytes:
    """Return an .xlsx file with a sheet of each name: a header and rows.

    Text is text, though it begins as a formula does. What a workbook cannot hold is replaced by `�`,
    and a cell that is too long ends in `…`.

    Raises:
        InputError: a table has more rows than a sheet takes.
        ModelError: openpyxl is not installed.
    """
    require_extra("writing workbooks", "graph", ("openpyxl",))
    import openpyxl

    book = openpyxl.Workbook(write_only=True)
    for name, (columns, rows) in sheets.items():
        sheet = book.create_sheet(name[:31])
        sheet.freeze_panes = "A2"
        sheet.append(list(columns))
        for number, row in enumerate(rows, 2):
            if number > SHEET_ROWS:
                raise InputError(
                    f"{name}: more than {SHEET_ROWS:,} rows, which no sheet holds; write csv or parquet"
                )
            sheet.append([_sheet_cell(sheet, cell) for cell in row])
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def _sheet_cell(sheet: Any, value: Any) -> Any:
    if not isinstance(value, str):
        return value
    from openpyxl.cell import WriteOnlyCell

    text = _NOT_XML.sub("\ufffd", value)
    if len(text) > CELL_LENGTH:
        text = f"{text[: CELL_LENGTH - 1]}…"
    cell = WriteOnlyCell(sheet, text)
    cell.data_type = "s"
    return cell
