"""Compare the items of two documents as sets, as multisets or one to many."""

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from .scorer import Tally

# An item is a tuple whose first element is the type under which it is counted.
Item = tuple[Any, ...]
Match = Callable[[Tally, str, Iterable[Item], Iterable[Item]], None]


def match_sets(tally: Tally, section: str, gold: Iterable[Item], predicted: Iterable[Item]) -> None:
    """Count distinct items: one given or asked for twice counts once."""
    match_many(tally, section, set(gold), set(predicted))


def match_multisets(
    tally: Tally, section: str, gold: Iterable[Item], predicted: Iterable[Item]
) -> None:
    """Count every listing; each gold listing is matched at most once."""
    left = Counter(gold)
    for item, count in left.items():
        row_of(tally, section, item[0])[0] += count
    for item in predicted:
        row = row_of(tally, section, item[0])
        row[1] += 1
        if left[item] > 0:
            left[item] -= 1
            row[2] += 1
            row[3] += 1


def match_many(tally: Tally, section: str, gold: Iterable[Item], predicted: Iterable[Item]) -> None:
    """Count every listing; a gold listing may be matched by any number of predictions.

    Recall can exceed 1 where a right item is predicted more often than gold lists it.
    """
    gold = list(gold)
    known = set(gold)
    for item in gold:
        row_of(tally, section, item[0])[0] += 1
    for item in predicted:
        row = row_of(tally, section, item[0])
        row[1] += 1
        if item in known:
            row[2] += 1
            row[3] += 1


def match_all_equal(
    tally: Tally, section: str, gold: Iterable[Item], predicted: Iterable[Item]
) -> None:
    """Count every listing; the first right prediction takes all gold listings that equal it.

    Precision and recall can exceed 1 where gold lists an item twice.
    """
    left = Counter(gold)
    for item, count in left.items():
        row_of(tally, section, item[0])[0] += count
    for item in predicted:
        row = row_of(tally, section, item[0])
        row[1] += 1
        taken = left.pop(item, 0)
        row[2] += taken
        row[3] += taken


def row_of(tally: Tally, section: str, name: str) -> list[float]:
    """Return the counts `[gold, predicted, correct, matched]` of a type, made on first use."""
    key = (section, name)
    row = tally.get(key)
    if row is None:
        row = tally[key] = [0, 0, 0, 0]
    return row
