"""The manifest of a run: a SQLite file that says what was asked, of which inputs, and what is done.

    run        what was asked, and whether all is done: a JSON value a key
    inputs     the files that are read, with their digests
    shards     those that are written, with what they hold; `state` is `done`, or `retry`
    failures   what is wrong with documents, by shard

A shard has a row once its file is on the disk. Nothing of the size of a corpus is held in memory.
"""

import json
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import ChinchillaError, InputError
from .shards import FailedText

MANIFEST = "manifest.sqlite"
_TABLES = """
CREATE TABLE run (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE inputs (
    number INTEGER PRIMARY KEY, name TEXT NOT NULL, size INTEGER, modified INTEGER,
    digest TEXT NOT NULL, lines INTEGER);
CREATE TABLE shards (
    number INTEGER PRIMARY KEY, state TEXT NOT NULL, documents INTEGER NOT NULL,
    digest TEXT NOT NULL, bytes INTEGER NOT NULL, failed INTEGER NOT NULL, counts TEXT NOT NULL);
CREATE TABLE failures (
    shard INTEGER NOT NULL, place INTEGER NOT NULL, document TEXT, stage TEXT NOT NULL,
    reason TEXT NOT NULL, raw TEXT NOT NULL, PRIMARY KEY (shard, place));
"""
_WAIT_SECONDS = 30


class Input(NamedTuple):
    """A file that is read. `digest` is that of its content, or says why it could not be read.

    `lines` is how many documents it seems to hold; None where that is not seen at a glance.
    """

    name: str
    size: int | None
    modified: int | None
    digest: str
    lines: int | None


class Written(NamedTuple):
    """A shard that is written: the digest of its texts, the size of its file, what it holds.

    `failed` is how many of its documents the engine failed on.
    """

    number: int
    state: str
    documents: int
    digest: str
    bytes: int
    failed: int
    counts: dict[str, int]


class Manifest:
    """The manifest of one run, open for reading and writing.

    Raises:
        InputError: the file is no manifest.
        ChinchillaError: it cannot be read or written; the disk is full, for one.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with self._telling():
            self._db = sqlite3.connect(path, timeout=_WAIT_SECONDS, isolation_level=None)
            # What was committed stays, also after the power went.
            self._db.execute("PRAGMA synchronous=FULL")

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def asked(self) -> dict[str, Any] | None:
        """Return what the run asks; None if it has not begun."""
        return self._mapping("asked")

    def report(self) -> dict[str, Any] | None:
        """Return the report of a run that is finished, else None."""
        return self._mapping("report")

    def begin(self, asked: dict[str, Any], inputs: Iterable[Input]) -> None:
        """Write down what is asked, and of which inputs."""
        with self._transaction():
            for statement in _TABLES.split(";"):
                self._db.execute(statement)
            self._put("asked", asked)
            rows = ((number, *_plain(row)) for number, row in enumerate(inputs))
            self._db.executemany("INSERT INTO inputs VALUES (?, ?, ?, ?, ?, ?)", rows)

    def inputs(self) -> Iterator[Input]:
        """Yield the inputs, in order."""
        query = "SELECT name, size, modified, digest, lines FROM inputs ORDER BY number"
        with self._telling():
            for row in self._db.execute(query):
                yield Input(*row)

    def shard(self, number: int) -> Written | None:
        """Return what was written of a shard, if anything was."""
        with self._telling():
            query = "SELECT * FROM shards WHERE number = ?"
            row = self._db.execute(query, (number,)).fetchone()
        return None if row is None else _written(row)

    def shards(self) -> Iterator[Written]:
        """Yield what was written of each shard, in order."""
        with self._telling():
            for row in self._db.execute("SELECT * FROM shards ORDER BY number"):
                yield _written(row)

    def add(self, written: Written, failures: Iterable[FailedText]) -> None:
        """Write down that a shard is on the disk, and its failures, in place of what was there of it."""
        number = written.number
        with self._transaction():
            self._db.execute("DELETE FROM failures WHERE shard = ?", (number,))
            counts = json.dumps(written.counts)
            self._db.execute(
                "INSERT OR REPLACE INTO shards VALUES (?, ?, ?, ?, ?, ?, ?)",
                (*written[:-1], counts),
            )
            self._db.executemany(
                "INSERT INTO failures VALUES (?, ?, ?, ?, ?, ?)",
                ((number, place, *_plain(one)) for place, one in enumerate(failures)),
            )

    def retry(self) -> int:
        """Take the shards with documents that the engine failed on for not done; return how many."""
        with self._transaction():
            found = self._db.execute("UPDATE shards SET state = 'retry' WHERE failed > 0").rowcount
            if found:
                self._db.execute("DELETE FROM run WHERE key = 'report'")
        return found

    def keep(self, number: int) -> None:
        """Take a shard for done as it was before."""
        with self._transaction():
            self._db.execute("UPDATE shards SET state = 'done' WHERE number = ?", (number,))

    def failures(self) -> Iterator[FailedText]:
        """Yield all failures, in the order of the documents."""
        query = "SELECT document, stage, reason, raw FROM failures ORDER BY shard, place"
        with self._telling():
            for row in self._db.execute(query):
                yield FailedText(*row)

    def summary(self) -> dict[str, Any]:
        """Return what all shards hold together: counts of facts, issues and failures."""
        total: Counter[str] = Counter()
        shards = documents = 0
        for written in self.shards():
            shards += 1
            documents += written.documents
            total.update(written.counts)
        with self._telling():
            query = "SELECT stage, count(*) FROM failures GROUP BY stage ORDER BY stage"
            failures = dict(self._db.execute(query).fetchall())
        issues = {
            key.removeprefix("issue "): count
            for key, count in sorted(total.items())
            if key.startswith("issue ")
        }
        facts = {key: total[key] for key in ("entities", "relations", "events")}
        return {
            "documents": documents,
            **facts,
            "issues": issues,
            "failures": failures,
            "shards": shards,
        }

    def finish(self, report: dict[str, Any]) -> None:
        """Write down that all is done."""
        with self._transaction():
            self._put("report", report)

    def _mapping(self, key: str) -> dict[str, Any] | None:
        with self._telling():
            table = "SELECT 1 FROM sqlite_master WHERE name = 'run'"
            if not self._db.execute(table).fetchone():
                return None
            row = self._db.execute("SELECT value FROM run WHERE key = ?", (key,)).fetchone()
        found: dict[str, Any] | None = None if row is None else json.loads(row[0])
        return found

    def _put(self, key: str, value: Any) -> None:
        self._db.execute("INSERT OR REPLACE INTO run VALUES (?, ?)", (key, json.dumps(value)))

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """Do all of it or nothing."""
        with self._telling():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                # A full disk may have ended the transaction already.
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    @contextmanager
    def _telling(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError as error:
            raise ChinchillaError(f"{self._path}: cannot be read or written ({error})") from None
        except sqlite3.DatabaseError as error:
            raise InputError(
                f"{self._path}: no manifest of a run ({error}); name another folder"
            ) from None


def _written(row: tuple[Any, ...]) -> Written:
    return Written._make((*row[:-1], json.loads(row[-1])))


def _plain(row: Iterable[Any]) -> Iterator[Any]:
    """Yield the values with what no UTF-8 can hold written out."""
    for value in row:
        is_text = isinstance(value, str)
        yield value.encode("utf-8", "backslashreplace").decode() if is_text else value
