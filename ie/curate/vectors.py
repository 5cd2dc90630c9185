"""Texts as vectors of unit length: character n-grams by TF-IDF, or those of a reader or any function.

N-grams of one to three characters are counted into a fixed number of places by a hash (crc32, the same
on every machine), weighed by how few texts hold them.
"""

import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..data.text import fold
from ..errors import ConfigError

# Texts in, an array (texts, width) of float32 out, rows of any length.
Embed = Callable[[Sequence[str]], Any]

WIDTH = 1024
_LONGEST_NGRAM = 3


def ngrams(text: str, sizes: Sequence[int] = (1, 2, 3)) -> list[str]:
    """Return the n-grams of a text once width, case and marks are set aside."""
    folded = "".join(filter(str.isalnum, fold(text).text))
    return [folded[i : i + n] for n in sizes for i in range(len(folded) - n + 1)]


def hashed_grams(text: str) -> frozenset[int]:
    """Return the n-grams of two and three characters as numbers, the same on every machine."""
    grams = ngrams(text, (2, 3))
    return frozenset(zlib.crc32(gram.encode("utf-8", "surrogatepass")) for gram in grams)


def tfidf(texts: Sequence[str], width: int = WIDTH) -> Any:
    """Return hashed character n-grams of texts by TF-IDF, an array (texts, width) of float32."""
    counts = np.zeros((len(texts), width), np.float32)
    for row, text in zip(counts, texts, strict=True):
        for gram in ngrams(text, range(1, _LONGEST_NGRAM + 1)):
            row[zlib.crc32(gram.encode("utf-8", "surrogatepass")) % width] += 1
    holding = (counts > 0).sum(0)
    weights = np.log((1 + len(texts)) / (1 + holding)) + 1
    return np.log1p(counts) * weights.astype(np.float32)


def reader_vectors(model: str | Path) -> Embed:
    """Return a function that gives the vectors of `mini`, or of a folder with a reader tuned from it.

    What all texts share is taken away: without that, any two of them are alike.

    Raises:
        ConfigError: a language model, which has no such vectors.
    """
    from ..engines.open import MINI, open_engine
    from ..mini.reader import Reader
    from ..mini.weights import is_reader

    is_known = str(model) == MINI or is_reader(Path(model))
    reader = open_engine(model) if is_known else None
    if not isinstance(reader, Reader):
        raise ConfigError(f"{model}: vectors come from mini, or from a folder tuned from it")

    def embed(texts: Sequence[str]) -> Any:
        found = reader.text_vectors(texts)
        return found - found.mean(0) if len(texts) else found

    return embed


def unit_vectors(texts: Sequence[str], embed: Embed | None = None) -> Any:
    """Return vectors of length 1, an array (texts, width) of float32; zeros for texts without any."""
    found = np.asarray((embed or tfidf)(texts), np.float32)
    lengths = np.linalg.norm(found, axis=1, keepdims=True)
    return found / np.maximum(lengths, 1e-9)
