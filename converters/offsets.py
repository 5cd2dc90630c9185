r"""How an annotation tool counted: spans of one text that are shifted are shifted together.

A browser or Java counts an emoji as two, a tool on Windows a line end as two or as one, a byte-order
mark as one or as none. So one reading is chosen for a whole text: the one under which most of its
spans hold. Only then is a span that does not hold looked at alone.
"""

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import NamedTuple

from chinchilla.data.occurrences import find_all
from chinchilla.data.segmenter import segmenter

CODE_POINTS = "code points"
UTF16 = "UTF-16 units"
_UTF8 = "UTF-8 bytes"
_ONCE = "a line end counted once"
_BLANKS = re.compile(r"\s+")
_AGREEING = 2
_SHIFTS_TRIED = 3
# Spans without their text: so many more ends must be ends of words under another reading.
_WORD_ENDS = 2


class Given(NamedTuple):
    """A span as a tool gives it, end-exclusive; `mention` is None where the tool gives no text."""

    start: int
    end: int
    mention: str | None = None


@dataclass(frozen=True)
class Reading:
    """A way of counting: `places[i]` is the count at code point i, the end of the text included."""

    name: str
    places: Sequence[int]

    def span(self, given: Given) -> tuple[int, int] | None:
        """Return the span in code points, or None where it is none of the text."""
        start, end = self._at(given.start), self._at(given.end)
        return (start, end) if start is not None and end is not None and start < end else None

    def near(self, count: int) -> int:
        """Return the code point at or after a count."""
        return bisect_left(self.places, count)

    def _at(self, count: int) -> int | None:
        at = bisect_left(self.places, count)
        return at if at < len(self.places) and self.places[at] == count else None


def choose_reading(text: str, spans: Sequence[Given], native: str = CODE_POINTS) -> Reading:
    """Return the reading under which most spans hold; of equals the tool's `native` one.

    A span with its text holds where the text has it. One without holds within the text; of readings
    that are equal in that, the ends of words tell.
    """
    plain = Reading(CODE_POINTS, range(len(text) + 1))
    is_plain = "\r\n" not in text and not any(character > "\uffff" for character in text)
    held, exact = _held(text, spans, plain)
    if held == len(spans) and (is_plain or (native == CODE_POINTS and exact == held)):
        # Nearly every text.
        return plain
    usual = (CODE_POINTS, UTF16, f"{CODE_POINTS}, {_ONCE}", f"{UTF16}, {_ONCE}")
    readings = sorted([plain, *_readings(text)], key=lambda reading: reading.name != native)
    scored = [(_held(text, spans, reading), reading) for reading in readings]
    scored += [(_held(text, spans, shift), shift) for shift in _shifts(text, spans)]
    # What few tools do is believed of several spans alone.
    scored = [one for one in scored if one[1].name in usual or one[0][0] >= _AGREEING]
    best = max(score for score, _ in scored)
    equal = [reading for score, reading in scored if score == best]
    if best[1]:
        return equal[0]
    return _by_words(text, spans, [one for one in equal if one.name in usual] or equal)


def holds(text: str, span: tuple[int, int], mention: str) -> bool:
    """Say whether a span is of a mention: equal but for blanks, or wider than it."""
    return len(_plain(mention)) > 0 and _plain(mention) in _plain(text[slice(*span)])


def count_holding(text: str, spans: Sequence[Given], reading: Reading) -> int:
    """Return how many spans hold under a reading."""
    return _held(text, spans, reading)[0]


def _held(text: str, spans: Sequence[Given], reading: Reading) -> tuple[int, int]:
    """Return how many spans hold, and how many of them have the very text given with them."""
    held = exact = 0
    for given in spans:
        span = reading.span(given)
        if span is None:
            continue
        found = text[slice(*span)]
        if given.mention is None:
            held += 1
        elif given.mention == found or _plain(given.mention) == _plain(found):
            held += 1
            exact += 1
        else:
            held += holds(text, span, given.mention)
    return held, exact


def _plain(mention: str) -> str:
    return _BLANKS.sub(" ", mention).strip()


def _readings(text: str) -> Iterator[Reading]:
    """Yield the ways of counting other than ours that differ in this text, the simplest first."""
    units = [(CODE_POINTS, [1] * len(text))]
    if any(character > "\uffff" for character in text):
        units.append((UTF16, [1 + (character > "\uffff") for character in text]))
    if not text.isascii():
        units.append((_UTF8, [len(c.encode("utf-8", "surrogatepass")) for c in text]))
    breaks = [""]
    if "\r\n" in text:
        breaks.append(_ONCE)
    elif "\n" in text:
        breaks.append("a line end counted twice")
    marks = [("", 0), ("one more, as for a byte-order mark", 1)]
    if text.startswith("\ufeff"):
        marks.append(("the byte-order mark not counted", -1))
    for how, first in marks:
        for line_end in breaks:
            for name, sizes in units:
                said = ", ".join(part for part in (name, line_end, how) if part)
                if said == CODE_POINTS:
                    continue
                counts = _with_line_ends(text, sizes) if line_end else sizes
                yield Reading(said, list(accumulate(counts, initial=first)))


def _with_line_ends(text: str, sizes: Sequence[int]) -> list[int]:
    counted = list(sizes)
    for match in re.finditer(r"\r\n|\n", text):
        if match.group() == "\r\n":
            counted[match.start()] = 0
        elif "\r\n" not in text:
            counted[match.start()] = 2
    return counted


def _shifts(text: str, spans: Sequence[Given]) -> Iterator[Reading]:
    """Yield the constant shifts by which one of the first spans would stand where its text is."""
    tried = {0}
    for given in [one for one in spans if one.mention][:_SHIFTS_TRIED]:
        for at in find_all(text, given.mention or ""):
            shift = given.start - at
            if shift not in tried:
                tried.add(shift)
                yield Reading(f"{shift:+d} code points", range(shift, shift + len(text) + 1))


def _by_words(text: str, spans: Sequence[Given], readings: Sequence[Reading]) -> Reading:
    """Return the first reading, unless under another clearly more spans end where words do."""
    if len(readings) == 1:
        return readings[0]
    words = accumulate(map(len, segmenter().cut(text)), initial=0)
    borders = frozenset(words)
    counts = []
    for reading in readings:
        ends = [end for given in spans for end in reading.span(given) or ()]
        counts.append(sum(end in borders for end in ends))
    best = max(range(len(readings)), key=lambda i: counts[i])
    return readings[best if counts[best] >= counts[0] + _WORD_ENDS else 0]
