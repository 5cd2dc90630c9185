"""The unified record of the original project: sentence, entities, relations, events with `pos`.

    {"sentence": "雀巢裁员", "entities": [{"name": "雀巢", "type": "机构名", "pos": [0, 2]}]}

Ends are exclusive; `inclusive=true` reads files whose ends are included. Offsets are verified and
repaired, missing ones looked for.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from chinchilla.converters.catalogue import document_id, document_meta
from chinchilla.converters.located import Locator
from chinchilla.converters.record_files import read_objects
from chinchilla.converters.report import Report
from chinchilla.data.documents import Argument, Document, Entity, Event, Mention, Relation


class _Named(msgspec.Struct, gc=False):
    name: str
    pos: list[int] = []
    type: str | None = None
    role: str = ""


class _Relation(msgspec.Struct, gc=False):
    type: str
    head: _Named
    tail: _Named


class _Event(msgspec.Struct, gc=False):
    type: str
    trigger: _Named | str | None = None
    arguments: list[_Named] = []


class _Record(msgspec.Struct, gc=False):
    sentence: str
    id: str | int | None = None
    entities: list[_Named] = []
    relations: list[_Relation] = []
    events: list[_Event] = []


def read(
    paths: Iterable[str | Path],
    report: Report,
    *,
    name: str = "unified",
    encoding: str = "auto",
    inclusive: bool = False,
) -> Iterator[Document]:
    """Yield a document per record."""
    for path in map(str, paths):
        meta = document_meta(name, path)
        records = read_objects(
            path,
            report,
            _Record,
            expected='{"sentence": …, "entities": [{"name", "type", "pos"}]} a line',
            encoding=encoding,
            once=(b'"sentence"', b'"entities"', b'"relations"', b'"events"'),
        )
        for place, ordinal, record in records:
            reader = _Reader(Locator(record.sentence, report, place), inclusive)
            identifier = document_id(record.id, name, path, ordinal)
            yield reader.document(identifier, record, meta)


class _Reader:
    def __init__(self, locator: Locator, inclusive: bool) -> None:
        self.locator = locator
        self.inclusive = inclusive

    def document(self, identifier: str, record: _Record, meta: dict[str, Any]) -> Document:
        entities = tuple(
            self._entity(item, f"entities[{i}]") for i, item in enumerate(record.entities)
        )
        relations = tuple(
            Relation(
                item.type,
                self._entity(item.head, f"relations[{i}].subject"),
                self._entity(item.tail, f"relations[{i}].object"),
            )
            for i, item in enumerate(record.relations)
        )
        events = tuple(self._event(item, f"events[{i}]") for i, item in enumerate(record.events))
        issues = tuple(self.locator.issues)
        return Document(identifier, record.sentence, entities, relations, events, issues, meta)

    def _event(self, item: _Event, where: str) -> Event:
        head = _Named(item.trigger) if isinstance(item.trigger, str) else item.trigger
        trigger: Mention | None = None
        if head is not None and head.name:
            trigger = self.locator.mention(head.name, self._start(head), f"{where}.trigger")
        hint = (trigger.start or 0) if trigger else 0
        arguments: list[Argument] = []
        for j, named in enumerate(item.arguments):
            role = named.role or named.type or ""
            path = f"{where}.arguments[{j}]"
            start = self._start(named)
            arguments.append(self.locator.argument(role, named.name, start, path, hint))
        return Event(item.type, trigger, tuple(arguments))

    def _entity(self, item: _Named, where: str) -> Entity:
        return self.locator.entity(item.type, item.name, self._start(item), where)

    def _start(self, item: _Named) -> int:
        if len(item.pos) < 2:
            return -1
        start, end = item.pos[0], item.pos[1] + self.inclusive
        if end - start != len(item.name):
            locator = self.locator
            what = f"{item.name!r} has {len(item.name)} characters but pos {item.pos}"
            locator.report.note("span as long as another mention", locator.place, what)
        return start
