"""Tables of figures: aligned plain text, or rich's on a terminal."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .visible import visible_line

Row = tuple[str, ...]


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


def format_table(table: Table) -> str:
    """Return an aligned plain table; hanzi count as two columns."""
    from rich.cells import cell_len

    lines = [tuple(map(visible_line, line)) for line in (table.header, *table.rows)]
    columns = range(len(table.header))
    widths = [max(cell_len(line[i]) for line in lines) for i in columns]
    right = [_are_figures(table.rows, i) for i in columns]
    shown = [visible_line(table.title)] if table.title else []
    for line in lines:
        cells = []
        for i, cell in enumerate(line):
            pad = " " * (widths[i] - cell_len(cell))
            cells.append(pad + cell if right[i] else cell + pad)
        shown.append("  ".join(cells).rstrip())
    return "\n".join(shown)


def rich_table(table: Table) -> Any:
    """Return the same table as a rich renderable for a terminal."""
    from rich.table import Table as RichTable
    from rich.text import Text

    shown = RichTable(title=Text(visible_line(table.title)), title_justify="left")
    for i, name in enumerate(table.header):
        justify: Any = "right" if _are_figures(table.rows, i) else "left"
        shown.add_column(Text(visible_line(name)), justify=justify)
    previous = None
    for row in table.rows:
        if previous is not None and row[0] != previous:
            shown.add_section()
        previous = row[0]
        shown.add_row(*(Text(visible_line(cell)) for cell in row))
    return shown


def _are_figures(rows: Sequence[Row], column: int) -> bool:
    return all(not row[column] or row[column][0] in "+-0123456789" for row in rows)
