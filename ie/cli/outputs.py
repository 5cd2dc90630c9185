"""Options of commands that write files, which must not write over what else they write, or read."""

from collections.abc import Iterable
from pathlib import Path

import click

resume_option = click.option("--resume", is_flag=True, help="Go on with a run that did not finish.")
force_option = click.option("--force", is_flag=True, help="Overwrite files that exist.")
quiet_option = click.option("--quiet", is_flag=True, help="Print errors only.")


def check_outputs(inputs: Iterable[str | Path] = (), **names: str | Path | None) -> None:
    """Refuse two options that name one file to write, and one that names a file to read.

    None and `-` name none.

    Raises:
        click.UsageError: names the option and the file.
    """
    taken = {Path(name).resolve(): "an input" for name in inputs}
    for option, name in names.items():
        if name is None or str(name) == "-":
            continue
        path = Path(name).resolve()
        if path in taken:
            raise click.UsageError(f"--{option} and {taken[path]} are the same file: {name}")
        taken[path] = f"--{option}"
