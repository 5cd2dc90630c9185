"""A graph for graph databases and libraries: Neo4j's import, N-Triples, GraphML.

Events are nodes: each argument that is an entity is an edge to it with its role.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote
from xml.sax.saxutils import escape, quoteattr

from ...files.jsonl import write_bytes
from ...files.sheets import csv_lines
from .store import Store

_ENTITIES = "SELECT id, name, type, kind, names, mentions, documents FROM entities ORDER BY id"
_FACTS = "SELECT id, subject, type, object, mentions, documents, best_score FROM facts ORDER BY id"
_EVENTS = (
    "SELECT e.id, e.type, e.mentions, e.documents, (SELECT trigger FROM event_mentions m"
    " WHERE m.event = e.id ORDER BY said LIMIT 1) FROM events e ORDER BY e.id"
)
_ARGUMENTS = (
    "SELECT DISTINCT e.event, a.role, k.entity FROM event_mentions e"
    " JOIN said_arguments a ON a.event = e.said JOIN said_mentions m ON m.n = a.mention"
    " JOIN keys k ON k.key = m.key ORDER BY 1, 2, 3"
)
_VALUES = (
    "SELECT DISTINCT e.event, a.role, a.text FROM event_mentions e JOIN said_arguments a"
    " ON a.event = e.said WHERE a.mention IS NULL ORDER BY 1, 2, 3"
)
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_BASE = "urn:chinchilla:"
_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_RDFS = "http://www.w3.org/2000/01/rdf-schema#"
_XSD = "http://www.w3.org/2001/XMLSchema#"


def write_neo4j(store: Store, folder: Path) -> None:
    """Write `neo4j/`: headers and rows of nodes and relationships, as `neo4j-admin` imports them."""
    root = folder / "neo4j"
    root.mkdir(exist_ok=True)
    nodes = (
        (id_, name, type_, _list(json.loads(names)), mentions, documents, f"Entity;{_label(type_)}")
        for id_, name, type_, _, names, mentions, documents in store.rows(_ENTITIES)
    )
    _rows(root / "entities.csv",
          ("id:ID", "name", "type", "names:string[]", "mentions:long", "documents:long", ":LABEL"),
          nodes)  # fmt: skip
    events = (
        (id_, type_, trigger or "", mentions, documents, f"Event;{_label(type_)}")
        for id_, type_, mentions, documents, trigger in store.rows(_EVENTS)
    )
    _rows(root / "events.csv",
          ("id:ID", "type", "trigger", "mentions:long", "documents:long", ":LABEL"), events)  # fmt: skip
    facts = (
        (subject, object, _label(type_), id_, mentions, documents, score)
        for id_, subject, type_, object, mentions, documents, score in store.rows(_FACTS)
    )
    _rows(root / "facts.csv",
          (":START_ID", ":END_ID", ":TYPE", "id", "mentions:long", "documents:long", "score:double"),
          facts)  # fmt: skip
    roles = ((event, entity, _label(role)) for event, role, entity in store.rows(_ARGUMENTS))
    _rows(root / "roles.csv", (":START_ID", ":END_ID", ":TYPE"), roles)
    command = (
        "neo4j-admin database import full neo4j --nodes=entities.csv --nodes=events.csv"
        " --relationships=facts.csv --relationships=roles.csv\n"
    )
    with write_bytes(root / "import.sh") as file:
        file.write(command.encode())


def _rows(path: Path, header: tuple[str, ...], rows: Iterator[tuple[Any, ...]]) -> None:
    # A line break would end the row for neo4j-admin, and its spreadsheets are none of ours.
    with write_bytes(path) as file:
        for lines in csv_lines(header, (tuple(map(_one_line, row)) for row in rows), guard=False):
            file.write(lines)


def _one_line(cell: Any) -> Any:
    return " ".join(cell.split()) if isinstance(cell, str) else cell


def _label(type_: str) -> str:
    """Return a type as a label: `;` parts labels."""
    return type_.replace(";", "；") or "无"


def _list(names: list[str]) -> str:
    return ";".join(name.replace(";", "；") for name in names)


def write_rdf(store: Store, folder: Path) -> None:
    """Write `graph.nt`: N-Triples. A fact is a triple, and a statement about it has its counts."""
    with write_bytes(folder / "graph.nt") as file:
        for subject, predicate, object in _triples(store):
            file.write(f"{subject} {predicate} {object} .\n".encode())


def _triples(store: Store) -> Iterator[tuple[str, str, str]]:
    rdf_type, label = f"<{_RDF}type>", f"<{_RDFS}label>"
    counts = (_iri("v", "mentions"), _iri("v", "documents"))
    for id_, name, type_, _, names, *numbers in store.rows(_ENTITIES):
        node = _iri("", id_)
        if type_:
            yield node, rdf_type, _iri("type:", type_)
        yield node, label, _literal(name)
        for other in json.loads(names):
            if other != name:
                yield node, _iri("v", "name"), _literal(other)
        for count, number in zip(counts, numbers, strict=True):
            yield node, count, _number(number)
    for id_, subject, type_, object, mentions, documents, score in store.rows(_FACTS):
        triple = _iri("", subject), _iri("relation:", type_), _iri("", object)
        yield triple
        node = _iri("", id_)
        yield node, rdf_type, f"<{_RDF}Statement>"
        for place, part in zip(("subject", "predicate", "object"), triple, strict=True):
            yield node, f"<{_RDF}{place}>", part
        yield node, counts[0], _number(mentions)
        yield node, counts[1], _number(documents)
        if score is not None:
            yield node, _iri("v", "score"), f'"{score!r}"^^<{_XSD}double>'
    for id_, type_, mentions, documents, trigger in store.rows(_EVENTS):
        node = _iri("", id_)
        yield node, rdf_type, _iri("event:", type_)
        if trigger:
            yield node, label, _literal(trigger)
        yield node, counts[0], _number(mentions)
        yield node, counts[1], _number(documents)
    for event, role, entity in store.rows(_ARGUMENTS):
        yield _iri("", event), _iri("role:", role), _iri("", entity)
    for event, role, text in store.rows(_VALUES):
        yield _iri("", event), _iri("role:", role), _literal(text)


def _iri(space: str, name: str) -> str:
    """Return an IRI; Chinese letters are written as they are, all others that it cannot have escaped."""
    space = "vocabulary:" if space == "v" else space
    plain = "".join(c if c.isalnum() else quote(c, safe="-._~") for c in name)
    return f"<{_BASE}{space}{plain}>"


def _literal(text: str) -> str:
    for character, escaped in (("\\", "\\\\"), ('"', '\\"'), ("\n", "\\n"), ("\r", "\\r")):
        text = text.replace(character, escaped)
    return f'"{text}"'


def _number(value: int) -> str:
    return f'"{value}"^^<{_XSD}integer>'


_KEYS = (
    ("name", "node", "string"),
    ("type", "node", "string"),
    ("names", "node", "string"),
    ("mentions", "node", "long"),
    ("documents", "node", "long"),
    ("type", "edge", "string"),
    ("mentions", "edge", "long"),
    ("documents", "edge", "long"),
    ("score", "edge", "double"),
)


def write_graphml(store: Store, folder: Path) -> None:
    """Write `graph.graphml`: a directed graph in which two nodes may have several edges."""
    with write_bytes(folder / "graph.graphml") as file:
        for line in _graphml(store):
            file.write(f"{line}\n".encode())


def _graphml(store: Store) -> Iterator[str]:
    yield '<?xml version="1.0" encoding="UTF-8"?>'
    yield '<graphml xmlns="http://graphml.graphdrawing.org/xmlns">'
    for name, place, type_ in _KEYS:
        yield f'<key id="{place}_{name}" for="{place}" attr.name="{name}" attr.type="{type_}"/>'
    yield '<graph id="graph" edgedefault="directed">'
    for id_, name, type_, _, names, mentions, documents in store.rows(_ENTITIES):
        cells = {"name": name, "type": type_, "names": "；".join(json.loads(names))}
        yield _element("node", f"id={_quoted(id_)}",
                       {**cells, "mentions": mentions, "documents": documents})  # fmt: skip
    for id_, type_, mentions, documents, trigger in store.rows(_EVENTS):
        yield _element("node", f"id={_quoted(id_)}",
                       {"name": trigger or type_, "type": type_, "mentions": mentions, "documents": documents})  # fmt: skip
    for id_, subject, type_, object, mentions, documents, score in store.rows(_FACTS):
        ends = f"id={_quoted(id_)} source={_quoted(subject)} target={_quoted(object)}"
        yield _element("edge", ends, {"type": type_, "mentions": mentions, "documents": documents, "score": score})  # fmt: skip
    for number, (event, role, entity) in enumerate(store.rows(_ARGUMENTS)):
        ends = f'id="a{number}" source={_quoted(event)} target={_quoted(entity)}'
        yield _element("edge", ends, {"type": role})
    yield "</graph>"
    yield "</graphml>"


def _element(kind: str, head: str, cells: dict[str, Any]) -> str:
    data = "".join(
        f'<data key="{kind}_{key}">{escape(_xml(str(value)))}</data>'
        for key, value in cells.items()
        if value is not None
    )
    return f"<{kind} {head}>{data}</{kind}>"


def _quoted(text: str) -> str:
    return quoteattr(_xml(text))


def _xml(text: str) -> str:
    return _NOT_XML.sub("\ufffd", text)
