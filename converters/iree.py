"""IREE, financial events: **built from a description, without sight of the files**.

No sample of the corpus was at hand, so the reader is tolerant. It takes JSON lines or one array, with
the text under `text`, `sentence` or `content`, and events under `event_list`, `events` or `event`.
Types, triggers and arguments stand under the names below. Triggers and arguments are strings, or
objects with a start or a span. Arguments are a list, or a mapping from role to one value or several.
Where the files differ, the option `fields` (or a mapping file) names the keys:

    chinchilla data convert iree train.json --mapping iree.yaml
    # iree.yaml
    fields: {text: passage, events: results, type: category}

It names and counts what it cannot map. Keys of an event that it does not know go to `meta.events`.
"""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from chinchilla.converters.catalogue import document_id, document_meta
from chinchilla.converters.field_paths import as_names, merged
from chinchilla.converters.located import Locator
from chinchilla.converters.record_files import read_objects
from chinchilla.converters.report import Report
from chinchilla.data.documents import Argument, Document, Event, Mention

FIELDS: dict[str, Any] = {
    "id": ("id", "doc_id"),
    "text": ("text", "sentence", "content"),
    "events": ("event_list", "events", "event"),
    "type": ("event_type", "type", "trigger_type"),
    "trigger": ("trigger",),
    "arguments": ("arguments", "args", "roles"),
    "role": ("role", "type"),
    "argument": ("argument", "text", "name", "word"),
    "start": ("start", "argument_start_index", "trigger_start_index", "offset", "span", "pos"),
}
_Names = Mapping[str, tuple[str, ...]]


def read(
    paths: Iterable[str | Path],
    report: Report,
    *,
    name: str = "iree",
    encoding: str = "auto",
    fields: Mapping[str, Any] | None = None,
) -> Iterator[Document]:
    """Yield a document per record; `fields` gives the key, or keys, of a part."""
    names = {part: as_names(keys) for part, keys in merged(FIELDS, fields).items()}
    for path in map(str, paths):
        shared = document_meta(name, path)
        records = read_objects(
            path,
            report,
            dict[str, Any],
            expected=f"a text under {_either(names['text'])}, events under {_either(names['events'])}",
            encoding=encoding,
            check=lambda record: _text(record, names),
        )
        for place, ordinal, record in records:
            locator = Locator(_text(record, names), report, place)
            events, rests = _events(record, names, locator)
            identifier = _first(record, names["id"])
            yield Document(
                document_id(identifier, name, path, ordinal),
                locator.text,
                events=tuple(events),
                issues=tuple(locator.issues),
                meta={**shared, "events": rests} if any(rests) else shared,
            )


def _either(keys: tuple[str, ...]) -> str:
    return " or ".join(map(repr, keys))


def _first(value: Mapping[str, Any], keys: tuple[str, ...]) -> Any:
    return next((value[key] for key in keys if key in value), None)


def _text(record: Mapping[str, Any], names: _Names) -> str:
    text = _first(record, names["text"])
    if not isinstance(text, str):
        raise LookupError(
            f"no text under {_either(names['text'])}; its keys are {', '.join(record)}; "
            "name the right one in a mapping file (fields: {text: …})"
        )
    return text


def _events(
    record: Mapping[str, Any], names: _Names, locator: Locator
) -> tuple[list[Event], list[dict[str, Any]]]:
    items = _first(record, names["events"])
    if items is None:
        what = f"none of {_either(names['events'])} among {', '.join(record)}"
        locator.report.note("record without events", locator.place, what)
        return [], []
    events: list[Event] = []
    rests: list[dict[str, Any]] = []
    for item in items if isinstance(items, list) else [items]:
        kind = _first(item, names["type"]) if isinstance(item, dict) else None
        if not isinstance(kind, str) or not kind:
            what = f"no type under {_either(names['type'])} in {str(item)[:80]}"
            locator.report.drop("event without a type", locator.place, what)
            continue
        events.append(_event(kind, item, names, locator, f"events[{len(events)}]"))
        known = {key for part in names.values() for key in part}
        rests.append({key: content for key, content in item.items() if key not in known})
    return events, rests


def _event(
    kind: str, item: Mapping[str, Any], names: _Names, locator: Locator, where: str
) -> Event:
    trigger: Mention | None = None
    value = _first(item, names["trigger"])
    if value:
        # A trigger that is a string has its start beside it, in the event.
        mention, start = _located(
            value if isinstance(value, dict) else {**item, "text": value}, names
        )
        if mention:
            trigger = locator.mention(mention, start, f"{where}.trigger")
    hint = (trigger.start or 0) if trigger else 0
    arguments: list[Argument] = []
    for role, content in _roles(_first(item, names["arguments"]), names, locator):
        mention, start = _located(content, names)
        if not role or not mention:
            locator.report.drop("argument without role or text", locator.place, str(content)[:80])
            continue
        path = f"{where}.arguments[{len(arguments)}]"
        arguments.append(locator.argument(role, mention, start, path, hint))
    return Event(kind, trigger, tuple(arguments))


def _roles(value: Any, names: _Names, locator: Locator) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield `(role, argument object)` of a list of objects or a mapping from role to values."""
    if isinstance(value, dict):
        for role, contents in value.items():
            for content in contents if isinstance(contents, list) else [contents]:
                yield role, content if isinstance(content, dict) else {"text": content}
        return
    for item in value if isinstance(value, list) else [value] if value else []:
        if isinstance(item, dict):
            yield str(_first(item, names["role"]) or ""), item
        else:
            locator.report.drop("argument without role or text", locator.place, str(item)[:80])


def _located(value: Mapping[str, Any], names: _Names) -> tuple[str, int]:
    """Return the mention of an object and its start, negative if it gives none."""
    mention = value.get("text") or _first(value, names["argument"])
    start = _first(value, names["start"])
    if isinstance(start, list):
        start = start[0] if start else None
    return str(mention or ""), start if isinstance(start, int) else -1
