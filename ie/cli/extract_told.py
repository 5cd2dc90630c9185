"""What `chinchilla extract` tells while it runs and at its end, on stderr."""

import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import click

from ..corpus.shards import Met
from ..data.documents import Document
from ..data.issues import unanswered
from ..errors import InputError

LARGER = "name a larger model with --model, such as --model Qwen/Qwen2.5-7B-Instruct"
# Documents without an answer that are told one by one.
_MOST_TOLD = 10


def tell_reading(note: str) -> None:
    """Say how a file is read."""
    # Even where all else is quiet: a text read wrongly gives wrong results.
    click.echo(f"note: {note}", err=True)


def tell_failed(counts: Counter[str], error: InputError) -> None:
    """Count and name a row or a file that is left out."""
    counts["failed"] += 1
    click.echo(f"left out: {error}", err=True)


def warn_untrained(extractor: Any) -> None:
    """Say which types the model never met, rather than let an empty answer look like a finding."""
    for note in extractor.untrained_notes():
        click.echo(f"warning: {note}, or {LARGER}", err=True)


def tell_skipped(skipped: Counter[str]) -> None:
    """Say which endings of files in folders were passed over."""
    shown = [f"{ending or 'none'} ({count:,})" for ending, count in skipped.most_common(8)]
    endings = ", ".join(shown) + (", …" if len(skipped) > 8 else "")
    click.echo(
        f"note: left out {skipped.total():,} files of folders for their endings: {endings}",
        err=True,
    )


def checked(texts: Iterable[Document], counts: Counter[str], *, strict: bool) -> Iterator[Document]:
    """Yield texts; count those that are empty, and those with an id of one before, and name the first.

    Raises:
        InputError: with `strict`, at the first.
    """
    met = Met()
    for text in texts:
        reasons = {
            "blank": "" if text.text.strip() else "the text is empty",
            "doubled": "" if met.is_new(text.id) else "the id is that of a document before",
        }
        for kind, reason in reasons.items():
            if reason and strict:
                raise InputError(f"document {text.id!r}: {reason}")
            if reason and not counts[kind]:
                click.echo(f"note: document {text.id!r}: {reason}", err=True)
            counts[kind] += bool(reason)
        yield text


def counted(
    documents: Iterable[Document], counts: Counter[str], advance: Callable[[], None]
) -> Iterator[Document]:
    """Yield documents; count what they hold, and name those without an answer."""
    for document in documents:
        counts["documents"] += 1
        counts["entities"] += len(document.entities)
        counts["relations"] += len(document.relations)
        counts["events"] += len(document.events)
        for issue in document.issues:
            counts[f"issue {issue.kind}"] += 1
        if reason := unanswered(document):
            counts["unanswered"] += 1
            if counts["unanswered"] <= _MOST_TOLD:
                click.echo(f"no answer: {document.id}: {reason}", err=True)
        yield document
        # By now it has been written.
        advance()


def progress(quiet: bool) -> Any:
    """Show a count on a terminal; elsewhere do nothing."""
    from ..files.progress import counting

    return counting("documents", quiet or sys.stdout.isatty())


def print_summary(counts: Counter[str], seconds: float) -> None:
    """Say at the end what was found, and what was wrong with documents."""
    notes = {
        "blank": "blank documents: {:,}",
        "doubled": "documents with an id of one before: {:,}; chinchilla graph takes each id once: "
        "name a column of ids with --id-column",
        "failed": "left out as they cannot be read: {:,}",
        "unanswered": "documents without an answer: {:,}; with -o FILE, --retry-failed asks for them "
        "again",
    }
    for kind, note in notes.items():
        if counts[kind]:
            click.echo(f"note: {note.format(counts[kind])}", err=True)
    main = ", ".join(
        f"{counts[key]:,} {key}" for key in ("documents", "entities", "relations", "events")
    )
    issues = ", ".join(
        f"{count:,} {key.removeprefix('issue ')}"
        for key, count in sorted(counts.items())
        if key.startswith("issue ")
    )
    click.echo(f"{main}; issues: {issues or 'none'}; {seconds:.1f} s", err=True)
