"""`chinchilla extract`: texts in, documents with annotations out."""

import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from hashlib import blake2b
from pathlib import Path
from shutil import get_terminal_size
from typing import Any

import click

from ..data.documents import Document
from ..errors import InputError
from ..files.inputs import ReadOptions, find_inputs, read_texts
from ..files.rendering import FORMS, IssuesBeside, render_documents
from ..files.resumable import after, write_partial
from .data_export import tell_lost
from .model_options import model_options, opening
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
@click.option("--resume", is_flag=True,
              help="Continue from OUTPUT.partial a run that did not finish.")  # fmt: skip
@click.option("--keep-going", is_flag=True,
              help="Leave out rows and files that cannot be read; exit with 1 if there were any.")  # fmt: skip
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
    keep_going: bool,
    quiet: bool,
    verbose: bool,
    **asking: Any,
) -> None:
    """Extract entities, relations and events from each INPUT.

    An INPUT is a file (.txt, .html, .jsonl, .csv, .tsv, each also .gz, .parquet), a folder, a glob
    or -. CSV written to a file has issues in another beside it, OUTPUT.issues.csv.
    What is extracted as JSON Lines before a run fails or is stopped stays in OUTPUT.partial; go on from
    it with the same command and --resume.

    Example: chinchilla extract examples/news.txt --format table
    """
    begin = time.perf_counter()
    if resume and form != "jsonl":
        raise click.UsageError("--resume is for --format jsonl")
    reading = ReadOptions(lines, column, encoding, title_column)
    skipped: Counter[str] = Counter()
    files = [name for name in find_inputs(inputs, skipped) if not _is_found(name, output, inputs)]
    if skipped and not quiet:
        _tell_skipped(skipped)
    from ..pipeline import Extractor

    how = opening(asking)
    extractor = Extractor(model, schema, tasks, options=_options(**asking), **how)
    loaded = time.perf_counter()
    if not quiet:
        _warn_untrained(extractor)
    counts: Counter[str] = Counter()
    lost: Counter[str] = Counter()
    failed = partial(_tell_failed, counts) if keep_going else None
    texts = read_texts(files, reading, failed, _tell_reading)
    is_apart = form == "csv" and output != "-"
    with (
        _telling_what_stays(output, counts),
        write_partial(
            output,
            force=force,
            resume=resume,
            stays=form == "jsonl",
            run=_run(model, extractor, how),
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
            lost=lost,
        ):
            file.write(rendered)
    if not quiet:
        tell_lost(form, lost)
        if resume:
            click.echo(f"note: {done.documents:,} documents were there, of a run before", err=True)
        _print_summary(counts, time.perf_counter() - begin)
    if verbose and not quiet:
        click.echo(f"model loaded in {loaded - begin:.2f} s", err=True)
    if counts["failed"]:
        click.get_current_context().exit(1)


@contextmanager
def _telling_what_stays(output: str, counts: Counter[str]) -> Iterator[None]:
    try:
        yield
    except BaseException:
        if counts["documents"] and Path(f"{output}.partial").is_file():
            click.echo(
                f"what was extracted is in {output}.partial; --resume goes on from there", err=True
            )
        raise


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


def _run(model: str | None, extractor: Any, how: dict[str, Any]) -> dict[str, Any]:
    """Return what decides about the answers of a run, for one that goes on from it."""
    from dataclasses import asdict

    from .. import __version__
    from ..engines.endpoint import shown_address

    options = asdict(extractor.options)
    if extractor.options.lexicon:
        options["lexicon"] = blake2b(repr(extractor.options.lexicon).encode()).hexdigest()
    asked = {
        "version": __version__,
        "model": shown_address(model or "mini"),
        "weights": _weights(model),
        "schema": extractor.schema.to_dict(),
        "tasks": extractor.tasks,
        **options,
        **how,
    }
    if "http" in how:
        # How fast an endpoint is asked decides nothing.
        body = json.dumps(dict(how["http"].extra_body), sort_keys=True)
        asked["http"] = {
            "thinking": how["http"].thinking,
            # It may hold a secret: another one is seen by its hash.
            "extra_body": blake2b(body.encode(), digest_size=16).hexdigest(),
        }
    plain: dict[str, Any] = json.loads(json.dumps(asked, default=str))
    return plain


def _weights(model: str | None) -> str:
    """Return what changes when the files of a model in a folder do."""
    folder = Path(model or "")
    if not model or not folder.is_dir():
        return ""
    files = sorted(path for path in folder.iterdir() if path.is_file())
    found = [(path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in files]
    return blake2b(repr(found).encode(), digest_size=8).hexdigest()


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
