"""Self-instruct for extraction: what a model invents is checked, and kept only if it is sound and new.

Examples go through the decoder, which must find every mention in the text; then through the rules of
the audit. What is like a seed or like something kept before is left out, by ROUGE-L of characters and
by MinHash. Each thing kept tells where it comes from; each thing refused tells why.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chinchilla.instructions.duplicates import Index, PlacedText, normalise
from chinchilla.instructions.quality import HANZI, LETTER
from chinchilla.instructions.rouge import RougeIndex

from ..data.documents import Document
from ..data.schema import FIELD_OF_TASK, TASKS, Schema
from ..decoding.decode import decode
from ..errors import ConfigError, SchemaError
from ..files.jsonl import dumps, read_values, write_bytes
from ..prompts.prompt import read_template
from .bootstrap_prompts import (
    EXAMPLES,
    KINDS,
    SCHEMAS,
    TEMPLATE,
    BootstrapJob,
    InventionPrompt,
    prompts,
)
from .journal import Say, finish, work_through
from .rules import RuleLimits, find_suspects

# Issues with which an example is still right: the decoder took the text's own wording.
_HARMLESS = ("folded", "repeated", "ambiguous", "merged", "empty_value")
_FENCE = re.compile(r"^```\w*\s*|\s*```$", re.MULTILINE)
_SLOT = re.compile(r"\{[^{}]*\}")
_HANZI_SHARE = 0.6
_WORDING_LENGTH = (12, 300)
_NAME_LENGTH = 12

UNREADABLE, EMPTY, ALIKE = "not readable", "no completion", "like one before"
Complete = Callable[[Sequence[str]], Sequence[str]]


@dataclass
class Invented:
    """Counts of a run: what was kept, by type; what was refused, by reason."""

    prompts: int = 0
    kept: int = 0
    types: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "prompts": self.prompts,
            "kept": self.kept,
            "types": dict(sorted(self.types.items())),
            "refused": dict(sorted(self.refused.items())),
        }


def bootstrap(
    job: BootstrapJob,
    output: str | Path,
    complete: Complete,
    *,
    model: str,
    rouge: float = 0.7,
    near: float | None = 0.8,
    resume: bool = False,
    force: bool = False,
    advance: Say = lambda number: None,
) -> Invented:
    """Ask for inventions and write the good ones to `output`, others to `output.refused.jsonl`.

    Args:
        job: what to invent.
        output: JSON Lines: documents, or objects with a `schema` or a `wording`.
        complete: a completion for each prompt.
        model: what records call it.
        rouge: ROUGE-L by characters from which two are alike.
        near: Jaccard similarity of MinHash from which two are alike; None leaves that out.
        resume: go on with a run that did not finish.
        force: overwrite what is there.
        advance: told of prompts done.

    Raises:
        ConfigError: an unknown kind, or examples without a schema.
        InputError: the output exists, or the run before asked otherwise.
    """
    _check(job)
    asked = prompts(job)
    texts = [Document(one.id, one.text) for one in asked]

    def work(some: Sequence[Document]) -> list[str]:
        return list(complete([document.text for document in some]))

    run = {"kind": job.kind, "model": model, "seed": job.seed, "prompts": job.prompts}
    entries = work_through(
        output, texts, work, run=run, chunk=8, resume=resume, force=force, advance=advance
    )
    counts = Invented()
    known = _Known(job, rouge, near)
    over = force or resume
    with (
        write_bytes(output, force=over) as file,
        write_bytes(f"{output}.refused.jsonl", force=over) as refused,
    ):
        for one, entry in zip(asked, entries, strict=True):
            counts.prompts += 1
            for number, (value, reason) in enumerate(_inventions(job, one, str(entry.result))):
                reason = reason or known.reason(value)
                if reason:
                    counts.refused[reason] += 1
                    row = {"prompt": one.id, "reason": reason, "said": value}
                    refused.write(dumps(row).encode("utf-8", "replace") + b"\n")
                    continue
                counts.kept += 1
                counts.types.update(_types(value, job))
                kept = _kept(value, one, f"{one.id}-{number}", model, job)
                file.write(dumps(kept).encode() + b"\n")
    finish(output)
    return counts


def _check(job: BootstrapJob) -> None:
    if job.kind not in KINDS:
        raise ConfigError(f"unknown kind {job.kind!r}; use {', '.join(KINDS)}")
    if job.kind == EXAMPLES and job.schema is None:
        raise ConfigError("examples need a schema; name one with --schema")


def read_completions(path: str | Path, job: BootstrapJob) -> Complete:
    """Return completions of a file of `{"id": …, "completion": …}` lines, by the ids of the prompts.

    Raises:
        InputError: a line is something else.
    """
    by_id = {
        str(value.get("id")): str(value.get("completion") or value.get("text") or "")
        for _, value in read_values(path, dict[str, Any])
    }
    by_text = {one.text: by_id.get(one.id, "") for one in prompts(job)}
    return lambda texts: [by_text.get(text, "") for text in texts]


def write_prompts(path: str | Path, job: BootstrapJob, *, force: bool = False) -> int:
    """Write the prompts, for another tool to complete: `{"id": …, "prompt": …}` lines."""
    asked = prompts(job)
    with write_bytes(path, force=force) as file:
        for one in asked:
            file.write(dumps({"id": one.id, "prompt": one.text}).encode() + b"\n")
    return len(asked)


def _inventions(
    job: BootstrapJob, asked: InventionPrompt, completion: str
) -> Iterator[tuple[Any, str]]:
    """Yield what a completion holds: a value that is sound, or what was said and what is wrong."""
    if not completion.strip():
        yield completion, EMPTY
        return
    found = list(_values(completion))
    if not found:
        yield completion[:500], UNREADABLE
    read = {EXAMPLES: _read_example, SCHEMAS: _read_schema}.get(job.kind, _read_wording)
    for value in found:
        sound, reason = read(value, asked, job)
        yield (value if reason else sound), reason


def _values(completion: str) -> Iterator[Any]:
    """Yield the JSON values of a completion: all of it, the items of a list, or line by line."""
    plain = _FENCE.sub("", completion.strip()).strip()
    begin = min((at for at in (plain.find("{"), plain.find("[")) if at >= 0), default=-1)
    if begin < 0:
        return
    decoder = json.JSONDecoder()
    while 0 <= begin < len(plain):
        try:
            value, end = decoder.raw_decode(plain, begin)
        except (ValueError, RecursionError):
            end = plain.find("\n", begin)
            if end < 0:
                return
        else:
            yield from value if isinstance(value, list) else [value]
        places = [at for at in (plain.find("{", end), plain.find("[", end)) if at >= 0]
        begin = min(places, default=-1)


def _read_example(
    value: Any, asked: InventionPrompt, job: BootstrapJob
) -> tuple[Document | None, str]:
    if not isinstance(value, dict):
        return None, UNREADABLE
    text = value.get("text") or value.get("文本")
    if not isinstance(text, str):
        return None, "no text"
    if reason := _text_fault(text, job.shortest, job.longest):
        return None, reason
    assert job.schema is not None
    schema = _asked_schema(job.schema, asked)
    rest = {key: item for key, item in value.items() if item is not text}
    said = decode(dumps(rest), text, schema, "json", tuple(asked.labels))
    for issue in said.issues:
        if issue.kind not in _HARMLESS:
            return None, f"decoder: {issue.kind}"
    document = Document("", text, said.entities, said.relations, said.events)
    if not (document.entities or document.relations or document.events):
        return None, "nothing annotated"
    suspects = find_suspects(document, schema, RuleLimits(job.shortest, job.longest))
    if suspects:
        return None, f"rule: {suspects[0].rule}"
    return document, ""


def _asked_schema(schema: Schema, asked: InventionPrompt) -> Schema:
    kept = [
        getattr(schema.select(task, labels), FIELD_OF_TASK[task])
        for task, labels in asked.labels.items()
    ]
    fields = {FIELD_OF_TASK[task]: types for task, types in zip(asked.labels, kept, strict=True)}
    return Schema(schema.name, **fields)


def _text_fault(text: str, shortest: int, longest: int) -> str:
    if len(text.strip()) < shortest:
        return "too short"
    if len(text) > longest:
        return "too long"
    letters = len(LETTER.findall(text))
    return "" if len(HANZI.findall(text)) >= _HANZI_SHARE * letters else "not Chinese"


def _read_schema(
    value: Any, asked: InventionPrompt, job: BootstrapJob
) -> tuple[dict[str, Any] | None, str]:
    try:
        schema = Schema.from_dict(value)
    except SchemaError as error:
        return None, f"no schema: {str(error).splitlines()[0][:80]}"
    names = [kind.name for task in TASKS for kind in schema.types(task)]
    if len(names) < 2:
        return None, "fewer than two types"
    if any(len(name) > _NAME_LENGTH or not HANZI.search(name) for name in names):
        return None, "names of types are no short Chinese names"
    return schema.to_dict(), ""


def _read_wording(value: Any, asked: InventionPrompt, job: BootstrapJob) -> tuple[str | None, str]:
    if not isinstance(value, str):
        return None, UNREADABLE
    if sorted(_SLOT.findall(value)) != ["{format}", "{types}"] or value.count("{") != 2:
        return None, "slots are not {types} and {format}, once each"
    return value, _text_fault(_SLOT.sub("", value), *_WORDING_LENGTH)


class _Known:
    """What is there already: seeds, and what was kept; alike ones are refused."""

    def __init__(self, job: BootstrapJob, rouge: float, near: float | None) -> None:
        self._rouge = RougeIndex(rouge)
        self._index = Index(near=near)
        self._number = 0
        known = [document.text for document in job.seeds]
        if job.kind not in (EXAMPLES, SCHEMAS):
            known = [w for task in TASKS for w in read_template(TEMPLATE).wordings[task]]
        for text in known:
            self._add(text)

    def reason(self, value: Any) -> str:
        """Return why a sound value is not new, or remember it."""
        text = self._text(value)
        plain = normalise(text)
        if self._index.find(PlacedText(text, "", 0)) or self._rouge.find(plain):
            return ALIKE
        self._add(text)
        return ""

    def _add(self, text: str) -> None:
        self._index.add(PlacedText(text, "", self._number))
        self._rouge.add(self._number, normalise(text))
        self._number += 1

    def _text(self, value: Any) -> str:
        if isinstance(value, Document):
            return value.text
        if isinstance(value, str):
            return value
        schema = Schema.from_dict(value)
        return "，".join(sorted(kind.name for task in TASKS for kind in schema.types(task)))


def _types(value: Any, job: BootstrapJob) -> Iterator[str]:
    if isinstance(value, Document):
        yield from {e.type or "" for e in value.entities}
        yield from {r.type for r in value.relations}
        yield from {e.type for e in value.events}
    else:
        yield job.kind


def _kept(value: Any, asked: InventionPrompt, name: str, model: str, job: BootstrapJob) -> Any:
    from .. import __version__

    told = {
        "kind": job.kind,
        "model": model,
        "prompt": asked.id,
        "shown": list(asked.shown),
        "topic": asked.topic,
        "seed": job.seed,
        "version": __version__,
    }
    if isinstance(value, Document):
        meta = {"source": "bootstrap", "lang": "zh", "bootstrap": told}
        return Document(name, value.text, value.entities, value.relations, value.events, (), meta)
    if isinstance(value, str):
        return {"id": name, "task": next(iter(asked.labels)), "wording": value, "bootstrap": told}
    return {"id": name, "schema": value, "bootstrap": told}


def write_template(path: str | Path, kept: str | Path, *, force: bool = False) -> Mapping[str, int]:
    """Write the wordings of a run as a template that `data build --template` takes; count by task."""
    import yaml

    wordings: dict[str, list[str]] = {}
    for _, value in read_values(kept, dict[str, Any]):
        wordings.setdefault(value["task"], []).append(value["wording"])
    builtin = read_template(TEMPLATE).wordings
    template = {"lang": "zh", "format": "json", "types": "list"}
    words = {task: wordings.get(task) or list(builtin[task]) for task in TASKS}
    text = yaml.safe_dump({**template, **words}, allow_unicode=True, sort_keys=False, width=100)
    with write_bytes(path, force=force) as file:
        file.write(text.encode())
    return {task: len(wordings.get(task, ())) for task in TASKS}
