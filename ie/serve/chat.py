"""A session in the terminal: what is typed is a text, or a command that begins with a slash."""

import colorsys
from collections.abc import Callable, Iterable
from hashlib import blake2b
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ..data.documents import Document, Located
from ..data.schema import TASKS, builtin_schemas, chosen_tasks, read_schema
from ..engines.open import open_engine
from ..errors import ChinchillaError, near_miss
from ..files.facts import facts_tables
from ..files.inputs import ReadOptions, find_inputs, read_texts
from ..files.jsonl import dumps
from ..files.segments import cut_segments
from ..files.visible import visible, visible_line
from ..options import ExtractOptions
from ..pipeline import DEFAULT_SCHEMA, Extractor

COMMANDS = {
    "/schema": "NAME or FILE: ask for other types; alone, list the names",
    "/types": "show the types asked for",
    "/tasks": "ner,re,ee: ask for some; alone, for all",
    "/model": "a folder, hub id or address; mini is the embedded one",
    "/scores": "score facts, or stop it",
    "/min": "NUMBER: drop what scores less; alone, nothing",
    "/read": "FILE: extract from its texts, each shown when it is read",
    "/json": "show results as JSON, or stop it",
    "/help": "show this",
    "/quit": "end; so does Ctrl-D",
}


class Session:
    """What is asked now, and the loaded model."""

    def __init__(
        self,
        console: Console,
        model: str | None = None,
        schema: str | None = None,
        opening: dict[str, Any] | None = None,
        max_tokens: int | None = None,
    ) -> None:
        """Load the model and read the schema.

        Raises:
            ModelError: the model cannot be loaded.
            SchemaError: the schema cannot be read.
        """
        self.console = console
        self.schema = read_schema(schema or DEFAULT_SCHEMA)
        self._opening = opening or {}
        self._engine = open_engine(model, **self._opening)
        self._max_tokens = max_tokens
        self._tasks: str | None = None
        self._scores = False
        self._least: float | None = None
        self._as_json = False

    def run(self, ask: Callable[[], str]) -> None:
        """Take lines until `ask` raises EOFError, or a command ends the session."""
        self._say("Type or paste a text; /help lists commands.")
        while True:
            try:
                line = ask()
            except EOFError:
                return
            except KeyboardInterrupt:
                continue
            if not self.take(line):
                return

    def take(self, line: str) -> bool:
        """Do what a line asks; return False to end. What is wrong with it is told, and it goes on."""
        try:
            if not line.strip():
                return True
            if line.lstrip().startswith("/"):
                return self._command(*line.strip().split(maxsplit=1))
            self._show([Document("text", line)])
        except ChinchillaError as error:
            self.console.print(Text(visible(str(error)), style="red"))
        except KeyboardInterrupt:
            self._say("stopped")
        return True

    def close(self) -> None:
        """Free the model."""
        self._engine.close()

    def _command(self, name: str, rest: str = "") -> bool:
        if name == "/quit":
            return False
        done: dict[str, Callable[[str], None]] = {
            "/schema": self._set_schema,
            "/types": lambda _: self._show_types(),
            "/tasks": self._set_tasks,
            "/model": self._set_model,
            "/scores": lambda _: self._toggle_scores(),
            "/min": self._set_least,
            "/read": self._read,
            "/json": lambda _: self._toggle_json(),
            "/help": lambda _: self._help(),
        }
        if name not in done:
            self._say(f"no command {name!r}{near_miss(name, COMMANDS)}; /help lists them")
        else:
            done[name](rest.strip())
        return True

    def _set_schema(self, name: str) -> None:
        if not name:
            self._say(", ".join(builtin_schemas()))
            return
        self.schema = read_schema(name)
        self._tasks = None
        self._show_types()

    def _set_tasks(self, tasks: str) -> None:
        chosen_tasks(self.schema, tasks or None)
        self._tasks = tasks or None
        self._say(f"tasks: {tasks or 'all of the schema'}")

    def _set_model(self, model: str) -> None:
        engine = open_engine(model or None, **self._opening)
        self._engine.close()
        self._engine = engine
        self._say(f"model: {engine.name}")

    def _toggle_scores(self) -> None:
        self._scores = not self._scores
        self._say(f"scores: {'on' if self._scores else 'off'}")

    def _toggle_json(self) -> None:
        self._as_json = not self._as_json
        self._say(f"JSON: {'on' if self._as_json else 'off'}")

    def _set_least(self, number: str) -> None:
        try:
            least = float(number) if number else None
        except ValueError:
            self._say(f"{number!r} is no number; expected one from 0 to 1")
            return
        ExtractOptions(min_score=least)
        self._least = least
        self._say(f"least score: {'none' if least is None else least}")

    def _read(self, name: str) -> None:
        files = find_inputs([str(Path(name).expanduser())])
        self._show(read_texts(files, ReadOptions(), None, self._say))

    def _help(self) -> None:
        table = Table.grid(padding=(0, 2))
        for name, what in COMMANDS.items():
            table.add_row(Text(name, style="bold"), what)
        self.console.print(table)

    def _show_types(self) -> None:
        for task in TASKS:
            labels = [item.label for item in self.schema.types(task)]
            if labels:
                self._say(f"{task}: {'、'.join(labels)}")

    def _say(self, line: str) -> None:
        self.console.print(Text(visible_line(line), style="dim"))

    def _show(self, documents: Iterable[Document]) -> None:
        options = ExtractOptions(
            scores=self._scores, min_score=self._least, max_tokens=self._max_tokens
        )
        extractor = Extractor(self._engine, self.schema, self._tasks, options=options)
        for note in extractor.untrained_notes():
            self._say(f"note: {note}")
        for document in documents:
            # One by one, so that each is shown before the next is read.
            with self.console.status("…"):
                read = next(extractor.stream([document]))
            if self._as_json:
                self.console.print(Text(dumps(read)), soft_wrap=True)
            else:
                self._show_one(read)

    def _show_one(self, document: Document) -> None:
        if document.id != "text":
            self.console.print(Text(visible_line(document.id), style="bold"))
        self.console.print(marked_text(document))
        for header, rows in facts_tables(document):
            table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
            for name in header:
                table.add_column(name, overflow="fold")
            for row in rows:
                table.add_row(*(Text(visible_line(cell)) for cell in row))
            self.console.print(table)
        if not (document.entities or document.relations or document.events):
            self._say("nothing found")


def marked_text(document: Document) -> Text:
    """Return the text with entities and triggers in the colours of their types."""
    marked: list[tuple[str, Located]] = [(one.type or "", one) for one in document.entities]
    marked += [(event.type, event.trigger) for event in document.events if event.trigger]
    shown = Text()
    for segment in cut_segments(document.text, marked, [(0, len(document.text))]):
        for label in segment.begins:
            shown.append(f"{visible_line(label)} ", style=f"dim {colour(label)}")
        style = f"bold {colour(segment.covers[-1])}" if segment.covers else ""
        shown.append(visible(segment.text), style + (" underline" if segment.depth > 1 else ""))
    return shown


def colour(label: str) -> str:
    """Return a colour for a type, always the same."""
    hue = blake2b(label.encode("utf-8", "replace"), digest_size=1).digest()[0] / 255
    red, green, blue = colorsys.hls_to_rgb(hue, 0.6, 0.7)
    return f"#{int(red * 255):02x}{int(green * 255):02x}{int(blue * 255):02x}"
