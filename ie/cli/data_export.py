"""`chinchilla data export`: documents out to annotation tools and libraries, the reverse of `convert`."""

import zipfile
from collections import Counter
from io import BytesIO
from pathlib import Path

import click

from ..errors import InputError
from ..files.exports import EXPORTS
from ..files.jsonl import write_bytes
from .outputs import force_option, quiet_option


@click.command()
@click.argument("source", metavar="INPUT")
@click.option("--format", "form", type=click.Choice(EXPORTS), required=True,
              help="Form to write.")  # fmt: skip
@click.option("-o", "--output", required=True,
              help="File to write; of brat a .zip or a folder; - is standard output.")  # fmt: skip
@force_option
@quiet_option
def command(source: str, form: str, output: str, force: bool, quiet: bool) -> None:
    """Write the documents of INPUT in another form, without extracting again.

    INPUT is a file of documents, as extract and convert write it, or the folder of a run. What a form
    cannot hold is left out and counted.

    Example: chinchilla data export facts.jsonl --format label-studio -o tasks.json
    """
    from ..corpus.graph.build import read_annotated
    from ..files.exports import render_export

    lost: Counter[str] = Counter()
    parts = render_export(read_annotated(source), form, lost)
    if form == "brat" and output != "-" and not output.endswith(".zip"):
        _unpack(b"".join(parts), Path(output), force)
    else:
        with write_bytes(output, force=force) as file:
            for part in parts:
                file.write(part)
    if not quiet:
        tell_lost(form, lost)


def tell_lost(form: str, lost: Counter[str]) -> None:
    """Say what a form could not hold."""
    for reason, count in sorted(lost.items()):
        if count:
            click.echo(
                f"note: left out, as {form} has no place for it: {reason} ({count:,})", err=True
            )


def _unpack(archive: bytes, folder: Path, force: bool) -> None:
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder}: is a file; name a folder or a .zip")
    if folder.is_dir() and any(folder.iterdir()) and not force:
        raise InputError(f"{folder}: holds files; pass --force to write among them")
    folder.mkdir(parents=True, exist_ok=True)
    # The names are ours: they hold no separators.
    zipfile.ZipFile(BytesIO(archive)).extractall(folder)
