"""One answer token by token: what may come next, and how it ends in time.

llguidance says which tokens the grammar lets through. Two rules are added to it. An answer always
ends within its tokens: near the last of them, one that leaves no way to the end is not taken. And
an item that is said more often than it can be true, such as an entity more often than its mention
stands in the text, ends the answer: a model that repeats itself would go on to its last token.
"""

import json
import re
from collections.abc import Sequence
from functools import cached_property
from typing import Any

from ...errors import ModelError
from ..protocol import Constraint
from .token_bytes import Vocabulary

# Tokens left from which on the way to the end is looked at, beside those of the longest names.
_NEAR = 48
# What brings an answer nearer to its end; none of it is a mention's, which would escape it.
_CLOSERS = {"json": ('"', "}", "]"), "compact": ("⟦", "⟧")}
_MOST_STEPS = 400
# The last bytes of } and ⟧, which end items.
_LAST_BYTES = (b"}", b"\xa7")
_JSON_HEAD = re.compile(r'"(?:text|trigger)": ?("(?:[^"\\]|\\.)*")')
_COMPACT_HEAD = re.compile(r"(?:\\.|[^\\⟦⟧])*", re.DOTALL)
_COMPACT_ITEM = re.compile(r"((?:\\.|[^\\⟦⟧])*)⟦(?:\\.|[^\\⟦⟧])*⟧", re.DOTALL)


class Walker:
    """Follows one answer; `tokens` are those taken so far."""

    def __init__(self, constraint: Constraint, vocabulary: Vocabulary) -> None:
        """Begin an answer.

        Raises:
            ModelError: llguidance is not installed, or cannot hold the model to the answers.
        """
        tokenizer = vocabulary.tokenizer
        from llguidance import LLMatcher

        self.constraint = constraint
        self.vocabulary = vocabulary
        # The model chooses how what is certain is cut into tokens.
        grammar = '%llguidance {"no_forcing": true}\n' + constraint.grammar(vocabulary.can_write)
        self._matcher = LLMatcher(tokenizer, grammar, log_level=0)
        if self._matcher.is_error():
            raise ModelError(f"answers cannot be constrained: {self._matcher.get_error():.300}")
        self.tokens: list[int] = []
        # How many tokens there were when the answer had to be brought to its end.
        self._closed_at: int | None = None
        self._near = _NEAR + 3 * max(map(len, constraint.names()), default=0)

    @property
    def text(self) -> str:
        """The answer so far; a character that is not whole is left out."""
        written = self.vocabulary.written
        return b"".join(written.get(token, b"") for token in self.tokens).decode("utf-8", "ignore")

    @property
    def is_over(self) -> bool:
        """Whether a token has ended the answer."""
        return bool(self.tokens) and self.tokens[-1] in self.vocabulary.ends

    @cached_property
    def _closer_ids(self) -> list[list[int]]:
        ids = {written: token for token, written in self.vocabulary.written.items()}
        spelt = ([closer.encode()] if closer.encode() in ids else
                 [bytes([b]) for b in closer.encode()] for closer in _CLOSERS[self.constraint.format])  # fmt: skip
        return [[ids[part] for part in parts] for parts in spelt if all(p in ids for p in parts)]

    def least_tokens(self) -> int:
        """Return how many tokens the shortest answer known takes, its end included."""
        return len(self._way_out(self._matcher))

    def choose(self, scores: Any, left: int) -> int:
        """Return the token with the best of `scores` (by token) that may come next.

        `left` is how many tokens may still be written, the end included.
        """
        import numpy

        if not self._must_close():
            bits = numpy.frombuffer(self._matcher.compute_bitmask(), dtype=numpy.uint8)
            may = numpy.flatnonzero(numpy.unpackbits(bits, bitorder="little")[: len(scores)])
            if len(may):
                best = int(may[numpy.asarray(scores)[may].argmax()])
                if self._ends_in_time(best, left):
                    return best
        return self.nearest()

    def step(self, token: int, left: int) -> bool:
        """Take a token if it may come next, else say False."""
        if self._must_close() and token != self.nearest():
            return False
        if not (self._may(token) and self._ends_in_time(token, left)):
            return False
        self.advance(token)
        return True

    def advance(self, token: int) -> None:
        """Take a token that may come next."""
        self.tokens.append(token)
        if token not in self.vocabulary.ends:
            self._matcher.consume_token(token)

    def follow(self, tokens: Sequence[int]) -> bool:
        """Become the answer of these tokens, as far as they may come; say whether all may."""
        same = 0
        for ours, theirs in zip(self.tokens, tokens, strict=False):
            if ours != theirs:
                break
            same += 1
        back = [token for token in self.tokens[same:] if token not in self.vocabulary.ends]
        if back:
            self._matcher.rollback(len(back))
        del self.tokens[same:]
        if self._closed_at is not None and same < self._closed_at:
            self._closed_at = None
        for token in tokens[same:]:
            if self.is_over or not self._may(token):
                return False
            self.advance(token)
        return True

    def nearest(self) -> int:
        """Return the token that brings the end nearest, or that ends the answer if one may."""
        return self._way_out(self._matcher)[0]

    def forced(self) -> str:
        """Return the characters that must come next, up to the first choice."""
        written: bytes = self._matcher.compute_ff_bytes()
        return written.decode("utf-8", "ignore")

    def _may(self, token: int) -> bool:
        if token in self.vocabulary.ends:
            return bool(self._matcher.is_accepting())
        return bool(self._matcher.validate_tokens([token]) == 1)

    def _ends_in_time(self, token: int, left: int) -> bool:
        if token in self.vocabulary.ends:
            return left > 0
        if left > self._near:
            return True
        after = self._matcher.deep_copy()
        after.consume_token(token)
        return len(self._way_out(after)) < left

    def _way_out(self, matcher: Any) -> list[int]:
        """Return tokens that end the answer: what closes it where that may come, else the first."""
        matcher, way = matcher.deep_copy(), list[int]()
        while not matcher.is_accepting() and len(way) < _MOST_STEPS:
            for closer in self._closer_ids:
                if matcher.validate_tokens(closer) == len(closer):
                    matcher.consume_tokens(closer)
                    way += closer
                    break
            else:
                token = _first(matcher.compute_bitmask())
                matcher.consume_token(token)
                way.append(token)
        return [*way, self.vocabulary.ends[0]]

    def _must_close(self) -> bool:
        """Say whether an item of the answer was said more often than it can be true."""
        last = self.vocabulary.written.get(self.tokens[-1], b"") if self.tokens else b""
        if self._closed_at is None and any(mark in last for mark in _LAST_BYTES):
            item, count = _last_item(self.text, self.constraint)
            if count > self._most(item):
                self._closed_at = len(self.tokens)
        return self._closed_at is not None

    def _most(self, item: str) -> int:
        """Return how often an item can be true: a relation once, others as often as their head."""
        if self.constraint.task == "re":
            return 1
        if self.constraint.format == "compact":
            head = re.sub(r"\\(.)", r"\1", _COMPACT_HEAD.match(item)[0])  # type: ignore[index]
        else:
            found = _JSON_HEAD.search(item)
            head = json.loads(found[1]) if found else ""
        return max(1, self.constraint.text.count(head)) if head else 1


def _last_item(answer: str, constraint: Constraint) -> tuple[str, int]:
    """Return the last whole item of an answer, and how often it was said."""
    if constraint.format == "json":
        items = [item.rstrip(", ") for item in answer.split('{"type"')[1:]]
        end = "]}" if constraint.task == "ee" else "}"
        whole = [item for item in items if item.endswith(end)]
    elif constraint.task == "ner":
        whole = [match[0] for match in _COMPACT_ITEM.finditer(answer)]
    else:
        whole = [line for line in answer.split("\n") if line.endswith("⟧")]
    return (whole[-1], whole.count(whole[-1])) if whole else ("", 0)


def _first(mask: bytes) -> int:
    at = next(i for i, byte in enumerate(mask) if byte)
    return 8 * at + (mask[at] & -mask[at]).bit_length() - 1


def check_room(walkers: Sequence[Walker], max_tokens: int) -> None:
    """Check that the shortest answer of each walker fits.

    Raises:
        ValueError: it does not.
    """
    least = max(walker.least_tokens() for walker in walkers)
    if max_tokens < least:
        raise ValueError(f"max_tokens is {max_tokens}; the shortest answer may take {least}")
