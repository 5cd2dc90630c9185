"""How sure a model was: scores from token probabilities, and their calibration.

The score of a mention is the geometric mean of the probabilities of the tokens that wrote it and
its label, which of an argument is its role; it does not shrink with length. It ranks well but is
no probability of being right: a `Calibration` fitted on a development split makes it one.
"""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import Any, NamedTuple

import msgspec

from ..data.documents import Event, Extraction, Relation
from .formats import Item

Range = tuple[int, int]
_EDGE = 1e-6
_LEAST_SLOPE = 0.05
_NOWHERE: Range = (-1, -1)


class ItemScores(NamedTuple):
    """Scores of an item as a whole, of its head with the label, and of each slot with its name."""

    whole: float | None
    head: float | None
    slots: tuple[float | None, ...]


NO_SCORES = ItemScores(None, None, ())


class TokenScores:
    """The tokens of a completion; answers for any ranges of it in logarithmic time."""

    def __init__(self, token_ends: Sequence[int], log_probs: Sequence[float]) -> None:
        self._ends = token_ends
        self._sums = list(accumulate(log_probs, initial=0.0))

    def score(self, ranges: Sequence[Range]) -> float | None:
        """Return the geometric mean of the probabilities of all tokens that touch the ranges.

        A token counts once for each range that it touches. None if there is no token.
        """
        total, count = 0.0, 0
        for start, end in ranges:
            if start < 0 or end <= start:
                continue
            # Tokens end at ascending places; the first to end after `start` touches the range.
            first = bisect_right(self._ends, start)
            last = min(bisect_left(self._ends, end) + 1, len(self._sums) - 1)
            if last > first:
                total += self._sums[last] - self._sums[first]
                count += last - first
        return math.exp(min(total / count, 0.0)) if count else None


def item_scores(
    items: Sequence[Item], token_ends: Sequence[int], log_probs: Sequence[float]
) -> list[ItemScores]:
    """Return the scores of parsed items from the tokens of their completion.

    See `engines.protocol.Completion` for the two arrays; without tokens all scores are None.
    """
    if not token_ends or not log_probs:
        return [NO_SCORES] * len(items)
    tokens = TokenScores(token_ends, log_probs)
    result = []
    for item in items:
        if not item.at:
            result.append(NO_SCORES)
            continue
        label, head, *slots = item.at
        names = item.name_at or [_NOWHERE] * len(slots)
        result.append(
            ItemScores(
                tokens.score((*item.at, *names)),
                tokens.score((label, head)),
                tuple(tokens.score(pair) for pair in zip(slots, names, strict=True)),
            )
        )
    return result


class Calibration(msgspec.Struct, frozen=True):
    """Maps a score to a probability: sigmoid(logit(score) / temperature + bias).

    `kinds` holds maps of their own for `entities`, `relations`, `triggers` and `arguments`: a
    model may be modest about names and sure of wrong roles.
    """

    temperature: float = 1.0
    bias: float = 0.0
    kinds: dict[str, "Calibration"] = {}

    def apply(self, score: float, kind: str = "") -> float:
        """Return the calibrated score, between 0 and 1; within a kind the order stays."""
        found = self.kinds.get(kind, self)
        if (found.temperature, found.bias) == (1.0, 0.0):
            return score
        return _sigmoid(_logit(score) / found.temperature + found.bias)


def calibrate(extraction: Extraction, calibration: Calibration) -> Extraction:
    """Return the extraction with every score of a mention or fact calibrated.

    An event is judged as its trigger, the ends of a relation as the relation.
    """
    return _rescored(extraction, calibration.apply)


def without_scores(extraction: Extraction) -> Extraction:
    """Return the extraction without scores."""
    return _rescored(extraction, lambda score, kind: None)


def _rescored(extraction: Extraction, change: Callable[[float, str], float | None]) -> Extraction:
    def changed(value: Any, kind: str) -> Any:
        if value is None or value.score is None:
            return value
        return msgspec.structs.replace(value, score=change(value.score, kind))

    def relation(found: Relation) -> Any:
        subject, object = changed(found.subject, "relations"), changed(found.object, "relations")
        qualifiers = {name: changed(e, "relations") for name, e in found.qualifiers.items()}
        score = changed(found, "relations").score
        return Relation(found.type, subject, object, qualifiers, score)

    def event(found: Event) -> Any:
        trigger = changed(found.trigger, "triggers")
        arguments = tuple(changed(argument, "arguments") for argument in found.arguments)
        return Event(found.type, trigger, arguments, changed(found, "triggers").score)

    return Extraction(
        tuple(changed(entity, "entities") for entity in extraction.entities),
        tuple(map(relation, extraction.relations)),
        tuple(map(event, extraction.events)),
        extraction.issues,
    )


def fit_calibration(scores: Sequence[float], correct: Sequence[bool]) -> Calibration:
    """Return the calibration under which these outcomes are most likely.

    Newton's method on the two parameters with a weak pull towards leaving scores as they are;
    of outcomes that are all alike nothing can be learnt, and the result changes nothing.

    Raises:
        ValueError: the two lists differ in length.
    """
    if len(scores) != len(correct):
        raise ValueError(f"{len(scores)} scores but {len(correct)} outcomes")
    if len(set(correct)) < 2:
        return Calibration()
    points = [(_logit(score), float(right)) for score, right in zip(scores, correct, strict=True)]
    pull = 1e-3 * len(points)
    at, cost = (1.0, 0.0), _cost(points, pull, 1.0, 0.0)
    for _ in range(100):
        step = _newton_step(points, pull, *at)
        # A whole step may leap over the best place, and then ever further: halve it until it helps.
        for _ in range(40):
            # A slope that is not positive would turn the order round.
            tried = max(at[0] - step[0], _LEAST_SLOPE), at[1] - step[1]
            found = _cost(points, pull, *tried)
            if found < cost:
                break
            step = step[0] / 2, step[1] / 2
        if found >= cost - 1e-12 * len(points):
            break
        at, cost = tried, found
    return Calibration(1.0 / at[0], at[1])


def _cost(points: Sequence[tuple[float, float]], pull: float, slope: float, bias: float) -> float:
    """Return the negative log-likelihood, with the pull towards slope 1 and bias 0."""
    total = pull / 2 * ((slope - 1.0) ** 2 + bias**2)
    for x, right in points:
        z = slope * x + bias
        total += max(z, 0.0) - z * right + math.log1p(math.exp(-abs(z)))
    return total


def _newton_step(
    points: Sequence[tuple[float, float]], pull: float, slope: float, bias: float
) -> tuple[float, float]:
    gradient = [pull * (slope - 1.0), pull * bias]
    curvature = [pull, 0.0, pull]
    for x, right in points:
        p = _sigmoid(slope * x + bias)
        weight = p * (1.0 - p)
        gradient[0] += (p - right) * x
        gradient[1] += p - right
        curvature[0] += weight * x * x
        curvature[1] += weight * x
        curvature[2] += weight
    determinant = curvature[0] * curvature[2] - curvature[1] ** 2
    step = (curvature[2] * gradient[0] - curvature[1] * gradient[1]) / determinant
    if slope == _LEAST_SLOPE and step > 0:
        return 0.0, gradient[1] / curvature[2]
    return step, (curvature[0] * gradient[1] - curvature[1] * gradient[0]) / determinant


def _logit(score: float) -> float:
    score = min(max(score, _EDGE), 1.0 - _EDGE)
    return math.log(score / (1.0 - score))


def _sigmoid(value: float) -> float:
    if value >= 0:
        return 1.0 / (1.0 + math.exp(-value))
    power = math.exp(value)
    return power / (1.0 + power)
