"""Vectors of frequent pairs of characters, learnt from raw text without any labels.

A pair is told by what stands beside it: how much more often than by chance it is seen with each
character at each of the two places before and the two behind (positive pointwise mutual information,
counts of characters smoothed by an exponent of 0.75), reduced by a singular value decomposition
whose two sides share the values (Levy, Goldberg and Dagan 2015, "Improving Distributional Similarity
with Lessons Learned from Word Embeddings").
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy

from chinchilla.errors import ConfigError
from chinchilla.tagger import PAIR_UNIT, Tagger, pair_codes, pair_numbers

# Characters told apart beside a pair: the most frequent ones.
_BESIDE = 5_000
# Where they stand, from the first character of the pair.
_PLACES = (-2, -1, 2, 3)
_SMOOTHING = 0.75
_ROUNDS = 3


class Pairs(NamedTuple):
    """Pairs of characters and their vectors, as `tagger.Weights` has them: (pairs, 2), (pairs, d)."""

    rows: Any
    vectors: Any


def learn_pairs(texts: Iterable[str], most: int, width: int, seed: int = 0) -> Pairs:
    """Return the `most` frequent pairs of characters in texts, and vectors of such a width.

    Raises:
        ConfigError: there are not more pairs than the width of the vectors.
    """
    from sklearn.utils.extmath import randomized_svd

    rows = _joined_rows(texts)
    codes = pair_codes(rows[:-1], rows[1:])
    found, counts = numpy.unique(codes[(rows[:-1] > 0) & (rows[1:] > 0)], return_counts=True)
    codes = numpy.sort(found[numpy.argsort(-counts, kind="stable")[:most]])
    if len(codes) <= width:
        raise ConfigError(f"raw text with {len(codes)} pairs of characters, asked {width} and more")
    information = _information(_beside(rows, pair_numbers(rows, codes), len(codes)))
    left, values, _ = randomized_svd(information, width, n_iter=_ROUNDS, random_state=seed)
    vectors = left * numpy.sqrt(values)
    units = numpy.rint(vectors / vectors.std() / PAIR_UNIT).clip(-127, 127)
    return Pairs(numpy.stack([codes >> 16, codes & 0xFFFF], 1).astype("u2"), units.astype("i1"))


def _joined_rows(texts: Iterable[str]) -> Any:
    """Return the rows of all characters of texts, two zeros behind each text: (characters,)."""
    rows = Tagger().rows
    return numpy.concatenate([numpy.array([*rows(text), 0, 0], numpy.uint16) for text in texts])


def _beside(rows: Any, numbers: Any, count: int) -> Any:
    """Count the characters beside pairs: sparse (pairs, places of characters told apart)."""
    from scipy import sparse

    often = numpy.argsort(-numpy.bincount(rows)[1:], kind="stable")[:_BESIDE] + 1
    column = numpy.full(int(rows.max()) + 1, -1)
    column[often] = numpy.arange(len(often))
    first = numpy.flatnonzero(numbers >= 0)
    pairs = numbers[first]
    counted = sparse.csr_matrix((count, len(_PLACES) * len(often)))
    for place, offset in enumerate(_PLACES):
        at = first + offset
        inside = (at >= 0) & (at < len(rows))
        columns = numpy.where(inside, column[rows[at.clip(0, len(rows) - 1)]], -1)
        told = columns >= 0
        cells = pairs[told] * counted.shape[1] + columns[told] + place * len(often)
        cells, times = numpy.unique(cells, return_counts=True)
        where = numpy.divmod(cells, counted.shape[1])
        counted = counted + sparse.csr_matrix((times.astype(float), where), shape=counted.shape)
    return counted


def _information(counted: Any) -> Any:
    """Return the positive pointwise mutual information of counts, sparse as they are."""
    from scipy import sparse

    ours, theirs = (numpy.asarray(counted.sum(axis)).ravel() for axis in (1, 0))
    smooth = theirs**_SMOOTHING
    cells = counted.tocoo()
    by_chance = ours[cells.row] * (smooth / smooth.sum())[cells.col]
    information = numpy.log(cells.data / by_chance)
    more = information > 0
    places = cells.row[more], cells.col[more]
    return sparse.csr_matrix((information[more], places), shape=counted.shape)
