"""A tokenizer's tokens as the bytes that they write."""

import json
import re
from collections.abc import Iterable
from functools import cache, cached_property
from typing import Any

from ...errors import ModelError

_BYTE_TOKEN = re.compile(r"<0x([0-9A-F]{2})>")
# How sentencepiece writes a blank.
_BLANK = "\u2581"
_TRIED = 2000


class Vocabulary:
    """The tokens that an answer may be written with.

    Attributes:
        written: the bytes that each token writes.
        ends: tokens that end the answer.
    """

    def __init__(self, tokens: Iterable[tuple[int, bytes]], ends: Iterable[int]) -> None:
        self.written = {token: written for token, written in tokens if written}
        self.ends = tuple(ends)
        self._whole = frozenset(self.written.values())

    def can_write(self, character: str) -> bool:
        """Say whether some token is this character, or byte tokens can spell it."""
        try:
            written = character.encode()
        except UnicodeEncodeError:
            return False
        return written in self._whole or all(bytes([byte]) in self._whole for byte in written)

    @cached_property
    def tokenizer(self) -> Any:
        """The tokens as llguidance takes them.

        Raises:
            ModelError: llguidance is not installed.
        """
        try:
            from llguidance import LLTokenizer, TokenizerWrapper
        except ImportError:
            raise ModelError(
                "constrained answers need llguidance; run: pip install 'chinchilla-ie[constrain]'"
            ) from None
        size = max([*self.written, *self.ends]) + 1
        table = _Table([self.written.get(i, b"") for i in range(size)], self.ends[0])
        return LLTokenizer(TokenizerWrapper(table), eos_token=list(self.ends), slices=[])


class _Table:
    """What llguidance asks of a tokenizer; it is never asked to cut text into tokens."""

    bos_token_id = None

    def __init__(self, tokens: list[bytes], end: int) -> None:
        self.tokens = tokens
        self.eos_token_id = end
        self.special_token_ids: list[int] = []

    def __call__(self, text: str | bytes) -> list[int]:
        raise NotImplementedError


def read_vocabulary(tokenizer: Any, ends: Iterable[int]) -> Vocabulary:
    """Return the vocabulary of a `tokenizers.Tokenizer`; special tokens are left out.

    Raises:
        ModelError: decoding tokens together is not writing them one after the other.
    """
    settings = json.loads(tokenizer.to_str())
    added = {item["id"]: item for item in settings.get("added_tokens") or ()}
    decoder = json.dumps(settings.get("decoder") or {}, ensure_ascii=False)
    is_byte_level = '"ByteLevel"' in decoder
    is_metaspace = _BLANK in decoder
    tokens: list[tuple[int, bytes]] = []
    for name, token in tokenizer.get_vocab(with_added_tokens=True).items():
        if token in added:
            if not added[token]["special"]:
                tokens.append((token, added[token]["content"].encode()))
            continue
        written = _written(name, is_byte_level, is_metaspace)
        if written is not None:
            tokens.append((token, written))
    tokens.sort()
    _check(tokenizer, tokens)
    return Vocabulary(tokens, ends)


def tokenizer_vocabulary(tokenizer: Any, stops: Iterable[int] = ()) -> Vocabulary:
    """Return the vocabulary of a transformers tokenizer; `stops` are all tokens that end an answer.

    Raises:
        ModelError: it has no fast form, or no token that ends an answer; see `read_vocabulary`.
    """
    inner = getattr(tokenizer, "backend_tokenizer", None)
    if inner is None or tokenizer.eos_token_id is None:
        lacks = "fast form" if inner is None else "end-of-sequence token"
        raise ModelError(
            f"answers cannot be constrained: the model's tokenizer has no {lacks}; "
            "run without constraint"
        )
    return read_vocabulary(inner, list(stops) or [tokenizer.eos_token_id])


def _written(name: str, is_byte_level: bool, is_metaspace: bool) -> bytes | None:
    """Return the bytes that a token writes, None if it writes nothing of its own."""
    if is_byte_level:
        table = _byte_of()
        return bytes(table[c] for c in name) if all(c in table for c in name) else None
    match = _BYTE_TOKEN.fullmatch(name)
    if match:
        return bytes([int(match.group(1), 16)])
    try:
        return (name.replace(_BLANK, " ") if is_metaspace else name).encode()
    except UnicodeEncodeError:
        return None


def _check(tokenizer: Any, tokens: list[tuple[int, bytes]]) -> None:
    """Compare what some tokens are taken to write with what the tokenizer makes of them."""
    step = max(1, len(tokens) // _TRIED)
    row = [item for item in tokens[::step] if _is_whole(item[1])]
    expected = b"".join(written for _, written in row).decode()
    found = tokenizer.decode([token for token, _ in row], skip_special_tokens=False)
    if found.strip() != expected.strip():
        raise ModelError(
            "answers cannot be constrained: this tokenizer does not decode tokens one by one; "
            "run without constraint"
        )


def _is_whole(written: bytes) -> bool:
    try:
        return bool(written.decode())
    except UnicodeDecodeError:
        return False


@cache
def _byte_of() -> dict[str, int]:
    """Return the byte for each character by which byte-level tokenizers write bytes.

    Printable Latin-1 characters stand for themselves, the other bytes for U+0100 onwards in
    order, as GPT-2 fixed it.
    """
    plain = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in plain]
    table = {chr(byte): byte for byte in plain}
    table.update({chr(256 + i): byte for i, byte in enumerate(others)})
    return table
