"""How far a score can be trusted: bootstrap intervals, paired tests, several seeds.

Documents are the units that are drawn, never mentions: errors within a document go together.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from .arrays import (
    Floats,
    TallyArray,
    defined_f1,
    figures_of,
    macro_f1,
    macro_names,
    matrix,
    names_by_section,
    ratios,
)
from .counts import Result, Section
from .scorer import Scorer, Tally

SAMPLES = 1000
_CHUNK = 4_000_000  # random cells made at once, so that memory stays near 32 MB


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure and the ends of its 95 % percentile interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """F1 of two prediction files on the same documents.

    `p_value` is that of the approximate randomisation test (two-sided): how often swapping the
    two outputs at random, document by document, gives a difference at least as large. `low` and
    `high` bound the difference by the paired bootstrap; both are NaN if no sample gives one, and
    all three without samples.
    """

    first: float
    second: float
    difference: float  # second - first
    low: float
    high: float
    p_value: float
    samples: int


@dataclass(frozen=True, slots=True)
class Spread:
    """A figure over several seeds; `deviation` is the sample standard deviation (n - 1)."""

    mean: float
    deviation: float
    low: float
    high: float
    runs: int


def bootstrap(
    tallies: Sequence[Tally], scorer: Scorer, *, samples: int = SAMPLES, seed: int = 0
) -> dict[str, dict[str, Interval]]:
    """Return percentile intervals of precision, recall, F1 and macro F1 by section and for `all`.

    Each sample draws as many documents as there are, with replacement (Efron 1979). Where a
    section is rare, a sample may hold nothing of it; that is no failure to find it, so the sample
    is left out (`figures_of` says when), and a figure that no sample has is left out of the
    result. One document says nothing of others: the result is empty.
    """
    if len(tallies) < 2:
        return {}
    table = TallyArray(tallies)
    rng = np.random.default_rng(seed)
    drawn = np.empty((samples, len(table.names), 4))
    for i in range(samples):
        drawn[i] = table.sums(_draw(len(tallies), rng))
    whole = table.sums(np.ones(len(tallies)))[None]
    result = {}
    for section, chosen in names_by_section(table.names).items():
        figures = figures_of(drawn[:, chosen], scorer.arithmetic)
        exact = figures_of(whole[:, chosen], scorer.arithmetic)
        if section != "all" and (rows := macro_names(table.names, section)):
            names = [table.names[k] for k in rows]
            figures["macro_f1"] = macro_f1(drawn[:, rows], names, scorer.arithmetic)
            exact["macro_f1"] = macro_f1(whole[:, rows], names, scorer.arithmetic)
        result[section] = {
            name: Interval(float(exact[name][0]), *_percentiles(figure))
            for name, figure in figures.items()
            if not np.isnan(figure).all()
        }
    return result


def compare(
    first: Sequence[Tally],
    second: Sequence[Tally],
    scorer: Scorer,
    *,
    samples: int = 10 * SAMPLES,
    seed: int = 0,
) -> dict[str, Comparison]:
    """Test the difference in micro F1 of two outputs, by section and for `all`.

    The tallies must be of the same documents in the same order. Sources: Noreen (1989) and Yeh
    (2000) for approximate randomisation, Berg-Kirkpatrick et al. (2012) for the paired bootstrap.
    A bootstrap sample counts only if both outputs have an F1 in it, that is unless gold and one
    of them hold nothing of the section. Randomisation keeps every document, and so all of gold;
    there F1 of nothing is 0, as in `Score`. One document has no interval.

    Raises:
        ValueError: the two differ in length.
    """
    if len(first) != len(second):
        raise ValueError(f"{len(first)} and {len(second)} tallies cannot be paired")
    names = sorted({key for tallies in (first, second) for t in tallies for key in t})
    result = {}
    for section, chosen in names_by_section(names).items():
        keys = {names[k] for k in chosen}
        one, two = matrix(first, keys), matrix(second, keys)
        result[section] = _compare(one, two, scorer, samples, np.random.default_rng(seed))
    return result


def _compare(
    one: Floats, two: Floats, scorer: Scorer, samples: int, rng: np.random.Generator
) -> Comparison:
    # Documents on which both outputs tally alike cannot change the randomisation test.
    step = (two - one)[np.any(one != two, axis=1)]
    base, other = one.sum(0), two.sum(0)
    first, second = float(_f1(base, scorer)), float(_f1(other, scorer))
    extreme = 0
    for size in _batches(samples, len(step)):
        moved = rng.integers(0, 2, (size, len(step))).astype(float) @ step
        gap = _f1(other - moved, scorer) - _f1(base + moved, scorer)
        extreme += int(np.sum(np.abs(gap) >= abs(second - first) - 1e-12))
    drawn = np.empty((2, min(samples, SAMPLES), 4))
    for i in range(drawn.shape[1]):
        weights = _draw(len(one), rng)
        drawn[:, i] = weights @ one, weights @ two
    gaps = defined_f1(drawn[1], scorer.arithmetic) - defined_f1(drawn[0], scorer.arithmetic)
    low, high = _percentiles(gaps) if len(one) > 1 else (math.nan, math.nan)
    # The observed assignment is one of the possible ones, hence the two ones.
    p_value = (extreme + 1) / (samples + 1) if samples else math.nan
    return Comparison(first, second, second - first, low, high, p_value, samples)


def spread(results: Sequence[Result]) -> dict[str, dict[str, Spread]]:
    """Summarise one scorer's results on several seeds, by section and for `all`.

    Raises:
        ValueError: no result is given.
    """
    if not results:
        raise ValueError("no result to summarise")
    figures: dict[str, dict[str, list[float]]] = {}
    for result in results:
        for name, section in result.sections.items():
            into = figures.setdefault(name, {})
            for key, value in _section_figures(section).items():
                into.setdefault(key, []).append(value)
        into = figures.setdefault("all", {})
        score = result.all
        for key, value in zip(_RATIOS, (score.precision, score.recall, score.f1), strict=True):
            into.setdefault(key, []).append(value)
    return {
        name: {key: _spread(values) for key, values in section.items()}
        for name, section in figures.items()
    }


_RATIOS = ("precision", "recall", "f1")


def _section_figures(section: Section) -> dict[str, float]:
    micro = section.micro
    figures = {"precision": micro.precision, "recall": micro.recall, "f1": micro.f1}
    if section.macro:
        figures["macro_f1"] = section.macro.f1
    return figures


def _spread(values: Sequence[float]) -> Spread:
    mean = sum(values) / len(values)
    squares = sum((value - mean) ** 2 for value in values)
    deviation = math.sqrt(squares / (len(values) - 1)) if len(values) > 1 else 0.0
    return Spread(mean, deviation, min(values), max(values), len(values))


def to_dict(value: Any) -> Any:
    """Return intervals, comparisons and spreads, nested in mappings, as plain data."""
    if isinstance(value, dict):
        return {key: to_dict(item) for key, item in value.items()}
    return asdict(value)


def _draw(count: int, rng: np.random.Generator) -> Floats:
    """Return how often each document is in a sample of as many, drawn with replacement."""
    return np.bincount(rng.integers(0, count, count), minlength=count).astype(float)


def _f1(counts: Floats, scorer: Scorer) -> Floats:
    return ratios(counts, scorer.arithmetic)[2]


def _batches(samples: int, width: int) -> list[int]:
    size = max(1, min(samples, _CHUNK // max(width, 1)))
    return [min(size, samples - start) for start in range(0, samples, size)]


def _percentiles(values: Floats) -> tuple[float, float]:
    """Return the ends of the interval of the values that are not NaN, or NaN if none is."""
    known = values[~np.isnan(values)]
    if not known.size:
        return math.nan, math.nan
    low, high = np.percentile(known, [2.5, 97.5])
    return float(low), float(high)
