"""How many answers are empty: a corpus in which most are teaches a model to find nothing."""

from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

from chinchilla.data.schema import TASKS
from chinchilla.decoding.formats import FORMATS, serialise
from chinchilla.instructions.rationale import CLOSE_THOUGHT, OPEN_THOUGHT

# (source, task, whether the answer is empty): what is counted and balanced.
Kind = tuple[str, str, bool]
_T = TypeVar("_T")
TOO_MANY_EMPTY = "above the rate of empty answers"


def kind_of(record: Any) -> Kind:
    """Return source, task and whether the answer names nothing."""
    answer = record.output
    if answer.startswith(OPEN_THOUGHT):
        answer = answer.rpartition(CLOSE_THOUGHT + "\n")[2]
    return record.source, record.task, answer in _EMPTY_ANSWERS


# Empty answers of a source and task that wait for others; bounds memory.
_MOST_WAITING = 20_000
_EMPTY_ANSWERS = frozenset(serialise((), form, (task,)) for form in FORMATS for task in TASKS)


def limit_empty(
    items: Iterable[_T], kind: Callable[[_T], Kind], rate: float, counts: Counter[str]
) -> Iterator[_T]:
    """Keep the share of empty answers of each source and task at or below the rate.

    An empty answer above it waits until enough others have come; so many may wait that a corpus that
    begins with them keeps as many as one that ends with them.
    """
    kept: Counter[tuple[str, str]] = Counter()
    empty: Counter[tuple[str, str]] = Counter()
    waiting: dict[tuple[str, str], deque[_T]] = defaultdict(deque)
    for item in items:
        source, task, is_empty = kind(item)
        key = (source, task)
        if not is_empty:
            kept[key] += 1
            yield item
        elif len(waiting[key]) < _MOST_WAITING:
            waiting[key].append(item)
        else:
            counts[TOO_MANY_EMPTY] += 1
        while waiting[key] and empty[key] + 1 <= rate * (kept[key] + 1):
            empty[key] += 1
            kept[key] += 1
            yield waiting[key].popleft()
    if left := sum(map(len, waiting.values())):
        counts[TOO_MANY_EMPTY] += left
