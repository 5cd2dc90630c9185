"""`chinchilla extract -o FILE`: one file of results, or standard output."""

import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from shutil import get_terminal_size
from typing import Any

import click

from ..data.issues import UNANSWERED
from ..files.inputs import ReadOptions, read_texts
from ..files.jsonl import write_bytes
from ..files.rendering import IssuesBeside, render_documents
from ..files.resumable import Done, after, write_partial
from ..files.retried import retried
from .data_export import tell_lost
from .extract_told import (
    checked,
    counted,
    print_summary,
    progress,
    tell_failed,
    tell_reading,
    warn_untrained,
)
from .stopping import stopping
from .usage import usage_line


def extract_file(
    output: str, files: Sequence[str], recipe: Any, reading: ReadOptions, given: dict[str, Any]
) -> None:
    """Write a file and tell what came of it; `given` are the options."""
    begin = time.perf_counter()
    quiet, keep_going, is_retry = given["quiet"], given["keep_going"], given["retry_failed"]
    extractor = recipe.open()
    loaded = time.perf_counter()
    if not quiet:
        warn_untrained(extractor)
        if extractor.note:
            click.echo(f"note: {extractor.note}", err=True)
    counts: Counter[str] = Counter()
    lost: Counter[str] = Counter()
    failed = partial(tell_failed, counts) if keep_going else None
    texts = read_texts(files, reading, failed, tell_reading)
    texts = checked(texts, counts, strict=keep_going is False)
    is_apart = given["form"] == "csv" and output != "-"
    with (
        stopping(lambda: _hint(output, counts)),
        _opened(output, recipe, given) as (file, done),
        IssuesBeside(output) if is_apart else nullcontext() as issues,
        progress(quiet) as advance,
    ):
        stream = partial(extractor.stream, on_error="keep" if keep_going else "raise")
        answered = retried(output, stream) if is_retry else stream(after(texts, done))
        is_shown = file is sys.stdout.buffer
        for rendered in render_documents(
            counted(answered, counts, advance),
            given["form"],
            width=get_terminal_size().columns if is_shown and sys.stdout.isatty() else None,
            mark=not is_shown,
            issues=issues,
            lost=lost,
        ):
            file.write(rendered)
            # A process that is killed loses no document that is done.
            file.flush()
    if not quiet:
        tell_lost(given["form"], lost)
        if given["resume"]:
            click.echo(f"note: {done.documents:,} documents were there, of a run before", err=True)
        print_summary(counts, time.perf_counter() - begin)
        if line := usage_line(extractor.usage, given["price"]):
            click.echo(line, err=True)
        if given["verbose"]:
            click.echo(f"model loaded in {loaded - begin:.2f} s", err=True)
    if counts["failed"] or counts["issue " + UNANSWERED]:
        click.get_current_context().exit(1)


def _opened(output: str, recipe: Any, given: dict[str, Any]) -> Any:
    """Open the output: anew for a retry, else so that a run that is stopped can go on."""
    if given["retry_failed"]:
        return _rewritten(output)
    from ..corpus.asked import describe_asked

    asked = (recipe.model, recipe.schema, recipe.tasks, recipe.options, recipe.opening)
    return write_partial(
        output,
        force=given["force"],
        resume=given["resume"],
        stays=given["form"] == "jsonl",
        run=describe_asked(*asked) if output != "-" else None,
    )


@contextmanager
def _rewritten(output: str) -> Iterator[tuple[Any, Done]]:
    """Open the output for writing anew; it takes its name once all is written."""
    with write_bytes(output, force=True) as file:
        yield file, Done()


def _hint(output: str, counts: Counter[str]) -> str:
    """Return how to go on, if anything stays to go on from."""
    if counts["documents"] and Path(f"{output}.partial").is_file():
        return f"what was extracted is in {output}.partial; --resume goes on from there"
    return ""
