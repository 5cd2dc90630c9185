"""Choose the decision rules of a reader on dev documents: thresholds and probabilities by kind."""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
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
# A kind needs so many gold facts in a set for numbers of its own.
_ENOUGH = 10
# The least probability of relations of `cautious` sets. At 0.5 nearly nothing of raw news is returned.
LIKELY = 0.4
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


def best_threshold(
    sets: Sequence[tuple[list[tuple[float, bool]], int]], prior: float | None = None
) -> float:
    """Return the threshold of GRID with the best mean F1; a set is (score, right) and its gold.

    With a `prior`, the threshold nearest to it whose F1 lacks at most one standard error (Breiman and
    others 1984, 3.4.3): F1 on few documents says little of others.
    """
    values = []
    for least in GRID:
        total = 0.0
        for facts, gold in sets:
            kept = [right for score, right in facts if score >= least]
            total += 2 * sum(kept) / max(len(kept) + gold, 1)
        values.append(total / len(sets))
    best = max(values)
    if prior is None:
        return float(GRID[int(np.argmax(values))])
    slack = math.sqrt(best * (1 - best) / max(sum(gold for _, gold in sets), 1))
    fit = [least for least, value in zip(GRID, values, strict=True) if value >= best - slack]
    return float(min(fit, key=lambda least: abs(least - prior)))


def fit(facts: Iterable[tuple[float, bool]]) -> tuple[float, float]:
    """Return slope and offset of a logistic fit of rightness to the score."""
    pairs = list(facts)
    if len(pairs) < 30:
        return 1.0, 0.0
    scores = [1 / (1 + math.exp(-min(max(score, -30), 30))) for score, _ in pairs]
    found = fit_calibration(scores, [right for _, right in pairs])
    return round(1 / found.temperature, 3), round(found.bias, 3)


def calibrate(
    reader: Reader,
    data: Path,
    sets: Mapping[str, str],
    most: int = 150,
    cautious: Sequence[str] = (),
) -> tuple[Rules, dict[str, float], dict[str, dict[str, float]]]:
    """Choose rules on `most` dev examples of some sets, set to name of its schema.

    Of `cautious` sets all examples are read.

    Returns the rules, the calibration error by kind, and F1 by set and kind under the rules. For
    `cautious` see `choose`.
    """
    labels = json.loads((data / "labels.json").read_text(encoding="utf-8"))
    groups = json.loads((data / "groups.json").read_text(encoding="utf-8"))
    facts: Facts = {}
    for name in sets:
        with (data / f"{name}.dev.jsonl").open(encoding="utf-8") as lines:
            every = [json.loads(line) for line in lines]
        examples = every if name in cautious else spread(every, most)
        for keys, some in _by_schema(examples, groups):
            schema, names = schema_of(name, labels, [key for key in keys if key in labels])
            add_facts(facts, name, reader, some, schema, names)
    return choose(facts, sets, cautious)


def spread(examples: list[Json], most: int) -> list[Json]:
    """Return at most `most` of the examples, evenly spread: neighbours are often of one article."""
    step = max(1.0, len(examples) / most)
    return [examples[int(k * step)] for k in range(min(most, len(examples)))]


def _by_schema(
    examples: Sequence[Json], groups: Mapping[str, Sequence[str]]
) -> list[tuple[list[str], list[Json]]]:
    """Return the label keys to ask and the examples to ask them of: all, or the parts of a set apart."""
    parts: dict[str, list[Json]] = {}
    for example in examples:
        part = next((asked for asked in example["asked"] if asked[0] == "@" and "/" in asked), "")
        parts.setdefault(part, []).append(example)
    found = []
    for some in parts.values():
        asked = dict.fromkeys(key for example in some for key in example["asked"])
        keys = [one for key in asked for one in (groups[key[1:]] if key[0] == "@" else [key])]
        found.append((list(dict.fromkeys(keys)), some))
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
    low = replace(reader, rules=replace(LOW, nested=nested, far=told.far))
    found = read([e["text"] for e in examples], low, schema)
    golds = [gold_facts(example) for example in examples]
    every = [f for one, gold in zip(found, golds, strict=True) for f in scored(one, names, gold)]
    places = {"entity": "entity", "relation": "triple"}
    for event in schema.events:
        triggered = {"trigger": "trigger", "argument": "argument"}
        places |= triggered if event.trigger else {"role": "argument"}
    for kind, place in places.items():
        some = [fact for fact in every if fact[0] == kind]
        count = sum(len(gold[place]) for gold in golds)
        # Gold counts even where nothing of its kind was found.
        if some or count:
            before, sum_before = facts.setdefault(kind, {}).get(name, ([], 0))
            facts[kind][name] = [*before, *some], sum_before + count


def choose(
    facts: Facts,
    schemas: Mapping[str, str] | None = None,
    cautious: Sequence[str] = (),
    prior: Mapping[str, float] | None = None,
) -> tuple[Rules, dict[str, float], dict[str, dict[str, float]]]:
    """Return rules, calibration error by `set kind`, and F1 by set and kind, from scored facts.

    `schemas` names the built-in schema of a set, which gets numbers of its own. Those for any other schema
    are the best for the mean of the other sets, if there are any. Where sets are `cautious`, relations are
    returned from a probability of LIKELY on, not where F1 is best. `prior` are thresholds by kind, for
    `best_threshold`.
    """
    schemas, prior = schemas or {}, prior or {}
    rules = Rules()
    errors: dict[str, float] = {}
    table: dict[str, dict[str, float]] = {}
    for kind in ("entity", "trigger", "relation", "role", "argument"):
        sets = {}
        for name, (scored_facts, gold) in facts.get(kind, {}).items():
            least = rules.under(schemas.get(name, "")).least.get("trigger", 0.0)
            sets[name] = [(s, r) for _, s, r, trigger in scored_facts if trigger >= least], gold
        free = [one for name, one in sets.items() if one[1] and not schemas.get(name)]
        free = free or [one for one in sets.values() if one[1]]
        if not free:
            continue
        rules.slope[kind], rules.offset[kind] = fit(pair for one, _ in free for pair in one)
        rules.least[kind] = best_threshold(free, prior.get(kind))
        if kind == "relation" and any(name in cautious and not schemas.get(name) for name in sets):
            rules.least[kind] = likely(rules.slope[kind], rules.offset[kind])
        else:
            told = [pair for one, _ in free for pair in near(one, rules.least[kind])]
            rules.slope[kind], rules.offset[kind] = fit(told)
        for schema, (names, one, gold) in _united(sets, schemas).items():
            if gold < _ENOUGH:
                continue
            slope, offset = fit(one)
            least = best_threshold([(one, gold)])
            if kind == "relation" and any(name in cautious for name in names):
                least = likely(slope, offset)
            else:
                slope, offset = fit(near(one, least))
            rules.schemas.setdefault(schema, {})[kind] = [least, slope, offset]
        for name, (one, gold) in sets.items():
            own = rules.under(schemas.get(name, ""))
            errors[f"{name} {kind}"] = round(calibration_error(own, kind, one), 3)
            kept = [right for score, right in one if score >= own.least[kind]]
            table.setdefault(name, {})[kind] = round(2 * sum(kept) / max(len(kept) + gold, 1), 3)
    if "role" not in rules.least and "entity" in rules.least:
        # Fillers without a trigger are spans of their own, as entities are.
        for numbers in (rules.least, rules.slope, rules.offset):
            numbers["role"] = numbers["entity"]
    return rules, errors, table


def _united(
    sets: Mapping[str, tuple[list[tuple[float, bool]], int]], schemas: Mapping[str, str]
) -> dict[str, tuple[list[str], list[tuple[float, bool]], int]]:
    """Return by built-in schema the names of its sets, their facts, and the number of gold facts."""
    united: dict[str, tuple[list[str], list[tuple[float, bool]], int]] = {}
    for name, (facts, gold) in sets.items():
        if schemas.get(name):
            names, some, count = united.get(schemas[name], ([], [], 0))
            united[schemas[name]] = [*names, name], [*some, *facts], count + gold
    return united


def near(facts: Sequence[tuple[float, bool]], least: float) -> list[tuple[float, bool]]:
    """Return the facts that are returned, or nearly: probabilities are told of these alone."""
    return [(score, right) for score, right in facts if score >= least - 0.5]


def likely(slope: float, offset: float) -> float:
    """Return the score from which the probability of a fact is at least LIKELY."""
    return round((logit(LIKELY) - offset) / max(slope, 0.1), 3)


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
