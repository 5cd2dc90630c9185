"""The work on one shard: documents in, the content of its file out. It depends on nothing else."""

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from ..data.document_queue import without_answer
from ..data.documents import Document
from ..data.issues import UNANSWERED
from ..data.schema import Schema, chosen_tasks, read_schema
from ..engines.protocol import Engine
from ..options import ExtractOptions
from ..pipeline import DEFAULT_SCHEMA, Extractor
from .shard_files import encode_shard
from .shards import BLANK, EXTRACT, PARSE, FailedText, Shard


@dataclass(frozen=True)
class Recipe:
    """How an extractor is made, in each process that needs one; arguments are those of `Extractor`.

    An engine in place of a model's name is copied to other processes by pickle.

    Raises:
        SchemaError: the schema is wrong, or declares no type for a task asked for.
    """

    model: str | Path | Engine | None = None
    schema: Schema | str | Path | dict[str, Any] | None = None
    tasks: Sequence[str] | str | None = None
    options: ExtractOptions = field(default_factory=ExtractOptions)
    opening: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        schema = read_schema(DEFAULT_SCHEMA if self.schema is None else self.schema)
        object.__setattr__(self, "schema", schema)
        object.__setattr__(self, "tasks", tuple(chosen_tasks(schema, self.tasks)))

    def open(self) -> Extractor:
        """Load the model."""
        return Extractor(self.model, self.schema, self.tasks, options=self.options, **self.opening)


class Answered(NamedTuple):
    """A shard with its answers: the content of its file, and what it holds.

    `failed` is how many documents the engine failed on; `notes` is what a person should know of the model.
    `is_lost` says that no worker lived to answer it.
    """

    shard: Shard
    content: bytes
    failures: tuple[FailedText, ...]
    counts: dict[str, int]
    failed: int
    notes: tuple[str, ...] = ()
    is_lost: bool = False


class ShardWorker:
    """Answers shards one by one, with a model that it loads for the first."""

    def __init__(self, recipe: Recipe, form: str) -> None:
        self._recipe = recipe
        self._form = form
        self._extractor: Extractor | None = None

    def answer(self, shard: Shard) -> Answered:
        """Return a shard with its answers.

        Raises:
            ModelError, ConfigError, InputError: the model cannot be loaded, or not asked so.
        """
        if self._extractor is None:
            self._extractor = self._recipe.open()
        # What an engine read ahead would change the batches of the next shard.
        getattr(self._extractor.engine, "forget", lambda: None)()
        found = _extracted(self._extractor, shard.documents)
        return _answered(shard, found, self._form, tuple(self._extractor.untrained_notes()))


def lost_shard(shard: Shard, form: str, times: int) -> Answered:
    """Return a shard whose worker died each time: documents without answers."""
    why = f"the process that read it was lost {times} times, maybe for want of memory"
    found = [without_answer(document, why) for document in shard.documents]
    return _answered(shard, found, form, ())._replace(is_lost=True)


def use_cores(slot: int, slots: int) -> None:
    """Keep this process to its share of the cores that it may use, if there are enough."""
    if not hasattr(os, "sched_setaffinity"):  # no Linux
        return
    cores = sorted(os.sched_getaffinity(0))
    share = len(cores) // slots
    if share:
        first = slot % slots * share
        os.sched_setaffinity(0, cores[first : first + share])


def _extracted(extractor: Extractor, documents: Sequence[Document]) -> list[Document]:
    try:
        return list(extractor.stream(documents, "keep"))
    except Exception:
        # An outer shell: one document that the code cannot take must not end a run of days.
        return [_alone(extractor, document) for document in documents]


def _alone(extractor: Extractor, document: Document) -> Document:
    try:
        return next(extractor.stream([document], "keep"))
    except Exception as error:
        return without_answer(document, f"{type(error).__name__}: {error}")


def _answered(
    shard: Shard, found: Sequence[Document], form: str, notes: tuple[str, ...]
) -> Answered:
    failures = [failure for document in found for failure in _failures(document)]
    failed = len({failure.document for failure in failures if failure.stage == EXTRACT})
    return Answered(
        shard,
        encode_shard(found, form),
        (*shard.failures, *failures),
        count_facts(found),
        failed,
        notes,
    )


def _failures(document: Document) -> Iterable[FailedText]:
    for issue in document.issues:
        if issue.kind == UNANSWERED:
            yield FailedText(document.id, EXTRACT, issue.detail)
        elif issue.kind == "unparsable":
            yield FailedText(document.id, PARSE, "words that could not be read", issue.detail)


def count_facts(documents: Iterable[Document]) -> dict[str, int]:
    """Return how many facts documents hold, and issues of each kind, as `issue KIND`."""
    counts: Counter[str] = Counter()
    for document in documents:
        counts["entities"] += len(document.entities)
        counts["relations"] += len(document.relations)
        counts["events"] += len(document.events)
        counts[BLANK] += not document.text.strip()
        counts.update(f"issue {issue.kind}" for issue in document.issues)
    return dict(counts)
