"""The command line: `chinchilla --help` lists the commands and imports none of them."""

import errno
import os
import sys
from importlib import import_module
from typing import Any

import click

from ..errors import ChinchillaError

# Command -> (module in .commands, one-sentence help shown without importing it).
COMMANDS = {
    "extract": ("extract", "Extract entities, relations and events from texts."),
    "data": ("data", "Convert, build, list and inspect corpora and instruction records."),
    "train": ("train", "Fine-tune a language model on instruction records."),
    "export": ("export", "Merge an adapter, save a whole model, convert it to CTranslate2."),
    "evaluate": ("evaluate", "Score predicted documents against gold ones."),
}

# What a disk, a quota or a permission says; other errors of the system are not expected here.
_UNWRITABLE = frozenset(
    (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO)
)


class LazyGroup(click.Group):
    """A group whose sub-commands are imported when they are called."""

    def __init__(self, *args: Any, places: dict[str, tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.places = places

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the commands, in the order of the table."""
        return list(self.places)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return one command."""
        if cmd_name not in self.places:
            return None
        module = import_module(f"chinchilla.cli.{self.places[cmd_name][0]}")
        command: click.Command = module.command
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command. A closed reader is no error; a full disk is told in one line."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            # What is left in the buffer (of head, less) has nowhere to go.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            ctx.exit(0)
        except OSError as error:
            if error.errno not in _UNWRITABLE:
                raise
            raise ChinchillaError(f"{error.filename or 'output'}: {error.strerror}") from error

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the table of commands from the help in `places`."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, place[1]) for name, place in self.places.items()])


@click.group(
    cls=LazyGroup,
    places=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(package_name="chinchilla-ie", prog_name="chinchilla")
def cli() -> None:
    """Extract entities, relations and events from Chinese text, with exact offsets.

    Example: chinchilla extract news.txt --format table
    """


def main() -> None:
    """Run the command line; errors become one message on stderr and exit code 1."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8")
    try:
        cli(standalone_mode=True)
    except ChinchillaError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(1)
