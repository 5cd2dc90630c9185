"""From scores to decisions: thresholds and probabilities, by kind of label."""

from dataclasses import dataclass, field

import numpy as np

from .labels import KINDS


@dataclass
class Rules:
    """Decision rules of a model, chosen on documents that it did not learn from.

    `least` is the score from which a kind is returned; `slope` and `offset` turn its scores into
    probabilities. A span inside another of another type, or around it, needs `nested` more. What lacks
    at most `near` is told as withheld. Relations and arguments whose parts stand in two sentences score
    `far` less: training texts are short, and a page of news holds many names that have nothing to do
    with each other. A span is no end of a relation if it scores less than `end` as an entity of that
    end's type.
    """

    least: dict[str, float] = field(default_factory=dict)
    slope: dict[str, float] = field(default_factory=dict)
    offset: dict[str, float] = field(default_factory=dict)
    nested: float = 2.0
    near: float = 0.25
    far: float = 1.0
    end: float = -2.0

    def threshold(self, kind: int) -> float:
        """Return the score from which a span or link of this kind is returned."""
        return self.least.get(KINDS[kind], 0.0)

    def probability(self, kind: int, score: float) -> float:
        """Return the calibrated probability of a score."""
        name = KINDS[kind]
        z = self.slope.get(name, 1.0) * score + self.offset.get(name, 0.0)
        return round(float(1 / (1 + np.exp(-np.clip(z, -30, 30)))), 4)
