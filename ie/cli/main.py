"""The command line: `chinchilla --help` lists the commands and imports none of them."""

import errno
import gc
import os
import sys
from importlib import import_module
from typing import Any

import click

from ..errors import ChinchillaError
from ..files.visible import visible
from .hush import hushed

# Command -> (module in .commands, one-sentence help shown without importing it).
COMMANDS = {
    "extract": ("extract", "Extract entities, relations and events from texts."),
    "graph": (
        "graph",
        "Bring names together over documents and count facts: tables, a page, a graph.",
    ),
    "data": ("data", "Convert, build, list and inspect corpora and instruction records."),
    "train": ("train", "Tune mini on documents, or a language model on instruction records."),
    "export": ("export", "Merge an adapter, save a whole model, convert it to CTranslate2."),
    "serve": ("serve", "Serve extraction over HTTP, with a page to look, correct and teach."),
    "chat": ("chat", "Extract from texts that are typed or pasted, in the terminal."),
    "evaluate": ("evaluate", "Score predicted documents against gold ones."),
}

# So many objects are made before garbage is looked for: a start makes many and lets go of few, and
# looking at the usual 700 costs it a tenth of a second.
_YOUNG = 50_000

# What a disk, a quota or a permission says; other errors of the system are not expected here.
_UNWRITABLE = frozenset(
    (
        *(errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM),
        *(errno.EIO, errno.EBADF, errno.EISDIR),
    )
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
        for option in command.params:
            if option.name == "quiet":
                option.callback = _hush
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command. A closed reader is no error; a full disk is told in one line."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            _drop_output()
            ctx.exit(0)
        except OSError as error:
            if error.errno not in _UNWRITABLE:
                raise
            what = error.strerror if error.errno != errno.EBADF else "a standard stream is closed"
            raise ChinchillaError(f"{error.filename or 'output'}: {what}") from error

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
    gc.set_threshold(_YOUNG)
    _replace_closed_streams()
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            # Names of files may hold what is no UTF-8.
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    try:
        cli(standalone_mode=True)
    except ChinchillaError as error:
        click.echo(f"error: {visible(str(error))}", err=True)
        sys.exit(1)
    finally:
        try:
            sys.stdout.flush()
        except OSError as error:
            _drop_output()
            # A reader that left is no error, and a closed stream was told where it was written to.
            if error.errno not in (errno.EPIPE, errno.EBADF):
                click.echo(f"error: output: {error.strerror}", err=True)
                sys.exit(1)


def _replace_closed_streams() -> None:
    """Put something in place of standard streams that are closed, as by `>&-`.

    Else the next file opened would have the number of one, and get what is written to that. To read
    from these, or to write results to them, fails with EBADF; what is told goes nowhere.
    """
    for name, flag in (("stdin", os.O_WRONLY), ("stdout", os.O_RDONLY), ("stderr", os.O_WRONLY)):
        if getattr(sys, name) is None:
            mode = "r" if name == "stdin" else "w"
            # Not a context: it is the process's from here on.
            setattr(sys, name, os.fdopen(os.open(os.devnull, flag), mode, encoding="utf-8"))


def _drop_output() -> None:
    """Forget what is left in the buffer, of head or less: it has nowhere to go."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _hush(ctx: click.Context, param: click.Parameter, value: bool) -> bool:
    """Keep libraries from warning while a command runs with --quiet."""
    if value:
        ctx.with_resource(hushed())
    return value
