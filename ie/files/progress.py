"""Progress on a terminal: a count, the time and the rate, on stderr."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol


class Advance(Protocol):
    """Counts what is done; what was done `before` says nothing of the rate."""

    def __call__(self, number: int = 1, *, before: bool = False) -> None:
        """Count so many more."""
        ...


@contextmanager
def counting(what: str, total: int | None = None) -> Iterator[Advance]:
    """Show how many `what` are done; the yielded function counts so many more.

    With `total`, about how many there are, the time left is shown too.
    """
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
