"""Tune a reader on some annotated documents of one's own, in minutes on a laptop.

The lower layers stay as they are. Training stops when F1 on the documents kept aside no longer
rises; the best state is kept, with thresholds chosen on them.
"""

import copy
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from chinchilla.data.documents import Document
from chinchilla.data.schema import TASKS, Schema
from chinchilla.data.text import windows
from chinchilla.mini.characters import Characters
from chinchilla.mini.reader import OVERLAP, window_size
from chinchilla.mini.rules import Rules
from chinchilla.mini.weights import read_facts
from chinchilla.mini.words import Words

from . import losses
from .batches import Batcher
from .calibrate import FLAT, Facts, add_facts, choose
from .draw import Drawer, Json
from .model import Model
from .restore import restore
from .scores import evaluate_schema, names_of, reader_of
from .tuning_options import TuningOptions
from .vary import moved

# Takes what is to be told of a round; step 0 is the model before.
Note = Callable[[dict[str, Any]], None]


# Steps of a round, at least: of fewer the documents kept aside show noise alone.
_FEWEST_STEPS = 16


@dataclass(frozen=True)
class Tuned:
    """The tuned model with the labels that it has met, F1 on the documents kept aside, and more."""

    model: Model
    characters: Characters
    words: Words
    rules: Rules
    met: dict[str, list[str]]
    before: float
    after: float
    rounds: int
    minutes: float
    table: dict[str, float]


def tune(
    train: Sequence[Document],
    dev: Sequence[Document],
    schema: Schema,
    base: Path,
    plan: TuningOptions,
    note: Note = lambda line: None,
) -> Tuned:
    """Tune the reader of folder `base` on `train`; `dev` chooses the best round.

    An interrupt ends it as the last minute does, if a round was done.

    Raises:
        ModelError: `base` holds no reader.
    """
    torch.set_num_threads(plan.threads)
    torch.manual_seed(plan.seed)
    model, characters, words, rules = restore(base)
    met = trained_on(read_facts(base).get("trained", {}), schema)
    examples = [document.to_dict() for document in train]
    aside = [document.to_dict() for document in dev]
    nested = 0.0 if any(map(is_nested, (*train, *dev))) else FLAT
    run = _Run(model, characters, words, replace(rules, nested=nested), schema, plan, met)
    return run.tune(examples, aside, note)


def trained_on(before: Mapping[str, Sequence[str]], schema: Schema) -> dict[str, list[str]]:
    """Return the labels met before and those of a schema, by task."""
    return {
        task: sorted({*before.get(task, ()), *(item.label for item in schema.types(task))})
        for task in TASKS
    }


def is_nested(document: Document) -> bool:
    """Return whether an entity of a document stands inside another."""
    spans = {entity.span for entity in document.entities if entity.span}
    return any(a != b and a[0] <= b[0] and b[1] <= a[1] for a in spans for b in spans)


class _Run:
    def __init__(
        self,
        model: Model,
        characters: Characters,
        words: Words,
        rules: Rules,
        schema: Schema,
        plan: TuningOptions,
        met: dict[str, list[str]],
    ) -> None:
        self.met = met
        self.model, self.characters, self.words, self.rules = model, characters, words, rules
        self.schema, self.plan = schema, plan
        self.batcher = Batcher(characters, words)
        self.random = random.Random(plan.seed)
        labels = labels_of(schema)
        self.drawer = Drawer(labels, {"own": list(labels)}, self.random, plain=True)
        self.optimiser = _optimiser(model, plan)
        self.mean = copy.deepcopy(model.state_dict())
        self.steps = 0
        self.began = time.monotonic()

    @property
    def minutes(self) -> float:
        return (time.monotonic() - self.began) / 60

    def tune(self, train: list[Json], dev: list[Json], note: Note) -> Tuned:
        size = window_size(self.schema.tasks)
        pieces = [part for document in train for part in parts(document, size)]
        before = self.before(dev)
        best, rules, table = -1.0, self.rules, {}
        note({"step": 0, "eval_f1": before, "minutes": round(self.minutes, 2)})
        kept, waited, done = self.mean, 0, 0
        while done < self.plan.rounds and waited < self.plan.patience:
            try:
                loss, value, chosen, found = self._round(pieces, dev)
            except KeyboardInterrupt:
                if not done:
                    raise
                break
            done += 1
            waited = 0 if value > best else waited + 1
            if value > best:
                best, rules, table = value, chosen, found
                kept = copy.deepcopy(self.mean)
            line = {"step": done, "loss": round(loss, 4), "eval_f1": value, "best": not waited}
            note({**line, "minutes": round(self.minutes, 2), "most": self.plan.minutes})
            if self.minutes * (done + 1) / done > self.plan.minutes:
                break
        self.model.load_state_dict(kept)
        model, minutes = self.model.eval(), round(self.minutes, 2)
        words, characters = self.words, self.characters
        return Tuned(model, characters, words, rules, self.met, before, best, done, minutes, table)

    def _round(
        self, pieces: list[Json], dev: list[Json]
    ) -> tuple[float, float, Rules, dict[str, float]]:
        """Train a round; return the loss, and what `score` says of the mean weights."""
        loss = self.round(pieces, max(0.1, 1 - self.minutes / self.plan.minutes))
        raw = copy.deepcopy(self.model.state_dict())
        self.model.load_state_dict(self.mean)
        value, chosen, found = self.score(dev)
        self.model.load_state_dict(raw)
        return loss, value, chosen, found

    def round(self, pieces: list[Json], share: float) -> float:
        """Train on all pieces, of few more often than once; return the mean loss."""
        self.model.train()
        for group in self.optimiser.param_groups:
            group["lr"] = group["highest"] * share
        total = count = 0.0
        batches: list[list[Json]] = []
        while len(batches) < _FEWEST_STEPS:
            self.random.shuffle(pieces)
            batches += _batches(pieces, self.plan.batch_characters)
        for batch in batches:
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
        reader = reader_of(self.model.eval(), self.characters, self.words, self.rules, self.met)
        table = evaluate_schema(reader, documents, self.schema)
        return sum(values["f"] for values in table.values()) / max(len(table), 1)

    def score(self, documents: list[Json]) -> tuple[float, Rules, dict[str, float]]:
        """Return the mean F1 under the best thresholds, the rules with them, and F1 by kind."""
        reader = reader_of(self.model.eval(), self.characters, self.words, self.rules, self.met)
        facts: Facts = {}
        names = names_of(self.schema)
        add_facts(facts, "own", reader, documents, self.schema, names, self.rules.nested)
        chosen, _, tables = choose(facts, prior=self.rules.least)
        table = tables.get("own", {})
        rules = replace(
            self.rules,
            least={**self.rules.least, **chosen.least},
            slope={**self.rules.slope, **chosen.slope},
            offset={**self.rules.offset, **chosen.offset},
            schemas={},
        )
        return sum(table.values()) / max(len(table), 1), rules, table


def _optimiser(model: Model, plan: TuningOptions) -> torch.optim.Optimizer:
    encoder = model.encoder
    for part in (
        encoder.single,
        encoder.piece,
        encoder.norm,
        *encoder.layers[: plan.frozen_layers],
    ):
        part.requires_grad_(False)
    encoder.position.requires_grad_(False)
    upper = [p for p in encoder.parameters() if p.requires_grad]
    heads = [p for n, p in model.named_parameters() if not n.startswith("encoder.")]
    groups: list[dict[str, Any]] = [
        {"params": upper, "lr": plan.learning_rate, "highest": plan.learning_rate},
        {"params": heads, "lr": plan.head_learning_rate, "highest": plan.head_learning_rate},
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


def parts(document: Json, size: int) -> list[Json]:
    """Return a document as windows of `size` characters, each with what lies wholly inside."""
    found = []
    for start, end in windows(document["text"], size, OVERLAP, OVERLAP):
        text = document["text"][start:end]

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
