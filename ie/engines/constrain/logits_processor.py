"""Constraints as a logits processor for `generate` of transformers, one walker a row."""

from collections.abc import Sequence
from typing import Any

from .walker import Walker, check_room


class ConstraintProcessor:
    """Bars every token but the best that the constraint of its row lets through: greedily.

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

    def __call__(self, input_ids: Any, scores: Any) -> Any:
        """Return the scores `(rows, vocabulary)`, all but those of the best allowed at -inf.

        `input_ids` is `(rows, length) int64`.
        """
        import torch

        masked, rows = torch.full_like(scores, -torch.inf), scores.float().cpu().numpy()
        answers = input_ids[:, self._start :].tolist()
        for row, (walker, answer) in enumerate(zip(self._walkers, answers, strict=True)):
            # After its end, or a drafted token that is barred, what follows is thrown away.
            if not walker.follow(answer) or walker.is_over:
                masked[row] = scores[row]
                continue
            token = walker.choose(rows[row], self._max_tokens - len(answer))
            masked[row, token] = scores[row, token]
        return masked
