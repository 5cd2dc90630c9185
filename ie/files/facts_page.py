"""The facts of documents as one HTML page, marked in their texts, with nothing loaded from elsewhere."""

from importlib import resources
from string import Template

from ..data.documents import Document, Located
from .facts import facts_tables
from .html import html_text, segment_html, table_html
from .segments import cut_segments

PAGE_END = "</body>\n</html>\n"


def page_head(title: str) -> str:
    """Return how the page begins; articles and `PAGE_END` follow."""
    template = resources.files("chinchilla.files").joinpath("facts.html")
    return Template(template.read_text(encoding="utf-8")).substitute(title=html_text(title))


def page_article(document: Document) -> str:
    """Return a document as HTML: its text with all that is in it marked, and tables of the facts."""
    segments = cut_segments(document.text, _marked(document), [(0, len(document.text))])
    tables = "".join(table_html(header, rows) for header, rows in facts_tables(document))
    return (
        f"<article><h2>{html_text(document.id)}</h2>"
        f"<p>{''.join(map(segment_html, segments))}</p>{tables}</article>\n"
    )


def _marked(document: Document) -> list[tuple[str, Located]]:
    """Return what to mark, under its label, each place and label once."""
    found: list[tuple[str, Located]] = [(e.type or "", e) for e in document.entities]
    for relation in document.relations:
        ends = (relation.subject, relation.object, *relation.qualifiers.values())
        found += [(relation.type, end) for end in ends]
    for event in document.events:
        found += [(event.type, event.trigger)] if event.trigger else []
        found += [(argument.role, argument) for argument in event.arguments]
    return list({(label, mention.span): (label, mention) for label, mention in found}.values())
