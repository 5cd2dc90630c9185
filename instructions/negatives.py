"""Which types a prompt asks for: those present in the text, and chosen ones that are absent.

A model that is only ever asked for what is there learns to find something always. Hard negatives
are absent types that are easily taken for a present one: they often occur together with it, or
are named or built alike. A table gives, for each label, such labels, nearest first.
"""

import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

from chinchilla.data.documents import Document
from chinchilla.data.schema import EventType, RelationType, Schema
from chinchilla.errors import InputError, near_miss
from chinchilla.files.jsonl import read_values

# Task -> label -> confusable labels, nearest first.
Table = Mapping[str, Mapping[str, Sequence[str]]]
_NEAREST = 10


def present_labels(document: Document, schema: Schema, task: str) -> set[str]:
    """Return the labels of a task that annotations of the document carry."""
    if task == "ner":
        types: Mapping[str, Any] = schema.entity_by_label
        found = {types[e.type].label for e in document.entities if e.type and e.type in types}
    elif task == "ee":
        types = schema.event_by_label
        found = {types[e.type].label for e in document.events if e.type in types}
    else:
        found = set()
        for relation in document.relations:
            label = schema.relation_label(
                relation.type, relation.subject.type, relation.object.type
            )
            if label is None and relation.type in schema.relation_by_label:
                label = schema.relation_by_label[relation.type].label
            if label is not None:
                found.add(label)
    return found


def similarity_table(schema: Schema) -> Table:
    """Rank the labels of each task by how alike their names, end types and roles are."""
    return {task: _rank_alike(schema.types(task)) for task in schema.tasks}


def _rank_alike(types: Sequence[Any]) -> dict[str, list[str]]:
    traits = {item.label: _traits(item) for item in types}
    table = {}
    for label, own in traits.items():
        scored = [
            (-len(own & other) / len(own | other), i, name)
            for i, (name, other) in enumerate(traits.items())
            if name != label and own & other
        ]
        table[label] = [name for _, _, name in sorted(scored)[:_NEAREST]]
    return table


def _traits(item: Any) -> set[str]:
    traits = {f"name:{character}" for character in item.name}
    if isinstance(item, RelationType):
        # Which ends a relation joins says more than a shared character.
        traits |= {f"{slot}:{end}{i}" for i in (0, 1) for slot, end in _ends(item) if end}
    if isinstance(item, EventType):
        traits |= {f"role:{role.name}" for role in item.roles}
        traits |= {f"group:{item.name.split('-')[0]}{i}" for i in (0, 1)}
    return traits


def _ends(item: RelationType) -> tuple[tuple[str, str | None], ...]:
    return ("subject", item.subject), ("object", item.object)


def cooccurrence_tables(
    documents: Iterable[Document], schema_of: Callable[[Document], Schema]
) -> dict[str, Table]:
    """Count, for each schema by name, which labels stand in the same documents; most often first.

    Raises:
        InputError: as reading the documents does.
    """
    pairs: dict[str, dict[str, Counter[tuple[str, str]]]] = {}
    for document in documents:
        schema = schema_of(document)
        for task in schema.tasks:
            labels = sorted(present_labels(document, schema, task))
            counter = pairs.setdefault(schema.name, {}).setdefault(task, Counter())
            counter.update(combinations(labels, 2))
    return {
        name: {task: _rank_counted(counter) for task, counter in tasks.items()}
        for name, tasks in pairs.items()
    }


def _rank_counted(counter: Counter[tuple[str, str]]) -> dict[str, list[str]]:
    scored: dict[str, list[tuple[int, str]]] = {}
    for (first, second), count in counter.items():
        scored.setdefault(first, []).append((-count, second))
        scored.setdefault(second, []).append((-count, first))
    return {label: [name for _, name in sorted(near)[:_NEAREST]] for label, near in scored.items()}


def read_table(path: str | Path, schemas: Iterable[Schema]) -> Table:
    """Read a table written by hand: one JSON object `{task: {label: [labels…]}}`.

    Raises:
        InputError: not such an object, or a label that none of the schemas declares.
    """
    kind: Any = dict[str, dict[str, list[str]]]
    values: list[tuple[int, Any]] = list(read_values(path, kind))
    if len(values) != 1:
        raise InputError(f"{path}: expected one JSON object on one line, got {len(values)}")
    table: dict[str, dict[str, list[str]]] = values[0][1]
    known = {
        item.label for schema in schemas for task in schema.tasks for item in schema.types(task)
    }
    for label in _labels(table):
        if known and label not in known:
            raise InputError(f"{path}: no schema declares {label!r}{near_miss(label, known)}")
    return table


def _labels(table: Table) -> Iterator[str]:
    for near in table.values():
        for label, others in near.items():
            yield label
            yield from others


def with_negatives(
    labels: Sequence[str],
    present: set[str],
    near: Mapping[str, Sequence[str]],
    rng: random.Random,
    *,
    hard: int,
    other: int,
) -> list[str]:
    """Keep the present labels, up to `hard` confusable ones and up to `other` random ones.

    The order of `labels` is kept; the result is never empty.
    """
    keep = {label for label in labels if label in present}
    absent = [label for label in labels if label not in present]
    keep.update(confusable(absent, present, near, rng, hard))
    rest = [label for label in absent if label not in keep]
    keep.update(rng.sample(rest, min(other, len(rest))))
    return [label for label in labels if label in keep] or [rng.choice(list(labels))]


def confusable(
    absent: Sequence[str],
    present: set[str],
    near: Mapping[str, Sequence[str]],
    rng: random.Random,
    number: int,
) -> list[str]:
    """Draw up to `number` absent labels out of the nearest to the present ones.

    They are drawn from twice as many, so that a type does not always meet the same ones.
    """
    if not number:
        return []
    allowed = set(absent)
    ranked: dict[str, int] = {}
    for label in sorted(present):
        for rank, name in enumerate(near.get(label, ())):
            if name in allowed:
                ranked[name] = min(rank, ranked.get(name, rank))
    nearest = sorted(ranked, key=lambda name: (ranked[name], name))[: 2 * number]
    return rng.sample(nearest, min(number, len(nearest)))
