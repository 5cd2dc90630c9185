"""`chinchilla data select`: a small, diverse set of records or documents."""

from typing import Any

import click

from .outputs import check_outputs

_RATE = click.FloatRange(0, 1)


def _most(ctx: click.Context, param: click.Parameter, value: str | None) -> dict[str, int]:
    limits = {}
    for part in filter(None, (part.strip() for part in (value or "").split(","))):
        name, _, number = part.partition("=")
        if not number.isdecimal():
            raise click.BadParameter(f"{part!r} has no number; write {name}=50")
        limits[name] = int(number)
    return limits


@click.command(name="select")
@click.argument("inputs", nargs=-1, required=True, metavar="FILE.JSONL...")
@click.option("-n", "--total", type=click.IntRange(min=1), required=True, help="How many.")
@click.option("-o", "--output", required=True, help="The chosen lines, as they were.")
@click.option("--rouge", type=_RATE, default=0.7, show_default=True,
              help="ROUGE-L from which texts are too alike; 0: any may be chosen.")  # fmt: skip
@click.option("--floor", type=click.IntRange(min=0), default=3, show_default=True,
              help="Items of each type that go before all else.")  # fmt: skip
@click.option("--most", callback=_most, metavar="DIMENSION=N,...",
              help="At most N of one type, task, source, template or length.")  # fmt: skip
@click.option("--empty-rate", type=_RATE, default=0.1, show_default=True,
              help="Largest share of empty answers.")  # fmt: skip
@click.option("--shortest", type=int, default=5, show_default=True, help="Characters of text.")
@click.option("--longest", type=int, default=2000, show_default=True, help="Characters of text.")
@click.option("--seed", type=int, default=0, show_default=True, help="Decides between equals.")
@click.option("--report", "report_path", help="Write all counts as JSON; `-` for stdout.")
@click.option("--force", is_flag=True, help="Overwrite files that exist.")
@click.option("--quiet", is_flag=True, help="No summary on stderr.")
def command(
    inputs: tuple[str, ...],
    output: str,
    report_path: str | None,
    force: bool,
    quiet: bool,
    **choices: Any,
) -> None:
    """Choose the records or documents that together cover most types, tasks and lengths.

    Example: chinchilla data select records.jsonl -n 1000 -o small.jsonl --most type=50
    """
    from chinchilla.instructions.select import SelectOptions, select_files

    from ..files.jsonl import dumps, write_bytes

    check_outputs(output=output, report=report_path)
    report = select_files(inputs, SelectOptions(**choices), output, force=force)
    if report_path:
        with write_bytes(report_path, force=force) as file:
            file.write(dumps(report.to_dict()).encode() + b"\n")
    if quiet:
        return
    for reason, number in report.left_out.most_common():
        click.echo(f"{number:>8}  {reason}", err=True)
    covered, known = report.types
    click.echo(
        f"{report.read} read, {report.chosen} chosen; they cover {covered} of {known} types, "
        f"a random choice of as many {report.types_at_random}",
        err=True,
    )
