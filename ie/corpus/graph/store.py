"""The graph under way and when it is done: one SQLite file, so that memory does not grow with documents.

The first tables hold what documents say, one row each time. `settle` makes the others of them.
"""

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ...data.documents import Document, Entity
from ...errors import InputError
from .decisions import Decisions
from .mentions import KeyedMention, find_mentions, head_of, place_of

# Raised whenever the tables change.
VERSION = 1
NAME = "graph.sqlite"

_TABLES = """
CREATE TABLE about (version INTEGER, created TEXT);
CREATE TABLE documents (n INTEGER PRIMARY KEY, id TEXT UNIQUE NOT NULL, text TEXT NOT NULL);
CREATE TABLE said_mentions (
    n INTEGER PRIMARY KEY, document INTEGER NOT NULL, text TEXT NOT NULL, type TEXT NOT NULL,
    kind TEXT NOT NULL, "start" INTEGER, "end" INTEGER, score REAL, core TEXT NOT NULL, key TEXT NOT NULL,
    removed TEXT NOT NULL, reason TEXT NOT NULL, stands_for TEXT NOT NULL);
CREATE TABLE said_facts (
    n INTEGER PRIMARY KEY, document INTEGER NOT NULL, type TEXT NOT NULL, subject INTEGER NOT NULL,
    object INTEGER NOT NULL, score REAL, qualifiers TEXT NOT NULL);
CREATE TABLE said_events (
    n INTEGER PRIMARY KEY, document INTEGER NOT NULL, type TEXT NOT NULL,
    trigger TEXT, "start" INTEGER, "end" INTEGER, score REAL);
CREATE TABLE said_arguments (
    event INTEGER NOT NULL, role TEXT NOT NULL, text TEXT NOT NULL, "start" INTEGER, "end" INTEGER,
    score REAL, mention INTEGER);
"""


class Store:
    """An open file of a graph."""

    def __init__(self, path: str | Path, *, new: bool = False) -> None:
        """Open a graph, or make an empty one.

        Raises:
            InputError: the file is no graph, or one of another version.
        """
        self.path = Path(path)
        self.db = sqlite3.connect(self.path)
        # A graph that was not finished is made anew: nothing has to outlive a crash.
        self.db.execute("PRAGMA journal_mode = OFF")
        self.db.execute("PRAGMA synchronous = OFF")
        self.documents = 0
        if new:
            self.db.executescript(_TABLES)
            self.db.execute("INSERT INTO about VALUES (?, date('now'))", (VERSION,))
            return
        try:
            found = self.db.execute("SELECT version FROM about").fetchone()
        except sqlite3.DatabaseError:
            self.db.close()
            raise InputError(
                f"{path}: holds no graph; expected what chinchilla graph wrote"
            ) from None
        if found != (VERSION,):
            self.db.close()
            raise InputError(f"{path}: is of another version; make it again with chinchilla graph")

    def add(self, document: Document, decisions: Decisions) -> None:
        """Add what a document says.

        Raises:
            InputError: there was a document of this id.
        """
        try:
            number = self._insert("documents (id, text)", document.id, document.text)
        except sqlite3.IntegrityError:
            raise InputError(
                f"document id {document.id!r} stands twice; places in documents need ids of their own"
            ) from None
        self.documents += 1
        mentions = find_mentions(document, decisions)
        numbers = {id(m): self._add_mention(number, m) for m in mentions}

        def found(entity: Entity) -> int:
            return numbers[id(place_of(entity, mentions))]

        for relation in document.relations:
            rest = {role: found(entity) for role, entity in relation.qualifiers.items()}
            self._insert(
                "said_facts (document, type, subject, object, score, qualifiers)",
                *(number, relation.type, found(relation.subject), found(relation.object)),
                *(relation.score, json.dumps(rest, ensure_ascii=False)),
            )
        self._add_events(number, document, mentions, numbers)

    def _add_mention(self, document: int, mention: KeyedMention) -> int:
        return self._insert(
            "said_mentions (document, text, type, kind, start, end, score, core, key, removed, reason,"
            " stands_for)",
            *(document, mention.text, mention.type, mention.kind, mention.start, mention.end),
            *(mention.score, mention.name.core, mention.key, " ".join(mention.name.removed)),
            *(mention.reason, mention.stands_for),
        )

    def _add_events(
        self, document: int, read: Document, mentions: list[KeyedMention], numbers: dict[int, int]
    ) -> None:
        in_place: dict[tuple[int | None, int | None], KeyedMention] = {
            (m.start, m.end): m for m in reversed(mentions) if m.start is not None
        }
        by_text = {m.text: m for m in reversed(mentions)}
        for event in read.events:
            trigger = event.trigger
            cells = (trigger.text, trigger.start, trigger.end) if trigger else (None, None, None)
            number = self._insert(
                "said_events (document, type, trigger, start, end, score)",
                *(document, event.type, *cells, event.score),
            )
            for argument in event.arguments:
                named = in_place.get((argument.start, argument.end)) or by_text.get(argument.text)
                named = named or head_of(argument, mentions)
                self._insert(
                    "said_arguments (event, role, text, start, end, score, mention)",
                    *(number, argument.role, argument.text, argument.start, argument.end),
                    *(argument.score, None if named is None else numbers[id(named)]),
                )

    def _insert(self, into: str, *values: Any) -> int:
        marks = ", ".join("?" * len(values))
        into = into.replace("start, end", '"start", "end"')
        number = self.db.execute(f"INSERT INTO {into} VALUES ({marks})", values).lastrowid
        assert number is not None
        return number

    def rows(self, query: str, *values: Any) -> Iterator[tuple[Any, ...]]:
        """Yield the rows of a query, lazily."""
        yield from self.db.execute(query, values)

    def count(self, table: str) -> int:
        """Return how many rows a table has."""
        found: int = self.db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
        return found

    def close(self) -> None:
        """Keep what was written and close the file."""
        self.db.commit()
        self.db.close()
