"""Text as ids, one a character: its own piece, and the piece that covers it.

Before it is read a character is folded to one character, so offsets stand: white space and
control characters become `▁`, compatibility forms (full-width letters, marks) their plain form,
traditional characters simplified ones.
"""

import json
import unicodedata
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Tokenizer
from tokenizers.models import Unigram

SPECIAL = ("<s>", "<pad>", "</s>", "<unk>")
BOS, PAD, EOS, UNKNOWN = range(4)
BLANK = "▁"


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
        self._unigram = Tokenizer(Unigram(pieces, UNKNOWN, False))

    def fold(self, text: str) -> str:
        """Return the text as it is read; as long as the text."""
        return text.translate(self._fold)

    def encode(self, texts: list[str]) -> list[tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]]:
        """Return (own ids, covering ids) of each text, one of each a character."""
        folded = [self.fold(text) for text in texts]
        found = self._unigram.encode_batch(folded)
        return [
            (self._singles(text), _covering(len(text), encoding))
            for text, encoding in zip(folded, found, strict=True)
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
        ids: list[int] = self._unigram.encode(self.fold(folded)).ids
        return [BOS, *ids, EOS]

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


def _covering(length: int, encoding: Any) -> np.ndarray[Any, Any]:
    ids = np.full(length, UNKNOWN, np.int32)
    for piece, (start, end) in zip(encoding.ids, encoding.offsets, strict=True):
        ids[start:end] = piece
    return ids
