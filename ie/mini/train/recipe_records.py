"""The records of the recipe: of gold and silver documents, of other names in them, of raw text."""

import json
import random
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from pathlib import Path

from chinchilla.data.documents import Document, Entity
from chinchilla.data.schema import Schema
from chinchilla.data.text import windows
from chinchilla.decoding.formats import EMPTY, extraction_items, serialise
from chinchilla.files.jsonl import write_values
from chinchilla.instructions.options import BuildOptions
from chinchilla.instructions.records import Record, build_records
from chinchilla.instructions.substitute import pools, substitute
from chinchilla.mini import hints
from chinchilla.mini.tagger import Word
from chinchilla.prompts.prompt import PromptStyle, render_prompt

from .curriculum import copy_example, copy_instruction
from .recipe import FOLLOW, Recipe, labels_of, schema_of
from .recipe_texts import RAW_FILE, Corpora

# Strings by corpus and kind.
_Strings = dict[str, dict[str, list[str]]]


def write_records(
    recipe: Recipe, trains: Corpora, style: PromptStyle, work: Path
) -> dict[str, int]:
    """Write the records of each source of the recipe; return how many."""
    (work / "records").mkdir(exist_ok=True)
    found = {name: pools(documents) for name, documents in trains.items()}
    counts = {}
    for name in recipe.weights:
        made: Iterable[Record]
        if name in trains:
            made = _all_records(name, trains[name], found, recipe, style)
        elif name == "copy":
            made = _copy_records(recipe, work)
        else:
            made = _follow_records(name, trains, recipe, style, work)
        counts[name] = write_values(work / "records" / f"{name}.jsonl", made)
    return counts


def _all_records(
    name: str, documents: list[Document], found: _Strings, recipe: Recipe, style: PromptStyle
) -> Iterator[Record]:
    """Yield the records of a corpus, and those with other names in its documents."""
    schema = schema_of(name, documents, recipe)
    if name == "silver-types":
        yield from _trigger_records(documents, schema, style)
        return
    yield from _records(documents, schema, recipe, style)
    if name in recipe.substitute.get("corpora", ()):
        yield from _substituted(name, documents, schema, found, recipe, style)


def _records(
    documents: list[Document], schema: Schema, recipe: Recipe, style: PromptStyle
) -> Iterator[Record]:
    for number in range(len(recipe.build["subset"])):
        options = BuildOptions(
            style=style,
            subset=recipe.build["subset"][number],
            shuffle=recipe.build["shuffle"][number],
            seed=recipe.seed + number,
        )
        built = build_records(documents, lambda _: schema, options)
        yield from _fewer_empty(built, recipe.build["empty_kept"], recipe.seed + number)


def _substituted(
    name: str,
    documents: list[Document],
    schema: Schema,
    found: _Strings,
    recipe: Recipe,
    style: PromptStyle,
) -> Iterator[Record]:
    """Records of the documents with other names in them; see `instructions.substitute`."""
    rng = random.Random(f"{recipe.seed}/{name}/substitute")
    share, alike = recipe.substitute["share"], _alike(found[name], found, recipe)
    times = recipe.substitute.get("times", {}).get(name, 1)
    changed = (
        substitute(document, found[name], alike, share, rng)
        for document in chain.from_iterable([documents] * times)
    )
    options = BuildOptions(style=style, shuffle=recipe.build["shuffle"][0], seed=recipe.seed)
    built = build_records((document for document in changed if document), lambda _: schema, options)
    return _fewer_empty(built, recipe.build["empty_kept"] / 2, recipe.seed)


def _alike(own: dict[str, list[str]], found: _Strings, recipe: Recipe) -> dict[str, list[str]]:
    """Return for each kind the strings that all corpora have of kinds alike."""
    alike: dict[str, list[str]] = {}
    for family in recipe.substitute.get("alike", ()):
        strings = {
            text for kinds in found.values() for kind in family for text in kinds.get(kind, ())
        }
        # Whole clauses and single characters are of one corpus alone.
        fit = sorted(text for text in strings if 2 <= len(text) <= 16)
        alike |= {kind: fit for kind in family if kind in own}
    return alike


def _fewer_empty(records: Iterable[Record], kept: float, seed: int) -> Iterator[Record]:
    """Keep a share of the records with an empty answer: most teach nothing that others do not."""
    rng = random.Random(f"{seed}/empty")
    return (record for record in records if record.output != EMPTY or rng.random() < kept)


def _copy_records(recipe: Recipe, work: Path) -> Iterator[Record]:
    """Copying among the records, so that it is not forgotten while meaning is learnt."""
    rng = random.Random(f"{recipe.seed}/copy-records")
    characters = json.loads((work / "characters.json").read_text(encoding="utf-8"))
    running = (work / "running.txt").read_text(encoding="utf-8")
    labels = labels_of(recipe)
    for number in range(recipe.build["copies"]):
        text, answer = copy_example(rng, rng.randint(10, 200), characters, running)
        instruction = copy_instruction(rng, labels)
        yield Record(instruction, text, answer, f"copy-{number}", "copy", "copy", (), "zh")


def _trigger_records(
    documents: Iterable[Document], schema: Schema, style: PromptStyle
) -> Iterator[Record]:
    """Records that ask for triggers alone: their arguments are unknown, not absent."""
    labels = tuple(item.label for item in schema.events)
    if style.hints:
        documents = hints.marker(style.hints).ahead(
            documents, lambda document: [hints.Reading(document.text, "ee", schema)]
        )
    for document in documents:
        prompt = render_prompt("ee", schema, document.text, style)
        items = extraction_items(document.extraction, schema, ("ee",))
        yield Record(
            prompt.instruction.replace("事件", "触发词", 1),
            prompt.input,
            serialise(items, style.format, ("ee",)),
            document.id,
            "ee",
            "duee",
            labels,
            "zh",
        )


def _follow_records(
    name: str, trains: Corpora, recipe: Recipe, style: PromptStyle, work: Path
) -> Iterator[Record]:
    """Records of raw text whose answers are the names that are marked in it.

    The model knows the texts of the corpora by heart sooner than it learns to trust the marks.
    """
    corpus = name.removesuffix(FOLLOW)
    schema = schema_of(corpus, trains[corpus], recipe)
    marker = hints.marker(style.hints)
    readings = (
        hints.Reading(line[start:end], "ner", schema)
        for line in (work / RAW_FILE).read_text(encoding="utf-8").split("\n")
        for start, end in windows(line, style.window.get("ner") or max(1, len(line)))
    )
    read = marker.ahead(islice(readings, recipe.follow[corpus]), lambda reading: [reading])
    documents = (
        Document(f"{name}-{number}", reading.text, entities, meta={"source": name, "lang": "zh"})
        for number, reading in enumerate(read)
        for entities in [_entities(reading.text, marker.words(*reading))]
    )
    built = build_records(documents, lambda _: schema, BuildOptions(style=style, tasks=("ner",)))
    return _fewer_empty(built, recipe.build["empty_kept"], recipe.seed)


def _entities(text: str, words: list[Word]) -> tuple[Entity, ...]:
    return tuple(Entity(kind, text[start:end], start, end) for start, end, kind in words)
