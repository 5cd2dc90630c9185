"""The whole making of the embedded model, each stage resumed by the same call.

RUN/data             caches of the corpora (`sets`)
RUN/checkpoint.pt    the training (`loop`), beside log.jsonl
RUN/rules.json       thresholds, probabilities and F1 on dev documents (`calibrate`)
RUN/model            what ships, with its card
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from msgspec import Meta

from chinchilla.data.configuration import Problem, one_of
from chinchilla.errors import InputError
from chinchilla.mini.rules import Rules

from .model_card import write_card
from .sets import Catalogue, at_hand, read_catalogue, write_caches

Report = Callable[[str], None]
# Chosen on 300 texts of three corpora that it never met (CMeEE, CCKS2019, video-music-book; none of those
# that it is measured on): mean F1 0.304 without it, 0.323 with it. For triggers it is taken over from names.
UNMET = 1.0
LICENCES = ("permissive", "research", "unknown")


@dataclass(frozen=True)
class TrainingRecipe:
    """What the making is told.

    `base` is the packed file of multilingual-e5-small or its Hugging Face folder; `corpora` the folder
    of unpacked corpora; `run` the folder to work in; `data` that of the caches (empty: in the run
    folder). Corpora of other `licences` are left out, as are those that `only` does not name (empty:
    all). Training takes `minutes`; each of its `workers` has one thread. What is made of it is the mean of
    the last weights and those of `earlier` checkpoints, path to share; the last have the rest. Thresholds
    are chosen on `dev_documents` of each set of `known`; for `cautious` see `calibrate.choose`.
    """

    base: str = ""
    corpora: str = ""
    run: str = "runs/train-mini"
    data: str = ""
    licences: tuple[Annotated[str, one_of(LICENCES)], ...] = LICENCES
    only: tuple[str, ...] = ()
    minutes: Annotated[float, Meta(gt=0)] = 300.0
    layers: tuple[int, ...] = (0, 2, 4, 6, 8, 10)
    workers: Annotated[int, Meta(ge=1)] = 2
    earlier: dict[str, Annotated[float, Meta(ge=0, le=1)]] = field(default_factory=dict)
    dev_documents: Annotated[int, Meta(ge=1)] = 150
    known: tuple[str, ...] = ()
    cautious: tuple[str, ...] = ()

    @property
    def caches(self) -> Path:
        """The folder of the caches."""
        return Path(self.data) if self.data else Path(self.run) / "data"


def mistakes(recipe: TrainingRecipe) -> Iterator[Problem]:
    """Find what is missing."""
    if not Path(recipe.base).exists() or not recipe.base:
        yield "base", f"no such file or folder {recipe.base!r}; name the base weights"
    if not Path(recipe.corpora).is_dir() or not recipe.corpora:
        yield "corpora", f"no such folder {recipe.corpora!r}; name that of the corpora"


def make(recipe: TrainingRecipe, report: Report = print) -> Path:
    """Do what is not done yet; return the folder of the model.

    Raises:
        ConfigError: `only` names no set.
        InputError: a corpus or the base weights cannot be read.
    """
    catalogue = at_hand(read_catalogue(), Path(recipe.corpora))
    gather(recipe, catalogue, chosen(recipe, catalogue), report)
    train(recipe, report)
    return finish(recipe, report)


def finish(recipe: TrainingRecipe, report: Report = print) -> Path:
    """Make a model of the last checkpoint; return its folder.

    Raises:
        InputError: there is no checkpoint, no `earlier` one, or their shares leave nothing to the last.
    """
    if not (Path(recipe.run) / "checkpoint.pt").is_file():
        raise InputError(f"{recipe.run}: holds no checkpoint.pt; train first")
    for path in recipe.earlier:
        if not Path(path).is_file():
            raise InputError(f"{path}: no such checkpoint; `earlier` names files of this training")
    if (shares := sum(recipe.earlier.values())) >= 1:
        raise InputError(
            f"earlier: shares of {shares:g} in all; less than 1 leaves the last weights a share"
        )
    figures = calibrate(recipe, report)
    folder = Path(recipe.run) / "model"
    export(recipe, figures, folder)
    names = sorted(path.name.split(".")[0] for path in recipe.caches.glob("*.train.jsonl"))
    sets = read_catalogue().sets
    licences = {name: sets[name].licence if name in sets else "unknown" for name in names}
    write_card(folder, figures, licences)
    report(f"the model is in {folder}")
    return folder


def chosen(recipe: TrainingRecipe, catalogue: Catalogue) -> list[str]:
    """Return the names of the sets that may be used."""
    names = recipe.only or tuple(catalogue.sets)
    return [
        name
        for name in names
        if name not in catalogue.sets or catalogue.sets[name].licence in recipe.licences
    ]


def gather(
    recipe: TrainingRecipe, catalogue: Catalogue, names: Sequence[str], report: Report
) -> None:
    """Write the caches that are missing."""
    data = recipe.caches
    done = json.loads((data / "report.json").read_text("utf-8")) if _has(data) else {}
    left = [name for name in names if name not in done]
    if left:
        write_caches(Path(recipe.corpora), data, left, catalogue, report)


def _has(data: Path) -> bool:
    return (data / "report.json").is_file()


def train(recipe: TrainingRecipe, report: Report) -> None:
    """Train, or go on, until the minutes are done."""
    from .loop import TrainingPlan, run

    folder = Path(recipe.run)
    report(f"training for {recipe.minutes:g} minutes; see {folder / 'log.jsonl'}")
    plan = TrainingPlan(minutes=recipe.minutes)
    run(Path(recipe.base), recipe.caches, folder, plan, recipe.layers, recipe.workers)


def calibrate(recipe: TrainingRecipe, report: Report) -> dict[str, Any]:
    """Choose thresholds on dev documents, write `rules.json` and return what it holds."""
    from .calibrate import calibrate
    from .loop import trained
    from .reader_folder import trained_labels
    from .scores import reader_of

    run = Path(recipe.run)
    model, characters, words, seen = trained(run, recipe.earlier)
    known = [name for name in recipe.known if (recipe.caches / f"{name}.dev.jsonl").is_file()]
    labels = json.loads((recipe.caches / "labels.json").read_text(encoding="utf-8"))
    reader = reader_of(model, characters, words, trained=trained_labels(labels))
    sets = read_catalogue().sets
    schemas = {n: sets[n].rules_of or sets[n].schema if n in sets else "" for n in known}
    rules, errors, table = calibrate(
        reader, recipe.caches, schemas, recipe.dev_documents, recipe.cautious
    )
    rules.unmet = UNMET
    figures = {"rules": vars(rules), "error": errors, "f1": table, "characters": seen}
    text = json.dumps(figures, ensure_ascii=False, indent=1)
    (run / "rules.json").write_text(text + "\n", encoding="utf-8")
    for name, values in table.items():
        report(f"{name}: {', '.join(f'{kind} {f1:.3f}' for kind, f1 in values.items())}")
    return figures


def export(recipe: TrainingRecipe, figures: dict[str, Any], folder: Path) -> None:
    """Write the folder of the model."""
    from .loop import trained
    from .reader_folder import builtin_texts, export, trained_labels

    run = Path(recipe.run)
    model, characters, words, _ = trained(run, recipe.earlier)
    labels = json.loads((recipe.caches / "labels.json").read_text(encoding="utf-8"))
    export(
        folder,
        model,
        characters,
        words,
        Rules(**figures["rules"]),
        known=builtin_texts(),
        trained=trained_labels(labels),
    )
