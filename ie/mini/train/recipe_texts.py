"""The texts of the recipe: documents to train on and to measure with, apart; raw text; characters."""

import json
import random
from collections import Counter
from itertools import islice
from pathlib import Path

import msgspec

from chinchilla import converters
from chinchilla.data.documents import Document
from chinchilla.files.jsonl import read_lines, write_documents
from chinchilla.instructions.duplicates import Index, Item

from .curriculum import COPY_INSTRUCTION, MARKS
from .recipe import Recipe
from .silver import read_typed_texts, read_votes, trigger_lexicon

# Smallest Jaccard similarity of three-character shingles to a dev text that keeps a text out.
_NEAR = 0.8
# Characters in a row that raw text may not share with a dev text; characters of a line's beginning.
_RUN, _BEGINNING = 24, 40
# Not `raw.txt`, which a folder of corpora may hold.
RAW_FILE = "raw-text.txt"
# Raw text in which the tagger's pairs of characters are counted.
PAIRS_FILE = "pairs-text.txt"

# Documents by corpus.
Corpora = dict[str, list[Document]]


def write_texts(recipe: Recipe, corpora: Path, work: Path) -> Corpora:
    """Write the documents, characters and raw text; return the documents to train on."""
    (work / "docs").mkdir(parents=True, exist_ok=True)
    trains, devs = _convert(recipe, corpora)
    unseen = _unseen(recipe, corpora)
    for name, documents in (devs | unseen).items():
        write_documents(work / "docs" / f"{name}-dev.jsonl", documents)
    if recipe.silver:
        trains |= _silver(recipe, corpora, trains["duee"])
    trains, leaks = _without_leaks(trains, devs)
    for name, documents in trains.items():
        write_documents(work / "docs" / f"{name}-train.jsonl", documents)
    for name, names in recipe.renamed.items():
        trains[f"{name}-news"] = [_rename(document, names) for document in trains[name]]
    _write_characters(recipe, corpora, trains, work)
    if recipe.raw:
        lines, leaks["raw"] = _clean_lines(recipe.raw, corpora, devs)
        random.Random(f"{recipe.seed}/raw").shuffle(lines)
        (work / RAW_FILE).write_text("\n".join(lines), encoding="utf-8")
    if recipe.tagger and recipe.tagger.pairs:
        every = dict.fromkeys(recipe.tagger.read, 1)
        lines, leaks["pairs"] = _clean_lines(every, corpora, devs)
        (work / PAIRS_FILE).write_text("\n".join(lines), encoding="utf-8")
    (work / "leaks.json").write_text(json.dumps(leaks, indent=1), encoding="utf-8")
    return trains


def _convert(
    recipe: Recipe, corpora: Path
) -> tuple[dict[str, list[Document]], dict[str, list[Document]]]:
    trains, devs = {}, {}
    for name, corpus in recipe.corpora.items():
        paths = [corpora / path for path in corpus["train"]]
        documents = list(converters.read(corpus["converter"], paths))
        if corpus.get("holdout"):
            documents, devs[name] = documents[: -corpus["holdout"]], documents[-corpus["holdout"] :]
        if corpus.get("dev"):
            dev_paths = [corpora / path for path in corpus["dev"]]
            devs[name] = list(converters.read(corpus["converter"], dev_paths))
        trains[name] = documents
    return trains, devs


def _unseen(recipe: Recipe, corpora: Path) -> dict[str, list[Document]]:
    """Return the first documents of corpora whose types are in no training record."""
    unseen = {}
    for name, part in recipe.unseen.items():
        paths = [corpora / path for path in part["dev"]]
        unseen[name] = list(islice(converters.read(part["converter"], paths), part["first"]))
    return unseen


def _silver(recipe: Recipe, corpora: Path, gold: list[Document]) -> dict[str, list[Document]]:
    lexicon = trigger_lexicon(gold)
    silver = recipe.silver
    votes = [corpora / path for path in silver["votes"]]
    return {
        "silver": list(read_votes(corpora / silver["texts"], votes, silver["agree"], lexicon)),
        "silver-types": list(read_typed_texts(corpora / silver["types"], lexicon)),
    }


def _without_leaks(
    trains: dict[str, list[Document]], devs: dict[str, list[Document]]
) -> tuple[dict[str, list[Document]], dict[str, Counter[str]]]:
    index = Index(near=_NEAR)
    for name, documents in devs.items():
        for number, document in enumerate(documents):
            index.add(Item(document.text, f"{name}-dev", number))
    kept: dict[str, list[Document]] = {}
    leaks: dict[str, Counter[str]] = {}
    for name, documents in trains.items():
        kept[name], leaks[name] = [], Counter(kept=0)
        for number, document in enumerate(documents):
            found = index.find(Item(document.text, name, number))
            leaks[name][found.kind if found else "kept"] += 1
            if found is None:
                kept[name].append(document)
    return kept, leaks


def _rename(document: Document, names: dict[str, str]) -> Document:
    entities = tuple(
        msgspec.structs.replace(entity, type=names[entity.type])
        for entity in document.entities
        if entity.type in names
    )
    return msgspec.structs.replace(document, entities=entities)


def _write_characters(
    recipe: Recipe, corpora: Path, trains: dict[str, list[Document]], work: Path
) -> None:
    counts: Counter[str] = Counter()
    for documents in trains.values():
        for document in documents:
            counts.update(document.text)
    kept = {c for c, n in counts.items() if n >= recipe.vocabulary["least"]}
    raw: Counter[str] = Counter()
    sample: list[str] = []
    for path in recipe.vocabulary["raw"]:
        for number, line in read_lines(corpora / path):
            text = line.decode("utf-8", "replace")
            raw.update(text)
            if number % 20 == 0:
                sample.append(text)
    kept |= {c for c, n in raw.items() if n >= recipe.vocabulary["raw_least"]}
    kept |= set(COPY_INSTRUCTION) | set(MARKS) | set("实体关系事件触发词\n⟦⟧\\")
    order = sorted(kept, key=lambda c: (-counts[c], c))
    (work / "characters.json").write_text(json.dumps(order, ensure_ascii=False), encoding="utf-8")
    (work / "running.txt").write_text("".join(sample)[:2_000_000], encoding="utf-8")


def _clean_lines(
    files: dict[str, int], corpora: Path, devs: dict[str, list[Document]]
) -> tuple[list[str], Counter[str]]:
    """Return every n-th line of each file, and how many were kept.

    Left out: lines with a beginning seen before, and lines that share a run of characters
    with a dev text.
    """
    runs = {
        document.text[at : at + _RUN]
        for documents in devs.values()
        for document in documents
        for at in range(len(document.text) - _RUN + 1)
    }
    lines: dict[str, str] = {}
    counts: Counter[str] = Counter(kept=0, run=0)
    for path, every in files.items():
        for number, line in read_lines(corpora / path):
            text = line.decode("utf-8", "replace").strip()
            if number % every or text[:_BEGINNING] in lines:
                continue
            is_leak = any(text[at : at + _RUN] in runs for at in range(len(text) - _RUN + 1))
            counts["run" if is_leak else "kept"] += 1
            if not is_leak:
                lines[text[:_BEGINNING]] = text
    return list(lines.values()), counts
