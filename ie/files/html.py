"""Pieces of the pages: tables, and text with its mentions marked; all of it escaped."""

from collections.abc import Iterable, Sequence
from html import escape

from .segments import Segment


def table_html(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table as HTML."""
    head = "".join(f"<th>{escape(name)}</th>" for name in header)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def segment_html(segment: Segment) -> str:
    """Return a piece of text as HTML, marked with the labels of what covers it."""
    if not segment.text:
        return '<span class="gap">…</span>'
    text = escape(segment.text)
    if not segment.covers:
        return text
    tags = "".join(f"<b>{escape(label)}</b>" for label in segment.begins)
    deep = " deep" if len(segment.covers) > 1 else ""
    return f'{tags}<mark class="m{deep}" title="{escape(", ".join(segment.covers))}">{text}</mark>'
