"""Pieces of the pages: tables, and text with its mentions marked; all of it escaped."""

import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import cache
from html import escape
from importlib import resources
from itertools import starmap

from .segments import Segment
from .visible import visible

# Code points of a label that stands behind its mention.
_LONGEST = 20


class Palette:
    """How labels are marked: each in a hue of its own, in the order in which they come.

    The hues are those of the page of `chinchilla serve`.
    """

    def __init__(self) -> None:
        self._hues: dict[str, int] = {}
        self._kinds: dict[str, tuple[str, str]] = {}

    def add(self, label: str, kind: str, like: str | None = None) -> None:
        """Mark a label as an `entity`, a `trigger` or an `argument`, in the hue of another label.

        What is an entity too is marked as one.
        """
        if kind == "entity":
            self._kinds[label] = (kind, label)
        self._kinds.setdefault(label, (kind, label if like is None else like))

    def kind(self, label: str) -> str:
        """Return the kind of a label; without one it is an entity."""
        return self._kinds.get(label, ("entity", ""))[0]

    def hue(self, label: str) -> int:
        """Return the hue of a label in degrees, always the same."""
        label = self._kinds.get(label, ("", label))[1]
        number = self._hues.setdefault(label, len(self._hues))
        return round((number * 137.508 + 210) % 360)


def html_text(text: str) -> str:
    """Return a text as HTML that shows it and does nothing else; see `visible`."""
    return escape(visible(text))


@cache
def _chinese() -> dict[str, str]:
    words = resources.files("chinchilla.files").joinpath("page_words.json")
    found: dict[str, str] = json.loads(words.read_text(encoding="utf-8"))
    return found


def word(english: str) -> str:
    """Return a word of ours as HTML in both languages, of which one is shown; an unknown one as it is."""
    chinese = _chinese().get(english)
    if chinese is None:
        return html_text(english)
    text = html_text(english[:1].upper() + english[1:])
    return f'<span lang="zh">{chinese}</span><span lang="en">{text}</span>'


def both(english: str) -> str:
    """Return a word of ours as plain HTML, the languages side by side: for a list to choose from."""
    chinese = _chinese().get(english)
    return html_text(f"{chinese} {english}" if chinese else english)


def table_html(
    header: Sequence[str], rows: Iterable[Sequence[str]], ours: Collection[str] = ()
) -> str:
    """Return a table as HTML, with a header in both languages, as are the columns named in `ours`."""
    head = "".join(f'<th scope="col">{word(name)}</th>' for name in header)
    shown = [word if name in ours else html_text for name in header]
    lines = ("".join(starmap(_cell, zip(row, shown, strict=True))) for row in rows)
    body = "".join(f"<tr>{line}</tr>" for line in lines)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _cell(text: str, show: Callable[[str], str]) -> str:
    figure = ' class="figure"' if text[:1].isdecimal() and len(text) < 12 else ""
    return f"<td{figure}>{show(text)}</td>"


def legend_html(counts: Mapping[str, int], palette: Palette) -> str:
    """Return the labels in their hues, each with how many there are."""
    chips = (
        f'<span class="chip" style="--hue:{palette.hue(label)}">'
        f"{html_text(_short(label))} {count}</span>"
        for label, count in counts.items()
    )
    return f'<div class="legend"><div class="row">{"".join(chips)}</div></div>'


def segment_html(segment: Segment, palette: Palette) -> str:
    """Return a piece of text as HTML, in the hue of what covers it most closely.

    The labels of mentions that end with the piece stand behind it.
    """
    if not segment.text:
        return '<span class="gap">…</span>'
    text = html_text(segment.text)
    if not segment.covers:
        return text
    deep = " deep" if segment.depth > 1 else ""
    said = html_text("·".join(map(_short, segment.ends)))
    label = f' data-label="{said}"' if said else ""
    return (
        f'<mark class="{palette.kind(segment.inner)}{deep}" style="--hue:{palette.hue(segment.inner)}"'
        f'{label} title="{html_text(", ".join(segment.covers))}">{text}</mark>'
    )


def _short(label: str) -> str:
    return label if len(label) <= _LONGEST else f"{label[: _LONGEST - 1]}…"
