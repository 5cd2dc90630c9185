"""`chinchilla data build`: instruction records from documents."""

from typing import Any

import click


def _mapping(ctx: click.Context, param: click.Parameter, value: str | None) -> dict[str, int]:
    """Read `ner=64,re=160`."""
    from ..schema import TASKS

    result: dict[str, int] = {}
    for part in filter(None, (value or "").split(",")):
        task, equals, number = part.strip().partition("=")
        if task not in TASKS or not equals or not number.isdigit() or int(number) < 1:
            raise click.BadParameter(
                f"{part!r} is not TASK=NUMBER; tasks are {', '.join(TASKS)}, numbers from 1"
            )
        result[task] = int(number)
    return result


def _tasks(ctx: click.Context, param: click.Parameter, value: str | None) -> tuple[str, ...]:
    from ..errors import near_miss
    from ..schema import TASKS

    chosen = tuple(part.strip() for part in value.split(",")) if value else TASKS
    for task in chosen:
        if task not in TASKS:
            raise click.BadParameter(
                f"unknown task {task!r}{near_miss(task, TASKS)}; tasks are {', '.join(TASKS)}"
            )
    return tuple(task for task in TASKS if task in chosen)


@click.command(name="build")
@click.argument("inputs", nargs=-1, required=True, metavar="DOCS.JSONL...")
@click.option("-o", "--output", default="-", show_default=True, help="File of records.")
@click.option("--schema", help="Built-in name or file; default: the one meta.source names.")
@click.option("--format", "format_", type=click.Choice(["json", "compact"]), help="Answer form.")
@click.option("--template", help="Wording of the prompts, such as zh-v1 or compact-v1.")
@click.option("--tasks", callback=_tasks, help="Any of ner,re,ee; default: all of the schema.")
@click.option("--window", callback=_mapping, help="Characters per prompt: ner=64,re=160.")
@click.option("--types-per-prompt", callback=_mapping, help="Types per prompt: ee=10.")
@click.option("--subset", type=click.FloatRange(0, 1), default=0.0, help="Chance to ask a part.")
@click.option("--shuffle", type=click.FloatRange(0, 1), default=0.0, help="Chance to mix types.")
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of all choices.")
@click.option("--manifest", "manifest_path", help="Write hashes, options and counts as JSON.")
@click.option("--force", is_flag=True, help="Overwrite files that exist.")
@click.option("--quiet", is_flag=True, help="No summary on stderr.")
def command(
    inputs: tuple[str, ...],
    output: str,
    schema: str | None,
    format_: str | None,
    template: str | None,
    manifest_path: str | None,
    force: bool,
    quiet: bool,
    **choices: Any,
) -> None:
    """Turn documents into instruction records, one JSON object a line.

    Example: chinchilla data build docs.jsonl -o records.jsonl --format json --seed 1
    """
    from chinchilla.instructions.build import build_files, manifest
    from chinchilla.instructions.records import BuildOptions

    from ..jsonl import write_bytes

    style = _style(format_, template, choices.pop("types_per_prompt"), choices.pop("window"))
    options = BuildOptions(style, **choices)
    report = build_files(inputs, output, options, schema=schema, force=force)
    if manifest_path:
        import msgspec

        described = manifest(inputs, output, options, report, schema)
        with write_bytes(manifest_path, force=force) as file:
            file.write(msgspec.json.format(msgspec.json.encode(described), indent=2) + b"\n")
    if not quiet:
        left_out = "".join(f"; {n} {what}" for what, n in sorted(report.counts.items()))
        click.echo(f"{report.documents} documents, {report.records} records{left_out}", err=True)


def _style(
    format_: str | None, template: str | None, types: dict[str, int], window: dict[str, int]
) -> Any:
    from ..prompt import PromptStyle, read_template

    name = template or ("compact-v1" if format_ == "compact" else "zh-v1")
    return PromptStyle(
        name, format_ or read_template(name).format, types_per_prompt=types, window=window
    )
