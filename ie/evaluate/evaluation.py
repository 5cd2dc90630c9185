"""Evaluate predictions: everything that `chinchilla evaluate` shows, as plain objects."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from ..data.documents import Document
from ..data.equivalence import folded_document
from ..data.schema import FIELD_OF_TASK, Schema
from ..errors import InputError
from ..files.jsonl import decode_line, read_lines
from .scorers.breakdown import Seen, by_length, by_seen_mention, by_seen_type, by_source
from .scorers.by_name import duie_scorer, find_scorers, tally_documents
from .scorers.calibration import ReliabilityReport, calibrate, scored_items
from .scorers.counts import Result, summarise
from .scorers.lic import Aliases
from .scorers.mistakes import Mistake, count_mistakes, find_mistakes
from .scorers.pairing import Pair, pair_documents
from .scorers.rates import Rates, count_rates
from .scorers.scorer import Scorer, Tally
from .scorers.uncertainty import SAMPLES, Comparison, Interval, Spread
from .scorers.uncertainty import bootstrap as bootstrap_intervals
from .scorers.uncertainty import compare as compare_tallies
from .scorers.uncertainty import spread as spread_results
from .scorers.uncertainty import to_dict as uncertainty_dict


@dataclass(frozen=True, slots=True)
class Options:
    """What to measure beside the score; `aliases` are for the DuIE scorer.

    `samples` is the number of bootstrap samples; 0 leaves intervals out. `tasks` (empty: all) are
    those that count: of the others neither gold nor predictions are looked at.
    """

    scorers: Sequence[str] = ("strict",)
    schema: Schema | None = None
    seen: Seen | None = None
    aliases: Aliases | None = None
    samples: int = SAMPLES
    seed: int = 0
    tasks: Collection[str] = ()


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One prediction file under the scorers asked for; the first scorer leads.

    Intervals and breakdowns are the leading scorer's; mistakes and calibration follow `strict`.
    """

    gold: str
    predicted: str
    pairs: Sequence[Pair]
    leader: Scorer
    tallies: Sequence[Tally]  # of the leading scorer, in the order of the pairs
    results: tuple[Result, ...]
    rates: Rates
    parts: Mapping[str, Mapping[str, Result]]
    intervals: Mapping[str, Mapping[str, Interval]]
    mistakes: tuple[Mistake, ...]
    calibration: ReliabilityReport | None

    def to_dict(self) -> dict[str, Any]:
        """Return every figure, unrounded, as plain data."""
        parts = {
            name: {part: result.to_dict() for part, result in results.items()}
            for name, results in self.parts.items()
        }
        return {
            "predicted": self.predicted,
            "documents": len(self.pairs),
            "scorers": {result.scorer: result.to_dict() for result in self.results},
            "leading_scorer": self.leader.name,
            "intervals": uncertainty_dict(dict(self.intervals)),
            "rates": self.rates.to_dict(),
            "parts": parts,
            "mistakes": count_mistakes(self.mistakes),
            "calibration": self.calibration.to_dict() if self.calibration else None,
        }


def evaluate(
    gold: Iterable[Document],
    predicted: Iterable[Document],
    options: Options | None = None,
    *,
    gold_name: str = "gold",
    predicted_name: str = "predicted",
) -> Evaluation:
    """Pair the documents by id and measure the predictions.

    The names stand for the two sides in messages and reports.

    Raises:
        InputError: the two sides do not belong together; see `pair_documents`.
        ConfigError: no scorer has that name.
    """
    options = options or Options()
    pairs = pair_documents(gold, predicted, gold_name, predicted_name)
    pairs = [(only_tasks(a, options.tasks), only_tasks(b, options.tasks)) for a, b in pairs]
    rates = count_rates((pair[1] for pair in pairs), options.schema)
    if options.schema is not None:
        schema = options.schema
        pairs = [(folded_document(a, schema), folded_document(b, schema)) for a, b in pairs]
    scorers = find_scorers(options.scorers, [pair[0] for pair in pairs])
    if options.aliases is not None:
        aliased = duie_scorer(options.aliases)
        scorers = [aliased if scorer.name == aliased.name else scorer for scorer in scorers]
    leader, *others = scorers
    tallies = tally_documents(pairs, leader)
    results = [summarise(leader, tallies)]
    for scorer in others:
        results.append(summarise(scorer, tally_documents(pairs, scorer)))
    intervals = (
        bootstrap_intervals(tallies, leader, samples=options.samples, seed=options.seed)
        if options.samples
        else {}
    )
    return Evaluation(
        gold_name,
        predicted_name,
        pairs,
        leader,
        tallies,
        tuple(results),
        rates,
        _parts(pairs, tallies, leader, options.seen),
        intervals,
        tuple(find_mistakes(pairs)),
        calibrate(scored_items(pairs)),
    )


def only_tasks(document: Document, tasks: Collection[str]) -> Document:
    """Return the document with the annotations of these tasks alone; without a task, as it is.

    `evaluate` does this to both sides: what nobody asked for is neither missing nor wrong. Issues
    stay, as they do not tell their task.
    """
    if not tasks:
        return document
    others = {field: () for task, field in FIELD_OF_TASK.items() if task not in tasks}
    return msgspec.structs.replace(document, **others)


def _parts(
    pairs: Sequence[Pair], tallies: Sequence[Tally], scorer: Scorer, seen: Seen | None
) -> dict[str, dict[str, Result]]:
    parts = {
        "source": by_source(pairs, tallies, scorer),
        "length": by_length(pairs, tallies, scorer),
    }
    if seen is not None:
        parts["mention in training"] = by_seen_mention(pairs, scorer, seen)
        parts["type in training"] = by_seen_type(tallies, scorer, seen)
    return parts


def compare_evaluations(
    first: Evaluation, second: Evaluation, *, samples: int = 10 * SAMPLES, seed: int = 0
) -> dict[str, Comparison]:
    """Test the difference between two evaluations of the same gold documents, by section."""
    return compare_tallies(first.tallies, second.tallies, first.leader, samples=samples, seed=seed)


def spread_evaluations(evaluations: Sequence[Evaluation]) -> dict[str, dict[str, Spread]]:
    """Summarise evaluations of several seeds of one system, by section."""
    return spread_results([evaluation.results[0] for evaluation in evaluations])


def read_aliases(path: str | Path) -> Aliases:
    """Read an alias dictionary: a line a name, the name and its other names divided by tabs.

    A line that gives a name again replaces the one before, and a name may stand alone: so reads
    the program of DuIE whose scorer they are for (`load_alias_dict`).

    Raises:
        InputError: the file cannot be read, or no line has a tab.
    """
    aliases: dict[str, frozenset[str]] = {}
    for number, line in read_lines(path):
        name, *others = decode_line(line, f"{path}:{number}").strip().split("\t")
        aliases[name.lower()] = frozenset(other.lower() for other in others)
    if aliases and not any(aliases.values()):
        raise InputError(
            f"{path}: no line has a tab; expected a name and its other names divided by tabs"
        )
    return aliases
