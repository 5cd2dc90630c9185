"""Check files of documents or records for leaks, duplicates and faults, and clean them."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from chinchilla.data.schema import TASKS, Schema, read_schema
from chinchilla.errors import ConfigError, near_miss
from chinchilla.files.jsonl import parse_document, read_lines, write_bytes
from chinchilla.instructions.duplicates import KINDS, Duplicate, Index, PlacedText
from chinchilla.instructions.quality import faults, record_faults
from chinchilla.instructions.styles import carry_style

REPEATED_ID = "repeated id"


@dataclass(frozen=True)
class AuditOptions:
    """What to look for.

    `kinds` are those of duplicates, `near` the smallest similarity of near ones (0: not sought)
    by `measure`, one of `duplicates.MEASURES`; of several kinds the strongest is told.
    With `against` the inputs are compared with those files, and with `within` (or without
    `against`) also among themselves: of several duplicates the first without a fault is kept.
    `quality` checks documents by the rules of `quality.faults`, labels by `schema` if it is given,
    and ids, which should be unique among what is kept of all inputs; of records of a known task it
    reads the answers back.
    """

    against: tuple[str, ...] = ()
    kinds: tuple[str, ...] = KINDS
    near: float = 0.8
    measure: str = "jaccard"
    within: bool = False
    quality: bool = False
    schema: str | None = None


@dataclass
class AuditReport:
    """What was found; `pairs` counts duplicates by kind and by source and file of both sides."""

    items: int = 0
    kept: int = 0
    by_kind: Counter[str] = field(default_factory=Counter)
    contradictions: int = 0
    pairs: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    found: list[dict[str, Any]] = field(default_factory=list)

    def add(self, duplicate: Duplicate) -> None:
        """Count and list a duplicate."""
        self.by_kind[duplicate.kind] += 1
        self.contradictions += duplicate.same_answer is False
        self.pairs[duplicate.kind, _side(duplicate.item), _side(duplicate.of)] += 1
        self.found.append(duplicate.to_dict())

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        pairs = [
            {"kind": kind, "item": item, "of": other, "number": number}
            for (kind, item, other), number in sorted(self.pairs.items())
        ]
        return {
            "items": self.items,
            "kept": self.kept,
            "duplicates": {kind: self.by_kind[kind] for kind in KINDS},
            "contradictions": self.contradictions,
            "pairs": pairs,
            "faults": dict(sorted(self.faults.items())),
            "found": self.found,
        }


def _side(item: PlacedText) -> str:
    return f"{item.source or '-'} in {item.file}"


def audit_files(
    inputs: Sequence[str | Path],
    options: AuditOptions,
    clean: str | Path | None = None,
    *,
    force: bool = True,
) -> AuditReport:
    """Look for duplicates and faults; write to `clean` the lines of the inputs without any.

    Lines are written as they were read, and how they ask is told beside them as beside the inputs, if
    all tell the same. The texts compared with are held in memory.

    Raises:
        ConfigError: an unknown kind, or `near` out of range.
        InputError: a line is neither a document nor a record.
        SchemaError: unknown schema.
    """
    audit = _Audit(options)
    for path in options.against:
        for item, _, _ in _items(path, None):
            audit.foreign.add(item)
    if clean is None:
        for name in inputs:
            for item, _, broken in _items(name, audit):
                audit.judge(item, broken)
        return audit.report
    with write_bytes(clean, force=force) as file:
        for name in inputs:
            for item, line, broken in _items(name, audit):
                if audit.judge(item, broken):
                    file.write(line + b"\n")
    carry_style(inputs, clean)
    return audit.report


class _Audit:
    def __init__(self, options: AuditOptions) -> None:
        for kind in options.kinds:
            if kind not in KINDS:
                raise ConfigError(
                    f"unknown kind {kind!r}{near_miss(kind, KINDS)}; kinds are {', '.join(KINDS)}"
                )
        self.options = options
        self.schema: Schema | None = read_schema(options.schema) if options.schema else None
        near = options.near if options.near and "near" in options.kinds else None
        self.foreign = Index(near=near, measure=options.measure)
        self.own = Index(near=near, scoped=True, measure=options.measure)
        self.within = options.within or not options.against
        self.ids: set[str] = set()
        self.report = AuditReport()

    def judge(self, item: PlacedText, broken: Sequence[str]) -> bool:
        """Count an item and return whether it is clean."""
        self.report.items += 1
        self.report.faults.update(broken)
        if broken:
            self.report.found.append({"kind": "fault", "faults": list(broken), **item.place})
        duplicate = self.foreign.find(item, self.options.kinds)
        if duplicate is None and self.within:
            duplicate = self.own.find(item, self.options.kinds)
        if duplicate is not None:
            self.report.add(duplicate)
        is_clean = duplicate is None and not broken
        # What is removed must not cost a faultless copy its place.
        if is_clean and self.within:
            self.own.add(item)
        if is_clean and self.options.quality:
            self.ids.add(item.id)
        self.report.kept += is_clean
        return is_clean


class _RecordText(msgspec.Struct):
    instruction: str
    output: str
    input: str = ""
    id: str = ""
    source: str = ""
    # Of our own records; others may mean something else by these.
    task: Any = None
    schema: Any = None


_records = msgspec.json.Decoder(_RecordText)


def _items(path: str | Path, audit: _Audit | None) -> Iterator[tuple[PlacedText, bytes, list[str]]]:
    """Yield each line's text, the line, and the faults of its document if they are asked for."""
    file = Path(path).name
    for number, line in read_lines(path):
        if not line.strip():
            continue
        broken: list[str] = []
        try:
            record = _records.decode(line)
            item = PlacedText(
                record.input, file, number, record.id, record.source, record.instruction,
                record.output,
            )  # fmt: skip
            is_own = record.task in TASKS and isinstance(record.schema, list)
            if audit is not None and audit.options.quality and is_own:
                text = record.input or record.instruction
                labels = [str(label) for label in record.schema]
                broken = record_faults(record.task, labels, text, record.output)
        except msgspec.DecodeError:
            document = parse_document(line, path, number)
            gold = msgspec.json.encode(document.extraction).decode()
            source = str(document.meta.get("source", ""))
            item = PlacedText(document.text, file, number, document.id, source, "", gold)
            if audit is not None and audit.options.quality:
                broken = faults(document, audit.schema)
                if document.id in audit.ids:
                    broken.append(REPEATED_ID)
        yield item, line, broken
