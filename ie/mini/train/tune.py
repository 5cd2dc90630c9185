"""Tune a reader on some annotated documents of one's own, in minutes on a laptop.

    python -m chinchilla.mini.train.tune DOCUMENTS --schema SCHEMA --base FOLDER --out FOLDER

The lower layers stay as they are. A fifth of the documents is kept aside: training stops when
their F1 no longer rises, the best state is written, with thresholds chosen on them.
"""

import argparse
import copy
import json
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from chinchilla.data.schema import Schema, read_schema
from chinchilla.errors import InputError
from chinchilla.mini.characters import Characters
from chinchilla.mini.span_reader import Rules
from chinchilla.mini.span_reader import cut as windows
from chinchilla.mini.words import Words

from . import losses
from .batches import Batcher
from .calibrate import Facts, add_facts, choose
from .draw import Drawer, Json
from .evaluate import evaluate_schema, names_of, reader_of
from .export import export
from .model import Model
from .restore import restore
from .vary import moved

Say = Callable[[str], None]


@dataclass(frozen=True)
class Tuning:
    """How to tune; `frozen` counts the lower layers that stay, `patience` the rounds to wait."""

    minutes: float = 8
    rate: float = 1.5e-4
    head_rate: float = 5e-4
    frozen: int = 2
    characters: int = 1000
    patience: int = 4
    rounds: int = 40
    aside: float = 0.2
    seed: int = 1


@dataclass(frozen=True)
class Tuned:
    """What tuning did: F1 on the documents kept aside before and after, rounds and minutes."""

    before: float
    after: float
    rounds: int
    minutes: float
    table: dict[str, float]


def tune(
    documents: Sequence[Json],
    schema: Schema,
    base: Path,
    out: Path,
    tuning: Tuning | None = None,
    say: Say = lambda line: None,
    flat: bool = False,
) -> Tuned:
    """Tune the reader of folder `base`, write folder `out`.

    Raises:
        InputError: fewer than five documents, or `base` holds no reader.
    """
    plan = tuning or Tuning()
    if len(documents) < 5:
        raise InputError(f"{len(documents)} documents to tune on, expected at least 5")
    model, characters, words, rules = restore(base)
    shuffled = list(documents)
    random.Random(plan.seed).shuffle(shuffled)
    aside = max(2, round(len(shuffled) * plan.aside))
    run = _Run(model, characters, words, rules, schema, plan, flat)
    return run.tune(shuffled[aside:], shuffled[:aside], out, say)


class _Run:
    def __init__(
        self,
        model: Model,
        characters: Characters,
        words: Words,
        rules: Rules,
        schema: Schema,
        plan: Tuning,
        flat: bool,
    ) -> None:
        self.model, self.characters, self.words, self.rules = model, characters, words, rules
        self.schema, self.plan, self.flat = schema, plan, flat
        self.batcher = Batcher(characters, words)
        self.random = random.Random(plan.seed)
        labels = labels_of(schema)
        self.drawer = Drawer(labels, {"own": list(labels)}, self.random, plain=True)
        self.optimiser = _optimiser(model, plan)
        self.mean = copy.deepcopy(model.state_dict())
        self.steps = 0

    def tune(self, train: list[Json], dev: list[Json], out: Path, say: Say) -> Tuned:
        began = time.monotonic()
        pieces = [part for document in train for part in parts(document)]
        before = self.before(dev)
        best, rules, table = -1.0, self.rules, {}
        say(f"{len(train)} documents, {len(dev)} kept aside: F1 {before:.3f} before")
        kept, waited, done = self.mean, 0, 0
        for done in range(1, self.plan.rounds + 1):
            spent = (time.monotonic() - began) / 60
            loss = self.round(pieces, max(0.1, 1 - spent / self.plan.minutes))
            raw = copy.deepcopy(self.model.state_dict())
            self.model.load_state_dict(self.mean)
            value, chosen, found = self.score(dev)
            spent = (time.monotonic() - began) / 60
            say(f"round {done}: loss {loss:.2f}, F1 {value:.3f}, {spent:.1f} min")
            waited = 0 if value > best else waited + 1
            if value > best:
                best, rules, table = value, chosen, found
                kept = copy.deepcopy(self.mean)
            self.model.load_state_dict(raw)
            if waited >= self.plan.patience or spent * (done + 1) / done > self.plan.minutes:
                break
        self.model.load_state_dict(kept)
        export(out, self.model, self.characters, self.words, rules)
        minutes = (time.monotonic() - began) / 60
        return Tuned(before, best, done, round(minutes, 2), table)

    def round(self, pieces: list[Json], share: float) -> float:
        """Train once on all pieces; return the mean loss."""
        self.model.train()
        for group in self.optimiser.param_groups:
            group["lr"] = group["highest"] * share
        self.random.shuffle(pieces)
        total = count = 0.0
        for batch in _batches(pieces, self.plan.characters):
            asked = [self.drawer.draw(item) for item in batch]
            loss, _ = losses.forward(self.model, self.batcher.batch(asked))
            self.optimiser.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(self.model.parameters(), 2.0)
            self.optimiser.step()
            self.average()
            total, count = total + loss.item(), count + 1
        return total / max(count, 1)

    def average(self) -> None:
        """Move the mean weights, which are what is scored and kept: single steps are noisy."""
        self.steps += 1
        share = max(1 / self.steps, 0.08)
        for name, value in self.model.state_dict().items():
            if value.is_floating_point():
                self.mean[name].lerp_(value, share)

    def before(self, documents: list[Json]) -> float:
        """Return the mean F1 over the kinds of facts under the rules of the base."""
        reader = reader_of(self.model.eval(), self.characters, self.words, self.rules)
        table = evaluate_schema(reader, documents, self.schema, flat=self.flat)
        return sum(values["f"] for values in table.values()) / max(len(table), 1)

    def score(self, documents: list[Json]) -> tuple[float, Rules, dict[str, float]]:
        """Return the mean F1 under the best thresholds, the rules with them, and F1 by kind."""
        reader = reader_of(self.model.eval(), self.characters, self.words)
        facts: Facts = {}
        names = names_of(self.schema)
        add_facts(facts, "own", reader, documents, self.schema, names, flat=self.flat)
        chosen, _, tables = choose(facts)
        table = tables.get("own", {})
        rules = Rules(
            {**self.rules.least, **chosen.least},
            {**self.rules.slope, **chosen.slope},
            {**self.rules.offset, **chosen.offset},
        )
        return sum(table.values()) / max(len(table), 1), rules, table


def _optimiser(model: Model, plan: Tuning) -> torch.optim.Optimizer:
    encoder = model.encoder
    for part in (encoder.single, encoder.piece, encoder.norm, *encoder.layers[: plan.frozen]):
        part.requires_grad_(False)
    encoder.position.requires_grad_(False)
    upper = [p for p in encoder.parameters() if p.requires_grad]
    heads = [p for n, p in model.named_parameters() if not n.startswith("encoder.")]
    groups: list[dict[str, Any]] = [
        {"params": upper, "lr": plan.rate, "highest": plan.rate},
        {"params": heads, "lr": plan.head_rate, "highest": plan.head_rate},
    ]
    return torch.optim.AdamW(groups, weight_decay=0.01)


def _batches(pieces: list[Json], most: int) -> list[list[Json]]:
    batches: list[list[Json]] = [[]]
    size = 0
    for piece in pieces:
        longest = max(size, len(piece["text"]) + 1)
        if batches[-1] and longest * (len(batches[-1]) + 1) > most:
            batches.append([])
            longest = len(piece["text"]) + 1
        batches[-1].append(piece)
        size = longest
    return batches


def labels_of(schema: Schema) -> dict[str, Json]:
    """Return the types of a schema as the drawer wants them, of set `own`."""
    labels: dict[str, Json] = {}

    def add(kind: str, key: str, name: str, item: Any, **more: Any) -> None:
        labels[f"own/{kind}/{key}"] = {
            "kind": kind,
            "set": "own",
            "name": name,
            "wordings": [name],
            "description": item.description,
            "examples": list(getattr(item, "examples", ())),
            "broader": [],
            **more,
        }

    for entity in schema.entities:
        add("entity", entity.name, entity.name, entity)
    for relation in schema.relations:
        ends = {"subject": relation.subject, "object": relation.object}
        words = {side: [word] if word else [] for side, word in ends.items()}
        add("relation", relation.name, relation.name, relation, ends=words)
    for event in schema.events:
        add("event", event.name, event.name, event)
        for role in event.roles:
            key = f"{event.name}/{role.name}"
            add("role", key, role.name, role, event=f"own/event/{event.name}")
    return labels


def parts(document: Json) -> list[Json]:
    """Return a document as the windows it is read in, each with what lies wholly inside."""
    found = []
    for start, text in windows(document["text"]):
        end = start + len(text)

        def inside(item: Json | None, low: int = start, high: int = end) -> bool:
            return item is None or (
                item.get("start") is not None and low <= item["start"] and item["end"] <= high
            )

        piece: Json = {"text": text, "set": "own", "asked": ["@own"]}
        piece["entities"] = moved([e for e in document.get("entities", ()) if inside(e)], -start)
        relations = document.get("relations", ())
        kept = [r for r in relations if inside(r["subject"]) and inside(r["object"])]
        piece["relations"] = moved(kept, -start)
        events = [
            {**e, "arguments": [a for a in e.get("arguments", ()) if inside(a)]}
            for e in document.get("events", ())
            if inside(e.get("trigger"))
        ]
        piece["events"] = moved([e for e in events if e.get("trigger") or e["arguments"]], -start)
        found.append(piece)
    return found


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("documents", type=Path)
    parser.add_argument("--schema", required=True)
    parser.add_argument("--base", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=8)
    parser.add_argument("--most", type=int, default=100_000)
    arguments = parser.parse_args()
    with arguments.documents.open(encoding="utf-8") as lines:
        documents = [json.loads(line) for line in lines if line.strip()][: arguments.most]
    done = tune(
        documents,
        read_schema(arguments.schema),
        arguments.base,
        arguments.out,
        Tuning(minutes=arguments.minutes),
        say=lambda line: print(line, flush=True),  # noqa: T201
    )
    print(json.dumps(vars(done), ensure_ascii=False))  # noqa: T201


if __name__ == "__main__":
    main()
