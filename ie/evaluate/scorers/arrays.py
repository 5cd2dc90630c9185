"""Tallies as numpy arrays, so that thousands of resamples take seconds."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from .scorer import (
    SECTIONS,
    SUMMED,
    Arithmetic,
    Tally,
    group_of,
    is_bare_group,
    macro_rows,
)

Floats = npt.NDArray[np.float64]
Name = tuple[str, str]  # section, type


class TallyArray:
    """The tallies of many documents as a sparse array, summed under document weights."""

    def __init__(self, tallies: Sequence[Tally]) -> None:
        number: dict[Name, int] = {}
        documents, columns, values = [], [], []
        for i, tally in enumerate(tallies):
            for key, row in tally.items():
                documents.append(i)
                columns.append(number.setdefault(key, len(number)))
                values.append(row)
        self.names = list(number)
        self._documents = np.array(documents, np.intp)
        self._columns = np.array(columns, np.intp)
        self._values = np.array(values, dtype=float).reshape(-1, 4)

    def sums(self, weights: Floats) -> Floats:
        """Return (names, 4) counts with each document counted `weights[document]` times."""
        weighted = self._values * weights[self._documents][:, None]
        size = len(self.names)
        sums = [np.bincount(self._columns, weighted[:, k], minlength=size) for k in range(4)]
        # Without a column numpy counts in integers.
        return np.stack(sums, axis=1).astype(float)


def matrix(tallies: Sequence[Tally], names: set[Name]) -> Floats:
    """Return (documents, 4) counts summed over the given names."""
    result = np.zeros((len(tallies), 4))
    for i, tally in enumerate(tallies):
        for key, row in tally.items():
            if key in names:
                result[i] += row
    return result


def names_by_section(names: Sequence[Name]) -> dict[str, list[int]]:
    """Return the positions of the names of each section, and of all summed sections as `all`."""
    result: dict[str, list[int]] = {}
    for section in SECTIONS:
        chosen = [k for k, name in enumerate(names) if name[0] == section]
        if chosen:
            result[section] = chosen
    result["all"] = [k for k, name in enumerate(names) if name[0] in SUMMED]
    return result


def macro_names(names: Sequence[Name], section: str) -> list[int]:
    """Return the positions of the rows that the macro mean of a section is made of."""
    own = [k for k, name in enumerate(names) if name[0] == macro_rows(section)]
    return own or [k for k, name in enumerate(names) if name[0] == section and name[1]]


def figures_of(counts: Floats, arithmetic: Arithmetic) -> dict[str, Floats]:
    """Return micro ratios of (samples, types, 4) counts, one for each sample.

    NaN stands where a sample has nothing to tell: no prediction for precision, no gold item for
    recall, neither for F1.
    """
    total = counts.sum(axis=1)
    precision, recall, _ = ratios(total, arithmetic)
    return {
        "precision": np.where(total[:, 1] > 0, precision, np.nan),
        "recall": np.where(total[:, 0] > 0, recall, np.nan),
        "f1": defined_f1(total, arithmetic),
    }


def macro_f1(counts: Floats, names: Sequence[Name], arithmetic: Arithmetic) -> Floats:
    """Return macro F1 of (samples, names, 4) counts, NaN where a sample holds no type.

    It is a mean over the types in the sample itself, within groups first, as in `Macro`.
    """
    by_name = ratios(counts, arithmetic)[2]
    counted = counts[:, :, 0] > 0
    if arithmetic.either_side:
        counted |= counts[:, :, 1] > 0
    groups: dict[str, list[int]] = {}
    for k, (_, name) in enumerate(names):
        groups.setdefault(group_of(name), []).append(k)
    total, known = np.zeros(len(counts)), np.zeros(len(counts))
    for members in groups.values():
        known += counted[:, members].any(axis=1)
        rows = [k for k in members if not is_bare_group(names[k][1])]
        here = counted[:, rows]
        sums = np.where(here, by_name[:, rows], 0).sum(axis=1)
        total += sums / np.maximum(here.sum(axis=1), 1)
    return np.where(known > 0, total / np.maximum(known, 1), np.nan)


def defined_f1(counts: Floats, arithmetic: Arithmetic) -> Floats:
    """Return F1 of (samples, 4) counts, NaN where neither gold nor predictions hold an item."""
    is_empty = (counts[:, 0] == 0) & (counts[:, 1] == 0)
    return np.where(is_empty, np.nan, ratios(counts, arithmetic)[2])


def ratios(counts: Floats, arithmetic: Arithmetic) -> tuple[Floats, Floats, Floats]:
    """Return precision, recall and F1 of counts whose last axis is that of a tally's row.

    A ratio over nothing is 0.0, as in `Score`.
    """
    gold, predicted, correct, matched = np.moveaxis(counts + arithmetic.start, -1, 0)
    precision = _divided(correct, predicted, arithmetic)
    recall = _divided(matched, gold, arithmetic)
    return precision, recall, _divided(2 * precision * recall, precision + recall, arithmetic)


def _divided(part: Floats, whole: Floats, arithmetic: Arithmetic) -> Floats:
    result = np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)
    if arithmetic.decimals is None:
        return result
    return np.round(result * 100, arithmetic.decimals) / 100
