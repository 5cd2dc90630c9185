"""The suspects of an audit as one HTML page: each in its sentence, two readings side by side."""

from collections.abc import Iterator

from ..data.documents import Document, Mention
from ..files.html import Palette, html_text, segment_html, table_html, word
from ..files.page import page_end, page_head
from ..files.segments import cut_segments, shown_ranges
from .audit import Audited, Summary
from .suspects import RULES, Span, Suspect

# Beyond so many suspects a page is no longer read.
MOST_SHOWN = 2000


def page_begin(title: str) -> str:
    """Return how the page begins."""
    return page_head(title)


def audited_html(one: Audited, palette: Palette) -> Iterator[str]:
    """Yield an article for each suspect of a document; with one palette a type has one colour."""
    for suspect in one.suspects:
        yield _article(one.document, suspect, f"{one.file}:{one.number}", palette)


def page_finish(summary: Summary, shown: int) -> str:
    """Return how the page ends: the counts, which are known only now."""
    total = summary.rules.total()
    rows = [
        (rule, str(summary.rules[rule]), RULES[rule].meaning)
        for rule in RULES
        if summary.rules[rule]
    ]
    more = f"<p>{shown:,} / {total:,}</p>" if shown < total else ""
    table = table_html(("rule", "suspects", "what it says"), rows)
    counts = f"{word('suspects')} {total:,}, {word('documents')} {summary.documents:,}"
    return f'<article class="box"><h2>{counts}</h2>{table}{more}</article>\n{page_end()}'


def _article(document: Document, suspect: Suspect, place: str, palette: Palette) -> str:
    told = f": {suspect.detail}" if suspect.detail else ""
    sides = [("annotated", suspect.label, suspect.span)]
    if suspect.other is not None:
        sides.append(("predicted", *suspect.other))
    shown = "".join(_side(document.text, *side, suspect.text, palette) for side in sides)
    return (
        f'<article class="box"><h2>{html_text(suspect.rule)}{html_text(told)} '
        f"<small>{html_text(place)} {html_text(document.id)} {html_text(suspect.where)}, "
        f"certainty {suspect.certainty:.2f}</small></h2>{shown}</article>\n"
    )


def _side(
    text: str, name: str, label: str, span: Span | None, mention: str, palette: Palette
) -> str:
    inside = span is not None and 0 <= span[0] < span[1] <= len(text)
    marks = [(label or mention, Mention(mention, *span))] if span is not None and inside else []
    ranges = shown_ranges(text, [mark for _, mark in marks])
    pieces = "".join(segment_html(one, palette) for one in cut_segments(text, marks, ranges))
    said = html_text(label) if label else word("nothing") if name == "predicted" else ""
    lost = f" {html_text(mention)}" if not marks and mention else ""
    head = f"{word(name)}: {said}{lost}" if said or lost else word(name)
    return f'<p class="hint">{head}</p><p class="text block">{pieces}</p>'
