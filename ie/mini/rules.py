"""From scores to decisions: thresholds and probabilities, by kind of label."""

from dataclasses import dataclass, field, replace

import numpy as np

from .labels import KINDS


@dataclass
class Rules:
    """Decision rules of a model, chosen on documents that it did not learn from.

    `least` is the score from which a kind is returned; `slope` and `offset` turn its scores into
    probabilities. A span inside another of another type, or around it, needs `nested` more. What lacks
    at most `near` is told as withheld. Relations and arguments whose parts stand in two sentences score
    `far` less: training texts are short, and a page of news holds many names that have nothing to do
    with each other.

    Entities and triggers of types that the model did not meet in training are returned from `unmet` less
    on: what it is right about scores lower there.

    A second filler of a role may score `spare` less than the first; one of two events of a type may
    score `shared` less than with the other.

    `schemas` holds, for built-in schemas with documents to choose on, what of these numbers is better
    there: kind to [least, slope, offset]. Corpora differ in how sure a model can be of their labels.
    """

    least: dict[str, float] = field(default_factory=dict)
    slope: dict[str, float] = field(default_factory=dict)
    offset: dict[str, float] = field(default_factory=dict)
    nested: float = 2.0
    near: float = 0.25
    far: float = 3.0
    spare: float = 0.75
    shared: float = 1.0
    unmet: float = 0.0
    schemas: dict[str, dict[str, list[float]]] = field(default_factory=dict)

    def under(self, schema: str) -> "Rules":
        """Return the rules for texts that are read under a schema of this name."""
        own = self.schemas.get(schema, {})
        if not own:
            return self
        least, slope, offset = ({kind: of[k] for kind, of in own.items()} for k in range(3))
        return replace(
            self,
            least=self.least | least,
            slope=self.slope | slope,
            offset=self.offset | offset,
        )

    def threshold(self, kind: int) -> float:
        """Return the score from which a span or link of this kind is returned."""
        return self.least.get(KINDS[kind], 0.0)

    def probability(self, kind: int, score: float) -> float:
        """Return the calibrated probability of a score."""
        name = KINDS[kind]
        z = self.slope.get(name, 1.0) * score + self.offset.get(name, 0.0)
        return round(float(1 / (1 + np.exp(-np.clip(z, -30, 30)))), 4)
