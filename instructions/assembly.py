"""Documents from files through record building to JSON lines, in one process or several.

Work is cut into batches of lines of the input. Batches go to the workers in order and come back
in order, and nothing in one depends on another, so the output is the same for any number of them.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, partial
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

import msgspec

from chinchilla.data import Document
from chinchilla.errors import InputError, ModelError, SchemaError, near_miss
from chinchilla.jsonl import parse_document, read_documents, read_lines
from chinchilla.schema import Schema, builtin_schemas, read_schema

from .demonstrations import Pool
from .negatives import Table, cooccurrence_tables, read_table
from .records import Kind, Record, Resources, build_records, kind_of

if TYPE_CHECKING:
    from .build import BuildJob

Line = tuple[bytes, Kind]
Batch = tuple[str, list[tuple[int, bytes]]]
_BATCH = 256
# Per input file: enough to fill the pool of examples without reading a large corpus twice.
_POOL_DOCUMENTS = 2000
LICENCE = "licence not allowed"
_encoder = msgspec.json.Encoder()


@dataclass
class Assembly:
    """What happened to the documents of a job."""

    documents: int = 0
    left_out: Counter[str] = field(default_factory=Counter)


def assemble(job: "BuildJob", assembly: Assembly) -> Iterator[Line]:
    """Yield the records of a job as JSON lines, each with its kind, and fill in the counts."""
    resources = _resources(job)
    # The schema and options are loaded once here too, so that their errors come first.
    schema_chooser(job.schema)
    for lines, documents, left_out in _done(job, resources):
        assembly.documents += documents
        assembly.left_out.update(left_out)
        yield from lines


def schema_chooser(schema: Schema | str | None) -> Callable[[Document], Schema]:
    """Return the function from a document to the schema that it is asked by.

    Raises:
        SchemaError: unknown schema. The function itself raises InputError for a document whose
            source names no built-in schema.
    """
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


_Done = tuple[list[Line], int, Counter[str]]


def _done(job: "BuildJob", resources: Resources) -> Iterator[_Done]:
    if job.workers <= 1:
        yield from map(_worker(job, resources), _batches(job.inputs))
        return
    import multiprocessing

    # Not fork: threads of the parent (tokenizers, pyarrow) may hold locks in the child.
    context = multiprocessing.get_context("spawn")
    with context.Pool(job.workers, _start, (job, resources)) as pool:
        # imap reads its input without bound; a few batches a worker are enough to stay busy.
        batches = _batches(job.inputs)
        waiting: list[Any] = [
            pool.apply_async(_work, (batch,)) for batch in islice(batches, 4 * job.workers)
        ]
        while waiting:
            done: _Done = waiting.pop(0).get()
            waiting += [pool.apply_async(_work, (batch,)) for batch in islice(batches, 1)]
            yield done


_works: list[Callable[[Batch], _Done]] = []


def _start(job: "BuildJob", resources: Resources) -> None:
    _works[:] = [_worker(job, resources)]


def _work(batch: Batch) -> _Done:
    return _works[0](batch)


def _worker(job: "BuildJob", resources: Resources) -> Callable[[Batch], _Done]:
    if job.tokenizer is not None:
        resources = Resources(resources.tables, resources.pool, token_counter(job.tokenizer))
    # The rate of empty answers concerns all batches together; see `build_files`.
    options = replace(job.options, empty_rate=None)
    build = partial(
        build_records, schema_of=schema_chooser(job.schema), options=options, resources=resources
    )
    # Kinds are made once each: equal ones then travel between processes as one.
    return partial(_build_batch, build, job.licences, {})


def _build_batch(
    build: Callable[..., Iterable[Record]],
    licences: Sequence[str],
    kinds: dict[Kind, Kind],
    batch: Batch,
) -> _Done:
    path, numbered = batch
    left_out: Counter[str] = Counter()
    documents = [parse_document(line, path, number) for number, line in numbered]
    number = len(documents)
    if licences:
        documents = [d for d in documents if d.meta.get("licence") in licences]
        if len(documents) < number:
            left_out[LICENCE] += number - len(documents)
    lines: list[Line] = []
    for record in build(documents, counts=left_out):
        kind = kind_of(record)
        lines.append((_encoder.encode(record) + b"\n", kinds.setdefault(kind, kind)))
    return lines, number, left_out


def _batches(inputs: Sequence[str]) -> Iterator[Batch]:
    for path in inputs:
        numbered = ((n, line) for n, line in read_lines(path) if line and not line.isspace())
        while batch := list(islice(numbered, _BATCH)):
            yield path, batch


def _resources(job: "BuildJob") -> Resources:
    pool = Pool()
    if job.options.shots:
        for path in job.shots_from or job.inputs:
            for document in islice(
                read_documents(path), None if job.shots_from else _POOL_DOCUMENTS
            ):
                pool.add(document)
    return Resources(_tables(job), pool)


def _tables(job: "BuildJob") -> dict[str, Table]:
    if not job.options.hard_negatives or job.negatives == "similarity":
        return {}
    chooser = schema_chooser(job.schema)
    documents: Iterable[Document] = chain.from_iterable(map(read_documents, job.inputs))
    if job.negatives == "cooccurrence":
        return cooccurrence_tables(documents, chooser)
    schemas = {schema.name: schema for schema in map(chooser, documents)}
    table = read_table(job.negatives, schemas.values())
    return dict.fromkeys(schemas, table)


def token_counter(path: str) -> Callable[[str], int]:
    """Return a function that counts the tokens of a text, special tokens aside.

    Raises:
        ModelError: the file is missing or is no `tokenizer.json` of the tokenizers library.
    """
    from tokenizers import Tokenizer

    try:
        tokenizer = Tokenizer.from_file(path)
    except Exception as error:  # the library raises nothing narrower
        raise ModelError(
            f"{path}: not a tokenizer.json of the tokenizers library ({error})"
        ) from None
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return lambda text: len(tokenizer.encode(text, add_special_tokens=False).ids)
