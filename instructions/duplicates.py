"""Duplicates between and within files: exact, normalised, and near by MinHash over characters.

    exact       the same characters
    normalised  the same after folding width, case, variants, blanks and punctuation
    near        alike at or above a threshold, by one of two measures:
                jaccard: Jaccard similarity of the sets of three-character shingles
                rouge-l: F-measure of the longest common subsequence of characters

Near duplicates are looked for among likely ones (by locality-sensitive hashing, or see `rouge`)
and then verified, so none is reported by chance; a few close to the threshold may be missed.
"""

import zlib
from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from typing import Any

import msgspec

from chinchilla.data.text import fold
from chinchilla.errors import ConfigError, near_miss
from chinchilla.instructions.rouge import RougeIndex

KINDS = ("exact", "normalised", "near")
MEASURES = ("jaccard", "rouge-l")
_SHINGLE = 3
# In shorter texts one changed character already changes most shingles.
_SHORTEST = 10
_PERMUTATIONS = 128


class PlacedText(msgspec.Struct, frozen=True):
    """A text and where it stands.

    `scope` keeps questions apart: two records on one text are duplicates only if they ask the
    same. `answer` is compared to tell duplicates from contradictions.
    """

    text: str
    file: str
    line: int
    id: str = ""
    source: str = ""
    scope: str = ""
    answer: str = ""

    @property
    def place(self) -> dict[str, Any]:
        """File, line, id and source, for a report."""
        return {"file": self.file, "line": self.line, "id": self.id, "source": self.source}


@dataclass(frozen=True)
class Duplicate:
    """An item whose text was met before, in `of`; `score` is 1 but for near duplicates.

    `same_answer` tells whether the annotations agree; None for near duplicates.
    """

    kind: str
    item: PlacedText
    of: PlacedText
    score: float = 1.0
    same_answer: bool | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        result = {"kind": self.kind, "score": self.score, **self.item.place, "of": self.of.place}
        return result if self.same_answer is None else {**result, "same_answer": self.same_answer}


class Index:
    """The texts met so far. It holds them in memory, with some 2 kB each for near duplicates."""

    def __init__(
        self, *, near: float | None = 0.8, scoped: bool = False, measure: str = "jaccard"
    ) -> None:
        """Make an empty index.

        Args:
            near: smallest similarity of near duplicates, above 0 and below 1; None: not sought.
            scoped: whether items of different scope are never duplicates.
            measure: one of MEASURES, of near duplicates.

        Raises:
            ConfigError: `near` is out of range, the measure is unknown, or datasketch is missing.
        """
        if measure not in MEASURES:
            raise ConfigError(
                f"unknown measure {measure!r}{near_miss(measure, MEASURES)}; "
                f"measures are {', '.join(MEASURES)}"
            )
        if near is not None and not 0 < near < 1:
            raise ConfigError(f"near is {near}; expected more than 0 and less than 1")
        self.near = near
        self.scoped = scoped
        self._items: list[PlacedText] = []
        self._exact: dict[bytes, int] = {}
        self._normalised: dict[bytes, int] = {}
        self._sketches = _Sketches(near) if near is not None and measure == "jaccard" else None
        self._rouge = RougeIndex(near) if near is not None and measure == "rouge-l" else None

    def find(self, item: PlacedText, kinds: Collection[str] = KINDS) -> Duplicate | None:
        """Return the strongest of these kinds of duplicate that the item is of an earlier one.

        An exact duplicate is a normalised one too, and a near one unless it is short.
        """
        scope = item.scope if self.scoped else ""
        for kind, table, text in (
            ("exact", self._exact, item.text),
            ("normalised", self._normalised, normalise(item.text)),
        ):
            number = table.get(text_key(scope, text)) if kind in kinds else None
            if number is not None:
                found = self._items[number]
                return Duplicate(kind, item, found, 1.0, item.answer == found.answer)
        return self._find_near(item, scope) if "near" in kinds else None

    def add(self, item: PlacedText) -> None:
        """Remember an item."""
        number = len(self._items)
        scope = item.scope if self.scoped else ""
        text = normalise(item.text)
        self._items.append(item)
        self._exact.setdefault(text_key(scope, item.text), number)
        # What is nothing but punctuation has no normalised form to compare.
        if text:
            self._normalised.setdefault(text_key(scope, text), number)
        if self._sketches is not None:
            self._sketches.add(number, text)
        if self._rouge is not None and len(text) >= _SHORTEST:
            self._rouge.add(number, text, scope)

    def _find_near(self, item: PlacedText, scope: str) -> Duplicate | None:
        text = normalise(item.text)
        if self._rouge is not None:
            found = self._rouge.find(text, scope) if len(text) >= _SHORTEST else None
            if found is None:
                return None
            return Duplicate("near", item, self._items[found[0]], round(found[1], 4))
        if self._sketches is None or self.near is None:
            return None
        own = _shingles(text)
        best: tuple[float, int] | None = None
        for number in self._sketches.candidates(text):
            other = self._items[number]
            if self.scoped and other.scope != scope:
                continue
            score = _jaccard(own, _shingles(normalise(other.text)))
            if score >= self.near and (best is None or (score, -number) > (best[0], -best[1])):
                best = (score, number)
        if best is None:
            return None
        return Duplicate("near", item, self._items[best[1]], round(best[0], 4))


class _Sketches:
    """MinHash sketches in a locality-sensitive index."""

    def __init__(self, threshold: float) -> None:
        try:
            from datasketch import MinHash, MinHashLSH
        except ImportError:
            raise ConfigError(
                "near duplicates need datasketch; run: pip install 'chinchilla-ie[audit]', "
                "or pass --near 0 to look for exact and normalised ones only"
            ) from None
        # A lower threshold than asked for makes misses rarer; candidates are verified anyway.
        self._index = MinHashLSH(threshold=0.9 * threshold, num_perm=_PERMUTATIONS)
        self._sketch = MinHash(num_perm=_PERMUTATIONS, seed=1, hashfunc=zlib.crc32)

    def add(self, number: int, text: str) -> None:
        if len(text) >= _SHORTEST:
            self._index.insert(number, self._of(text), check_duplication=False)

    def candidates(self, text: str) -> list[int]:
        return sorted(self._index.query(self._of(text))) if len(text) >= _SHORTEST else []

    def _of(self, text: str) -> Any:
        sketch = self._sketch.copy()
        sketch.update_batch([shingle.encode() for shingle in _shingles(text)])
        return sketch


# The same text is asked for when it is looked up, added and compared.
@lru_cache(maxsize=4096)
def normalise(text: str) -> str:
    """Return the folded text without anything but letters and digits."""
    return "".join(filter(str.isalnum, fold(text).text))


def text_key(scope: str, text: str) -> bytes:
    """Return 12 bytes that are another for every other scope or text."""
    return blake2b(f"{scope}\0{text}".encode("utf-8", "surrogatepass"), digest_size=12).digest()


def _shingles(text: str) -> set[str]:
    return {text[i : i + _SHINGLE] for i in range(len(text) - _SHINGLE + 1)}


def _jaccard(first: set[str], second: set[str]) -> float:
    return len(first & second) / len(first | second) if first or second else 0.0
