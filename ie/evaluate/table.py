"""The tables of an evaluation: scores, parts, rates, mistakes, comparisons."""

import math
from collections.abc import Mapping
from typing import Any

from ..files.tables import Row, Table, format_count, format_interval, format_ratio
from .evaluation import Evaluation
from .scorers.counts import Result, Score
from .scorers.mistakes import count_mistakes
from .scorers.uncertainty import Interval

_RATIOS = ("P", "R", "F1")
_COUNTS = ("gold", "predicted", "correct")


def evaluation_tables(evaluation: Evaluation, *, named: bool = False) -> list[Table]:
    """Return the tables of one prediction file: scores, other scorers, parts, rates."""
    place = f"{evaluation.predicted}: " if named else ""
    leading, *others = evaluation.results
    count = len(evaluation.pairs)
    documents = f"{count} document{'' if count == 1 else 's'}"
    title = f"{place}{leading.scorer}, {documents}: {leading.by.rule}"
    tables = [Table(title, *_score_rows(leading, evaluation.intervals))]
    if others:
        rows = [row for result in evaluation.results for row in _short_rows(result)]
        header: Row = ("scorer", "section", "unit", *_COUNTS, *_RATIOS, "macro F1")
        tables.append(Table(f"{place}all scorers", header, rows))
        tables.append(_rule_table(evaluation, place))
    for name, parts in evaluation.parts.items():
        if len(parts) > 1:
            rows = [row for part, result in parts.items() for row in _part_rows(part, result)]
            header = (name, "section", *_COUNTS, *_RATIOS)
            tables.append(Table(f"{place}{leading.scorer} by {name}", header, rows))
    tables += [_rate_table(evaluation, place), _mistake_table(evaluation, place)]
    if evaluation.calibration:
        tables.append(_calibration_table(evaluation, place))
    return [table for table in tables if table.rows]


def extra_tables(extra: Mapping[str, Any], first: str) -> list[Table]:
    """Return the tables over several prediction files: comparisons, or a spread over seeds."""
    tables = []
    for name, comparisons in extra.get("comparisons", {}).items():
        compared: list[Row] = [
            (
                section,
                format_ratio(c.first),
                format_ratio(c.second),
                f"{c.difference:+.4f}",
                format_interval(c.low, c.high),
                "-" if math.isnan(c.p_value) else format_ratio(c.p_value),
            )
            for section, c in comparisons.items()
        ]
        header: Row = ("section", "F1 first", "F1 second", "difference", "95 % interval", "p")
        tables.append(Table(f"{first} (first) against {name} (second)", header, compared))
    if extra.get("spread"):
        runs: list[Row] = [
            (
                section,
                figure,
                *(format_ratio(x) for x in (s.mean, s.deviation, s.low, s.high)),
                str(s.runs),
            )
            for section, figures in extra["spread"].items()
            for figure, s in figures.items()
        ]
        header = ("section", "figure", "mean", "deviation", "lowest", "highest", "runs")
        tables.append(Table("over seeds", header, runs))
    return tables


def _score_rows(
    result: Result, intervals: Mapping[str, Mapping[str, Interval]]
) -> tuple[Row, list[Row]]:
    """Return header and rows: each section, its macro mean and types, then `all`."""
    header: Row = ("section", "type", *_COUNTS, *_RATIOS)
    if intervals:
        header += ("F1 95 %",)

    def row(section: str, name: str, cells: Row, figure: str = "") -> Row:
        interval = intervals.get(section, {}).get(figure)
        shown = f"[{interval.low:.4f}, {interval.high:.4f}]" if interval else ""
        return (section, name, *cells, *((shown,) if intervals else ()))

    rows: list[Row] = []
    for name, section in result.sections.items():
        rows.append(row(name, "", _cells(section.micro), "f1"))
        if section.macro and section.macro.types > 1:
            macro = section.macro
            ratios = tuple(format_ratio(x) for x in (macro.precision, macro.recall, macro.f1))
            label = f"macro over {macro.types} {macro.over}"
            rows.append(row(name, label, ("", "", "", *ratios), "macro_f1"))
        rows += [row(name, kind, _cells(score)) for kind, score in section.types.items()]
    rows.append(row("all", "", _cells(result.all), "f1"))
    return header, rows


def _short_rows(result: Result) -> list[Row]:
    rows = []
    for name, section in result.sections.items():
        macro = format_ratio(section.macro.f1) if section.macro else ""
        rows.append((result.scorer, name, section.unit, *_cells(section.micro), macro))
    return rows


def _rule_table(evaluation: Evaluation, place: str) -> Table:
    """Say of each scorer what it holds to be right, what its macro mean is over, and whence."""
    rows = [
        (result.by.rule, result.scorer, result.by.over, result.by.source)
        for result in evaluation.results
    ]
    return Table(f"{place}rules", ("rule", "scorer", "macro over", "source"), rows)


def _part_rows(part: str, result: Result) -> list[Row]:
    rows = [
        (part, name, *_cells(section.micro))
        for name, section in result.sections.items()
        if section.micro.gold or section.micro.predicted
    ]
    return rows


def _rate_table(evaluation: Evaluation, place: str) -> Table:
    rates = evaluation.rates
    with_issue = rates.documents_with
    rows = [
        _rate("documents with unparsable output", with_issue["unparsable"], rates.documents),
        _rate("documents with truncated output", with_issue["truncated"], rates.documents),
        _rate("documents out of schema", with_issue["any out of schema"], rates.documents),
        _rate("ungrounded mentions", rates.ungrounded_mentions, rates.mentions),
        _rate("repeated items", rates.repeated_items, rates.items),
    ]
    if rates.undeclared_items is not None:
        rows.append(_rate("items of undeclared types", rates.undeclared_items, rates.items))
    return Table(f"{place}beside the score", ("", "count", "of", "rate"), rows)


def _rate(name: str, part: int, whole: int) -> Row:
    return (name, str(part), str(whole), format_ratio(part / whole if whole else 0.0))


def _mistake_table(evaluation: Evaluation, place: str) -> Table:
    rows = [
        (section, kind, str(count))
        for section, kinds in count_mistakes(evaluation.mistakes).items()
        for kind, count in kinds.items()
    ]
    return Table(f"{place}mistakes, by strict", ("section", "kind", "count"), rows)


def _calibration_table(evaluation: Evaluation, place: str) -> Table:
    found = evaluation.calibration
    assert found is not None
    rows = [
        ("as given", "1.0000", *map(format_ratio, (found.error, found.brier, found.log_loss))),
        (
            "calibrated",
            *map(
                format_ratio,
                (found.temperature, found.error_after, found.brier_after, found.log_loss_after),
            ),
        ),
    ]
    header = ("scores", "temperature", "calibration error", "Brier", "log loss")
    return Table(f"{place}calibration of {found.count} scores", header, rows)


def _cells(score: Score) -> Row:
    return (
        *(format_count(x) for x in (score.gold, score.predicted, score.correct)),
        *(format_ratio(x) for x in (score.precision, score.recall, score.f1)),
    )
