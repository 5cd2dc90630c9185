"""A long job, chunk by chunk, that goes on after a kill and gives the same bytes.

What each text brought is a line of `OUT.journal`. Chunks begin at the same places in every run, as
engines round differently in other batches: of a chunk that was cut short, only what is missing is kept.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any

import msgspec

from ..data.documents import Document
from ..errors import InputError
from ..files.jsonl import dumps, read_values
from ..files.resumable import after, write_partial

Say = Callable[[int], None]


class JournalEntry(msgspec.Struct):
    """A line of a journal: the text that was worked on, and what came of it."""

    id: str
    text: str
    result: Any


def journal_of(output: str | Path) -> Path:
    """Return where the journal of an output is kept."""
    return Path(f"{output}.journal")


def work_through(
    output: str | Path,
    documents: Sequence[Document],
    work: Callable[[Sequence[Document]], Sequence[Any]],
    *,
    run: Mapping[str, Any],
    chunk: int = 16,
    resume: bool = False,
    force: bool = False,
    advance: Say = lambda number: None,
) -> Iterator[JournalEntry]:
    """Do the work for each document, and yield the entries of all in order.

    The journal stays until `finish` is called, when the outputs are written.

    Raises:
        InputError: the output exists; a journal is there and neither `resume` nor `force` is given; or
            the run before asked otherwise.
    """
    journal = journal_of(output)
    if str(output) == "-":
        raise InputError("-: a long run keeps its results in a file; name one with -o")
    if Path(output).exists() and not force and not (resume and _is_begun(journal)):
        raise InputError(f"{output}: exists; pass --force to overwrite it")
    if not (resume and journal.is_file()):
        with write_partial(journal, resume=resume, force=force, run=run) as (file, done):
            left = len(list(after(documents, done)))
            first = len(documents) - left
            advance(first)
            for start in range(first // chunk * chunk, len(documents), chunk):
                some = documents[start : start + chunk]
                results = work(some)
                for n, (document, result) in enumerate(zip(some, results, strict=True), start):
                    if n >= first:
                        entry = JournalEntry(document.id, document.text, result)
                        file.write(dumps(entry).encode("utf-8", "replace") + b"\n")
                file.flush()
                advance(len(some) - max(0, first - start))
    entries = (entry for _, entry in read_values(journal, JournalEntry))
    for document, entry in zip_longest(documents, entries):
        if (
            entry is None
            or document is None
            or (document.id, document.text) != (entry.id, entry.text)
        ):
            raise InputError(
                f"{journal}: of other inputs; name the same, or begin anew with --force"
            )
        yield entry


def _is_begun(journal: Path) -> bool:
    return journal.is_file() or Path(f"{journal}.partial").is_file()


def finish(output: str | Path) -> None:
    """Take the journal away, after the outputs were written."""
    journal_of(output).unlink(missing_ok=True)
