"""Constraints as a logits processor for `generate` of transformers, one automaton a row."""

from collections.abc import Sequence
from typing import Any

from .walker import Position, Walker, check_room


class ConstraintProcessor:
    """Bars every token that the constraint of its row does not let through.

    Rows may be asked again for an earlier point, as drafting does: what a row was is compared
    with what it is.
    """

    def __init__(self, walkers: Sequence[Walker], start: int, max_tokens: int) -> None:
        """Constrain a batch.

        Args:
            walkers: one for each row.
            start: how many tokens stand before the answer, padding included.
            max_tokens: how many tokens an answer may have, its end included.

        Raises:
            ValueError: `max_tokens` leaves no room for the shortest answer.
        """
        check_room(walkers, max_tokens)
        self._walkers = walkers
        self._start = start
        self._max_tokens = max_tokens
        # Per row, the tokens of the answer followed so far and the position after each.
        self._tokens: list[list[int]] = [[] for _ in walkers]
        self._trails: list[list[Position]] = [[walker.start] for walker in walkers]

    def __call__(self, input_ids: Any, scores: Any) -> Any:
        """Return the scores `(rows, vocabulary)` with barred tokens at minus infinity.

        `input_ids` is `(rows, length) int64`.
        """
        import torch

        masked = torch.full_like(scores, -torch.inf)
        for row, answer in enumerate(input_ids[:, self._start :].tolist()):
            position = self._position(row, answer)
            if position is None:
                masked[row] = scores[row]
                continue
            left = self._max_tokens - len(answer)
            allowed = self._walkers[row].allowed(position, left)
            index = torch.tensor(allowed, device=scores.device)
            masked[row, index] = scores[row, index]
        return masked

    def _position(self, row: int, answer: list[int]) -> Position | None:
        """Return the position after the tokens of a row, or None if the answer has ended."""
        walker, tokens, trail = self._walkers[row], self._tokens[row], self._trails[row]
        same = 0
        while same < min(len(tokens), len(answer)) and tokens[same] == answer[same]:
            same += 1
        del tokens[same:], trail[same + 1 :]
        for token in answer[same:]:
            if token in walker.vocabulary.ends:
                return None
            after = walker.advance(trail[-1], token)
            if after is None:
                # A drafted token that is barred: what follows it is thrown away.
                return None
            tokens.append(token)
            trail.append(after)
        return trail[-1]
