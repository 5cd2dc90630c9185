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

from chinchilla.data import Argument, Document, Event, Issue, Mention

from .catalogue import document_meta
from .locate import Span, nearest, spans_of, trimmed
from .report import Place, Report
from .source import read_objects


class _Argument(msgspec.Struct):
    role: str
    argument: str
    argument_start_index: int = -1
    alias: list[str] = []


class _Event(msgspec.Struct):
    event_type: str
    trigger: str = ""
    trigger_start_index: int = -1
    arguments: list[_Argument] = []


class _Record(msgspec.Struct):
    text: str
    id: str | int | None = None
    event_list: list[_Event] = []


def read(
    paths: Iterable[str | Path], report: Report, *, name: str = "duee", encoding: str = "utf-8"
) -> Iterator[Document]:
    """Yield a document per record; one without `event_list` is a text without gold."""
    for path in map(str, paths):
        shared = document_meta(name, path)
        stem = Path(path).stem
        records = read_objects(
            [path],
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
            identifier = f"{name}-{stem}-{ordinal}" if record.id in (None, "") else str(record.id)
            yield Document(
                identifier, text, events=tuple(events), issues=tuple(locator.issues), meta=meta
            )


def _event(event: _Event, locator: "Locator", where: str) -> Event:
    trigger = None
    hint = 0
    if event.trigger:
        mention, span = locator.find(
            event.trigger, event.trigger_start_index, 0, f"{where}.trigger"
        )
        trigger = Mention(mention, *(span or (None, None)))
        hint = span[0] if span else 0
    arguments = []
    for j, item in enumerate(event.arguments):
        mention, span = locator.find(
            item.argument, item.argument_start_index, hint, f"{where}.arguments[{j}]"
        )
        arguments.append(Argument(item.role, mention, *(span or (None, None))))
    return Event(event.event_type, trigger, tuple(arguments))


class Locator:
    """Verifies and repairs the offsets of one text, gathering its issues."""

    def __init__(self, text: str, report: Report, place: Place) -> None:
        self.text = text
        self.report = report
        self.place = place
        self.issues: list[Issue] = []

    def find(self, mention: str, start: int, hint: int, where: str) -> tuple[str, Span | None]:
        """Return the mention as the text has it and its span.

        `start` is the corpus' offset, negative if it gives none; `hint` is where to look near then.
        """
        core, given = trimmed(mention, start)
        if core != mention:
            self.report.note("blanks at the ends left outside", self.place, repr(mention))
        if given is not None and given >= 0 and core and self.text.startswith(core, given):
            return core, (given, given + len(core))
        spans, is_folded = spans_of(self.text, core)
        if not spans:
            self.report.note("mention not in the text", self.place, repr(mention))
            self.issues.append(Issue("ungrounded", f"{mention!r} is not in the text", where))
            return mention, None
        if start >= 0:
            what = f"{core!r} is not at {start}"
            self.report.note("wrong offset repaired", self.place, what)
        elif len(spans) > 1:
            self.report.note("one of several occurrences chosen", self.place, repr(core))
            detail = (
                f"{core!r} occurs {len(spans)} times; the place nearest to the trigger is given"
            )
            self.issues.append(Issue("ambiguous", detail, where))
        if is_folded:
            self.report.note("found after folding case, width or blanks", self.place, repr(core))
        span = nearest(spans, start if start >= 0 else hint)
        return self.text[slice(*span)], span
