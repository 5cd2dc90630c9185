"""Read the base weights, multilingual-e5-small, from its packed 4-bit file.

Layout of the packed file, little-endian: magic `E5S1`, u32 version; i32 hidden, layers, heads,
FFN, vocabulary, positions, types; f32 eps; i32 block size; the tokenizer (i32 pieces, bos, eos,
pad, unk; u64 blob length; u32 offsets[pieces + 1]; f32 scores[pieces]; the UTF-8 blob; i32 count
and u32 byte length of a normalisation map, then that many bytes); i32 tensors, each with u16 name
length, name, u8 dtype (0 = f32, 1 = Q4_0), u32 elements, u64 offset from the start, u64 bytes.
A Q4_0 block of 32 weights is an fp16 scale and 16 bytes, low nibbles first; a weight is
(nibble - 8) * scale.
"""

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from chinchilla.errors import InputError
from chinchilla.mini.words import unpack

_BLOCK = 32
_BLOCK_BYTES = 18


@dataclass(frozen=True)
class Shape:
    """Sizes of a BERT encoder."""

    hidden: int
    layers: int
    heads: int
    ffn: int
    positions: int
    eps: float


class E5:
    """The packed base model: `shape`, `pieces`, `scores` and tensors read on demand."""

    def __init__(self, path: Path | str) -> None:
        """Open the file; tensors stay on disk.

        Raises:
            InputError: the file is not a packed e5 model.
        """
        self._data = np.memmap(path, dtype=np.uint8, mode="r")
        if bytes(self._data[:4]) != b"E5S1":
            raise InputError(f"{path}: not a packed e5 model (expected the magic bytes E5S1)")
        at = 8
        hidden, layers, heads, ffn, _, positions, _ = self._unpack("<7i", at)
        eps, block = self._unpack("<fi", at + 28)
        if block != _BLOCK:
            raise InputError(f"{path}: blocks of {block} weights, expected {_BLOCK}")
        self.shape = Shape(hidden, layers, heads, ffn, positions, eps)
        at = self._read_pieces(at + 36)
        self._tensors = self._read_index(at)

    def _unpack(self, form: str, at: int) -> tuple[Any, ...]:
        return struct.unpack(form, bytes(self._data[at : at + struct.calcsize(form)]))

    def _read_pieces(self, at: int) -> int:
        (count,) = self._unpack("<i", at)
        (size,) = self._unpack("<Q", at + 20)
        at += 28
        offsets = self._data[at : at + 4 * (count + 1)].view("<u4")
        at += 4 * (count + 1)
        self.scores = np.array(self._data[at : at + 4 * count].view("<f4"))
        at += 4 * count
        blob = bytes(self._data[at : at + size])
        ends = offsets.tolist()
        self.pieces = [blob[ends[k] : ends[k + 1]].decode("utf-8", "replace") for k in range(count)]
        at += size
        (length,) = self._unpack("<I", at + 4)
        return int(at + 8 + length)

    def _read_index(self, at: int) -> dict[str, tuple[int, int, int, int]]:
        (count,) = self._unpack("<i", at)
        at += 4
        index = {}
        for _ in range(count):
            (length,) = self._unpack("<H", at)
            name = bytes(self._data[at + 2 : at + 2 + length]).decode()
            at += 2 + length
            index[name] = self._unpack("<BIQQ", at)
            at += 21
        return index

    def packed(self, name: str) -> np.ndarray[Any, Any]:
        """Return the raw 4-bit blocks of a tensor, [blocks, 18] bytes."""
        kind, _, at, size = self._tensors[name]
        if kind != 1:
            raise InputError(f"{name} is not packed in 4 bits")
        return np.array(self._data[at : at + size]).reshape(-1, _BLOCK_BYTES)

    def tensor(self, name: str, columns: int = 0) -> np.ndarray[Any, Any]:
        """Return a tensor as float32, as [rows, columns] where columns are given."""
        kind, _, at, size = self._tensors[name]
        if kind == 0:
            flat = np.array(self._data[at : at + size].view("<f4"))
        else:
            flat = unpack(self.packed(name))
        return flat.reshape(-1, columns) if columns else flat

    def rows(self, ids: list[int]) -> np.ndarray[Any, Any]:
        """Return the word embeddings of some pieces, [ids, hidden]."""
        return unpack(self.packed_rows(ids)).reshape(len(ids), -1)

    def packed_rows(self, ids: list[int]) -> np.ndarray[Any, Any]:
        """Return the word embeddings of some pieces as raw blocks, [ids * blocks, 18]."""
        _, _, at, size = self._tensors["emb.word"]
        row = self.shape.hidden // _BLOCK * _BLOCK_BYTES
        table = self._data[at : at + size].reshape(-1, row)
        return np.array(table[np.asarray(ids)]).reshape(-1, _BLOCK_BYTES)
