"""Progress on a terminal: a count, the time and the rate, on stderr."""

import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Protocol


class Advance(Protocol):
    """Counts what is done; what was done `before` says nothing of the rate."""

    def __call__(self, number: int = 1, *, before: bool = False) -> None:
        """Count so many more."""
        ...


def counting(what: str, quiet: bool, total: int | None = None) -> AbstractContextManager[Advance]:
    """Show on a terminal how many `what` are done; the function given counts so many more.

    With `total`, about how many there are, the time left is shown too. With `quiet`, and where
    stderr is no terminal, nothing is shown.
    """
    return uncounted() if quiet or not sys.stderr.isatty() else _bar(what, total)


@contextmanager
def _bar(what: str, total: int | None) -> Iterator[Advance]:
    from tqdm import tqdm

    shown = "{n_fmt} " + what + " [{elapsed}, {rate_noinv_fmt}]"
    if total:
        shown = (
            "{n_fmt} of about {total_fmt} "
            + what
            + " [{elapsed}, {rate_noinv_fmt}, {remaining} left]"
        )
    with tqdm(
        total=total, unit=f" {what}", bar_format=shown, leave=False, mininterval=0.2, smoothing=0
    ) as bar:

        def advance(number: int = 1, *, before: bool = False) -> None:
            if before:
                bar.initial += number
            bar.update(number)

        yield advance


def uncounted() -> AbstractContextManager[Advance]:
    """Show nothing; the function given takes counts all the same."""

    def advance(number: int = 1, *, before: bool = False) -> None:
        pass

    return nullcontext(advance)
