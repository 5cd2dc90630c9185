"""FewFC financial events: JSON lines with verified spans, end exclusive; the trigger is a mention.

    {"id": "…", "content": "甲公司收购乙公司", "events": [{"type": "收购", "mentions":
      [{"word": "收购", "span": [3, 5], "role": "trigger"}, {"word": "甲公司", "span": [0, 3], "role": "sub-org"}]}]}

Roles are English in the files; documents carry the Chinese names of `ROLES`.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from chinchilla.converters.catalogue import document_id, document_meta
from chinchilla.converters.located import Locator
from chinchilla.converters.record_files import read_objects
from chinchilla.converters.report import Report
from chinchilla.data.documents import Argument, Document, Event

ROLES = {
    "sub": "主体",
    "sub-org": "主体机构",
    "sub-per": "主体人物",
    "obj": "客体",
    "obj-org": "客体机构",
    "obj-per": "客体人物",
    "target-company": "标的公司",
    "share-org": "持股机构",
    "share-per": "持股人物",
    "institution": "判决机构",
    "collateral": "标的物",
    "proportion": "比例",
    "number": "数量",
    "money": "金额",
    "amount": "总额",
    "date": "时间",
    "title": "职务",
    "way": "方式",
}


class _Mention(msgspec.Struct, gc=False):
    word: str
    span: tuple[int, int]
    role: str


class _Event(msgspec.Struct, gc=False):
    type: str
    mentions: list[_Mention]


class _Record(msgspec.Struct, gc=False):
    content: str
    id: str | int | None = None
    events: list[_Event] = []


def read(
    paths: Iterable[str | Path], report: Report, *, name: str = "fewfc", encoding: str = "auto"
) -> Iterator[Document]:
    """Yield a document per record."""
    for path in map(str, paths):
        meta = document_meta(name, path)
        records = read_objects(
            path,
            report,
            _Record,
            expected='{"id": …, "content": …, "events": [{"type", "mentions"}]} a line',
            encoding=encoding,
            once=(b'"content"', b'"id"', b'"events"'),
        )
        for place, ordinal, record in records:
            locator = Locator(record.content, report, place)
            events = tuple(
                _event(event, locator, f"events[{i}]") for i, event in enumerate(record.events)
            )
            identifier = document_id(record.id, name, path, ordinal)
            yield Document(
                identifier, record.content, events=events, issues=tuple(locator.issues), meta=meta
            )


def _event(event: _Event, locator: Locator, where: str) -> Event:
    trigger = None
    arguments: list[Argument] = []
    for item in event.mentions:
        if item.role == "trigger" and trigger is None:
            trigger = locator.mention(item.word, item.span[0], f"{where}.trigger")
            continue
        role = ROLES.get(item.role)
        if role is None:
            locator.report.drop("unknown role", locator.place, f"{item.role!r}")
            continue
        path = f"{where}.arguments[{len(arguments)}]"
        arguments.append(locator.argument(role, item.word, item.span[0], path))
    return Event(event.type, trigger, tuple(arguments))
