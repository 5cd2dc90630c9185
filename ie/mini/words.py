"""Vectors of label texts, by the base model as it came: frozen, 4-bit, in numpy.

The reader is trained against these vectors, so a type that it never met stands where the base
model puts it. They are computed once per text and kept.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from .characters import PAD, Characters

Array = np.ndarray[Any, Any]
PREFIX = "query: "
_LONGEST = 96


def unpack(blocks: Array) -> Array:
    """Turn 4-bit blocks [n, 18] of bytes into float32 weights [n * 32]."""
    scale = np.ascontiguousarray(blocks[:, :2]).view("<f2").astype(np.float32)
    nibbles = blocks[:, 2:]
    values = np.concatenate([nibbles & 15, nibbles >> 4], axis=1).astype(np.float32)
    values -= 8
    values *= scale
    return values.reshape(-1)


class Words:
    """The frozen encoder of label texts.

    `tensors`: `word` [pieces, H] blocks, `position`, `norm.w`, `norm.b`, and per layer k
    `k.qkv.w` …, weights as blocks [out, in], the rest float32.
    """

    def __init__(self, characters: Characters, tensors: dict[str, Array], heads: int) -> None:
        self.characters = characters
        self.heads = heads
        self.packed = tensors
        self.hidden = tensors["position"].shape[1]
        self.layers = 1 + max(int(n.split(".")[0]) for n in tensors if n[0].isdigit())
        self._weights: dict[str, Array] = {}
        self._known: dict[str, Array] = {}

    def vectors(self, texts: Sequence[str]) -> Array:
        """Return one vector a text, [N, H], standardised over the texts of training."""
        self.learn_all(texts)
        raw = np.stack([self._known[text] for text in texts])
        return (raw - self.packed["mean"]) / self.packed["deviation"]

    def raw(self, texts: Sequence[str]) -> Array:
        """Return the vectors as the base model gives them, of length 1."""
        self.learn_all(texts)
        return np.stack([self._known[text] for text in texts])

    def knows(self, text: str) -> bool:
        """Whether the vector of a text is at hand."""
        return text in self._known

    def known(self) -> list[str]:
        """Return the texts whose vectors are at hand."""
        return sorted(self._known)

    def learn(self, texts: Sequence[str], vectors: Array) -> None:
        """Take vectors computed before."""
        self._known.update(zip(texts, vectors, strict=True))

    def learn_all(self, texts: Iterable[str]) -> None:
        """Compute the vectors of texts that are not at hand, together."""
        self._learn(sorted({text for text in texts if text not in self._known}, key=len))

    def _learn(self, texts: list[str]) -> None:
        for k in range(0, len(texts), 64):
            part = texts[k : k + 64]
            self._known.update(zip(part, self._encode(part), strict=True))

    def _weight(self, name: str) -> Array:
        if name not in self._weights:
            inner = 4 * self.hidden if name.endswith("down.w") else self.hidden
            self._weights[name] = unpack(self.packed[name]).reshape(-1, inner).T.copy()
        return self._weights[name]

    def _encode(self, texts: list[str]) -> Array:
        ids = [self.characters.words(PREFIX + text)[:_LONGEST] for text in texts]
        width = max(map(len, ids))
        table = np.full((len(ids), width), PAD, np.int64)
        for row, one in zip(table, ids, strict=True):
            row[: len(one)] = one
        mask = (np.arange(width) < np.array([len(one) for one in ids])[:, None]).astype(np.float32)
        x = self._embed(table)
        for k in range(self.layers):
            x = self._layer(k, x, mask)
        mean = (x * mask[..., None]).sum(1) / mask.sum(1, keepdims=True)
        return mean / np.linalg.norm(mean, axis=1, keepdims=True)  # type: ignore[no-any-return]

    def _embed(self, table: Array) -> Array:
        blocks = self.packed["word"].reshape(-1, self.hidden // 32, 18)[table.reshape(-1)]
        x = unpack(blocks.reshape(-1, 18)).reshape(*table.shape, self.hidden)
        x = x + self.packed["position"][: table.shape[1]]
        return normed(x, self.packed["norm.w"], self.packed["norm.b"])

    def _layer(self, k: int, x: Array, mask: Array) -> Array:
        p = self.packed
        b, t, h = x.shape
        x = x.reshape(b * t, h)
        qkv = x @ self._weight(f"{k}.qkv.w") + p[f"{k}.qkv.b"]
        q, key, v = qkv.reshape(b, t, 3, self.heads, -1).transpose(2, 0, 3, 1, 4)
        scores = q @ key.transpose(0, 1, 3, 2) / np.sqrt(h // self.heads)
        scores += (mask[:, None, None] - 1) * 1e4
        scores = np.exp(scores - scores.max(-1, keepdims=True))
        scores /= scores.sum(-1, keepdims=True)
        y = (scores @ v).transpose(0, 2, 1, 3).reshape(b * t, h)
        y = y @ self._weight(f"{k}.out.w") + p[f"{k}.out.b"]
        x = normed(x + y, p[f"{k}.norm.w"], p[f"{k}.norm.b"])
        y = tanh_gelu(x @ self._weight(f"{k}.up.w") + p[f"{k}.up.b"])
        y = y @ self._weight(f"{k}.down.w") + p[f"{k}.down.b"]
        return normed(x + y, p[f"{k}.last.w"], p[f"{k}.last.b"]).reshape(b, t, h)


def normed(x: Array, weight: Array, bias: Array) -> Array:
    """Layer norm over the last axis."""
    x = x - x.mean(-1, keepdims=True)
    x /= np.sqrt((x * x).mean(-1, keepdims=True) + 1e-12)
    return x * weight + bias


def tanh_gelu(x: Array) -> Array:
    """GELU in its tanh form."""
    return 0.5 * x * (1 + np.tanh(0.7978845608 * (x + 0.044715 * x * x * x)))  # type: ignore[no-any-return]
