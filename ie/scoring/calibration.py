"""Do scores mean what they say? Expected calibration error, and a temperature that mends it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..confidence import fit_calibration
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
    bias: float
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
    """Measure calibration and fit `confidence.Calibration`; None where nothing has a score.

    Expected calibration error: over ten equal bins, the mean distance of mean score and share of
    right ones, weighted by bin size (Guo et al. 2017). A temperature above 1 makes scores more
    modest, a bias below 0 lowers them all. The figures `after` are on the same items: apply the
    calibration to other data than it was fitted on to measure honestly.
    """
    if not items:
        return None
    scores = np.array([score for score, _ in items], dtype=float)
    right = np.array([is_right for _, is_right in items], dtype=float)
    fitted = fit_calibration([score for score, _ in items], [is_right for _, is_right in items])
    after = np.array([fitted.apply(score) for score, _ in items])
    bins = _bins(scores, right)
    return Calibration(
        len(items),
        _expected_error(bins, len(items)),
        float(np.mean((scores - right) ** 2)),
        _log_loss(scores, right),
        fitted.temperature,
        fitted.bias,
        _expected_error(_bins(after, right), len(items)),
        float(np.mean((after - right) ** 2)),
        _log_loss(after, right),
        tuple(bins),
    )


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
