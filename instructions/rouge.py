"""ROUGE-L likeness of texts, and which texts met before a text is like.

ROUGE-L is the F-measure of the longest common subsequence, here of characters: 2·LCS / (m + n).
Comparing each text with all others would take the square of their number; instead, a text is
compared with those that share some of its anchors, the pairs of neighbouring characters with the
smallest hashes. Alike texts share most of them, others few, and lists of anchors are bounded, so
the time grows with the number of texts. A pair just above the threshold may be missed.
"""

import heapq
import zlib
from collections import Counter

_ANCHORS = 16
# An anchor of more texts than this says little; the others of a text tell it apart.
_MOST_PER_ANCHOR = 128
_MOST_COMPARED = 64


def rouge_l(first: str, second: str, at_least: float = 0.0) -> float:
    """Return the ROUGE-L F-measure of two texts by characters; 0 where it is below `at_least`."""
    from rapidfuzz.distance import Indel

    # An edit by insertions and deletions alone leaves the longest common subsequence.
    return float(Indel.normalized_similarity(first, second, score_cutoff=at_least))


class RougeIndex:
    """The texts met so far, each under a number and within a scope."""

    def __init__(self, threshold: float) -> None:
        """Make an empty index of texts that are alike from `threshold` on (0 to 1)."""
        self.threshold = threshold
        self._texts: dict[int, str] = {}
        self._by_anchor: dict[tuple[str, int], list[int]] = {}

    def find(self, text: str, scope: str = "") -> tuple[int, float] | None:
        """Return the number of the most alike text of the scope and its ROUGE-L, or None."""
        shared: Counter[int] = Counter()
        for anchor in _anchors(text):
            shared.update(self._by_anchor.get((scope, anchor), ()))
        best: tuple[int, float] | None = None
        for number, _ in shared.most_common(_MOST_COMPARED):
            score = rouge_l(text, self._texts[number], self.threshold)
            if score >= self.threshold and (best is None or (score, -number) > (best[1], -best[0])):
                best = (number, score)
        return best

    def add(self, number: int, text: str, scope: str = "") -> None:
        """Remember a text."""
        self._texts[number] = text
        for anchor in _anchors(text):
            numbers = self._by_anchor.setdefault((scope, anchor), [])
            if len(numbers) < _MOST_PER_ANCHOR:
                numbers.append(number)


def _anchors(text: str) -> list[int]:
    pairs = {text[i : i + 2] for i in range(max(len(text) - 1, 1))}
    return heapq.nsmallest(
        _ANCHORS, (zlib.crc32(pair.encode("utf-8", "surrogatepass")) for pair in pairs)
    )
