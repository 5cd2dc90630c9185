"""A tokenizer's tokens as what they write, in a tree that an automaton can be walked along.

Byte-level tokens may begin or end inside a character. Each token is split into leading bytes
that finish a character begun before (`lead`), whole characters, and trailing bytes that begin
one (`tail`); most have neither.
"""

import json
import re
from collections.abc import Iterable
from functools import cache
from typing import Any

from ...errors import ModelError

_BYTE_TOKEN = re.compile(r"<0x([0-9A-F]{2})>")
# How sentencepiece writes a blank.
_BLANK = "\u2581"
_TRIED = 2000


class TokenNode:
    """A point in the tree of tokens, reached by whole characters.

    Attributes:
        ids: tokens that end here.
        tails: tokens that end inside the next character, by the bytes of it that they hold.
    """

    __slots__ = ("_children", "_waiting", "ids", "tails")

    def __init__(self) -> None:
        self.ids: list[int] = []
        self.tails: dict[bytes, list[int]] = {}
        self._waiting: list[tuple[str, bytes, int]] = []
        self._children: dict[str, TokenNode] = {}

    def add(self, text: str, tail: bytes, token: int) -> None:
        """Add a token that goes on with these characters."""
        if text:
            self._waiting.append((text, tail, token))
        elif tail:
            self.tails.setdefault(tail, []).append(token)
        else:
            self.ids.append(token)

    @property
    def children(self) -> "dict[str, TokenNode]":
        """The next points by character. Grown when first asked for: few are ever visited."""
        if self._waiting:
            for text, tail, token in self._waiting:
                child = self._children.get(text[0])
                if child is None:
                    child = self._children[text[0]] = TokenNode()
                child.add(text[1:], tail, token)
            self._waiting = []
        return self._children


class Vocabulary:
    """The tokens that an answer may be written with.

    Attributes:
        roots: trees of tokens by their leading bytes; `roots[b""]` has most.
        ends: tokens that end the answer.
        written: what each token writes.
    """

    def __init__(self, tokens: Iterable[tuple[int, bytes]], ends: Iterable[int]) -> None:
        """Sort tokens, given by what they write, into trees."""
        self.roots: dict[bytes, TokenNode] = {b"": TokenNode()}
        self.ends = tuple(ends)
        self.written: dict[int, bytes] = {}
        self._characters: set[str] = set()
        self._bytes: set[int] = set()
        for token, written in tokens:
            split = _split(written)
            if not written or split is None:
                continue
            self.written[token] = written
            lead, text, tail = split
            self.roots.setdefault(lead, TokenNode()).add(text, tail, token)
            if len(written) == 1:
                self._bytes.add(written[0])
            if len(text) == 1 and not lead and not tail:
                self._characters.add(text)

    def can_write(self, character: str) -> bool:
        """Say whether some token is this character, or byte tokens can spell it."""
        return character in self._characters or self.can_spell(character)

    def can_spell(self, character: str) -> bool:
        """Say whether there is a token for each byte of a character."""
        try:
            return self._bytes.issuperset(character.encode())
        except UnicodeEncodeError:
            return False


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


def tokenizer_vocabulary(tokenizer: Any) -> Vocabulary:
    """Return the vocabulary of a transformers tokenizer.

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
    return read_vocabulary(inner, [tokenizer.eos_token_id])


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


def _split(written: bytes) -> tuple[bytes, str, bytes] | None:
    """Split bytes into the end of a character, whole characters and the beginning of one."""
    start = 0
    while start < len(written) and 0x80 <= written[start] < 0xC0:
        start += 1
    if start > 3:
        return None
    for cut in range(min(4, len(written) - start + 1)):
        end = len(written) - cut
        try:
            text = written[start:end].decode()
        except UnicodeDecodeError:
            continue
        tail = written[end:]
        if not tail or _begins_character(tail):
            return written[:start], text, tail
    return None


def _begins_character(tail: bytes) -> bool:
    size = 2 if 0xC2 <= tail[0] < 0xE0 else 3 if tail[0] < 0xF0 else 4
    return 0xC2 <= tail[0] < 0xF5 and len(tail) < size and all(0x80 <= b < 0xC0 for b in tail[1:])


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
