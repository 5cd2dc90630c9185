"""A neural tagger of Chinese words and names, run in numpy: two bidirectional GRU layers and a CRF.

Its weights are those of jieba's package, which carries Baidu's LAC in its small form
(`jieba/lac_small`: layers of 128 and a linear-chain CRF over 57 tags; Jiao, Sun and Sun 2018,
"Chinese Lexical Analysis with Deep Bi-GRU-CRF Network") and runs it only where PaddlePaddle is
installed; or others of that form, tuned from them (`train.tagger`), in a safetensors file. Texts
are tagged many at once: the steps of a recurrent network wait for each other, those of different
texts do not.
"""

import json
import struct
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple

import numpy
from threadpoolctl import ThreadpoolController

from .errors import ModelError

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

_WIDTH = 128
_GATES = 3 * _WIDTH
# The limit on threads is the process's: two taggers must not set and reset it across each other.
_LOCK = Lock()
# Padded characters tagged together, and texts: beyond these the tables leave the cache.
_MOST_CHARACTERS, _MOST_TEXTS = 16_384, 64


class Weights(NamedTuple):
    """The parameters of a tagger, float32.

    `characters` gives each character its row of `embeddings` (rows, 128); row 0 is that of unknown
    ones. `arrays` holds, for the layers n = 0, 1 of width w (128 in jieba's) and both directions
    side by side, `input.n` (width below, 6 w) with `bias.n`, `gates.n` (2, w, 2 w: update, reset),
    `candidate.n` (2, w, w); then `out` (2 w, tags), `out_bias`, and what a tag scores at the
    `start`, at the `end` and (from, to) `after` another.
    """

    characters: dict[str, int]
    tags: list[str]
    arrays: dict[str, Any]


def read_weights(path: Path) -> Weights:
    """Read the file of a tuned tagger, whose format is safetensors.

    Raises:
        ModelError: the file is missing or holds no tagger.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(str(path), "numpy") as file:
            named = json.loads((file.metadata() or {})[_NAMES])
            arrays = {name: file.get_tensor(name).astype("f4") for name in file.keys()}  # noqa: SIM118
        characters = {c: row for row, c in enumerate(named["characters"], start=1)}
        weights = Weights(characters, list(named["tags"]), arrays)
        _check(weights)
    except (OSError, KeyError, ValueError, TypeError, IndexError, SafetensorError) as error:
        raise ModelError(f"{path}: holds no tagger ({error})") from None
    return weights


def _check(weights: Weights) -> None:
    """Try a tagger with weights from elsewhere: arrays that do not fit raise what numpy raises."""
    count, arrays = len(weights.tags), weights.arrays
    if len(arrays["embeddings"]) != len(weights.characters) + 1:
        raise ValueError(
            f"{len(arrays['embeddings'])} embeddings for {len(weights.characters)} characters"
        )
    if arrays["after"].shape != (count, count) or arrays["out"].shape[1] != count:
        raise ValueError(f"scores for other than its {count} tags")
    Tagger(weights).tag([character * 2 for character in weights.characters][-1:])


def write_weights(path: Path, weights: Weights) -> None:
    """Write the file of a tuned tagger, in half precision."""
    from safetensors.numpy import save_file

    arrays = {name: array.astype("f2") for name, array in weights.arrays.items()}
    order = sorted(weights.characters, key=weights.characters.__getitem__)
    names = {"characters": "".join(order), "tags": weights.tags}
    # One entry: safetensors writes several in an order that differs from run to run.
    save_file(arrays, path, {_NAMES: json.dumps(names, ensure_ascii=False)})


def jieba_weights() -> Weights:
    """Return the weights that jieba brings with it.

    Raises:
        ModelError: the installed jieba holds no `lac_small`, or one of another shape.
    """
    folder = resources.files("jieba") / "lac_small"
    try:
        return _jieba_weights(folder)
    except (OSError, KeyError, ValueError, struct.error) as error:
        raise ModelError(
            f"{folder}: cannot read the tagger that jieba 0.42.1 brings with it ({error}); "
            "reinstall jieba from PyPI"
        ) from error


def _jieba_weights(folder: Any) -> Weights:
    def read(name: str, *shape: int) -> Any:
        return _parameter((folder / "model_baseline" / name).read_bytes()).reshape(shape)

    rows = {word: int(i) for i, word in _pairs(folder / "word.dic")}
    known = [word for word in rows if len(word) == 1]
    tags = [tag for _, tag in _pairs(folder / "tag.dic")]
    chosen = [rows[word] for word in ("OOV", *known)]
    arrays = {"embeddings": read("word_emb", -1, _WIDTH)[chosen]}
    for layer, width in enumerate((_WIDTH, 2 * _WIDTH)):
        both = (2 * layer, 2 * layer + 1)  # forward, backward
        weights = [read(f"fc_{n}.w_0", width, _GATES) for n in both]
        biases = [read(f"fc_{n}.b_0", _GATES) + read(f"gru_{n}.b_0", _GATES) for n in both]
        # One array holds update and reset (width, 2 width), then the candidate's matrix.
        recurrent = [read(f"gru_{n}.w_0", -1) for n in both]
        split = 2 * _WIDTH**2
        arrays |= {
            f"input.{layer}": numpy.concatenate(weights, 1),
            f"bias.{layer}": numpy.concatenate(biases),
            f"gates.{layer}": numpy.stack([r[:split].reshape(_WIDTH, -1) for r in recurrent]),
            f"candidate.{layer}": numpy.stack([r[split:].reshape(_WIDTH, -1) for r in recurrent]),
        }
    chain = read("crfw", len(tags) + 2, len(tags))
    arrays |= {
        "out": read("fc_4.w_0", 2 * _WIDTH, -1),
        "out_bias": read("fc_4.b_0", -1),
        "start": chain[0],
        "end": chain[1],
        "after": chain[2:],
    }
    return Weights({c: row for row, c in enumerate(known, start=1)}, tags, arrays)


class Tagger:
    """A tagger to be used for many texts."""

    def __init__(self, weights: Weights | None = None) -> None:
        """Take the given weights, or jieba's.

        Raises:
            ModelError: see `jieba_weights`.
        """
        self._libraries = ThreadpoolController()
        characters, self.tags, arrays = weights or jieba_weights()
        self._rows = characters | {
            c: characters[taught] for c, taught in _TAUGHT.items() if taught in characters
        }
        self._embeddings = arrays["embeddings"]
        # Gates are sigmoids, computed as tanh of half the argument.
        self._layers = []
        for layer in (0, 1):
            candidate = arrays[f"candidate.{layer}"]
            width = candidate.shape[2]
            halved = numpy.repeat(numpy.array([0.5, 1.0] * 2, "f4"), [2 * width, width] * 2)
            self._layers.append(
                (
                    arrays[f"input.{layer}"] * halved,
                    arrays[f"bias.{layer}"] * halved,
                    arrays[f"gates.{layer}"] * numpy.float32(0.5),
                    candidate,
                )
            )
        self._out = arrays["out"], arrays["out_bias"]
        self._start, self._end, self._after = arrays["start"], arrays["end"], arrays["after"]
        self._kinds = [tag.removesuffix("-B").removesuffix("-I") for tag in self.tags]
        self._inner = [i for i, tag in enumerate(self.tags) if tag.endswith("-I")]
        self._is_inner = [tag.endswith("-I") for tag in self.tags]
        self._begins = [i for i, tag in enumerate(self.tags) if not tag.endswith("-I")]
        self._to_begin = self._after[:, self._begins].T.copy()
        own = [self.tags.index(f"{self.tags[i][:-2]}-B") for i in self._inner]
        self._own = numpy.array(own), numpy.array(self._inner)
        self._to_own = [self._after[at, self._inner] for at in self._own]

    def rows(self, text: str) -> list[int]:
        """Return the row of `embeddings` of each character."""
        return [self._rows.get(c, 0) for c in text]

    def tag(self, texts: Sequence[str]) -> list[list[Word]]:
        """Return the words of each text, in order and without gaps."""
        # Products so small gain nothing from a second thread, which waits for its part by spinning.
        with _LOCK, self._libraries.limit(limits=1, user_api="blas"):
            return self._tag(texts)

    def _tag(self, texts: Sequence[str]) -> list[list[Word]]:
        found: list[list[Word]] = [[] for _ in texts]
        order = sorted((i for i in range(len(texts)) if texts[i]), key=lambda i: len(texts[i]))
        while order:
            longest = len(texts[order[-1]])
            count = max(1, min(_MOST_TEXTS, _MOST_CHARACTERS // longest))
            batch, order = order[-count:], order[:-count]
            lengths = numpy.array([len(texts[i]) for i in batch])
            scores = self._scores([texts[i] for i in batch], lengths)
            paths = self._best_paths(scores, lengths).T.tolist()
            for i, path in zip(batch, paths, strict=True):
                found[i] = self._words(path[: len(texts[i])])
        return found

    def _scores(self, texts: Sequence[str], lengths: Any) -> Any:
        """Return the score of each tag at each character: (length, texts, tags)."""
        steps, rows = int(lengths.max()), len(texts)
        ids = numpy.zeros((steps, rows), numpy.int64)
        for row, text in enumerate(texts):
            ids[: len(text), row] = self.rows(text)
        is_text = numpy.arange(steps)[:, None] < lengths
        # Characters recur: the first layer's input is computed once for each.
        some, which = numpy.unique(ids, return_inverse=True)
        weights, bias, gates, candidate = self._layers[0]
        inputs = (self._embeddings[some] @ weights + bias)[which.reshape(ids.shape)]
        states = _recur(inputs, is_text, gates, candidate)
        weights, bias, gates, candidate = self._layers[1]
        inputs = states @ weights
        inputs += bias
        states = _recur(inputs, is_text, gates, candidate)
        return states @ self._out[0] + self._out[1]

    def _best_paths(self, scores: Any, lengths: Any) -> Any:
        """Return the best tag numbers of all characters by Viterbi's algorithm: (length, texts).

        The tag for the inside of a word may follow its own kind alone: the chain all but forbids
        the others, which score some 10 less.
        """
        steps, rows, tags = scores.shape
        row = numpy.arange(rows)
        origin = numpy.empty((steps, rows, tags), numpy.int64)
        so_far = numpy.empty_like(scores)
        so_far[0] = scores[0] + self._start
        ways = numpy.empty((rows, len(self._begins), tags), numpy.float32)
        for t in range(1, steps):
            before = so_far[t - 1]
            numpy.add(before[:, None, :], self._to_begin, out=ways)
            found = ways.argmax(2)
            origin[t][:, self._begins] = found
            so_far[t][:, self._begins] = numpy.take_along_axis(ways, found[:, :, None], 2)[:, :, 0]
            new, old = (
                before[:, at] + way for at, way in zip(self._own, self._to_own, strict=True)
            )
            origin[t][:, self._inner] = numpy.where(new >= old, *self._own)
            so_far[t][:, self._inner] = numpy.maximum(new, old)
            so_far[t] += scores[t]
        last = lengths - 1
        tag = (so_far[last, row] + self._end).argmax(1)
        paths = numpy.zeros((steps, rows), numpy.int64)
        for t in range(steps - 1, -1, -1):
            paths[t] = tag
            tag = numpy.where(last >= t, origin[t, row, tag], tag)
        return paths

    def _words(self, path: Sequence[int]) -> list[Word]:
        words: list[Word] = []
        start, kind = 0, self._kinds[path[0]]
        for at, number in enumerate(path):
            if self._is_inner[number] and kind == self._kinds[number]:
                continue
            if at:
                words.append((start, at, kind))
            start, kind = at, self._kinds[number]
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


def _pairs(path: Any) -> list[tuple[str, str]]:
    """Return the two columns of a dictionary file; characters may be any white space but a tab."""
    lines = path.read_bytes().decode("utf-8").split("\n")
    pairs = (line.rstrip("\r").split("\t") for line in lines)
    return [(pair[0], pair[1]) for pair in pairs if len(pair) == 2]


def _parameter(content: bytes) -> Any:
    """Return the float32 values of a parameter as PaddlePaddle saves it.

    Version (4 bytes), number of levels (8), version (4), length of a description (4), the
    description, values. Parameters have no levels.
    """
    levels, _, length = struct.unpack_from("<Qii", content, 4)
    if levels:
        raise ValueError(f"a parameter with {levels} levels")
    return numpy.frombuffer(content, "<f4", offset=20 + length)
