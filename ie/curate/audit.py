"""Audit annotated documents: rules, duplicates, what a model says; and mend or clean them.

Documents are read without a check of their offsets, which is one of the rules.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import msgspec

from chinchilla.instructions.duplicates import Index, PlacedText

from ..data.documents import Document
from ..data.schema import Schema
from ..errors import InputError
from ..files.jsonl import check_depth, dumps, parse_document, read_lines
from .decisions import DROP, FIX, OUT, Decision, encode
from .repair import mended, without
from .rules import RuleLimits, find_suspects
from .suspects import DUPLICATE, RULES, TWO_WAYS, Suspect, suspect

_decoder = msgspec.json.Decoder(Document)


@dataclass(frozen=True)
class Audit:
    """What to look for and what to do.

    `near` is the Jaccard similarity from which documents are near duplicates (None: not sought).
    `fix` makes the safe repairs; `drop` takes out what is suspect with at least that certainty.
    """

    schema: Schema | None = None
    limits: RuleLimits = RuleLimits()
    near: float | None = None
    fix: bool = False
    drop: float | None = None


@dataclass(frozen=True)
class Audited:
    """One document with what is suspect in it, and what became of it.

    `line` counts over all inputs, `number` in its own file; `kept` is the line to write, None if the
    document is to go.
    """

    line: int
    file: str
    number: int
    document: Document
    suspects: tuple[Suspect, ...]
    kept: bytes | None
    decision: Decision | None = None

    def rows(self) -> list[dict[str, Any]]:
        """Return a JSON object a suspect."""
        place = {"file": self.file, "line": self.number, "id": self.document.id}
        return [{**place, **one.to_dict()} for one in self.suspects]


@dataclass
class Summary:
    """Counts of an audit: suspects by rule, and what was done."""

    documents: int = 0
    suspect_documents: int = 0
    rules: Counter[str] = field(default_factory=Counter)
    actions: Counter[str] = field(default_factory=Counter)

    def add(self, one: Audited) -> None:
        """Count a document."""
        self.documents += 1
        self.suspect_documents += bool(one.suspects)
        self.rules.update(found.rule for found in one.suspects)
        if one.decision:
            self.actions[one.decision.action] += 1

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form; rules in their order."""
        return {
            "documents": self.documents,
            "suspect_documents": self.suspect_documents,
            "suspects": self.rules.total(),
            "rules": {rule: self.rules[rule] for rule in RULES if self.rules[rule]},
            "actions": dict(sorted(self.actions.items())),
        }


def read_unchecked(inputs: Sequence[str | Path]) -> Iterator[tuple[int, str, int, bytes]]:
    """Yield `(line over all inputs, file, its own line number, content)`, blank lines too."""
    line = 0
    for path in inputs:
        for number, content in read_lines(path):
            line += 1
            yield line, str(path), number, content


def parse_unchecked(line: bytes, path: str | Path, number: int) -> Document:
    """Return the document on a line, its offsets as they are.

    Raises:
        InputError: names file and line of what is no document.
    """
    check_depth(line, f"{path}:{number}")
    try:
        document = _decoder.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _parsed_loosely(line, path, number)
    if document.id:
        return document
    named: Document = msgspec.structs.replace(document, id=str(number))
    return named


def _parsed_loosely(line: bytes, path: str | Path, number: int) -> Document:
    """Read a document with keys of others; of the unified form, its offsets must hold."""
    try:
        return parse_document(line, path, number)
    except InputError:
        try:
            value = msgspec.json.decode(line)
            fields = Document.__struct_fields__
            known = {key: value[key] for key in fields if key in value}
            known["id"] = str(value.get("id") or number)
            beside = {key: item for key, item in value.items() if key not in fields}
            known["meta"] = {**beside, **value.get("meta", {})}
            return msgspec.convert(known, Document)
        except (msgspec.DecodeError, msgspec.ValidationError, TypeError, AttributeError):
            pass
        raise


def audit_documents(
    inputs: Sequence[str | Path],
    audit: Audit = Audit(),
    told: Mapping[int, Sequence[Suspect]] | None = None,
) -> Iterator[Audited | bytes]:
    """Yield each document of the inputs with its suspects; a blank line as it is.

    `told` holds suspects found by other means, by the line over all inputs. Texts are held in memory.

    Raises:
        InputError: a line is no document.
    """
    index = Index(near=audit.near)
    ids: set[str] = set()
    for line, file, number, content in read_unchecked(inputs):
        if not content.strip():
            yield content
            continue
        document = parse_unchecked(content, file, number)
        ruled = find_suspects(document, audit.schema, audit.limits)
        others = [*_repetitions(document, index, ids, file, number), *(told or {}).get(line, ())]
        kept, decision = _decided(document, ruled, others, content, line, audit)
        found = (*ruled, *others)
        yield Audited(line, file, number, document, found, kept, decision)


def _repetitions(
    document: Document, index: Index, ids: set[str], file: str, number: int
) -> Iterator[Suspect]:
    answer = msgspec.json.encode(document.extraction).decode()
    item = PlacedText(document.text, file, number, document.id, "", "", answer)
    duplicate = index.find(item)
    if duplicate is None:
        index.add(item)
    elif duplicate.kind == "near":
        where = f"{duplicate.of.id} (line {duplicate.of.line}), similarity {duplicate.score}"
        yield suspect("near duplicate", detail=where)
    else:
        where = f"{duplicate.of.id} (line {duplicate.of.line})"
        yield suspect(DUPLICATE if duplicate.same_answer else TWO_WAYS, detail=where)
    if document.id in ids:
        yield suspect("repeated id", detail=document.id)
    ids.add(document.id)


def _decided(
    document: Document,
    ruled: Sequence[Suspect],
    others: Sequence[Suspect],
    content: bytes,
    line: int,
    audit: Audit,
) -> tuple[bytes | None, Decision | None]:
    """Return what to write of a document, and the decision if it is changed.

    `others` were not found by rules: their places hold before any repair, so they go first.
    """
    before = content.decode(errors="replace")
    rules = _rules([*ruled, *others])
    # A second copy that says the same is of no use to anyone.
    if audit.fix and DUPLICATE in rules:
        return None, Decision(line, OUT, (DUPLICATE,), before, None)
    result: Document | None = document
    action = ""
    if audit.drop is not None:
        result, action = _dropped(document, others, audit.drop, action)
    if result is not None and audit.fix:
        fixed = mended(result, audit.schema)
        result, action = fixed, action if fixed is result else action or FIX
    if result is not None and audit.drop is not None:
        left = find_suspects(result, audit.schema, audit.limits)
        result, action = _dropped(result, left, audit.drop, action)
    if result is None:
        return None, Decision(line, OUT, rules, before, None)
    if not action:
        return content, None
    after = dumps(result)
    return after.encode(), Decision(line, action, rules, before, after)


def _dropped(
    document: Document, found: Sequence[Suspect], least: float, action: str
) -> tuple[Document | None, str]:
    """Return what is left of a document without what is suspect enough, and what was done by now."""
    hard = [one for one in found if one.certainty >= least]
    cleaned = without(document, hard) if hard else document
    return cleaned, action if cleaned == document else DROP


def _rules(found: Sequence[Suspect]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(one.rule for one in found))


def write_audited(one: Audited | bytes, output: IO[bytes] | None, log: IO[bytes] | None) -> None:
    """Write what is left of a document, and its decision."""
    kept = one if isinstance(one, bytes) else one.kept
    if output is not None and kept is not None:
        output.write(kept + b"\n")
    if log is not None and isinstance(one, Audited) and one.decision is not None:
        log.write(encode([one.decision]))
