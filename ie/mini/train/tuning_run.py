"""A run that tunes the embedded model: documents in, a run folder out, which `--model` takes.

config.yaml, data.json, environment.json   as in any run
metrics.jsonl      one line a round: step, loss, eval_f1, minutes; step 0 is the model before
curves.png         loss and F1 over the rounds
README.md          the card
reader.json …      the model
"""

import json
import os
import random
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from chinchilla.data.documents import Document
from chinchilla.data.schema import Schema, read_schema
from chinchilla.errors import ConfigError, InputError
from chinchilla.files.jsonl import read_documents
from chinchilla.instructions.derive import derive_schema
from chinchilla.mini.weights import FILE
from chinchilla.train.card import CARD_FILE, write_plot
from chinchilla.train.reading import config_to_yaml
from chinchilla.train.run import METRICS_FILE, PLOT_FILE, open_run, write_manifest

from .tuning_options import TuneConfig, folder_of

Report = Callable[[str], None]
_FEWEST = 5


class Data:
    """The documents of a run, and the schema that they are tuned on."""

    def __init__(self, train: list[Document], dev: list[Document], schema: Schema) -> None:
        self.train = train
        self.dev = dev
        self.schema = schema

    def counts(self) -> dict[str, int]:
        """Return how many documents and types there are."""
        schema = self.schema
        return {
            "documents to learn from": len(self.train),
            "documents kept aside": len(self.dev),
            "types": len(schema.entities) + len(schema.relations) + len(schema.events),
        }


def read_data(config: TuneConfig) -> Data:
    """Read the documents of a run and keep a part aside.

    Raises:
        InputError: a file cannot be read, the documents are too few, or hold nothing of the schema.
        SchemaError: the schema is wrong.
    """
    told = config.data
    train = list(_documents(told.train, told.corpus))
    dev = list(_documents(told.dev, told.corpus))
    if len(train) + len(dev) < _FEWEST or not train:
        raise InputError(
            f"{len(train) + len(dev)} documents to tune on; expected at least {_FEWEST}, "
            "and some dozens for a use"
        )
    schema = read_schema(told.schema) if told.schema else derive_schema([*train, *dev], "own")
    if not dev:
        random.Random(config.training.seed).shuffle(train)
        aside = max(1, round(len(train) * told.dev_fraction))
        train, dev = train[aside:], train[:aside]
    if not any(_is_of(document, schema) for document in train):
        name = told.schema or "the documents"
        raise InputError(f"{name}: no document holds an annotation of its types; nothing to learn")
    return Data(train, dev, schema)


def _documents(paths: Sequence[str], corpus: str | None) -> Iterator[Document]:
    if corpus is None:
        for path in paths:
            yield from read_documents(path)
    elif paths:
        from chinchilla import converters

        yield from converters.read(corpus, paths)


def _is_of(document: Document, schema: Schema) -> bool:
    """Return whether a document holds anything of the types of a schema."""
    return (
        any(entity.type in schema.entity_by_label for entity in document.entities)
        or any(
            relation.type in {r.name for r in schema.relations} for relation in document.relations
        )
        or any(event.type in schema.event_by_label for event in document.events)
    )


def run(config: TuneConfig, data: Data, *, force: bool = False, report: Report = print) -> Path:
    """Tune as told and write the run folder; return it.

    Raises:
        ConfigError: the folder holds a run, and `force` was not given.
        ModelError: the model to start from cannot be read.
    """
    from .reader_folder import export
    from .tune import tune

    told: Any = config
    out, base = Path(config.output), folder_of(config.model.base)
    if (out / METRICS_FILE).is_file() and not force:
        raise ConfigError(f"{out}: holds a run; pass --force to start over, or name another output")
    open_run(told, resume=False, force=True)
    manifest = write_manifest(told, data.counts(), resume=False)
    metrics: list[dict[str, Any]] = []
    (out / METRICS_FILE).write_text("", encoding="utf-8")

    def note(line: dict[str, Any]) -> None:
        metrics.append(line)
        with (out / METRICS_FILE).open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        report(_told(line))

    tuned = tune(data.train, data.dev, data.schema, base, config.training, note)
    part = out / "model.part"
    export(
        part,
        tuned.model,
        tuned.characters,
        tuned.words,
        tuned.rules,
        known=tuned.words.known(),
        trained=tuned.met,
    )
    for path in sorted(part.iterdir(), key=lambda path: path.name == FILE):
        os.replace(path, out / path.name)
    part.rmdir()
    write_plot(metrics, out / PLOT_FILE)
    figures = {"F1 before": tuned.before, "F1 after": tuned.after, "rounds": tuned.rounds}
    figures |= {"minutes": tuned.minutes, **{f"F1, {k}": v for k, v in tuned.table.items()}}
    _write_card(config, manifest, figures, out)
    report(
        f"F1 on {len(data.dev)} documents kept aside: {tuned.before:.3f} before, {tuned.after:.3f} after"
    )
    return out


def _told(line: dict[str, Any]) -> str:
    if not line["step"]:
        return f"F1 {line['eval_f1']:.3f} before"
    best = ", best so far" if line["best"] else ""
    return (
        f"round {line['step']}: loss {line['loss']:.2f}, F1 {line['eval_f1']:.3f}{best}, "
        f"{line['minutes']:.1f} of at most {line['most']:g} minutes"
    )


def _write_card(
    config: TuneConfig, manifest: dict[str, Any], figures: dict[str, float], folder: Path
) -> None:
    shown = [f"| {name} | {value:.3f} |" for name, value in figures.items()]
    files = [
        f"| {part}: {Path(name).name} | {digest[:16]} |"
        for part in ("train", "dev")
        for name, digest in manifest[part].items()
    ]
    lines = [
        f"# The embedded model, tuned from {config.model.base}",
        "",
        "Made by `chinchilla train`; ask it through `chinchilla extract --model`.",
        "The licences of the model that it started from and of the data below apply.",
        "",
        "| file | SHA-256 |",
        "|---|---|",
        *files,
        "",
        "F1 on the documents kept aside. They chose the best round and the thresholds, so the figures",
        "after are somewhat too good.",
        "",
        "| figure | value |",
        "|---|---|",
        *shown,
        "",
        "```yaml",
        config_to_yaml(config).rstrip(),  # type: ignore[arg-type]
        "```",
        "",
    ]
    (folder / CARD_FILE).write_text("\n".join(lines), encoding="utf-8")
