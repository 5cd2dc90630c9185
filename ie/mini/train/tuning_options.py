"""What tuning the embedded model is told: `chinchilla train` with `model: {base: mini}`."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Annotated

from msgspec import Meta

from chinchilla.data.configuration import Problem
from chinchilla.engines.open import MINI
from chinchilla.mini.weights import is_reader

AtLeastOne = Annotated[int, Meta(ge=1)]
AboveNothing = Annotated[float, Meta(gt=0)]


@dataclass(frozen=True)
class BaseOptions:
    """The model to start from: `mini`, or the folder of one that was tuned before."""

    base: str = MINI


@dataclass(frozen=True)
class DocumentOptions:
    """Annotated documents.

    `corpus` names the converter that reads the files (null: documents as `chinchilla data convert`
    writes them). `dev_fraction` of the training documents is kept aside where no `dev` file is given.
    `schema` is a built-in name or a file (null: what the documents hold).
    """

    train: tuple[str, ...] = ()
    dev: tuple[str, ...] = ()
    dev_fraction: Annotated[float, Meta(gt=0, lt=1)] = 0.2
    corpus: str | None = None
    schema: str | None = None


@dataclass(frozen=True)
class TuningOptions:
    """How long and how fast.

    Training stops after `minutes`, after `rounds` over the documents, or after `patience` rounds without
    a better F1. The embeddings and the `frozen_layers` lowest layers stay as they are.
    `batch_characters` counts padding too.
    """

    minutes: AboveNothing = 8.0
    rounds: AtLeastOne = 40
    patience: AtLeastOne = 4
    learning_rate: AboveNothing = 1.5e-4
    head_learning_rate: AboveNothing = 5e-4
    frozen_layers: Annotated[int, Meta(ge=0)] = 2
    batch_characters: AtLeastOne = 1000
    threads: AtLeastOne = 2
    seed: int = 1


@dataclass(frozen=True)
class TuneConfig:
    """A whole run; `output` is the run folder, which `--model` takes."""

    output: str = ""
    model: BaseOptions = field(default_factory=BaseOptions)
    data: DocumentOptions = field(default_factory=DocumentOptions)
    training: TuningOptions = field(default_factory=TuningOptions)


def is_embedded(base: object) -> bool:
    """Return whether a base is the embedded model, or one tuned from it."""
    return base == MINI or (isinstance(base, str) and base != "" and is_reader(Path(base)))


def folder_of(base: str) -> Path:
    """Return the folder of the model to start from."""
    return Path(str(resources.files("chinchilla").joinpath("mini"))) if base == MINI else Path(base)


def mistakes(config: TuneConfig) -> Iterator[Problem]:
    """Find what is missing and which files do not exist."""
    if not config.output:
        yield "output", "missing; name the run folder"
    elif Path(config.output).resolve() == folder_of(config.model.base).resolve():
        yield "output", "is the model to start from; name another folder"
    if not config.data.train:
        yield "data.train", "missing; name at least one file of annotated documents"
    for part in ("train", "dev"):
        for name in getattr(config.data, part):
            if not Path(name).is_file():
                yield f"data.{part}", f"no such file {name!r}"
