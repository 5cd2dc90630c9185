"""What a command writes must not write over what else it writes, or reads."""

from collections.abc import Iterable
from pathlib import Path

import click


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
