"""How much a server takes and gives: its context and longest answer, learned from what it says."""

import re

from .budget import LEAST_ANSWER
from .endpoint import RequestFailure

# A context of fewer tokens is a misreading of what a server says.
_LEAST_CONTEXT = 256
_CONTEXT = re.compile(r"(?:context[ _](?:length|size|window)|n_ctx)\D{0,12}(\d[\d,]*)", re.I)
_TOO_LARGE = re.compile(
    r"max_(?:completion_)?tokens.{0,80}?(?:range|at most|too large|less|exceed|between)"
    r"|range of max_",
    re.I,
)


class Limits:
    """What is known so far, in tokens; `context` is for prompt and answer together."""

    def __init__(self) -> None:
        """Begin without knowledge: a token a character, and no bounds."""
        self.context: int | None = None
        self._longest: int | None = None
        self._tokens_per_character = 1.0

    def count(self, text: str) -> int:
        """Estimate the tokens of a prompt: as many for a character as the server counted last."""
        return round(len(text) * self._tokens_per_character) + 1

    def learn_count(self, text: str, tokens: int) -> None:
        """Note how many tokens the server counted for a prompt, those of its template with them."""
        if tokens and len(text) > 100:
            self._tokens_per_character = tokens / len(text)

    def fit(self, limit: int, text: str) -> int:
        """Return the limit of an answer, less where the server is known to allow less."""
        limit = min(limit, self._longest or limit)
        if self.context is None:
            return limit
        # The prompt's tokens are an estimate: whether it is too long is for the server to say.
        return min(limit, max(LEAST_ANSWER, self.context - self.count(text)))

    def smaller(self, failure: RequestFailure, limit: int, text: str) -> int | None:
        """Return a limit for a server that finds this one too large; None if it says no such thing."""
        if failure.status not in (400, 422):
            return None
        numbers = [number for number in failure.numbers if number != limit]
        if failure.is_too_long:
            return self._smaller_for_context(failure.text, limit, text, numbers)
        # Such as "the valid range of max_tokens is [1, 8192]".
        allowed = [number for number in numbers if LEAST_ANSWER <= number < limit]
        if not (allowed and _TOO_LARGE.search(failure.text)):
            return None
        self._longest = max(allowed)
        return self._longest

    def _smaller_for_context(
        self, said: str, limit: int, text: str, numbers: list[int]
    ) -> int | None:
        # Such as "maximum context length is 4096 tokens … your request has 3000 input tokens".
        match = _CONTEXT.search(said)
        context = int(match.group(1).replace(",", "")) if match else 0
        if context < _LEAST_CONTEXT:
            return None
        self.context = context
        named = [number for number in numbers if number < context]
        room = context - max(named, default=self.count(text))
        return room if LEAST_ANSWER <= room < limit else None
