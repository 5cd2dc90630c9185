"""The tables of a graph, row by row, and as CSV, Parquet or a workbook."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from ...files.jsonl import write_bytes
from ...files.sheets import csv_lines, parquet_chunks, workbook
from .store import Store

_TEXT, _WHOLE, _REAL = "string", "int64", "float64"


class TableQuery(NamedTuple):
    """A table: its columns with their types, and the query that gives its rows."""

    columns: dict[str, str]
    query: str


_PLACE = {"start": _WHOLE, "end": _WHOLE}

TABLES = {
    "entities": TableQuery(
        {
            **{"id": _TEXT, "name": _TEXT, "type": _TEXT, "kind": _TEXT, "names": _TEXT},
            **{"mentions": _WHOLE, "documents": _WHOLE, "degree": _WHOLE},
        },
        "SELECT id, name, type, kind, names, mentions, documents, degree FROM entities ORDER BY id",
    ),
    "mentions": TableQuery(
        {
            **{"entity": _TEXT, "document": _TEXT, "mention": _TEXT, "type": _TEXT},
            **_PLACE,
            **{"score": _REAL, "reason": _TEXT},
        },
        'SELECT k.entity, d.id, m.text, m.type, m."start", m."end", m.score,'
        " CASE WHEN m.reason = '' THEN k.reason ELSE m.reason END FROM said_mentions m"
        " JOIN keys k USING (key) JOIN documents d ON d.n = m.document ORDER BY m.n",
    ),
    "facts": TableQuery(
        {
            **{"id": _TEXT, "subject": _TEXT, "subject_name": _TEXT, "type": _TEXT},
            **{"object": _TEXT, "object_name": _TEXT, "mentions": _WHOLE, "documents": _WHOLE},
            **{"best_score": _REAL, "mean_score": _REAL},
        },
        "SELECT f.id, subject, s.name, f.type, object, o.name, f.mentions, f.documents, best_score,"
        " mean_score FROM facts f JOIN entities s ON s.id = subject JOIN entities o ON o.id = object"
        " ORDER BY f.documents DESC, f.mentions DESC, f.id",
    ),
    "fact_mentions": TableQuery(
        {
            **{"fact": _TEXT, "document": _TEXT, "subject": _TEXT, "subject_start": _WHOLE},
            **{"subject_end": _WHOLE, "object": _TEXT, "object_start": _WHOLE},
            **{"object_end": _WHOLE, "score": _REAL},
        },
        'SELECT i.fact, d.id, s.text, s."start", s."end", o.text, o."start", o."end", f.score'
        " FROM said_facts f JOIN fact_keys i ON i.n = f.n JOIN documents d ON d.n = f.document"
        " JOIN said_mentions s ON s.n = f.subject JOIN said_mentions o ON o.n = f.object ORDER BY f.n",
    ),
    "qualifiers": TableQuery(
        {
            **{"fact": _TEXT, "document": _TEXT, "role": _TEXT, "entity": _TEXT, "mention": _TEXT},
            **_PLACE,
        },
        'SELECT i.fact, d.id, q.key, k.entity, m.text, m."start", m."end" FROM said_facts f'
        " JOIN json_each(f.qualifiers) q JOIN fact_keys i ON i.n = f.n JOIN documents d"
        " ON d.n = f.document JOIN said_mentions m ON m.n = q.value JOIN keys k ON k.key = m.key"
        " ORDER BY f.n, q.key",
    ),
    "events": TableQuery(
        {
            **{"id": _TEXT, "type": _TEXT, "mentions": _WHOLE, "documents": _WHOLE},
            "best_score": _REAL,
        },
        "SELECT id, type, mentions, documents, best_score FROM events"
        " ORDER BY documents DESC, mentions DESC, id",
    ),
    "event_mentions": TableQuery(
        {
            **{"event": _TEXT, "number": _WHOLE, "document": _TEXT, "trigger": _TEXT},
            **_PLACE,
            "score": _REAL,
        },
        'SELECT event, said, d.id, trigger, "start", "end", score FROM event_mentions'
        " JOIN documents d ON d.n = document ORDER BY said",
    ),
    "event_arguments": TableQuery(
        {
            **{"event": _TEXT, "number": _WHOLE, "document": _TEXT, "role": _TEXT},
            **{"entity": _TEXT, "argument": _TEXT},
            **_PLACE,
            "score": _REAL,
        },
        'SELECT e.event, e.said, d.id, a.role, k.entity, a.text, a."start", a."end", a.score'
        " FROM event_mentions e JOIN said_arguments a ON a.event = e.said JOIN documents d"
        " ON d.n = e.document LEFT JOIN said_mentions m ON m.n = a.mention LEFT JOIN keys k"
        " ON k.key = m.key ORDER BY e.said, a.rowid",
    ),
    "merges": TableQuery(
        {
            **{"entity": _TEXT, "name": _TEXT, "mention": _TEXT, "type": _TEXT, "reason": _TEXT},
            **{"evidence": _TEXT, "mentions": _WHOLE, "documents": _WHOLE, "example": _TEXT},
        },
        "SELECT * FROM merges ORDER BY entity, mention, type, reason, evidence",
    ),
    "homonyms": TableQuery(
        {"mention": _TEXT, "entity": _TEXT, "name": _TEXT, "type": _TEXT, "mentions": _WHOLE},
        "SELECT m.text, e.id, e.name, e.type, count(*) FROM said_mentions m JOIN keys k USING (key)"
        " JOIN entities e ON e.id = k.entity WHERE m.text IN (SELECT text FROM said_mentions"
        " JOIN keys USING (key) GROUP BY text HAVING count(DISTINCT entity) > 1)"
        " GROUP BY m.text, e.id ORDER BY m.text, count(*) DESC, e.id",
    ),
}


def table_rows(store: Store, name: str) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of a table, lazily."""
    return store.rows(TABLES[name].query)


def write_csv(store: Store, folder: Path) -> None:
    """Write `NAME.csv` of each table: UTF-8 with the mark that spreadsheets want."""
    for name, table in TABLES.items():
        with write_bytes(folder / f"{name}.csv") as file:
            file.write(b"\xef\xbb\xbf")
            for lines in csv_lines(table.columns, table_rows(store, name)):
                file.write(lines)


def write_parquet(store: Store, folder: Path) -> None:
    """Write `NAME.parquet` of each table.

    Raises:
        ModelError: pyarrow is not installed.
    """
    for name, table in TABLES.items():
        with write_bytes(folder / f"{name}.parquet") as file:
            for chunk in parquet_chunks(table.columns, table_rows(store, name)):
                file.write(chunk)


def write_xlsx(store: Store, folder: Path) -> None:
    """Write `graph.xlsx` with a sheet for each table.

    Raises:
        InputError: a table has more rows than a sheet.
        ModelError: openpyxl is not installed.
    """
    sheets = {name: (list(t.columns), table_rows(store, name)) for name, t in TABLES.items()}
    with write_bytes(folder / "graph.xlsx") as file:
        file.write(workbook(sheets))
