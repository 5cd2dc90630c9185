"""Progress on a terminal: a count, the time and the rate, on stderr."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def counting(what: str) -> Iterator[Callable[[int], None]]:
    """Show how many `what` are done; the yielded function counts so many more."""
    from tqdm import tqdm

    shown = "{n_fmt} " + what + " [{elapsed}, {rate_noinv_fmt}]"
    with tqdm(unit=f" {what}", bar_format=shown, leave=False, mininterval=0.2) as bar:

        def advance(number: int = 1) -> None:
            bar.update(number)

        yield advance
