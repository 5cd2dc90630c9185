"""Tallies as numpy arrays, so that thousands of resamples take seconds."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from .counts import SECTIONS, SUMMED, Tally

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
        return np.stack(
            [np.bincount(self._columns, weighted[:, k], minlength=size) for k in range(4)], axis=1
        )


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


def figures_of(counts: Floats, decimals: int | None) -> dict[str, Floats]:
    """Return micro ratios and macro F1 of (samples, types, 4) counts, one for each sample."""
    precision, recall, f1 = ratios(counts.sum(axis=1), decimals)
    by_type = ratios(counts, decimals)[2]
    in_gold = counts[:, :, 0] > 0
    macro = np.where(in_gold, by_type, 0).sum(axis=1) / np.maximum(in_gold.sum(axis=1), 1)
    return {"precision": precision, "recall": recall, "f1": f1, "macro_f1": macro}


def ratios(counts: Floats, decimals: int | None) -> tuple[Floats, Floats, Floats]:
    """Return precision, recall and F1 of counts whose last axis is that of a tally's row."""
    gold, predicted, correct, matched = np.moveaxis(counts, -1, 0)
    precision = _divided(correct, predicted, decimals)
    recall = _divided(matched, gold, decimals)
    return precision, recall, _divided(2 * precision * recall, precision + recall, decimals)


def _divided(part: Floats, whole: Floats, decimals: int | None) -> Floats:
    result = np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)
    return result if decimals is None else result.round(decimals)
