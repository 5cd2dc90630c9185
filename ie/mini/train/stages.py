"""The recipe of the embedded model, stage by stage: prepare, train, export.

The tagger that marks names in the text is tuned first, and marks the texts that it was tuned on too.
It knows them better than others, though not by heart as the model soon does.
"""

import dataclasses
import hashlib
import json
import shutil
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from chinchilla.engines.open import TAGGER_FILE, write_style
from chinchilla.errors import ConfigError
from chinchilla.files.jsonl import read_lines, read_values
from chinchilla.instructions.records import Record
from chinchilla.mini.tagger import Weights, jieba_weights, read_weights, write_weights

from .pair_vectors import Pairs, learn_pairs
from .recipe import Recipe, check_recipe, labels_of, schema_of, style_of
from .recipe_records import write_records
from .recipe_texts import PAIRS_FILE, RAW_FILE, Corpora, write_texts
from .scratch import ModelShape, Scratch, ScratchConfig, Source
from .scratch_tokenizer import EOS, build_tokenizer
from .tune_tagger import Tuning, go_on, lesson, made_eager, slim, with_pairs
from .warm_start import warm_start


def prepare(recipe: Recipe, corpora: Path, work: Path) -> dict[str, int]:
    """Convert the corpora, keep dev texts out, write records; return the records per source.

    Texts that are near duplicates of any dev text (see `instructions.duplicates`) are dropped
    from training, and counted in `leaks.json`, as are lines of raw text that share a run of
    24 characters with one.

    Raises:
        ConfigError: the recipe names what it does not hold.
    """
    check_recipe(recipe)
    trains = write_texts(recipe, corpora, work)
    if recipe.tagger:
        _tune_tagger(recipe, recipe.tagger, trains, work)
    return write_records(recipe, trains, style_of(recipe, work), work)


def train(recipe: Recipe, work: Path, start: Path | None = None) -> None:
    """Train, or go on training, in `work/run`.

    `start` is a folder with a converted model of the same shape, to begin with instead of random
    weights and copying; `recipe.more` then changes the settings of the training, and the model is the
    mean of its weights and the trained ones, `recipe.start_share` of them its.

    Raises:
        ConfigError: that model is missing or of another shape, or `work/run` was begun otherwise.
    """
    characters = json.loads((work / "characters.json").read_text(encoding="utf-8"))
    tokenizer = build_tokenizer(characters, labels_of(recipe))
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
    raw = (work / RAW_FILE).read_text(encoding="utf-8") if recipe.raw else ""
    run.train(running, characters, labels_of(recipe), raw)
    if start is not None and recipe.start_share:
        _mix_with_start(run, start, recipe.start_share)


def _mix_with_start(run: Scratch, start: Path, share: float) -> None:
    """Save the mean of the trained weights and those that the training began with.

    What was learnt in between is kept, what was known before is not lost (Wortsman et al. 2022,
    "Robust fine-tuning of zero-shot models").
    """
    import torch

    # Parameters, not the state: there the tied embeddings have two names.
    trained = {name: value.detach().clone() for name, value in run.model.named_parameters()}
    warm_start(run.model, run.tokenizer, start)
    with torch.no_grad():
        for name, value in run.model.named_parameters():
            value.lerp_(trained[name], 1 - share)
    run.save_model(run.folder / "model")


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
        tokenizer = build_tokenizer(characters, labels_of(recipe))
        folder = work / "run" / "snapshot"
        Scratch(config, tokenizer, work / "run").save_model(folder)
    TransformersConverter(str(folder)).convert(str(output), quantization="int8", force=True)
    _name_tokens(output / "config.json")
    shutil.copy(folder / "tokenizer.json", output / "tokenizer.json")
    write_style(dataclasses.replace(style_of(recipe, work), trained=_trained(work)), output)
    return sum(file.stat().st_size for file in output.iterdir())


def _name_tokens(path: Path) -> None:
    """Give the converter's special tokens names: CTranslate2 reads no nulls, and uses only eos."""
    value = json.loads(path.read_text(encoding="utf-8"))
    named = {
        key: EOS if item is None and key.endswith("_token") else item for key, item in value.items()
    }
    path.write_text(json.dumps(named, indent=1) + "\n", encoding="utf-8")


def _tune_tagger(recipe: Recipe, tuning: Tuning, trains: Corpora, work: Path) -> None:
    """Tune the tagger, or keep the one that was tuned on the same."""
    lessons = {}
    for name, times in tuning.heads.items():
        first = next(iter(times))
        schema = schema_of(first, trains[first], recipe)
        documents = [document for corpus in times for document in trains[corpus] * times[corpus]]
        lessons[name] = lesson(documents, schema, schema.tasks[0])
    pairs = _pairs(tuning, trains, work, recipe.seed)
    read = [] if pairs is None else [array.tobytes() for array in pairs]
    log = partial(_log, work / "tagger.jsonl")
    told: tuple[Any, ...] = (lessons, read)
    tuned = with_pairs(jieba_weights(), pairs)
    for body, part in tuning.bodies.items():
        settings = part.train | {"seed": recipe.seed}
        told = (*told, body, part.heads, settings)
        grow = partial(go_on, tuned, lessons, body, part.heads, **settings, log=log)
        tuned = _kept(work / f"tuned-{body}.weights", told, grow)
    tuned = slim(tuned, None if pairs is None else pairs.seen)
    write_weights(work / TAGGER_FILE, made_eager(tuned, tuning.eager))


def _kept(path: Path, told: Any, make: Callable[[], Weights]) -> Weights:
    """Return what a file holds if it was made of the same, else make it."""
    made, done = hashlib.sha256(msgspec.json.encode(told)).hexdigest(), path.with_suffix(".sha256")
    if not (path.is_file() and done.is_file() and done.read_text("ascii") == made):
        done.unlink(missing_ok=True)
        write_weights(path, make())
        done.write_text(made, "ascii")
    return read_weights(path)


def _pairs(tuning: Tuning, trains: Corpora, work: Path, seed: int) -> Pairs | None:
    """Return the pairs of characters that the tagger reads, of raw text and training texts."""
    if not tuning.pairs:
        return None
    texts = [line.decode("utf-8") for _, line in read_lines(work / PAIRS_FILE)]
    texts += [document.text for documents in trains.values() for document in documents]
    return learn_pairs(texts, tuning.pairs, tuning.width, tuning.parts, seed)


def _log(path: Path, **values: Any) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps({"time": time.strftime("%H:%M:%S"), **values}) + "\n")


def _trained(work: Path) -> dict[str, list[str]]:
    labels: dict[str, set[str]] = {}
    for path in sorted((work / "records").glob("*.jsonl")):
        for _, row in read_values(path, Record):
            if row.schema:
                labels.setdefault(row.task, set()).update(row.schema)
    return {task: sorted(names) for task, names in sorted(labels.items())}
