"""iFLYTEK 2020 news events, untyped, in the forms of its two rounds.

    {"id": 1, "text": "…", "labels": [{"trigger": ["找到", 21], "object": ["记者", 12], "subject": "", …}]}
    [{"sentence": "…", "events": [{"trigger": {"text": "投资", "offset": 31, "length": 2}, "tense": "现在",
      "polarity": "肯定", "arguments": [{"role": "subject", "text": "公司", "offset": 28, "length": 2}]}]}]

Every event is of the one type 事件; tense and polarity go to `meta.events`, in the order of the events.
The annotation is noisy: subject and object are sometimes exchanged.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from chinchilla.converters.catalogue import document_id, document_meta
from chinchilla.converters.located import Locator
from chinchilla.converters.record_files import read_objects
from chinchilla.converters.report import Report
from chinchilla.data.documents import Argument, Document, Event

TYPE = "事件"
ROLES = {"subject": "主体", "object": "客体", "time": "时间", "location": "地点", "loc": "地点"}
_Place = tuple[str, int] | str


class _Label(msgspec.Struct, gc=False):
    trigger: tuple[str, int]
    subject: _Place = ""
    object: _Place = ""
    time: _Place = ""
    location: _Place = ""


class _Trigger(msgspec.Struct, gc=False):
    text: str
    offset: int


class _Argument(msgspec.Struct, gc=False):
    role: str
    text: str
    offset: int


class _Event(msgspec.Struct, gc=False):
    trigger: _Trigger
    arguments: list[_Argument] = []
    tense: str = ""
    polarity: str = ""


class _Record(msgspec.Struct, gc=False):
    text: str | None = None
    sentence: str | None = None
    id: str | int | None = None
    labels: list[_Label] = []
    events: list[_Event] = []


def read(
    paths: Iterable[str | Path],
    report: Report,
    *,
    name: str = "iflytek2020",
    encoding: str = "auto",
) -> Iterator[Document]:
    """Yield a document per record, of either round."""
    for path in map(str, paths):
        shared = document_meta(name, path)
        records = read_objects(
            path,
            report,
            _Record,
            expected='{"text": …, "labels": […]} or {"sentence": …, "events": […]}',
            encoding=encoding,
            check=_has_text,
        )
        for place, ordinal, record in records:
            locator = Locator(_text(record), report, place)
            events = record.events or [_from_label(label) for label in record.labels]
            found = tuple(_event(event, locator, f"events[{i}]") for i, event in enumerate(events))
            meta: dict[str, Any] = shared
            if record.events:
                modes = [{"tense": item.tense, "polarity": item.polarity} for item in record.events]
                meta = {**shared, "events": modes}
            yield Document(
                document_id(record.id, name, path, ordinal),
                locator.text,
                events=found,
                issues=tuple(locator.issues),
                meta=meta,
            )


def _text(record: _Record) -> str:
    return record.text if record.text is not None else record.sentence or ""


def _has_text(record: _Record) -> None:
    if record.text is None and record.sentence is None:
        raise LookupError("neither 'text' nor 'sentence'")


def _from_label(label: _Label) -> _Event:
    arguments = [
        _Argument(role, *place)
        for role in ("subject", "object", "time", "location")
        if not isinstance(place := getattr(label, role), str)
    ]
    return _Event(_Trigger(*label.trigger), arguments)


def _event(event: _Event, locator: Locator, where: str) -> Event:
    trigger = locator.mention(event.trigger.text, event.trigger.offset, f"{where}.trigger")
    arguments: list[Argument] = []
    for item in event.arguments:
        if item.role not in ROLES:
            locator.report.drop("unknown role", locator.place, repr(item.role))
            continue
        path = f"{where}.arguments[{len(arguments)}]"
        arguments.append(locator.argument(ROLES[item.role], item.text, item.offset, path))
    return Event(TYPE, trigger, tuple(arguments))
