"""`chinchilla data select`: a small, diverse set of records or documents."""

from typing import Any

import click

from .outputs import check_outputs, force_option

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
@click.option("--by", "way", type=click.Choice(["coverage", "facility"]), default="coverage",
              show_default=True,
              help="coverage evens out types, tasks and lengths; facility weighs quality and takes the "
              "texts that stand for most others.")  # fmt: skip
@click.option("--vectors", metavar="MODEL",
              help="Compare texts by the vectors of mini, or of a folder tuned from it.  "
              "[default: character n-grams]")  # fmt: skip
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
@click.option("--compare-random", is_flag=True,
              help="Show what is covered beside a random choice of as many.")  # fmt: skip
@click.option("--report", "report_path", help="Write all counts as JSON; `-` for stdout.")
@force_option
@click.option("--quiet", is_flag=True, help="No summary on stderr.")
def command(
    inputs: tuple[str, ...],
    output: str,
    way: str,
    vectors: str | None,
    compare_random: bool,
    report_path: str | None,
    force: bool,
    quiet: bool,
    **choices: Any,
) -> None:
    """Choose the records or documents that together cover most types, tasks and lengths.

    Example: chinchilla data select records.jsonl -n 1000 -o small.jsonl --most type=50
    """
    from chinchilla.instructions.select import SelectOptions, select_files

    from ..curate.select import Selected, compare, select_by_facility
    from ..curate.vectors import reader_vectors
    from ..files.jsonl import dumps, write_bytes

    check_outputs(output=output, report=report_path)
    options = SelectOptions(**choices)
    if way == "facility":
        _refuse(click.get_current_context(), "rouge", "most", "empty_rate")
        embed = reader_vectors(vectors) if vectors else None
        found: Any = select_by_facility(inputs, options, output, embed=embed, force=force)
    elif vectors:
        raise click.UsageError("--vectors is for --by facility")
    else:
        found = select_files(inputs, options, output, force=force)
    told = found.to_dict()
    selected = found if way == "facility" else Selected(found.read, found.chosen)
    if compare_random:
        compare(inputs, output, options, selected)
        compared = selected.to_dict()
        told |= {key: compared[key] for key in ("covered", "at_random", "all")}
    if report_path:
        with write_bytes(report_path, force=force) as file:
            file.write(dumps(told).encode() + b"\n")
    if not quiet:
        _print_summary(found, selected, "-" in (report_path, output))


def _refuse(ctx: click.Context, *names: str) -> None:
    """Refuse options that --by facility does not follow."""
    for name in names:
        if ctx.get_parameter_source(name) is not click.core.ParameterSource.DEFAULT:
            option = name.replace("_", "-")
            raise click.UsageError(f"--{option} is for --by coverage")


def _print_summary(found: Any, selected: Any, to_stderr: bool) -> None:
    from ..files.tables import Table, format_table

    for reason, number in found.left_out.most_common():
        click.echo(f"{number:>8}  {reason}", err=True)
    if rows := selected.rows():
        header = ("", "items", "types", "2-grams", "3-grams", "characters")
        click.echo(format_table(Table("", header, rows)), err=to_stderr)
    if not hasattr(found, "types"):
        click.echo(f"{found.read} read, {found.chosen} chosen", err=True)
        return
    covered, known = found.types
    click.echo(
        f"{found.read} read, {found.chosen} chosen; they cover {covered} of {known} types, "
        f"a random choice of as many {found.types_at_random}",
        err=True,
    )
