"""`chinchilla extract`: texts in, documents with annotations out."""

from collections import Counter
from pathlib import Path
from typing import Any

import click

from ..files.inputs import INPUT_FORMATS, ReadOptions, find_inputs
from ..files.jsonl import read_documents
from ..files.rendering import FORMS
from ..files.resumable import is_complete
from .extract_file import extract_file
from .extract_run import RUN_OPTIONS, check_no_run, extract_run, is_run_folder, run_options
from .extract_told import tell_skipped
from .model_options import model_options, opening
from .tasks import read_tasks
from .usage import read_price


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
    from ..corpus.work import Recipe

    recipe = Recipe(model, schema, tasks, options, how)
    given = {"resume": resume, "force": force, "retry_failed": retry_failed, "quiet": quiet}
    if is_run_folder(output):
        extract_run(
            Path(output), files, recipe, reading, {**given, **run, "strict": keep_going is False}
        )
    else:
        told = {"form": form, "keep_going": keep_going, "verbose": verbose, "price": price}
        extract_file(output, files, recipe, reading, {**given, **told})


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
