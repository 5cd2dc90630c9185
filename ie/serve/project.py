"""A folder in which corrected documents gather, with the schema by which they were corrected.

DIR/gold.jsonl       the documents, each saved once under its id
DIR/schema.json      the types of all of them
DIR/models/NAME/     a tuned model, with what it was tuned on and how well it does
"""

import json
import threading
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any

import msgspec

from ..data.documents import Document, check_offsets
from ..data.schema import Schema, read_schema
from ..errors import InputError
from ..files.jsonl import read_documents, write_bytes, write_documents

GOLD, SCHEMA, MODELS = "gold.jsonl", "schema.json", "models"


class Project:
    """A project folder; it is made if it is not there."""

    def __init__(self, folder: Path) -> None:
        """Open a folder.

        Raises:
            InputError: it cannot be made.
        """
        self.folder = folder
        try:
            (folder / MODELS).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"{folder}: cannot be made a folder ({error.strerror})") from None
        self._lock = threading.Lock()

    def documents(self) -> list[Document]:
        """Return the saved documents, in the order in which they were first saved."""
        path = self.folder / GOLD
        return list(read_documents(path)) if path.is_file() else []

    def schema(self) -> Schema | None:
        """Return the types of all saved documents; None before there is one."""
        path = self.folder / SCHEMA
        return read_schema(path) if path.is_file() else None

    def save(self, document: Document, schema: Schema) -> int:
        """Save a document in place of one of the same id, and add its schema's types.

        Returns how many there are.

        Raises:
            InputError: a mention is not where its offsets say, or a type is not in the schema.
        """
        check_offsets(document)
        check_types(document, schema)
        document = _as_gold(document)
        with self._lock:
            before = self.schema()
            documents = {one.id: one for one in self.documents()} | {document.id: document}
            self._write_schema(united(before, schema) if before else schema)
            write_documents(self.folder / GOLD, documents.values())
            return len(documents)

    def remove(self, id: str) -> int:
        """Take a document out; return how many there are.

        Raises:
            InputError: there is none of that id.
        """
        with self._lock:
            documents = self.documents()
            left = [one for one in documents if one.id != id]
            if len(left) == len(documents):
                raise InputError(f"no document {id[:80]!r} is saved")
            write_documents(self.folder / GOLD, left)
            return len(left)

    def models(self) -> dict[str, str]:
        """Return the folders of the tuned models by name, oldest first."""
        found = (self.folder / MODELS).glob("*/result.json")
        return {path.parent.name: str(path.parent / "run") for path in sorted(found)}

    def next_model(self) -> Path:
        """Make and return the folder for the next model."""
        number = 1
        while True:
            folder = self.folder / MODELS / f"tuned-{number:03}"
            try:
                folder.mkdir(parents=True)
            except FileExistsError:
                number += 1
            else:
                return folder

    def _write_schema(self, schema: Schema) -> None:
        with write_bytes(self.folder / SCHEMA) as file:
            file.write(json.dumps(schema.to_dict(), ensure_ascii=False, indent=1).encode() + b"\n")


def set_aside(documents: Sequence[Document]) -> tuple[list[Document], list[Document]]:
    """Return the documents to learn from, and a quarter that is kept aside to compare on.

    Which ones is decided by their texts, so that a text stays on its side as far as it can.
    """

    def order(document: Document) -> bytes:
        return blake2b(document.text.encode(), digest_size=8).digest()

    aside = {one.id for one in sorted(documents, key=order)[: max(1, len(documents) // 4)]}
    return (
        [one for one in documents if one.id not in aside],
        [one for one in documents if one.id in aside],
    )


def united(first: Schema, second: Schema) -> Schema:
    """Return a schema with the types of both; what both declare is as the second says."""
    entities = {item.name: item for item in (*first.entities, *second.entities)}
    events = {item.name: item for item in (*first.events, *second.events)}
    relations = {
        (item.name, item.subject, item.object): item
        for item in (*first.relations, *second.relations)
    }
    value: dict[str, Any] = Schema(
        second.name, tuple(entities.values()), tuple(relations.values()), tuple(events.values())
    ).to_dict()
    return Schema.from_dict(value)


def check_types(document: Document, schema: Schema) -> None:
    """Refuse a document with types or roles that the schema does not declare.

    Raises:
        InputError: lists them.
    """
    unknown = list(dict.fromkeys(_unknown(document, schema)))
    if unknown:
        shown = "、".join(unknown[:8])
        raise InputError(f"not in the schema: {shown}; declare them, or correct the document")


def _unknown(document: Document, schema: Schema) -> Iterator[str]:
    for entity in document.entities:
        if entity.type not in schema.entity_by_label:
            yield str(entity.type)
    predicates = {item.name for item in schema.relations} | set(schema.relation_by_label)
    yield from (item.type for item in document.relations if item.type not in predicates)
    for event in document.events:
        declared = schema.event_by_label.get(event.type)
        if declared is None:
            yield event.type
        else:
            roles = declared.role_by_name
            yield from (f"{event.type}/{a.role}" for a in event.arguments if a.role not in roles)


def _as_gold(document: Document) -> Document:
    """Return the document without what a model says of itself: scores and issues."""
    plain = document.to_dict()

    def bare(value: Any) -> Any:
        if isinstance(value, dict):
            return {
                key: bare(item) for key, item in value.items() if key not in ("score", "status")
            }
        return [bare(item) for item in value] if isinstance(value, list) else value

    fields = {key: bare(plain.get(key, [])) for key in ("entities", "relations", "events")}
    cleaned = Document.from_dict({"id": document.id, "text": document.text, **fields})
    return msgspec.structs.replace(cleaned, meta=document.meta)
