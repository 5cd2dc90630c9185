"""A graph for retrieval by language models: LightRAG's custom knowledge graph, GraphRAG's tables.

Both want texts in pieces, names of which no two are alike, and a description of each node and edge:
here the sentences that it stands in.
"""

import json
from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

from ...data.documents import Mention
from ...data.text import windows
from ...files.jsonl import dumps, write_bytes
from ...files.sentences import Sentences
from ...files.sheets import parquet_chunks
from .settle import make_id
from .store import Store

# Code points of a piece of text, about as many tokens.
PIECE = 1200
# Sentences that describe a node or an edge, and code points of each.
_SENTENCES, _SENTENCE = 3, 200


def _prepare(store: Store) -> None:
    """Cut the texts into pieces, and note in which piece and sentence each mention and fact stands."""
    db = store.db
    db.executescript(
        "CREATE TEMP TABLE IF NOT EXISTS pieces (id TEXT, document INTEGER, number INTEGER, text TEXT);"
        "CREATE TEMP TABLE IF NOT EXISTS piece_mentions"
        " (mention INTEGER PRIMARY KEY, piece TEXT, sentence TEXT);"
    )
    if next(store.rows("SELECT 1 FROM pieces LIMIT 1"), None):
        return
    mentions = (
        'SELECT n, text, "start", "end" FROM said_mentions WHERE document = ? ORDER BY "start"'
    )
    for document, name, text in store.rows("SELECT n, id, text FROM documents ORDER BY n"):
        cut = windows(text, PIECE) or [(0, 0)]
        pieces = [make_id("t", name, str(number)) for number in range(len(cut))]
        db.executemany(
            "INSERT INTO pieces VALUES (?, ?, ?, ?)",
            [
                (piece, document, number, text[start:end])
                for number, (piece, (start, end)) in enumerate(zip(pieces, cut, strict=True))
            ],
        )
        sentences = Sentences(text)
        rows = []
        for n, said, start, end in store.rows(mentions, document):
            # What is not in the text is filed with its beginning.
            at = 0 if start is None else start
            number = next(i for i, (_, last) in enumerate(cut) if at < last or i == len(cut) - 1)
            sentence = sentences.around([Mention(said, start, end)])
            rows.append((n, pieces[number], sentence[:_SENTENCE]))
        db.executemany("INSERT INTO piece_mentions VALUES (?, ?, ?)", rows)


def _described(head: str, sentences: Iterable[str]) -> str:
    shown = list(dict.fromkeys(filter(None, sentences)))[:_SENTENCES]
    return "\n".join([head, *shown])


def _entities(store: Store) -> Iterator[tuple[Any, ...]]:
    """Yield id, label, type, description, mentions, degree and pieces of each entity."""
    query = (
        "SELECT e.id, e.label, e.type, e.names, e.mentions, e.degree, p.piece, p.sentence"
        " FROM entities e JOIN keys k ON k.entity = e.id JOIN said_mentions m ON m.key = k.key"
        " JOIN piece_mentions p ON p.mention = m.n ORDER BY e.id, m.n"
    )
    for head, rows in groupby(store.rows(query), itemgetter(0, 1, 2, 3, 4, 5)):
        id_, label, type_, names, mentions, degree = head
        pieces: dict[str, None] = {}
        said: dict[str, None] = {}
        for row in rows:
            pieces[row[6]] = None
            if len(said) < _SENTENCES:
                said[row[7]] = None
        others = [name for name in json.loads(names) if name != label]
        line = f"{label}（{type_ or '无类型'}）" + (f"，又称{'、'.join(others)}" if others else "")
        yield id_, label, type_, _described(line, said), mentions, degree, list(pieces)


_FACTS = (
    "SELECT f.id, s.label AS subject, o.label AS object, f.type, f.mentions, f.documents, s.degree + o.degree, p.piece,"
    " p.sentence FROM facts f JOIN entities s ON s.id = f.subject JOIN entities o ON o.id = f.object"
    " JOIN fact_keys i ON i.fact = f.id JOIN said_facts n ON n.n = i.n"
    " JOIN piece_mentions p ON p.mention = n.subject"
)


def write_lightrag(store: Store, folder: Path) -> str | None:
    """Write `lightrag.json`, which `LightRAG.insert_custom_kg` takes after `json.load`.

    LightRAG holds one undirected edge for two nodes: facts of two entities are put together, with
    their predicates as its keywords. It refuses an edge from a node to itself: such are left out.
    """
    _prepare(store)
    with write_bytes(folder / "lightrag.json") as file:
        file.write(b'{"chunks": [\n')
        chunks = store.rows(
            "SELECT p.id, d.id, p.number, p.text FROM pieces p JOIN documents d ON d.n = p.document"
            " WHERE trim(p.text) != '' ORDER BY p.document, p.number"
        )
        _write_list(file, (
            {"content": text, "source_id": piece, "file_path": name, "chunk_order_index": number}
            for piece, name, number, text in chunks
        ))  # fmt: skip
        file.write(b'], "entities": [\n')
        _write_list(file, (
            {"entity_name": label, "entity_type": type_ or "UNKNOWN", "description": said,
             "source_id": pieces[0]}
            for _, label, type_, said, _, _, pieces in _entities(store)
        ))  # fmt: skip
        file.write(b'], "relationships": [\n')
        _write_list(file, _edges(store))
        file.write(b"]}\n")
    loops = store.count("facts WHERE subject = object")
    return f"{loops:,} facts of an entity about itself left out" if loops else None


def _write_list(file: Any, items: Iterable[Any]) -> None:
    before = ""
    for item in items:
        file.write((before + dumps(item)).encode())
        before = ",\n"


def _edges(store: Store) -> Iterator[dict[str, Any]]:
    query = (
        f"SELECT min(subject, object), max(subject, object), * FROM ({_FACTS} ORDER BY f.id, n.n)"
        " WHERE subject != object ORDER BY 1, 2"
    )
    for _, rows in groupby(store.rows(query), itemgetter(0, 1)):
        found = [row[2:] for row in rows]
        subject, object = found[0][1:3]
        facts = dict.fromkeys((row[1], row[3], row[2]) for row in found)
        head = "；".join(f"{one} {predicate} {other}" for one, predicate, other in facts)
        yield {
            **{"src_id": subject, "tgt_id": object},
            "description": _described(head, (row[8] for row in found)),
            "keywords": ",".join(dict.fromkeys(predicate for _, predicate, _ in facts)),
            # At least the number of its sources, which is one.
            "weight": float(max(1, len(found))),
            "source_id": found[0][7],
        }


_ID = {"id": "string", "human_readable_id": "int64"}


def write_graphrag(store: Store, folder: Path) -> None:
    """Write `graphrag/`: documents, text_units, entities and relationships as GraphRAG's Parquet.

    They are what its steps of communities and reports go on from.

    Raises:
        ModelError: pyarrow is not installed.
    """
    _prepare(store)
    root = folder / "graphrag"
    root.mkdir(exist_ok=True)
    created = next(store.rows("SELECT created FROM about"))[0]
    _write(root, "documents",
           {**_ID, "title": "string", "text": "string", "text_unit_ids": "list",
            "creation_date": "string", "raw_data": "string"},
           _documents(store, created))  # fmt: skip
    _write(root, "text_units",
           {**_ID, "text": "string", "n_tokens": "int64", "document_id": "string",
            "entity_ids": "list", "relationship_ids": "list", "covariate_ids": "list"},
           _units(store))  # fmt: skip
    entities = (
        (id_, number, label, type_, said, pieces, len(pieces), degree)
        for number, (id_, label, type_, said, _, degree, pieces) in enumerate(_entities(store))
    )
    _write(root, "entities",
           {**_ID, "title": "string", "type": "string", "description": "string",
            "text_unit_ids": "list", "frequency": "int64", "degree": "int64"},
           entities)  # fmt: skip
    _write(root, "relationships",
           {**_ID, "source": "string", "target": "string", "description": "string",
            "weight": "float64", "combined_degree": "int64", "text_unit_ids": "list"},
           _relationships(store))  # fmt: skip


def _write(root: Path, name: str, columns: dict[str, str], rows: Iterable[Any]) -> None:
    with write_bytes(root / f"{name}.parquet") as file:
        for chunk in parquet_chunks(columns, rows):
            file.write(chunk)


def _documents(store: Store, created: str) -> Iterator[tuple[Any, ...]]:
    units = "SELECT id FROM pieces WHERE document = ? ORDER BY number"
    store.db.execute("CREATE INDEX IF NOT EXISTS temp.of_document ON pieces (document)")
    for number, (n, name, text) in enumerate(
        store.rows("SELECT n, id, text FROM documents ORDER BY n")
    ):
        ids = [piece for (piece,) in store.rows(units, n)]
        yield make_id("d", name), number, name, text, ids, created, None


def _units(store: Store) -> Iterator[tuple[Any, ...]]:
    store.db.execute("CREATE INDEX IF NOT EXISTS temp.of_piece ON piece_mentions (piece)")
    entities = (
        "SELECT DISTINCT k.entity FROM piece_mentions p JOIN said_mentions m ON m.n = p.mention"
        " JOIN keys k ON k.key = m.key WHERE p.piece = ? ORDER BY 1"
    )
    facts = (
        "SELECT DISTINCT i.fact FROM piece_mentions p JOIN said_facts f ON f.subject = p.mention"
        " JOIN fact_keys i ON i.n = f.n WHERE p.piece = ? ORDER BY 1"
    )
    query = (
        "SELECT p.id, p.text, d.id FROM pieces p JOIN documents d ON d.n = p.document"
        " ORDER BY p.document, p.number"
    )
    for number, (piece, text, name) in enumerate(store.rows(query)):
        lists = [[row[0] for row in store.rows(asked, piece)] for asked in (entities, facts)]
        # Of tokens a Chinese text has about as many as characters.
        yield piece, number, text, len(text), make_id("d", name), *lists, []


def _relationships(store: Store) -> Iterator[tuple[Any, ...]]:
    rows = store.rows(f"{_FACTS} ORDER BY f.id, n.n")
    for number, (head, same) in enumerate(groupby(rows, itemgetter(0, 1, 2, 3, 4, 5, 6))):
        id_, subject, object, type_, mentions, _, degree = head
        found = list(same)
        said = _described(f"{subject} {type_} {object}", (row[8] for row in found))
        pieces = list(dict.fromkeys(row[7] for row in found))
        yield id_, number, subject, object, said, float(mentions), degree, pieces
