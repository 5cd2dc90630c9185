"""CLUENER 2020: JSON lines, spans by type and mention, **end inclusive**.

    {"text": "温格的球队", "label": {"name": {"温格": [[0, 1]]}}}

The unlabelled test file holds `id` and `text` alone.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from chinchilla.converters.catalogue import document_id, document_meta
from chinchilla.converters.columns import schema_types
from chinchilla.converters.locate import nearest, spans_of
from chinchilla.converters.located import in_text_order
from chinchilla.converters.record_files import read_objects
from chinchilla.converters.report import Place, Report
from chinchilla.data.documents import Document, Entity


class _Record(msgspec.Struct, gc=False):
    text: str
    label: dict[str, dict[str, list[tuple[int, int]]]] = {}
    id: int | str | None = None


def read(
    paths: Iterable[str | Path], report: Report, *, name: str = "cluener", encoding: str = "auto"
) -> Iterator[Document]:
    """Yield a document per line, entities in text order."""
    types = schema_types(name)
    labels = [label for label in types if label.isascii()]
    once = tuple(f'"{label}": '.encode() for label in ("text", "label", *labels))
    for path in map(str, paths):
        meta = document_meta(name, path)
        records = read_objects(
            path,
            report,
            _Record,
            expected='{"text": …, "label": {type: {mention: [[start, end]]}}} a line',
            encoding=encoding,
            once=once,
        )
        for place, ordinal, record in records:
            entities = _entities(record, types, report, place)
            identifier = document_id(record.id, name, path, ordinal)
            yield Document(identifier, record.text, entities, meta=meta)


def _entities(
    record: _Record, types: dict[str, str], report: Report, place: Place
) -> tuple[Entity, ...]:
    text = record.text
    found: list[Entity] = []
    for label, mentions in record.label.items():
        kind = types.get(label)
        if kind is None:
            report.drop("unknown type", place, f"{label!r}; types are {', '.join(types)}")
            continue
        for mention, spans in mentions.items():
            for start, last in spans:
                end = last + 1
                if start < 0 or text[start:end] != mention:
                    candidates, _ = spans_of(text, mention)
                    if not candidates:
                        report.drop("mention not in the text", place, f"{mention!r}")
                        continue
                    what = f"{mention!r} is not at [{start}, {end})"
                    report.note("wrong offset repaired", place, what)
                    start, end = nearest(candidates, start)
                found.append(Entity(kind, text[start:end], start, end))
    return in_text_order(found)
