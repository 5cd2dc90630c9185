"""Counts and the figures made of them: precision, recall and F1, micro and macro.

Every scorer reduces one document to a tally; sums of tallies are all that micro and macro
averages, breakdowns and the bootstrap need.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .scorer import (
    PLAIN,
    SECTIONS,
    SUMMED,
    Arithmetic,
    Scorer,
    Tally,
    group_of,
    is_bare_group,
    macro_rows,
)


@dataclass(frozen=True, slots=True)
class Score:
    """How many were asked for, given and right; a ratio over nothing is 0.0.

    `correct` counts right predictions and is the numerator of precision; `matched` counts found
    gold items and is the numerator of recall. See `Arithmetic` for what some scorers do else.
    """

    gold: float = 0
    predicted: float = 0
    correct: float = 0
    matched: float = 0
    arithmetic: Arithmetic = PLAIN

    @property
    def precision(self) -> float:
        """`correct / predicted`."""
        return self._shown(self._ratio(self.correct, self.predicted))

    @property
    def recall(self) -> float:
        """`matched / gold`."""
        return self._shown(self._ratio(self.matched, self.gold))

    @property
    def f1(self) -> float:
        """The harmonic mean of precision and recall."""
        precision = self._ratio(self.correct, self.predicted)
        recall = self._ratio(self.matched, self.gold)
        total = precision + recall
        mean = 2 * precision * recall / total if total else 0.0
        decimals = self.arithmetic.decimals
        return self._shown(mean if decimals is None else round(mean, decimals))

    def _ratio(self, part: float, whole: float) -> float:
        """Return part of whole, in rounded per cent where the scorer rounds."""
        part, whole = part + self.arithmetic.start, whole + self.arithmetic.start
        ratio = part / whole if whole else 0.0
        decimals = self.arithmetic.decimals
        return ratio if decimals is None else round(ratio * 100, decimals)

    def _shown(self, value: float) -> float:
        return value if self.arithmetic.decimals is None else value / 100

    def to_dict(self) -> dict[str, float]:
        """Return counts and ratios, unrounded."""
        return {
            "gold": self.gold,
            "predicted": self.predicted,
            "correct": self.correct,
            "matched": self.matched,
            "precision": self.precision,
            "recall": self.recall,
            "f1": self.f1,
        }


@dataclass(frozen=True, slots=True)
class Macro:
    """Unweighted means over types; `over` says which types, and `types` how many they are."""

    precision: float
    recall: float
    f1: float
    types: int
    over: str

    def to_dict(self) -> dict[str, float | str]:
        """Return the means and what they are over."""
        return {
            "precision": self.precision,
            "recall": self.recall,
            "f1": self.f1,
            "types": self.types,
            "over": self.over,
        }


@dataclass(frozen=True, slots=True)
class Section:
    """The scores of one kind of annotation; `types` is empty where a scorer knows no types.

    `unit` says what is counted: distinct spans, listed strings, characters and the like.
    """

    micro: Score
    macro: Macro | None
    types: dict[str, Score]
    unit: str

    def to_dict(self) -> dict[str, Any]:
        """Return the unit, and micro, macro and per-type figures."""
        return {
            "unit": self.unit,
            "micro": self.micro.to_dict(),
            "macro": self.macro.to_dict() if self.macro else None,
            "types": {name: score.to_dict() for name, score in self.types.items()},
        }


@dataclass(frozen=True, slots=True)
class Result:
    """What one scorer says of one prediction file: a Section each, and `all` of them summed."""

    by: Scorer
    sections: dict[str, Section]

    @property
    def scorer(self) -> str:
        """The name of the scorer."""
        return self.by.name

    @property
    def all(self) -> Score:
        """The micro score over entities, relations, triggers and arguments together."""
        summed = [part.micro for name, part in self.sections.items() if name in SUMMED]
        return add(summed, self.by.arithmetic)

    def to_dict(self) -> dict[str, Any]:
        """Return the rule, its source and every figure, unrounded but where the rule rounds."""
        return {
            "scorer": self.scorer,
            "rule": self.by.rule,
            "source": self.by.source,
            "all": self.all.to_dict(),
            "sections": {name: section.to_dict() for name, section in self.sections.items()},
        }


def add(scores: Iterable[Score], arithmetic: Arithmetic = PLAIN) -> Score:
    """Return the sum of the counts."""
    gold = predicted = correct = matched = 0.0
    for score in scores:
        gold += score.gold
        predicted += score.predicted
        correct += score.correct
        matched += score.matched
    return Score(_whole(gold), _whole(predicted), _whole(correct), _whole(matched), arithmetic)


def sum_tallies(tallies: Iterable[Tally]) -> Tally:
    """Return one tally that holds the sums of all."""
    total: Tally = {}
    for tally in tallies:
        for key, row in tally.items():
            into = total.get(key)
            if into is None:
                total[key] = list(row)
            else:
                into[0] += row[0]
                into[1] += row[1]
                into[2] += row[2]
                into[3] += row[3]
    return total


def summarise(scorer: Scorer, tallies: Iterable[Tally]) -> Result:
    """Sum the tallies of many documents into the result of one scorer.

    Types come in falling order of gold count, then by name. Sections of which neither side holds
    anything are left out; a scorer whose sums do not start at 0 has figures of nothing too, and
    shows its sections where it would show none.
    """
    by_section: dict[str, dict[str, Score]] = {}
    for (section, name), row in sum_tallies(tallies).items():
        gold, predicted, correct, matched = map(_whole, row)
        score = Score(gold, predicted, correct, matched, scorer.arithmetic)
        by_section.setdefault(section, {})[name] = score
    if not by_section and scorer.arithmetic.start:
        by_section = {name: {} for name in scorer.units}
    order = [name for name in SECTIONS if name in by_section]
    return Result(scorer, {name: _section(scorer, name, by_section) for name in order})


def _section(scorer: Scorer, name: str, sections: Mapping[str, Mapping[str, Score]]) -> Section:
    types = sections[name]
    # A scorer that disregards types files everything under the empty name.
    named = {kind: score for kind, score in types.items() if kind}
    ordered = dict(sorted(named.items(), key=lambda item: (-item[1].gold, item[0])))
    macro = _macro(scorer, sections.get(macro_rows(name), ordered))
    return Section(add(types.values(), scorer.arithmetic), macro, ordered, scorer.units[name])


def _macro(scorer: Scorer, rows: Mapping[str, Score]) -> Macro | None:
    either = scorer.arithmetic.either_side
    groups: dict[str, list[Score]] = {}
    for name, score in rows.items():
        if score.gold or (either and score.predicted):
            group = groups.setdefault(group_of(name), [])
            group += [] if is_bare_group(name) else [score]
    if not groups:
        return None
    means = [
        (
            _mean([score.precision for score in group]),
            _mean([score.recall for score in group]),
            _mean([score.f1 for score in group]),
        )
        for group in groups.values()
    ]
    precision, recall, f1 = (_mean(figures) for figures in zip(*means, strict=True))
    types = len(groups) if "" not in groups else len(groups[""])
    return Macro(precision, recall, f1, types, scorer.over)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0


def _whole(value: float) -> float:
    """Give counts as integers again after a sum that may hold fractions."""
    return int(value) if value == int(value) else value
