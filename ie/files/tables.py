"""Tables as aligned plain text."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from unicodedata import category, east_asian_width

from .visible import visible_line

Row = tuple[str, ...]
# Columns of a last cell that is folded, however narrow the terminal is.
_NARROWEST = 20
# Categories of characters that stand upon others, or are not seen.
_NO_WIDTH = ("Mn", "Me", "Cf")


@dataclass(frozen=True, slots=True)
class Table:
    """A title, a header and rows of ready text."""

    title: str
    header: Row
    rows: Sequence[Row]


def format_ratio(value: float) -> str:
    """Show a ratio with four decimals; the JSON report has them all."""
    return f"{value:.4f}"


def format_interval(low: float, high: float) -> str:
    """Show the ends of a difference with their signs, or a dash where no sample gave one."""
    return "-" if math.isnan(low) else f"[{low:+.4f}, {high:+.4f}]"


def format_count(value: float) -> str:
    """Show a count, with two decimals where a scorer counts in fractions."""
    return str(value) if isinstance(value, int) else f"{value:.2f}"


def format_table(table: Table, width: int = 0) -> str:
    """Return an aligned plain table; hanzi count as two columns.

    Where `width` columns are too few, the last column is folded; 0 is no limit.
    """
    lines = [tuple(map(visible_line, line)) for line in (table.header, *table.rows)]
    right = [_are_figures(table.rows, i) for i in range(len(table.header))]
    shown = [visible_line(table.title)] if table.title else []
    return "\n".join([*shown, *align_rows(lines, right, "  ", width)])


def align_rows(
    lines: Sequence[Row], right: Sequence[bool], joint: str, width: int = 0
) -> list[str]:
    """Return rows of cells as lines in which the columns stand below each other.

    `right` tells the columns that are aligned at their end. For `width` see `format_table`.
    """
    widths = [max(map(columns, cells)) for cells in zip(*lines, strict=True)]
    others = sum(widths[:-1]) + len(joint) * (len(widths) - 1)
    if width and others + widths[-1] > width:
        widths[-1] = max(width - others, _NARROWEST)
    shown = []
    for line in lines:
        for number, last in enumerate(_folded(line[-1], widths[-1])):
            row = (*line[:-1], last) if number == 0 else (*("" for _ in line[:-1]), last)
            cells = [
                " " * (size - columns(cell)) + cell
                if is_right
                else cell + " " * (size - columns(cell))
                for cell, size, is_right in zip(row, widths, right, strict=True)
            ]
            shown.append(joint.join(cells).rstrip())
    return shown


def columns(text: str) -> int:
    """Return how many columns of a terminal a line takes: two for what is wide in East Asia."""
    return sum(
        0 if category(letter) in _NO_WIDTH else 1 + (east_asian_width(letter) in "WF")
        for letter in text
    )


def _folded(cell: str, width: int) -> list[str]:
    """Cut a cell into lines of at most `width` columns, at blanks where it has any."""
    lines = [""]
    for word in re.findall(r"[^ ]+ *|^ +", cell):
        pieces = [word] if columns(word.rstrip()) <= width else list(word)
        for piece in pieces:
            if lines[-1] and columns(lines[-1] + piece.rstrip()) > width:
                lines.append("")
            lines[-1] += piece
    return [line.rstrip() for line in lines]


def _are_figures(rows: Sequence[Row], column: int) -> bool:
    return all(not row[column] or row[column][0] in "+-0123456789" for row in rows)
