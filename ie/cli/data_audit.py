"""`chinchilla data audit`: leaks, duplicates and faults of documents or records."""

from typing import Any

import click


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
@click.option("--schema", help="With --quality: the schema that labels must be in.")
@click.option("--report", "report_path", help="Write everything found as JSON; `-` for stdout.")
@click.option("--remove", is_flag=True, help="Write what is clean to --output.")
@click.option("-o", "--output", help="The cleaned file, lines as they were.")
@click.option("--force", is_flag=True, help="Overwrite files that exist.")
def command(
    inputs: tuple[str, ...],
    report_path: str | None,
    remove: bool,
    output: str | None,
    force: bool,
    **choices: Any,
) -> None:
    """Find duplicates and leaks between files of documents or records.

    Example: chinchilla data audit train.jsonl --against test.jsonl --remove -o clean.jsonl
    """
    from chinchilla.instructions.audit import AuditOptions, audit_files

    from ..files.jsonl import dumps, write_bytes

    if remove != (output is not None):
        raise click.UsageError("--remove and --output go together")
    report = audit_files(inputs, AuditOptions(**choices), output, force=force)
    if report_path:
        with write_bytes(report_path, force=force) as file:
            file.write(dumps(report.to_dict()).encode() + b"\n")
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
