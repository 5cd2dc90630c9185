"""Batches of examples of like length, drawn from the caches by weight."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch
from torch import Tensor

from chinchilla.mini.characters import Characters
from chinchilla.mini.labels import Label, Texts
from chinchilla.mini.words import Words

from .draw import Drawer, DrawnExample, Json
from .vary import vary

LONGEST = 400


class Sampler:
    """An endless stream of examples: sets by weight, each set in shuffled passes.

    `state` and `restore` give and take the place in the stream.
    """

    def __init__(
        self, sets: dict[str, list[Json]], weights: dict[str, float], seed: int, forms: bool = True
    ) -> None:
        self.sets = sets
        self.names = sorted(sets)
        self.weights = [weights[name] for name in self.names]
        self.seed = seed
        self.random = random.Random(seed)
        self.forms = forms
        self._at = dict.fromkeys(self.names, 0)
        self._orders: dict[str, tuple[int, list[int]]] = {}

    def state(self) -> Json:
        """Return the place in the stream."""
        return {"at": self._at, "random": self.random.getstate()}

    def restore(self, state: Json) -> None:
        """Go on from a place; sets that are new start at their beginning."""
        self._at.update({k: v for k, v in state["at"].items() if k in self._at})
        self.random.setstate(state["random"])

    def __iter__(self) -> Iterator[Json]:
        while True:
            (name,) = self.random.choices(self.names, self.weights)
            example = self._next(name)
            if self.forms:
                example = vary(example, self.random, partial(self._next, name))
            yield example

    def _next(self, name: str) -> Json:
        items, at = self.sets[name], self._at[name]
        self._at[name] = at + 1
        turn, place = divmod(at, len(items))
        if self._orders.get(name, (-1, []))[0] != turn:
            order = list(range(len(items)))
            random.Random(f"{self.seed} {name} {turn}").shuffle(order)
            self._orders[name] = (turn, order)
        return items[self._orders[name][1][place]]


def pools(
    stream: Iterator[Json], rng: random.Random, characters: int, size: int
) -> Iterator[list[Json]]:
    """Yield lists of examples of like length, of at most `characters` with padding."""
    while True:
        pool = sorted((cut(next(stream)) for _ in range(size)), key=lambda item: len(item["text"]))
        batches: list[list[Json]] = [[]]
        for item in pool:
            if batches[-1] and (len(batches[-1]) + 1) * (len(item["text"]) + 1) > characters:
                batches.append([])
            batches[-1].append(item)
        rng.shuffle(batches)
        yield from batches


def cut(example: Json) -> Json:
    """Return the example without what stands beyond LONGEST characters."""
    if len(example["text"]) <= LONGEST:
        return example
    value = dict(example, text=example["text"][:LONGEST])

    def fits(item: Json | None) -> bool:
        return item is None or item["end"] <= LONGEST

    value["entities"] = [e for e in example.get("entities", ()) if fits(e)]
    value["relations"] = [
        r for r in example.get("relations", ()) if fits(r["subject"]) and fits(r["object"])
    ]
    value["events"] = [
        dict(e, arguments=[a for a in e.get("arguments", ()) if fits(a)])
        for e in example.get("events", ())
        if fits(e.get("trigger"))
    ]
    return value


@dataclass
class Batch:
    """Tensors of B texts of at most T characters.

    `own`, `cover` [B, 1 + T]; `lengths` [B]; `texts` [N, 2H] and `kinds` [N] of the labels in use;
    `spans` [B, L] places in them, `shown` [B, L] bool; `gold` [G, 4] (text, label, start, end);
    `unknown` likewise, spans that count neither way; `partial` [B] bool, texts of which only
    spans that overlap a gold one are known;
    `links`: (text, place of the link's label, head and tail places, gold pairs, same event?).
    """

    own: Tensor
    cover: Tensor
    lengths: Tensor
    texts: Tensor
    kinds: Tensor
    spans: Tensor
    shown: Tensor
    gold: Tensor
    unknown: Tensor
    partial: Tensor
    links: list[tuple[int, int, list[int], list[int], set[Any], bool]]
    characters: int


class Batcher:
    """Turns drawn examples into batches; label vectors come from `words`."""

    def __init__(self, characters: Characters, words: Words) -> None:
        self.characters = characters
        self.words = words
        self._mean: dict[Texts, np.ndarray[Any, Any]] = {}

    def vector(self, label: Label) -> np.ndarray[Any, Any]:
        """Return the vectors of a label's texts and context, [2H]."""
        return np.concatenate([self._of(label.texts), self._of(label.context)])

    def _of(self, texts: Texts) -> np.ndarray[Any, Any]:
        if not texts:
            return np.zeros(self.words.hidden, np.float32)
        if texts not in self._mean:
            if len(self._mean) > 50_000:
                self._mean.clear()
            self._mean[texts] = self.words.vectors(texts).mean(0)
        return self._mean[texts]

    def batch(self, asked: Sequence[DrawnExample]) -> Batch:
        """Return the tensors of some drawn examples."""
        index: dict[Label, int] = {}

        def place(label: Label) -> int:
            return index.setdefault(label, len(index))

        own, cover, lengths = self._ids([item.text for item in asked])
        most = max(1, max(len(item.plan.spans) for item in asked))
        spans = np.zeros((len(asked), most), np.int64)
        shown = np.zeros((len(asked), most), bool)
        gold: list[tuple[int, int, int, int]] = []
        unknown: list[tuple[int, int, int, int]] = []
        links: list[tuple[int, int, list[int], list[int], set[Any], bool]] = []
        for b, item in enumerate(asked):
            places = [place(label) for label in item.plan.spans]
            spans[b, : len(places)] = places
            shown[b, : len(places)] = True
            gold += [(b, place, start, end) for place, (start, end) in sorted(item.spans)]
            unknown += [(b, place, start, end) for place, (start, end) in sorted(item.unknown)]
            for link, pairs in zip(item.plan.links, item.links, strict=True):
                label = place(item.plan.link_labels[link.label])
                links.append((b, label, [link.head], [link.tail], pairs, False))
            for same, roles, groups in item.same:
                pairs = {(x, y) for group in groups for x in group for y in group if x != y}
                label = place(item.plan.link_labels[same])
                links.append((b, label, roles, roles, pairs, True))
        vectors = np.stack(
            [self.vector(label) for label in index] or [np.zeros(2 * self.words.hidden)]
        )
        return Batch(
            own,
            cover,
            lengths,
            torch.from_numpy(vectors.astype(np.float32)),
            torch.tensor([label.kind for label in index] or [0]),
            torch.from_numpy(spans),
            torch.from_numpy(shown),
            torch.tensor(gold, dtype=torch.long).reshape(-1, 4),
            torch.tensor(unknown, dtype=torch.long).reshape(-1, 4),
            torch.tensor([item.partial for item in asked]),
            links,
            sum(len(item.text) for item in asked),
        )

    def _ids(self, texts: list[str]) -> tuple[Tensor, Tensor, Tensor]:
        own, cover = self.characters.batch(texts, max(map(len, texts)))
        lengths = torch.tensor([len(text) for text in texts])
        return torch.from_numpy(own).long(), torch.from_numpy(cover).long(), lengths


def read_sets(folder: Path) -> dict[str, list[Json]]:
    """Return the training examples of all caches of a folder: set to examples with a text."""
    sets = {}
    for path in sorted(folder.glob("*.train.jsonl")):
        with path.open("rb") as lines:
            items = [msgspec.json.decode(line) for line in lines]
        items = [item for item in items if item["text"].strip() and item["asked"]]
        if items:
            sets[path.name.split(".")[0]] = items
    return sets


def drawn(batches: Iterator[list[Json]], drawer: Drawer, batcher: Batcher) -> Iterator[Batch]:
    """Yield batches of examples drawn anew."""
    for items in batches:
        yield batcher.batch([drawer.draw(item) for item in items])
