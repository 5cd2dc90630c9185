"""Rows and batches: exact packing of several records in a row, or batches of like lengths.

In a packed row each record's positions restart at 0. Without an attention mask and without a
cache, transformers then keeps attention inside each record, for the families listed here (a test
compares the logits of packed and separate records). Others get padded batches of like lengths.
"""

import random
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import torch

from .examples import Examples

PACKABLE_TYPES = (
    "glm",
    "glm4",
    "gpt_neox",
    "internlm3",
    "llama",
    "mistral",
    "qwen2",
    "qwen3",
)
IGNORED = -100


def pack(lengths: Sequence[int], size: int) -> list[list[int]]:
    """Put examples into rows of at most `size` tokens: best fit, longest first.

    A row wastes little: an example goes where the least room would be left.
    """
    rows: list[list[int]] = []
    by_room: list[list[int]] = [[] for _ in range(size + 1)]
    # Bit r is set when some row has room r: the least fitting room is found by one shift.
    rooms = 0
    for index in sorted(range(len(lengths)), key=lambda i: (-lengths[i], i)):
        length = lengths[index]
        fitting = rooms >> length
        if fitting:
            room = length + (fitting & -fitting).bit_length() - 1
            row = by_room[room].pop()
            if not by_room[room]:
                rooms &= ~(1 << room)
            rows[row].append(index)
        else:
            room, row = size, len(rows)
            rows.append([index])
        by_room[room - length].append(row)
        rooms |= 1 << (room - length)
    return rows


def epoch_order(
    lengths: Sequence[int], *, batch: int, seed: int, epoch: int, grouped: bool
) -> list[int]:
    """Return the order of rows in an epoch, which depends on nothing but its arguments.

    `grouped`: rows of like lengths (sorted within random runs of 64 batches) share a batch, and
    the batches come in random order, the longest first so that memory runs out at once or never.
    """
    rng = random.Random(f"{seed}/{epoch}")
    order = list(range(len(lengths)))
    rng.shuffle(order)
    if not grouped:
        return order
    run = batch * 64
    batches: list[list[int]] = []
    for start in range(0, len(order), run):
        part = sorted(order[start : start + run], key=lambda i: -lengths[i])
        batches += [part[i : i + batch] for i in range(0, len(part), batch)]
    # A short last batch must stay last, or it would shift the borders of all after it.
    tail = [batches.pop(i) for i in range(len(batches)) if len(batches[i]) < batch][:1]
    rng.shuffle(batches)
    longest = max(lengths, default=0)
    batches.sort(key=lambda rows: lengths[rows[0]] != longest)
    return [index for rows in [*batches, *tail] for index in rows]


class EpochSampler:
    """Yields `epoch_order`; the training loop sets the epoch, so resuming needs no random state."""

    def __init__(self, lengths: Sequence[int], *, batch: int, seed: int, grouped: bool) -> None:
        self.lengths = lengths
        self.batch = batch
        self.seed = seed
        self.grouped = grouped
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose order comes next."""
        self.epoch = epoch

    def __len__(self) -> int:
        return len(self.lengths)

    def __iter__(self) -> Iterator[int]:
        return iter(
            epoch_order(
                self.lengths,
                batch=self.batch,
                seed=self.seed,
                epoch=self.epoch,
                grouped=self.grouped,
            )
        )


class Rows:
    """The data set of a run: each item is the list of example numbers in one row."""

    def __init__(self, examples: Examples, rows: list[list[int]]) -> None:
        self.examples = examples
        self.rows = rows
        self.lengths = [sum(int(examples.lengths[i]) for i in row) for row in rows]

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> list[int]:
        return self.rows[index]


class PackedCollator:
    """Rows of several records: `(rows, longest)` ids, labels and restarting positions."""

    def __init__(self, examples: Examples, pad: int) -> None:
        self.examples = examples
        self.pad = pad

    def __call__(self, rows: list[list[int]]) -> dict[str, "torch.Tensor"]:
        """Make a batch of rows given as example numbers."""
        width = _rounded(max(sum(int(self.examples.lengths[i]) for i in row) for row in rows))
        shape = (len(rows), width)
        ids = np.full(shape, self.pad, dtype=np.int64)
        labels = np.full(shape, IGNORED, dtype=np.int64)
        # Each padding position restarts at 0 and so attends to itself alone.
        positions = np.zeros(shape, dtype=np.int64)
        for number, row in enumerate(rows):
            at = 0
            for index in row:
                tokens, prompt = self.examples[index]
                end = at + len(tokens)
                ids[number, at:end] = tokens
                labels[number, at + prompt : end] = tokens[prompt:]
                positions[number, at:end] = np.arange(len(tokens))
                at = end
        return _tensors(input_ids=ids, labels=labels, position_ids=positions)


class PaddedCollator:
    """Rows of one record each: `(rows, longest)` ids, labels and attention mask."""

    def __init__(self, examples: Examples, pad: int) -> None:
        self.examples = examples
        self.pad = pad

    def __call__(self, rows: list[list[int]]) -> dict[str, "torch.Tensor"]:
        """Make a batch of rows given as example numbers."""
        pairs = [self.examples[row[0]] for row in rows]
        width = _rounded(max(len(tokens) for tokens, _ in pairs))
        ids = np.full((len(rows), width), self.pad, dtype=np.int64)
        labels = np.full((len(rows), width), IGNORED, dtype=np.int64)
        mask = np.zeros((len(rows), width), dtype=np.int64)
        for number, (tokens, prompt) in enumerate(pairs):
            ids[number, : len(tokens)] = tokens
            labels[number, prompt : len(tokens)] = tokens[prompt:]
            mask[number, : len(tokens)] = 1
        return _tensors(input_ids=ids, labels=labels, attention_mask=mask)


class PairCollator:
    """Rows for encoder-decoders: prompt ids with their mask, and the answer as labels."""

    def __init__(self, examples: Examples, pad: int) -> None:
        self.examples = examples
        self.pad = pad

    def __call__(self, rows: list[list[int]]) -> dict[str, "torch.Tensor"]:
        """Make a batch of rows given as example numbers."""
        pairs = [self.examples[row[0]] for row in rows]
        width = _rounded(max(prompt for _, prompt in pairs))
        answer = _rounded(max(len(tokens) - prompt for tokens, prompt in pairs))
        ids = np.full((len(rows), width), self.pad, dtype=np.int64)
        mask = np.zeros((len(rows), width), dtype=np.int64)
        labels = np.full((len(rows), answer), IGNORED, dtype=np.int64)
        for number, (tokens, prompt) in enumerate(pairs):
            ids[number, :prompt] = tokens[:prompt]
            mask[number, :prompt] = 1
            labels[number, : len(tokens) - prompt] = tokens[prompt:]
        heard = (labels != IGNORED).astype(np.int64)
        return _tensors(
            input_ids=ids, attention_mask=mask, decoder_attention_mask=heard, labels=labels
        )


def real_tokens(batch: dict[str, Any]) -> Any:
    """Return how many tokens of a batch are not padding, answers of encoder-decoders included.

    The count is a tensor on the device of the batch, so that asking for it does not wait.
    """
    if "attention_mask" not in batch:
        import torch

        positions = batch["position_ids"]
        # A record has two tokens at least, so a 0 with no 1 after it is padding.
        following = torch.nn.functional.pad(positions[:, 1:], (0, 1))
        return ((positions != 0) | (following != 0)).sum()
    count = batch["attention_mask"].sum()
    if "decoder_attention_mask" in batch:
        count = count + batch["decoder_attention_mask"].sum()
    return count


def _rounded(width: int) -> int:
    """Round up to a multiple of 8, which matrix units of accelerators like."""
    return -(-width // 8) * 8


def _tensors(**arrays: npt.NDArray[np.int64]) -> dict[str, "torch.Tensor"]:
    import torch

    return {name: torch.from_numpy(array) for name, array in arrays.items()}
