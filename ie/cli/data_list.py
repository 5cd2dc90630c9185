"""`chinchilla data list`: the catalogue of data sets, filtered."""

import sys
from shutil import get_terminal_size
from typing import Any

import click

from ..files.jsonl import dumps


@click.command()
@click.option("--task", help="Only data sets for this task: ner, re, ee, raw or translation.")
@click.option("--lang", help="Only data sets in this language: zh or en.")
@click.option("--licence", help="Only licences that contain this, such as MIT or unknown.")
@click.option("--domain", help="Only domains that contain this, such as finance.")
@click.option("--format", "form", type=click.Choice(["table", "jsonl"]), default="table")
@click.argument("names", nargs=-1, metavar="[NAME…]")
def command(
    task: str | None,
    lang: str | None,
    licence: str | None,
    domain: str | None,
    form: str,
    names: tuple[str, ...],
) -> None:
    """List the data sets of the catalogue with licence, its consequence and converter.

    With NAMEs, print all that is known of them. None of the data is part of the package.

    Example: chinchilla data list --task ee --lang zh --domain finance
    """
    from chinchilla.converters.catalogue import find, to_dict

    entries = find(names, task=task, lang=lang, licence=licence, domain=domain)
    if form == "jsonl":
        for entry in entries:
            click.echo(dumps(to_dict(entry)))
    elif names:
        for entry in entries:
            _print_entry(to_dict(entry))
    else:
        _print_table([to_dict(entry) for entry in entries])


def _print_entry(entry: dict[str, Any]) -> None:
    width = max(map(len, entry))
    for key, value in entry.items():
        content = ", ".join(value) if isinstance(value, list) else value
        click.echo(f"{key:<{width}}  {content}")
    click.echo()


def _print_table(entries: list[dict[str, Any]]) -> None:
    from ..files.tables import Table, format_table

    keys = ("name", "tasks", "lang", "domain", "size", "licence", "converter")
    rows = [
        tuple(", ".join(v) if isinstance(v, list) else str(v) for v in (entry[k] for k in keys))
        for entry in entries
    ]
    plural = "" if len(entries) == 1 else "s"
    # A pipe gets lines as long as they need be.
    width = get_terminal_size().columns if sys.stdout.isatty() else 0
    click.echo(format_table(Table("", keys, rows), width))
    click.echo(
        f"{len(entries)} data set{plural}; name one for its source, format and terms", err=True
    )
