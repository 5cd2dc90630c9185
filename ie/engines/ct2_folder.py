"""What a folder converted to CTranslate2 holds: the kind of model, its positions, its tokenizer."""

import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from ..data.extras import require_extra
from ..errors import ModelError
from ..prompts.messages import Prompt, plain_prompt
from .stops import folder_settings, stop_ids
from .tokens import has_chat_template, load_tokenizer, model_context, prompt_ids

# The learned positions of a decoder, by its name in the file: (positions, width) float32.
_POSITIONS = b"decoder/position_encodings/encodings"


@dataclass(frozen=True)
class ConvertedFolder:
    """A converted model before it is loaded.

    `context` is in tokens, prompt and answer together; None if nothing in the folder tells it.
    """

    is_seq2seq: bool
    codec: "Codec"
    context: int | None


def read_folder(path: Path) -> ConvertedFolder:
    """Read what the folder says of its model.

    Raises:
        ModelError: it holds no converted model, or no tokenizer.
    """
    if not (path / "tokenizer.json").is_file():
        raise ModelError(f"{path}: no tokenizer.json beside the model; copy the tokenizer there")
    if not (path / "model.bin").is_file():
        raise ModelError(f"{path}: no model.bin; expected a folder converted to CTranslate2")
    with (path / "model.bin").open("rb") as file:
        is_seq2seq = _spec_name(file) == b"TransformerSpec"
    codec = ChatCodec(path) if has_chat_template(path) else PlainCodec(path)
    told = None if is_seq2seq else model_context(codec.tokenizer, *folder_settings(path))
    learned = None if is_seq2seq else _learned_positions(path / "model.bin")
    context = min((n for n in (told, learned) if n is not None), default=None)
    return ConvertedFolder(is_seq2seq, codec, context)


class PlainCodec:
    """Prompts as tokens and tokens as answers, by the tokenizer alone.

    `ends` are the tokens that end an answer.
    """

    def __init__(self, folder: Path) -> None:
        """Read the tokenizer.

        Raises:
            ModelError: tokenizers is missing.
        """
        require_extra(f"{folder}: its tokenizer.json", "ct2", ["tokenizers"])
        from tokenizers import Tokenizer

        self.tokenizer: Any = Tokenizer.from_file(str(folder / "tokenizer.json"))
        by_number = [
            self.tokenizer.id_to_token(i) for i in stop_ids(None, *folder_settings(folder))
        ]
        self.ends = _known([_end_token(folder), *by_number], folder)

    def encode(self, prompt: Prompt) -> list[str]:
        """Return the tokens of a prompt."""
        tokens: list[str] = self.tokenizer.encode(plain_prompt(prompt)).tokens
        return tokens

    def decode(self, tokens: list[str]) -> tuple[str, bool]:
        """Return the text of an answer's tokens, and whether it ended by itself."""
        stopped = bool(tokens) and tokens[-1] in self.ends
        ids = map(self.tokenizer.token_to_id, tokens[:-1] if stopped else tokens)
        return self.tokenizer.decode([i for i in ids if i is not None]), stopped


class ChatCodec:
    """Prompts as a turn of the model's chat template; see `PlainCodec`."""

    def __init__(self, folder: Path) -> None:
        """Read the tokenizer with its template.

        Raises:
            ModelError: transformers, which renders templates, is missing.
        """
        self.tokenizer: Any = load_tokenizer(str(folder))
        stops = stop_ids(self.tokenizer, *folder_settings(folder))
        ends = [*self.tokenizer.convert_ids_to_tokens(stops), _end_token(folder)]
        self.ends = _known(ends, folder)

    def encode(self, prompt: Prompt) -> list[str]:
        """Return the tokens of a prompt."""
        ids = prompt_ids(self.tokenizer, prompt)
        tokens: list[str] = self.tokenizer.convert_ids_to_tokens(ids)
        return tokens

    def decode(self, tokens: list[str]) -> tuple[str, bool]:
        """Return the text of an answer's tokens, and whether it ended by itself."""
        stopped = bool(tokens) and tokens[-1] in self.ends
        ids = self.tokenizer.convert_tokens_to_ids(tokens[:-1] if stopped else tokens)
        return self.tokenizer.decode(ids, skip_special_tokens=True), stopped


Codec = PlainCodec | ChatCodec


def _end_token(folder: Path) -> str:
    """Return the end token that the converter wrote down."""
    path = folder / "config.json"
    value = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return str(value.get("eos_token") or "</s>")


def _known(tokens: list[str | None], folder: Path) -> list[str]:
    """Return the tokens that the model has, once each: others it would take for its unknown one."""
    for name in ("vocabulary.json", "shared_vocabulary.json", "target_vocabulary.json"):
        if (folder / name).is_file():
            names = json.loads((folder / name).read_text(encoding="utf-8"))
            return [token for token in dict.fromkeys(tokens) if token and token in set(names)]
    return [token for token in dict.fromkeys(tokens) if token]


def _learned_positions(path: Path) -> int | None:
    """Return how many positions the model has learned, None if it computes them."""
    with path.open("rb") as file:
        _spec_name(file)
        count = int.from_bytes(file.read(8)[4:], "little")  # after the revision
        for name, shape in _variables(file, count):
            if name == _POSITIONS and len(shape) == 2:
                return shape[0]
    return None


def _spec_name(file: BinaryIO) -> bytes:
    """Return version and name at the head of `model.bin`; the name of another file is empty."""
    file.read(4)
    return _string(file)


def _variables(file: BinaryIO, count: int) -> Iterator[tuple[bytes, tuple[int, ...]]]:
    """Yield name and shape of the weights, which are passed over; end early where it is no such file."""
    for _ in range(min(count, 100_000)):
        name, rank = _string(file), file.read(1)
        head = file.read(4 * rank[0] + 5) if rank else b""
        if not rank or len(head) < 4 * rank[0] + 5:
            return
        shape = struct.unpack(f"<{rank[0]}I", head[:-5])
        yield name, shape
        file.seek(int.from_bytes(head[-4:], "little"), 1)


def _string(file: BinaryIO) -> bytes:
    size = int.from_bytes(file.read(2), "little")
    return file.read(size).rstrip(b"\0")
