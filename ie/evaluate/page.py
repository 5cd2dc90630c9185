"""One HTML page that shows every mistake in its sentence, with nothing loaded from elsewhere."""

from collections import Counter
from collections.abc import Iterable, Sequence
from importlib import resources
from string import Template

from ..files.html import html_text, segment_html, table_html
from ..files.segments import cut_segments, lost_mentions, shown_ranges
from ..files.tables import Table
from .evaluation import Evaluation
from .scorers.by_name import score_documents
from .scorers.calibration import ReliabilityReport
from .scorers.mistakes import KINDS, Marked, Mistake, confusion
from .table import evaluation_tables

MISTAKES_SHOWN = 2000
_TYPES_SHOWN = 30  # rows and columns of a confusion matrix


def render_page(evaluation: Evaluation, *, most: int = MISTAKES_SHOWN) -> str:
    """Return the page as HTML; beyond `most` mistakes the rarer kinds are shown before others."""
    mistakes = choose_mistakes(evaluation.mistakes, most)
    template = resources.files("chinchilla.evaluate").joinpath("page.html")
    texts = {gold.id: gold.text for gold, _ in evaluation.pairs}
    return Template(template.read_text(encoding="utf-8")).substitute(
        title=html_text(f"{evaluation.predicted} against {evaluation.gold}"),
        tables="".join(_table(table) for table in evaluation_tables(evaluation)),
        confusion="".join(_confusion(evaluation, name) for name in ("entities", "triggers")),
        calibration=_calibration(evaluation.calibration),
        kinds=_options(dict.fromkeys(mistake.kind for mistake in mistakes)),
        sections=_options(dict.fromkeys(mistake.section for mistake in mistakes)),
        total=len(evaluation.mistakes),
        shown=len(mistakes),
        mistakes="".join(_mistake(mistake, texts[mistake.document]) for mistake in mistakes),
    )


def choose_mistakes(mistakes: Sequence[Mistake], most: int) -> list[Mistake]:
    """Return at most `most` mistakes in their order, taking from every section and kind in turn."""
    if len(mistakes) <= most:
        return list(mistakes)
    sizes = Counter((mistake.section, mistake.kind) for mistake in mistakes)
    quota: dict[tuple[str, str], int] = {}
    left = most
    # Rare kinds are taken whole, and what they leave is divided among the others.
    for done, (key, size) in enumerate(sorted(sizes.items(), key=lambda item: item[1])):
        quota[key] = min(size, left // (len(sizes) - done))
        left -= quota[key]
    chosen = []
    for mistake in mistakes:
        key = (mistake.section, mistake.kind)
        if quota[key] > 0:
            quota[key] -= 1
            chosen.append(mistake)
    return chosen


def _table(table: Table) -> str:
    return (
        f"<details open><summary>{html_text(table.title)}</summary>"
        f"{table_html(table.header, table.rows)}</details>\n"
    )


def _options(names: Iterable[str]) -> str:
    return "".join(f"<option>{html_text(name)}</option>" for name in names)


def _confusion(evaluation: Evaluation, section: str) -> str:
    counts = confusion(evaluation.mistakes, section)
    result = score_documents(evaluation.pairs, "strict").sections.get(section)
    if result is None:
        return ""
    for name, score in result.types.items():
        counts[name, name] += int(score.correct)
    names = [name for name in list(result.types)[:_TYPES_SHOWN] if name]
    names.append("")

    def label(name: str) -> str:
        return html_text(name) or "<i>none</i>"

    head = "".join(f"<th>{label(name)}</th>" for name in names)
    rows = "".join(
        f"<tr><th>{label(row)}</th>"
        + "".join(_confusion_cell(counts, row, column) for column in names)
        + "</tr>"
        for row in names
    )
    return (
        f"<details><summary>confusion of types, {section}: gold in rows, predicted in columns, "
        f"equal offsets only</summary><table><thead><tr><th></th>{head}</tr></thead>"
        f"<tbody>{rows}</tbody></table></details>\n"
    )


def _confusion_cell(counts: Counter[tuple[str, str]], row: str, column: str) -> str:
    count = counts[row, column]
    kind = ' class="right"' if row == column else ""
    return f"<td{kind}>{count or ''}</td>"


def _calibration(found: ReliabilityReport | None) -> str:
    """Draw accuracy against score, a bar a bin, with the diagonal of perfect calibration."""
    if found is None:
        return ""
    bars = "".join(
        f'<rect x="{200 * part.low:.1f}" y="{200 * (1 - part.accuracy):.1f}" width="19" '
        f'height="{200 * part.accuracy:.1f}"><title>{part.low:.1f}-{part.high:.1f}: '
        f"{part.count} predictions, mean score {part.confidence:.3f}, right {part.accuracy:.3f}"
        "</title></rect>"
        for part in found.bins
        if part.count
    )
    return (
        f"<details open><summary>calibration of {found.count} scores: expected error "
        f"{found.error:.4f}, {found.error_after:.4f} calibrated"
        '</summary><svg viewBox="-2 -2 204 204" width="260" height="260" role="img">'
        '<rect class="frame" width="200" height="200"></rect>'
        f'{bars}<line x1="0" y1="200" x2="200" y2="0"></line></svg>'
        "<p>share right (up) by score (across)</p></details>\n"
    )


def _mistake(mistake: Mistake, text: str) -> str:
    sides = (mistake.gold, mistake.predicted)
    ranges = shown_ranges(text, (m for side in sides if side for _, m in side.mentions))
    labels = " ".join(dict.fromkeys(side.label for side in sides if side))
    return (
        f'<article data-kind="{html_text(mistake.kind)}" data-section="{html_text(mistake.section)}" '
        f'data-text="{html_text(f"{labels} {mistake.document}".lower())}">'
        f'<h3>{html_text(mistake.section)}: <span title="{html_text(KINDS[mistake.kind])}">'
        f"{html_text(mistake.kind)}</span> <small>{html_text(mistake.document)}</small></h3>"
        f"{_side('gold', mistake.gold, text, ranges)}"
        f"{_side('predicted', mistake.predicted, text, ranges)}</article>\n"
    )


def _side(name: str, side: Marked | None, text: str, ranges: Sequence[tuple[int, int]]) -> str:
    mentions = side.mentions if side else ()
    pieces = "".join(segment_html(segment) for segment in cut_segments(text, mentions, ranges))
    lost = "".join(
        f"<li>{html_text(label)}: {html_text(string)}</li>"
        for label, string in lost_mentions(mentions)
    )
    label = html_text(side.label) if side else "<i>nothing</i>"
    missing = f"<ul>not in the text:{lost}</ul>" if lost else ""
    return f'<div class="{name}"><h4>{name}: {label}</h4><p>{pieces}</p>{missing}</div>'
