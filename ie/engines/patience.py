"""How often and how long a busy or faulty server is waited for."""

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tenacity import RetryCallState

from .endpoint import RequestFailure

# Seconds; the limits of many vendors are by the minute.
_LONGEST_WAIT = 60.0
# With waits of 1, 2, 4 … seconds the last of so many attempts comes two minutes after the first.
_ATTEMPTS_IF_LIMITED = 8
# What runs out of time may do so again, and has cost most.
_ATTEMPTS_IF_LATE = 2


@dataclass(frozen=True)
class Patience:
    """When to ask again: waits begin with `backoff` seconds and double."""

    attempts: int = 5
    backoff: float = 1.0

    def is_over(self, state: RetryCallState) -> bool:
        """Return whether the last attempt was made, of those that may help."""
        failure, attempts = _failure(state), self.attempts
        if failure.status == 429 and failure.wait is None:
            attempts = max(attempts, _ATTEMPTS_IF_LIMITED)
        if failure.is_late:
            attempts = min(attempts, _ATTEMPTS_IF_LATE)
        failure.attempts = state.attempt_number
        return state.attempt_number >= attempts

    def wait(self, state: RetryCallState) -> float:
        """Return the seconds until the next attempt."""
        failure = _failure(state)
        if failure.wait is not None:
            return failure.wait
        doubled = self.backoff * 2.0 ** (state.attempt_number - 1)
        # Never less: the minute would be missed.
        return min(doubled, self.backoff * _LONGEST_WAIT) * random.uniform(1, 1.25)


class Lanes:
    """How many requests may be under way: fewer each time that one runs out of time.

    A server that answers one prompt after the other lets the others wait until they are late.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self._taken = 0
        self._changed = threading.Condition()

    @contextmanager
    def one(self) -> Iterator[None]:
        """Wait for a lane, and keep it."""
        with self._changed:
            self._changed.wait_for(lambda: self._taken < self.most)
            self._taken += 1
        try:
            yield
        finally:
            with self._changed:
                self._taken -= 1
                self._changed.notify_all()

    def narrow(self) -> None:
        """Let half as many be under way."""
        with self._changed:
            self.most = max(1, self.most // 2)


def _failure(state: RetryCallState) -> RequestFailure:
    error = state.outcome.exception() if state.outcome else None
    assert isinstance(error, RequestFailure)
    return error
