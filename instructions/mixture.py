"""How many records of each source go into a mixture, and which ones.

    share of a source  ∝  weight × size ** (1 / temperature)

Temperature 1 keeps the proportions of the corpora, a higher one evens them out. `quotas` fix the
number for a source, `caps` limit it, and what a source cannot give goes to the others.
"""

import math
import random
from array import array
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from chinchilla.errors import ConfigError, near_miss

_Key = TypeVar("_Key", bound=Hashable)

# The key of `caps` that means every source not named.
ANY = "*"


@dataclass(frozen=True)
class MixOptions:
    """The wishes for a mixture; by default everything is taken once.

    `total` is the number of records wished for; without it, as many as keep the proportions
    exact. `repeat` is how often one record may occur.
    """

    total: int | None = None
    weights: dict[str, float] = field(default_factory=dict)
    caps: dict[str, int] = field(default_factory=dict)
    quotas: dict[str, int] = field(default_factory=dict)
    temperature: float = 1.0
    repeat: int = 1

    @property
    def is_active(self) -> bool:
        """Whether the mixture differs from all records in order."""
        return self != MixOptions()


def plan_mix(available: Mapping[str, int], options: MixOptions) -> dict[str, int]:
    """Return how many records to take of each source, given how many there are.

    Shares are rounded by largest remainders, so each is within one record of its exact value.

    Raises:
        ConfigError: an unknown source, a value out of range, or a quota that cannot be met.
    """
    _check(available, options)
    limits = {source: _limit(source, size, options) for source, size in available.items()}
    result = dict.fromkeys(available, 0)
    for source, quota in options.quotas.items():
        result[source] = quota
    rest = [s for s in available if s not in options.quotas and _weight(s, options) > 0]
    sizes = {source: available[source] for source in rest}
    shares = _shares(sizes, options)
    limits = {source: limits[source] for source in rest}
    if options.total is not None:
        number = options.total - sum(options.quotas.values())
        if number < 0:
            raise ConfigError(
                f"quotas add up to {sum(options.quotas.values())}, more than the total "
                f"{options.total}; raise the total or lower a quota"
            )
    elif options.weights or options.temperature != 1:
        whole = sum(shares.values())
        number = min(
            (int(limits[s] * whole / shares[s] + 1e-9) for s in rest if shares[s]), default=0
        )
    else:
        number = sum(limits.values())
    result.update(_fill(sizes, limits, number, options))
    return result


def _check(available: Mapping[str, int], options: MixOptions) -> None:
    problems = []
    for name, values in (
        ("weights", options.weights),
        ("caps", options.caps),
        ("quotas", options.quotas),
    ):
        for source, value in values.items():
            if source not in available and not (name == "caps" and source == ANY):
                known = ", ".join(available) or "none"
                problems.append(
                    f"{name}: no records of {source!r}{near_miss(source, available)}; "
                    f"sources are {known}"
                )
            if not (math.isfinite(value) and value >= 0):
                problems.append(f"{name}: {source}={value}; expected 0 or more")
    for source, quota in options.quotas.items():
        most = available.get(source, 0) * options.repeat
        if source in available and quota > most:
            problems.append(
                f"quotas: {source}={quota}, but there are {most} records"
                f"{' with repetition' if options.repeat > 1 else ''}; raise --repeat or lower it"
            )
    if not options.temperature > 0:
        problems.append(f"temperature is {options.temperature}; expected more than 0")
    if options.repeat < 1:
        problems.append(f"repeat is {options.repeat}; expected 1 or more")
    if problems:
        raise ConfigError("\n".join(problems))


def _weight(source: str, options: MixOptions) -> float:
    return options.weights.get(source, 1.0)


def _shares(sizes: Mapping[str, int], options: MixOptions) -> dict[str, float]:
    # Relative to the largest, which keeps a low temperature from overflowing; at 1 exactly the sizes.
    largest = 1 if options.temperature == 1 else max(sizes.values(), default=1)
    return {
        source: _weight(source, options) * (size / largest) ** (1 / options.temperature)
        for source, size in sizes.items()
    }


def _limit(source: str, size: int, options: MixOptions) -> int:
    cap = options.caps.get(source, options.caps.get(ANY))
    most = size * options.repeat
    return most if cap is None else min(cap, most)


def _fill(
    sizes: Mapping[str, int], limits: Mapping[str, int], number: int, options: MixOptions
) -> dict[str, int]:
    """Split `number` by shares; what is above a limit is split over the others."""
    result: dict[str, int] = {}
    open_ = dict(sizes)
    number = min(number, sum(limits.values()))
    while open_:
        # Anew each time: beside a large source the share of a small one may be 0.
        shares = _shares(open_, options)
        whole = sum(shares.values())
        full = [s for s in open_ if number * shares[s] / whole > limits[s]]
        if not full:
            break
        for source in full:
            result[source] = limits[source]
            number -= limits[source]
            del open_[source]
    return {**result, **apportion(_shares(open_, options), number)}


def apportion(shares: Mapping[_Key, float], number: int) -> dict[_Key, int]:
    """Split a number in proportion to shares, each part within one of its exact value."""
    whole = sum(shares.values())
    if not whole:
        return dict.fromkeys(shares, 0)
    exact = {key: number * share / whole for key, share in shares.items()}
    result = {key: int(value) for key, value in exact.items()}
    order = sorted(exact, key=lambda key: (result[key] - exact[key], str(key)))
    for key in order[: number - sum(result.values())]:
        result[key] += 1
    return result


def draw_mix(
    groups: Mapping[_Key, int], plan: Mapping[_Key, int], seed: int
) -> dict[_Key, "array[int]"]:
    """Return, for each group, the numbers (from 0) of the records to take, ascending.

    A group with a plan above its size gives all of its records several times before any one
    more often than the others.
    """
    chosen: dict[_Key, array[int]] = {}
    for key, wanted in plan.items():
        size = groups[key]
        whole, part = divmod(wanted, size) if size else (0, 0)
        rng = random.Random(f"{seed}/{key}")
        numbers = array("Q", rng.sample(range(size), part))
        for _ in range(whole):
            numbers.extend(range(size))
        chosen[key] = array("Q", sorted(numbers))
    return chosen


def shuffled(places: Iterable[int], seed: int) -> "array[int]":
    """Return the places in random order, the same for the same seed."""
    result = array("Q", places)
    random.Random(f"{seed}/order").shuffle(result)
    return result
