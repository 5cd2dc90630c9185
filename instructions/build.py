"""From files of documents to a file of instruction records, mixed as asked, with a manifest."""

import tempfile
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import chain
from operator import itemgetter
from pathlib import Path
from typing import Any

import msgspec

from chinchilla.data.schema import Schema
from chinchilla.errors import ConfigError
from chinchilla.files.jsonl import read_documents
from chinchilla.instructions.assembly import Built, Line, assemble
from chinchilla.instructions.balance import Kind, limit_empty
from chinchilla.instructions.build_options import BuildOptions
from chinchilla.instructions.derive import DERIVED, derive_schema
from chinchilla.instructions.job import BuildJob
from chinchilla.instructions.manifest import described_file, plain, versions
from chinchilla.instructions.mixture import MixOptions, apportion, draw_mix, plan_mix, shuffled
from chinchilla.instructions.sinks import Sink, open_sink
from chinchilla.instructions.styles import open_style
from chinchilla.prompts.prompt import PromptStyle, check_style


@dataclass
class BuildReport:
    """What a build read, wrote and left out; `sha256` is that of the output.

    `declared` says of each input with documents how many of its annotations the prompts ask for.
    """

    documents: int = 0
    records: int = 0
    empty: int = 0
    by_source: Counter[str] = field(default_factory=Counter)
    by_task: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)
    declared: dict[str, int] = field(default_factory=dict)
    sha256: str = ""

    @property
    def unanswered(self) -> list[str]:
        """The inputs whose every answer is empty, as no annotation is of a type asked for."""
        return [path for path, number in self.declared.items() if not number]

    def count(self, kinds: Counter[Kind]) -> None:
        """Count records as written, given how many there are of each kind."""
        for (source, task, empty), number in kinds.items():
            self.records += number
            self.by_source[source] += number
            self.by_task[task] += number
            self.empty += number * empty

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form, keys sorted."""
        return {
            "documents": self.documents,
            "records": self.records,
            "empty": self.empty,
            "by_source": dict(sorted(self.by_source.items())),
            "by_task": dict(sorted(self.by_task.items())),
            "left_out": dict(sorted(self.left_out.items())),
        }


def build_files(
    job: BuildJob, output: str | Path, *, force: bool = True, hashed: bool = True
) -> BuildReport:
    """Read documents and write their records, as JSON Lines or Parquet by the output's name.

    Beside a file of records stands how they ask, for training: see `styles`.
    The same job gives the same bytes, whatever the number of workers. Memory does not grow with
    the number of documents; with a mixture it grows by some 20 bytes a record, and the records
    pass through a temporary file. `hashed` fills in the report's `sha256`.

    Raises:
        ConfigError: options that contradict each other, the templates or the sources.
        InputError: a document does not read, or names no known source.
        SchemaError: unknown schema.
    """
    _check(job)
    if job.schema == DERIVED:
        documents = chain.from_iterable(map(read_documents, job.inputs))
        job = replace(job, schema=derive_schema(documents))
    report = BuildReport()
    is_chosen = job.mix.is_active or job.options.empty_rate is not None
    batches = _counted(assemble(job, joined=not is_chosen), report)
    # The style is renamed last: where the records fail, none is left behind.
    with (
        open_style(output, force=force) as told,
        open_sink(output, force=force, hashed=hashed) as (sink, file),
    ):
        told.write(msgspec.json.format(msgspec.json.encode(_style(job.options)), indent=1) + b"\n")
        if is_chosen:
            lines = (line for built in batches for line in built.lines)
            _write_chosen(lines, job, sink, report)
        else:
            for built in batches:
                sink.write(built.joined)
                report.count(built.kinds)
    report.sha256 = file.sha256()
    return report


def _style(options: BuildOptions) -> PromptStyle:
    """Return how to ask as the records do; of several templates that is the first."""
    style = options.style
    return replace(style, template=(options.templates or (style.template,))[0])


def _counted(batches: Iterable[Built], report: BuildReport) -> Iterator[Built]:
    for built in batches:
        report.documents += built.documents
        report.left_out.update(built.left_out)
        if built.used:
            report.declared[built.path] = report.declared.get(built.path, 0) + built.declared
        yield built


def _write_chosen(lines: Iterable[Line], job: BuildJob, sink: Sink, report: BuildReport) -> None:
    rate = job.options.empty_rate
    if rate is not None:
        lines = limit_empty(lines, itemgetter(1), rate, report.left_out)
    if job.mix.is_active:
        _write_mixed(lines, job, sink, report)
        return
    kinds: Counter[Kind] = Counter()
    for line, kind in lines:
        sink.write(line)
        kinds[kind] += 1
    report.count(kinds)


def manifest(job: BuildJob, output: str | Path, report: BuildReport) -> dict[str, Any]:
    """Describe a build so that it can be checked and made again.

    Files are given by name, size and hash; `workers` and folders are left out, so that the same
    job gives the same manifest everywhere.
    """
    schema = job.schema.name if isinstance(job.schema, Schema) else job.schema
    files = [path for path in (schema, job.negatives, job.tokenizer) if _is_file(path)]
    names = ["chinchilla-ie", "msgspec"]
    names += ["pyarrow"] if Path(output).suffix == ".parquet" else []
    names += ["tokenizers"] if job.tokenizer else []
    return {
        "inputs": [described_file(path) for path in job.inputs],
        "other_files": [described_file(str(path)) for path in (*files, *job.shots_from)],
        "output": {"name": Path(output).name, "sha256": report.sha256},
        "options": plain(job.options),
        "mixture": plain(job.mix),
        "schema": Path(schema).name if schema else "by meta.source",
        "negatives": Path(job.negatives).name,
        "licences": list(job.licences),
        "counts": report.to_dict(),
        "versions": versions(names),
    }


def _is_file(path: str | None) -> bool:
    return path is not None and Path(path).is_file()


def _check(job: BuildJob) -> None:
    options = job.options
    for name in options.templates or (options.style.template,):
        check_style(replace(options.style, template=name), "options")
    if options.max_tokens is not None and job.tokenizer is None:
        raise ConfigError("a limit in tokens needs a tokenizer; pass --tokenizer tokenizer.json")
    if "-" in job.inputs and (
        job.schema == DERIVED
        or job.negatives != "similarity"
        or (options.shots and not job.shots_from)
    ):
        raise ConfigError("the inputs must be read twice; name a file instead of '-'")


def _write_mixed(lines: Iterable[Line], job: BuildJob, sink: Sink, report: BuildReport) -> None:
    with tempfile.TemporaryFile() as spool:
        places: dict[Kind, array[int]] = {}
        place = 0
        for line, kind in lines:
            spool.write(line)
            places.setdefault(kind, array("Q")).append(place)
            place += len(line)
        seed = job.options.seed
        sizes = {kind: len(places[kind]) for kind in sorted(places)}
        taken: array[int] = array("Q")
        for kind, numbers in draw_mix(sizes, _plan_kinds(sizes, job.mix), seed).items():
            taken.extend(places[kind][number] for number in numbers)
            report.count(Counter({kind: len(numbers)}))
            if unused := sizes[kind] - len(set(numbers)):
                report.left_out["not drawn for the mixture"] += unused
        for start in shuffled(taken, seed):
            spool.seek(start)
            sink.write(spool.readline())


def _plan_kinds(sizes: dict[Kind, int], mix: MixOptions) -> dict[Kind, int]:
    """Split what is planned for each source over its tasks and empty answers, as they are."""
    groups: dict[str, dict[Kind, int]] = {}
    for kind, size in sizes.items():
        groups.setdefault(kind[0], {})[kind] = size
    plan = plan_mix({source: sum(group.values()) for source, group in groups.items()}, mix)
    return {
        kind: number
        for source, group in groups.items()
        for kind, number in apportion(group, plan[source]).items()
    }
