"""CSV and TSV: the first row names the columns."""

from collections.abc import Iterator
from itertools import chain, zip_longest
from typing import IO, Any

from ...data.documents import Document
from ...errors import InputError
from ..csv_rows import Row, find_delimiter, read_rows
from ..encodings import likely_encoding
from ..jsonl import open_utf8
from .rows import from_row, is_text, text_column
from .source import Found, Source, bounded_lines, made

# Key of the cells of a row that the header has no names for.
_UNNAMED = "unnamed"


def read_csv(source: Source) -> Iterator[Found]:
    """Yield each row; columns are parted by a comma, or what else parts the header."""
    yield from _read(source, "")


def read_tsv(source: Source) -> Iterator[Found]:
    """Yield each row; columns are parted by tabs."""
    yield from _read(source, "\t")


def _read(source: Source, mark: str) -> Iterator[Found]:
    with open_utf8(source.name, source.options.encoding, source.found) as file:
        too_long: dict[int, InputError] = {}
        lines = _lines(file, source.name, too_long)
        header = next(lines, "")
        rows = read_rows(chain([header] if header else [], lines), mark or find_delimiter(header))
        columns: list[str] = []
        key = ""
        for row in rows:
            if row.last in too_long:
                yield too_long.pop(row.last)
            elif row.error:
                error = _not_csv(f"{source.name}:{row.first}", row.error)
                if not columns:
                    raise error
                yield error
            elif not columns:
                columns = [_plain(cell, row.first, source) for cell in row.cells]
            elif row.cells:
                key = key or text_column(columns, source, _texts(columns, row))
                yield made(_from_cells, row, columns, key, source)
        if columns and not key:
            text_column(columns, source)


def _lines(file: IO[bytes], name: str, too_long: dict[int, InputError]) -> Iterator[str]:
    """Yield lines as text; what does not decode is told of its row alone, as what is too long."""
    for number, line in bounded_lines(file, name):
        if isinstance(line, InputError):
            too_long[number] = line
            yield "\n"
        else:
            yield line.decode(errors="surrogateescape")


def _texts(columns: list[str], row: Row) -> list[str]:
    return [name for name, cell in zip(columns, row.cells, strict=False) if is_text(cell)]


def _from_cells(row: Row, columns: list[str], key: str, source: Source) -> Document:
    plain = [_plain(cell, row.last, source) for cell in row.cells]
    named: dict[str, Any] = dict(zip_longest(columns, plain[: len(columns)]))
    if len(plain) > len(columns):
        named[_UNNAMED] = plain[len(columns) :]
    named[key] = named[key] or ""
    return from_row(named, key, source, {"file": source.name, "line": row.last}, row.last)


def _plain(cell: str, line: int, source: Source) -> str:
    if cell.isascii() or not any("\udc80" <= character <= "\udcff" for character in cell):
        return cell
    data = cell.encode(errors="surrogateescape")
    raise InputError(
        f"{source.name}:{line}: not {source.encoding.upper()}; "
        f"try --encoding {likely_encoding(data, source.encoding)}"
    )


def _not_csv(where: str, error: str) -> InputError:
    return InputError(
        f"{where}: not valid CSV ({error}); a cell that begins with a quotation mark must end with "
        'one, and "" stands for one inside'
    )
