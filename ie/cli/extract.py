"""`chinchilla extract`: texts in, documents with annotations out."""

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from shutil import get_terminal_size
from typing import Any

import click

from ..data.documents import Document
from ..errors import InputError
from ..files.inputs import ReadOptions, find_inputs, read_texts
from ..files.rendering import FORMS, IssuesBeside, render_documents
from ..files.resumable import after, is_complete, write_partial
from .extract_run import RUN_OPTIONS, check_no_run, extract_run, is_run_folder, run_options
from .model_options import model_options, opening
from .stopping import stopping
from .tasks import read_tasks

_LARGER = "name a larger model with --model, such as --model Qwen/Qwen2.5-7B-Instruct"


@click.command(name="extract")
@click.argument("inputs", nargs=-1, required=True, metavar="INPUT…")
@click.option("--schema", help="A built-in schema or a file.  [default: news]")
@click.option("--tasks", callback=read_tasks,
              help="Some of ner,re,ee, by commas.  [default: all of the schema]")  # fmt: skip
@click.option("--model", help="A folder, hub id or http://host/v1#name.  [default: mini]")
@click.option(
    "--format",
    "form",
    type=click.Choice(FORMS),
    default="jsonl",
    show_default=True,
    help="Form of the results; csv is a row for each entity, object and argument.",
)
@click.option("-o", "--output", default="-", help="File to write; - is standard output.")
@click.option("--lines", is_flag=True, help="Take each line of a text file as a document.")
@click.option("--column", default="text", show_default=True, help="Column or key of the text.")
@click.option("--title-column", default="title", show_default=True,
              help="Column or key of the title, which goes before the text; '' for none.")  # fmt: skip
@click.option("--encoding", default="auto", show_default=True,
              help="Encoding of the inputs; auto recognises each.")  # fmt: skip
@model_options
@click.option("--scores", is_flag=True, help="Score every mention and fact from 0 to 1.")
@click.option("--min-score", type=click.FloatRange(0, 1), help="Drop what scores less.")
@click.option(
    "--calibration", help="File of evaluate --calibrate, for scores.  [default: the model's own]"
)
@click.option("--lexicon", help="Words and patterns to add, force (!) or forbid (-).")
@click.option("--types-per-prompt", type=click.IntRange(1), help="Split larger schemas.")
@click.option("--near-miss", is_flag=True, help="Read a mistyped type as the one it resembles.")
@click.option(
    "--constrain/--no-constrain",
    default=False,
    help="Let the model write only valid answers, with mentions copied from the text.",
)
@click.option("--force", is_flag=True, help="Overwrite the output.")
@click.option(
    "--resume", is_flag=True, help="Continue what did not finish, in OUTPUT.partial or a run."
)
@click.option("--keep-going/--strict", default=None,
              help="Leave out rows and files that cannot be read and exit with 1, or stop at the first.  "
              "[default: strict; a run keeps going]")  # fmt: skip
@run_options
@click.option("--quiet", is_flag=True, help="Print errors, and notes on how files were read, only.")
@click.option("--verbose", is_flag=True, help="Print timings too.")
def command(
    inputs: tuple[str, ...],
    schema: str | None,
    tasks: tuple[str, ...] | None,
    model: str | None,
    form: str,
    output: str,
    lines: bool,
    column: str,
    title_column: str,
    encoding: str,
    force: bool,
    resume: bool,
    keep_going: bool | None,
    quiet: bool,
    verbose: bool,
    **asking: Any,
) -> None:
    """Extract entities, relations and events from each INPUT.

    An INPUT is a file (.txt, .html, .jsonl, .csv, .tsv, each also .gz, .parquet), a folder, a glob
    or -. CSV written to a file has issues in another beside it, OUTPUT.issues.csv.
    What is extracted as JSON Lines before a run fails or is stopped stays in OUTPUT.partial; go on from
    it with the same command and --resume.

    A large corpus is for a run: an OUTPUT that ends in / is a folder of shards, with a manifest and a
    file of failures. It goes on with --resume whatever stopped it.

    Example: chinchilla extract examples/news.txt --format table
    """
    begin = time.perf_counter()
    run = {name: asking.pop(name) for name in RUN_OPTIONS}
    if (resume or is_run_folder(output)) and form != "jsonl":
        raise click.UsageError("--resume and runs are for --format jsonl; a run has --shard-format")
    if not is_run_folder(output):
        check_no_run(click.get_current_context())
    if resume and is_complete(output):
        click.echo(f"note: {output} is complete already; there is nothing to do", err=True)
        return
    reading = ReadOptions(lines, column, encoding, title_column)
    skipped: Counter[str] = Counter()
    files = [name for name in find_inputs(inputs, skipped) if not _is_found(name, output, inputs)]
    if skipped and not quiet:
        _tell_skipped(skipped)
    how = opening(asking)
    options = _options(**asking)
    if is_run_folder(output):
        from ..corpus.work import Recipe

        recipe = Recipe(model, schema, tasks, options, how)
        given = {**run, "resume": resume, "force": force, "strict": keep_going is False}
        extract_run(Path(output), files, recipe, reading, given, quiet=quiet, larger=_LARGER)
        return
    from ..pipeline import Extractor

    extractor = Extractor(model, schema, tasks, options=options, **how)
    loaded = time.perf_counter()
    if not quiet:
        _warn_untrained(extractor)
    counts: Counter[str] = Counter()
    failed = partial(_tell_failed, counts) if keep_going else None
    texts = read_texts(files, reading, failed, _tell_reading)
    is_apart = form == "csv" and output != "-"
    with (
        stopping(lambda: _hint(output, counts)),
        write_partial(
            output,
            force=force,
            resume=resume,
            stays=form == "jsonl",
            run=_asked(model, extractor, how) if output != "-" else None,
        ) as (file, done),
        IssuesBeside(output) if is_apart else nullcontext() as issues,
        _progress(quiet) as advance,
    ):
        on_error = "keep" if keep_going else "raise"
        documents = _counted(extractor.stream(after(texts, done), on_error), counts, advance)
        is_shown = file is sys.stdout.buffer
        for rendered in render_documents(
            documents,
            form,
            width=get_terminal_size().columns if is_shown and sys.stdout.isatty() else None,
            mark=not is_shown,
            issues=issues,
        ):
            file.write(rendered)
    if not quiet:
        if resume:
            click.echo(f"note: {done.documents:,} documents were there, of a run before", err=True)
        _print_summary(counts, time.perf_counter() - begin)
    if verbose and not quiet:
        click.echo(f"model loaded in {loaded - begin:.2f} s", err=True)
    if counts["failed"]:
        click.get_current_context().exit(1)


def _hint(output: str, counts: Counter[str]) -> str:
    """Return how to go on, if anything stays to go on from."""
    if counts["documents"] and Path(f"{output}.partial").is_file():
        return f"what was extracted is in {output}.partial; --resume goes on from there"
    return ""


def _is_found(name: str, output: str, inputs: tuple[str, ...]) -> bool:
    """Return whether an input is what a run before wrote into a folder that is read."""
    return name not in inputs and Path(name).resolve() == Path(output).resolve()


def _tell_reading(note: str) -> None:
    # Even where all else is quiet: a text read wrongly gives wrong results.
    click.echo(f"note: {note}", err=True)


def _tell_failed(counts: Counter[str], error: InputError) -> None:
    counts["failed"] += 1
    click.echo(f"left out: {error}", err=True)


def _options(*, lexicon: str | None, calibration: str | None, **rest: Any) -> Any:
    from ..engines.model_files import read_calibration
    from ..merge.lexicon import read_lexicon
    from ..options import ExtractOptions

    return ExtractOptions(
        lexicon=read_lexicon(lexicon) if lexicon else None,
        calibration=read_calibration(Path(calibration)) if calibration else None,
        **rest,
    )


def _asked(model: str | None, extractor: Any, how: dict[str, Any]) -> dict[str, Any]:
    from ..corpus.asked import describe_asked

    return describe_asked(model, extractor.schema, extractor.tasks, extractor.options, how)


def _warn_untrained(extractor: Any) -> None:
    """Say which types the model never met, rather than let an empty answer look like a finding."""
    for note in extractor.untrained_notes():
        click.echo(f"warning: {note}, or {_LARGER}", err=True)


def _tell_skipped(skipped: Counter[str]) -> None:
    shown = [f"{ending or 'none'} ({count:,})" for ending, count in skipped.most_common(8)]
    endings = ", ".join(shown) + (", …" if len(skipped) > 8 else "")
    click.echo(
        f"note: left out {skipped.total():,} files of folders for their endings: {endings}",
        err=True,
    )


def _counted(
    documents: Iterable[Document], counts: Counter[str], advance: Callable[[], None]
) -> Iterator[Document]:
    for document in documents:
        counts["documents"] += 1
        counts["blank"] += not document.text.strip()
        counts["entities"] += len(document.entities)
        counts["relations"] += len(document.relations)
        counts["events"] += len(document.events)
        for issue in document.issues:
            counts[f"issue {issue.kind}"] += 1
        yield document
        # By now it has been written.
        advance()


def _progress(quiet: bool) -> Any:
    """Show a count on a terminal; elsewhere do nothing."""
    if quiet or not sys.stderr.isatty() or sys.stdout.isatty():
        return nullcontext(lambda: None)
    from ..files.progress import counting

    return counting("documents")


def _print_summary(counts: Counter[str], seconds: float) -> None:
    if counts["blank"]:
        click.echo(f"note: blank documents: {counts['blank']:,}", err=True)
    if counts["failed"]:
        click.echo(f"note: left out as they cannot be read: {counts['failed']:,}", err=True)
    main = ", ".join(
        f"{counts[key]:,} {key}" for key in ("documents", "entities", "relations", "events")
    )
    issues = ", ".join(
        f"{count:,} {key.removeprefix('issue ')}"
        for key, count in sorted(counts.items())
        if key.startswith("issue ")
    )
    click.echo(f"{main}; issues: {issues or 'none'}; {seconds:.1f} s", err=True)
