"""The heads in numpy: label vectors, span scores, link scores.

Shapes: T characters, L labels, M detectors, W span widths, H hidden. The arrays carry the names of
the torch model, so both sides read one file.
"""

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np

from .words import Array

# Clues of a link are looked for so far from its two spans.
NEAR = 10
# Places (label and start) whose spans are scored at once, and what rounding may take from a bound.
_AT_ONCE, _SLACK = 4096, 1e-3
_LAYERS = (
    "labels.inner",
    "labels.outer",
    "spans.tokens",
    "spans.detect",
    "links.head",
    "links.tail",
)
_NEEDED = {f"{name}.{side}" for name in _LAYERS for side in ("weight", "bias")} | {
    "labels.kind.weight",
    "spans.widths",
    "links.between.weight",
    "links.between.bias",
    "links.clue.weight",
    "links.clue.bias",
    "links.distance.weight",
    "links.share",
}


@dataclass(frozen=True)
class LabelParts:
    """What the heads want of N labels; `terms` turn vectors into start, end and inside scores."""

    starts: Array
    ends: Array
    insides: Array
    gates: Array
    bias: Array
    link: Array
    link_bias: Array
    link_inner: Array
    terms: tuple[Array, Array] | None = None


class Heads:
    """Everything behind the encoder. `weights` as in the state of the torch model."""

    def __init__(self, weights: dict[str, Array], detectors: int) -> None:
        self.w = {name: np.asarray(value, np.float32) for name, value in weights.items()}
        if missing := _NEEDED - self.w.keys():
            raise KeyError(f"the heads lack {', '.join(sorted(missing))}")
        self.detectors = detectors
        self.span = self.w["spans.tokens.weight"].shape[0] // 3
        self.size = self.w["spans.detect.weight"].shape[0] // (2 * detectors)
        self.width = self.w["spans.widths"].shape[1]
        self.link_size = self.w["links.distance.weight"].shape[1]
        rows = len(self.w["labels.outer.bias"])
        wanted = 3 * self.span + detectors + 2 + 2 * self.link_size
        if rows != wanted:
            raise ValueError(f"heads of another version: {rows} values a label, expected {wanted}")

    def _linear(self, name: str, x: Array) -> Array:
        return x @ self.w[f"{name}.weight"].T + self.w[f"{name}.bias"]  # type: ignore[no-any-return]

    def labels(self, texts: Array, kinds: Array) -> LabelParts:
        """Texts [N, 2H], kinds [N]."""
        x = gelu(self._linear("labels.inner", texts) + self.w["labels.kind.weight"][kinds])
        s, m = self.span, self.detectors
        at = np.cumsum([s, s, s, m, 1, self.link_size, 1])
        a, b, c, gates, bias, link, link_bias, inner = np.split(
            self._linear("labels.outer", x), at, axis=1
        )
        return LabelParts(
            a,
            b,
            c,
            gates,
            bias[:, 0],
            link,
            link_bias[:, 0],
            inner,
            self._folded(np.stack([a, b, c])),
        )

    def _folded(self, wanted: Array) -> tuple[Array, Array] | None:
        """Return the projection of tokens times the label vectors [3, N, span], if that is smaller."""
        if len(wanted[0]) >= self.span:
            return None
        scale = 1 / np.sqrt(self.span)
        weight = self.w["spans.tokens.weight"].reshape(3, self.span, -1)
        bias = self.w["spans.tokens.bias"].reshape(3, self.span, 1)
        matrix = (wanted @ weight).astype(np.float32) * np.float32(scale)
        return matrix.reshape(-1, matrix.shape[-1]).T.copy(), (wanted @ bias).reshape(-1) * scale

    def spans(self, x: Array, labels: LabelParts, least: Array) -> list[tuple[Array, Array, Array]]:
        """Return for each label starts, ends (exclusive) and scores of spans scored `least` or more.

        x [T, H], least [L]. Where no span that starts at a place can reach `least`, none is scored.
        """
        t, w = len(x), min(self.width, len(x))
        a, b, c = self._terms(x, labels)
        a = a + labels.bias[:, None]
        band = self._band(x, w)
        valid = np.arange(t)[:, None] + np.arange(w) < t
        bound = a + _highest(b, w) + _highest(c, w) + _most(labels.gates, band, valid)
        which, start = np.nonzero(bound >= least[:, None] - _SLACK)
        total = np.zeros((len(c), t + w), np.float32)
        np.cumsum(c, axis=1, out=total[:, 1 : t + 1])
        insides = _shifted(total[:, 1:], w)
        ends = _shifted(np.pad(b, ((0, 0), (0, w - 1))), w)
        share = 1 / np.arange(1, w + 1, dtype=np.float32)
        rows, widths, values = [], [], []
        for at in range(0, len(which), _AT_ONCE):
            k, n = which[at : at + _AT_ONCE], start[at : at + _AT_ONCE]
            scores = (insides[k, n] - total[k, n][:, None]) * share
            for gate, scored in zip(labels.gates.T, band, strict=True):
                scores += gate[k][:, None] * scored[n]
            scores += ends[k, n]
            scores += a[k, n][:, None]
            row, width = np.nonzero((scores >= least[k][:, None]) & valid[n])
            rows.append(row + at)
            widths.append(width)
            values.append(scores[row, width])
        return _by_label(len(least), which, start, rows, widths, values)

    def _terms(self, x: Array, labels: LabelParts) -> tuple[Array, Array, Array]:
        """Return start, end and inside scores, [L, T] each."""
        if labels.terms is not None:
            weight, bias = labels.terms
            a, b, c = np.split((x @ weight + bias).T, 3)
            return a, b, c
        parts = self._linear("spans.tokens", x) / np.float32(np.sqrt(self.span))
        wanted = (labels.starts, labels.ends, labels.insides)
        a, b, c = (v @ p.T for v, p in zip(wanted, np.split(parts, 3, axis=1), strict=True))
        return a, b, c

    def _band(self, x: Array, w: int) -> Array:
        """Return the detector scores of spans by start and width, [M, T, W]; beyond the text: any."""
        t, m, d = len(x), self.detectors, self.size
        q, k = self._linear("spans.detect", x).reshape(t, 2, m, d).transpose(1, 2, 0, 3)
        cos, sin = _angles(t, d)
        scores = _turn(q, cos, sin) @ _turn(k, cos, sin).transpose(0, 2, 1)
        scores /= np.float32(np.sqrt(d))
        ends = np.minimum(np.arange(t)[:, None] + np.arange(w), t - 1)
        band = scores[:, np.arange(t)[:, None], ends]
        band += self.w["spans.widths"][:, None, :w]
        return band  # type: ignore[no-any-return]

    def links(
        self, x: Array, heads: Array, tails: Array, scores: Array, labels: LabelParts, which: Array
    ) -> Array:
        """Return scores of pairs [P]: spans [P, 2] of one text x [T, H], their scores [P, 2].

        `which` [P] is the place of the label of each pair.
        """
        a, b = np.split(self._ends("links.head", x, heads), 2, axis=1)
        c, d = np.split(self._ends("links.tail", x, tails), 2, axis=1)
        gap = tails[:, 0] - heads[:, 0]
        near = np.minimum(np.floor(2 * np.log2(np.abs(gap) + 1)), 15).astype(np.int64)
        turned = gap < 0
        near += 16 * turned
        between = self._between(x, heads, tails, turned)
        pair = gelu(a + c + b * d + between + self._distances[near] + labels.link_inner[which])
        value = np.einsum("ph,ph->p", pair, labels.link[which]) / np.sqrt(self.link_size)
        value += labels.link_bias[which]
        value += self._clearest(x, heads, tails, labels.link, which, turned)
        return value + np.clip(scores, -8, 8) @ self.w["links.share"]  # type: ignore[no-any-return]

    @property
    def _distances(self) -> Array:
        return self.w["links.distance.weight"]

    def _between(self, x: Array, heads: Array, tails: Array, turned: Array) -> Array:
        """Return the projected mean of the characters between the spans of pairs, [P, link size]."""
        low = np.minimum(heads[:, 1], tails[:, 1])
        high = np.maximum(np.maximum(heads[:, 0], tails[:, 0]), low)
        total = np.zeros((len(x) + 1, 2 * self.link_size), np.float32)
        np.cumsum(x @ self.w["links.between.weight"].T, axis=0, out=total[1:])
        way = turned.astype(np.int64)
        total, at = total.reshape(len(total), 2, -1), np.maximum(high - low, 1)[:, None]
        mean = (total[high, way] - total[low, way]) / at
        bias = self.w["links.between.bias"].reshape(2, -1)[way]
        return mean.astype(np.float32) + bias  # type: ignore[no-any-return]

    def _clearest(
        self, x: Array, heads: Array, tails: Array, links: Array, which: Array, turned: Array
    ) -> Array:
        """Return the highest clue in or near each pair, [P]."""
        keys, row = np.unique(turned * len(links) + which, return_inverse=True)
        spoken = np.split(self._linear("links.clue", x).T, 2)
        parts = np.split(keys, [np.searchsorted(keys, len(links))])
        clues = np.concatenate(
            [links[k % len(links)] @ v for k, v in zip(parts, spoken, strict=True)]
        )
        clues = clues / np.float32(np.sqrt(self.link_size))
        low = np.maximum(np.minimum(heads[:, 0], tails[:, 0]) - NEAR, 0)
        high = np.minimum(np.maximum(heads[:, 1], tails[:, 1]) + NEAR, len(x))
        # Every other segment is that of a pair; a last value, so that the last one has an end.
        flat = np.append(clues.reshape(-1), np.float32(0))
        edges = np.stack([low, high], axis=1) + row[:, None] * len(x)
        return np.maximum.reduceat(flat, edges.reshape(-1))[::2]

    def _ends(self, name: str, x: Array, spans: Array) -> Array:
        """Return the projections of spans [P, 2], each different one computed once."""
        _, first, place = np.unique(
            spans[:, 0] * (len(x) + 1) + spans[:, 1], return_index=True, return_inverse=True
        )
        some = spans[first]
        ends = np.concatenate([x[some[:, 0]], x[some[:, 1] - 1]], axis=1)
        return self._linear(name, ends)[place]


@lru_cache(maxsize=64)
def _angles(length: int, size: int) -> tuple[Array, Array]:
    """Return cosine and sine of the rotary angles, [length, size / 2] each."""
    angles = np.arange(length)[:, None] * 1000.0 ** (-np.arange(0, size, 2) / size)
    return np.cos(angles).astype(np.float32), np.sin(angles).astype(np.float32)


def _highest(x: Array, width: int) -> Array:
    """Return the maximum of x [L, T] over each place and the `width - 1` after it."""
    x, reach = x.copy(), 1
    while reach < width:
        step = min(reach, width - reach)
        np.maximum(x[:, :-step], x[:, step:], out=x[:, :-step])
        reach += step
    return x


def _most(gates: Array, band: Array, valid: Array) -> Array:
    """Return the most that the detectors [M, T, W] can give spans by label and start, [L, T]."""
    high = np.where(valid, band, -np.inf).max(2)
    low = np.where(valid, band, np.inf).min(2)
    return np.maximum(gates, 0) @ high + np.minimum(gates, 0) @ low  # type: ignore[no-any-return]


def _by_label(
    count: int,
    which: Array,
    start: Array,
    rows: list[Array],
    widths: list[Array],
    values: list[Array],
) -> list[tuple[Array, Array, Array]]:
    """Return starts, ends and scores of each label; `which` and `start` [R] are sorted by label."""
    empty = np.zeros(0, np.int64)
    found = [(empty, empty, np.zeros(0, np.float32))] * count
    if rows:
        row, width, value = (np.concatenate(part) for part in (rows, widths, values))
        first, own = start[row], which[row]
        edges = np.searchsorted(own, np.arange(count + 1)).tolist()
        for k, (low, high) in enumerate(pairwise(edges)):
            if high > low:
                found[k] = first[low:high], first[low:high] + width[low:high] + 1, value[low:high]
    return found


def _shifted(x: Array, width: int) -> Array:
    """Return [L, T, width] of x [L, T + width - 1]: place (t, k) is x at t + k. A view."""
    return np.lib.stride_tricks.sliding_window_view(x, width, axis=1)


def _turn(x: Array, cos: Array, sin: Array) -> Array:
    a, b = np.split(x, 2, axis=-1)
    return np.concatenate([a * cos - b * sin, a * sin + b * cos], axis=-1)


def gelu(x: Array) -> Array:
    """GELU with the error function to 1.5e-7 (Abramowitz and Stegun 7.1.26)."""
    x = x.astype(np.float32, copy=False)
    z = np.abs(x) * np.float32(0.7071067811865476)
    t = 1 / (1 + np.float32(0.3275911) * z)
    poly = np.float32(1.061405429) * t
    for term in (-1.453152027, 1.421413741, -0.284496736, 0.254829592):
        poly += np.float32(term)
        poly *= t
    z *= z
    poly *= np.exp(-z)
    erf = np.copysign(1 - poly, x)
    return 0.5 * x * (1 + erf)  # type: ignore[no-any-return]
