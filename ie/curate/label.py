"""Choose texts worth a person's time: predict them, and take those that the model is least sure of.

A fact with probability p is as unsure as it is far from 0 and 1: 1 - |2p - 1|. A text is as unsure as
the mean of its three least sure facts. Texts like one that was taken are passed over, and a share is
drawn at random, so that what is labelled is not hard cases alone.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chinchilla.instructions.rouge import RougeIndex

from ..data.documents import Document
from ..errors import ConfigError, near_miss
from ..files.jsonl import dumps, write_bytes
from .folds import Predict
from .journal import Say, finish, work_through
from .tasks import LABEL_STUDIO, form_of

UNCERTAINTY, RANDOM = "uncertainty", "random"
WAYS = (UNCERTAINTY, RANDOM)
# A text in which nothing was found; a fact that the model withheld for want of evidence.
_NOTHING, _WITHHELD = 0.3, 0.8
_LEAST_SURE = 3


@dataclass(frozen=True)
class Sampling:
    """How many texts, by which way; `random_rate` is the share drawn at random all the same."""

    number: int
    way: str = UNCERTAINTY
    random_rate: float = 0.1
    rouge: float = 0.7
    seed: int = 0


def uncertainty(document: Document) -> float:
    """Return how unsure predictions with scores are, 0 to 1."""
    facts: tuple[Any, ...] = (*document.entities, *document.relations, *document.events)
    unsure = [1 - abs(2 * fact.score - 1) for fact in facts if fact.score is not None]
    unsure += [_WITHHELD for issue in document.issues if issue.kind == "withheld"]
    worst = sorted(unsure, reverse=True)[:_LEAST_SURE]
    return sum(worst) / len(worst) if worst else _NOTHING


def sample(predicted: Sequence[Document], sampling: Sampling) -> list[Document]:
    """Return the texts to label, the least sure first, those drawn at random last.

    Raises:
        ConfigError: an unknown way.
    """
    if sampling.way not in WAYS:
        raise ConfigError(
            f"unknown way {sampling.way!r}{near_miss(sampling.way, WAYS)}; use {', '.join(WAYS)}"
        )
    draw = random.Random(sampling.seed)
    order = list(predicted)
    draw.shuffle(order)
    wanted = min(sampling.number, len(order))
    by_chance = wanted if sampling.way == RANDOM else round(wanted * sampling.random_rate)
    ranked = sorted(order, key=uncertainty, reverse=True)
    index = RougeIndex(sampling.rouge)
    chosen = _taken(ranked, wanted - by_chance, index)
    known = {id(document) for document in chosen}
    chosen += _taken([d for d in order if id(d) not in known], by_chance, index)
    return chosen


def _taken(ranked: Sequence[Document], wanted: int, index: RougeIndex) -> list[Document]:
    """Take from the top what is like nothing taken before."""
    chosen: list[Document] = []
    for document in ranked:
        if len(chosen) == wanted:
            break
        if document.text.strip() and not index.find(document.text):
            index.add(id(document), document.text)
            chosen.append(document)
    return chosen


def label_files(
    documents: Sequence[Document],
    output: str | Path,
    predict: Predict,
    sampling: Sampling,
    *,
    tool: str = LABEL_STUDIO,
    model: str = "mini",
    chunk: int = 32,
    resume: bool = False,
    force: bool = False,
    advance: Say = lambda number: None,
) -> list[Document]:
    """Predict texts, and write those to be labelled as tasks of a tool; return them with predictions.

    Label Studio reads a JSON list, doccano JSON Lines.

    Raises:
        InputError: the output exists, or the run before asked otherwise.
    """

    def work(some: Sequence[Document]) -> list[dict[str, Any]]:
        return [document.to_dict() for document in predict(some)]

    entries = work_through(
        output,
        documents,
        work,
        run={"model": model, "chunk": chunk},
        chunk=chunk,
        resume=resume,
        force=force,
        advance=advance,
    )
    predicted = [Document.from_dict(entry.result) for entry in entries]
    chosen = sample(predicted, sampling)
    tasks = form_of(tool)(chosen, model)
    with write_bytes(output, force=force or resume) as file:
        file.write(_as_list(tasks) if tool == LABEL_STUDIO else _as_lines(tasks))
    finish(output)
    return chosen


def _as_list(tasks: Sequence[Any]) -> bytes:
    return b"[\n" + b",\n".join(dumps(task).encode() for task in tasks) + b"\n]\n"


def _as_lines(tasks: Sequence[Any]) -> bytes:
    return b"".join(dumps(task).encode() + b"\n" for task in tasks)
