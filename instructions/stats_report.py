"""Statistics shown: plain tables, and one HTML page with plots that needs nothing else."""

from collections.abc import Sequence

from chinchilla.files.html import html_text, table_html, word
from chinchilla.files.page import page_end, page_head
from chinchilla.files.tables import Row, Table, format_table
from chinchilla.instructions.stats import Lengths, Stats, by_frequency

_SHOWN_TYPES = 40
_BINS = 24
_STYLE = "rect.part { fill: var(--soft) !important; }\n"


def stats_tables(stats: Stats) -> str:
    """Return the tables of sources, types and templates as aligned plain text."""
    parts = [format_table(Table(f"{stats.items} {stats.kind}", *_source_table(stats)))]
    for task in sorted(stats.types):
        parts.append(format_table(Table(f"types: {task}", *_type_table(stats, task))))
    if stats.templates:
        parts.append(format_table(Table("templates", *_template_table(stats))))
    return "\n\n".join(parts)


def _source_table(stats: Stats) -> tuple[Row, list[Row]]:
    has_tokens = any(source.tokens.counts for source in stats.sources.values())
    header: Row = ("source", stats.kind or "items", "empty", "tasks", "chars mean", "p95", "max")
    header += ("tokens mean", "p95", "max") if has_tokens else ()
    rows = []
    for name, source in sorted(stats.sources.items()):
        tasks = ", ".join(f"{task} {n}" for task, n in sorted(source.tasks.items()))
        row: Row = (name, str(source.items), _share(source.empty, source.items), tasks)
        row += _lengths(source.characters) + (_lengths(source.tokens) if has_tokens else ())
        rows.append((*row, "; ".join(source.licences)))
    return (*header, "licences"), rows


def _lengths(lengths: Lengths) -> Row:
    summary = lengths.to_dict()
    if not summary:
        return ("", "", "")
    return f"{summary['mean']:.1f}", str(summary["p95"]), str(summary["max"])


def _type_table(stats: Stats, task: str) -> tuple[Row, list[Row]]:
    is_records = stats.kind == "records"
    header: Row = ("type", "named", f"in {stats.kind}")
    header += ("asked in", "negatives") if is_records else ()
    rows = []
    for label, found in by_frequency(stats.types[task]):
        row: Row = (label, str(found.mentions), str(found.items))
        if is_records:
            row += (str(found.asked), _share(found.asked - found.items, found.asked))
        rows.append((*row, ", ".join(f"{s} {n}" for s, n in sorted(found.sources.items()))))
    return (*header, "by source"), rows


def _template_table(stats: Stats) -> tuple[Row, list[Row]]:
    rows: list[Row] = [
        (name, str(n), _share(n, stats.items)) for name, n in stats.templates.most_common()
    ]
    return ("template", "records", "share"), rows


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f}%" if whole else ""


def stats_page(stats: Stats) -> str:
    """Return one self-contained HTML page: tables, and plots as inline SVG, no script."""
    title = f"{stats.items} {stats.kind or 'items'}"
    body = [f"<p>{html_text(', '.join(stats.files))}</p>"]
    sizes = [(name, s.items, s.empty) for name, s in sorted(stats.sources.items())]
    drawn = [_bars(sizes, f"{stats.kind} (grey: empty)")]
    for name, source in sorted(stats.sources.items()):
        for unit, lengths in (("characters", source.characters), ("tokens", source.tokens)):
            if lengths.counts:
                drawn.append(_histogram(lengths, f"{name}: length in {unit}"))
    body.append(_section(word("sources"), table_html(*_source_table(stats)), *drawn))
    for task in sorted(stats.types):
        types = by_frequency(stats.types[task])
        counts = [(label, found.mentions, 0) for label, found in types[:_SHOWN_TYPES]]
        more = f", the first {_SHOWN_TYPES} of {len(types)}" if len(types) > _SHOWN_TYPES else ""
        title_of = f"{word('types')}: {html_text(task)}"
        table = table_html(*_type_table(stats, task))
        body.append(_section(title_of, _bars(counts, f"times named{more}"), table))
    if stats.templates:
        body.append(_section(word("templates"), table_html(*_template_table(stats))))
    body.append(_section(word("licences"), _bars(_licences(stats), stats.kind)))
    return "\n".join([page_head(title, style=_STYLE), *body, page_end()])


def _section(title: str, *parts: str) -> str:
    """Return a box with a title; all are HTML."""
    return f'<article class="box"><h2>{title}</h2>{"".join(parts)}</article>'


def _licences(stats: Stats) -> list[tuple[str, int, int]]:
    counts: dict[str, int] = {}
    for source in stats.sources.values():
        for licence, number in source.licences.items():
            counts[licence] = counts.get(licence, 0) + number
    return [
        (name, n, 0) for name, n in sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    ]


def _bars(rows: Sequence[tuple[str, int, int]], title: str) -> str:
    """Draw a horizontal bar for each (name, whole, part of it in the second colour)."""
    most = max((whole for _, whole, _ in rows), default=0) or 1
    height = 18
    drawn = [f'<text x="0" y="12">{html_text(title)}</text>']
    for i, (name, whole, part) in enumerate(rows, 1):
        y = i * height
        width, filled = 420 * whole / most, 420 * part / most
        drawn.append(
            f'<text x="0" y="{y + 12}">{html_text(name)}</text>'
            f'<rect x="220" y="{y + 2}" width="{width:.1f}" height="13"/>'
            f'<rect class="part" x="220" y="{y + 2}" width="{filled:.1f}" height="13"/>'
            f'<text x="{225 + width:.1f}" y="{y + 12}">{whole}</text>'
        )
    size = (len(rows) + 1) * height
    return _svg(size, title, drawn)


def _histogram(lengths: Lengths, title: str) -> str:
    """Draw the distribution in equal bins; the last one holds all above the 99th percentile."""
    limit = max(lengths.at_share(0.99), 1)
    width = -(-limit // _BINS)
    bins = [0] * _BINS
    for length, number in lengths.counts.items():
        bins[min(length // width, _BINS - 1)] += number
    most = max(bins) or 1
    drawn = [f'<text x="0" y="12">{html_text(title)}</text>']
    for i, number in enumerate(bins):
        height = 100 * number / most
        drawn.append(
            f'<rect x="{i * 28}" y="{120 - height:.1f}" width="26" height="{height:.1f}">'
            f"<title>{i * width}-{(i + 1) * width - 1}: {number}</title></rect>"
        )
        if i % 4 == 0:
            drawn.append(f'<text x="{i * 28}" y="134">{i * width}</text>')
    return _svg(140, title, drawn)


def _svg(height: int, title: str, drawn: Sequence[str]) -> str:
    return (
        f'<svg viewBox="0 0 720 {height}" width="720" role="img" aria-label="{html_text(title)}">'
        f"{''.join(drawn)}</svg>"
    )
