"""The heads in numpy: label vectors, span scores, link scores.

Shapes: T characters, L labels, M detectors, W span widths, H hidden. The arrays carry the names of
the torch model, so both sides read one file.
"""

from dataclasses import dataclass

import numpy as np

from .words import Array

DISTANCES = 32
NEAR = 10


@dataclass(frozen=True)
class LabelParts:
    """What the heads want of N labels."""

    starts: Array
    ends: Array
    insides: Array
    gates: Array
    bias: Array
    link: Array
    link_bias: Array

    def take(self, places: Array) -> "LabelParts":
        """Return some of the labels."""
        return LabelParts(*(getattr(self, name)[places] for name in self.__dataclass_fields__))


class Heads:
    """Everything behind the encoder. `weights` as in the state of the torch model."""

    def __init__(self, weights: dict[str, Array], detectors: int) -> None:
        self.w = {name: np.asarray(value, np.float32) for name, value in weights.items()}
        self.detectors = detectors
        self.span = self.w["spans.tokens.weight"].shape[0] // 3
        self.size = self.w["spans.detect.weight"].shape[0] // (2 * detectors)
        self.width = self.w["spans.widths"].shape[1]
        self.link_size = self.w["links.distance.weight"].shape[1]

    def _linear(self, name: str, x: Array) -> Array:
        return x @ self.w[f"{name}.weight"].T + self.w[f"{name}.bias"]  # type: ignore[no-any-return]

    def labels(self, texts: Array, kinds: Array) -> LabelParts:
        """Texts [N, 2H], kinds [N]."""
        x = gelu(self._linear("labels.inner", texts) + self.w["labels.kind.weight"][kinds])
        s, m = self.span, self.detectors
        at = np.cumsum([s, s, s, m, 1, self.link_size])
        a, b, c, gates, bias, link, link_bias = np.split(
            self._linear("labels.outer", x), at, axis=1
        )
        return LabelParts(a, b, c, gates, bias[:, 0], link, link_bias[:, 0])

    def spans(self, x: Array, labels: LabelParts, least: Array) -> list[tuple[Array, Array, Array]]:
        """Return for each label starts, ends (exclusive) and scores of spans scored `least` or more.

        x [T, H], least [L]. Labels whose scores cannot reach `least` are skipped by a bound.
        """
        t, w = len(x), min(self.width, len(x))
        parts = self._linear("spans.tokens", x) / np.sqrt(self.span)
        wanted = (labels.starts, labels.ends, labels.insides)
        a, b, c = (v @ p.T for v, p in zip(wanted, np.split(parts, 3, axis=1), strict=True))
        band, valid = self._band(x, w)
        flat = band[:, valid]
        gates = labels.gates
        bound = a.max(1) + b.max(1) + c.max(1) + labels.bias
        bound += np.maximum(gates * flat.max(1), gates * flat.min(1)).sum(1)
        empty = np.zeros(0, np.int64)
        found = [(empty, empty, np.zeros(0, np.float32))] * len(gates)
        start, width = np.nonzero(valid)
        end = start + width
        width = width.astype(np.float32)
        total = np.zeros((len(gates), t + 1), np.float32)
        np.cumsum(c, axis=1, out=total[:, 1:])
        possible = np.nonzero(bound >= least)[0]
        for at in range(0, len(possible), 64):
            some = possible[at : at + 64]
            scores = gates[some] @ flat + labels.bias[some, None]
            scores += (total[some[:, None], end + 1] - total[some[:, None], start]) / (width + 1)
            scores += a[some][:, start]
            scores += b[some][:, end]
            for k, row, good in zip(some, scores, scores >= least[some, None], strict=True):
                (kept,) = np.nonzero(good)
                found[k] = (start[kept], end[kept] + 1, row[kept])
        return found

    def _band(self, x: Array, w: int) -> tuple[Array, Array]:
        t, m, d = len(x), self.detectors, self.size
        q, k = self._linear("spans.detect", x).reshape(t, 2, m, d).transpose(1, 2, 0, 3)
        angles = np.arange(t)[:, None] * 1000.0 ** (-np.arange(0, d, 2) / d)
        cos, sin = np.cos(angles).astype(np.float32), np.sin(angles).astype(np.float32)
        scores = _turn(q, cos, sin) @ _turn(k, cos, sin).transpose(0, 2, 1) / np.sqrt(d)
        ends = np.arange(t)[:, None] + np.arange(w)
        valid = ends < t
        band = scores[:, np.arange(t)[:, None], np.minimum(ends, t - 1)]
        return band + self.w["spans.widths"][:, None, :w], valid

    def _clearest(self, x: Array, heads: Array, tails: Array, link: Array) -> Array:
        """Return the highest clue in or near each pair, [P]; `link` is [P, size] or [1, size]."""
        clues = self._linear("links.clue", x) @ link.T / np.sqrt(self.link_size)
        low = np.maximum(np.minimum(heads[:, 0], tails[:, 0]) - NEAR, 0)
        high = np.maximum(heads[:, 1], tails[:, 1]) + NEAR
        columns = np.arange(len(low)) if len(link) > 1 else np.zeros(len(low), int)
        return np.array(
            [clues[a:b, k].max() for a, b, k in zip(low, high, columns, strict=True)], np.float32
        )

    def links(
        self, x: Array, heads: Array, tails: Array, scores: Array, link: Array, bias: Array
    ) -> Array:
        """Return scores of pairs [P]: spans [P, 2] of one text x [T, H], their scores [P, 2].

        `link` [P, link size] and `bias` [P] are those of the label of each pair.
        """
        left = np.concatenate([x[heads[:, 0]], x[heads[:, 1] - 1]], axis=1)
        right = np.concatenate([x[tails[:, 0]], x[tails[:, 1] - 1]], axis=1)
        a, b = np.split(self._linear("links.head", left), 2, axis=1)
        c, d = np.split(self._linear("links.tail", right), 2, axis=1)
        gap = tails[:, 0] - heads[:, 0]
        near = np.minimum(np.floor(2 * np.log2(np.abs(gap) + 1)), 15).astype(np.int64)
        near += 16 * (gap < 0)
        between = self._linear("links.between", _between(x, heads, tails))
        pair = gelu(a + c + b * d + between + self.w["links.distance.weight"][near])
        value = (pair * link).sum(1) / np.sqrt(self.link_size) + bias
        value += self._clearest(x, heads, tails, link)
        return value + np.clip(scores, -8, 8) @ self.w["links.share"]  # type: ignore[no-any-return]


def _between(x: Array, heads: Array, tails: Array) -> Array:
    """Return the mean of the characters between the spans of pairs, [P, H]."""
    low = np.minimum(heads[:, 1], tails[:, 1])
    high = np.maximum(np.maximum(heads[:, 0], tails[:, 0]), low)
    total = np.zeros((len(x) + 1, x.shape[1]), np.float32)
    np.cumsum(x, axis=0, out=total[1:])
    found = (total[high] - total[low]) / np.maximum(high - low, 1)[:, None]
    return found.astype(np.float32)  # type: ignore[no-any-return]


def _turn(x: Array, cos: Array, sin: Array) -> Array:
    a, b = np.split(x, 2, axis=-1)
    return np.concatenate([a * cos - b * sin, a * sin + b * cos], axis=-1)


def gelu(x: Array) -> Array:
    """GELU with the error function to 1.5e-7 (Abramowitz and Stegun 7.1.26)."""
    z = np.abs(x) * np.float32(0.7071067811865476)
    t = 1 / (1 + np.float32(0.3275911) * z)
    poly = t * (
        0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429)))
    )
    erf = np.sign(x) * (1 - poly * np.exp(-z * z))
    return (0.5 * x * (1 + erf)).astype(np.float32)  # type: ignore[no-any-return]
