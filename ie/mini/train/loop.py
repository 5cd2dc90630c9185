"""The training: hours in the background, resumed by the same call (`scripts/train_mini`).

The rate follows the minutes of training done, so a slow machine trains less, not longer. The run
folder holds the vocabulary, the label encoder, `checkpoint.pt` and `log.jsonl`. A training that is
told to end (SIGTERM) writes its checkpoint first.
"""

import json
import os
import random
import signal
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from torch import nn

from chinchilla.mini.characters import Characters
from chinchilla.mini.words import Words

from . import losses
from .base import label_encoder, learn, standardise
from .batches import Batcher, Sampler, drawn, pools, read_sets
from .draw import EXAMPLES, Drawer, Json
from .model import Model, Sizes
from .original import open_base
from .vocabulary import choose
from .workers import EVERY, Workers, others


@dataclass(frozen=True)
class TrainingPlan:
    """How to train. Rates are the highest; they rise over `warm` and fall over the rest."""

    minutes: float = 95
    warm: float = 5
    characters: int = 1200
    rate: float = 2.5e-4
    head_rate: float = 2e-3
    word_rate: float = 4e-4
    decay: float = 0.01
    seed: int = 1
    save_every: float = 5
    pool: int = 800


def factor(plan: TrainingPlan, minutes: float) -> float:
    """Return the share of the highest rate after some minutes."""
    if minutes < plan.warm:
        return (minutes + 0.05) / (plan.warm + 0.05)
    left = (plan.minutes - minutes) / max(plan.minutes - plan.warm, 1e-6)
    return max(left, 0.02)


class Trainer:
    """Model, optimisers and their place in a run."""

    def __init__(self, model: Model, plan: TrainingPlan) -> None:
        self.model = model
        self.plan = plan
        self.minutes = 0.0
        self.steps = 0
        self.seen = 0
        words = [model.encoder.single.weight, model.encoder.piece.weight]
        taken = {id(p) for p in words}
        encoder = [p for p in model.encoder.parameters() if id(p) not in taken]
        taken |= {id(p) for p in encoder}
        heads = [p for p in model.parameters() if id(p) not in taken]
        self.dense = torch.optim.AdamW(
            [{"params": encoder, "lr": plan.rate}, {"params": heads, "lr": plan.head_rate}],
            weight_decay=plan.decay,
            betas=(0.9, 0.98),
            fused=True,
        )
        self.sparse = torch.optim.SparseAdam(words, lr=plan.word_rate, betas=(0.9, 0.98))
        self._highest = [plan.rate, plan.head_rate]

    def step(self, batch: Any) -> dict[str, float]:
        """Train on one batch; return the parts of its loss."""
        began = time.monotonic()
        share = factor(self.plan, self.minutes)
        for group, rate in zip(self.dense.param_groups, self._highest, strict=True):
            group["lr"] = rate * share
        self.sparse.param_groups[0]["lr"] = self.plan.word_rate * share
        self.dense.zero_grad(set_to_none=True)
        self.sparse.zero_grad(set_to_none=True)
        loss, parts = losses.forward(self.model, batch)
        loss.backward()  # type: ignore[no-untyped-call]
        norm = nn.utils.clip_grad_norm_(
            [p for group in self.dense.param_groups for p in group["params"]], 2.0, foreach=True
        )
        if torch.isfinite(norm):
            self.dense.step()
            self.sparse.step()  # type: ignore[no-untyped-call]
        self.steps += 1
        self.seen += batch.characters
        self.minutes += (time.monotonic() - began) / 60
        return parts

    def state(self) -> Json:
        """Return what a checkpoint holds of the trainer."""
        return {
            "model": self.model.state_dict(),
            "dense": self.dense.state_dict(),
            "sparse": self.sparse.state_dict(),
            "minutes": self.minutes,
            "steps": self.steps,
            "seen": self.seen,
            "torch": torch.get_rng_state(),
        }

    def restore(self, state: Json) -> None:
        """Go on from a checkpoint."""
        self.model.load_state_dict(state["model"])
        self.dense.load_state_dict(state["dense"])
        self.sparse.load_state_dict(state["sparse"])
        self.minutes, self.steps, self.seen = state["minutes"], state["steps"], state["seen"]
        torch.set_rng_state(state["torch"])


def save(path: Path, value: Json) -> None:
    """Write a checkpoint whole or not at all."""
    part = path.with_suffix(".part")
    torch.save(value, part)
    os.replace(part, path)


def label_texts(labels: dict[str, Json]) -> list[str]:
    """Return every text that labels may be shown by."""
    texts: set[str] = {"主体", "客体"}
    for label in labels.values():
        texts.update(label["wordings"], label["broader"])
        if label["description"]:
            texts.add(label["description"])
        if label["kind"] != "relation":
            texts.update(label["examples"][:EXAMPLES])
        for words in label.get("ends", {}).values():
            texts.update(words)
    return sorted(texts)


def prepare(
    base: Path, run: Path, texts: Iterable[str], labels: dict[str, Json], layers: tuple[int, ...]
) -> None:
    """Write the vocabulary, the label encoder with its known vectors, and the fresh weights."""
    packed = open_base(base)
    characters, ids, singles = choose(packed, [*texts, *["query: 1"] * 99])
    words = label_encoder(packed, characters, ids)
    standardise(words, [w for label in labels.values() for w in label["wordings"]])
    shape = packed.shape
    sizes = Sizes(
        shape.hidden,
        shape.heads,
        shape.ffn,
        shape.positions,
        layers,
        pieces=len(ids),
        singles=len(singles),
    )
    model = Model(sizes)
    model.encoder.take(packed, ids, singles, sizes.layers)
    run.mkdir(parents=True, exist_ok=True)
    characters.save(run / "characters.json")
    np.savez(run / "words.npz", **words.packed)  # type: ignore[arg-type]
    (run / "sizes.json").write_text(json.dumps(sizes.to_dict()), encoding="utf-8")
    save(run / "fresh.pt", {"model": model.state_dict()})


def some_texts(sets: dict[str, list[Json]], most: int = 150) -> list[str]:
    """Return some texts of every set, for the choice of pieces."""
    return [item["text"] for items in sets.values() for item in items[:: 1 + len(items) // most]]


def load(run: Path) -> tuple[Model, Characters, Words]:
    """Read what `prepare` wrote; the model has its fresh weights."""
    value = json.loads((run / "sizes.json").read_text(encoding="utf-8"))
    sizes = Sizes(**{**value, "layers": tuple(value["layers"])})
    characters = Characters.load(run / "characters.json")
    with np.load(run / "words.npz") as file:
        words = Words(characters, dict(file), sizes.heads)
    model = Model(sizes)
    model.load_state_dict(torch.load(run / "fresh.pt", weights_only=True)["model"])
    return model, characters, words


def known(words: Words, run: Path, texts: list[str]) -> None:
    """Give the label encoder the vectors of all texts, computing those that no file holds."""
    path = run / "vectors.npz"
    if path.exists():
        with np.load(path) as file:
            words.learn([str(text) for text in file["texts"]], file["vectors"])
    if learn(words, texts):
        np.savez(path, texts=np.array(texts), vectors=words.raw(texts))


def weights_of(
    sets: dict[str, list[Json]], shares: dict[str, float], power: float = 0.6
) -> dict[str, float]:
    """Return how often to draw each set: its characters to a power, times its share."""
    return {
        name: sum(len(item["text"]) for item in items) ** power
        / (sum(len(item["text"]) for item in items) / len(items))
        * shares.get(name, 1.0)
        for name, items in sets.items()
    }


def shares_of(labels: dict[str, Json], sets: Iterable[str]) -> dict[str, float]:
    """Return the shares of shares.yaml, by set or by language."""
    table = yaml.safe_load(Path(__file__).with_name("shares.yaml").read_text(encoding="utf-8"))
    language = {label["set"]: label["lang"] for label in labels.values()}
    return {name: table["sets"].get(name, table[language.get(name, "zh")]) for name in sets}


def stop_when_asked() -> list[int]:
    """Return a list that is empty until the process is told to end."""
    asked: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, frame: asked.append(number))
    return asked


def train(
    trainer: Trainer, batches: Iterator[Any], sampler: Sampler, run: Path, workers: Workers
) -> None:
    """Train until the minutes of the plan are done, with checkpoints and a line of log every minute."""
    saved = logged = trainer.minutes
    sums: dict[str, float] = {}
    began, seen = time.monotonic(), trainer.seen
    count = 0
    asked = stop_when_asked()
    ended = False
    while trainer.minutes < trainer.plan.minutes and not ended:
        read = trainer.seen
        for _ in range(EVERY if workers.count > 1 else 1):
            for name, value in trainer.step(next(batches)).items():
                sums[name] = sums.get(name, 0.0) + value
            count += 1
        told = workers.average(trainer.model, trainer.minutes, trainer.seen - read, bool(asked))
        trainer.minutes, trainer.seen, ended = told[0], read + told[1], told[2]
        ended = ended or trainer.minutes >= trainer.plan.minutes
        if workers.rank:
            continue
        if trainer.minutes - logged >= 1 or ended:
            line = {name: round(value / count, 4) for name, value in sums.items()}
            speed = (trainer.seen - seen) / (time.monotonic() - began)
            log(run, trainer, **line, speed=round(speed))
            sums, count, logged = {}, 0, trainer.minutes
            began, seen = time.monotonic(), trainer.seen
        if trainer.minutes - saved >= trainer.plan.save_every or ended:
            save(run / "checkpoint.pt", {**trainer.state(), "sampler": sampler.state()})
            saved = trainer.minutes


def log(run: Path, trainer: Trainer, **values: Any) -> None:
    """Add a line to the log."""
    line = {
        "at": time.strftime("%H:%M:%S", time.gmtime()),
        "minutes": round(trainer.minutes, 2),
        "steps": trainer.steps,
        "characters": trainer.seen,
        **values,
    }
    with (run / "log.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(line, ensure_ascii=False) + "\n")


def run(
    base: Path, data: Path, folder: Path, plan: TrainingPlan, layers: tuple[int, ...], workers: int
) -> None:
    """Train on the caches of folder `data`; go on where the run folder stopped."""
    labels = json.loads((data / "labels.json").read_text(encoding="utf-8"))
    sets = read_sets(data)
    if not (folder / "fresh.pt").exists():
        prepare(base, folder, some_texts(sets), labels, layers)
    meeting = folder / "workers"
    meeting.unlink(missing_ok=True)
    _known_of(labels, sets, load(folder)[2], folder)
    with others(work, (data, folder, plan, workers), workers):
        work(data, folder, plan, workers, 0)
    torch.set_num_threads(workers)
    meeting.unlink(missing_ok=True)


def work(data: Path, folder: Path, plan: TrainingPlan, count: int, rank: int) -> None:
    """Train as one of `count` workers; the first one keeps the log and the checkpoints."""
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    torch.manual_seed(plan.seed + rank)
    labels = json.loads((data / "labels.json").read_text(encoding="utf-8"))
    groups = json.loads((data / "groups.json").read_text(encoding="utf-8"))
    sets = read_sets(data)
    model, characters, words = load(folder)
    _known_of(labels, sets, words, folder)
    trainer = Trainer(model, plan)
    sampler = Sampler(sets, weights_of(sets, shares_of(labels, sets)), plan.seed + rank)
    if (folder / "checkpoint.pt").exists():
        state = torch.load(folder / "checkpoint.pt", weights_only=True)
        trainer.restore(state)
        sampler.restore(state["sampler"])
    if rank:
        sampler.random.seed(f"{rank} {trainer.steps}")
        torch.manual_seed(trainer.steps + rank)
    rng = random.Random(f"{rank} {trainer.steps}")
    batches = drawn(
        pools(iter(sampler), rng, plan.characters, plan.pool),
        Drawer(labels, groups, rng),
        Batcher(characters, words),
    )
    workers = Workers(rank, count, folder / "workers")
    train(trainer, batches, sampler, folder, workers)
    workers.close()


def _known_of(labels: dict[str, Json], sets: Mapping[str, Any], words: Words, run: Path) -> None:
    known(words, run, label_texts({k: v for k, v in labels.items() if v["set"] in sets}))


def trained(
    folder: Path, earlier: Mapping[str, float] | None = None
) -> tuple[Model, Characters, Words, int]:
    """Return the model of the last checkpoint, and how many characters it has read.

    With `earlier` checkpoints of the same training and the share of each, the weights are the mean of all;
    the last one has the rest (Izmailov and others 2018, https://arxiv.org/abs/1803.05407).
    """
    model, characters, words = load(folder)
    state = torch.load(folder / "checkpoint.pt", weights_only=True)
    rest = 1 - sum((earlier or {}).values())
    mean = {name: rest * value for name, value in state["model"].items()}
    for path, share in (earlier or {}).items():
        for name, value in torch.load(path, weights_only=True)["model"].items():
            mean[name] += share * value
    model.load_state_dict(mean)
    return model.eval(), characters, words, state["seen"]
