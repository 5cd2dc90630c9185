"""The cells of a benchmark grid as Markdown."""

from collections.abc import Sequence

from .grid import Cell
from .grid_config import Grid

_DETAILS = (
    *("corpus", "model", "prompt", "figure", "P", "R", "unparsable", "documents", "seconds"),
    *("date", "data", "model files", "command"),
)


def grid_table(grid: Grid, cells: Sequence[Cell], scorer: str = "strict") -> str:
    """Return the cells as Markdown: models and prompts down, corpora across, then each cell."""
    corpora = [name for name in grid.corpora if any(cell.corpus == name for cell in cells)]
    by_place = {(cell.model, cell.prompt, cell.corpus): cell for cell in cells}
    rows = dict.fromkeys((cell.model, cell.prompt) for cell in cells)
    lines = [f"`{scorer}`, 95 % bootstrap interval over documents", ""]
    lines += _markdown(
        ("model", "prompt", *corpora),
        [(*row, *(_shown(by_place.get((*row, name)), scorer) for name in corpora)) for row in rows],
    )
    lines += ["", *_markdown(_DETAILS, [_details(cell, scorer) for cell in cells])]
    failed = [f"- `{cell.name}`: {' '.join(cell.error.split())}" for cell in cells if cell.error]
    return "\n".join([*lines, *(["", "Errors:", "", *failed] if failed else [])]) + "\n"


def _shown(cell: Cell | None, scorer: str) -> str:
    if cell is None:
        return ""
    if cell.error:
        return "error"
    figure = cell.figures.get(scorer)
    if figure is None:
        return "does not apply"
    if figure.low is None or figure.high is None:
        return f"{figure.value:.4f}"
    return f"{figure.value:.4f} [{figure.low:.4f}, {figure.high:.4f}]"


def _details(cell: Cell, scorer: str) -> tuple[str, ...]:
    figure = cell.figures.get(scorer)
    ratios = (f"{figure.precision:.4f}", f"{figure.recall:.4f}") if figure else ("", "")
    unparsable = f"{cell.rates['parse_failure']:.4f}" if figure else ""
    counts = ("", "") if cell.error else (str(cell.documents), f"{cell.seconds:.1f}")
    hashes = (_short(cell.data), _short(cell.weights))
    named = (cell.corpus, cell.model, cell.prompt, _shown(cell, scorer))
    return (*named, *ratios, unparsable, *counts, cell.date, *hashes, f"`{cell.command}`")


def _short(content: str) -> str:
    """Return the first characters of a hash; the cell's file has them all."""
    kind, colon, value = content.partition(":")
    return f"{kind}:{value[:12]}" if colon else kind


def _markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    lines = [header, ["---"] * len(header), *rows]
    return [
        f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines
    ]
