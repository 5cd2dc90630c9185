"""The facts of documents as one HTML page, marked in their texts, with nothing loaded from elsewhere."""

from collections import Counter

from ..data.documents import Document, Located
from .facts import facts_tables
from .html import Palette, html_text, legend_html, segment_html, table_html
from .segments import cut_segments


def page_article(document: Document, palette: Palette | None = None) -> str:
    """Return a document as HTML: its text with all that is in it marked, and tables of the facts.

    With one palette a type has one colour in all documents of a page.
    """
    palette = palette or Palette()
    for entity in document.entities:
        palette.add(entity.type or "", "entity")
    for event in document.events:
        palette.add(event.type, "trigger")
        for argument in event.arguments:
            palette.add(argument.role, "argument", event.type)
    types = Counter(entity.type or "" for entity in document.entities)
    types += Counter(event.type for event in document.events)
    legend = legend_html(types, palette)
    segments = cut_segments(document.text, _marked(document), [(0, len(document.text))])
    pieces = "".join(segment_html(segment, palette) for segment in segments)
    tables = "".join(
        f'<div class="table">{table_html(header, rows)}</div>'
        for header, rows in facts_tables(document)
    )
    return (
        f'<article class="box"><h2>{html_text(document.id)}</h2>{legend}'
        f'<p class="text block">{pieces}</p>{tables}</article>\n'
    )


def _marked(document: Document) -> list[tuple[str, Located]]:
    """Return what to mark, under its label, each place and label once."""
    found: list[tuple[str, Located]] = [(e.type or "", e) for e in document.entities]
    for relation in document.relations:
        ends = (relation.subject, relation.object, *relation.qualifiers.values())
        found += [(end.type or relation.type, end) for end in ends]
    for event in document.events:
        found += [(event.type, event.trigger)] if event.trigger else []
        found += [(argument.role, argument) for argument in event.arguments]
    return list({(label, mention.span): (label, mention) for label, mention in found}.values())
