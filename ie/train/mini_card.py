"""Measure the embedded model on the documents kept aside, calibrate it and write its card."""

import dataclasses
import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import NamedTuple

from chinchilla.data import Document
from chinchilla.engines import CALIBRATION_FILE, open_engine
from chinchilla.errors import ConfigError
from chinchilla.jsonl import read_documents, read_values, write_documents
from chinchilla.pipeline import ExtractOptions, Extractor
from chinchilla.scoring.calibration import Calibration, calibrate, scored_items
from chinchilla.scoring.counts import Section, summarise
from chinchilla.scoring.pairing import Pair, pair_documents
from chinchilla.scoring.registry import find_scorers, tally_documents

from .mini import Recipe

# Section of the scores, its scorer, and what a reader is told beside the name of the corpus.
_MEASURES = (
    ("entities", "strict", ""),
    ("relations", "string", ", triples by string"),
    ("triggers", "strict", ", triggers"),
    ("arguments", "string", ", arguments by string"),
)


class Row(NamedTuple):
    """One line of the table of scores; `macro` is None where there is one type only."""

    corpus: str
    measure: str
    documents: int
    precision: float
    recall: float
    f1: float
    macro: float | None


def evaluate(recipe: Recipe, work: Path, model: Path) -> list[Row]:
    """Extract from all documents kept aside, write predictions, scores and the calibration.

    The calibration is fitted on every other document of the corpora that `recipe.calibrate`
    names, and `work/scores.json` holds its error on the rest of each.
    """
    # Scores as the model gives them: it is to be calibrated anew.
    engine = dataclasses.replace(open_engine(str(model)), calibration=None)
    rows: list[Row] = []
    fit: list[Pair] = []
    rest: dict[str, list[Pair]] = {}
    (work / "predictions").mkdir(exist_ok=True)
    for name in _measured(recipe, work):
        gold = list(read_documents(work / "docs" / f"{name}-dev.jsonl"))
        schema = recipe.corpora[name]["converter"]
        extractor = Extractor(engine, schema, options=ExtractOptions(scores=True))
        predicted = list(extractor.stream(gold))
        write_documents(work / "predictions" / f"{name}.jsonl", predicted)
        pairs = pair_documents(gold, predicted, f"{name}-dev", str(model))
        rows += _rows(name, pairs)
        if name in recipe.calibrate:
            fit += pairs[::2]
            rest[name] = pairs[1::2]
    calibration = _calibrate(fit, model)
    errors = {name: _error(pairs, calibration) for name, pairs in rest.items()}
    scores = {"scores": [row._asdict() for row in rows], "calibration_error": errors}
    (work / "scores.json").write_text(json.dumps(scores, indent=1), encoding="utf-8")
    return rows


def write_card(recipe: Recipe, work: Path, model: Path, template: Path) -> None:
    """Fill the card's template with what was measured, and write it beside the model.

    Raises:
        ConfigError: the template is missing.
    """
    if not template.is_file():
        raise ConfigError(f"{template}: no such file; the card of the model is made from it")
    scores = json.loads((work / "scores.json").read_text(encoding="utf-8"))
    size = sum(file.stat().st_size for file in model.iterdir() if file.suffix in (".bin", ".json"))
    slots = {
        "date": date.today().isoformat(),
        "size": f"{size / 1e6:.1f} MB",
        "layers": str(recipe.shape["layers"]),
        "hidden": str(recipe.shape["hidden"]),
        "heads": str(recipe.shape["heads"]),
        "steps": f"{recipe.train['steps']:,}",
        "tokens": f"{recipe.train['tokens']:,}",
        "scores": score_table([Row(**row) for row in scores["scores"]]),
        "calibration": _error_text(scores["calibration_error"]),
        "data": _data_table(work, recipe),
    }
    text = template.read_text(encoding="utf-8")
    for name, value in slots.items():
        text = text.replace("{{" + name + "}}", value)
    (model / "README.md").write_text(text, encoding="utf-8")


def score_table(rows: list[Row]) -> str:
    """Return the scores as a Markdown table."""
    lines = ["| data kept aside | documents | P | R | F1 | macro F1 |", "|---|---|---|---|---|---|"]
    for row in rows:
        macro = "" if row.macro is None else f"{row.macro:.3f}"
        figures = f"{row.precision:.3f} | {row.recall:.3f} | {row.f1:.3f} | {macro}"
        lines.append(f"| {row.corpus}{row.measure} | {row.documents:,} | {figures} |")
    return "\n".join(lines)


def _measured(recipe: Recipe, work: Path) -> list[str]:
    return [name for name in recipe.corpora if (work / "docs" / f"{name}-dev.jsonl").is_file()]


def _rows(name: str, pairs: list[Pair]) -> Iterator[Row]:
    results = {}
    for scorer in find_scorers(("strict", "string"), [gold for gold, _ in pairs]):
        results[scorer.name] = summarise(scorer.name, tally_documents(pairs, scorer))
    for section, scorer_name, words in _MEASURES:
        found: Section | None = results[scorer_name].sections.get(section)
        if found is None or not found.micro.gold:
            continue
        score, macro = found.micro, found.macro.f1 if found.macro else None
        yield Row(name, words, len(pairs), score.precision, score.recall, score.f1, macro)


def _calibrate(pairs: list[Pair], model: Path) -> Calibration | None:
    found = calibrate(scored_items(pairs))
    if found is not None:
        text = json.dumps(found.to_dict(), indent=1)
        (model / CALIBRATION_FILE).write_text(text + "\n", encoding="utf-8")
    return found


def _error(pairs: list[Pair], fitted: Calibration | None) -> dict[str, float] | None:
    """Return the expected calibration errors before and after, on pairs that were not fitted."""
    items = scored_items(pairs)
    raw = calibrate(items)
    if fitted is None or raw is None:
        return None
    changed = [
        item._replace(score=fitted.kinds[item.kind].apply(item.score))
        if item.kind in fitted.kinds
        else item
        for item in items
    ]
    after = calibrate(changed)
    assert after is not None
    return {"items": len(items), "before": raw.error, "after": after.error}


def _error_text(errors: dict[str, dict[str, float] | None]) -> str:
    told = [
        f"{name} {error['before']:.3f} before, {error['after']:.3f} after ({error['items']:.0f} items)"
        for name, error in errors.items()
        if error
    ]
    return "; ".join(told)


def _data_table(work: Path, recipe: Recipe) -> str:
    lines = ["| corpus | documents | share of tokens | licence |", "|---|---|---|---|"]
    total = sum(recipe.weights.values())
    for name, weight in recipe.weights.items():
        path = work / "docs" / f"{name}-train.jsonl"
        if not path.is_file():
            lines.append(f"| {name} | – | {weight / total:.1%} | – |")
            continue
        rows = [row for _, row in read_values(path, Document)]
        licence = (rows[0].meta or {}).get("licence", "not stated")
        lines.append(f"| {name} | {len(rows):,} | {weight / total:.1%} | {licence} |")
    return "\n".join(lines)
