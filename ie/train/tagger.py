"""Tune the tagger that gives hints on the gold spans of corpora (see `chinchilla.tagger`, `hints`).

It starts from jieba's weights, with one pair of tags for each kind of span instead of LAC's parts
of speech. What a corpus annotates is learnt from it: names, the ends of relations, triggers. Of the
rest what jieba's own tagger says stands, lest it be forgotten. The recurrence steps back by hand:
torch's own autograd costs more than its arithmetic.
"""

import random
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple

import msgspec
import torch
from torch import nn

from chinchilla.data import Document
from chinchilla.hints import KINDS
from chinchilla.tagger import Tagger, Weights, Word, jieba_weights
from chinchilla.text import windows

OUTSIDE = "O"
# Longest piece of text, in characters; the names of more texts are asked of jieba together.
_LONGEST, _TOGETHER = 200, 512
# The head begins anew and learns faster than the rest.
_HEAD_RATE = 5
_FORBIDDEN = -1e4


class Example(NamedTuple):
    """A piece of text as rows of the embeddings, and the number of the tag of each character."""

    rows: list[int]
    tags: list[int]


def tag_names(kinds: Sequence[str]) -> list[str]:
    """Return the tags for names of these kinds: outside, then beginning and inside of each."""
    return [OUTSIDE, *(f"{kind}-{place}" for kind in kinds for place in "BI")]


class Tuning(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the tagger is tuned on, by corpus, and the arguments of `tune`."""

    corpora: dict[str, "Marked"]
    train: dict[str, Any] = {}

    def __post_init__(self) -> None:
        """Refuse kinds that there are no marks for.

        Raises:
            ValueError: names the corpus and the kind.
        """
        for name, marked in self.corpora.items():
            triggers = (marked.triggers,) if marked.triggers else ()
            for kind in (*marked.entities.values(), *marked.ends.values(), *triggers):
                if kind not in KINDS:
                    raise ValueError(
                        f"tagger, corpus {name}: no mark {kind!r}; marks are {', '.join(KINDS)}"
                    )


class Marked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which gold spans of a corpus get which kind of mark.

    `entities`: by type, all there are, so that other names of these kinds are none. `ends`: of
    relations, by type, or `any`; `triggers` of events. What they do not hold is as jieba sees it.
    """

    entities: dict[str, str] = {}
    ends: dict[str, str] = {}
    triggers: str = ""


def examples(
    documents: Iterable[Document], marked: Marked, kinds: Sequence[str]
) -> Iterator[Example]:
    """Yield the pieces of gold documents with their tags."""
    base = Tagger()
    number = {tag: i for i, tag in enumerate(tag_names(kinds))}
    others = set(kinds) - set(marked.entities.values())
    left = iter(documents)
    while some := list(islice(left, _TOGETHER)):
        pieces = [
            (document, start, document.text[start:end])
            for document in some
            for start, end in windows(document.text, _LONGEST)
        ]
        found = base.tag([text for _, _, text in pieces])
        for (document, start, text), words in zip(pieces, found, strict=True):
            gold = [(s - start, e - start, kind) for s, e, kind in _gold(document, marked)]
            spans = [span for span in gold if span[0] >= 0 and span[1] <= len(text)]
            # What LAC says of single characters is mostly wrong.
            spans += [word for word in words if word[2] in others and word[1] - word[0] > 1]
            yield Example(base.rows(text), _tags(len(text), spans, number))


def _gold(document: Document, marked: Marked) -> Iterator[Word]:
    ends = [end for relation in document.relations for end in (relation.subject, relation.object)]
    for spans, kinds in ((document.entities, marked.entities), (ends, marked.ends)):
        for span in spans:
            kind = kinds.get(span.type or "", kinds.get("any"))
            if kind and span.start is not None and span.end is not None:
                yield span.start, span.end, kind
    for event in document.events if marked.triggers else ():
        if event.trigger and event.trigger.start is not None and event.trigger.end is not None:
            yield event.trigger.start, event.trigger.end, marked.triggers


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
    data: Sequence[Example],
    kinds: Sequence[str],
    *,
    epochs: int = 5,
    lr: float = 2e-3,
    dropout: float = 0.15,
    characters: int = 6_000,
    seed: int = 0,
    threads: int = 2,
    log: Callable[..., None] | None = None,
) -> Weights:
    """Return jieba's tagger tuned on the examples, for these kinds alone.

    The rate falls linearly to zero; a step reads about `characters` of like lengths. The
    number of threads decides the last bits.
    """
    torch.set_num_threads(threads)
    torch.manual_seed(seed)
    start = jieba_weights()
    network = Network(start, tag_names(kinds), dropout)
    head = [p for name, p in network.named_parameters() if name.startswith("head")]
    body = [p for name, p in network.named_parameters() if not name.startswith("head")]
    groups = [{"params": body, "rate": lr}, {"params": head, "rate": lr * _HEAD_RATE}]
    optimizer = torch.optim.Adam(groups, lr)
    batches = [
        batch for epoch in range(epochs) for batch in _batches(data, characters, f"{seed}/{epoch}")
    ]
    started, total = time.monotonic(), 0.0
    for step, batch in enumerate(batches):
        for group in optimizer.param_groups:
            group["lr"] = group["rate"] * (1 - step / len(batches))
        loss = network.loss(*_pad(batch)) / len(batch)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimizer.step()
        total += loss.item()
        if log and (step + 1) % 100 == 0:
            seconds = round(time.monotonic() - started)
            log(stage="tagger", step=step + 1, of=len(batches), loss=total / 100, seconds=seconds)
            total = 0.0
    return network.weights(start.characters)


class Network(nn.Module):
    """The tagger in torch."""

    def __init__(self, start: Weights, tags: list[str], dropout: float) -> None:
        super().__init__()
        self.tags = tags
        self.body = nn.ParameterDict(
            {
                name.replace(".", "_"): nn.Parameter(torch.tensor(array))
                for name, array in start.arrays.items()
                if name == "embeddings" or "." in name
            }
        )
        out, bias = start.arrays["out"], start.arrays["out_bias"]
        # A tag that the start does not have (REL, EVT) begins as the mean of those given up.
        rest = [i for i, tag in enumerate(start.tags) if tag not in tags]
        columns = [[start.tags.index(tag)] if tag in start.tags else rest for tag in tags]
        count = len(tags)
        self.head = nn.ParameterDict(
            {
                "out": nn.Parameter(
                    torch.stack([torch.tensor(out[:, some].mean(1)) for some in columns], 1)
                ),
                "out_bias": nn.Parameter(
                    torch.tensor([float(bias[some].mean()) for some in columns])
                ),
                "start": nn.Parameter(torch.zeros(count)),
                "end": nn.Parameter(torch.zeros(count)),
                "after": nn.Parameter(torch.zeros(count, count)),
            }
        )
        # The inside of a name follows its own kind alone, as the search for the best path has it.
        is_inner = torch.tensor([tag.endswith("-I") for tag in tags])
        own = torch.tensor([[a[:-1] == b[:-1] and a != OUTSIDE for b in tags] for a in tags])
        self.register_buffer("start_bar", is_inner * _FORBIDDEN)
        self.register_buffer("after_bar", (is_inner & ~own) * _FORBIDDEN)
        self.dropout = nn.Dropout(dropout)

    def loss(self, rows: Any, tags: Any, is_text: Any) -> Any:
        """Return the negative log likelihood of tags, summed over texts; all (length, texts)."""
        states = self._drop(nn.functional.embedding(rows, self.body["embeddings"]))
        for layer in (0, 1):
            with torch.autocast("cpu", dtype=torch.bfloat16):
                inputs = states @ self.body[f"input_{layer}"]
            states = _Recurrence.apply(  # type: ignore[no-untyped-call]
                inputs.float() + self.body[f"bias_{layer}"],
                is_text,
                self.body[f"gates_{layer}"],
                self.body[f"candidate_{layer}"],
            )
            states = self._drop(states)
        scores = states @ self.head["out"] + self.head["out_bias"]
        start = self.head["start"] + self.start_bar
        return _chain_loss(
            scores, tags, is_text, start, self.head["after"] + self.after_bar, self.head["end"]
        )

    def _drop(self, states: Any) -> Any:
        """Drop the same units at all steps of a text (Gal and Ghahramani 2016)."""
        return states * self.dropout(torch.ones_like(states[:1]))

    def weights(self, characters: dict[str, int]) -> Weights:
        """Return the parameters as the tagger reads them."""
        with torch.no_grad():
            arrays = {
                name.replace("_", "."): array.numpy().copy() for name, array in self.body.items()
            }
            head = dict(self.head.items())
            head["start"] = head["start"] + self.start_bar
            head["after"] = head["after"] + self.after_bar
            arrays |= {name: array.numpy().copy() for name, array in head.items()}
        return Weights(characters, self.tags, arrays)


class _Recurrence(torch.autograd.Function):
    """A GRU layer both ways; the new state is `(1 - update) * old + update * candidate`.

    Arguments as those of `chinchilla.tagger._recur`, but for gates, which are sigmoids here.
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
    """Return the negative log likelihood in a linear chain (Lafferty et al. 2001), summed."""
    texts = torch.arange(scores.shape[1])
    ways = after.exp()
    total = scores[0] + start
    gold = total[texts, tags[0]]
    for t in range(1, len(scores)):
        most = total.detach().max(1, keepdim=True).values
        new = ((total - most).exp() @ ways).clamp_min(1e-30).log() + most + scores[t]
        total = torch.where(is_text[t, :, None], new, total)
        step = scores[t, texts, tags[t]] + after[tags[t - 1], tags[t]]
        gold = gold + step * is_text[t]
    last = tags[is_text.sum(0) - 1, texts]
    return (torch.logsumexp(total + end, 1) - gold - end[last]).sum()


def _batches(data: Sequence[Example], characters: int, seed: str) -> Iterator[list[Example]]:
    """Yield batches of like lengths, in random order."""
    rng = random.Random(seed)
    order = [example for example in data if example.rows]
    rng.shuffle(order)
    # A sort by length keeps the random order among the same.
    order.sort(key=lambda example: len(example.rows))
    batches: list[list[Example]] = []
    for example in order:
        if not batches or len(example.rows) * (len(batches[-1]) + 1) > characters:
            batches.append([])
        batches[-1].append(example)
    rng.shuffle(batches)
    yield from batches


def _pad(batch: Sequence[Example]) -> tuple[Any, Any, Any]:
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
