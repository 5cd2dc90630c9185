"""Rows of CSV with the lines that they stand on; a quote that never closes costs one row.

Python's reader would take all that follows such a quote for one cell.
"""

import csv
from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

# Characters of a cell; the most that Python takes on every platform.
_MAX_CELL = (1 << 31) - 1
# A row of more lines is one whose quote never closes.
_MAX_LINES = 5000


class Row(NamedTuple):
    """Where a row begins and ends, in physical lines from 1, and its cells or what is wrong."""

    first: int
    last: int
    cells: list[str]
    error: str = ""


class _Lines:
    """Lines that can be given back."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines
        self._again: deque[str] = deque()
        self.taken: list[str] = []

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if len(self.taken) >= _MAX_LINES:
            raise csv.Error(f"a quote is not closed within {_MAX_LINES} lines")
        line = self._again.popleft() if self._again else next(self._lines)
        self.taken.append(line)
        return line

    def give_back(self) -> None:
        """Keep the first line taken, and let the others be read again."""
        self._again.extendleft(reversed(self.taken[1:]))
        del self.taken[1:]


def read_rows(lines: Iterator[str], delimiter: str = ",") -> Iterator[Row]:
    """Yield the rows of lines that end in line ends; the first is the header.

    A row of several lines that has not as many cells as the header is one whose quote does not
    close: it is told, and its other lines are read as rows of their own.
    """
    # The limit is the whole process's, and others may have set a lower one.
    csv.field_size_limit(_MAX_CELL)
    source = _Lines(lines)
    reader = _reader(source, delimiter)
    number, width = 1, 0
    while True:
        source.taken.clear()
        error, cells = "", []
        try:
            cells = next(reader)
            width = width or len(cells)
            if len(source.taken) > 1 and len(cells) != width:
                error = f"{len(cells)} cells in {len(source.taken)} lines; is a quote not closed?"
        except StopIteration:
            return
        except csv.Error as wrong:
            error = str(wrong)
        if error:
            source.give_back()
            reader = _reader(source, delimiter)
            cells = []
        last = number + max(len(source.taken), 1) - 1
        yield Row(number, last, cells, error)
        number = last + 1


def _reader(lines: _Lines, delimiter: str) -> "Iterator[list[str]]":
    # Strict: else a quote that is not closed takes all the rows behind it for one cell.
    return csv.reader(lines, delimiter=delimiter, strict=True)


def find_delimiter(header: str) -> str:
    """Return what parts the columns of a header: a comma, unless there is none."""
    return next((mark for mark in ",\t;" if mark in header), ",")
