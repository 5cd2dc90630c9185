"""Translate annotated documents: resumable, what fails set aside with its reason, the yield by type."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Any

import msgspec

from ...data.documents import Document
from ...files.jsonl import dumps, write_bytes
from ..journal import JournalEntry, finish, work_through
from .carry import Carried, translate_documents
from .glossary import Glossary, Terms
from .methods import AUTO, Projector
from .protocol import Projected, Translator
from .quality import Bounds, judge


@dataclass(frozen=True)
class TranslationPlan:
    """How to translate; `keeps_partial` keeps documents that lost a mention, without it."""

    method: str = AUTO
    glossary: Glossary = Glossary()
    bounds: Bounds = Bounds()
    keeps_partial: bool = False
    source: str = "en"
    target: str = "zh"


@dataclass
class Yield:
    """What went in and what came out, by kind and type.

    `mentions` are distinct places in the sources, found by `methods` or lost for a reason (`losses`);
    `reasons` counts documents that were set aside.
    """

    documents: int = 0
    kept: int = 0
    given: Counter[tuple[str, str]] = field(default_factory=Counter)
    carried: Counter[tuple[str, str]] = field(default_factory=Counter)
    written: Counter[tuple[str, str]] = field(default_factory=Counter)
    methods: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    losses: Counter[str] = field(default_factory=Counter)
    mentions: int = 0

    @property
    def lost(self) -> int:
        """How many places of mentions have none in the translation."""
        return self.losses.total()

    def rows(self) -> list[tuple[str, ...]]:
        """Return `(kind, type, given, survived, written)` for a table, in order."""
        return [
            (
                kind,
                name,
                *(f"{counts[kind, name]:,}" for counts in (self.given, self.carried, self.written)),
            )
            for kind, name in sorted(self.given)
        ]

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        types = [
            {"kind": kind, "type": name, "given": self.given[kind, name],
             "survived": self.carried[kind, name], "written": self.written[kind, name]}
            for kind, name in sorted(self.given)
        ]  # fmt: skip
        return {
            "documents": self.documents,
            "kept": self.kept,
            "mentions": self.mentions,
            "lost": self.lost,
            "methods": dict(sorted(self.methods.items())),
            "losses": dict(sorted(self.losses.items())),
            "reasons": dict(sorted(self.reasons.items())),
            "types": types,
        }


def translate_files(
    documents: Sequence[Document],
    output: str | Path,
    translator: Translator,
    plan: TranslationPlan = TranslationPlan(),
    *,
    reverse: Translator | None = None,
    chunk: int = 16,
    resume: bool = False,
    force: bool = False,
    advance: Callable[[int], None] = lambda number: None,
) -> Yield:
    """Write translated documents to `output`, and what failed to `output.aside.jsonl`.

    Each document keeps in `meta.translation` its source, the methods, the model and the quality.

    Raises:
        InputError: the output exists, or a run before asked otherwise.
        ConfigError: the method does not fit the translator.
    """
    terms = Terms(translator, plan.glossary.terms)
    projector = Projector(translator, plan.method, terms)

    def work(some: Sequence[Document]) -> list[dict[str, Any]]:
        done = translate_documents(some, projector, plan.glossary)
        return [
            _result(*one, back, plan) for one, back in zip(done, _backs(done, reverse), strict=True)
        ]

    run = {
        "model": translator.name,
        "reverse": reverse.name if reverse else None,
        "plan": msgspec.to_builtins(replace(plan, keeps_partial=False)),
        "chunk": chunk,
    }
    entries = work_through(
        output,
        documents,
        work,
        run=run,
        chunk=chunk,
        resume=resume,
        force=force,
        advance=advance,
    )
    counts = Yield()
    with (
        write_bytes(output, force=force or resume) as file,
        write_bytes(f"{output}.aside.jsonl", force=force or resume) as aside,
    ):
        for document, entry in zip(documents, entries, strict=True):
            _write(document, entry, plan, translator.name, file, aside, counts)
    finish(output)
    return counts


def _backs(
    done: Sequence[tuple[Document, Carried, list[Projected]]], reverse: Translator | None
) -> Iterator[str | None]:
    """Yield what a reverse model makes of each translation."""
    if reverse is None:
        yield from [None] * len(done)
        return
    texts = [one.text for _, _, projected in done for one in projected]
    said = iter(reverse.translate(texts))
    for _, _, projected in done:
        yield " ".join(next(said) for _ in projected)


def _result(
    source: Document,
    carried: Carried,
    projected: Sequence[Projected],
    back: str | None,
    plan: TranslationPlan,
) -> dict[str, Any]:
    found = tuple(found for one in projected for found in one.found)
    whole = Projected(carried.document.text, ())
    quality, reason = judge(source.text, whole, plan.bounds, back)
    apart = [judge("", one, plan.bounds)[0] for one in projected if one.found]
    for name in ("mentions", "confirmed"):
        # Shares of all mentions of the document, each sentence by how many it has.
        weights = [len(one.found) for one in projected if one.found]
        total = sum(w * value[name] for w, value in zip(weights, apart, strict=True))
        quality[name] = round(total / sum(weights), 4) if weights else 1.0
    parts = [value for name, value in quality.items() if name not in ("length_ratio", "score")]
    quality["score"] = round(sum(parts) / len(parts), 4)
    if not reason and quality["score"] < plan.bounds.least:
        reason = "quality below the least"
    return {
        "document": carried.document.to_dict(),
        "lost": [list(one) for one in carried.lost],
        "methods": dict(sorted(carried.methods.items())),
        "mentions": len(found),
        "losses": dict(sorted(Counter(one.reason for one in found if one.span is None).items())),
        "quality": quality,
        "reason": reason,
    }


def _write(
    source: Document,
    entry: JournalEntry,
    plan: TranslationPlan,
    model: str,
    file: IO[bytes],
    aside: IO[bytes],
    counts: Yield,
) -> None:
    result = entry.result
    lost = [reason for _, _, reason in result["lost"]]
    reasons = [result["reason"]] if result["reason"] else []
    # Half of the annotations would teach a model that the rest is nothing.
    if lost and not plan.keeps_partial:
        reasons += [f"lost: {reason}" for reason in dict.fromkeys(lost)]
    document = Document.from_dict(result["document"])
    counts.documents += 1
    counts.mentions += result["mentions"]
    counts.losses.update(result["losses"])
    counts.methods.update(result["methods"])
    counts.reasons.update(reasons)
    counts.given.update(_types(source, plan.glossary))
    counts.carried.update(_types(document, Glossary()))
    if reasons:
        row = {
            "id": source.id,
            "reasons": reasons,
            "lost": result["lost"],
            "translation": document.text,
            "quality": result["quality"],
            "source": source,
        }
        aside.write(dumps(row).encode() + b"\n")
        return
    counts.kept += 1
    counts.written.update(_types(document, Glossary()))
    told = {
        "source": source.text,
        "lang": plan.source,
        "model": model,
        "methods": result["methods"],
        "quality": result["quality"],
        "lost": len(lost),
    }
    meta = {**document.meta, "lang": plan.target, "translation": told}
    written: Document = msgspec.structs.replace(document, meta=meta)
    file.write(dumps(written).encode() + b"\n")


def _types(document: Document, glossary: Glossary) -> Iterator[tuple[str, str]]:
    """Yield kind and type, by the names of the glossary, of every annotation."""
    for entity in document.entities:
        yield "entity", glossary.entities.get(entity.type or "", entity.type or "")
    for relation in document.relations:
        yield "relation", glossary.relations.get(relation.type, relation.type)
    for event in document.events:
        name = glossary.events.get(event.type, event.type)
        yield "event", name
        for argument in event.arguments:
            yield "role", f"{name}/{glossary.roles.get(argument.role, argument.role)}"
