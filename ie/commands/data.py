"""`chinchilla data`: corpora in, instruction records out; the table of its sub-commands."""

import click

from ..cli import LazyGroup

COMMANDS = {
    "build": ("data_build", "Turn documents into instruction records."),
}


@click.group(name="data", cls=LazyGroup, places=COMMANDS)
def command() -> None:
    """Convert, build, list and inspect corpora and instruction records."""
