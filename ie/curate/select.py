"""Select by quality and diversity, and tell what the choice covers beside one at random."""

import random
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from chinchilla.instructions.select import (
    Candidate,
    SelectOptions,
    SelectReport,
    candidates,
    check_selection,
    lines_of,
)
from chinchilla.instructions.styles import carry_style

from ..files.jsonl import write_bytes
from .audit import parse_unchecked
from .facility import choose
from .rules import find_suspects
from .vectors import Embed, hashed_grams, ngrams, unit_vectors

# Random choices that a choice is held against.
_DRAWS = 3


@dataclass(frozen=True)
class Coverage:
    """What items cover: types, distinct character n-grams of two and three, characters in all."""

    items: int
    types: int
    bigrams: int
    trigrams: int
    characters: int

    def row(self) -> tuple[str, ...]:
        """Return the counts for a table."""
        counts = (self.items, self.types, self.bigrams, self.trigrams, self.characters)
        return tuple(f"{count:,}" for count in counts)


@dataclass
class Selected:
    """What was chosen, and what it covers beside the mean of random choices and all there is."""

    read: int = 0
    chosen: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    covered: Coverage | None = None
    at_random: Coverage | None = None
    all: Coverage | None = None

    def rows(self) -> list[tuple[str, ...]]:
        """Return the coverage as rows of a table, where it was asked for."""
        named = (("chosen", self.covered), ("at random", self.at_random), ("all", self.all))
        return [(name, *cover.row()) for name, cover in named if cover]

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        plain: dict[str, Any] = msgspec.to_builtins(self)
        return plain | {"left_out": dict(sorted(self.left_out.items()))}


def select_by_facility(
    inputs: Sequence[str | Path],
    options: SelectOptions,
    output: str | Path,
    *,
    embed: Embed | None = None,
    force: bool = True,
) -> Selected:
    """Write the chosen lines of files of records or documents, as they are and in their order.

    Faulty and repeated ones are left out first. `embed` gives vectors of texts; None is TF-IDF of
    character n-grams. Of `options`, `total`, `floor`, `shortest`, `longest` and `seed` count. Texts
    and vectors are held in memory.

    Raises:
        ConfigError: an option out of range, or `-` as an input.
        InputError: a line is neither a record nor a document.
    """
    check_selection(inputs, options)
    report = SelectReport()
    pool = list(candidates(inputs, options, report))
    texts = [one.text for one in pool]
    quality = _qualities(inputs, {one.place for one in pool})
    order = choose(
        unit_vectors(texts, embed),
        [types_of(one) for one in pool],
        options.total,
        grams=[hashed_grams(text) for text in texts],
        quality=[quality.get(one.place, 1.0) for one in pool],
        floor=options.floor,
        seed=options.seed,
    )
    chosen = {pool[n].place for n in order}
    with write_bytes(output, force=force) as file:
        for place, (_, _, line) in enumerate(lines_of(inputs)):
            if place in chosen:
                file.write(line + b"\n")
    carry_style(inputs, output)
    left_out = report.left_out + Counter({"others add more": len(pool) - len(chosen)})
    return Selected(report.read, len(chosen), left_out)


def compare(
    inputs: Sequence[str | Path], output: str | Path, options: SelectOptions, selected: Selected
) -> None:
    """Fill in what a choice covers, beside random choices of as many and beside all that is sound."""
    pool = list(candidates(inputs, options, SelectReport()))
    loose = SelectOptions(options.total, shortest=0, longest=10**9)
    chosen = list(candidates([output], loose, SelectReport()))
    selected.covered, selected.all = coverage(chosen), coverage(pool)
    draws = [
        coverage(random.Random(f"{options.seed} {n}").sample(pool, min(len(chosen), len(pool))))
        for n in range(_DRAWS)
    ]
    if draws:

        def mean(count: Callable[[Coverage], int]) -> int:
            return round(sum(map(count, draws)) / len(draws))

        selected.at_random = Coverage(
            mean(lambda c: c.items),
            mean(lambda c: c.types),
            mean(lambda c: c.bigrams),
            mean(lambda c: c.trigrams),
            mean(lambda c: c.characters),
        )


def coverage(pool: Iterable[Candidate]) -> Coverage:
    """Return what items cover."""
    items = list(pool)
    types = {name for one in items for name in types_of(one)}
    grams = [{gram for one in items for gram in ngrams(one.text, (n,))} for n in (2, 3)]
    characters = sum(len(one.text) for one in items)
    return Coverage(len(items), len(types), len(grams[0]), len(grams[1]), characters)


def types_of(candidate: Candidate) -> list[str]:
    """Return the types that an item holds."""
    return [value for dimension, value in candidate.features if dimension == "type"]


def _qualities(inputs: Sequence[str | Path], places: set[int]) -> dict[int, float]:
    """Return the quality of documents: 1 less the certainty of the worst suspect; records have 1."""
    found: dict[int, float] = {}
    for place, (path, number, line) in enumerate(lines_of(inputs)):
        if place not in places or b'"instruction"' in line:
            continue
        suspects = find_suspects(parse_unchecked(line, path, number))
        worst = max((one.certainty for one in suspects), default=0.0)
        # A doubtful item may still be the only one of its type.
        found[place] = max(0.05, 1 - worst)
    return found
