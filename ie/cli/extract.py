"""`chinchilla extract`: texts in, documents with annotations out."""

import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from shutil import get_terminal_size
from typing import Any

import click

from ..data.issues import UNANSWERED
from ..files.inputs import INPUT_FORMATS, ReadOptions, find_inputs, read_texts
from ..files.jsonl import read_documents, write_bytes
from ..files.rendering import FORMS, IssuesBeside, render_documents
from ..files.resumable import Done, after, is_complete, write_partial
from ..files.retried import retried
from .data_export import tell_lost
from .extract_run import RUN_OPTIONS, check_no_run, extract_run, is_run_folder, run_options
from .extract_told import (
    LARGER,
    checked,
    counted,
    print_summary,
    progress,
    tell_failed,
    tell_reading,
    tell_skipped,
    warn_untrained,
)
from .model_options import model_options, opening
from .stopping import stopping
from .tasks import read_tasks
from .usage import read_price, usage_line


@click.command(name="extract")
@click.argument("inputs", nargs=-1, metavar="INPUT…")
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
@click.option("--column", "--text-column", default="text", show_default=True,
              help="Column or key of the text.")  # fmt: skip
@click.option("--id-column", default="", help="Column or key of the ids.  [default: id]")
@click.option("--title-column", default="title", show_default=True,
              help="Column or key of the title, which goes before the text; '' for none.")  # fmt: skip
@click.option("--encoding", default="auto", show_default=True,
              help="Encoding of the inputs; auto recognises each.")  # fmt: skip
@click.option("--input-format", type=click.Choice(INPUT_FORMATS),
              help="Format of all inputs.  [default: by their endings]")  # fmt: skip
@model_options
@click.option("--values", is_flag=True,
              help="Give dates, amounts and the like a value in one form.")  # fmt: skip
@click.option("--document-date", metavar="DATE|KEY",
              help="Day that relative dates count from, or the key of meta that holds it; implies --values.")  # fmt: skip
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
@click.option(
    "--examples", metavar="DOCS", help="Gold documents; those most like a text are shown."
)
@click.option("--instructions", metavar="TEXT", default="", help="Say this to the model besides.")
@click.option("--passes", type=click.IntRange(1), default=1, show_default=True,
              help="Ask so often, each time for what was missed.")  # fmt: skip
@click.option("--price", callback=read_price, metavar="IN,OUT",
              help="Price of a million tokens read and written, for the count at the end.")  # fmt: skip
@click.option("--force", is_flag=True, help="Overwrite the output.")
@click.option(
    "--resume", is_flag=True, help="Continue what did not finish, in OUTPUT.partial or a run."
)
@click.option("--keep-going/--strict", default=None,
              help="Leave out rows and files that cannot be read and exit with 1, or stop at the first, and "
              "at an empty text or an id of before.  [default: stop at what cannot be read; a run keeps going]")  # fmt: skip
@click.option("--retry-failed", is_flag=True,
              help="Ask again for the documents in OUTPUT that got no answer; for a file, INPUT is not read.")  # fmt: skip
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
    id_column: str,
    title_column: str,
    encoding: str,
    input_format: str | None,
    force: bool,
    resume: bool,
    keep_going: bool | None,
    retry_failed: bool,
    quiet: bool,
    verbose: bool,
    price: tuple[float, float] | None,
    **asking: Any,
) -> None:
    """Extract entities, relations and events from each INPUT.

    An INPUT is a file (.txt, .html, .jsonl, .csv, .tsv, .parquet, .xlsx, .docx, .pdf, each also .gz or
    .zst), a folder, a glob or -. CSV written to a file has issues in another beside it, OUTPUT.issues.csv.
    What is extracted as JSON Lines before a run fails or is stopped stays in OUTPUT.partial; go on from
    it with the same command and --resume. A document that the model gave no answer for stands in the
    results with an issue that says why; the exit code is then 1.

    A large corpus is for a run: an OUTPUT that ends in / is a folder of shards, with a manifest and a
    file of failures. It goes on with --resume whatever stopped it.

    Example: chinchilla extract examples/news.txt --format table
    """
    begin = time.perf_counter()
    run = {name: asking.pop(name) for name in RUN_OPTIONS}
    _check_usage(inputs, form, output, resume=resume, retries=retry_failed)
    if resume and is_complete(output):
        click.echo(f"note: {output} is complete already; there is nothing to do", err=True)
        return
    form_in = input_format or ""
    reading = ReadOptions(lines, column, encoding, title_column, id_column, form_in)
    skipped: Counter[str] = Counter()
    is_reread = retry_failed and not is_run_folder(output)
    found = [] if is_reread else find_inputs(inputs, skipped, form_in)
    files = [name for name in found if not _is_found(name, output, inputs)]
    if skipped and not quiet:
        tell_skipped(skipped)
    how = opening(asking)
    options = _options(**asking)
    if is_run_folder(output):
        from ..corpus.work import Recipe

        recipe = Recipe(model, schema, tasks, options, how)
        given = {**run, "resume": resume, "force": force, "strict": keep_going is False}
        given["retry_failed"] = retry_failed
        extract_run(Path(output), files, recipe, reading, given, quiet=quiet, larger=LARGER)
        return
    from ..pipeline import Extractor

    extractor = Extractor(model, schema, tasks, options=options, **how)
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
    is_apart = form == "csv" and output != "-"
    opened = (
        _rewritten(output)
        if retry_failed
        else write_partial(
            output,
            force=force,
            resume=resume,
            stays=form == "jsonl",
            run=_asked(model, extractor, how) if output != "-" else None,
        )
    )
    with (
        stopping(lambda: _hint(output, counts)),
        opened as (file, done),
        IssuesBeside(output) if is_apart else nullcontext() as issues,
        progress(quiet) as advance,
    ):
        stream = partial(extractor.stream, on_error="keep" if keep_going else "raise")
        answered = retried(output, stream) if retry_failed else stream(after(texts, done))
        documents = counted(answered, counts, advance)
        is_shown = file is sys.stdout.buffer
        for rendered in render_documents(
            documents,
            form,
            width=get_terminal_size().columns if is_shown and sys.stdout.isatty() else None,
            mark=not is_shown,
            issues=issues,
            lost=lost,
        ):
            file.write(rendered)
            # A process that is killed loses no document that is done.
            file.flush()
    if not quiet:
        tell_lost(form, lost)
        if resume:
            click.echo(f"note: {done.documents:,} documents were there, of a run before", err=True)
        print_summary(counts, time.perf_counter() - begin)
        if line := usage_line(extractor.usage, price):
            click.echo(line, err=True)
    if verbose and not quiet:
        click.echo(f"model loaded in {loaded - begin:.2f} s", err=True)
    if counts["failed"] or counts["issue " + UNANSWERED]:
        click.get_current_context().exit(1)


def _hint(output: str, counts: Counter[str]) -> str:
    """Return how to go on, if anything stays to go on from."""
    if counts["documents"] and Path(f"{output}.partial").is_file():
        return f"what was extracted is in {output}.partial; --resume goes on from there"
    return ""


def _check_usage(
    inputs: tuple[str, ...], form: str, output: str, *, resume: bool, retries: bool
) -> None:
    is_run = is_run_folder(output)
    if (resume or retries or is_run) and form != "jsonl":
        raise click.UsageError(
            "--resume, --retry-failed and runs are for --format jsonl; a run has --shard-format"
        )
    if not inputs and (is_run or not retries):
        raise click.UsageError("Missing argument 'INPUT…'.")
    if is_run:
        return
    check_no_run(click.get_current_context())
    if retries and resume:
        raise click.UsageError("--retry-failed is for a file that is complete; leave --resume out")
    if retries and not Path(output).is_file():
        raise click.UsageError(f"--retry-failed: {output} is no file; name the results with -o")


@contextmanager
def _rewritten(output: str) -> Iterator[tuple[Any, Done]]:
    """Open the output for writing anew; it takes its name once all is written."""
    with write_bytes(output, force=True) as file:
        yield file, Done()


def _is_found(name: str, output: str, inputs: tuple[str, ...]) -> bool:
    """Return whether an input is what a run before wrote into a folder that is read."""
    return name not in inputs and Path(name).resolve() == Path(output).resolve()


def _options(
    *, lexicon: str | None, calibration: str | None, examples: str | None, **rest: Any
) -> Any:
    from ..data.examples import GoldExamples
    from ..engines.model_files import read_calibration
    from ..merge.lexicon import read_lexicon
    from ..options import ExtractOptions

    return ExtractOptions(
        lexicon=read_lexicon(lexicon) if lexicon else None,
        calibration=read_calibration(Path(calibration)) if calibration else None,
        examples=GoldExamples(read_documents(examples)) if examples else None,
        **rest,
    )


def _asked(model: str | None, extractor: Any, how: dict[str, Any]) -> dict[str, Any]:
    from ..corpus.asked import describe_asked

    return describe_asked(model, extractor.schema, extractor.tasks, extractor.options, how)
