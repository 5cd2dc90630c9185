"""Marks around mentions: `<a>Nestle</a> cuts jobs`; and what is left of them in a translation.

Each mention has a letter of its own, so that its marks tell which mention they are of however words
are reordered. Blanks inside a mark, capitals and full-width forms are read; whatever else became of a
mark is a loss with a reason.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

from .protocol import Span

LETTERS = "abcdefghijklmnopqrstuvwxyz"
DROPPED, DOUBLED, CHANGED = "mark dropped", "mark doubled", "mark changed"
NOTHING, TURNED, CROSSING = "marks around nothing", "marks turned around", "crosses another mention"
TOO_MANY = "more mentions than marks"

_MARK = re.compile(r"[<＜]\s*([/／]?)\s*([A-Za-zＡ-Ｚａ-ｚ])\s*[>＞]")
# What looks like a mark and is none: letters added, brackets of another kind or half lost.
_REMAINS = re.compile(
    r"[<＜][/／]?\s*\w{0,8}\s*[>＞]|[<＜][/／]?\s*\w\b|[</＜／]\w[>＞]|[【〈《]\s*/?[a-z]\s*[】〉》]"
)


class MarkedText(NamedTuple):
    """A text with marks; `reasons` holds, by place of the mention, why it could not be marked."""

    text: str
    letters: tuple[str, ...]
    reasons: dict[int, str]


class Unmarked(NamedTuple):
    """A text without marks, and of each letter the span between its marks or why there is none."""

    text: str
    spans: dict[str, Span]
    reasons: dict[str, str]


def put_marks(text: str, spans: Sequence[Span]) -> MarkedText:
    """Put marks around spans; nested ones are nested, crossing ones left out."""
    letters: list[str] = []
    reasons: dict[int, str] = {}
    kept: list[tuple[int, int, str]] = []
    for n, (start, end) in enumerate(spans):
        letter = LETTERS[len(kept)] if len(kept) < len(LETTERS) else ""
        letters.append(letter)
        if not letter:
            reasons[n] = TOO_MANY
        elif any(s < start < e < end or start < s < end < e for s, e, _ in kept):
            reasons[n], letters[-1] = CROSSING, ""
        else:
            kept.append((start, end, letter))
    # At one place what ends goes first; of what begins there the longer one, of what ends the shorter.
    edges = [(end, 0, end - start, f"</{letter}>") for start, end, letter in kept]
    edges += [(start, 1, start - end, f"<{letter}>") for start, end, letter in kept]
    pieces, done = [], 0
    for at, _, _, mark in sorted(edges):
        pieces += [text[done:at], mark]
        done = at
    return MarkedText("".join([*pieces, text[done:]]), tuple(letters), reasons)


def take_marks(text: str, letters: Sequence[str]) -> Unmarked:
    """Take the marks out of a translation."""
    plain: list[str] = []
    length = done = 0
    places: dict[str, tuple[list[int], list[int]]] = {}
    for mark in _MARK.finditer(text):
        plain.append(text[done : mark.start()])
        length += mark.start() - done
        done = mark.end()
        letter = chr((ord(mark[2]) - 0xFEE0) if ord(mark[2]) > 0xFF00 else ord(mark[2])).lower()
        places.setdefault(letter, ([], []))[bool(mark[1])].append(length)
    plain.append(text[done:])
    result = "".join(plain)
    has_remains = bool(_REMAINS.search(result))
    spans: dict[str, Span] = {}
    reasons: dict[str, str] = {}
    for letter in filter(None, letters):
        begins, ends = places.get(letter, ([], []))
        reason = _fault(begins, ends, has_remains)
        if not reason:
            start, end = _stripped(result, begins[0], ends[0])
            reason = NOTHING if start >= end else ""
        if reason:
            reasons[letter] = reason
        else:
            spans[letter] = (start, end)
    return Unmarked(result, spans, reasons)


def _fault(begins: list[int], ends: list[int], has_remains: bool) -> str:
    if len(begins) > 1 or len(ends) > 1:
        return DOUBLED
    if not begins or not ends:
        return CHANGED if has_remains else DROPPED
    return TURNED if begins[0] > ends[0] else ""


def _stripped(text: str, start: int, end: int) -> Span:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return start, end


def has_remains(text: str) -> bool:
    """Return whether something that looks like a mark is left in a text."""
    return bool(_MARK.search(text) or _REMAINS.search(text))
