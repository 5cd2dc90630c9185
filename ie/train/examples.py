"""Instruction records as token ids: read, tokenise, and deal with what is too long."""

import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from chinchilla.instructions.windowing import cut_document

from ..data.documents import Document
from ..data.schema import TASKS, Schema, builtin_schemas, read_schema
from ..data.text import windows
from ..decoding.decode import decode
from ..decoding.encode import encode
from ..engines.tokens import Tokenizer, answer_ids, prompt_ids
from ..errors import ConfigError, InputError
from ..files.jsonl import read_values
from ..prompts.messages import Prompt
from ..prompts.prompt import read_template, template_names

# Windows shorter than this many characters are not worth asking about.
_LEAST_WINDOW = 16
SKIPPED = "skipped as too long"
LONGEST = "tokens of the longest"


class TrainingRecord(msgspec.Struct, frozen=True):
    """What the trainer needs of an instruction record; other tools' records have no provenance."""

    instruction: str
    output: str
    input: str = ""
    id: str = ""
    task: str = ""
    source: str = ""
    schema: tuple[str, ...] = ()
    # Those of other tools may name anything so.
    template: Any = ""
    system: Any = None
    history: Any = None

    @property
    def prompt(self) -> Prompt:
        """What a model is asked, in the turns of the template that the record names."""
        name = str(self.template).partition("#")[0]
        frame = read_template(name).frame if name in template_names() else ""
        return Prompt(self.instruction, self.input, frame)


# Source, task and labels of a record.
Subject = tuple[str, str, tuple[str, ...]]


@dataclass
class Examples:
    """Token ids of all examples in one array, so that millions of them fit in memory.

    `lengths` are in tokens, prompt and answer with its end-of-sequence token together. `about`
    is the number in `subjects` of what each example asks for.
    """

    tokens: npt.NDArray[np.int32]
    starts: npt.NDArray[np.int64]
    prompts: npt.NDArray[np.int32]
    counts: Counter[str] = field(default_factory=Counter)
    about: list[int] = field(default_factory=list)
    subjects: list[Subject] = field(default_factory=list)

    @property
    def lengths(self) -> npt.NDArray[np.int64]:
        """The number of tokens of each example."""
        return np.diff(self.starts)

    def __len__(self) -> int:
        return len(self.prompts)

    def __getitem__(self, index: int) -> tuple[npt.NDArray[np.int32], int]:
        """Return the ids of an example and how many of them are its prompt."""
        tokens = self.tokens[self.starts[index] : self.starts[index + 1]]
        return tokens, int(self.prompts[index])


@dataclass(frozen=True)
class Encoding:
    """How records become ids. `overlong` is `skip`, `window` or `error`.

    `occurrences` says whether answers written anew for windows number occurrences, see `encode`.
    """

    tokenizer: Tokenizer
    max_length: int
    seq2seq: bool = False
    overlong: str = "skip"
    format: str = "json"
    schema: str | None = None
    occurrences: bool = False


def read_records(paths: Iterable[str]) -> Iterator[TrainingRecord]:
    """Yield the records of JSON Lines files in order; missing ids become `file:line`.

    Raises:
        InputError: names file and line of what is not a record, or has an empty answer; or of what
            has more to its prompt than instruction and input, which extraction would not ask with.
    """
    for path in paths:
        rows: Iterator[tuple[int, TrainingRecord]] = read_values(path, TrainingRecord)
        for number, record in rows:
            if not record.output:
                raise InputError(
                    f"{path}:{number}: 'output' is empty; an answer without findings is written "
                    "out, so that the model learns to say it"
                )
            for name in ("system", "history"):
                if _holds_words(getattr(record, name)):
                    raise InputError(
                        f"{path}:{number}: {name!r} is not empty, and extraction asks without one; "
                        "write it into 'instruction', or leave it out"
                    )
            if not record.id:
                record = msgspec.structs.replace(record, id=f"{path}:{number}")
            yield record


def _holds_words(value: Any) -> bool:
    """Return whether there is any text in a string, or in lists and objects of them."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return any(map(_holds_words, value))
    return bool(value.strip()) if isinstance(value, str) else value is not None


def encode_records(
    records: Iterable[TrainingRecord],
    encoding: Encoding,
    taken: list[TrainingRecord] | None = None,
) -> Examples:
    """Tokenise records; none is ever cut inside its answer. What is asked is added to `taken`.

    `counts` of the result tells `records`, `examples`, `skipped as too long`, `cut into windows`,
    `annotations cut by a window`, `tokens of the longest` and `unknown tokens`.

    Raises:
        InputError: a record is too long and `overlong` is `error`.
        ConfigError: windows were asked for and the record's schema is not known.
    """
    counts: Counter[str] = Counter()
    chunks: list[npt.NDArray[np.int32]] = []
    starts = [0]
    prompts: list[int] = []
    about: list[int] = []
    subjects: dict[Subject, int] = {}
    for record in records:
        counts["records"] += 1
        before = len(prompts)
        for piece, prompt, answer in _fitting(record, encoding, counts):
            chunks.append(np.array(prompt + answer, dtype=np.int32))
            starts.append(starts[-1] + len(chunks[-1]))
            prompts.append(len(prompt))
            if taken is not None:
                taken.append(piece)
        if made := len(prompts) - before:
            subject = (
                record.source or "unknown",
                record.task,
                tuple(map(sys.intern, record.schema)),
            )
            about += [subjects.setdefault(subject, len(subjects))] * made
    counts["examples"] = len(prompts)
    tokens = np.concatenate(chunks) if chunks else np.zeros(0, dtype=np.int32)
    unknown = encoding.tokenizer.unk_token_id
    if unknown is not None:
        counts["unknown tokens"] = int((tokens == unknown).sum())
    return Examples(
        tokens,
        np.array(starts, dtype=np.int64),
        np.array(prompts, dtype=np.int32),
        counts,
        about,
        list(subjects),
    )


def schema_finder(schema: str | None) -> Callable[[TrainingRecord], Schema]:
    """Return a function from a record to the schema its prompt asked for.

    That is the part of the named schema, or of the built-in one of the record's source, that the
    record lists; it raises ConfigError where there is none.
    """
    fixed = read_schema(schema) if schema else None
    known: dict[tuple[str, str, tuple[str, ...]], Schema] = {}

    def find(record: TrainingRecord) -> Schema:
        key = (record.source, record.task, record.schema)
        if key not in known:
            whole = fixed
            if whole is None and record.source in builtin_schemas():
                whole = read_schema(record.source)
            if whole is None:
                raise ConfigError(
                    f"record {record.id!r}: source {record.source!r} has no built-in schema; "
                    "give data.schema"
                )
            task = record_task(record)
            known[key] = whole.select(task, record.schema) if record.schema else whole
        return known[key]

    return find


def record_task(record: TrainingRecord) -> str:
    """Return the task whose annotations the answer holds; each step of events is `ee`."""
    return record.task if record.task in TASKS else "ee"


# What is asked, and the ids of its prompt and answer.
_Asked = tuple[TrainingRecord, list[int], list[int]]


def _fitting(record: TrainingRecord, encoding: Encoding, counts: Counter[str]) -> Iterator[_Asked]:
    """Yield a record with the ids of prompt and answer, or of the windows of a record that is too long."""
    prompt, answer = _ids(record, encoding)
    length = len(prompt) + len(answer)
    counts[LONGEST] = max(counts[LONGEST], length)
    if length <= encoding.max_length:
        yield record, prompt, answer
        return
    if encoding.overlong == "error":
        raise InputError(
            f"record {record.id!r} has {length} tokens, more than "
            f"{encoding.max_length}; raise data.max_length or set data.overlong to skip or window"
        )
    if encoding.overlong == "skip":
        counts[SKIPPED] += 1
        return
    counts["cut into windows"] += 1
    yield from _windowed(record, encoding, counts, len(record.input) // 2)


def _windowed(
    record: TrainingRecord, encoding: Encoding, counts: Counter[str], size: int
) -> Iterator[_Asked]:
    if size < _LEAST_WINDOW:
        counts[SKIPPED] += 1
        return
    for piece in _pieces(record, encoding, counts, size):
        prompt, answer = _ids(piece, encoding)
        if len(prompt) + len(answer) <= encoding.max_length:
            yield piece, prompt, answer
        else:
            yield from _windowed(piece, encoding, counts, size // 2)


def _pieces(
    record: TrainingRecord, encoding: Encoding, counts: Counter[str], size: int
) -> Sequence[TrainingRecord]:
    schema = schema_finder(encoding.schema)(record)
    task = record_task(record)
    found = decode(record.output, record.input, schema, encoding.format, (task,))
    document = Document(record.id, record.input).with_extraction(found)
    pieces = []
    for piece, lost in cut_document(document, windows(record.input, size, 0)):
        counts["annotations cut by a window"] += lost
        marks = encoding.occurrences
        answer = encode(piece, schema, encoding.format, (task,), occurrences=marks)
        pieces.append(msgspec.structs.replace(record, input=piece.text, output=answer))
    return pieces


def _ids(record: TrainingRecord, encoding: Encoding) -> tuple[list[int], list[int]]:
    prompt = prompt_ids(encoding.tokenizer, record.prompt, seq2seq=encoding.seq2seq)
    return prompt, answer_ids(encoding.tokenizer, record.output)
