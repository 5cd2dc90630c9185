"""From files of documents to a file of instruction records, with a manifest of what was done."""

import hashlib
import platform
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import msgspec

from chinchilla.data import Document
from chinchilla.errors import InputError, SchemaError, near_miss
from chinchilla.formats import FORMATS, serialise
from chinchilla.jsonl import read_documents, write_bytes
from chinchilla.schema import TASKS, Schema, builtin_schemas, read_schema

from .records import BuildOptions, Record, build_records

_encoder = msgspec.json.Encoder()


@dataclass
class BuildReport:
    """What a build read, wrote and left out."""

    documents: int = 0
    records: int = 0
    empty: int = 0
    by_source: Counter[str] = field(default_factory=Counter)
    by_task: Counter[str] = field(default_factory=Counter)
    counts: Counter[str] = field(default_factory=Counter)
    sha256: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form, keys sorted."""
        return {
            "documents": self.documents,
            "records": self.records,
            "empty": self.empty,
            "by_source": dict(sorted(self.by_source.items())),
            "by_task": dict(sorted(self.by_task.items())),
            "left_out": dict(sorted(self.counts.items())),
            "sha256": self.sha256,
        }


def build_files(
    inputs: Sequence[str | Path],
    output: str | Path,
    options: BuildOptions,
    *,
    schema: Schema | str | Path | None = None,
    force: bool = True,
) -> BuildReport:
    """Read documents, write their records as JSON Lines and report the counts.

    Without a schema, each document is asked by the built-in one that its `meta.source` names.
    The same inputs and options give the same bytes.

    Raises:
        InputError: a document does not read, or names no known source.
        SchemaError: unknown schema.
    """
    report = BuildReport()
    documents = _counted(inputs, report)
    digest = hashlib.sha256()
    with write_bytes(output, force=force) as file:
        for record in build_records(documents, schema_chooser(schema), options, report.counts):
            line = _encoder.encode(record) + b"\n"
            file.write(line)
            digest.update(line)
            _count(record, report)
    report.sha256 = digest.hexdigest()
    return report


def schema_chooser(schema: Schema | str | Path | None) -> Callable[[Document], Schema]:
    """Return the function from a document to the schema that it is asked by."""
    if schema is not None:
        fixed = read_schema(schema)
        return lambda document: fixed
    return _schema_of_source


def _schema_of_source(document: Document) -> Schema:
    source = document.meta.get("source")
    try:
        return _builtin(str(source))
    except SchemaError:
        names = builtin_schemas()
        raise InputError(
            f"document {document.id!r}: meta.source is {source!r}, which names no built-in schema"
            f"{near_miss(str(source), names)}; pass --schema with one of "
            f"{', '.join(names)} or a file"
        ) from None


@cache
def _builtin(source: str) -> Schema:
    if source not in builtin_schemas():
        raise SchemaError(source)
    return read_schema(source)


def _counted(inputs: Sequence[str | Path], report: BuildReport) -> Iterator[Document]:
    for path in inputs:
        for document in read_documents(path):
            report.documents += 1
            yield document


def _count(record: Record, report: BuildReport) -> None:
    report.records += 1
    report.by_source[record.source] += 1
    report.by_task[record.task] += 1
    report.empty += record.output in _empty_answers()


@cache
def _empty_answers() -> frozenset[str]:
    return frozenset(serialise((), format, (task,)) for format in FORMATS for task in TASKS)


def manifest(
    inputs: Iterable[str | Path],
    output: str | Path,
    options: BuildOptions,
    report: BuildReport,
    schema: Schema | str | Path | None = None,
) -> dict[str, Any]:
    """Describe a build so that it can be checked and repeated: hashes, options, counts, versions.

    File names are given without their folders, so that the manifest does not depend on where
    the build ran; the hashes say which files they are.
    """
    return {
        "inputs": [{"name": Path(path).name, "sha256": file_hash(path)} for path in inputs],
        "output": {"name": Path(output).name, "sha256": report.sha256},
        "options": asdict(options),
        "schema": read_schema(schema).to_dict() if schema is not None else "by meta.source",
        "counts": {k: v for k, v in report.to_dict().items() if k != "sha256"},
        "versions": versions(),
    }


def file_hash(path: str | Path) -> str | None:
    """Return the SHA-256 of a file in hex, or None for `-`."""
    if str(path) == "-":
        return None
    digest = hashlib.sha256()
    with Path(path).open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def versions() -> dict[str, str]:
    """Return the versions on which the bytes of a build depend."""
    return {
        "chinchilla-ie": metadata.version("chinchilla-ie"),
        "msgspec": msgspec.__version__,
        "python": platform.python_version(),
    }
