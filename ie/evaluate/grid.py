"""Run a benchmark grid: predict every cell once and score it; `grid_table` shows it.

    WORK/<corpus>/<model>/<prompt>.json         the cell: figures, command, date, hashes
                          <prompt>.jsonl        its predictions
                          <prompt>.error        what went wrong last time, if it did
                          <prompt>.<hash>.part  predictions of a run that was stopped

A cell whose inputs (data, schema, model files, settings, version) have not changed is not asked
again; a stopped one goes on after its last document. Another scorer needs no model.
"""

import os
import shlex
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from .. import __version__
from ..data.documents import Document
from ..data.schema import read_schema
from ..engines.open import open_engine
from ..engines.protocol import Engine
from ..engines.writer import Writer
from ..errors import ConfigError, InputError, near_miss
from ..files.jsonl import dumps, parse_document, read_documents, write_bytes
from ..pipeline import Extractor
from .evaluation import Evaluation, Options, evaluate, only_tasks
from .fingerprint import hash_file, hash_model, hash_value, package_versions
from .grid_config import Corpus, Grid, GridModel
from .scorers.by_name import find_scorers
from .scorers.uncertainty import SAMPLES

# Of the rules by which a figure is made: raised when they change, so that it is made anew.
_REVISION = 3
# Documents asked together, and so the most whose answers a stopped run loses.
_TOGETHER = 256


@dataclass(frozen=True, slots=True)
class GridOptions:
    """Which figure to show, and of which cells.

    `cells` (empty: all) are `corpus/model/prompt`; `command` is what a cell's own command begins
    with.
    """

    scorer: str = "strict"
    samples: int = SAMPLES
    seed: int = 0
    cells: Sequence[str] = ()
    command: str = "scripts/bench_models"


class Figure(msgspec.Struct, frozen=True):
    """F1 (macro where the scorer's literature reports that) and its 95 % bootstrap interval.

    The interval is None where there is one document only.
    """

    name: str
    value: float
    low: float | None
    high: float | None
    precision: float
    recall: float
    samples: int
    seed: int
    revision: int = 0


class Cell(msgspec.Struct, frozen=True, omit_defaults=True):
    """One mix of corpus, model and prompt, with what it gave or the error that stopped it.

    `inputs` is the hash of all that decides the predictions. `seconds` are those of asking in the
    run that ended it; `figures` are by scorer, None where a scorer does not apply to the corpus.
    """

    corpus: str
    model: str
    prompt: str
    command: str
    date: str
    inputs: str = ""
    data: str = ""
    weights: str = ""
    documents: int = 0
    seconds: float = 0.0
    versions: dict[str, str] = {}
    untrained: dict[str, list[str]] = {}
    rates: dict[str, Any] = {}
    figures: dict[str, Figure | None] = {}
    error: str = ""

    @property
    def name(self) -> str:
        """The cell as `corpus/model/prompt`."""
        return f"{self.corpus}/{self.model}/{self.prompt}"


def run_grid(
    grid: Grid,
    work: str | Path,
    options: GridOptions | None = None,
    *,
    done: Callable[[Cell], None] = lambda cell: None,
    open_model: Callable[[GridModel], Engine] | None = None,
) -> list[Cell]:
    """Run what is missing and return every cell asked for, in the order of the grid.

    `done` is told of each cell as soon as it is there. What goes wrong in a cell is kept in its
    `error`, and the others go on; such a cell is tried again by the next run.

    Raises:
        ConfigError: unknown scorer or cell.
    """
    options = options or GridOptions()
    find_scorers([options.scorer], [])
    run = _Run(grid, Path(work), options, open_model or _open)
    chosen = _chosen(grid, options.cells)
    cells = []
    try:
        for place in chosen:
            cell = run.cell(*place)
            done(cell)
            cells.append(cell)
    finally:
        run.close()
    return cells


class _Run:
    """A run in progress: the model loaded last is kept, as its cells stand together."""

    def __init__(
        self,
        grid: Grid,
        work: Path,
        options: GridOptions,
        open_model: Callable[[GridModel], Engine],
    ) -> None:
        self.grid, self.work, self.options = grid, work, options
        self.open_model = open_model
        self.engine: Engine | None = None
        self.loaded = ""
        self.hashes: dict[str, str] = {}

    def cell(self, corpus: str, model: str, prompt: str) -> Cell:
        """Return the finished cell, from its file if nothing has changed."""
        path = self.work / corpus / model / f"{prompt}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        cell = Cell(corpus, model, prompt, self._command(corpus, model, prompt), _now())
        try:
            cell = self._predicted(cell, path)
            _keep(cell, path)  # a failure to score must not cost the predictions
            cell = self._scored(cell, path)
        except Exception as error:  # one cell's failure, of whatever kind, must not end the grid
            reason = str(error).strip() or "no reason given"
            cell = msgspec.structs.replace(cell, error=f"{type(error).__name__}: {reason}")
        _keep(cell, path)
        return cell

    def close(self) -> None:
        """Free the model."""
        if self.engine is not None:
            self.engine.close()
        self.engine, self.loaded = None, ""

    def _predicted(self, cell: Cell, path: Path) -> Cell:
        """Return the cell with its predictions on disk, made now or earlier."""
        corpus, model = self.grid.corpora[cell.corpus], self.grid.models[cell.model]
        data = hash_file(corpus.gold)
        inputs = self._inputs(cell, data)
        if earlier := _finished(path, inputs):
            return msgspec.structs.replace(earlier, command=cell.command)
        extractor = self._extractor(cell)
        # Loading may have fetched a hub model, whose revision is known only now.
        inputs = self._inputs(cell, data)
        if earlier := _finished(path, inputs):
            return msgspec.structs.replace(earlier, command=cell.command)
        begin = time.perf_counter()
        count = _predict(extractor, corpus, path, inputs)
        return msgspec.structs.replace(
            cell,
            inputs=inputs,
            data=f"sha256:{data}",
            weights=self._weights(model),
            documents=count,
            seconds=round(time.perf_counter() - begin, 2),
            versions=package_versions(),
            untrained=extractor.untrained(),
        )

    def _scored(self, cell: Cell, path: Path) -> Cell:
        """Return the cell with the figure asked for, scored now unless it has it."""
        name = self.options.scorer
        known = cell.figures.get(name)
        if name in cell.figures and (
            known is None
            or (known.samples, known.seed, known.revision)
            == (self.options.samples, self.options.seed, _REVISION)
        ):
            return cell
        corpus = self.grid.corpora[cell.corpus]
        schema = read_schema(corpus.schema)
        wanted = Options(
            [name],
            schema,
            samples=self.options.samples,
            seed=self.options.seed,
            tasks=corpus.tasks,
        )
        gold = [only_tasks(document, corpus.tasks) for document in _gold(corpus)]
        if not find_scorers([name], gold)[0].applies(gold):
            return msgspec.structs.replace(cell, figures={**cell.figures, name: None})
        found = evaluate(
            gold,
            read_documents(_said(path)),
            wanted,
            gold_name=corpus.gold,
            predicted_name=str(_said(path)),
        )
        figure = _figure(found, self.options)
        if figure is None:
            raise InputError(f"{corpus.gold}: neither side holds an item that {name} scores")
        return msgspec.structs.replace(
            cell, figures={**cell.figures, name: figure}, rates=found.rates.to_dict()
        )

    def _inputs(self, cell: Cell, data: str) -> str:
        corpus, model = self.grid.corpora[cell.corpus], self.grid.models[cell.model]
        prompt = self.grid.prompts[cell.prompt]
        shown = hash_file(prompt.demonstrations) if prompt.demonstrations else ""
        asked = [corpus.tasks, corpus.limit, model.model, model.quantisation, prompt, shown]
        return hash_value(
            [data, read_schema(corpus.schema), self._weights(model), asked, __version__]
        )

    def _weights(self, model: GridModel) -> str:
        if self.hashes.get(model.model, "unseen") == "unseen":
            self.hashes[model.model] = hash_model(model.model)
        return self.hashes[model.model]

    def _engine(self, name: str) -> Engine:
        if self.engine is None or self.loaded != name:
            self.close()
            self.engine = self.open_model(self.grid.models[name])
            self.loaded = name
        return self.engine

    def _extractor(self, cell: Cell) -> Extractor:
        corpus, prompt = self.grid.corpora[cell.corpus], self.grid.prompts[cell.prompt]
        engine = self._engine(cell.model)
        if isinstance(engine, Writer):
            engine = replace(engine, style=prompt.style(engine.style))
        return Extractor(engine, corpus.schema, corpus.tasks or None, options=prompt.options())

    def _command(self, *place: str) -> str:
        options = self.options
        words = [self.grid.source, "--work", str(self.work), "--cell", "/".join(place)]
        words += ["--scorer", options.scorer, "--samples", str(options.samples)]
        return f"{options.command} {shlex.join([*words, '--seed', str(options.seed)])}"


def _figure(found: Evaluation, options: GridOptions) -> Figure | None:
    """Return the figure that the scorer's literature reports, None if there is nothing to score."""
    result = found.results[0]
    score, key, section, value = result.all, "f1", "all", result.all.f1
    if found.leader.lead == "macro":
        key, section = "macro_f1", found.leader.fields[0]
        macro = result.sections[section].macro if section in result.sections else None
        if macro is None:
            return None
        value = macro.f1
    elif not score.gold and not score.predicted:
        return None
    interval = found.intervals.get(section, {}).get(key)
    return Figure(
        key,
        value,
        interval.low if interval else None,
        interval.high if interval else None,
        score.precision,
        score.recall,
        options.samples,
        options.seed,
        _REVISION,
    )


def _predict(extractor: Extractor, corpus: Corpus, path: Path, inputs: str) -> int:
    """Write the predictions of the cell at `path`, going on where an earlier run stopped.

    Returns how many there are. The unfinished file bears the hash of its inputs, so that other
    inputs start anew.
    """
    part = path.with_name(f"{path.stem}.{inputs[:12]}.part")
    count = _whole_lines(part)
    bare = (Document(item.id, item.text, meta=item.meta) for item in _gold(corpus))
    left = islice(bare, count, None)
    with part.open("ab") as file:
        while some := list(islice(left, _TOGETHER)):
            for document in extractor.stream(some):
                file.write(dumps(document).encode() + b"\n")
                count += 1
            file.flush()
    # The cell of other inputs goes first: it must never stand beside predictions not its own.
    path.unlink(missing_ok=True)
    os.replace(part, _said(path))
    return count


def _whole_lines(part: Path) -> int:
    """Return how many whole documents a file begins with, after cutting off what follows them."""
    count = size = 0
    if part.is_file():
        with part.open("rb") as file:
            for line in file:
                try:
                    parse_document(line if line.endswith(b"\n") else b"{", part, count + 1)
                except InputError:
                    break
                count, size = count + 1, size + len(line)
        os.truncate(part, size)
    return count


def _gold(corpus: Corpus) -> Iterator[Document]:
    return islice(read_documents(corpus.gold), corpus.limit)


def _said(path: Path) -> Path:
    return path.with_suffix(".jsonl")


def _keep(cell: Cell, path: Path) -> None:
    """Write a cell to its file, or its error beside it: an error never replaces a result."""
    failure = path.with_suffix(".error")
    if cell.error:
        failure.write_text(dumps(cell) + "\n", encoding="utf-8")
        return
    with write_bytes(path) as file:
        file.write(dumps(cell).encode() + b"\n")
    failure.unlink(missing_ok=True)


def _finished(path: Path, inputs: str) -> Cell | None:
    """Return the cell of an earlier run if it had these inputs and its predictions are there."""
    try:
        cell = msgspec.json.decode(path.read_bytes(), type=Cell)
    except (OSError, msgspec.DecodeError):
        return None
    return cell if cell.inputs == inputs and _said(path).is_file() else None


def _chosen(grid: Grid, names: Sequence[str]) -> list[tuple[str, str, str]]:
    cells = grid.cells()
    known = ["/".join(cell) for cell in cells]
    for name in names:
        if name not in known:
            raise ConfigError(f"{grid.source}: no cell {name!r}{near_miss(name, known)}")
    return [cell for cell, name in zip(cells, known, strict=True) if not names or name in names]


def _open(model: GridModel) -> Engine:
    return open_engine(model.model, quantisation=model.quantisation)


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")
