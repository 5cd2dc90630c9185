"""JSON records of a text and a list of typed spans, under whatever names: JSON lines or an array.

    {"text": "雀巢裁员", "entities": [{"start": 0, "end": 2, "type": "ORG"}]}

The option `fields` says which name plays which part, `inclusive` that ends are included; entries
may also be lists, with positions for names. CCKS 2019 is read by it, and any corpus like it:

    chinchilla data convert spans my.jsonl --mapping my.yaml
    # my.yaml
    fields: {text: content, entities: labels, start: 0, end: 1, type: 2}
    types: {ORG: 机构名}
    inclusive: true
"""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from chinchilla.converters.catalogue import document_id, document_meta
from chinchilla.converters.columns import builtin_types
from chinchilla.converters.field_paths import merged, pick
from chinchilla.converters.linked import Linked
from chinchilla.converters.record_files import read_objects
from chinchilla.converters.report import Report
from chinchilla.data.documents import Document

FIELDS = {
    "text": "text",
    "id": "id",
    "entities": "entities",
    "start": "start",
    "end": "end",
    "type": "type",
    "mention": "",
}
# What annotators say in Prodigy of a record that they do not vouch for.
_REFUSED = ("reject", "ignore")


def read(
    paths: Iterable[str | Path],
    report: Report,
    *,
    name: str = "spans",
    encoding: str = "auto",
    fields: Mapping[str, Any] | None = None,
    types: Mapping[str, str] | None = None,
    inclusive: bool = False,
) -> Iterator[Document]:
    """Yield a document per record; one without the entity list is a text without gold."""
    names = merged(FIELDS, fields)
    types = types or builtin_types(name)
    for path in map(str, paths):
        meta = document_meta(name, path)
        records = read_objects(
            path,
            report,
            dict[str, Any],
            expected=f"{{{names['text']!r}: …, {names['entities']!r}: […]}} a line",
            encoding=encoding,
            once=tuple(f'"{names[key]}"'.encode() for key in ("text", "entities")),
            check=lambda record: _text(record, names),
        )
        for place, ordinal, record in records:
            if record.get("answer") in _REFUSED:
                report.drop("record not accepted", place, f"answer {record['answer']!r}")
                continue
            linked = Linked(_text(record, names), report, place)
            for item in pick(record, names["entities"], []) or []:
                _add(item, names, types, inclusive, linked)
            linked.settle()
            identifier = pick(record, names["id"], None)
            yield linked.document(document_id(identifier, name, path, ordinal), meta)


def _text(record: dict[str, Any], names: Mapping[str, Any]) -> str:
    text = pick(record, names["text"])
    if not isinstance(text, str):
        raise LookupError(f"{names['text']!r} is {type(text).__name__}, not a string")
    return text


def _add(
    item: Any,
    names: Mapping[str, Any],
    types: Mapping[str, str] | None,
    inclusive: bool,
    linked: Linked,
) -> None:
    report, place = linked.report, linked.place
    try:
        start, end = int(pick(item, names["start"])), int(pick(item, names["end"])) + inclusive
        kind = str(pick(item, names["type"]))
    except (LookupError, TypeError, ValueError) as error:
        report.drop("malformed entity", place, str(error))
        return
    if types is not None and kind not in types:
        report.drop("unknown type", place, f"{kind!r}; types are {', '.join(types)}")
        return
    mention = pick(item, names["mention"], None) if names["mention"] else None
    said = mention if isinstance(mention, str) else None
    linked.add_span("", kind if types is None else types[kind], start, end, said)
