"""`chinchilla chat`: a session in the terminal."""

import os
import sys
from pathlib import Path
from typing import Any

import click

from .model_options import model_options, opening


@click.command(name="chat")
@click.option("--schema", help="A built-in schema or a file.  [default: news]")
@click.option("--model", help="A folder, hub id or http://host/v1#name.  [default: mini]")
@model_options
def command(schema: str | None, model: str | None, max_tokens: int | None, **given: Any) -> None:
    """Extract from texts that are typed or pasted, in the terminal.

    Enter sends a text; one that is pasted may have several lines. Commands begin with a slash: /help
    lists them. What is typed is remembered in ~/.local/state/chinchilla.

    Example: chinchilla chat --schema msra
    """
    from ..data.extras import require_extra
    from ..errors import InputError

    require_extra("chat", "chat", ("prompt_toolkit", "rich"))
    if not sys.stdin.isatty():
        raise InputError("chat needs a terminal; for texts from elsewhere use chinchilla extract -")
    from prompt_toolkit import PromptSession
    from prompt_toolkit.completion import WordCompleter
    from prompt_toolkit.history import FileHistory
    from rich.console import Console

    from ..serve.chat import COMMANDS, Session

    session = Session(Console(highlight=False), model, schema, opening(given), max_tokens)
    prompt: PromptSession[str] = PromptSession(
        history=FileHistory(str(_history())),
        completer=WordCompleter(list(COMMANDS), sentence=True),
        complete_while_typing=False,
    )
    try:
        session.run(lambda: prompt.prompt("> "))
    finally:
        session.close()


def _history() -> Path:
    """Return the file of what was typed, which others cannot read."""
    state = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
    folder = state / "chinchilla"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "chat_history"
    path.touch(mode=0o600, exist_ok=True)
    return path
