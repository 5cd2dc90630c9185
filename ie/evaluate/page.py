"""One HTML page that shows every mistake in its sentence, with nothing loaded from elsewhere."""

from collections import Counter
from collections.abc import Iterable, Sequence
from importlib import resources
from operator import attrgetter

from ..files.html import Palette, both, html_text, segment_html, table_html, word
from ..files.page import page_end, page_head
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
    here = resources.files("chinchilla.evaluate")
    style, script = (
        here.joinpath(f"page.{end}").read_text(encoding="utf-8") for end in ("css", "js")
    )
    texts = {gold.id: gold.text for gold, _ in evaluation.pairs}
    title = f"{evaluation.predicted} against {evaluation.gold}"
    palette = Palette()
    return "".join((
        page_head(title, style=style, script=script),
        *(_table(table) for table in evaluation_tables(evaluation)),
        *(_confusion(evaluation, name) for name in ("entities", "triggers")),
        _calibration(evaluation.calibration),
        _filter(mistakes, len(evaluation.mistakes)),
        *(_mistake(mistake, texts[mistake.document], palette) for mistake in mistakes),
        page_end(script),
    ))  # fmt: skip


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
    return _part(html_text(table.title), table_html(table.header, table.rows, ("section", "kind")))


def _part(title: str, content: str, *, is_open: bool = True) -> str:
    """Return a box that opens and closes; both parts are HTML."""
    return (
        f'<details class="box"{" open" if is_open else ""}><summary>{title}</summary>'
        f'<div class="table">{content}</div></details>\n'
    )


def _filter(mistakes: Sequence[Mistake], total: int) -> str:
    """Return the form by which mistakes are chosen."""
    sections, kinds = (
        f'<select name="{name}">{_options(dict.fromkeys(map(attrgetter(name), mistakes)))}</select>'
        for name in ("section", "kind")
    )
    search = '<input name="text" type="search">'
    return (
        f'<form class="box bar"><h2>{word("mistakes")}</h2>'
        f"{_field('section', sections)}{_field('kind', kinds)}{_field('type or document', search)}"
        f"<span><output></output> / {len(mistakes)}, {word('all')} {total}</span></form>\n"
    )


def _field(name: str, control: str) -> str:
    return f'<label class="field"><span>{word(name)}</span>{control}</label>'


def _options(names: Iterable[str]) -> str:
    named = (f'<option value="{html_text(name)}">{both(name)}</option>' for name in names)
    return "".join(('<option value=""></option>', *named))


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
        return html_text(name) or word("none")

    head = "".join(f"<th>{label(name)}</th>" for name in names)
    rows = "".join(
        f"<tr><th>{label(row)}</th>"
        + "".join(_confusion_cell(counts, row, column) for column in names)
        + "</tr>"
        for row in names
    )
    return _part(
        f"confusion of types, {section}: gold in rows, predicted in columns, equal offsets only",
        f"<table><thead><tr><th></th>{head}</tr></thead><tbody>{rows}</tbody></table>",
        is_open=False,
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
    return _part(
        f"calibration of {found.count} scores: expected error {found.error:.4f}, "
        f"{found.error_after:.4f} calibrated",
        '<svg viewBox="-2 -2 204 204" width="260" height="260" role="img" aria-label="calibration">'
        '<rect class="frame" width="200" height="200"></rect>'
        f'{bars}<line x1="0" y1="200" x2="200" y2="0"></line></svg>'
        "<p>share right (up) by score (across)</p>",
    )


def _mistake(mistake: Mistake, text: str, palette: Palette) -> str:
    sides = (mistake.gold, mistake.predicted)
    ranges = shown_ranges(text, (m for side in sides if side for _, m in side.mentions))
    labels = " ".join(dict.fromkeys(side.label for side in sides if side))
    return (
        f'<article class="box" data-kind="{html_text(mistake.kind)}" data-section="{html_text(mistake.section)}" '
        f'data-text="{html_text(f"{labels} {mistake.document}".lower())}">'
        f'<h3>{word(mistake.section)}: <span title="{html_text(KINDS[mistake.kind])}">'
        f"{word(mistake.kind)}</span> <small>{html_text(mistake.document)}</small></h3>"
        f"{_side('gold', mistake.gold, text, ranges, palette)}"
        f"{_side('predicted', mistake.predicted, text, ranges, palette)}</article>\n"
    )


def _side(
    name: str,
    side: Marked | None,
    text: str,
    ranges: Sequence[tuple[int, int]],
    palette: Palette,
) -> str:
    mentions = side.mentions if side else ()
    segments = cut_segments(text, mentions, ranges)
    pieces = "".join(segment_html(segment, palette) for segment in segments)
    lost = "".join(
        f"<li>{html_text(label)}: {html_text(string)}</li>"
        for label, string in lost_mentions(mentions)
    )
    label = html_text(side.label) if side else word("nothing")
    missing = f'<p class="hint">{word("not in the text")}</p><ul>{lost}</ul>' if lost else ""
    return (
        f'<div class="{name}"><p class="hint">{word(name)}: {label}</p>'
        f'<p class="text block">{pieces}</p>{missing}</div>'
    )
