"""Which types each prompt of a document asks for, in which order."""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from chinchilla.data.documents import Document
from chinchilla.data.schema import Schema
from chinchilla.instructions.build_options import BuildOptions
from chinchilla.instructions.negatives import (
    Table,
    confusable,
    present_labels,
    similarity_table,
    with_negatives,
)

# More sets of labels than this are not kept: with random subsets nearly each one is new.
_KEPT = 4096
# Of the absent types drawn beside those present, one in so many is confusable with one of them.
_CONFUSABLE = 4
# How often a text is also asked about types that it lacks, as inference asks for all in turn.
_ABSENT = 0.2


@dataclass(slots=True)
class Asked:
    """Types asked for in one prompt; `instructions` caches what was rendered for them."""

    schema: Schema
    task: str
    labels: tuple[str, ...]
    instructions: dict[tuple[str, int], str] = field(default_factory=dict)


class Asker:
    """Chooses the types of each prompt and keeps the schemas cut for them."""

    def __init__(self, options: BuildOptions, tables: Mapping[str, Table]) -> None:
        self.options = options
        self.asks_randomly = options.asks_randomly
        self.types_per_prompt = options.style.types_per_prompt
        self.tables = dict(tables)
        self._asked: dict[tuple[int, str, tuple[str, ...]], Asked] = {}
        self._whole: dict[tuple[int, str], list[Asked]] = {}
        # Schemas are known by identity; holding them keeps an identity from being given anew.
        self._schemas: dict[int, Schema] = {}

    def ask(
        self, schema: Schema, task: str, piece: Document, rng: random.Random | None
    ) -> list[Asked]:
        """Return the types of each prompt about one piece of text."""
        limit = self._limit(schema, task)
        if rng is None or not (self.asks_randomly or limit):
            return self.whole(schema, task)
        labels = [item.label for item in schema.types(task)]
        present = present_labels(piece, schema, task)
        choices = self._choices(schema, task, labels, present, rng)
        if limit:
            near = self._near(schema, task)
            again = 0.0 if self.options.absent else _ABSENT
            choices = (
                part
                for chosen in choices
                for part in _drawn(chosen, present, near, rng, size=limit, again=again)
            )
        return [asked for chosen in choices for asked in self._split(schema, task, chosen)]

    def draws(self, schema: Schema) -> bool:
        """Say whether a schema has more types than a prompt may ask for."""
        return any(self._limit(schema, task) for task in self.options.tasks)

    def _limit(self, schema: Schema, task: str) -> int:
        """Return how many types a prompt asks for, 0 where it may ask for all."""
        most = self.options.most_types.get(task, 0)
        return most if len(schema.types(task)) > most else 0

    def asked(self, schema: Schema, task: str, labels: tuple[str, ...]) -> Asked:
        """Return the schema cut to some labels, made once."""
        self._schemas[id(schema)] = schema
        key = (id(schema), task, labels)
        found = self._asked.get(key)
        if found is None:
            if len(self._asked) >= _KEPT:
                self._asked.clear()
            found = self._asked[key] = Asked(schema.select(task, labels), task, labels)
        return found

    def whole(self, schema: Schema, task: str) -> list[Asked]:
        """Return all types of a task, as many prompts as they need."""
        key = (id(schema), task)
        if key not in self._whole:
            labels = [item.label for item in schema.types(task)]
            self._schemas[id(schema)] = schema
            self._whole[key] = self._split(schema, task, labels)
        return self._whole[key]

    def _split(self, schema: Schema, task: str, labels: Sequence[str]) -> list[Asked]:
        size = self.types_per_prompt.get(task) or len(labels)
        return [
            self.asked(schema, task, tuple(labels[i : i + size]))
            for i in range(0, len(labels), size)
        ]

    def _choices(
        self, schema: Schema, task: str, labels: list[str], present: set[str], rng: random.Random
    ) -> Iterator[list[str]]:
        options = self.options
        if rng.random() < options.shuffle:
            rng.shuffle(labels)
        chosen = labels
        if len(labels) > 1 and rng.random() < options.subset:
            chosen = _random_part(labels, present, rng)
        hard = options.hard_negatives or 0
        if options.has_negatives:
            chosen = with_negatives(
                chosen,
                present,
                self._near(schema, task),
                rng,
                hard=hard,
                other=options.random_negatives or 0,
            )
        yield chosen
        absent = [label for label in labels if label not in present]
        if present and absent and options.absent and rng.random() < options.absent:
            yield _only_absent(labels, absent, present, self._near(schema, task), rng)

    def _near(self, schema: Schema, task: str) -> Mapping[str, Sequence[str]]:
        if schema.name not in self.tables:
            self.tables[schema.name] = similarity_table(schema)
        return self.tables[schema.name].get(task, {})


def _random_part(labels: Sequence[str], present: set[str], rng: random.Random) -> list[str]:
    """Keep about half of the present types and a few absent ones; never none."""
    few = rng.randint(1, min(8, len(labels)))
    absent = [label for label in labels if label not in present]
    keep = {label for label in labels if label in present and rng.random() < 0.7}
    keep.update(rng.sample(absent, min(few, len(absent))))
    return [label for label in labels if label in keep] or [rng.choice(list(labels))]


def _drawn(
    labels: Sequence[str],
    present: set[str],
    near: Mapping[str, Sequence[str]],
    rng: random.Random,
    *,
    size: int,
    again: float,
) -> Iterator[list[str]]:
    """Yield the labels of each prompt, `size` at most: every present one once, absent ones drawn.

    `again` is the chance of one prompt more, for absent ones alone.
    """
    if len(labels) <= size:
        yield list(labels)
        return
    own = [label for label in labels if label in present]
    absent = [label for label in labels if label not in present]
    parts = [own[i : i + size] for i in range(0, len(own), size)] or [[]]
    if own and rng.random() < again:
        parts.append([])
    for part in parts:
        room = min(size - len(part), len(absent))
        keep = {*part, *confusable(absent, set(own), near, rng, room // _CONFUSABLE)}
        rest = [label for label in absent if label not in keep]
        keep.update(rng.sample(rest, min(size - len(keep), len(rest))))
        yield [label for label in labels if label in keep]


def _only_absent(
    labels: Sequence[str],
    absent: Sequence[str],
    present: set[str],
    near: Mapping[str, Sequence[str]],
    rng: random.Random,
) -> list[str]:
    """Draw a few absent types, half of them confusable with the present ones."""
    number = rng.randint(1, min(8, len(absent)))
    keep = set(confusable(absent, present, near, rng, -(-number // 2)))
    rest = [label for label in absent if label not in keep]
    keep.update(rng.sample(rest, min(number - len(keep), len(rest))))
    return [label for label in labels if label in keep]
