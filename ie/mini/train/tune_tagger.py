"""Tune the tagger that gives hints on the gold spans of corpora (see `chinchilla.mini.tagger`, `hints`).

It starts from jieba's weights. What corpora mean by a place or an organisation differs, hence a head
for each. A head has its own scores of tags and its own biases in the layers; the rest is shared. The
recurrence steps back by hand: torch's own autograd costs more than its arithmetic. Pairs of
characters may be read too, whose vectors stay as raw text made them (see `pairs`).
"""

import math
import random
import re
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import msgspec
import numpy
import torch
from torch import nn

from chinchilla.data.documents import Document, Entity, Located, Relation
from chinchilla.data.schema import TASKS, Schema
from chinchilla.data.text import windows
from chinchilla.decoding.formats import annotated_items
from chinchilla.engines.cpu import processor_has_bfloat16
from chinchilla.errors import ConfigError
from chinchilla.mini.hints import JIEBA, SUBJECT
from chinchilla.mini.tagger import (
    OUTSIDE,
    Head,
    Tagger,
    Weights,
    Word,
    has_pairs,
    pair_codes,
    pair_numbers,
    pair_vectors,
    tag_names,
)

from .pair_vectors import Pairs

# Longest piece of text, in characters.
_LONGEST = 200
# The scores of tags begin anew and learn faster than the rest; less so where they go on.
_HEAD_RATE, _GROWN_HEAD_RATE = 5, 2
_HEAD_NAME = re.compile(r"[A-Za-z0-9-]+")
_FORBIDDEN = -1e4
# Names in torch, which allows no dots.
_BODY = ("embeddings", *(f"{part}.{n}" for part in ("input", "gates", "candidate") for n in (0, 1)))


class Example(NamedTuple):
    """A piece of text as rows of the embeddings, and the number of the tag of each character."""

    rows: list[int]
    tags: list[int]


class Lesson(NamedTuple):
    """What one head is to learn: the gold documents of a schema's task."""

    task: str
    names: tuple[str, ...]
    kinds: tuple[str, ...]
    examples: list[Example]


class Body(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The heads that are tuned together, and the arguments of `tune`."""

    heads: tuple[str, ...]
    train: dict[str, Any] = {}


class Tuning(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The heads of the tagger, and the `bodies` that they read with, each tuned in its turn.

    A head has the documents of corpora with one schema, each of them so many times an epoch. A
    body starts from jieba's, or from the one that its first head was tuned with before; a head
    reads with the last that names it. The first alone may change the embeddings. Once tuned, the
    heads of a task that is `eager` score so much more for every span: where labels are many and each
    is unsure, the best path would be no span at all. It reads so many `pairs` of characters, the most
    frequent of the raw text `read`, with vectors of a `width`, kept in so many `parts`.
    """

    heads: dict[str, dict[str, int]]
    bodies: dict[str, Body]
    eager: dict[str, float] = {}
    pairs: int = 0
    width: int = 128
    parts: int = 32
    read: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what could not be tuned.

        Raises:
            ValueError: names the head or the task.
        """
        for name, times in self.heads.items():
            if not _HEAD_NAME.fullmatch(name) or name == JIEBA:
                raise ValueError(f"tagger: no name for a head: {name!r}; use letters, digits and -")
            if not times or min(times.values()) < 1:
                raise ValueError(f"tagger, head {name}: needs corpora, each once an epoch or more")
        if self.pairs and not self.read:
            raise ValueError("tagger: pairs of characters need raw text to be counted in: read")
        if self.parts < 1 or self.width % self.parts:
            raise ValueError(f"tagger: width {self.width} is no multiple of parts, {self.parts}")
        for task in self.eager:
            if task not in TASKS:
                raise ValueError(
                    f"tagger: eager names no task {task!r}; tasks are {', '.join(TASKS)}"
                )
        for name, body in self.bodies.items():
            if not _HEAD_NAME.fullmatch(name):
                raise ValueError(f"tagger: no name for a body: {name!r}; use letters, digits and -")
            if not body.heads or not set(body.heads) <= set(self.heads):
                raise ValueError(
                    f"tagger, body {name}: {', '.join(body.heads) or 'no heads'}; "
                    f"heads are {', '.join(self.heads)}"
                )
            if body.train.get("embeddings") and name != next(iter(self.bodies)):
                raise ValueError(
                    f"tagger, body {name}: embeddings are for all bodies; the first may learn them"
                )
        read = {head for body in self.bodies.values() for head in body.heads}
        if without := [head for head in self.heads if head not in read]:
            raise ValueError(f"tagger: no body for the heads {', '.join(without)}")


def lesson(documents: Iterable[Document], schema: Schema, task: str) -> Lesson:
    """Return what gold documents tell of a task: spans by label and slot.

    Entities and triggers by type; objects of relations by predicate, subjects that are no object
    as `SUBJECT`; qualifiers and arguments by their slot.

    Raises:
        ConfigError: they tell of no span.
    """
    rows = Tagger().rows
    found: Counter[str] = Counter()
    pieces = []
    for document in documents:
        spans = list(_spans(document, schema, task))
        found.update(kind for _, _, kind in spans)
        for start, end in windows(document.text, _LONGEST):
            inside = [(s - start, e - start, k) for s, e, k in spans if start <= s and e <= end]
            pieces.append((document.text[start:end], inside))
    if not found:
        raise ConfigError(f"documents for the schema {schema.name}: no span for the task {task}")
    kinds = tuple(sorted(found))
    number = {tag: i for i, tag in enumerate(tag_names(kinds))}
    examples = [Example(rows(text), _tags(len(text), inside, number)) for text, inside in pieces]
    return Lesson(task, tuple(sorted(schema.answer_names(task))), kinds, examples)


def go_on(
    weights: Weights, lessons: dict[str, Lesson], body: str, heads: Sequence[str], **settings: Any
) -> Weights:
    """Return weights of which some heads are tuned on their lessons, with a `body` of their own.

    They start with the body of the first of them if it was tuned before. Settings are those of `tune`.
    What embeddings learn is for all heads.
    """
    first = weights.heads.get(heads[0])
    begun = weights.arrays | weights.apart.get(first.body if first else "", {})
    own = {name: lessons[name] for name in heads}
    grown = tune(own, weights._replace(arrays=begun), **settings)
    others = {name: head._replace(body=body) for name, head in grown.heads.items()}
    learnt = {name: grown.arrays[name] for name in begun if _is_learnt(name)}
    return weights._replace(
        arrays=weights.arrays | {"embeddings": grown.arrays["embeddings"]},
        heads=weights.heads | others,
        apart={**weights.apart, body: learnt},
    )


def _is_learnt(name: str) -> bool:
    return name in _BODY[1:] or name == "pairs.input"


def made_eager(weights: Weights, eager: dict[str, float]) -> Weights:
    """Return the weights with a higher score for beginning a span, by task."""
    heads = {}
    for name, head in weights.heads.items():
        bias = head.arrays["out_bias"].copy()
        bias[1 : len(head.kinds) + 1] += eager.get(head.task, 0.0)
        heads[name] = head._replace(arrays=head.arrays | {"out_bias": bias})
    return weights._replace(heads=heads)


def _spans(document: Document, schema: Schema, task: str) -> Iterator[Word]:
    subjects: list[tuple[Located, str]] = []
    for item, said in annotated_items(document.extraction, schema, (task,)):
        marked: list[tuple[Located | None, str]] = []
        if isinstance(said, Entity):
            marked = [(said, item.label)]
        elif isinstance(said, Relation):
            qualifiers = said.qualifiers.items()
            marked = [(said.object, item.label), *((end, name) for name, end in qualifiers)]
            subjects.append((said.subject, SUBJECT))
        else:
            arguments = ((argument, argument.role) for argument in said.arguments)
            marked = [(said.trigger, item.label), *arguments]
        yield from _located(marked)
    yield from _located(subjects)


def _located(marked: Iterable[tuple[Located | None, str]]) -> Iterator[Word]:
    for mention, kind in marked:
        if mention and mention.start is not None and mention.end is not None:
            yield mention.start, mention.end, kind


def _tags(length: int, spans: list[Word], number: dict[str, int]) -> list[int]:
    """Return the tag of each character; of spans that overlap the one named first stands."""
    tags = [number[OUTSIDE]] * length
    taken = [False] * length
    for start, end, kind in spans:
        if any(taken[start:end]):
            continue
        taken[start:end] = [True] * (end - start)
        tags[start:end] = [number[f"{kind}-I"]] * (end - start)
        tags[start] = number[f"{kind}-B"]
    return tags


def tune(
    lessons: dict[str, Lesson],
    start: Weights,
    *,
    embeddings: bool = False,
    epochs: int = 6,
    lr: float = 2e-3,
    dropout: float = 0.15,
    characters: int = 4_000,
    together: int = 2,
    seed: int = 0,
    log: Callable[..., None] | None = None,
) -> Weights:
    """Return a tagger tuned on lessons, with a head for each.

    It starts from jieba's weights, with pairs or without, or goes on from tuned ones and their heads.
    `embeddings` says whether those learn too. The rate falls linearly to zero; a step reads as many
    batches `together`, each by a thread of its own: about `characters` of like lengths for one head.
    """
    torch.set_num_threads(1)
    network = Network(start, lessons, dropout)
    network.body["embeddings"].requires_grad_(embeddings)
    head_rate = _GROWN_HEAD_RATE if set(lessons) <= set(start.heads) else _HEAD_RATE
    scores: list[nn.Parameter] = []
    rest: list[nn.Parameter] = []
    for name, parameter in network.named_parameters():
        if parameter.requires_grad:
            (scores if name.endswith((".out", ".out_bias")) else rest).append(parameter)
    groups = [{"params": rest, "rate": lr}, {"params": scores, "rate": lr * head_rate}]
    optimizer = torch.optim.Adam(groups, lr)
    parameters = [*rest, *scores]
    batches = [
        batch
        for epoch in range(epochs)
        for batch in _batches(lessons, characters, f"{seed}/{epoch}")
    ]
    steps = math.ceil(len(batches) / together)
    started, total = time.monotonic(), 0.0

    def gradients(number: int) -> tuple[float, Sequence[Any]]:
        head, batch = batches[number]
        generator = torch.Generator().manual_seed(seed * len(batches) + number)
        loss = network.loss(head, *_pad(batch), generator) / len(batch)
        return loss.item(), torch.autograd.grad(loss, parameters, allow_unused=True)

    with ThreadPoolExecutor(together) as pool:
        for step in range(steps):
            for group in optimizer.param_groups:
                group["lr"] = group["rate"] * (1 - step / steps)
            some = range(step * together, min(len(batches), (step + 1) * together))
            found = list(pool.map(gradients, some))
            for parameter, *parts in zip(parameters, *(parts for _, parts in found), strict=True):
                known = [part for part in parts if part is not None]
                parameter.grad = sum(known) / len(some) if known else None
            nn.utils.clip_grad_norm_(parameters, 5.0)
            optimizer.step()
            total += sum(loss for loss, _ in found) / len(some)
            if log and (step + 1) % 100 == 0:
                seconds = round(time.monotonic() - started)
                log(stage="tagger", step=step + 1, of=steps, loss=total / 100, seconds=seconds)
                total = 0.0
    return network.weights(start, lessons)


def with_pairs(weights: Weights, pairs: Pairs | None) -> Weights:
    """Return the weights with pairs of characters, which say nothing yet."""
    if pairs is None:
        return weights
    width = weights.arrays["input.0"].shape[1]
    parts, _, long = pairs.centroids.shape
    read = {
        "pairs.rows": pairs.rows,
        "pairs.codes": pairs.codes,
        "pairs.centroids": pairs.centroids,
        "pairs.input": numpy.zeros((2, parts * long, width), "f4"),
    }
    return weights._replace(arrays=weights.arrays | read)


def slim(weights: Weights, seen: Any = None) -> Weights:
    """Return tuned weights without what no tuned head reads: jieba's head and spare bodies.

    Given the rows of the characters `seen`, ascending, the others are left out too, and then as good
    as unknown: of those that jieba knows, 8,070 of 20,935 stand in the texts of configs/mini.yaml.
    """
    heads = {name: head for name, head in weights.heads.items() if head.body}
    arrays = {name: array for name, array in weights.arrays.items() if not _is_learnt(name)}
    used = {head.body for head in heads.values()}
    apart = {body: own for body, own in weights.apart.items() if body in used}
    slimmed = weights._replace(arrays=arrays, heads=heads, apart=apart)
    return slimmed if seen is None else _only_seen(slimmed, seen)


def _only_seen(weights: Weights, seen: Any) -> Weights:
    kept = numpy.concatenate([[0], seen])
    number = numpy.zeros(len(weights.arrays["embeddings"]), numpy.uint16)
    number[kept] = numpy.arange(len(kept))
    characters = {c: int(number[row]) for c, row in weights.characters.items() if number[row]}
    arrays = weights.arrays | {"embeddings": weights.arrays["embeddings"][kept]}
    if has_pairs(arrays):
        arrays["pairs.rows"] = number[arrays["pairs.rows"]]
    return weights._replace(characters=characters, arrays=arrays)


class Network(nn.Module):
    """The tagger in torch: a body for all lessons, a head for each."""

    def __init__(self, start: Weights, lessons: dict[str, Lesson], dropout: float) -> None:
        super().__init__()
        self.learnt: tuple[str, ...] = _BODY
        if has_pairs(start.arrays):
            self.learnt = (*_BODY, "pairs.input")
            self.codes = pair_codes(*start.arrays["pairs.rows"].T)
            every = numpy.arange(len(self.codes))
            vectors = torch.from_numpy(pair_vectors(start.arrays, every))
            # The last row, -1, is that of no pair.
            self.vectors = nn.functional.pad(vectors, (0, 0, 0, 1))
        self.body = nn.ParameterDict(
            {_torch_name(name): torch.tensor(start.arrays[name]) for name in self.learnt}
        )
        self.heads: Any = nn.ModuleDict()
        for name, lesson in lessons.items():
            known = start.heads.get(name)
            own = _grown_head(known) if known else _new_head(start, 2 * len(lesson.kinds) + 1)
            self.heads[_module(name)] = nn.ParameterDict(own)
        self.dropout = dropout
        self.is_narrow = processor_has_bfloat16()

    def loss(self, head: str, rows: Any, tags: Any, is_text: Any, generator: Any) -> Any:
        """Return the negative log likelihood of tags, summed over texts; all (length, texts).

        The generator decides which units are dropped.
        """
        own = self.heads[_module(head)]
        embedded = nn.functional.embedding(rows, self.body["embeddings"])
        states = self._drop(embedded, generator)
        for layer in (0, 1):
            with torch.autocast("cpu", torch.bfloat16, enabled=self.is_narrow):
                inputs = states @ self.body[f"input_{layer}"]
                if not layer and "pairs.input" in self.learnt:
                    inputs = inputs + self._said_by_pairs(rows, generator)
            states = _Recurrence.apply(  # type: ignore[no-untyped-call]
                inputs.float() + own[f"bias_{layer}"],
                is_text,
                self.body[f"gates_{layer}"],
                self.body[f"candidate_{layer}"],
            )
            states = self._drop(states, generator)
        scores = states @ own["out"] + own["out_bias"]
        return _chain_loss(scores, tags, is_text, _barred(own["start"]), own["after"], own["end"])

    def _said_by_pairs(self, rows: Any, generator: Any) -> Any:
        """Return what pairs add to the input of the first layer, (length, texts, width)."""
        numbers = pair_numbers(rows.numpy(), self.codes)
        vectors = self._drop(self.vectors[torch.from_numpy(numbers)], generator)
        to_first, to_second = (vectors @ project for project in self.body["pairs_input"])
        pad = nn.functional.pad
        return pad(to_first, (0, 0, 0, 0, 0, 1)) + pad(to_second, (0, 0, 0, 0, 1, 0))

    def _drop(self, states: Any, generator: Any) -> Any:
        """Drop the same units at all steps of a text (Gal and Ghahramani 2016)."""
        is_kept = torch.rand(states.shape[1:], generator=generator) >= self.dropout
        return states * (is_kept / (1 - self.dropout))

    def weights(self, start: Weights, lessons: dict[str, Lesson]) -> Weights:
        """Return the parameters as the tagger reads them, and what did not learn."""
        with torch.no_grad():
            learnt = {name: self.body[_torch_name(name)].numpy().copy() for name in self.learnt}
            heads = {}
            for name, lesson in lessons.items():
                own = dict(self.heads[_module(name)].items())
                own["start"] = _barred(own["start"])
                copied = {_plain_name(part): own[part].numpy().copy() for part in own}
                heads[name] = Head(lesson.kinds, copied, lesson.task, lesson.names)
        return start._replace(arrays=start.arrays | learnt, heads=heads)


def _new_head(start: Weights, count: int) -> dict[str, Any]:
    """Return a head in torch for so many tags, which scores them alike, as the first one's mean."""
    first = next(iter(start.heads.values())).arrays
    return {
        "bias_0": torch.tensor(first["bias.0"]),
        "bias_1": torch.tensor(first["bias.1"]),
        "out": torch.tensor(first["out"].mean(1, keepdims=True)).repeat(1, count),
        "out_bias": torch.tensor(first["out_bias"].mean(keepdims=True)).repeat(count),
        "start": torch.zeros(count),
        "end": torch.zeros(count),
        "after": torch.zeros(count),
    }


def _grown_head(head: Head) -> dict[str, Any]:
    """Return a tuned head in torch."""
    own = {_torch_name(name): torch.tensor(array) for name, array in head.arrays.items()}
    own["start"] = own["start"] - _barred(torch.zeros(len(own["start"])))
    return own


def _module(head: str) -> str:
    """Return the name of a head in torch, where `keys` and the like are methods."""
    return f"head-{head}"


def _torch_name(name: str) -> str:
    return name.replace(".", "_")


def _plain_name(name: str) -> str:
    return re.sub(r"_(\d)$", r".\1", name)


def _barred(start: Any) -> Any:
    """Bar the tags of insides, the second half, from the start of a text."""
    inner = len(start) // 2 + 1
    return torch.cat([start[:inner], start[inner:] + _FORBIDDEN])


class _Recurrence(torch.autograd.Function):
    """A GRU layer both ways; the new state is `(1 - update) * old + update * candidate`.

    Arguments as those of `chinchilla.mini.tagger._recur`, but for gates, which are sigmoids here.
    """

    @staticmethod
    def forward(ctx: Any, inputs: Any, is_text: Any, gates: Any, candidate: Any) -> Any:
        steps, count, _ = inputs.shape
        width = candidate.shape[1]
        both = torch.stack([inputs[..., : 3 * width], inputs[..., 3 * width :].flip(0)], 1)
        # Only the way back meets padding before text; states there stay zero.
        kept = torch.stack([torch.ones_like(is_text), is_text.flip(0)], 1)[..., None].float()
        states = inputs.new_zeros(steps + 1, 2, count, width)
        held = inputs.new_empty(steps, 2, count, 3 * width)
        for t in range(steps):
            state, now = states[t], held[t]
            torch.sigmoid(
                torch.baddbmm(both[t, ..., : 2 * width], state, gates), out=now[..., : 2 * width]
            )
            update, reset = now[..., :width], now[..., width : 2 * width]
            new = torch.baddbmm(both[t, ..., 2 * width :], reset * state, candidate).tanh_()
            now[..., 2 * width :] = new
            torch.mul(torch.lerp(state, new, update), kept[t], out=states[t + 1])
        ctx.save_for_backward(states, held, kept, gates, candidate)
        return torch.cat([states[1:, 0], states[1:, 1].flip(0)], -1)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        states, held, kept, gates, candidate = ctx.saved_tensors
        width, steps = candidate.shape[1], len(held)
        above = torch.stack([gradients[0][..., :width], gradients[0][..., width:].flip(0)], 1)
        into = torch.empty_like(held)
        back_gates, back_candidate = gates.mT.contiguous(), candidate.mT.contiguous()
        carried = torch.zeros_like(states[0])
        for t in range(steps - 1, -1, -1):
            update, reset, new = held[t].split(width, -1)
            state = states[t]
            here = (above[t] + carried) * kept[t]
            into_new = here * update * (1 - new * new)
            into_held = torch.bmm(into_new, back_candidate)
            into_update = here * (new - state) * update * (1 - update)
            into_reset = into_held * state * reset * (1 - reset)
            torch.cat([into_update, into_reset, into_new], -1, out=into[t])
            carried = here * (1 - update) + into_held * reset
            carried.baddbmm_(into[t, ..., : 2 * width], back_gates)
        before = states[:-1].transpose(0, 1).flatten(1, 2)
        flat = into.transpose(0, 1).flatten(1, 2)
        for_reset = held[..., width : 2 * width].transpose(0, 1).flatten(1, 2)
        to_gates = torch.bmm(before.mT, flat[..., : 2 * width])
        to_candidate = torch.bmm((for_reset * before).mT, flat[..., 2 * width :])
        return torch.cat([into[:, 0], into[:, 1].flip(0)], -1), None, to_gates, to_candidate


def _chain_loss(scores: Any, tags: Any, is_text: Any, start: Any, after: Any, end: Any) -> Any:
    """Return the negative log likelihood in a linear chain (Lafferty et al. 2001), summed.

    What follows a tag is the inside of its own kind, which scores 0, or anything that is no inside,
    which scores what `after` has for the tag.
    """
    texts = torch.arange(scores.shape[1])
    inner = scores.shape[2] // 2 + 1
    total = scores[0] + start
    gold = total[texts, tags[0]]
    for t in range(1, len(scores)):
        ended = torch.logsumexp(total + after, 1, keepdim=True).expand(-1, inner)
        inside = torch.logaddexp(total[:, 1:inner], total[:, inner:])
        new = torch.cat([ended, inside], 1) + scores[t]
        total = torch.where(is_text[t, :, None], new, total)
        step = scores[t, texts, tags[t]] + after[tags[t - 1]] * (tags[t] < inner)
        gold = gold + step * is_text[t]
    last = tags[is_text.sum(0) - 1, texts]
    return (torch.logsumexp(total + end, 1) - gold - end[last]).sum()


def _batches(
    lessons: dict[str, Lesson], characters: int, seed: str
) -> Iterator[tuple[str, list[Example]]]:
    """Yield batches of like lengths, each for one head, in random order."""
    rng = random.Random(seed)
    batches: list[tuple[str, list[Example]]] = []
    for name, lesson in lessons.items():
        order = [example for example in lesson.examples if example.rows]
        rng.shuffle(order)
        # A sort by length keeps the random order among the same.
        order.sort(key=lambda example: len(example.rows))
        batch: list[Example] = []
        for example in order:
            if not batch or len(example.rows) * (len(batch) + 1) > characters:
                batch = []
                batches.append((name, batch))
            batch.append(example)
    rng.shuffle(batches)
    yield from batches


def _pad(batch: list[Example]) -> tuple[Any, Any, Any]:
    """Return rows, tags and where there is text, each (length, texts)."""
    length = max(len(example.rows) for example in batch)
    rows = torch.zeros(length, len(batch), dtype=torch.long)
    tags = torch.zeros_like(rows)
    is_text = torch.zeros_like(rows, dtype=torch.bool)
    for at, example in enumerate(batch):
        size = len(example.rows)
        rows[:size, at] = torch.tensor(example.rows)
        tags[:size, at] = torch.tensor(example.tags)
        is_text[:size, at] = True
    return rows, tags, is_text
