"""Do scores mean what they say? Expected calibration error, and a temperature that mends it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ...data.documents import Document
from ...decoding.confidence import Calibration, fit_calibration
from .exact import argument_items, entity_items, has_typed_ends, relation_items, trigger_items
from .pairing import Pair

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
class ReliabilityReport:
    """How well scores agree with being right; `error` is the expected calibration error.

    `kinds` are the fits for entities, relations, triggers and arguments, where there are several;
    the figures `after` use them.
    """

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
    kinds: dict[str, Calibration]

    def to_dict(self) -> dict[str, Any]:
        """Return every figure; `bins` as a list of objects."""
        names = [name for name in self.__dataclass_fields__ if name not in ("bins", "kinds")]
        figures: dict[str, Any] = {name: getattr(self, name) for name in names}
        bin_names = Bin.__dataclass_fields__
        figures["bins"] = [{n: getattr(part, n) for n in bin_names} for part in self.bins]
        figures["kinds"] = {
            kind: {"temperature": fit.temperature, "bias": fit.bias}
            for kind, fit in self.kinds.items()
        }
        return figures


class ScoredItem(NamedTuple):
    """The score of a predicted item, whether it is right by the strict rule, and its section."""

    score: float
    is_right: bool
    kind: str = ""


def scored_items(pairs: Iterable[Pair]) -> list[ScoredItem]:
    """Return every predicted item that has a score.

    A trigger without a score of its own takes that of its event.
    """
    found: list[ScoredItem] = []
    for gold, predicted in pairs:
        typed = has_typed_ends(gold)
        sections = (
            (
                "entities",
                entity_items(gold),
                entity_items(predicted),
                [e.score for e in predicted.entities],
            ),
            (
                "relations",
                relation_items(gold, typed),
                relation_items(predicted, typed),
                [r.score for r in predicted.relations],
            ),
            ("triggers", trigger_items(gold), trigger_items(predicted), _trigger_scores(predicted)),
            (
                "arguments",
                argument_items(gold),
                argument_items(predicted),
                [a.score for e in predicted.events for a in e.arguments],
            ),
        )
        for kind, asked, given, scores in sections:
            known = set(asked)
            for item, score in zip(given, scores, strict=True):
                if score is not None:
                    found.append(ScoredItem(score, item in known, kind))
    return found


def _trigger_scores(document: Document) -> list[float | None]:
    return [
        event.score if event.trigger.score is None else event.trigger.score
        for event in document.events
        if event.trigger is not None
    ]


def calibrate(items: Sequence[ScoredItem]) -> ReliabilityReport | None:
    """Measure calibration and fit `Calibration`; None without scores, or if one is not 0 to 1.

    Expected calibration error: over ten equal bins, the mean distance of mean score and share of
    right ones, weighted by bin size (Guo et al. 2017). A temperature above 1 makes scores more
    modest, a bias below 0 lowers them all. The figures `after` are on the same items: apply the
    calibration to other data than it was fitted on to measure honestly.
    """
    if not items or not all(0 <= item.score <= 1 for item in items):
        return None
    scores = np.array([item.score for item in items], dtype=float)
    right = np.array([item.is_right for item in items], dtype=float)
    fitted = _fit(items)
    after = np.array([fitted.apply(item.score, item.kind) for item in items])
    bins = _bins(scores, right)
    return ReliabilityReport(
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
        fitted.kinds,
    )


def _fit(items: Sequence[ScoredItem]) -> Calibration:
    kinds = {item.kind for item in items}
    fits = {
        kind: _fit([item for item in items if item.kind == kind])
        for kind in sorted(kinds)
        if len(kinds) > 1
    }
    whole = fit_calibration([item.score for item in items], [item.is_right for item in items])
    return Calibration(whole.temperature, whole.bias, fits)


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
