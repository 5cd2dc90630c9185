"""Where a string occurs in a text: exactly, else in a folded copy, else nearly."""

import re
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import NamedTuple

from .segmenter import segmenter
from .text import JOINING, Folded, fold

# A mention of fewer characters is never matched nearly: 张三 is not 张四.
_FUZZY_LENGTH = 5
_FUZZY_ERRORS = 3
_FUZZY_HITS = 32
_GAP = 40
_EDGE_MARKS = "\"'.,!?:;()[]~-"
# Longer texts are not cut into words: a tie-breaker may not cost seconds.
_LONGEST_CUT = 20_000
_CLAUSE_MARK = re.compile("[，,；;：:]")
_DIGITS = re.compile(r"\d+")
# Letters and digits of scripts that part words: a range that ends between two of them ends in a
# word or number. Chinese characters and kana are none.
_SPELT = r"[^\W_\u2e80-\u9fff\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff]"
_NUMERAL = "[〇零一二三四五六七八九十百千万亿两]"
# Places, each between two characters, where a word or number goes on. 周三, 李四 and 第一 are no
# numbers before another.
_INSIDE = re.compile(
    rf"(?<={_SPELT})(?={_SPELT})|(?<=\d)(?=[.,．]\d|[%％‰十百千万亿])|(?<=\d[.,．])(?=\d)|(?=[{JOINING}])"
)
_INSIDE_NUMERAL = re.compile(rf"(?<![周期拜]{_NUMERAL})(?<={_NUMERAL})(?={_NUMERAL})")
# A number in Chinese characters with its unit, 十五人 or 三百万元, not 三一重工.
_COUNT = re.compile(rf"{_NUMERAL}+[^{_NUMERAL[1:-1]}]{{0,2}}")


class Occurrence(NamedTuple):
    """The occurrences of a string: ascending starts, their ends, and how they match."""

    starts: list[int]
    ends: list[int]
    status: str


NOWHERE = Occurrence([], [], "none")


class Occurrences:
    """A text, with what was looked up in it so far."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._found: dict[str, Occurrence] = {}
        self._whole: dict[str, Occurrence] = {}
        # By identity, with what it belongs to, which must live as long.
        self._covers: dict[int, tuple[Occurrence, Covers]] = {}
        self._folded: Folded | None = None
        self._boundaries: frozenset[int] | None = None
        self._clause_marks: list[int] | None = None

    def find(self, mention: str) -> Occurrence:
        """Return all occurrences of a string, overlapping ones included."""
        found = self._found.get(mention)
        if found is None:
            found = self._found[mention] = self._look_up(mention)
        return found

    def whole(self, mention: str) -> Occurrence:
        """Return the occurrences that split no Latin word or number; if there is none, all.

        So 10 is not found in 110, in 10.5 or in 10%, where it also stands by itself.
        """
        found = self._found.get(mention)
        if found is None:
            found = self._found[mention] = self._look_up(mention)
        if len(found.starts) < 2:
            return found
        known = self._whole.get(mention)
        if known is None:
            known = self._whole[mention] = self._without_split(found, mention)
        return known

    def _without_split(self, found: Occurrence, mention: str) -> Occurrence:
        is_count = _COUNT.fullmatch(mention) is not None
        kept = [
            (start, end)
            for start, end in zip(found.starts, found.ends, strict=True)
            if not (self._splits(start, is_count) or self._splits(end, is_count))
        ]
        if not kept or len(kept) == len(found.starts):
            return found
        return Occurrence([start for start, _ in kept], [end for _, end in kept], found.status)

    def _splits(self, at: int, is_count: bool) -> bool:
        """Say whether a word or number goes on at a place of the text."""
        if not 0 < at < len(self.text):
            return False
        if _INSIDE.match(self.text, at) is not None:
            return True
        return is_count and _INSIDE_NUMERAL.match(self.text, at) is not None

    def is_inside(self, founds: Iterable[Occurrence], start: int, end: int) -> bool:
        """Say whether `[start, end)` lies inside a longer one of some occurrences."""
        return any(self._covers_of(found).hold(start, end) for found in founds)

    def _covers_of(self, found: Occurrence) -> "Covers":
        known = self._covers.get(id(found))
        if known is None:
            known = self._covers[id(found)] = (found, Covers((found,)))
        return known[1]

    def _look_up(self, mention: str) -> Occurrence:
        starts = find_all(self.text, mention)
        if starts:
            length = len(mention)
            return Occurrence(starts, [start + length for start in starts], "exact")
        if not mention or not self.text:
            return NOWHERE
        if self._folded is None:
            self._folded = fold(self.text)
        needle = fold(mention).text
        starts = find_all(self._folded.text, needle)
        if not starts:
            # Quotes and full stops at the edges are often the model's own.
            needle = needle.strip(_EDGE_MARKS)
            starts = find_all(self._folded.text, needle)
        if starts:
            return self._unfolded([(start, start + len(needle)) for start in starts], "folded")
        span = _find_nearly(self._folded.text, needle)
        return self._unfolded([span], "fuzzy") if span else NOWHERE

    def _unfolded(self, spans: list[tuple[int, int]], status: str) -> Occurrence:
        assert self._folded is not None
        # Half of an expanded character (one of ㎏'s two) is no place of its own.
        pairs = sorted({self._folded.span(start, end) for start, end in spans})
        return Occurrence([start for start, _ in pairs], [end for _, end in pairs], status)

    def pieces(self, mention: str) -> list[tuple[int, int]]:
        """Return where two parts of a mention stand in order and close by, or nothing.

        So a discontinuous mention (上海分公司 in 上海、北京分公司) can be described.
        """
        if not 4 <= len(mention) <= _GAP:
            return []
        for cut in range(len(mention) - 2, 1, -1):
            start = self.text.find(mention[:cut])
            if start >= 0:
                end = start + cut
                rest = self.text.find(mention[cut:], end, end + _GAP)
                if rest >= 0:
                    return [(start, end), (rest, rest + len(mention) - cut)]
        return []

    def broken_ends(self, start: int, end: int) -> int:
        """Return how many ends of a range (0 to 2) are no word boundary, as jieba sees words."""
        if self._boundaries is None:
            words = segmenter().cut(self.text) if len(self.text) <= _LONGEST_CUT else ()
            self._boundaries = frozenset(accumulate((len(word) for word in words), initial=0))
        if len(self._boundaries) < 2:
            return 0
        return (start not in self._boundaries) + (end not in self._boundaries)

    def clause_marks(self, start: int, end: int) -> int:
        """Return how many commas and the like stand within a range."""
        if self._clause_marks is None:
            self._clause_marks = [match.start() for match in _CLAUSE_MARK.finditer(self.text)]
        marks = self._clause_marks
        return bisect_left(marks, end) - bisect_left(marks, start)


def find_all(text: str, mention: str) -> list[int]:
    """Return the start of every occurrence, overlapping ones too, left to right."""
    starts: list[int] = []
    at = text.find(mention) if mention else -1
    while at >= 0:
        starts.append(at)
        at = text.find(mention, at + 1)
    return starts


def _find_nearly(text: str, mention: str) -> tuple[int, int] | None:
    """Return the closest range within one edit per five characters, at most three.

    Of k+1 pieces of the mention one must occur unharmed in a match with k edits, so only places
    around those are compared. Digits must all be the same: 4000 is not 5000.
    """
    length = len(mention)
    if length < _FUZZY_LENGTH:
        return None
    from rapidfuzz.distance import LCSseq, Levenshtein

    errors = min(length // _FUZZY_LENGTH, _FUZZY_ERRORS)
    digits = _DIGITS.findall(mention)
    best: tuple[int, int, int, int] | None = None
    bounds = [length * i // (errors + 1) for i in range(errors + 2)]
    for begin, end in zip(bounds, bounds[1:], strict=False):
        at, hits = text.find(mention[begin:end]), 0
        while at >= 0 and hits < _FUZZY_HITS:
            hits += 1
            around = text[max(at - begin - errors, 0) : at - begin + length + 2 * errors]
            if LCSseq.similarity(mention, around, score_cutoff=length - errors) == 0:
                at = text.find(mention[begin:end], at + 1)
                continue
            for start in range(max(at - begin - errors, 0), at - begin + errors + 1):
                for stop in range(start + length - errors, start + length + errors + 1):
                    piece = text[start:stop]
                    limit = errors if best is None else best[0]
                    distance = Levenshtein.distance(mention, piece, score_cutoff=limit)
                    key = (distance, abs(len(piece) - length), start, min(stop, len(text)))
                    if (
                        distance <= limit
                        and (best is None or key < best)
                        and _DIGITS.findall(piece) == digits
                    ):
                        best = key
            at = text.find(mention[begin:end], at + 1)
    return None if best is None else best[2:]


class Covers:
    """Tells which ranges lie inside a longer one of some occurrences."""

    def __init__(self, founds: Iterable[Occurrence]) -> None:
        self._longest: dict[int, int] = {}
        # A string that is listed often has its occurrences looked at once.
        for found in {id(found): found for found in founds}.values():
            for start, end in zip(found.starts, found.ends, strict=True):
                if end > self._longest.get(start, 0):
                    self._longest[start] = end
        self._starts = sorted(self._longest)
        # The furthest end of any range that begins before the i-th start.
        self._reach = list(accumulate((self._longest[s] for s in self._starts), max, initial=0))

    def hold(self, start: int, end: int) -> bool:
        """Say whether a longer range than `[start, end)` contains it."""
        at = bisect_left(self._starts, start)
        return self._reach[at] >= end or self._longest.get(start, 0) > end


def first_from(starts: Sequence[int], before: int) -> int:
    """Return the index of the first start at or after a place, or of the last one."""
    return min(bisect_left(starts, before), len(starts) - 1)


def nearest(starts: Sequence[int], anchor: int) -> int:
    """Return the index of the start nearest to an anchor; the left one of two equally near."""
    at = bisect_left(starts, anchor)
    if at == 0:
        return 0
    if at == len(starts) or anchor - starts[at - 1] <= starts[at] - anchor:
        return at - 1
    return at
