"""Where the strings of corpora without offsets, or with wrong ones, stand in the text.

One rule for all: an offset is believed only after `text[start:end] == mention`. Strings are looked
for as they are (`str.find`, never a pattern: names hold `(`, `*` and `$`), then with case, width,
blanks and outer 《》 folded; a mention found so takes the wording of the text.
"""

import unicodedata
from bisect import bisect_left
from collections.abc import Iterator
from functools import lru_cache

from chinchilla.data.occurrences import find_all

Span = tuple[int, int]
# Further than any two places of a text; spans that overlap are ranked behind it.
_FAR = 1 << 40


def spans_of(text: str, mention: str) -> tuple[list[Span], bool]:
    """Return every span of a mention and whether it was found only after folding."""
    size = len(mention)
    spans = [(at, at + size) for at in find_all(text, mention)]
    if spans:
        return spans, False
    return list(_folded_spans(text, mention)), True


def trimmed(mention: str, start: int | None) -> tuple[str, int | None]:
    """Return the mention without blanks at its ends, and its start moved accordingly."""
    core = mention.strip()
    if core == mention or not core:
        return mention, start
    if start is not None:
        start += len(mention) - len(mention.lstrip())
    return core, start


def nearest(spans: list[Span], hint: int) -> Span:
    """Return the span whose start is closest to `hint`; the left one of two equally close."""
    if len(spans) == 1:
        return spans[0]
    # The two around the hint are enough: spans come left to right.
    at = bisect_left(spans, (hint,))
    return min(spans[max(at - 1, 0) : at + 1], key=lambda span: abs(span[0] - hint))


def closest_pair(first: list[Span], second: list[Span]) -> tuple[Span, Span]:
    """Return the two spans, one of each list, with the fewest code points between them.

    Spans that overlap are taken only if no two are apart: a person inside a company's name is
    rarely the mention meant. Of equal pairs the leftmost wins.
    """
    pair = first[0], second[0]
    if len(first) == 1 and len(second) == 1:
        return pair
    least, left = 2 * _FAR, 0
    for a in first:
        for b in second:
            after, before = a[0] - b[1], b[0] - a[1]
            gap = after if after > before else before
            if gap < 0:
                gap = _FAR - gap
            start = a[0] if a[0] < b[0] else b[0]
            if gap < least or (gap == least and start < left):
                least, left, pair = gap, start, (a, b)
    return pair


def _folded_spans(text: str, mention: str) -> Iterator[Span]:
    core = mention.strip()
    if core[:1] == "《" and core[-1:] == "》":
        core = core[1:-1].strip()
    wanted = "".join(_fold(character) for character in core if not character.isspace())
    if not wanted:
        return
    # Blanks are taken out on both sides, so each kept character remembers where it stood.
    kept = [i for i, character in enumerate(text) if not character.isspace()]
    folded = "".join(_fold(text[i]) for i in kept)
    for at in find_all(folded, wanted):
        yield kept[at], kept[at + len(wanted) - 1] + 1


@lru_cache(maxsize=65536)
def _fold(character: str) -> str:
    """Fold case and width of one character, only where one character comes out."""
    plain = unicodedata.normalize("NFKC", character).lower()
    return plain if len(plain) == 1 else character
