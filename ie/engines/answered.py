"""Questions in parts: all parts are asked in one stream, and their answers come back by question."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

from ..errors import ModelError

_Whole = TypeVar("_Whole")
_Part = TypeVar("_Part")
_Answer = TypeVar("_Answer")


def answer_parts(
    wholes: Iterable[_Whole],
    parts_of: Callable[[_Whole], Sequence[_Part]],
    answer: Callable[[Iterator[_Part]], Iterable[_Answer]],
    name: str,
) -> Iterator[tuple[_Whole, list[tuple[_Part, _Answer]]]]:
    """Yield each whole with its parts and their answers, in order.

    A whole comes as soon as its last part is answered; one without parts comes after those before
    it. Wholes are read as `answer` takes their parts. `name` is that of the engine.

    Raises:
        ModelError: fewer or more answers than parts.
    """
    waiting: deque[tuple[_Whole, Sequence[_Part]]] = deque()

    def asked() -> Iterator[_Part]:
        for whole in wholes:
            parts = parts_of(whole)
            waiting.append((whole, parts))
            yield from parts

    left = asked()
    done: list[tuple[_Part, _Answer]] = []
    for found in answer(left):
        while waiting and not waiting[0][1]:
            yield waiting.popleft()[0], []
        if not waiting:
            raise ModelError(f"{name}: the engine gave more answers than it was asked")
        whole, parts = waiting[0]
        done.append((parts[len(done)], found))
        if len(done) == len(parts):
            waiting.popleft()
            yield whole, done
            done = []
    if next(left, None) is not None or any(parts for _, parts in waiting):
        raise ModelError(f"{name}: the engine left prompts without an answer")
    for whole, _ in waiting:
        yield whole, []
