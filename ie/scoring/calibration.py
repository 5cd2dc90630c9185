"""Do scores mean what they say? Expected calibration error, and a temperature that mends it."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..data import Document
from .pairing import Pair
from .spans import argument_items, entity_items, has_typed_ends, relation_items, trigger_items

BINS = 10
_EDGE = 1e-6  # scores of exactly 0 or 1 have no logit


@dataclass(frozen=True, slots=True)
class Bin:
    """The predictions whose score lies in `[low, high)`; the last bin holds 1.0 too."""

    low: float
    high: float
    count: int
    confidence: float  # mean score
    accuracy: float  # share that is right by the strict rule


@dataclass(frozen=True, slots=True)
class Calibration:
    """How well scores agree with being right; `error` is the expected calibration error."""

    count: int
    error: float
    brier: float
    log_loss: float
    temperature: float
    error_after: float
    brier_after: float
    log_loss_after: float
    bins: tuple[Bin, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return every figure; `bins` as a list of objects."""
        names = [name for name in self.__dataclass_fields__ if name != "bins"]
        figures: dict[str, Any] = {name: getattr(self, name) for name in names}
        bin_names = Bin.__dataclass_fields__
        figures["bins"] = [{n: getattr(part, n) for n in bin_names} for part in self.bins]
        return figures


def scored_items(pairs: Iterable[Pair]) -> list[tuple[float, bool]]:
    """Return `(score, is right by the strict rule)` of every predicted item that has a score.

    A trigger without a score of its own takes that of its event.
    """
    found: list[tuple[float, bool]] = []
    for gold, predicted in pairs:
        typed = has_typed_ends(gold)
        sections = (
            (entity_items(gold), entity_items(predicted), [e.score for e in predicted.entities]),
            (
                relation_items(gold, typed),
                relation_items(predicted, typed),
                [r.score for r in predicted.relations],
            ),
            (trigger_items(gold), trigger_items(predicted), _trigger_scores(predicted)),
            (
                argument_items(gold),
                argument_items(predicted),
                [a.score for e in predicted.events for a in e.arguments],
            ),
        )
        for asked, given, scores in sections:
            known = set(asked)
            for item, score in zip(given, scores, strict=True):
                if score is not None:
                    found.append((score, item in known))
    return found


def _trigger_scores(document: Document) -> list[float | None]:
    return [
        event.score if event.trigger.score is None else event.trigger.score
        for event in document.events
        if event.trigger is not None
    ]


def calibrate(items: Sequence[tuple[float, bool]]) -> Calibration | None:
    """Measure calibration and fit a temperature; None where nothing has a score.

    Expected calibration error: over ten equal bins, the mean distance of mean score and share of
    right ones, weighted by bin size (Guo et al. 2017). The temperature T minimises the log loss
    of `sigmoid(logit(score) / T)`; above 1 it makes scores more modest. The figures `after` are
    on the same items: apply T to other data than it was fitted on to measure honestly.
    """
    if not items:
        return None
    scores = np.array([score for score, _ in items], dtype=float)
    right = np.array([is_right for _, is_right in items], dtype=float)
    temperature = fit_temperature(scores, right)
    after = tempered(scores, temperature)
    bins = _bins(scores, right)
    return Calibration(
        len(items),
        _expected_error(bins, len(items)),
        float(np.mean((scores - right) ** 2)),
        _log_loss(scores, right),
        temperature,
        _expected_error(_bins(after, right), len(items)),
        float(np.mean((after - right) ** 2)),
        _log_loss(after, right),
        tuple(bins),
    )


def tempered(scores: Any, temperature: float) -> Any:
    """Return `sigmoid(logit(score) / temperature)` of an array of scores."""
    return 1 / (1 + np.exp(-_logit(scores) / temperature))


def fit_temperature(scores: Any, right: Any) -> float:
    """Return the temperature in [0.05, 20] that minimises the log loss.

    The loss is convex in 1/T, so golden-section search on it finds the minimum.
    """
    logits = _logit(scores)

    def loss(inverse: float) -> float:
        # log(1 + e^z) - right * z, in the form that does not overflow.
        scaled = logits * inverse
        return float(np.mean(np.logaddexp(0, scaled) - right * scaled))

    low, high = 0.05, 20.0
    ratio = (math.sqrt(5) - 1) / 2
    left, mid = high - ratio * (high - low), low + ratio * (high - low)
    left_loss, mid_loss = loss(left), loss(mid)
    while high - low > 1e-6:
        if left_loss < mid_loss:
            high, mid, mid_loss = mid, left, left_loss
            left = high - ratio * (high - low)
            left_loss = loss(left)
        else:
            low, left, left_loss = left, mid, mid_loss
            mid = low + ratio * (high - low)
            mid_loss = loss(mid)
    return 2 / (low + high)


def _logit(scores: Any) -> Any:
    clipped = np.clip(scores, _EDGE, 1 - _EDGE)
    return np.log(clipped) - np.log1p(-clipped)


def _log_loss(scores: Any, right: Any) -> float:
    clipped = np.clip(scores, _EDGE, 1 - _EDGE)
    return float(-np.mean(right * np.log(clipped) + (1 - right) * np.log1p(-clipped)))


def _bins(scores: Any, right: Any) -> list[Bin]:
    place = np.minimum((scores * BINS).astype(int), BINS - 1)
    bins = []
    for k in range(BINS):
        inside = place == k
        count = int(inside.sum())
        confidence = float(scores[inside].mean()) if count else 0.0
        accuracy = float(right[inside].mean()) if count else 0.0
        bins.append(Bin(k / BINS, (k + 1) / BINS, count, confidence, accuracy))
    return bins


def _expected_error(bins: Sequence[Bin], count: int) -> float:
    return sum(part.count * abs(part.confidence - part.accuracy) for part in bins) / count
