"""Tables of figures: aligned plain text, or rich's on a terminal."""

from collections.abc import Sequence
from typing import Any

from ..scoring.counts import Result, Score

Row = tuple[str, ...]
SCORE_HEADER: Row = ("section", "type", "gold", "predicted", "correct", "P", "R", "F1")


def score_rows(result: Result) -> list[Row]:
    """Return the rows of a result: each section, its macro mean and types, then `all`."""
    rows: list[Row] = []
    for name, section in result.sections.items():
        rows.append((name, "", *_cells(section.micro)))
        if section.macro and section.macro.types > 1:
            macro = section.macro
            ratios = tuple(format_ratio(x) for x in (macro.precision, macro.recall, macro.f1))
            rows.append((name, f"macro over {macro.types} types", "", "", "", *ratios))
        rows += [(name, kind, *_cells(score)) for kind, score in section.types.items()]
    rows.append(("all", "", *_cells(result.all)))
    return rows


def format_ratio(value: float | None) -> str:
    """Show a ratio with four decimals; the JSON report has them all."""
    return "" if value is None else f"{value:.4f}"


def format_count(value: float) -> str:
    """Show a count, with two decimals where a scorer counts in fractions."""
    return str(value) if isinstance(value, int) else f"{value:.2f}"


def format_table(header: Row, rows: Sequence[Row], title: str = "") -> str:
    """Return an aligned plain table; hanzi count as two columns."""
    from rich.cells import cell_len

    table = [header, *rows]
    widths = [max(cell_len(row[i]) for row in table) for i in range(len(header))]
    right = [all(_is_figure(row[i]) for row in rows) for i in range(len(header))]
    lines = [title] if title else []
    for row in table:
        cells = []
        for i, cell in enumerate(row):
            pad = " " * (widths[i] - cell_len(cell))
            cells.append(pad + cell if right[i] else cell + pad)
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def rich_table(header: Row, rows: Sequence[Row], title: str = "") -> Any:
    """Return the same table as a rich renderable for a terminal."""
    from rich.table import Table
    from rich.text import Text

    table = Table(title=Text(title), title_justify="left")
    for i, name in enumerate(header):
        figures = all(_is_figure(row[i]) for row in rows)
        table.add_column(Text(name), justify="right" if figures else "left")
    previous = None
    for row in rows:
        if previous is not None and row[0] != previous:
            table.add_section()
        previous = row[0]
        table.add_row(*(Text(cell) for cell in row))
    return table


def _cells(score: Score) -> Row:
    return (
        *(format_count(x) for x in (score.gold, score.predicted, score.correct)),
        *(format_ratio(x) for x in (score.precision, score.recall, score.f1)),
    )


def _is_figure(cell: str) -> bool:
    return not cell or cell[0] in "+-0123456789"
