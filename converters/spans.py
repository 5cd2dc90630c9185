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
from chinchilla.converters.fields import MISSING, merged, pick
from chinchilla.converters.located import Locator, in_text_order
from chinchilla.converters.report import Report
from chinchilla.converters.source import read_objects
from chinchilla.data.documents import Document, Entity

FIELDS = {
    "text": "text",
    "id": "id",
    "entities": "entities",
    "start": "start",
    "end": "end",
    "type": "type",
    "mention": "",
}


def read(
    paths: Iterable[str | Path],
    report: Report,
    *,
    name: str = "spans",
    encoding: str = "utf-8",
    fields: Mapping[str, Any] | None = None,
    types: Mapping[str, str] | None = None,
    inclusive: bool = False,
) -> Iterator[Document]:
    """Yield a document per record; one without the entity list is a text without gold."""
    names = merged(FIELDS, fields)
    types = types or builtin_types(name)
    for path in map(str, paths):
        meta = document_meta(name, path)
        stem = Path(path).stem
        records = read_objects(
            [path],
            report,
            dict[str, Any],
            expected=f"{{{names['text']!r}: …, {names['entities']!r}: […]}} a line",
            encoding=encoding,
            once=tuple(f'"{names[key]}"'.encode() for key in ("text", "entities")),
            check=lambda record: _text(record, names),
        )
        for place, ordinal, record in records:
            locator = Locator(_text(record, names), report, place)
            entities: list[Entity] = []
            for item in pick(record, names["entities"], []) or []:
                entity = _entity(item, names, types, inclusive, locator, len(entities))
                if entity is not None:
                    entities.append(entity)
            identifier = pick(record, names["id"], None)
            yield Document(
                document_id(identifier, name, stem, ordinal),
                locator.text,
                in_text_order(entities),
                issues=tuple(locator.issues),
                meta=meta,
            )


def _text(record: dict[str, Any], names: Mapping[str, Any]) -> str:
    text = pick(record, names["text"])
    if not isinstance(text, str):
        raise LookupError(f"{names['text']!r} is {type(text).__name__}, not a string")
    return text


def _entity(
    item: Any,
    names: Mapping[str, Any],
    types: Mapping[str, str] | None,
    inclusive: bool,
    locator: Locator,
    index: int,
) -> Entity | None:
    report, place, text = locator.report, locator.place, locator.text
    try:
        start, end = int(pick(item, names["start"])), int(pick(item, names["end"])) + inclusive
        kind = str(pick(item, names["type"]))
    except (LookupError, TypeError, ValueError) as error:
        report.drop("malformed entity", place, str(error))
        return None
    if types is not None and kind not in types:
        report.drop("unknown type", place, f"{kind!r}; types are {', '.join(types)}")
        return None
    kind = kind if types is None else types[kind]
    mention = pick(item, names["mention"], MISSING) if names["mention"] else MISSING
    if isinstance(mention, str):
        entity = locator.entity(kind, mention, start, f"entities[{index}]")
        if entity.start is not None and entity.end is not None:
            return entity
        # A mention without a place is no gold for a task of places.
        locator.issues.pop()
        report.drop("entity without a place", place, repr(mention))
        return None
    if not 0 <= start < end <= len(text):
        what = f"[{start}, {end}) in a text of {len(text)} characters"
        report.drop("offsets outside the text", place, what)
        return None
    return Entity(kind, text[start:end], start, end)
