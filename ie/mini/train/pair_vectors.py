"""Vectors of frequent pairs of characters, learnt from raw text without any labels.

A pair is told by what stands beside it: how much more often than by chance it is seen with each
character at each of the two places before and the two behind (positive pointwise mutual information,
counts of characters smoothed by an exponent of 0.75), reduced by a singular value decomposition
whose two sides share the values (Levy, Goldberg and Dagan 2015, "Improving Distributional Similarity
with Lessons Learned from Word Embeddings"). Vectors are kept in few bytes each, by product
quantisation (Jégou, Douze and Schmid 2011, "Product Quantization for Nearest Neighbor Search"): of each
part of a vector, the number of the centroid nearest to it.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy

from chinchilla.errors import ConfigError
from chinchilla.mini.tagger import Tagger, pair_codes, pair_numbers

# Characters told apart beside a pair: the most frequent ones.
_BESIDE = 5_000
# Where they stand, from the first character of the pair.
_PLACES = (-2, -1, 2, 3)
_SMOOTHING = 0.75
_ROUNDS = 3
# As many as a byte can tell apart, and passes over the pairs to find them.
_CENTROIDS, _PASSES = 256, 30


class Pairs(NamedTuple):
    """Pairs of characters and their vectors: `rows`, `codes` and `centroids` of `tagger.Weights`.

    `seen` holds, in ascending order, the rows of all characters of the text that they are from.
    """

    rows: Any
    codes: Any
    centroids: Any
    seen: Any


def learn_pairs(
    texts: Iterable[str], most: int, width: int, parts: int = 32, seed: int = 0
) -> Pairs:
    """Return the `most` frequent pairs of characters in texts, and vectors of such a width.

    A vector is kept in so many `parts`, a byte each; the width is a multiple of them.

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
    kept, centroids = _in_parts(vectors / vectors.std(), parts, seed)
    both = numpy.stack([codes >> 16, codes & 0xFFFF], 1).astype("u2")
    return Pairs(both, kept, centroids, numpy.unique(rows[rows > 0]))


def _in_parts(vectors: Any, parts: int, seed: int) -> tuple[Any, Any]:
    """Return the codes and the centroids of vectors (count, d)."""
    from sklearn.cluster import MiniBatchKMeans

    codes, centroids = [], []
    for part in numpy.split(vectors, parts, axis=1):
        # No early end: what decides it may differ in its last bits.
        means = MiniBatchKMeans(
            min(_CENTROIDS, len(part)),
            max_iter=_PASSES,
            batch_size=8_192,
            n_init=1,
            max_no_improvement=None,
            random_state=seed,
        ).fit(part)
        codes.append(means.labels_.astype("u1"))
        centroids.append(means.cluster_centers_)
    return numpy.stack(codes, 1), numpy.stack(centroids).astype("f4")


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
