"""Pieces of the pages: tables, and text with its mentions marked; all of it escaped."""

from collections.abc import Iterable, Sequence
from html import escape

from .segments import Segment
from .visible import visible


def html_text(text: str) -> str:
    """Return a text as HTML that shows it and does nothing else; see `visible`."""
    return escape(visible(text))


def table_html(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table as HTML."""
    head = "".join(f"<th>{html_text(name)}</th>" for name in header)
    body = "".join(
        "<tr>" + "".join(f"<td>{html_text(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def segment_html(segment: Segment) -> str:
    """Return a piece of text as HTML, marked with the labels of what covers it."""
    if not segment.text:
        return '<span class="gap">…</span>'
    text = html_text(segment.text)
    if not segment.covers:
        return text
    tags = "".join(f"<b>{html_text(label)}</b>" for label in segment.begins)
    deep = " deep" if segment.depth > 1 else ""
    return (
        f'{tags}<mark class="m{deep}" title="{html_text(", ".join(segment.covers))}">{text}</mark>'
    )
