"""DuEE-fin, events of whole financial documents: JSON lines **without any offset**.

    {"id": "…", "title": "…公告", "text": "…", "event_list": [{"event_type": "公司上市", "trigger": "上市",
      "arguments": [{"role": "上市公司", "argument": "甲公司"}, {"role": "环节", "argument": "正式上市"}]}]}

The document's text is the title, a line end and the text, since some arguments stand in the title
only (`title=false` leaves it out; it is in `meta.title` either way). The trigger's place is the
occurrence with the event's arguments nearest to it; arguments take the occurrence nearest to the
trigger. Choosing is the rule here, so it is counted but not repeated in each document's issues. A
value of an enum role (环节) that is not in the text keeps null offsets and is no fault.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from chinchilla.converters.catalogue import document_id, document_meta
from chinchilla.converters.locate import Span, nearest, spans_of, trimmed
from chinchilla.converters.record_files import read_objects
from chinchilla.converters.report import Place, Report
from chinchilla.data.documents import Argument, Document, Event, Issue, Mention
from chinchilla.data.schema import Schema, read_schema
from chinchilla.data.text import with_title

# Characters beyond which an argument no longer tells one occurrence of a trigger from another.
_REACH = 200


class _Argument(msgspec.Struct, gc=False):
    role: str
    argument: str


class _Event(msgspec.Struct, gc=False):
    event_type: str
    trigger: str = ""
    arguments: list[_Argument] = []


class _Record(msgspec.Struct, gc=False):
    text: str
    id: str | int | None = None
    title: str = ""
    event_list: list[_Event] = []


def read(
    paths: Iterable[str | Path],
    report: Report,
    *,
    name: str = "duee-fin",
    encoding: str = "auto",
    title: bool = True,
) -> Iterator[Document]:
    """Yield a document per record; an absent `event_list` means that there is no event."""
    schema = read_schema(name)
    for path in map(str, paths):
        shared = document_meta(name, path)
        records = read_objects(
            path,
            report,
            _Record,
            expected='{"id": …, "title": …, "text": …, "event_list": […]} a line',
            encoding=encoding,
            once=(b'"text"', b'"id"', b'"title"', b'"event_list"'),
        )
        for place, ordinal, record in records:
            text = with_title(record.title, record.text) if title else record.text
            finder = _Finder(text, report, place, schema)
            events = tuple(
                finder.event(event, f"events[{i}]") for i, event in enumerate(record.event_list)
            )
            yield Document(
                document_id(record.id, name, path, ordinal),
                text,
                events=events,
                issues=tuple(finder.issues),
                meta={**shared, "title": record.title} if record.title else shared,
            )


class _Finder:
    def __init__(self, text: str, report: Report, place: Place, schema: Schema) -> None:
        self.text = text
        self.report = report
        self.place = place
        self.schema = schema
        self.issues: list[Issue] = []
        self._spans: dict[str, list[Span]] = {}
        self._far: dict[tuple[str, str], list[int]] = {}

    def event(self, event: _Event, where: str) -> Event:
        """Locate one event; see the module for how."""
        places = [self._find(item.argument) for item in event.arguments]
        trigger, hint = None, 0
        if event.trigger:
            span = self._trigger(event)
            hint = span[0] if span else 0
            trigger = self._mention(event.trigger, span, f"{where}.trigger")
        arguments = tuple(
            self._argument(event.event_type, item, spans, hint, f"{where}.arguments[{j}]")
            for j, (item, spans) in enumerate(zip(event.arguments, places, strict=True))
        )
        return Event(event.event_type, trigger, arguments)

    def _find(self, mention: str) -> list[Span]:
        spans = self._spans.get(mention)
        if spans is None:
            spans, is_folded = spans_of(self.text, trimmed(mention, None)[0])
            self._spans[mention] = spans
            if is_folded and spans:
                reason = "found after folding case, width or blanks"
                self.report.note(reason, self.place, repr(mention))
            elif len(spans) > 1:
                reason = "one of several occurrences chosen"
                self.report.note(reason, self.place, repr(mention))
        return spans

    def _trigger(self, event: _Event) -> Span | None:
        """Choose the trigger's occurrence with the least distance to the arguments in all."""
        spans = self._find(event.trigger)
        if len(spans) < 2:
            return spans[0] if spans else None
        columns = [self._distances(event.trigger, item.argument) for item in event.arguments]
        sums = [sum(distances) for distances in zip(*columns, strict=True)]
        return spans[sums.index(min(sums))] if sums else spans[0]

    def _distances(self, trigger: str, argument: str) -> list[int]:
        """Return, for each occurrence of the trigger, how far the argument's nearest one is."""
        found = self._far.get((trigger, argument))
        if found is None:
            spans = self._find(argument)
            found = [
                min(abs(nearest(spans, start)[0] - start), _REACH) if spans else 0
                for start, _ in self._find(trigger)
            ]
            self._far[trigger, argument] = found
        return found

    def _mention(self, mention: str, span: Span | None, where: str) -> Mention:
        if span is None:
            self._missing(mention, where)
            return Mention(mention, None, None, status="none")
        return Mention(self.text[slice(*span)], *span)

    def _argument(
        self, kind: str, item: _Argument, spans: list[Span], hint: int, where: str
    ) -> Argument:
        if spans:
            span = nearest(spans, hint)
            return Argument(item.role, self.text[slice(*span)], *span)
        event_type = self.schema.event_by_label.get(kind)
        role = event_type.role_by_name.get(item.role) if event_type else None
        if not (role and item.argument in role.values):
            self._missing(item.argument, where)
        return Argument(item.role, item.argument, None, None, status="none")

    def _missing(self, mention: str, where: str) -> None:
        self.report.note("mention not in the text", self.place, repr(mention))
        self.issues.append(Issue("ungrounded", f"{mention!r} is not in the text", where))
