"""DuEE 1.0, and corpora in its format: JSON lines of events with start offsets.

    {"id": "…", "text": "雀巢裁员4000人", "event_list": [{"event_type": "组织关系-裁员", "trigger": "裁员",
      "trigger_start_index": 2, "arguments": [{"role": "裁员方", "argument": "雀巢",
      "argument_start_index": 0, "alias": []}], "class": "组织关系"}]}

Offsets are verified; a wrong one gives way to the nearest occurrence, a missing one to the occurrence
nearest to the trigger. Blanks at an argument's ends are left outside. What is not in the text
keeps null offsets and an issue. `alias` lists go to `meta.aliases` by the argument's path.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from chinchilla.converters.catalogue import document_id, document_meta
from chinchilla.converters.located import Locator
from chinchilla.converters.record_files import read_objects
from chinchilla.converters.report import Place, Report
from chinchilla.data.documents import Argument, Document, Event


class _Argument(msgspec.Struct, gc=False):
    role: str
    argument: str
    argument_start_index: int = -1
    alias: list[str] = []


class _Event(msgspec.Struct, gc=False):
    event_type: str
    trigger: str = ""
    trigger_start_index: int = -1
    arguments: list[_Argument] = []


class _Record(msgspec.Struct, gc=False):
    text: str
    id: str | int | None = None
    event_list: list[_Event] = []


def read(
    paths: Iterable[str | Path], report: Report, *, name: str = "duee", encoding: str = "auto"
) -> Iterator[Document]:
    """Yield a document per record; one without `event_list` is a text without gold."""
    return (document for _, document in read_placed(paths, report, name=name, encoding=encoding))


def read_placed(
    paths: Iterable[str | Path], report: Report, *, name: str, encoding: str
) -> Iterator[tuple[Place, Document]]:
    """Yield the document of each record, with the record's place."""
    for path in map(str, paths):
        shared = document_meta(name, path)
        records = read_objects(
            path,
            report,
            _Record,
            expected='{"id": …, "text": …, "event_list": [{"event_type", "trigger", …}]} a line',
            encoding=encoding,
            once=(b'"text"', b'"id"', b'"event_list"'),
        )
        for place, ordinal, record in records:
            text = record.text
            locator = Locator(text, report, place)
            meta = shared
            events = []
            aliases: dict[str, list[str]] = {}
            for i, event in enumerate(record.event_list):
                events.append(_event(event, locator, f"events[{i}]"))
                for j, argument in enumerate(event.arguments):
                    if argument.alias:
                        aliases[f"events[{i}].arguments[{j}]"] = argument.alias
            if aliases:
                meta = {**shared, "aliases": aliases}
            identifier = document_id(record.id, name, path, ordinal)
            document = Document(
                identifier, text, events=tuple(events), issues=tuple(locator.issues), meta=meta
            )
            yield place, document


def _event(event: _Event, locator: Locator, where: str) -> Event:
    trigger = None
    if event.trigger:
        trigger = locator.mention(event.trigger, event.trigger_start_index, f"{where}.trigger")
    hint = (trigger.start or 0) if trigger else 0
    arguments = []
    for j, item in enumerate(event.arguments):
        mention, start = item.argument, item.argument_start_index
        if mention and locator.fits(mention, start):
            arguments.append(Argument(item.role, mention, start, start + len(mention)))
            continue
        path = f"{where}.arguments[{j}]"
        arguments.append(locator.argument(item.role, mention, start, path, hint))
    return Event(event.event_type, trigger, tuple(arguments))
