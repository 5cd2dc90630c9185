"""The recipe of the embedded model, stage by stage: prepare, train, export.

The tagger that marks names in the text is tuned first, and marks the texts that it was tuned on too:
after so few epochs it hardly knows them better than others (see the card).
"""

import dataclasses
import hashlib
import json
import random
import shutil
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import partial
from itertools import islice, starmap
from pathlib import Path
from typing import Any

import msgspec

from chinchilla import converters, hints
from chinchilla.data import Document
from chinchilla.engines import TAGGER_FILE, write_style
from chinchilla.errors import ConfigError, near_miss
from chinchilla.formats import EMPTY, Item, extraction_items, label_text, serialise
from chinchilla.instructions import duplicates
from chinchilla.instructions.options import BuildOptions
from chinchilla.instructions.records import Record, build_records
from chinchilla.instructions.substitute import pools, substitute
from chinchilla.jsonl import read_lines, read_values, write_documents, write_values
from chinchilla.prompt import STYLE_FILE, PromptStyle, render_prompt
from chinchilla.schema import Schema, read_schema
from chinchilla.tagger import write_weights
from chinchilla.text import windows
from chinchilla.yaml_file import read_yaml

from .curriculum import COPY_INSTRUCTION, MARKS, copy_example, copy_instruction
from .scratch import ModelShape, Scratch, ScratchConfig, Source
from .scratch_tokenizer import EOS, build_tokenizer
from .silver import read_typed_texts, read_votes, trigger_lexicon
from .tagger import Tuning, lesson, made_eager, tune
from .warm_start import warm_start

# Smallest Jaccard similarity of three-character shingles to a dev text that keeps a text out.
_NEAR = 0.8
# Characters in a row that raw text may not share with a dev text; characters of a line's beginning.
_RUN, _BEGINNING = 24, 40
# Not `raw.txt`, which a folder of corpora may hold.
_RAW_FILE = "raw-text.txt"

# Documents by corpus; strings by corpus and kind.
_Corpora = dict[str, list[Document]]
_Strings = dict[str, dict[str, list[str]]]


class Recipe(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The contents of configs/mini.yaml; every part is explained there."""

    style: dict[str, Any]
    corpora: dict[str, dict[str, Any]]
    build: dict[str, Any]
    weights: dict[str, float]
    vocabulary: dict[str, Any]
    shape: dict[str, Any]
    train: dict[str, Any]
    more: dict[str, Any] = {}
    tagger: Tuning | None = None
    silver: dict[str, Any] = {}
    unseen: dict[str, dict[str, Any]] = {}
    renamed: dict[str, dict[str, str]] = {}
    substitute: dict[str, Any] = {}
    raw: dict[str, int] = {}
    follow: dict[str, int] = {}
    calibrate: tuple[str, ...] = ()
    seed: int = 0


def read_recipe(path: Path) -> Recipe:
    """Read the YAML of a recipe.

    Raises:
        ConfigError: missing file, invalid YAML, unknown key or wrong type.
    """
    try:
        return msgspec.convert(read_yaml(path, "configs"), Recipe)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{path}: {error}") from None


def prepare(recipe: Recipe, corpora: Path, work: Path) -> dict[str, int]:
    """Convert the corpora, keep dev texts out, write records; return the records per source.

    Texts that are near duplicates of any dev text (see `instructions.duplicates`) are dropped
    from training, and counted in `leaks.json`, as are lines of raw text that share a run of
    24 characters with one.
    """
    (work / "docs").mkdir(parents=True, exist_ok=True)
    (work / "records").mkdir(exist_ok=True)
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
    if recipe.tagger:
        _tune_tagger(recipe, recipe.tagger, trains, work)
    style = _style(recipe, work)
    counts = {}
    found = {name: pools(documents) for name, documents in trains.items()}
    for name in recipe.weights:
        if name in trains:
            counts[name] = write_values(
                work / "records" / f"{name}.jsonl",
                _all_records(name, trains[name], found, recipe, style),
            )
    _write_characters(recipe, corpora, trains, work)
    if recipe.raw:
        leaks["raw"] = _write_raw(recipe, corpora, devs, work)
    for name, most in recipe.follow.items():
        schema = _schema_of(name, trains[name], recipe)
        counts[f"{name}-follow"] = write_values(
            work / "records" / f"{name}-follow.jsonl",
            _follow_records(f"{name}-follow", schema, most, recipe, style, work),
        )
    (work / "leaks.json").write_text(json.dumps(leaks, indent=1), encoding="utf-8")
    if "copy" in recipe.weights:
        counts["copy"] = write_values(work / "records" / "copy.jsonl", _copy_records(recipe, work))
    return counts


def train(recipe: Recipe, work: Path, start: Path | None = None) -> None:
    """Train, or go on training, in `work/run`.

    `start` is a folder with a converted model of the same shape, to begin with instead of random
    weights and copying; `recipe.more` then changes the settings of the training.

    Raises:
        ConfigError: that model is missing or of another shape, or `work/run` was begun otherwise.
    """
    characters = json.loads((work / "characters.json").read_text(encoding="utf-8"))
    tokenizer = build_tokenizer(characters, _labels(recipe))
    sources = {
        name: Source((str(work / "records" / f"{name}.jsonl"),), weight)
        for name, weight in recipe.weights.items()
    }
    settings = recipe.train | (recipe.more if start is not None else {})
    config = ScratchConfig(
        sources=sources, shape=ModelShape(**recipe.shape), seed=recipe.seed, **settings
    )
    run = Scratch(config, tokenizer, work / "run")
    start_hash = None if start is None else _hash(start / "model.bin")
    if run.is_resumed:
        _check_start(work / "run", start_hash)
    elif start is not None:
        new = warm_start(run.model, tokenizer, start)
        run.copy_step = config.copy_steps
        run.log(stage="start", model=str(start), new_tokens=new)
    (work / "run" / "config.json").write_text(
        json.dumps(
            {"start": start_hash, **dataclasses.asdict(config)}, ensure_ascii=False, indent=1
        ),
        encoding="utf-8",
    )
    running = (work / "running.txt").read_text(encoding="utf-8")
    raw = (work / _RAW_FILE).read_text(encoding="utf-8") if recipe.raw else ""
    run.train(running, characters, _labels(recipe), raw)


def _hash(path: Path) -> str:
    if not path.is_file():
        raise ConfigError(f"{path}: no such file; --start takes the folder of a converted model")
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _check_start(folder: Path, start_hash: str | None) -> None:
    """Refuse to go on with a run that was begun otherwise than is asked for now."""
    begun = json.loads((folder / "config.json").read_text(encoding="utf-8")).get("start")
    if begun != start_hash:
        names = [hash[:12] if hash else "random weights" for hash in (begun, start_hash)]
        raise ConfigError(
            f"{folder}: was begun with {names[0]}, now asked for {names[1]} (sha256 of model.bin); "
            "give the same --start, or another --work"
        )


def export(recipe: Recipe, work: Path, output: Path) -> int:
    """Convert the trained model to CTranslate2 int8 with its prompt style; return the bytes.

    Exports `work/run/model` if the run has ended, and the last saved state otherwise.
    """
    from ctranslate2.converters import TransformersConverter

    folder = work / "run" / "model"
    if not (folder / "model.safetensors").is_file():
        characters = json.loads((work / "characters.json").read_text(encoding="utf-8"))
        config = ScratchConfig(sources={}, shape=ModelShape(**recipe.shape))
        tokenizer = build_tokenizer(characters, _labels(recipe))
        folder = work / "run" / "snapshot"
        Scratch(config, tokenizer, work / "run").save_model(folder)
    TransformersConverter(str(folder)).convert(str(output), quantization="int8", force=True)
    _name_tokens(output / "config.json")
    shutil.copy(folder / "tokenizer.json", output / "tokenizer.json")
    write_style(dataclasses.replace(_style(recipe, work), trained=_trained(work)), output)
    return sum(file.stat().st_size for file in output.iterdir())


def _name_tokens(path: Path) -> None:
    """Give the converter's special tokens names: CTranslate2 reads no nulls, and uses only eos."""
    value = json.loads(path.read_text(encoding="utf-8"))
    named = {
        key: EOS if item is None and key.endswith("_token") else item for key, item in value.items()
    }
    path.write_text(json.dumps(named, indent=1) + "\n", encoding="utf-8")


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
    index = duplicates.Index(near=_NEAR)
    for name, documents in devs.items():
        for number, document in enumerate(documents):
            index.add(duplicates.Item(document.text, f"{name}-dev", number))
    kept: dict[str, list[Document]] = {}
    leaks: dict[str, Counter[str]] = {}
    for name, documents in trains.items():
        kept[name], leaks[name] = [], Counter(kept=0)
        for number, document in enumerate(documents):
            found = index.find(duplicates.Item(document.text, name, number))
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


def _style(recipe: Recipe, work: Path) -> PromptStyle:
    """Return the style of the recipe, whose hints are those of the tuned tagger if it has one."""
    value = recipe.style | ({"hints": TAGGER_FILE} if recipe.tagger else {})
    return PromptStyle.from_dict(value, str(work / STYLE_FILE))


def _tune_tagger(recipe: Recipe, tuning: Tuning, trains: _Corpora, work: Path) -> None:
    """Tune the tagger, or keep the one that was tuned on the same."""
    settings = tuning.train | {"seed": recipe.seed}
    lessons = {}
    for name, times in tuning.heads.items():
        if unknown := sorted(times.keys() - trains.keys()):
            raise ConfigError(
                f"tagger, head {name}: to be tuned on no corpus {unknown[0]!r}"
                f"{near_miss(unknown[0], trains)}"
            )
        first = next(iter(times))
        schema = _schema_of(first, trains[first], recipe)
        documents = [document for corpus in times for document in trains[corpus] * times[corpus]]
        lessons[name] = lesson(documents, schema, schema.tasks[0])
    parts = settings, tuning.eager, lessons
    made = hashlib.sha256(msgspec.json.encode(parts)).hexdigest()
    file, done = work / TAGGER_FILE, work / "tagger.sha256"
    if file.is_file() and done.is_file() and done.read_text("ascii") == made:
        return
    done.unlink(missing_ok=True)
    log = partial(_log, work / "tagger.jsonl")
    write_weights(file, made_eager(tune(lessons, **settings, log=log), tuning.eager))
    done.write_text(made, "ascii")


def _log(path: Path, **values: Any) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps({"time": time.strftime("%H:%M:%S"), **values}) + "\n")


def _all_records(
    name: str, documents: list[Document], found: _Strings, recipe: Recipe, style: PromptStyle
) -> Iterator[Record]:
    """Yield the records of a corpus, and those with other names in its documents."""
    schema = _schema_of(name, documents, recipe)
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
    changed = (substitute(document, found[name], alike, share, rng) for document in documents)
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
    labels = _labels(recipe)
    for number in range(recipe.build["copies"]):
        text, answer = copy_example(rng, rng.randint(10, 200), characters, running)
        instruction = copy_instruction(rng, labels)
        yield Record(instruction, text, answer, f"copy-{number}", "copy", "copy", (), "zh")


def _schema_of(name: str, documents: list[Document], recipe: Recipe) -> Schema:
    if name.endswith("-news"):
        names = tuple(dict.fromkeys(recipe.renamed[name.removesuffix("-news")].values()))
        return read_schema("news").select("ner", names)
    corpus = recipe.corpora.get(name, {})
    schema = read_schema(corpus.get("converter", "duee"))
    if not corpus.get("only_present"):
        return schema
    present = {relation.type for document in documents for relation in document.relations}
    return schema.select("re", [item.label for item in schema.relations if item.name in present])


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
    name: str, schema: Schema, most: int, recipe: Recipe, style: PromptStyle, work: Path
) -> Iterator[Record]:
    """Records of raw text whose answers are the names that are marked in it.

    The model knows the texts of the corpora by heart sooner than it learns to trust the marks.
    """
    marker, names = hints.marker(style.hints), tuple(item.label for item in schema.entities)
    pieces = (
        hints.Reading(line[start:end], "ner", schema)
        for line in (work / _RAW_FILE).read_text(encoding="utf-8").splitlines()
        for start, end in windows(line, style.window.get("ner", len(line)))
    )

    def record(number: int, piece: hints.Reading) -> Record:
        prompt = render_prompt("ner", schema, piece.text, style)
        items = [
            Item("ner", kind, piece.text[start:end]) for start, end, kind in marker.words(*piece)
        ]
        answer = serialise(items, style.format, ("ner",))
        given = prompt.instruction, prompt.input, answer
        return Record(*given, f"{name}-{number}", "ner", name, names, "zh")

    made = starmap(record, enumerate(marker.ahead(islice(pieces, most), lambda piece: [piece])))
    return _fewer_empty(made, recipe.build["empty_kept"], recipe.seed)


def _labels(recipe: Recipe) -> list[str]:
    """Return every label that prompts and answers of the trained schemas can hold, in marks."""
    names = dict.fromkeys(corpus["converter"] for corpus in recipe.corpora.values())
    labels: dict[str, None] = {EMPTY: None}
    for name in [*names, "news"]:
        schema = read_schema(name)
        for task in schema.tasks:
            labels |= {label_text(item.label): None for item in schema.types(task)}
        for relation in schema.relations:
            labels |= {label_text(slot): None for slot in relation.qualifiers}
        for event in schema.events:
            labels |= {label_text(role.name): None for role in event.roles}
    return list(labels | dict.fromkeys((label_text(hints.SUBJECT), hints.END)))


def _trained(work: Path) -> dict[str, list[str]]:
    labels: dict[str, set[str]] = {}
    for path in sorted((work / "records").glob("*.jsonl")):
        for _, row in read_values(path, Record):
            if row.schema:
                labels.setdefault(row.task, set()).update(row.schema)
    return {task: sorted(names) for task, names in sorted(labels.items())}


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


def _write_raw(
    recipe: Recipe, corpora: Path, devs: dict[str, list[Document]], work: Path
) -> Counter[str]:
    """Write the raw text, every n-th line of each file, in random order to `raw-text.txt`.

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
    for path, every in recipe.raw.items():
        for number, line in read_lines(corpora / path):
            text = line.decode("utf-8", "replace").strip()
            if number % every or text[:_BEGINNING] in lines:
                continue
            is_leak = any(text[at : at + _RUN] in runs for at in range(len(text) - _RUN + 1))
            counts["run" if is_leak else "kept"] += 1
            if not is_leak:
                lines[text[:_BEGINNING]] = text
    kept = list(lines.values())
    random.Random(f"{recipe.seed}/raw").shuffle(kept)
    (work / _RAW_FILE).write_text("\n".join(kept), encoding="utf-8")
    return counts
