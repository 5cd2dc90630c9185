"""From what each document says to the graph: names over the whole corpus, then counted tables.

Memory grows with the names that were brought together, not with documents: SQLite counts.
"""

import json
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from itertools import groupby
from operator import itemgetter
from typing import Any

from .decisions import Decisions
from .mentions import APART
from .names import PLACE, PLACE_FORMS
from .store import Store

_LINKED = ("declared", "short-name", "abbreviation")
_TABLES = """
CREATE TABLE keys (key TEXT PRIMARY KEY, entity TEXT NOT NULL, reason TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE entities (
    id TEXT PRIMARY KEY, name TEXT, label TEXT, type TEXT, kind TEXT, names TEXT, mentions INTEGER,
    documents INTEGER, degree INTEGER DEFAULT 0) WITHOUT ROWID;
CREATE TABLE merges (
    entity TEXT, name TEXT, mention TEXT, type TEXT, reason TEXT, evidence TEXT, mentions INTEGER,
    documents INTEGER, example TEXT);
CREATE TABLE facts (
    id TEXT PRIMARY KEY, subject TEXT, type TEXT, object TEXT, mentions INTEGER, documents INTEGER,
    best_score REAL, mean_score REAL) WITHOUT ROWID;
CREATE TABLE events (
    id TEXT PRIMARY KEY, type TEXT, mentions INTEGER, documents INTEGER, best_score REAL) WITHOUT ROWID;
CREATE TABLE event_mentions (
    event TEXT, said INTEGER, document INTEGER, trigger TEXT, "start" INTEGER, "end" INTEGER, score REAL);
"""
_INDEXES = """
CREATE INDEX mention_keys ON said_mentions (key);
CREATE INDEX fact_subjects ON said_facts (subject);
CREATE INDEX argument_events ON said_arguments (event);
CREATE INDEX document_mentions ON said_mentions (document);
"""


def settle(store: Store, decisions: Decisions) -> None:
    """Make the tables of the graph out of those that documents filled."""
    store.db.executescript(_TABLES + _INDEXES)
    unions = _Unions()
    _merge_as_told(store, decisions, unions)
    _merge_elsewhere(store, decisions, unions)
    _merge_places(store, decisions, unions)
    keys = (
        (key, make_id("e", unions.root(key)), unions.reasons.get(key, ""))
        for (key,) in store.rows("SELECT DISTINCT key FROM said_mentions")
    )
    store.db.executemany("INSERT INTO keys VALUES (?, ?, ?)", keys)
    _make_entities(store, unions)
    _make_facts(store)
    _make_events(store)
    store.db.commit()


def make_id(mark: str, *parts: str) -> str:
    """Return an id that is the same in every run in which the parts are."""
    told = "\x1e".join(parts).encode("utf-8", "surrogatepass")
    return f"{mark}{blake2b(told, digest_size=8).hexdigest()}"


class _Unions:
    """Keys that are one thing: each leads to another, the last to none."""

    def __init__(self) -> None:
        self.parents: dict[str, str] = {}
        self.reasons: dict[str, str] = {}
        # Of an entity, the name that the user put first.
        self.names: dict[str, str] = {}

    def root(self, key: str) -> str:
        while key in self.parents:
            key = self.parents[key]
        return key

    def join(self, key: str, into: str, reason: str) -> None:
        one, other = self.root(key), self.root(into)
        if one != other:
            self.parents[one] = other
            self.reasons[one] = reason


def _merge_as_told(store: Store, decisions: Decisions, unions: _Unions) -> None:
    for edit in decisions.edits.merge:
        first: dict[str, str] = {}
        for name in edit.names:
            query = "SELECT DISTINCT key, type FROM said_mentions WHERE text = ? ORDER BY key"
            for key, type_ in store.rows(query, name):
                if not edit.speaks_of(name, type_):
                    continue
                group = key.partition("\t")[0]
                into = first.setdefault(group, key)
                unions.join(key, into, "edit")
                unions.names.setdefault(unions.root(into), name)


def _merge_elsewhere(store: Store, decisions: Decisions, unions: _Unions) -> None:
    """Give short names of documents without the full one to the one full name of all others."""
    marks = ", ".join("?" * len(_LINKED))
    query = (
        "SELECT substr(key, 1, instr(key, char(9))) || core AS short, key, min(text), min(stands_for)"
        f" FROM said_mentions WHERE reason IN ({marks}) GROUP BY short, key ORDER BY short, key"
    )
    for short, rows in groupby(store.rows(query, *_LINKED), itemgetter(0)):
        found = [(unions.root(key), *names) for _, key, *names in rows]
        full, *names = found[0]
        is_one = len({root for root, *_ in found}) == 1
        if is_one and APART not in full and decisions.allows("elsewhere", *names):
            unions.join(short, full, "elsewhere")


def _merge_places(store: Store, decisions: Decisions, unions: _Unions) -> None:
    """Bring 北京 and 北京市 together, but not 吉林 with both 吉林省 and 吉林市."""
    if "place-form" in decisions.refused:
        return
    full: dict[str, list[str]] = {}
    for (key,) in store.rows("SELECT DISTINCT key FROM said_mentions WHERE kind = ?", PLACE):
        form = next((form for form in PLACE_FORMS if key.endswith(form)), "")
        base = key.removesuffix(form)
        if form and len(base.partition("\t")[2]) >= 2:
            full.setdefault(base, []).append(key)
    for base, keys in full.items():
        known = next(store.rows("SELECT 1 FROM said_mentions WHERE key = ? LIMIT 1", base), None)
        names = [key.partition("\t")[2] for key in (base, *keys)]
        if known and len(keys) == 1 and decisions.allows("place-form", *names):
            unions.join(base, keys[0], "place-form")


def _make_entities(store: Store, unions: _Unions) -> None:
    query = (
        "SELECT k.entity, m.text, m.type, m.kind, m.key, k.reason, m.removed, m.reason, m.stands_for,"
        " count(*), count(DISTINCT m.document), min(d.id) FROM said_mentions m"
        " JOIN keys k USING (key) JOIN documents d ON d.n = m.document"
        " GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9 ORDER BY k.entity"
    )
    told = {make_id("e", unions.root(key)): name for key, name in unions.names.items()}
    for entity, rows in groupby(store.rows(query), itemgetter(0)):
        _make_entity(store, entity, [row[1:] for row in rows], told.get(entity))
    store.db.execute(
        "UPDATE entities SET documents = n FROM (SELECT k.entity AS e, count(DISTINCT m.document) AS n"
        " FROM said_mentions m JOIN keys k USING (key) GROUP BY k.entity) WHERE e = entities.id"
    )
    # A graph that others read needs names of which no two are alike.
    store.db.execute(
        "UPDATE entities SET label = CASE WHEN n = 1 THEN name ELSE name || '（' || n || '）' END FROM"
        " (SELECT id AS i, row_number() OVER (PARTITION BY lower(trim(name))"
        " ORDER BY documents DESC, mentions DESC, id) AS n FROM entities) WHERE i = entities.id"
    )


def _make_entity(store: Store, entity: str, rows: list[Any], told: str | None) -> None:
    """Add an entity and the reasons for which each name is its name."""
    counts: dict[str, int] = {}
    types: dict[tuple[str, str], int] = {}
    own: dict[str, str] = {}
    places: list[str] = []
    for text, type_, kind, _, key_reason, removed, reason, evidence, mentions, *_ in rows:
        counts[text] = counts.get(text, 0) + mentions
        types[type_, kind] = types.get((type_, kind), 0) + mentions
        if not reason and not key_reason:
            own.setdefault(text, removed)
        elif reason == "place-letter":
            places.append(evidence)
    # The most frequent name of its own, the longest of those; of letters alone, what they stand for.
    name = told or min(
        own or places or counts, key=lambda text: (-counts.get(text, 0), -len(text), text)
    )
    type_, kind = max(types, key=lambda pair: (types[pair], pair))
    # 该公司 is where a name would stand, and none.
    names = sorted(
        own.keys() | {row[0] for row in rows if row[6] != "reference"},
        key=lambda text: (-counts[text], text),
    )
    store.db.execute(
        "INSERT INTO entities (id, name, type, kind, names, mentions) VALUES (?, ?, ?, ?, ?, ?)",
        (entity, name, type_, kind, json.dumps(names, ensure_ascii=False), sum(counts.values())),
    )
    merges = []
    for text, own_type, _, _, key_reason, removed, reason, evidence, *numbers in rows:
        reasons = [reason or key_reason]
        if not reasons[0] and text != name:
            forms = dict.fromkeys(f"{removed} {own.get(name, '')}".split())
            reasons = list(forms) or ["characters"]
        if own_type != type_ and not reason:
            reasons.append("type")
        if why := " ".join(filter(None, reasons)):
            merges.append((entity, name, text, own_type, why, evidence, *numbers))
    store.db.executemany("INSERT INTO merges VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", merges)


def _make_facts(store: Store) -> None:
    store.db.create_function("make_id", -1, make_id, deterministic=True)
    store.db.execute("CREATE TABLE fact_keys (n INTEGER PRIMARY KEY, fact TEXT)")
    store.db.execute(
        "INSERT INTO fact_keys SELECT f.n, make_id('f', s.entity, f.type, o.entity)" + _FACT_ENDS
    )
    store.db.execute(
        "INSERT INTO facts SELECT i.fact, s.entity, f.type, o.entity, count(*),"
        " count(DISTINCT f.document), max(f.score), avg(f.score)"
        + _FACT_ENDS
        + " JOIN fact_keys i ON i.n = f.n GROUP BY i.fact"
    )
    store.db.execute("CREATE INDEX said_of_fact ON fact_keys (fact)")
    store.db.execute(
        "UPDATE entities SET degree = n FROM (SELECT e, count(*) AS n FROM"
        " (SELECT subject AS e FROM facts UNION ALL SELECT object FROM facts WHERE object != subject)"
        " GROUP BY e) WHERE e = entities.id"
    )


_FACT_ENDS = (
    " FROM said_facts f JOIN said_mentions ms ON ms.n = f.subject JOIN keys s ON s.key = ms.key"
    " JOIN said_mentions mo ON mo.n = f.object JOIN keys o ON o.key = mo.key"
)


def _make_events(store: Store) -> None:
    """Count events: two mentions of one type with the same two or more arguments are one event."""
    query = (
        'SELECT v.n, v.document, d.id, v.type, v.trigger, v."start", v."end", v.score FROM said_events v'
        " JOIN documents d ON d.n = v.document ORDER BY v.n"
    )
    of_event = (
        "SELECT a.role, coalesce(k.entity, a.text) FROM said_arguments a"
        " LEFT JOIN said_mentions m ON m.n = a.mention LEFT JOIN keys k USING (key) WHERE a.event = ?"
    )

    def mentions() -> Iterator[tuple[Any, ...]]:
        for n, document, name, type_, *place in store.rows(query):
            arguments = sorted({f"{role}\t{what}" for role, what in store.rows(of_event, n)})
            alone: Iterable[str] = [] if len(arguments) >= 2 else [name, str(n)]
            yield (make_id("v", type_, *arguments, *alone), n, document, *place)

    store.db.executemany("INSERT INTO event_mentions VALUES (?, ?, ?, ?, ?, ?, ?)", mentions())
    store.db.execute("CREATE INDEX said_of_event ON event_mentions (event)")
    store.db.execute(
        "INSERT INTO events SELECT e.event, v.type, count(*), count(DISTINCT e.document), max(e.score)"
        " FROM event_mentions e JOIN said_events v ON v.n = e.said GROUP BY e.event"
    )
