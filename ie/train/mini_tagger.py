"""The tagger of the recipe: tuned body after body."""

import hashlib
import json
import random
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from chinchilla.engines import TAGGER_FILE
from chinchilla.jsonl import read_lines
from chinchilla.tagger import Weights, jieba_weights, read_weights, write_weights

from .mini_names import OtherNames
from .mini_texts import PAIRS_FILE, Corpora
from .pairs import Pairs, learn_pairs
from .recipe import Recipe, schema_of
from .tagger import Lesson, Tuning, go_on, lesson, made_eager, slim, with_pairs


def tune_tagger(recipe: Recipe, tuning: Tuning, trains: Corpora, work: Path) -> None:
    """Tune the tagger, or keep the bodies that were tuned on the same."""
    pairs = _pairs(tuning, trains, work, recipe.seed)
    log = partial(_log, work / "tagger.jsonl")
    names = OtherNames(recipe, trains)
    made = _digest([] if pairs is None else [array.tobytes() for array in pairs])
    tuned = with_pairs(jieba_weights(), pairs)
    for body, part in tuning.bodies.items():
        settings = part.train | {"seed": recipe.seed}
        rng = random.Random(f"{recipe.seed}/{body}/tagger")
        lessons = {
            head: _lesson(recipe, tuning.heads[head], trains, names, part.substitute, rng)
            for head in part.heads
        }
        made = _digest((made, body, lessons, settings))
        grow = partial(go_on, tuned, lessons, body, part.heads, **settings, log=log)
        tuned = _kept(work / f"tuned-{body}.weights", made, grow)
    tuned = slim(tuned, None if pairs is None else pairs.seen)
    write_weights(work / TAGGER_FILE, made_eager(tuned, tuning.eager))


def _lesson(
    recipe: Recipe,
    times: dict[str, int],
    trains: Corpora,
    names: OtherNames,
    share: float,
    rng: random.Random,
) -> Lesson:
    """Return what corpora teach a head, each so many `times`, a share with other names."""
    first = next(iter(times))
    schema = schema_of(first, trains[first], recipe)
    documents = [
        (is_other and names.changed(corpus, document, rng)) or document
        for corpus in times
        for document in trains[corpus] * times[corpus]
        for is_other in [names.has(corpus) and rng.random() < share]
    ]
    return lesson(documents, schema, schema.tasks[0])


def _digest(told: Any) -> str:
    return hashlib.sha256(msgspec.json.encode(told)).hexdigest()


def _kept(path: Path, made: str, make: Callable[[], Weights]) -> Weights:
    """Return what a file holds if it was made of the same, by its digest, else make it."""
    done = path.with_suffix(".sha256")
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
