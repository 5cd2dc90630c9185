"""From scores to decisions: thresholds and probabilities, by kind of label."""

from dataclasses import dataclass, field

import numpy as np

from .labels import ARGUMENT, KINDS, Label


@dataclass
class Rules:
    """Decision rules of a model, chosen on documents that it did not learn from.

    `least` is the score from which a kind is returned; `slope` and `offset` turn its scores into
    probabilities. A span inside another of another type, or around it, needs `nested` more. What lacks
    at most `near` is told as withheld. Relations and arguments whose parts stand in two sentences score
    `far` less: training texts are short, and a page of news holds many names that have nothing to do
    with each other. A span is no end of a relation if it scores less than `end` as an entity of that
    end's type.

    A second filler of a role may score `spare` less than the first; one of two events of a type may
    score `shared` less than with the other.

    `shift` is added to the scores of a label, by `kind/name` (of an argument, the name is that of its
    event): corpora differ in how sure a model can be of their labels, and one threshold must do for all.
    """

    least: dict[str, float] = field(default_factory=dict)
    slope: dict[str, float] = field(default_factory=dict)
    offset: dict[str, float] = field(default_factory=dict)
    nested: float = 2.0
    near: float = 0.25
    far: float = 1.0
    end: float = -2.0
    spare: float = 0.75
    shared: float = 1.0
    shift: dict[str, float] = field(default_factory=dict)

    def threshold(self, kind: int) -> float:
        """Return the score from which a span or link of this kind is returned."""
        return self.least.get(KINDS[kind], 0.0)

    def shift_of(self, label: Label) -> float:
        """Return what is added to the scores of a label."""
        texts = label.context if label.kind == ARGUMENT else label.texts
        return self.shift.get(f"{KINDS[label.kind]}/{texts[0]}", 0.0) if texts else 0.0

    def probability(self, kind: int, score: float) -> float:
        """Return the calibrated probability of a score."""
        name = KINDS[kind]
        z = self.slope.get(name, 1.0) * score + self.offset.get(name, 0.0)
        return round(float(1 / (1 + np.exp(-np.clip(z, -30, 30)))), 4)
