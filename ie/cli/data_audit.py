"""`chinchilla data audit`: leaks, duplicates and faults of documents or records."""

from typing import Any

import click

from .outputs import check_outputs, force_option, quiet_option

_RATE = click.FloatRange(0, 1)


def _kinds(ctx: click.Context, param: click.Parameter, value: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in value.split(",") if part.strip())


@click.command(name="audit")
@click.argument("inputs", nargs=-1, required=True, metavar="FILE.JSONL...")
@click.option("--against", multiple=True, help="Files that must not leak in; may be repeated.")
@click.option("--within", is_flag=True, help="Compare the inputs with one another too.")
@click.option("--kinds", callback=_kinds, default="exact,normalised,near", show_default=True)
@click.option("--near", type=click.FloatRange(0, 1, max_open=True), default=0.8, show_default=True,
              help="Smallest similarity of near duplicates; 0: do not look for them.")  # fmt: skip
@click.option("--measure", default="jaccard", show_default=True,
              help="Of similarity: jaccard (shingles), rouge-l (common subsequence).")  # fmt: skip
@click.option(
    "--quality", is_flag=True, help="Check the documents, or the records' answers, themselves too."
)
@click.option("--annotations", is_flag=True,
              help="Check every annotation of documents by the rules; so do the next seven.")  # fmt: skip
@click.option("--html", help="Write a page that shows each suspect in its sentence.")
@click.option("--fix", is_flag=True, help="Mend what has one right answer.")
@click.option("--drop", type=_RATE, help="Take out what is suspect with at least this certainty.")
@click.option("--log", help="Where changes are logged.  [default: OUTPUT.log.jsonl]")
@click.option("--model", help="Compare with the predictions of a model, by confident learning.")
@click.option("--predictions", help="Documents with scores: read, or with --model written first.")
@click.option("--folds", type=click.IntRange(2),
              help="Tune the embedded model in the folder --model for so many folds.")  # fmt: skip
@click.option("--undo", metavar="LOG", help="Write the inputs of an audit again, of what it wrote.")
@click.option("--schema", help="The schema that labels must be in.")
@click.option("--report", "report_path", help="Write everything found as JSON; `-` for stdout.")
@click.option("--remove", is_flag=True, help="Write what is clean to --output.")
@click.option("-o", "--output", help="The cleaned file, lines as they were.")
@force_option
@quiet_option
def command(
    inputs: tuple[str, ...],
    report_path: str | None,
    remove: bool,
    output: str | None,
    force: bool,
    quiet: bool,
    undo: str | None,
    **choices: Any,
) -> None:
    """Find duplicates, leaks and faults in files of documents or records.

    Example: chinchilla data audit train.jsonl --against test.jsonl --remove -o clean.jsonl
    """
    names = ("annotations", "html", "fix", "drop", "log", "model", "predictions", "folds")
    asked = {name: choices.pop(name) for name in names}
    check_outputs(inputs, output=output, report=report_path, html=asked["html"], log=asked["log"])
    if undo:
        _undo(undo, inputs, output, force=force, quiet=quiet)
    elif any(value not in (None, False) for value in asked.values()):
        places = {"report": report_path, "output": output, "force": force}
        _audit_annotations(inputs, places, choices, asked, quiet=quiet)
    else:
        _audit_lines(inputs, choices, report_path, output, remove=remove, force=force, quiet=quiet)


def _undo(
    log: str, inputs: tuple[str, ...], output: str | None, *, force: bool, quiet: bool
) -> None:
    from ..curate.decisions import undo

    if len(inputs) != 1 or output is None:
        raise click.UsageError("--undo takes the one file that the audit wrote, and --output")
    done = undo(log, inputs[0], output, force=force)
    if not quiet:
        click.echo(f"{done.restored:,} of {done.lines:,} lines are as they were before", err=True)


def _audit_annotations(
    inputs: tuple[str, ...],
    places: dict[str, Any],
    choices: dict[str, Any],
    asked: dict[str, Any],
    *,
    quiet: bool,
) -> None:
    from ..curate.audit import Audit
    from ..curate.audit_run import AuditModel, Places, run_audit
    from ..curate.suspects import RULES
    from ..data.schema import read_schema
    from ..files.progress import counting
    from ..files.tables import Table, format_table

    output, is_changing = places["output"], asked["fix"] or asked["drop"] is not None
    if is_changing != (output is not None):
        raise click.UsageError("--output goes with --fix or --drop, and these with it")
    if asked["folds"] and not asked["model"]:
        raise click.UsageError("--folds tunes the model of --model; name its folder")
    if choices["against"] or choices["within"] or choices["quality"]:
        raise click.UsageError("--against, --within and --quality are for an audit by lines")
    log = asked["log"] or (f"{output}.log.jsonl" if output else None)
    near = choices["near"] if "near" in choices["kinds"] else 0
    schema = read_schema(choices["schema"]) if choices["schema"] else None
    audit = Audit(schema, near=near or None, fix=asked["fix"], drop=asked["drop"])
    model = None
    if asked["model"] or asked["predictions"]:
        model = AuditModel(asked["model"], asked["predictions"], asked["folds"] or 0)
    with counting("documents", quiet) as advance:
        summary = run_audit(
            inputs, audit, Places(log=log, html=asked["html"], **places), model, advance
        )
    if quiet:
        return
    to_stderr = "-" in (places["report"], output)
    rows = [(rule, f"{summary.rules[rule]:,}", RULES[rule].meaning)
            for rule in RULES if summary.rules[rule]]  # fmt: skip
    if rows:
        click.echo(format_table(Table("", ("rule", "suspects", "meaning"), rows)), err=to_stderr)
    done = "".join(f", {number:,} {action}" for action, number in sorted(summary.actions.items()))
    click.echo(
        f"{summary.documents:,} documents, {summary.suspect_documents:,} with a suspect{done}",
        err=True,
    )


def _audit_lines(
    inputs: tuple[str, ...],
    choices: dict[str, Any],
    report_path: str | None,
    output: str | None,
    *,
    remove: bool,
    force: bool,
    quiet: bool,
) -> None:
    from chinchilla.instructions.audit import AuditOptions, audit_files

    from ..files.jsonl import dumps, write_bytes

    if remove != (output is not None):
        raise click.UsageError("--remove and --output go together")
    report = audit_files(inputs, AuditOptions(**choices), output, force=force)
    if report_path:
        with write_bytes(report_path, force=force) as file:
            file.write(dumps(report.to_dict()).encode() + b"\n")
    if quiet:
        return
    to_stderr = "-" in (report_path, output)
    for (kind, item, other), number in sorted(report.pairs.items()):
        click.echo(f"{number:>8}  {kind}: {item}, also {other}", err=to_stderr)
    for fault, number in sorted(report.faults.items()):
        click.echo(f"{number:>8}  {fault}", err=to_stderr)
    click.echo(
        f"{report.items} items, {sum(report.by_kind.values())} duplicates "
        f"({report.contradictions} with other answers), {report.kept} clean",
        err=True,
    )
