"""A neural tagger of Chinese words and names, run in numpy: two bidirectional GRU layers and a CRF.

Its weights lie in a safetensors file; they were tuned from Baidu's LAC in the small form that jieba
carries (layers of 128 and a linear-chain CRF; Jiao, Sun and Sun 2018, "Chinese Lexical Analysis with
Deep Bi-GRU-CRF Network"). Texts are tagged many at once: the steps of a recurrent network wait for each
other, those of different texts do not.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import Lock
from types import MappingProxyType
from typing import Any, NamedTuple

import msgspec
import numpy
from threadpoolctl import ThreadpoolController

from ..errors import ModelError

# A word: start, end (end-exclusive, code points of its text) and tag, such as `PER` or `v`.
Word = tuple[int, int, str]

# The characters that the tagger was taught in place of others: LAC folds its input so before it
# looks characters up, jieba's copy does not, and knows no Chinese comma. One for one, so that offsets
# stay. Full-width forms become ASCII and capitals small letters; that traditional characters
# become simplified ones is left out.
_TAUGHT = (
    {chr(code): chr(code - 0xFEE0).lower() for code in range(0xFF01, 0xFF5F)}
    | {chr(code): chr(code).lower() for code in range(ord("A"), ord("Z") + 1)}
    | dict(zip("、﹑。…—•・【〖】〗〔〕〈〉", ",,..-··[[]]()<>", strict=True))
    | dict.fromkeys("'“”‘’「」『』", '"')
)

_NAMES = "chinchilla.tagger"
# In the file, arrays of whole numbers are followed by what these are to be multiplied by.
_SCALE = ".scale"
OUTSIDE = "O"
# What each head has of its own.
_OWN = ("bias.0", "bias.1", "out", "out_bias", "start", "end", "after")

_WIDTH = 128
# The limit on threads is the process's: two taggers must not set and reset it across each other.
_LOCK = Lock()
# Padded characters tagged together, and texts: beyond these the tables leave the cache.
_MOST_CHARACTERS, _MOST_TEXTS = 16_384, 96
# All are padded to the longest: together are texts of at least this share of its length, and shorter
# ones only to make them this many, since few are slow too (300 texts of DuEE: 1.7 times as fast).
_ALIKE, _FEWEST_TEXTS = 0.8, 24


class Tagged(NamedTuple):
    """A text as a head reads it: its words, in order and without gaps, and what it comes near to.

    `near` (kinds of the head,) float32 is how much less than the best tag a tag of each kind scores
    at the character where it is least: 0 where one is the best at some character.
    """

    words: list[Word]
    near: Any


class Head(NamedTuple):
    """What reads the tags of one way of annotating, float32.

    `kinds` of words give tags: outside (0), the beginning of each kind, the inside of each. It is
    meant for prompts of a `task` whose answers may hold these `names`. It reads with the `body` of
    that name, see `Weights`. `arrays` holds what is its own: `bias.n` of the layers (6 w), `out`
    (2 w, tags), `out_bias`, and what a tag scores at the `start`, at the `end` and `after` another,
    (from, to); or (from) where it is the same for all.
    """

    kinds: tuple[str, ...]
    arrays: dict[str, Any]
    task: str = ""
    names: tuple[str, ...] = ()
    body: str = ""


class Weights(NamedTuple):
    """The parameters of a tagger, float32; its heads by name.

    `characters` gives each character its row of `embeddings` (rows, 128); row 0 is that of unknown
    ones. `arrays` holds, for the layers n = 0, 1 of width w (128 in jieba's) and both directions
    side by side, `input.n` (width below, 6 w), `gates.n` (2, w, 2 w: update, reset) and
    `candidate.n` (2, w, w). It may hold pairs of characters, read beside each: `pairs.rows`
    (pairs, 2), rows of the embeddings, uint16 in ascending order; `pairs.codes` (pairs, parts), uint8,
    which of the `pairs.centroids` (parts, 256 or fewer, d / parts) each part of a pair's vector is; and
    `pairs.input` (2, d, 6 w), what a pair adds to the first layer's input at its first and at its
    second character.

    `apart` holds, by the name of a body, arrays that stand in place of those for its heads. What
    all heads have there may be missing here.
    """

    characters: dict[str, int]
    arrays: dict[str, Any]
    heads: dict[str, Head]
    apart: Mapping[str, dict[str, Any]] = MappingProxyType({})


class _HeadNames(msgspec.Struct):
    kinds: tuple[str, ...]
    task: str
    names: tuple[str, ...]
    body: str = ""


class _Names(msgspec.Struct):
    """What the file of a tagger says in words."""

    characters: str
    heads: dict[str, _HeadNames]


def read_weights(path: Path) -> Weights:
    """Read the file of a tuned tagger, whose format is safetensors.

    Raises:
        ModelError: the file is missing or holds no tagger.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(str(path), "numpy") as file:
            named = msgspec.json.decode((file.metadata() or {})[_NAMES], type=_Names)
            arrays = _wide({name: file.get_tensor(name) for name in file.keys()})  # noqa: SIM118
        characters = {c: row for row, c in enumerate(named.characters, start=1)}
        heads = {}
        for name, head in named.heads.items():
            own = {array: arrays.pop(f"{name}/{array}") for array in _OWN}
            heads[name] = Head(head.kinds, own, head.task, head.names, head.body)
        apart: dict[str, dict[str, Any]] = {}
        for name in [name for name in arrays if ":" in name]:
            body, _, array = name.partition(":")
            apart.setdefault(body, {})[array] = arrays.pop(name)
        weights = Weights(characters, arrays, heads, apart)
        _check(weights)
    except (
        *(OSError, KeyError, ValueError, TypeError, IndexError, RecursionError),
        *(msgspec.DecodeError, SafetensorError),
    ) as error:
        raise ModelError(f"{path}: holds no tagger ({error})") from None
    return weights


def _check(weights: Weights) -> None:
    """Try a tagger with weights from elsewhere: arrays that do not fit raise what numpy raises."""
    if len(weights.arrays["embeddings"]) != len(weights.characters) + 1:
        raise ValueError(
            f"{len(weights.arrays['embeddings'])} embeddings for {len(weights.characters)} characters"
        )
    if not weights.heads:
        raise ValueError("no heads")
    if has_pairs(weights.arrays):
        rows, codes, centroids = (
            weights.arrays[f"pairs.{name}"] for name in ("rows", "codes", "centroids")
        )
        if codes.shape != (len(rows), len(centroids)):
            raise ValueError(f"codes {codes.shape} for {len(rows)} pairs in {len(centroids)} parts")
        if codes.max() >= centroids.shape[1]:
            raise ValueError(f"centroid {codes.max()} of {centroids.shape[1]}")
    tagger = Tagger(weights)
    for name, head in weights.heads.items():
        if not head.kinds:
            raise ValueError(f"{name}: no kinds of words")
        count = 2 * len(head.kinds) + 1
        if head.arrays["out"].shape[1] != count or head.arrays["after"].shape[0] != count:
            raise ValueError(f"{name}: scores for other than {count} tags")
        tagger.tag(["".join(weights.characters)[-1:] + "\0"], name)


def _wide(narrow: dict[str, Any]) -> dict[str, Any]:
    """Return the arrays of a file as float32: matrices are int8 with a scale for each column."""
    arrays = {}
    for name, array in narrow.items():
        scale = narrow.get(name + _SCALE)
        if scale is not None:
            arrays[name] = array.astype("f4") * scale.astype("f4")
        elif not name.endswith(_SCALE):
            arrays[name] = array.astype("f4") if array.dtype.kind == "f" else array
    return arrays


def tag_names(kinds: Sequence[str]) -> list[str]:
    """Return the tags for words of these kinds, in the order of a head's arrays."""
    return [OUTSIDE, *(f"{kind}-{place}" for place in "BI" for kind in kinds)]


def has_pairs(arrays: dict[str, Any]) -> bool:
    """Return whether a tagger reads pairs of characters."""
    return "pairs.rows" in arrays


def pair_codes(first: Any, second: Any) -> Any:
    """Return a number for each pair of rows, in the order of the pairs."""
    return (first.astype(numpy.int64) << 16) + second


def pair_numbers(rows: Any, codes: Any) -> Any:
    """Return which pair begins at each character.

    Args:
        rows: (length, …) of the embeddings, 0 where there is no known character.
        codes: those of the pairs that there are, in ascending order.

    Returns:
        Numbers (length - 1, …), -1 where no pair begins.
    """
    wanted = pair_codes(rows[:-1], rows[1:])
    at = numpy.searchsorted(codes, wanted).clip(max=len(codes) - 1)
    return numpy.where(codes[at] == wanted, at, -1)


def pair_vectors(arrays: dict[str, Any], numbers: Any) -> Any:
    """Return the vectors of pairs: (count, d) for numbers (count,), zeros for -1."""
    codes, centroids = arrays["pairs.codes"], arrays["pairs.centroids"]
    parts, _, size = centroids.shape
    vectors = centroids[numpy.arange(parts), codes[numbers]].reshape(len(numbers), parts * size)
    vectors[numbers < 0] = 0
    return vectors


class _Pairs:
    """Pairs of characters made ready."""

    def __init__(self, arrays: dict[str, Any], halved: Any) -> None:
        self.arrays = arrays
        self.codes = pair_codes(*arrays["pairs.rows"].T)
        self.input = arrays["pairs.input"] * halved

    def add_to(self, inputs: Any, rows: Any) -> None:
        """Add what the pairs around each character say to the input of the first layer."""
        numbers = pair_numbers(rows, self.codes)
        # Pairs recur, as characters do.
        some, which = numpy.unique(numbers, return_inverse=True)
        which = which.reshape(numbers.shape)
        vectors = pair_vectors(self.arrays, some)
        for place, beside in enumerate((inputs[:-1], inputs[1:])):
            beside += (vectors @ self.input[place])[which]


class _Body:
    """Embeddings, layers and pairs made ready: gates are sigmoids, computed as tanh of half."""

    def __init__(self, arrays: dict[str, Any]) -> None:
        self.embeddings = arrays["embeddings"]
        self.layers, self.halved = [], []
        for layer in (0, 1):
            candidate = arrays[f"candidate.{layer}"]
            width = candidate.shape[2]
            halved = numpy.repeat(numpy.array([0.5, 1.0] * 2, "f4"), [2 * width, width] * 2)
            gates = arrays[f"gates.{layer}"] * numpy.float32(0.5)
            self.layers.append((arrays[f"input.{layer}"] * halved, gates, candidate))
            self.halved.append(halved)
        self.pairs = _Pairs(arrays, self.halved[0]) if has_pairs(arrays) else None


class _Reader:
    """A head made ready, with the body that it reads with."""

    def __init__(self, head: Head, body: _Body) -> None:
        self.body = body
        self.bias = [head.arrays[f"bias.{layer}"] * body.halved[layer] for layer in (0, 1)]
        self.out, self.out_bias = head.arrays["out"], head.arrays["out_bias"]
        self.start, self.end = head.arrays["start"], head.arrays["end"]
        after = head.arrays["after"]
        is_same = after.ndim == 1  # whatever begins next
        self.kinds = (OUTSIDE, *head.kinds, *head.kinds)
        self.first_inner = inner = len(head.kinds) + 1
        # (to, from); one row stands for all tags that begin something, if they score alike.
        self.to_begin = after[None] if is_same else after[:, :inner].T.copy()
        # From the beginning and from the inside of a kind to its inside.
        own = [numpy.arange(1, inner), numpy.arange(inner, 2 * inner - 1)]
        self.to_inner = [0.0 if is_same else after[at, own[1]] for at in own]


class Tagger:
    """A tagger to be used for many texts."""

    def __init__(self, weights: Weights) -> None:
        """Make the weights ready."""
        self._libraries = ThreadpoolController()
        characters, self.heads = weights.characters, weights.heads
        self._rows = characters | {
            c: characters[taught] for c, taught in _TAUGHT.items() if taught in characters
        }
        bodies = {
            name: _Body(weights.arrays | weights.apart.get(name, {}))
            for name in {head.body: None for head in self.heads.values()}
        }
        self._readers = {
            name: _Reader(head, bodies[head.body]) for name, head in self.heads.items()
        }

    def rows(self, text: str) -> list[int]:
        """Return the row of `embeddings` of each character."""
        return [self._rows.get(c, 0) for c in text]

    def tag(self, texts: Sequence[str], head: str | None = None) -> list[list[Word]]:
        """Return the words of each text, in order and without gaps, as a head (the first) has it."""
        return [read.words for read in self.read(texts, head)]

    def read(self, texts: Sequence[str], head: str | None = None) -> list[Tagged]:
        """Return each text as a head (the first) reads it."""
        reader = self._readers[next(iter(self._readers)) if head is None else head]
        # Products so small gain nothing from a second thread, which waits for its part by spinning.
        with _LOCK, self._libraries.limit(limits=1, user_api="blas"):
            return self._read(texts, reader)

    def _read(self, texts: Sequence[str], reader: _Reader) -> list[Tagged]:
        nothing = numpy.full(reader.first_inner - 1, numpy.inf, numpy.float32)
        found = [Tagged([], nothing) for _ in texts]
        order = sorted((i for i in range(len(texts)) if texts[i]), key=lambda i: len(texts[i]))
        while order:
            count = _batch([len(texts[i]) for i in order[: -_MOST_TEXTS - 1 : -1]])
            batch, order = order[-count:], order[:-count]
            lengths = numpy.array([len(texts[i]) for i in batch])
            scores = self._scores([texts[i] for i in batch], lengths, reader)
            paths = _best_paths(scores, lengths, reader).T.tolist()
            for i, path, near in zip(batch, paths, _near(scores, lengths), strict=True):
                # A row of its own, or all rows would be kept with it.
                found[i] = Tagged(_words(path[: len(texts[i])], reader), near.copy())
        return found

    def _scores(self, texts: Sequence[str], lengths: Any, reader: _Reader) -> Any:
        """Return the score of each tag at each character: (length, texts, tags)."""
        steps, rows = int(lengths.max()), len(texts)
        ids = numpy.zeros((steps, rows), numpy.int64)
        for row, text in enumerate(texts):
            ids[: len(text), row] = self.rows(text)
        is_text = numpy.arange(steps)[:, None] < lengths
        # Characters recur: the first layer's input is computed once for each.
        some, which = numpy.unique(ids, return_inverse=True)
        body = reader.body
        weights, gates, candidate = body.layers[0]
        inputs = (body.embeddings[some] @ weights + reader.bias[0])[which.reshape(ids.shape)]
        if body.pairs:
            body.pairs.add_to(inputs, ids)
        states = _recur(inputs, is_text, gates, candidate)
        weights, gates, candidate = body.layers[1]
        inputs = states @ weights
        inputs += reader.bias[1]
        states = _recur(inputs, is_text, gates, candidate)
        return states @ reader.out + reader.out_bias


def _batch(lengths: Sequence[int]) -> int:
    """Return how many texts to tag together, of lengths that fall from the longest."""
    most = max(1, min(len(lengths), _MOST_CHARACTERS // lengths[0]))
    alike = sum(length >= _ALIKE * lengths[0] for length in lengths)
    return min(most, max(_FEWEST_TEXTS, alike))


def _near(scores: Any, lengths: Any) -> Any:
    """Return `Tagged.near` of each text: (texts, kinds)."""
    kinds = scores.shape[2] // 2
    own = numpy.maximum(scores[:, :, 1 : kinds + 1], scores[:, :, kinds + 1 :])
    less = scores.max(2)[:, :, None] - own
    less[numpy.arange(len(scores))[:, None] >= lengths] = numpy.inf
    return less.min(0)


def _best_paths(scores: Any, lengths: Any, reader: _Reader) -> Any:
    """Return the best tag numbers of all characters by Viterbi's algorithm: (length, texts).

    The tag for the inside of a word may follow its own kind alone: the chain all but forbids
    the others, which score some 10 less.
    """
    steps, rows, _ = scores.shape
    row, inner = numpy.arange(rows), reader.first_inner
    # Where each tag came from: one that begins a word from any, one inside from its own two.
    from_any = numpy.empty((steps, rows, len(reader.to_begin)), numpy.int32)
    is_inside = numpy.empty((steps, rows, inner - 1), bool)
    before = scores[0] + reader.start
    ends = numpy.empty_like(scores[0])
    best = numpy.empty(rows, numpy.int64)
    for t in range(steps):
        if t:
            ways = before[:, None, :] + reader.to_begin
            from_any[t] = ways.argmax(2)
            new = before[:, 1:inner] + reader.to_inner[0]
            old = before[:, inner:] + reader.to_inner[1]
            numpy.greater(old, new, out=is_inside[t])
            after = numpy.empty_like(before)
            after[:, :inner] = ways.max(2)
            numpy.maximum(new, old, out=after[:, inner:])
            after += scores[t]
            before = after
        if (ending := lengths == t + 1).any():
            numpy.add(before, reader.end, out=ends)
            best[ending] = ends[ending].argmax(1)
    last = lengths - 1
    paths = numpy.zeros((steps, rows), numpy.int64)
    # Of tags that begin a word, those that share where they came from have one column.
    column = numpy.arange(inner) if from_any.shape[2] > 1 else numpy.zeros(inner, numpy.int64)
    tag = best
    for t in range(steps - 1, -1, -1):
        paths[t] = tag
        if t:
            is_inner = tag >= inner
            kind = numpy.where(is_inner, tag - inner, 0)
            own = numpy.where(is_inside[t, row, kind], tag, kind + 1)
            began = from_any[t, row, column[numpy.where(is_inner, 0, tag)]]
            tag = numpy.where(last >= t, numpy.where(is_inner, own, began), tag)
    return paths


def _words(path: Sequence[int], reader: _Reader) -> list[Word]:
    words: list[Word] = []
    kinds, inner = reader.kinds, reader.first_inner
    start, kind = 0, kinds[path[0]]
    for at, number in enumerate(path):
        if number >= inner and kind == kinds[number]:
            continue
        if at:
            words.append((start, at, kind))
        start, kind = at, kinds[number]
    words.append((start, len(path), kind))
    return words


def _recur(inputs: Any, is_text: Any, gates: Any, candidate: Any) -> Any:
    """Run a GRU layer both ways over texts with padding behind.

    The new state is `(1 - update) * old + update * candidate`, as PaddlePaddle has it.

    Args:
        inputs: (steps, rows, 2 * 3 width), for each direction update, reset and candidate.
        is_text: (steps, rows), whether a character is one of the text.
        gates: (2, width, 2 width).
        candidate: (2, width, width).

    Returns:
        States (steps, rows, 2 width), forward and backward side by side.
    """
    steps, rows, _ = inputs.shape
    width = candidate.shape[2]
    states = numpy.empty((steps, rows, 2 * width), numpy.float32)
    state = numpy.zeros((2, rows, width), numpy.float32)
    gate = numpy.empty((2, rows, 2 * width), numpy.float32)
    new = numpy.empty_like(state)
    is_padded = ~is_text.all(1)
    for t in range(steps):
        ahead, back = inputs[t, :, : 3 * width], inputs[steps - 1 - t, :, 3 * width :]
        numpy.matmul(state, gates, out=gate)
        gate[0] += ahead[:, : 2 * width]
        gate[1] += back[:, : 2 * width]
        numpy.tanh(gate, out=gate)
        gate *= 0.5
        gate += 0.5
        update, reset = gate[..., :width], gate[..., width:]
        numpy.matmul(reset * state, candidate, out=new)
        new[0] += ahead[:, 2 * width :]
        new[1] += back[:, 2 * width :]
        numpy.tanh(new, out=new)
        new -= state
        new *= update
        state += new
        if is_padded[steps - 1 - t]:
            state[1] *= is_text[steps - 1 - t, :, None]
        states[t, :, :width], states[steps - 1 - t, :, width:] = state
    return states
