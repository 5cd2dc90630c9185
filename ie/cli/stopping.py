"""What a command does when it is stopped: it says how to go on, and ends as its signal asks."""

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import click


class _Stopped(BaseException):
    """A signal asked to end; no `except Exception` holds it up."""

    def __init__(self, number: int) -> None:
        self.number = number


@contextmanager
def stopping(hint: Callable[[], str]) -> Iterator[None]:
    """Let SIGTERM and SIGINT end the work inside in order; then tell `hint`, if it says anything.

    The process ends with 128 and the number of the signal, as shells have it. What fails otherwise is
    told with the hint too.
    """
    before = {}
    # Only the main thread may say what a signal does.
    if threading.current_thread() is threading.main_thread():
        before = {
            number: signal.signal(number, _stop) for number in (signal.SIGINT, signal.SIGTERM)
        }
    try:
        yield
    except _Stopped as stopped:
        _tell(f"stopped by {signal.Signals(stopped.number).name}", hint())
        sys.exit(128 + stopped.number)
    except BaseException as error:
        if not isinstance(error, SystemExit | click.exceptions.Exit):
            _tell("", hint())
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _stop(number: int, frame: FrameType | None) -> None:
    # A second signal ends at once.
    signal.signal(number, signal.SIG_DFL)
    raise _Stopped(number)


def _tell(what: str, hint: str) -> None:
    if shown := "; ".join(part for part in (what, hint) if part):
        click.echo(shown, err=True)
