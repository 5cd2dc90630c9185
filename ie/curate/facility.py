"""Choose items that stand for all: facility location, weighed by quality, with floors for types.

    f(S) = mean over texts v of max over chosen s of similarity(v, s)  +  share of all n-grams in S

The second term is needed: of many texts the first alone comes to prefer short ones, which are like no
other. Each step takes the item that adds most (lazy greedy; f is submodular, so the result is within 1 - 1/e
of the best, Nemhauser et al. 1978). Types below their floor go first: of the items that hold one, the one
that adds most. Of a large pool, f is taken over a sample of it.
"""

import heapq
import random
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

# Texts over which f is taken; more make each step slower and the choice hardly better.
GROUND = 2000
# Most elements of similarities that are held, 256 MB; beyond it a row is computed when it is asked for.
_HELD = 1 << 26


class _Facility:
    """The similarities of candidates to the ground set, their n-grams, and what is covered so far."""

    def __init__(
        self, vectors: Any, ground: Any, quality: Any, grams: Sequence[frozenset[int]]
    ) -> None:
        self._grams = grams
        self._seen: set[int] = set()
        self._all = max(1, len(frozenset().union(*grams)))
        self._vectors = vectors
        self._ground = np.ascontiguousarray(ground.T)
        self._quality = quality
        self._covered = np.zeros(len(ground), np.float32)
        is_small = len(vectors) * len(ground) <= _HELD
        self._near: Any = vectors @ self._ground if is_small else None

    def _row(self, place: int) -> Any:
        return self._vectors[place] @ self._ground if self._near is None else self._near[place]

    def gain(self, place: int) -> float:
        """Return what a candidate adds to what was taken."""
        more = np.maximum(self._row(place) - self._covered, 0)
        new = len(self._grams[place] - self._seen) / self._all if self._grams else 0.0
        return (float(more.mean()) + new) * float(self._quality[place])

    def take(self, place: int) -> None:
        """Take a candidate."""
        self._covered = np.maximum(self._covered, self._row(place))
        if self._grams:
            self._seen |= self._grams[place]


def choose(
    vectors: Any,
    types: Sequence[Sequence[str]],
    number: int,
    *,
    grams: Sequence[frozenset[int]] = (),
    quality: Sequence[float] | None = None,
    floor: int = 0,
    seed: int = 0,
) -> list[int]:
    """Return the places of `number` items, in the order in which they were taken.

    Args:
        vectors: unit vectors, an array (items, width) of float32.
        types: the types that each item holds.
        number: how many; all if there are no more.
        grams: n-grams of each item, as numbers; without them the first term of f counts alone.
        quality: of each item from 0 to 1, by which what it adds is multiplied.
        floor: items of each type that go before all else, as far as there are some.
        seed: draws the texts over which f is taken, where there are many.
    """
    places = list(range(len(types)))
    if len(places) <= number:
        return places
    if len(places) > GROUND:
        places = sorted(random.Random(seed).sample(places, GROUND))
    weights = (
        np.ones(len(types), np.float32) if quality is None else np.asarray(quality, np.float32)
    )
    facility = _Facility(vectors, vectors[places], weights, grams)
    gains = [facility.gain(n) for n in range(len(types))]
    chosen: list[int] = []
    if floor:
        chosen += _floors(facility, gains, types, number, floor)
    left = set(range(len(types))) - set(chosen)
    chosen += _lazily(facility, [(-gains[n], n) for n in left], number - len(chosen))
    return chosen


def _floors(
    facility: _Facility,
    gains: Sequence[float],
    types: Sequence[Sequence[str]],
    number: int,
    floor: int,
) -> list[int]:
    """Take for each type, the rarest first, the item that adds most, until all reach their floor."""
    holding: dict[str, list[int]] = {}
    for place, its in enumerate(types):
        for name in dict.fromkeys(its):
            holding.setdefault(name, []).append(place)
    rarest = sorted(holding, key=lambda name: (len(holding[name]), name))
    counts: Counter[str] = Counter()
    chosen: dict[int, None] = {}
    # One of each type before a second of any.
    for level in range(1, floor + 1):
        for name in rarest:
            if counts[name] >= min(level, len(holding[name])):
                continue
            heap = [(-gains[n], n) for n in holding[name] if n not in chosen]
            for place in _lazily(facility, heap, min(1, number - len(chosen))):
                chosen[place] = None
                counts.update(dict.fromkeys(types[place], 1))
    return list(chosen)


def _lazily(facility: _Facility, heap: list[tuple[float, int]], number: int) -> list[int]:
    """Take what adds most, again and again; gains only fall, so few are computed anew."""
    heapq.heapify(heap)
    chosen: list[int] = []
    while heap and len(chosen) < number:
        _, place = heapq.heappop(heap)
        entry = (-facility.gain(place), place)
        if heap and entry > heap[0]:
            heapq.heappush(heap, entry)
            continue
        facility.take(place)
        chosen.append(place)
    return chosen
