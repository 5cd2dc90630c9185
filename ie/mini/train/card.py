"""Measure the embedded model on the documents kept aside, calibrate it and write its card."""

import dataclasses
import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import NamedTuple

from chinchilla.data.documents import Document
from chinchilla.decoding import confidence
from chinchilla.engines.open import CALIBRATION_FILE, TAGGER_FILE, Engine, open_engine
from chinchilla.errors import ConfigError
from chinchilla.evaluate.scorers.calibration import (
    ReliabilityReport,
    ScoredItem,
    calibrate,
    scored_items,
)
from chinchilla.evaluate.scorers.counts import Section, summarise
from chinchilla.evaluate.scorers.pairing import Pair, pair_documents
from chinchilla.evaluate.scorers.registry import find_scorers, tally_documents
from chinchilla.files.jsonl import read_documents, read_values, write_documents
from chinchilla.mini.tagger import read_weights
from chinchilla.pipeline import ExtractOptions, Extractor

from .recipe import Recipe

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


class UnseenRow(NamedTuple):
    """What was found of a corpus whose types were not in training, as strings."""

    corpus: str
    documents: int
    gold: int
    predicted: int
    correct: int


def evaluate(recipe: Recipe, work: Path, model: Path) -> list[Row]:
    """Extract from all documents kept aside, write predictions, scores and the calibration.

    The calibration is fitted on the corpora that `recipe.calibrate` names. Its error, in
    `work/scores.json`, is that of fits on either half of the documents applied to the other.
    """
    # Scores as the model gives them: it is to be calibrated anew.
    engine = dataclasses.replace(open_engine(str(model)), calibration=None)
    rows: list[Row] = []
    fitted: dict[str, list[Pair]] = {}
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
            fitted[name] = pairs
    found = calibrate(scored_items(pair for pairs in fitted.values() for pair in pairs))
    if found is not None:
        text = json.dumps(found.to_dict(), indent=1)
        (model / CALIBRATION_FILE).write_text(text + "\n", encoding="utf-8")
    errors = _errors(fitted)
    scores = {
        "date": date.today().isoformat(),
        "scores": [row._asdict() for row in rows],
        "unseen": [row._asdict() for row in _unseen_rows(recipe, work, engine)],
        "calibration_error": errors,
    }
    (work / "scores.json").write_text(json.dumps(scores, indent=1), encoding="utf-8")
    return rows


def _unseen_rows(recipe: Recipe, work: Path, engine: Engine) -> Iterator[UnseenRow]:
    """Extract types that the model never met, and count."""
    for name, part in recipe.unseen.items():
        gold = list(read_documents(work / "docs" / f"{name}-dev.jsonl"))
        predicted = list(Extractor(engine, part["converter"]).stream(gold))
        pairs = pair_documents(gold, predicted, f"{name}-dev", engine.name)
        found = [0, 0, 0]
        for scorer in find_scorers(("string",), gold):
            for section in summarise(scorer, tally_documents(pairs, scorer)).sections.values():
                counts = section.micro.gold, section.micro.predicted, section.micro.correct
                found = [a + int(b) for a, b in zip(found, counts, strict=True)]
        yield UnseenRow(name, len(gold), *found)


def write_card(recipe: Recipe, work: Path, model: Path, template: Path) -> None:
    """Fill the card's template with what was measured, and write it beside the model.

    Raises:
        ConfigError: the template is missing.
    """
    if not template.is_file():
        raise ConfigError(f"{template}: no such file; the card of the model is made from it")
    scores = json.loads((work / "scores.json").read_text(encoding="utf-8"))
    settings = json.loads((work / "run" / "config.json").read_text(encoding="utf-8"))
    size = sum(file.stat().st_size for file in model.iterdir() if file.suffix != ".md")
    slots = _tagger_slots(model) | {
        "date": scores["date"],
        "size": f"{size / 1e6:.1f} MB",
        "layers": str(recipe.shape["layers"]),
        "hidden": str(recipe.shape["hidden"]),
        "heads": str(recipe.shape["heads"]),
        "steps": f"{settings['steps']:,}",
        "tokens": f"{settings['tokens']:,}",
        "scores": score_table([Row(**row) for row in scores["scores"]]),
        "unseen": _unseen_table([UnseenRow(**row) for row in scores["unseen"]]),
        "calibration": _error_text(scores["calibration_error"]),
        "data": _data_table(work, recipe),
    }
    text = template.read_text(encoding="utf-8")
    for name, value in slots.items():
        text = text.replace("{{" + name + "}}", value)
    (model / "README.md").write_text(text, encoding="utf-8")


def _tagger_slots(model: Path) -> dict[str, str]:
    path = model / TAGGER_FILE
    if not path.is_file():
        return {}
    weights = read_weights(path)
    first = next(iter(weights.heads.values()))
    return {
        "tagger_size": f"{path.stat().st_size / 1e6:.1f} MB",
        "tagger_width": str(len(first.arrays["out"]) // 2),
        "tagger_heads": ", ".join(weights.heads),
    }


def score_table(rows: list[Row]) -> str:
    """Return the scores as a Markdown table."""
    lines = ["| data kept aside | documents | P | R | F1 | macro F1 |", "|---|---|---|---|---|---|"]
    for row in rows:
        macro = "" if row.macro is None else f"{row.macro:.3f}"
        figures = f"{row.precision:.3f} | {row.recall:.3f} | {row.f1:.3f} | {macro}"
        lines.append(f"| {row.corpus}{row.measure} | {row.documents:,} | {figures} |")
    return "\n".join(lines)


def _unseen_table(rows: list[UnseenRow]) -> str:
    lines = ["| corpus | documents | gold | predicted | correct |", "|---|---|---|---|---|"]
    for row in rows:
        counts = " | ".join(f"{count:,}" for count in row[1:])
        lines.append(f"| {row.corpus} | {counts} |")
    return "\n".join(lines)


def _measured(recipe: Recipe, work: Path) -> list[str]:
    return [name for name in recipe.corpora if (work / "docs" / f"{name}-dev.jsonl").is_file()]


def _rows(name: str, pairs: list[Pair]) -> Iterator[Row]:
    results = {}
    for scorer in find_scorers(("strict", "string"), [gold for gold, _ in pairs]):
        results[scorer.name] = summarise(scorer, tally_documents(pairs, scorer))
    for section, scorer_name, words in _MEASURES:
        found: Section | None = results[scorer_name].sections.get(section)
        if found is None or not found.micro.gold:
            continue
        score, macro = found.micro, found.macro.f1 if found.macro else None
        yield Row(name, words, len(pairs), score.precision, score.recall, score.f1, macro)


def _errors(fitted: dict[str, list[Pair]]) -> dict[str, dict[str, float]]:
    """Return the expected calibration errors before and after, never on what was fitted."""
    raw: dict[str, list[ScoredItem]] = {name: [] for name in fitted}
    better: dict[str, list[ScoredItem]] = {name: [] for name in fitted}
    for half in (0, 1):
        fit = calibrate(scored_items(p for pairs in fitted.values() for p in pairs[half::2]))
        for name, pairs in fitted.items():
            items = scored_items(pairs[1 - half :: 2])
            raw[name] += items
            better[name] += [_changed(item, fit) for item in items]
    errors = {}
    for name in fitted:
        before, after = calibrate(raw[name]), calibrate(better[name])
        if before is not None and after is not None:
            errors[name] = {"items": before.count, "before": before.error, "after": after.error}
    return errors


def _changed(item: ScoredItem, fit: ReliabilityReport | None) -> ScoredItem:
    if fit is None:
        return item
    found = confidence.Calibration(fit.temperature, fit.bias, fit.kinds)
    return item._replace(score=found.apply(item.score, item.kind))


def _error_text(errors: dict[str, dict[str, float]]) -> str:
    told = [
        f"{name} {error['before']:.3f} before, {error['after']:.3f} after ({error['items']:.0f} items)"
        for name, error in errors.items()
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
