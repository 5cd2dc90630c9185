"""`chinchilla extract -o FOLDER/`: a run over a corpus, see `corpus.run`."""

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from ..files.inputs import ReadOptions
from .extract_told import LARGER
from .stopping import stopping

# What is for runs alone, by the names of the parameters.
RUN_OPTIONS = ("workers", "engine", "gpus", "shard_size", "shard_format")


def run_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that are for runs alone, in the order of `--help`."""
    options = (
        click.option("--shard-size", type=click.IntRange(1), default=1000, show_default=True,
                     help="Run: documents of a file."),
        click.option("--shard-format", type=click.Choice(["jsonl", "parquet"]), default="jsonl",
                     show_default=True, help="Run: form of its files."),
        click.option("--workers", type=click.IntRange(1),
                     help="Run: processes that hold the model.  [default: 1; with ray all cores or GPUs]"),
        click.option("--engine", type=click.Choice(["local", "ray"]), default="local",
                     show_default=True, help="Run: on this machine or on a Ray cluster."),
        click.option("--gpus", type=click.FloatRange(0), default=0.0, show_default=True,
                     help="Run on Ray: GPUs of each worker."),
    )  # fmt: skip
    for option in reversed(options):
        command = option(command)
    return command


def is_run_folder(output: str) -> bool:
    """Return whether an output names a folder: by a slash at its end, or because it is one."""
    ends = (os.sep, "/")
    return output != "-" and (output.endswith(ends) or Path(output).is_dir())


def check_no_run(ctx: click.Context) -> None:
    """Refuse options of runs where one file is written.

    Raises:
        click.UsageError: names them.
    """
    given = [
        f"--{name.replace('_', '-')}"
        for name in RUN_OPTIONS
        if ctx.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE
    ]
    if given:
        raise click.UsageError(
            f"{', '.join(given)}: for a run, whose output is a folder; end the name after -o with /"
        )


def extract_run(
    folder: Path,
    files: Sequence[str],
    recipe: Any,
    reading: ReadOptions,
    given: dict[str, Any],
) -> None:
    """Do a run and tell what came of it; `given` are the options."""
    from ..corpus.run import Run, RunOptions, is_blank_only
    from ..files.progress import counting

    begin = time.perf_counter()
    quiet = given["quiet"]
    options = RunOptions(
        shard_size=given["shard_size"],
        form=given["shard_format"],
        workers=given["workers"],
        engine=given["engine"],
        gpus=given["gpus"],
        strict=given["strict"],
    )

    def told(note: str) -> None:
        if note.startswith("warning: "):
            if not quiet:
                click.echo(f"{note}, or {LARGER}", err=True)
        else:
            click.echo(f"note: {note}", err=True)

    def show(total: int | None) -> Any:
        return counting("documents", quiet, total)

    run = Run(folder, files, recipe, reading, options, told, show)
    hint = f"go on with the same command and --resume; what is done is in {folder}"
    with stopping(lambda: hint if _has_begun(folder) else ""):
        report = run(
            resume=given["resume"], retry_failed=given["retry_failed"], force=given["force"]
        )
    if not quiet:
        _print_report(folder, report, time.perf_counter() - begin)
    if not is_blank_only(report):
        click.get_current_context().exit(1)


def _has_begun(folder: Path) -> bool:
    return any((folder / "shards").glob("[0-9]*"))


def _print_report(folder: Path, report: dict[str, Any], seconds: float) -> None:
    facts = ", ".join(
        f"{report[key]:,} {key}" for key in ("documents", "entities", "relations", "events")
    )
    issues = ", ".join(f"{count:,} {kind}" for kind, count in report["issues"].items())
    click.echo(f"{facts}; issues: {issues or 'none'}; {seconds:.1f} s", err=True)
    if failures := report["failures"]:
        shown = ", ".join(f"{count:,} {stage}" for stage, count in failures.items())
        click.echo(f"failures: {shown}; see {folder / 'failures.jsonl'}", err=True)
    click.echo(f"{report['shards']:,} shards in {folder}", err=True)
