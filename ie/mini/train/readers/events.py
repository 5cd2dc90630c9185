"""Events of corpora whose formats are their own."""

import json
import re
import xml.etree.ElementTree as ElementTree
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from ..kit import Argument, Document, Event, Mention
from .spans import records
from .tokens import Laid, Span, argument, found


def read_subjects(
    paths: Iterable[Path], faults: Counter[str], *, none: str = "其他", role: str = "主体公司"
) -> Iterator[Document]:
    """Yield FinESE: a JSON list of [id, text, event type, subject], one event a row.

    A text whose rows all say `none` has no event; of others only what they say is known.
    """
    for path in paths:
        rows: dict[str, list[tuple[str, str]]] = {}
        for _, text, kind, subject in json.loads(path.read_text(encoding="utf-8")):
            rows.setdefault(text, []).append((kind, subject))
        for number, (text, facts) in enumerate(rows.items(), 1):
            events = tuple(
                Event(kind, None, (argument(text, role, found(text, subject)),))
                for kind, subject in facts
                if kind != none
            )
            meta = {"present": True} if events else {}
            yield Document(f"{path.stem}-{number}", text, events=events, meta=meta)


def read_oneie(
    paths: Iterable[Path], faults: Counter[str], *, entities: bool = False
) -> Iterator[Document]:
    """Yield OneIE's JSON: tokens, entity_mentions and event_mentions with places in tokens.

    `entities` tells that entities have types. A document of several sentences is one text.
    """
    for path in paths:
        for number, record in enumerate(records(path, faults), 1):
            laid = Laid(record["tokens"], "english")
            places = {m["id"]: (m["start"], m["end"]) for m in record["entity_mentions"]}
            events = tuple(
                Event(
                    item["event_type"],
                    laid.mention(item["trigger"]["start"], item["trigger"]["end"]),
                    tuple(
                        laid.argument(a["role"], *places[a["entity_id"]])
                        for a in item["arguments"]
                        if a["entity_id"] in places
                    ),
                )
                for item in record["event_mentions"]
            )
            typed = tuple(
                laid.entity(item["entity_type"], item["start"], item["end"])
                for item in record["entity_mentions"]
                if entities
            )
            yield Document(f"{path.stem}-{number}", laid.text, typed, events=events)


def read_rams(paths: Iterable[Path], faults: Counter[str]) -> Iterator[Document]:
    """Yield RAMS: five sentences, one event; roles are written evt089arg02place."""
    for path in paths:
        for record in records(path, faults):
            laid = Laid(
                [token for sentence in record["sentences"] for token in sentence], "english"
            )
            first, last, kinds = record["evt_triggers"][0]
            arguments = tuple(
                laid.argument(re.sub(r"^evt\d+arg\d+", "", role), span[0], span[1] + 1)
                for _, span, role in record["gold_evt_links"]
            )
            event = Event(kinds[0][0], laid.mention(first, last + 1), arguments)
            yield Document(record["doc_key"], laid.text, events=(event,))


def read_commodity(paths: Iterable[Path], faults: Counter[str]) -> Iterator[Document]:
    """Yield commodity news: words, golden-entity-mentions and golden-event-mentions."""
    for path in paths:
        for record in records(path, faults):
            laid = Laid(record["words"], "english")
            entities = tuple(
                laid.entity(item["entity-type"], item["start"], item["end"])
                for item in record["golden-entity-mentions"]
            )
            events = tuple(
                Event(
                    item["event_type"],
                    laid.mention(item["trigger"]["start"], item["trigger"]["end"]),
                    tuple(
                        laid.argument(a["role"], a["start"], a["end"]) for a in item["arguments"]
                    ),
                )
                for item in record["golden-event-mentions"]
            )
            yield Document(record["sentence_id"], laid.text, entities, events=events)


def read_casie(paths: Iterable[Path], faults: Counter[str]) -> Iterator[Document]:
    """Yield CASIE: content, and hoppers of events with a nugget and arguments at offsets."""
    for path in paths:
        record = json.loads(path.read_text(encoding="utf-8"))
        text = record["content"]
        events = []
        for hopper in record["cyberevent"]["hopper"]:
            for item in hopper["events"]:
                place = _near(text, item["nugget"], faults)
                trigger = Mention(text[slice(*place)], *place) if place else Mention("", None, None)
                arguments = tuple(
                    argument(text, a["role"]["type"], _near(text, a, faults))
                    for a in item.get("argument", ())
                )
                events.append(Event(f"{item['type']}.{item['subtype']}", trigger, arguments))
        yield Document(path.stem, text, events=tuple(dict.fromkeys(events)))


def _near(text: str, item: dict[str, Any], faults: Counter[str]) -> Span | None:
    start, end = item["startOffset"], item["endOffset"]
    if text[start:end] == item["text"]:
        return start, end
    faults["place moved to the mention nearby"] += 1
    return found(text, item["text"], start)


def read_phee(paths: Iterable[Path], faults: Counter[str]) -> Iterator[Document]:
    """Yield PHEE: context, and annotations whose roles hold text, start and roles of their own.

    A role inside another is named by both: Treatment.Drug. Mentions in pieces are passed over.
    """
    for path in paths:
        for record in records(path, faults):
            text = record["context"]
            events = []
            for annotation in record["annotations"]:
                for item in annotation["events"]:
                    trigger = next(iter(_pieces(item.get("Trigger", {}), text, faults)), None)
                    if trigger is None:
                        faults["event without a trigger"] += 1
                        continue
                    mention = Mention(text[slice(*trigger)], *trigger)
                    arguments = tuple(_roles(item, "", text, faults))
                    events.append(Event(item["event_type"], mention, arguments))
            yield Document(record["id"], text, events=tuple(events))


def _roles(item: dict[str, Any], outer: str, text: str, faults: Counter[str]) -> Iterator[Argument]:
    for role, value in item.items():
        if role == "Trigger" or not isinstance(value, dict):
            continue
        name = f"{outer}{role}"
        if "text" in value:
            for span in _pieces(value, text, faults):
                yield argument(text, name, span)
        yield from _roles(value, f"{name}.", text, faults)


def _pieces(value: dict[str, Any], text: str, faults: Counter[str]) -> Iterator[Span]:
    for words, starts in zip(value.get("text", ()), value.get("start", ()), strict=False):
        if len(words) != 1:
            faults["mention in several pieces"] += 1
            continue
        start = starts[0]
        if text[start : start + len(words[0])] == words[0]:
            yield start, start + len(words[0])
        elif span := found(text, words[0], start):
            yield span


_INDENT = re.compile(r"\s*\n\s*|\t+")
_ROLES = {"Time", "Location", "Participant", "Object"}


def read_cec(paths: Iterable[Path], faults: Counter[str]) -> Iterator[Document]:
    """Yield the emergency corpus: inline XML, a Denoter and its roles inside each Event.

    Blanks at line ends are the file's indentation and no text. The Denoter's `type` is the event's.
    """
    for path in paths:
        try:
            root = ElementTree.fromstring(path.read_bytes())
        except ElementTree.ParseError:
            faults["not valid XML"] += 1
            continue
        for number, paragraph in enumerate(root.iter("Paragraph"), 1):
            walker = _Walker()
            walker.walk(paragraph, None)
            text = "".join(walker.pieces)
            if text.strip():
                events = tuple(event for found in walker.events if (event := found.made(text)))
                yield Document(f"{path.stem}-{number}", text, events=events)


class _Open:
    """An Event element being read."""

    def __init__(self) -> None:
        self.kind = ""
        self.trigger: Span | None = None
        self.arguments: list[tuple[str, Span]] = []

    def made(self, text: str) -> Event | None:
        if self.trigger is None or not self.kind:
            return None
        arguments = tuple(argument(text, role, span) for role, span in self.arguments)
        start, end = self.trigger
        return Event(self.kind, Mention(text[start:end], start, end), arguments)


class _Walker:
    """Gathers the text of a paragraph and the places of its marks."""

    def __init__(self) -> None:
        self.pieces: list[str] = []
        self.size = 0
        self.events: list[_Open] = []

    def walk(self, element: ElementTree.Element, event: _Open | None) -> None:
        if element.tag == "Event":
            event = _Open()
            self.events.append(event)
        start = self.size
        self._say(element.text)
        for child in element:
            self.walk(child, event)
            self._say(child.tail)
        if event is None or self.size == start:
            return
        if element.tag == "Denoter" and event.trigger is None:
            event.trigger, event.kind = (start, self.size), element.get("type", "")
        elif element.tag in _ROLES:
            event.arguments.append((element.tag, (start, self.size)))

    def _say(self, text: str | None) -> None:
        said = _INDENT.sub("", text or "")
        self.pieces.append(said)
        self.size += len(said)


_SENTENCES = re.compile(r"[^。！？\n]*[。！？\n]*")


def read_fin(
    paths: Iterable[Path], faults: Counter[str], *, name: str = "duee-fin", limit: int = 420
) -> Iterator[Document]:
    """Yield DuEE-fin in windows of whole sentences, with the facts whose strings stand there.

    An event is told in a window that holds two or more of its arguments, or its trigger and one; the
    trigger and the arguments take the occurrences nearest to each other. A window that holds the
    trigger of an event but not enough to tell it is left out; one without any is a negative, and the
    first of a document is kept.
    """
    from ..kit import convert

    documents, found_faults = convert(name, paths)
    for document in documents:
        has_negative = False
        for number, text in enumerate(_sentences(document.text, limit)):
            told = [(_told(text, event), event) for event in document.events]
            if any(here is None and _is_hinted(text, event) for here, event in told):
                faults["window that tells an event in part"] += 1
                continue
            events = _distinct(here for here, _ in told if here)
            if events or not has_negative:
                has_negative |= not events
                yield Document(f"{document.id}#{number}", text, events=tuple(events))
    faults.update(found_faults)


def _sentences(text: str, limit: int) -> Iterator[str]:
    window = ""
    for piece in _SENTENCES.findall(text):
        while len(piece) > limit:
            piece, rest = piece[:limit], piece[limit:]
            if window:
                yield window
            yield piece
            window, piece = "", rest
        if len(window) + len(piece) > limit:
            yield window
            window = ""
        window += piece
    if window.strip():
        yield window


def _told(text: str, event: Event) -> Event | None:
    """Return the event as a window tells it, or None where it does not tell enough."""
    trigger = event.trigger.text if event.trigger else ""
    place = found(text, trigger)
    here = [item for item in event.arguments if item.text and item.text in text]
    own = [item for item in here if not _is_shared(item)]
    if not own or (place is None and len(own) < 2):
        return None
    near = (found(text, own[0].text, place[0] if place else 0) or (0, 0))[0]
    place = found(text, trigger, near)
    arguments = (argument(text, item.role, found(text, item.text, near)) for item in here)
    mention = Mention(trigger, *place) if place else None
    return Event(event.type, mention, tuple(dict.fromkeys(arguments)))


def _is_hinted(text: str, event: Event) -> bool:
    """Say whether a window names something of the event: it is then no true negative."""
    strings = [item.text for item in event.arguments if item.text and not _is_shared(item)]
    strings += [event.trigger.text] if event.trigger else []
    return any(string in text for string in strings)


def _is_shared(item: Argument) -> bool:
    """Say whether other events of a document have this too: dates, and the company of all."""
    return item.role.endswith(("时间", "日期", "周期"))


def _distinct(events: Iterable[Event]) -> list[Event]:
    """Return the events but those whose arguments are all among those of another of the type."""
    kept: list[Event] = []
    for event in sorted(dict.fromkeys(events), key=lambda event: -len(event.arguments)):
        said = set(event.arguments)
        if not any(other.type == event.type and said <= set(other.arguments) for other in kept):
            kept.append(event)
    return kept
