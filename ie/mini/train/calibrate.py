"""Choose the decision rules of a reader on dev documents: thresholds and probabilities by kind."""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from chinchilla.data import Extraction
from chinchilla.data.schema import Schema
from chinchilla.decoding.confidence import fit_calibration
from chinchilla.mini.reader import Reader
from chinchilla.mini.rules import Rules

from .draw import Json
from .scores import gold_facts, read, schema_of

GRID = np.arange(-3.5, 3.01, 0.25)
# The most that the scores of a label are shifted.
_FAR = 2.0
# Kinds whose names belong to one set; 人名 and the like are names of many.
_OWN = ("relation", "argument")
# A scored fact: kind, score, whether it is right, and the score of its trigger (arguments).
Scored = tuple[str, float, bool, float]
# Scored facts and the number of gold facts, by kind and set.
Facts = dict[str, dict[str, tuple[list[Scored], int]]]
FLAT = 1e9
LOW = Rules(
    least=dict.fromkeys(("entity", "trigger", "role", "relation", "argument"), -3.9), near=0
)


def logit(probability: float | None) -> float:
    """Return the score of a probability under plain rules."""
    p = min(max(probability or 0.0, 1e-4), 1 - 1e-4)
    return math.log(p / (1 - p))


def scored(found: Extraction, names: dict[str, str], gold: dict[str, set[Any]]) -> list[Scored]:
    """Return all facts of an extraction read under LOW, with their scores."""
    facts: dict[tuple[str, Any], tuple[float, float]] = {}

    def add(kind: str, key: Any, score: float, trigger: float = 99.0) -> None:
        if (kind, key) not in facts or facts[kind, key][0] < score:
            facts[kind, key] = score, trigger

    for e in found.entities:
        add("entity", (names[f"entity/{e.type}"], e.start, e.end), logit(e.score))
    for r in found.relations:
        key = (names[f"relation/{r.type}"], r.subject.text, r.object.text)
        add("relation", key, logit(r.score))
    for event in found.events:
        kind = names[f"event/{event.type}"]
        head = event.trigger
        if head is not None:
            add("trigger", (kind, head.start, head.end), logit(head.score))
        for a in event.arguments:
            key = (kind, names[f"{event.type}/{a.role}"], a.text)
            score = logit(head.score) if head is not None else 99.0
            add("argument" if head is not None else "role", key, logit(a.score), score)
    place = {"relation": "triple", "role": "argument"}
    return [
        (kind, score, key in gold[place.get(kind, kind)], trigger)
        for (kind, key), (score, trigger) in facts.items()
    ]


def best_threshold(sets: Sequence[tuple[list[tuple[float, bool]], int]]) -> float:
    """Return the threshold of GRID with the best mean F1; a set is (score, right) and its gold."""
    values = []
    for least in GRID:
        total = 0.0
        for facts, gold in sets:
            kept = [right for score, right in facts if score >= least]
            total += 2 * sum(kept) / max(len(kept) + gold, 1)
        values.append(total)
    return float(GRID[int(np.argmax(values))])


def fit(facts: Iterable[tuple[float, bool]]) -> tuple[float, float]:
    """Return slope and offset of a logistic fit of rightness to the score."""
    pairs = list(facts)
    if len(pairs) < 30:
        return 1.0, 0.0
    scores = [1 / (1 + math.exp(-min(max(score, -30), 30))) for score, _ in pairs]
    found = fit_calibration(scores, [right for _, right in pairs])
    return round(1 / found.temperature, 3), round(found.bias, 3)


def calibrate(
    reader: Reader, data: Path, sets: Sequence[str], most: int = 150
) -> tuple[Rules, dict[str, float], dict[str, dict[str, float]]]:
    """Choose rules on the first `most` dev examples of some sets.

    Returns the rules, the calibration error by kind, and F1 by set and kind under the rules.
    """
    labels = json.loads((data / "labels.json").read_text(encoding="utf-8"))
    groups = json.loads((data / "groups.json").read_text(encoding="utf-8"))
    facts: Facts = {}
    named: dict[str, dict[str, list[str]]] = {}
    for name in sets:
        with (data / f"{name}.dev.jsonl").open(encoding="utf-8") as lines:
            examples: list[Json] = [json.loads(line) for line in islice(lines, most)]
        keys: dict[str, None] = {}
        for example in examples:
            for key in example["asked"]:
                keys.update(dict.fromkeys(groups[key[1:]] if key[0] == "@" else [key]))
        schema, names = schema_of(name, labels, [key for key in keys if key in labels])
        add_facts(facts, name, reader, examples, schema, names)
        named[name] = names_of_labels(names)
    return choose(facts, named)


def names_of_labels(names: dict[str, str]) -> dict[str, list[str]]:
    """Return what relations and events of a set are called, by kind: by first wording and own name."""
    kinds = {"relation": "relation", "event": "argument"}
    found: dict[str, list[str]] = {}
    for key, own in names.items():
        kind, _, word = key.partition("/")
        if kind in kinds:
            found.setdefault(kinds[kind], []).extend({word, own})
    return found


def add_facts(
    facts: Facts,
    name: str,
    reader: Reader,
    examples: Sequence[Json],
    schema: Schema,
    names: dict[str, str],
    nested: float = FLAT,
) -> None:
    """Read examples under LOW and add their scored facts as those of set `name`."""
    told = reader.rules
    low = replace(
        reader,
        rules=replace(LOW, nested=nested, far=told.far, end=told.end, shift=told.shift),
    )
    found = read([e["text"] for e in examples], low, schema)
    golds = [gold_facts(example) for example in examples]
    every = [f for one, gold in zip(found, golds, strict=True) for f in scored(one, names, gold)]
    for kind in {kind for kind, *_ in every}:
        place = {"relation": "triple", "role": "argument"}.get(kind, kind)
        count = sum(len(gold[place]) for gold in golds)
        facts.setdefault(kind, {})[name] = [f for f in every if f[0] == kind], count


def choose(
    facts: Facts, named: Mapping[str, Mapping[str, Sequence[str]]] | None = None
) -> tuple[Rules, dict[str, float], dict[str, dict[str, float]]]:
    """Return rules, calibration error by kind, and F1 by set and kind, from scored facts.

    `named` are the names of a set's labels by kind; the scores of these are shifted so that the threshold
    of all is the best of their own set.
    """
    rules = Rules()
    shifts: dict[str, list[float]] = {}
    errors: dict[str, float] = {}
    table: dict[str, dict[str, float]] = {}
    for kind in ("entity", "trigger", "relation", "role", "argument"):
        if kind not in facts:
            continue
        least = rules.least.get("trigger", 0.0)
        sets = {
            name: (
                [(s, r) for _, s, r, t in one if t >= least],
                gold,
            )
            for name, (one, gold) in facts[kind].items()
        }
        rules.least[kind] = best_threshold([one for one in sets.values() if one[1]])
        for name, (one, gold) in sets.items():
            if gold and named and kind in _OWN and named.get(name, {}).get(kind):
                by = min(max(rules.least[kind] - best_threshold([(one, gold)]), -_FAR), _FAR)
                sets[name] = [(s + by, r) for s, r in one], gold
                for word in named[name][kind]:
                    shifts.setdefault(f"{kind}/{word}", []).append(by)
        pairs = [pair for one, _ in sets.values() for pair in one]
        rules.slope[kind], rules.offset[kind] = fit(pairs)
        errors[kind] = round(calibration_error(rules, kind, pairs), 3)
        for name, (one, gold) in sets.items():
            kept = [right for score, right in one if score >= rules.least[kind]]
            table.setdefault(name, {})[kind] = round(2 * sum(kept) / max(len(kept) + gold, 1), 3)
    rules.shift = {
        key: round(sum(of) / len(of), 3) for key, of in sorted(shifts.items()) if any(of)
    }
    return rules, errors, table


def calibration_error(rules: Rules, kind: str, facts: list[tuple[float, bool]]) -> float:
    """Return the expected calibration error over ten bins of what is returned."""
    kept = [(s, r) for s, r in facts if s >= rules.least[kind]]
    if not kept:
        return 0.0
    z = np.clip(rules.slope[kind] * np.array([s for s, _ in kept]) + rules.offset[kind], -30, 30)
    p, right = 1 / (1 + np.exp(-z)), np.array([r for _, r in kept])
    bins = np.minimum((p * 10).astype(int), 9)
    gaps = [abs(p[bins == k].sum() - right[bins == k].sum()) for k in range(10)]
    return float(sum(gaps) / len(kept))
