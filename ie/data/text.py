"""Chinese text as positions: windows that respect sentences, and a folded copy with a way back.

Nothing here changes a text. All positions are code points, ranges exclude their end.
"""

import re
import unicodedata
from collections.abc import Callable
from functools import cache, lru_cache
from typing import NamedTuple

_PAIRS = dict(zip("》”’）」』】〉〕)]", "《“‘（「『【〈〔([", strict=True))
_OPENERS = frozenset(_PAIRS.values())
# A sentence ends after these marks and the closing marks that follow them.
_SENTENCE = re.compile(r"(?:[。！？!?…]+|(?<=[^\d\s])\.(?=\s))[》”’）」』】〉〕)\]]*")
_HALF = re.compile(r"[；;]")
_CLAUSE = re.compile(r"[，,、：:]|[^\S\n]+")
_WORD = re.compile(r"[0-9A-Za-z０-９Ａ-Ｚａ-ｚ]+(?:[.,．，'’\-_/@:%％][0-9A-Za-z０-９]+)*[%％]?")
_PARAGRAPH_LEVEL, _SENTENCE_LEVEL, _HALF_LEVEL, _CLAUSE_LEVEL = 7, 6, 4, 2
# The end of a clause inside brackets is the least of boundaries.
_BOUNDARY_LEVEL = 1
_INSIDE_WORD, _INSIDE_BRACKETS = -2, -1


def with_title(title: str, text: str) -> str:
    """Return a title, a line end and the text, or the text alone if it begins with its title."""
    return text if text.startswith(title) else f"{title}\n{text}"


def windows(text: str, size: int, overlap: int = 0, seam: int = 0) -> list[tuple[int, int]]:
    """Cut a text into `[start, end)` windows of at most `size` characters, none lost.

    A window ends after a paragraph, else a sentence, else a clause, in its second half; outside
    of 《》, quotes and brackets where it can, and never inside a number or Latin word that a window
    could hold. Consecutive windows share up to `overlap` characters: whole sentences after a
    sentence end, else so many but for the rest of a word, so that any mention of at most `overlap`
    characters that begins inside no word and holds no end of a sentence or line lies whole in one
    window. Where a window ends at no boundary, not even that of a clause, its neighbour shares `seam`
    characters (less than half a window), so that a name of that length lies whole in one of them.
    An empty text has no windows.

    Raises:
        ValueError: not 0 <= overlap < size.
    """
    if not 0 <= overlap < size:
        raise ValueError(f"need 0 <= overlap < size, got size {size} and overlap {overlap}")
    length = len(text)
    if length <= size:
        return [(0, length)] if text else []
    levels = _cut_levels(text)
    result = []
    start = 0
    while length - start > size:
        earliest = start + max(size // 2, overlap + 1)
        cut = max(range(earliest, start + size + 1), key=lambda at: (levels[at], at))
        result.append((start, cut))
        is_seam = levels[cut] < _BOUNDARY_LEVEL
        # Half of a window at most, or there would be no end of windows.
        shared = max(overlap, min(seam, size // 2 - 1)) if is_seam else overlap
        start = _next_start(levels, start, cut, shared)
    result.append((start, length))
    return result


def _next_start(levels: list[int], start: int, cut: int, overlap: int) -> int:
    if overlap == 0:
        return cut
    first = max(start + 1, cut - overlap)
    if levels[cut] >= _SENTENCE_LEVEL:
        return next(at for at in range(first, cut + 1) if levels[at] >= _SENTENCE_LEVEL)
    # Not inside a word; a mention that begins with that word ends before the cut.
    return next((at for at in range(first, cut + 1) if levels[at] != _INSIDE_WORD), first)


def _cut_levels(text: str) -> list[int]:
    """Return, for each position, how good it is to cut before it; inside brackets one less."""
    levels = [0] * (len(text) + 1)
    for match in _WORD.finditer(text):
        for at in range(match.start() + 1, match.end()):
            levels[at] = _INSIDE_WORD
    for pattern, level in (
        (_CLAUSE, _CLAUSE_LEVEL),
        (_HALF, _HALF_LEVEL),
        (_SENTENCE, _SENTENCE_LEVEL),
    ):
        for match in pattern.finditer(text):
            if levels[match.end()] != _INSIDE_WORD:
                levels[match.end()] = level
    for at, character in enumerate(text):
        if unicodedata.combining(character) or character in "\ufe0f\u200d":
            levels[at] = _INSIDE_WORD
    for opening, closing in _bracketed(text):
        is_title = text[opening] in "《〈"
        for at in range(opening + 1, closing + 1):
            if levels[at] != _INSIDE_WORD:
                levels[at] = _INSIDE_BRACKETS if is_title else _inside(levels[at])
    at = text.find("\n")
    while at >= 0:
        levels[at + 1] = _PARAGRAPH_LEVEL
        at = text.find("\n", at + 1)
    return levels


def _inside(level: int) -> int:
    # A sentence end in a quotation is still better than a clause end outside of it.
    return level - 3 if level >= _HALF_LEVEL else level - 1


def _bracketed(text: str) -> list[tuple[int, int]]:
    """Return the outermost pairs `(opening, closing)` within paragraphs; strays are no pairs."""
    pairs: list[tuple[int, int]] = []
    stack: list[int] = []
    for at, character in enumerate(text):
        if character in _OPENERS:
            stack.append(at)
        elif character == "\n":
            stack.clear()
        elif character in _PAIRS and stack:
            if text[stack[-1]] == _PAIRS[character]:
                opening = stack.pop()
                while pairs and pairs[-1][0] > opening:
                    pairs.pop()
                pairs.append((opening, at))
            elif len(stack) > 1 and text[stack[-2]] == _PAIRS[character]:
                # One opener before it was never closed.
                stack.pop()
                opening = stack.pop()
                while pairs and pairs[-1][0] > opening:
                    pairs.pop()
                pairs.append((opening, at))
    return pairs


class Folded(NamedTuple):
    """A folded copy; its character i comes from the original's `[origin[i], ends[i])`.

    That range is one character, or a letter with the marks that are written after it.
    """

    text: str
    origin: list[int]
    ends: list[int]

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Return the range of the original that the folded `[start, end)` comes from."""
        return self.origin[start], self.ends[end - 1]


# Marks that writers and models leave out or add at will.
_DROPPED = frozenset("《》〈〉\u200b\u200c\u200d\ufeff\u00ad\ufe0f")
_MARKS = {
    **dict.fromkeys("“”„‟〝〞＂「」『』", '"'),
    **dict.fromkeys("‘’‚‛＇`´", "'"),
    **dict.fromkeys("—–―‐‑‒−﹣－─", "-"),
    **dict.fromkeys("·•・‧∙⋅･", "·"),
    **dict.fromkeys("〜～∼", "~"),
    "。": ".", "、": ",", "【": "[", "】": "]", "〔": "[", "〕": "]",
}  # fmt: skip
# OpenCC leaves it, for some words keep it.
_ALSO = {"著": "着"}


@cache
def _simplifier() -> Callable[[str], str]:
    """Return what turns a traditional character, or another variant, into the simplified one."""
    from opencc import OpenCC

    convert: Callable[[str], str] = OpenCC("t2s").convert
    return convert


def _simplified(character: str) -> str:
    # Half of a surrogate pair is none of OpenCC's characters.
    if character < "\u3400" or "\ud800" <= character < "\uf900":
        return character
    return _ALSO.get(character) or _simplifier()(character)


# What joins the character before it: accents, voice marks of kana (half-width ones too), and the
# vowels and finals of Korean syllables that are written in parts.
JOINING = "\u0300-\u036f\u1160-\u11ff\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\u3099\u309a\ufe20-\ufe2f\uff9e\uff9f"
_JOINED = re.compile(rf"[^\s{JOINING}][{JOINING}]+")


@lru_cache(maxsize=65536)
def _fold_character(character: str) -> str:
    """Fold one character, or a letter with its marks."""
    if character in _DROPPED or character.isspace():
        return ""
    character = _MARKS.get(character, character)
    folded = unicodedata.normalize("NFKC", character).lower()
    return "".join(
        _MARKS.get(c) or _simplified(c) for c in folded if c not in _DROPPED and not c.isspace()
    )


def fold(text: str) -> Folded:
    """Return a copy without spaces and book-title marks, in one width, case and character form.

    Composed and decomposed letters are one. Characters may vanish or become several;
    `Folded.span` leads back.
    """
    folded: list[str] = []
    origin: list[int] = []
    ends: list[int] = []

    def take(character: str, at: int) -> None:
        new = _fold_character(character)
        if len(new) == 1:
            folded.append(new)
            origin.append(at)
            ends.append(at + len(character))
        elif new:
            folded.extend(new)
            origin.extend([at] * len(new))
            ends.extend([at + len(character)] * len(new))

    done = 0
    for match in () if text.isascii() else _JOINED.finditer(text):
        for at in range(done, match.start()):
            take(text[at], at)
        take(match.group(), match.start())
        done = match.end()
    for at in range(done, len(text)):
        take(text[at], at)
    return Folded("".join(folded), origin, ends)
