"""Text as ids, one a character: its own piece, and the piece that covers it.

Before it is read a character is folded to one character, so offsets stand: white space and
control characters become `▁`, compatibility forms (full-width letters, marks) their plain form,
traditional characters simplified ones.
"""

import json
import struct
import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sentencepiece import SentencePieceProcessor

SPECIAL = ("<s>", "<pad>", "</s>", "<unk>")
BOS, PAD, EOS, UNKNOWN = range(4)
BLANK = "▁"
# A field of a short piece: its length, the text and its length, the score, the kind.
_SHORT, _FLOAT = b"\n%c\n%c%b\x15%b\x18%c", struct.Struct("<f")


def plain(char: str) -> str:
    """Fold one character to its compatibility form, white space to `▁`; one character long."""
    if char.isspace() or unicodedata.category(char) in ("Cc", "Cf", "Zs"):
        return BLANK
    folded = unicodedata.normalize("NFKC", char)[:1]
    return BLANK if not folded or folded.isspace() else folded


class Fold(dict[int, str]):
    """A table for `str.translate` that fills itself: character code to folded character."""

    def __init__(self, simplified: dict[str, str]) -> None:
        super().__init__()
        self.simplified = simplified

    def __missing__(self, code: int) -> str:
        char = plain(chr(code))
        self[code] = value = self.simplified.get(char, char)
        return value


class Characters:
    """The vocabulary of the reader.

    `pieces` are (piece, unigram score) pairs whose first four are SPECIAL; `singles` the pieces of
    one character that characters may be; `simplified` maps traditional characters.
    """

    def __init__(
        self, pieces: list[tuple[str, float]], singles: list[str], simplified: dict[str, str]
    ) -> None:
        self.pieces = pieces
        self.singles = singles
        self._fold = Fold(simplified)
        self._own = {char: k for k, char in enumerate(singles)}
        self._ids = {piece: k for k, (piece, _) in enumerate(pieces)}
        self._unigram: Any = SentencePieceProcessor(model_proto=unigram(pieces))

    def fold(self, text: str) -> str:
        """Return the text as it is read; as long as the text."""
        return text.translate(self._fold)

    def encode(self, texts: list[str]) -> list[tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]]:
        """Return (own ids, covering ids) of each text, one of each a character."""
        folded = [self.fold(text) for text in texts]
        return [
            (self._singles(text), self._covering(pieces))
            for text, pieces in zip(folded, self._split(folded), strict=True)
        ]

    def batch(
        self, texts: list[str], width: int
    ) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
        """Return own and covering ids of texts behind `<s>`, [B, 1 + width] each, padded."""
        own = np.full((len(texts), 1 + width), PAD, np.int32)
        cover = np.full((len(texts), 1 + width), PAD, np.int32)
        own[:, 0] = cover[:, 0] = BOS
        for k, (a, b) in enumerate(self.encode(texts)):
            own[k, 1 : 1 + len(a)] = a
            cover[k, 1 : 1 + len(b)] = b
        return own, cover

    def _singles(self, text: str) -> np.ndarray[Any, Any]:
        get = self._own.get
        return np.fromiter((get(char, UNKNOWN) for char in text), np.int32, len(text))

    def words(self, text: str) -> list[int]:
        """Return the covering pieces of a text once each, as the base model reads it."""
        folded = BLANK + BLANK.join(text.split())
        pieces = self._split([self.fold(folded)])[0]
        return [BOS, *(self._ids.get(piece, UNKNOWN) for piece in pieces), EOS]

    def _split(self, folded: list[str]) -> list[list[str]]:
        """Return the pieces that each text is made of; what no piece has stays as it is."""
        pieces: list[list[str]] = self._unigram.encode(folded, out_type=str, num_threads=1)
        return pieces

    def _covering(self, pieces: Sequence[str]) -> np.ndarray[Any, Any]:
        ids = np.array([self._ids.get(piece, UNKNOWN) for piece in pieces], np.int32)
        return np.repeat(ids, [len(piece) for piece in pieces])

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "pieces": [piece for piece, _ in self.pieces],
            "scores": [round(score, 4) for _, score in self.pieces],
            "singles": "".join(self.singles[len(SPECIAL) :]),
            "simplified": "".join(a + b for a, b in self._fold.simplified.items()),
        }

    @classmethod
    def from_dict(cls, value: dict[str, Any]) -> "Characters":
        """Build from the JSON form."""
        pairs = value["simplified"]
        return cls(
            list(zip(value["pieces"], value["scores"], strict=True)),
            [*SPECIAL, *value["singles"]],
            dict(zip(pairs[::2], pairs[1::2], strict=True)),
        )

    @classmethod
    def load(cls, path: Path) -> "Characters":
        """Read the JSON file."""
        return cls.from_dict(json.loads(path.read_text(encoding="utf-8")))

    def save(self, path: Path) -> None:
        """Write the JSON file."""
        path.write_text(json.dumps(self.to_dict(), ensure_ascii=False), encoding="utf-8")


def unigram(pieces: Iterable[tuple[str, float]]) -> bytes:
    """Return a SentencePiece model of (piece, score) pairs that reads a text as it is.

    The bytes are of its `ModelProto` (sentencepiece_model.proto): field 1 a piece (1 text, 2 score,
    3 kind), 2 the trainer's (3 kind of model, 40 to 43 ids of `<unk>`, `<s>`, `</s>`, `<pad>`), 3 the
    normaliser's (1 name, 3 to 5 changes of blanks: none).
    """
    kinds = {BOS: 3, PAD: 3, EOS: 3, UNKNOWN: 2}
    parts = [
        _piece(piece.encode(), score, kinds.get(k, 1)) for k, (piece, score) in enumerate(pieces)
    ]
    ids = ((40, UNKNOWN), (41, BOS), (42, EOS), (43, PAD))
    parts.append(_field(2, bytes((24, 1)) + b"".join(_varint(n << 3) + _varint(k) for n, k in ids)))
    parts.append(_field(3, _field(1, b"identity") + bytes((24, 0, 32, 0, 40, 0))))
    return b"".join(parts)


def _piece(text: bytes, score: float, kind: int) -> bytes:
    size = len(text)
    if size < 100:  # lengths of one byte: sixteen thousand are made at each start
        return _SHORT % (size + 9, size, text, _FLOAT.pack(score), kind)
    return _field(1, _field(1, text) + struct.pack("<BfBB", 21, score, 24, kind))


def _field(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    low = bytearray()
    while value > 127:
        low.append(value & 127 | 128)
        value >>= 7
    return bytes((*low, value))
