"""Counts and the figures made of them: precision, recall and F1, micro and macro.

Every scorer reduces one document to a tally, `{(section, type): [gold, predicted, correct,
matched]}`; sums of tallies are all that micro and macro averages, breakdowns and the bootstrap
need. Nothing is rounded here.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

# The order of reports. `all` sums the first four; the others look at the same items again.
SECTIONS = ("entities", "relations", "triggers", "arguments", "relation ends", "events")
SUMMED = SECTIONS[:4]

# [gold, predicted, correct predictions, matched gold], by section and type. The last two differ
# only in scorers that count them apart, such as DuIE's.
Tally = dict[tuple[str, str], list[float]]


@dataclass(frozen=True, slots=True)
class Score:
    """How many were asked for, given and right; a ratio over nothing is 0.0.

    `correct` counts right predictions and is the numerator of precision; `matched` counts found
    gold items and is the numerator of recall. With `decimals`, precision and recall are rounded
    to that many before F1, and F1 after, as one published scorer does.
    """

    gold: float = 0
    predicted: float = 0
    correct: float = 0
    matched: float = 0
    decimals: int | None = None

    @property
    def precision(self) -> float:
        """`correct / predicted`."""
        return self._rounded(self.correct / self.predicted if self.predicted else 0.0)

    @property
    def recall(self) -> float:
        """`matched / gold`."""
        return self._rounded(self.matched / self.gold if self.gold else 0.0)

    @property
    def f1(self) -> float:
        """The harmonic mean of precision and recall."""
        precision, recall = self.precision, self.recall
        total = precision + recall
        return self._rounded(2 * precision * recall / total if total else 0.0)

    def _rounded(self, value: float) -> float:
        return value if self.decimals is None else round(value, self.decimals)

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
    """Unweighted means over the types that occur in the gold documents."""

    precision: float
    recall: float
    f1: float
    types: int

    def to_dict(self) -> dict[str, float]:
        """Return the means and how many types they are over."""
        return {
            "precision": self.precision,
            "recall": self.recall,
            "f1": self.f1,
            "types": self.types,
        }


@dataclass(frozen=True, slots=True)
class Section:
    """The scores of one kind of annotation; `types` is empty where a scorer knows no types."""

    micro: Score
    macro: Macro | None
    types: dict[str, Score]

    def to_dict(self) -> dict[str, Any]:
        """Return micro, macro and per-type figures."""
        return {
            "micro": self.micro.to_dict(),
            "macro": self.macro.to_dict() if self.macro else None,
            "types": {name: score.to_dict() for name, score in self.types.items()},
        }


@dataclass(frozen=True, slots=True)
class Result:
    """What one scorer says of one prediction file: a Section each, and `all` of them summed."""

    scorer: str
    sections: dict[str, Section]

    @property
    def all(self) -> Score:
        """The micro score over entities, relations, triggers and arguments together."""
        return add(part.micro for name, part in self.sections.items() if name in SUMMED)

    def to_dict(self) -> dict[str, Any]:
        """Return every figure, unrounded."""
        sections = {name: section.to_dict() for name, section in self.sections.items()}
        return {"scorer": self.scorer, "all": self.all.to_dict(), "sections": sections}


def add(scores: Iterable[Score]) -> Score:
    """Return the sum of the counts."""
    gold = predicted = correct = matched = 0.0
    decimals = None
    for score in scores:
        decimals = score.decimals
        gold += score.gold
        predicted += score.predicted
        correct += score.correct
        matched += score.matched
    return Score(_whole(gold), _whole(predicted), _whole(correct), _whole(matched), decimals)


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


def summarise(scorer: str, tallies: Iterable[Tally], decimals: int | None = None) -> Result:
    """Sum the tallies of many documents into the result of one scorer.

    Types come in falling order of gold count, then by name; `decimals` as in `Score`.
    """
    by_section: dict[str, dict[str, Score]] = {}
    for (section, name), row in sum_tallies(tallies).items():
        gold, predicted, correct, matched = map(_whole, row)
        score = Score(gold, predicted, correct, matched, decimals)
        by_section.setdefault(section, {})[name] = score
    order = [name for name in SECTIONS if name in by_section]
    return Result(scorer, {name: _section(by_section[name]) for name in order})


def _section(types: dict[str, Score]) -> Section:
    micro = add(types.values())
    # A scorer that disregards types files everything under the empty name.
    named = {name: score for name, score in types.items() if name}
    ordered = dict(sorted(named.items(), key=lambda item: (-item[1].gold, item[0])))
    in_gold = [score for score in ordered.values() if score.gold]
    if not in_gold:
        return Section(micro, None, ordered)
    macro = Macro(
        sum(score.precision for score in in_gold) / len(in_gold),
        sum(score.recall for score in in_gold) / len(in_gold),
        sum(score.f1 for score in in_gold) / len(in_gold),
        len(in_gold),
    )
    return Section(micro, macro, ordered)


def _whole(value: float) -> float:
    """Give counts as integers again after a sum that may hold fractions."""
    return int(value) if value == int(value) else value
