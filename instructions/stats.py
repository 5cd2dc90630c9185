"""What is in files of documents or instruction records: counts, lengths, negatives, licences."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from chinchilla.data.documents import Document
from chinchilla.decoding.formats import JSON_KEYS, label_text
from chinchilla.errors import InputError
from chinchilla.files.jsonl import parse_document, read_lines
from chinchilla.instructions.rationale import CLOSE_THOUGHT

UNKNOWN = "unknown"
_TASK_OF_KEY = {key: task for task, key in JSON_KEYS.items()}


class AnyRecord(msgspec.Struct):
    """A record of ours or of another tool: only the first two fields are sure to be there."""

    instruction: str
    output: str
    input: str = ""
    task: str = UNKNOWN
    source: str = UNKNOWN
    schema: list[str] = []
    lang: str = UNKNOWN
    licence: str = UNKNOWN
    template: str = UNKNOWN


class Lengths:
    """Exact lengths, as counts: memory grows with the number of different lengths only."""

    def __init__(self) -> None:
        self.counts: Counter[int] = Counter()

    def add(self, length: int) -> None:
        """Count one length."""
        self.counts[length] += 1

    def at_share(self, share: float) -> int:
        """Return the smallest length that at least this share of the items does not exceed."""
        whole, seen = self.counts.total(), 0
        for length, number in sorted(self.counts.items()):
            seen += number
            if seen >= share * whole:
                return length
        return 0

    def to_dict(self) -> dict[str, float]:
        """Return the summary; empty if nothing was counted."""
        whole = self.counts.total()
        if not whole:
            return {}
        return {
            "min": min(self.counts),
            "mean": sum(length * number for length, number in self.counts.items()) / whole,
            "median": self.at_share(0.5),
            "p95": self.at_share(0.95),
            "max": max(self.counts),
        }


@dataclass
class SourceStats:
    """The figures of one source.

    `characters` and `tokens` are of the text of documents, and of prompt and answer together of
    records. `empty` counts documents without annotations, and records with an empty answer.
    """

    items: int = 0
    empty: int = 0
    tasks: Counter[str] = field(default_factory=Counter)
    empty_by_task: Counter[str] = field(default_factory=Counter)
    licences: Counter[str] = field(default_factory=Counter)
    langs: Counter[str] = field(default_factory=Counter)
    characters: Lengths = field(default_factory=Lengths)
    tokens: Lengths = field(default_factory=Lengths)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        result = {
            "items": self.items,
            "empty": self.empty,
            "tasks": dict(sorted(self.tasks.items())),
            "empty_by_task": dict(sorted(self.empty_by_task.items())),
            "licences": dict(self.licences.most_common()),
            "langs": dict(self.langs.most_common()),
            "characters": self.characters.to_dict(),
        }
        return {**result, "tokens": self.tokens.to_dict()} if self.tokens.counts else result


@dataclass
class TypeStats:
    """How often a type is named, in how many items, and in how many it was asked for."""

    mentions: int = 0
    items: int = 0
    asked: int = 0
    sources: Counter[str] = field(default_factory=Counter)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "mentions": self.mentions,
            "items": self.items,
            "asked": self.asked,
            "sources": dict(sorted(self.sources.items())),
        }


@dataclass
class Stats:
    """The figures of files that hold either documents or records (`kind`).

    `types` is by task and label; for documents it also has `roles`, by `event/role`.
    """

    kind: str = ""
    files: list[str] = field(default_factory=list)
    sources: dict[str, SourceStats] = field(default_factory=dict)
    types: dict[str, dict[str, TypeStats]] = field(default_factory=dict)
    templates: Counter[str] = field(default_factory=Counter)

    @property
    def items(self) -> int:
        """How many documents or records there are."""
        return sum(source.items for source in self.sources.values())

    @property
    def empty(self) -> int:
        """How many of them say nothing."""
        return sum(source.empty for source in self.sources.values())

    def source(self, name: str) -> SourceStats:
        """Return the figures of a source, begun if need be."""
        return self.sources.setdefault(name, SourceStats())

    def type(self, task: str, label: str) -> TypeStats:
        """Return the figures of a type, begun if need be."""
        return self.types.setdefault(task, {}).setdefault(label, TypeStats())

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form: sources by name, types by how often they are named."""
        return {
            "kind": self.kind,
            "files": self.files,
            "items": self.items,
            "empty": self.empty,
            "sources": {name: s.to_dict() for name, s in sorted(self.sources.items())},
            "types": {
                task: {label: t.to_dict() for label, t in by_frequency(types)}
                for task, types in sorted(self.types.items())
            },
            "templates": dict(self.templates.most_common()),
        }


def by_frequency(types: dict[str, TypeStats]) -> list[tuple[str, TypeStats]]:
    """Return types with the most often named first, equals by name."""
    return sorted(types.items(), key=lambda pair: (-pair[1].mentions, pair[0]))


def count_files(
    paths: Iterable[str | Path], count_tokens: Callable[[str], int] | None = None
) -> Stats:
    """Count what is in files of documents or of records; memory does not grow with them.

    Raises:
        InputError: a line is neither, or documents and records are mixed.
    """
    stats = Stats()
    decoder = msgspec.json.Decoder(AnyRecord)
    for path in paths:
        stats.files.append(Path(path).name)
        for number, line in read_lines(path):
            if not line.strip():
                continue
            record = _as_record(decoder, line)
            kind = "documents" if record is None else "records"
            stats.kind = stats.kind or kind
            if stats.kind != kind:
                raise InputError(
                    f"{path}:{number}: found {kind} after {stats.kind}; give files of one kind"
                )
            if record is not None:
                _count_record(stats, record, count_tokens)
            else:
                _count_document(stats, parse_document(line, path, number), count_tokens)
    return stats


def _as_record(decoder: "msgspec.json.Decoder[AnyRecord]", line: bytes) -> AnyRecord | None:
    try:
        return decoder.decode(line)
    except msgspec.DecodeError:
        return None


def _count_document(
    stats: Stats, document: Document, count_tokens: Callable[[str], int] | None
) -> None:
    meta = document.meta
    name = str(meta.get("source", UNKNOWN))
    source = stats.source(name)
    source.items += 1
    source.licences[str(meta.get("licence", UNKNOWN))] += 1
    source.langs[str(meta.get("lang", UNKNOWN))] += 1
    source.characters.add(len(document.text))
    if count_tokens:
        source.tokens.add(count_tokens(document.text))
    said = Counter(annotations(document))
    for task in {task for task, _ in said if task != "roles"}:
        source.tasks[task] += 1
    source.empty += not said
    _count_types(stats, name, said)


def annotations(document: Document) -> Iterator[tuple[str, str]]:
    """Yield `(task, type)` of each annotation, and `("roles", "type/role")` of each argument."""
    for entity in document.entities:
        yield "ner", str(entity.type)
    for relation in document.relations:
        yield "re", relation.type
    for event in document.events:
        yield "ee", event.type
        for argument in event.arguments:
            yield "roles", f"{event.type}/{argument.role}"


def _count_types(stats: Stats, source: str, said: Counter[tuple[str, str]]) -> None:
    for (task, label), number in said.items():
        found = stats.type(task, label)
        found.mentions += number
        found.items += 1
        found.sources[source] += number


def _count_record(
    stats: Stats, record: AnyRecord, count_tokens: Callable[[str], int] | None
) -> None:
    source = stats.source(record.source)
    source.items += 1
    source.tasks[record.task] += 1
    source.licences[record.licence or UNKNOWN] += 1
    source.langs[record.lang] += 1
    stats.templates[record.template or UNKNOWN] += 1
    parts = (record.instruction, record.input, record.output)
    source.characters.add(sum(map(len, parts)))
    if count_tokens:
        source.tokens.add(sum(map(count_tokens, parts)))
    task = record.task.partition("-")[0]
    for label in record.schema:
        stats.type(task, label).asked += 1
    said = Counter((task, label) for label in labels_said(record))
    if not said:
        source.empty += 1
        source.empty_by_task[record.task] += 1
    _count_types(stats, record.source, said)


def labels_said(record: AnyRecord) -> list[str]:
    """Return the labels in the answer, in either format, as often as they are named there."""
    answer = record.output.rpartition(CLOSE_THOUGHT)[2].strip()
    if answer.startswith("{"):
        try:
            value = msgspec.json.decode(answer)
        except msgspec.DecodeError:
            return []
        lists = [value.get(key) for key in _TASK_OF_KEY]
        items = [item for found in lists if isinstance(found, list) for item in found]
        return [str(item["type"]) for item in items if isinstance(item, dict) and "type" in item]
    return [label for label in record.schema for _ in range(answer.count(label_text(label)))]
