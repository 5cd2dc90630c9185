"""Documents from files through record building to JSON lines, in one process or several.

Work is cut into batches of lines of the input. Batches go to the workers in order and come back
in order, and nothing in one depends on another, so the output is the same for any number of them.
"""

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import chain, islice
from typing import Any

import msgspec

from chinchilla.data.documents import Document
from chinchilla.data.schema import Schema, builtin_schemas, read_schema
from chinchilla.errors import InputError, ModelError, SchemaError, near_miss
from chinchilla.files.jsonl import parse_documents, read_batches, read_documents
from chinchilla.instructions.balance import Kind, kind_of
from chinchilla.instructions.demonstrations import Pool
from chinchilla.instructions.job import BuildJob
from chinchilla.instructions.negatives import Table, cooccurrence_tables, read_table
from chinchilla.instructions.records import RecordWriter, Resources

Line = tuple[bytes, Kind]
# A file, the number of the first line, and lines with their ends.
Batch = tuple[str, int, list[bytes]]
_BATCH_BYTES = 1 << 18
# Per input file: enough to fill the pool of examples without reading a large corpus twice.
_POOL_DOCUMENTS = 2000
_KEPT_INSTRUCTIONS = 4096
LICENCE = "licence not allowed"
_encoder = msgspec.json.Encoder()


@dataclass
class Built:
    """The records of one batch: as single lines where these are chosen from, else joined.

    `used` is how many documents of `path` their licence let in, `declared` how many annotations
    of theirs the prompts can ask for.
    """

    path: str
    documents: int
    used: int
    declared: int
    left_out: Counter[str]
    lines: list[Line]
    joined: bytes = b""
    kinds: Counter[Kind] = field(default_factory=Counter)


class _EncodedRecord(msgspec.Struct, frozen=True, gc=False):
    """A Record whose instruction is JSON already: few are different, and all are long."""

    instruction: msgspec.Raw
    input: str
    output: str
    id: str
    task: str
    source: str
    schema: tuple[str, ...]
    lang: str
    licence: str
    template: str


def assemble(job: BuildJob, *, joined: bool) -> Iterator[Built]:
    """Yield the records of a job batch by batch, in order."""
    resources = _resources(job)
    # Read here too, so that a wrong schema is told before any process is started.
    schema_chooser(job.schema)
    batches = _batches(job.inputs)
    if job.workers <= 1:
        yield from map(_Worker(job, resources, joined=joined), batches)
        return
    import multiprocessing

    # Not fork: threads of the parent (tokenizers, pyarrow) may hold locks in the child.
    context = multiprocessing.get_context("spawn")
    with context.Pool(job.workers, _start, (job, resources, joined)) as pool:
        # imap would read all of its input ahead; a few batches a worker keep them busy.
        waiting = deque(
            pool.apply_async(_work, (batch,)) for batch in islice(batches, 4 * job.workers)
        )
        while waiting:
            built: Built = waiting.popleft().get()
            waiting.extend(pool.apply_async(_work, (batch,)) for batch in islice(batches, 1))
            yield built


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
            f"{near_miss(str(source), names)}; pass --schema derived to ask for what the inputs "
            "hold, or --schema with a file (chinchilla data schema writes one to start from) or "
            f"one of {', '.join(names)}"
        ) from None


@cache
def _builtin(source: str) -> Schema:
    if source not in builtin_schemas():
        raise SchemaError(source)
    return read_schema(source)


_workers: list["_Worker"] = []


def _start(job: BuildJob, resources: Resources, joined: bool) -> None:
    _workers[:] = [_Worker(job, resources, joined=joined)]


def _work(batch: Batch) -> Built:
    return _workers[0](batch)


class _Worker:
    """Builds the records of batches, keeping prompts from one to the next."""

    def __init__(self, job: BuildJob, resources: Resources, *, joined: bool) -> None:
        if job.tokenizer is not None:
            resources = replace(resources, count_tokens=token_counter(job.tokenizer))
        self.licences = job.licences
        self.joined = joined
        self.left_out: Counter[str] = Counter()
        # The rate of empty answers concerns all batches together; see `build_files`.
        options = replace(job.options, empty_rate=None)
        self.writer = RecordWriter(schema_chooser(job.schema), options, self.left_out, resources)
        self.instructions: dict[str, msgspec.Raw] = {}
        # Kinds are made once each: equal ones then travel between processes as one.
        self.kinds: dict[Kind, Kind] = {}

    def __call__(self, batch: Batch) -> Built:
        path, number, lines = batch
        self.left_out.clear()
        self.writer.declared = 0
        documents = parse_documents(lines, path, number)
        found = len(documents)
        if self.licences:
            documents = [d for d in documents if d.meta.get("licence") in self.licences]
            if len(documents) < found:
                self.left_out[LICENCE] += found - len(documents)
        records, make = self.writer.records, self.encoded
        built = [record for document in documents for record in records(document, make)]
        counted = (path, found, len(documents), self.writer.declared, self.left_out.copy())
        if self.joined:
            kinds = Counter(map(kind_of, built))
            return Built(*counted, [], _encoder.encode_lines(built), kinds)
        single = [(_encoder.encode(record) + b"\n", self.kind(record)) for record in built]
        return Built(*counted, single)

    def encoded(self, instruction: str, *rest: Any) -> _EncodedRecord:
        raw = self.instructions.get(instruction)
        if raw is None:
            if len(self.instructions) >= _KEPT_INSTRUCTIONS:
                self.instructions.clear()
            raw = self.instructions[instruction] = msgspec.Raw(_encoder.encode(instruction))
        return _EncodedRecord(raw, *rest)

    def kind(self, record: _EncodedRecord) -> Kind:
        kind = kind_of(record)
        return self.kinds.setdefault(kind, kind)


def _batches(inputs: Sequence[str]) -> Iterator[Batch]:
    for path in inputs:
        for number, lines in read_batches(path, _BATCH_BYTES):
            yield path, number, lines


def _resources(job: BuildJob) -> Resources:
    pool = Pool()
    if job.options.shots:
        for path in job.shots_from or job.inputs:
            for document in islice(
                read_documents(path), None if job.shots_from else _POOL_DOCUMENTS
            ):
                pool.add(document)
    return Resources(_tables(job), pool)


def _tables(job: BuildJob) -> dict[str, Table]:
    is_used = job.options.hard_negatives or job.options.absent
    if not is_used or job.negatives == "similarity":
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
