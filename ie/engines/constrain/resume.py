"""Constrained greedy decoding by engines that let nobody into their loop.

An engine writes freely; what it wrote is followed up to the first token that the constraint
bars. There, the scores of the next token are asked for, the best allowed one is taken, and the
engine goes on from it. What comes out is what masking every step would give, and a model that
mostly keeps to the form costs little more than without constraint.
"""

from collections.abc import Sequence
from typing import Any, Protocol

from .walker import Walker, check_room

# An answer that was barred this often is brought to its end the shortest way.
_ROUNDS = 64
# Tokens to write freely after the first time: what is barred once will soon be barred again.
_STRETCH = 24


class FreeEngine(Protocol):
    """What is needed of an engine; rows are numbers of prompts with the answers so far."""

    def go_on(self, rows: Sequence[tuple[int, list[int]]], most: int | None) -> list[list[int]]:
        """Return for each row the tokens, `most` at most, that the model adds to the answer."""
        ...

    def next_scores(self, rows: Sequence[tuple[int, list[int]]]) -> list[Any]:
        """Return for each row the scores of the next token, by token, in any unit."""
        ...


class HeldAnswer:
    """An answer that grows by allowed tokens only, to at most `limit`, its end included."""

    def __init__(self, walker: Walker, limit: int) -> None:
        check_room([walker], limit)
        self._walker = walker
        self._limit = limit

    @property
    def tokens(self) -> list[int]:
        """The tokens so far."""
        return self._walker.tokens

    @property
    def is_over(self) -> bool:
        """Whether a token has ended the answer."""
        return self._walker.is_over

    def take(self, tokens: Sequence[int]) -> None:
        """Add tokens up to the first that is barred."""
        for token in tokens:
            if self.is_over or not self._walker.step(token, self._limit - len(self.tokens)):
                return

    def choose(self, scores: Any) -> None:
        """Add the best allowed token by the scores of all."""
        self._walker.advance(self._walker.choose(scores, self._limit - len(self.tokens)))

    def close(self) -> None:
        """Bring the answer to its end the shortest way."""
        while not self.is_over:
            self._walker.advance(self._walker.nearest())


def hold_answers(
    engine: FreeEngine, walkers: Sequence[Walker], limits: Sequence[int]
) -> list[list[int]]:
    """Return the tokens of the answers, each ending with an end token within its limit.

    Raises:
        ValueError: a limit leaves no room for the shortest answer.
    """
    answers = [HeldAnswer(walker, limit) for walker, limit in zip(walkers, limits, strict=True)]
    for number in range(_ROUNDS):
        rows = _open_rows(answers)
        if not rows:
            break
        for (i, _), tokens in zip(
            rows, engine.go_on(rows, _STRETCH if number else None), strict=True
        ):
            answers[i].take(tokens)
        rows = _open_rows(answers)
        if rows:
            for (i, _), scores in zip(rows, engine.next_scores(rows), strict=True):
                answers[i].choose(scores)
    for answer in answers:
        answer.close()
    return [answer.tokens for answer in answers]


def _open_rows(answers: Sequence[HeldAnswer]) -> list[tuple[int, list[int]]]:
    return [(i, answer.tokens) for i, answer in enumerate(answers) if not answer.is_over]
