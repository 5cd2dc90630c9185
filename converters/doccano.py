"""doccano exports (JSON lines): plain spans, or spans with names and relations between them.

    {"id": 1, "text": "雀巢裁员", "label": [[0, 2, "机构名"]]}
    {"id": 1, "text": "…", "entities": [{"id": 5, "label": "人名", "start_offset": 0, "end_offset": 2}],
      "relations": [{"from_id": 5, "to_id": 6, "type": "任职"}]}

Releases call the text `text` or `data` and the spans `label`, `labels`, `entities`, `annotations` or
`spans`; ends are exclusive. A record without any of these is unlabelled: left out and counted.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from chinchilla.converters.catalogue import document_id, document_meta
from chinchilla.converters.linked import Linked
from chinchilla.converters.record_files import read_objects
from chinchilla.converters.report import Report
from chinchilla.data.documents import Document

_TEXTS = ("text", "data")
_SPANS = ("entities", "label", "labels", "annotations", "spans")
# What each part of a span may be called.
_START = ("start_offset", "start")
_END = ("end_offset", "end")
_LABEL = ("label", "type", "tag")


def read(
    paths: Iterable[str | Path], report: Report, *, name: str = "doccano", encoding: str = "auto"
) -> Iterator[Document]:
    """Yield a document per record that holds annotations, though it be an empty list."""
    for path in map(str, paths):
        meta = document_meta(name, path)
        records = read_objects(
            path,
            report,
            dict[str, Any],
            expected='{"text": …, "label": [[start, end, type]]} a line',
            encoding=encoding,
            once=(b'"text"', b'"entities"', b'"relations"'),
            check=_text,
        )
        for place, ordinal, record in records:
            linked = Linked(_text(record), report, place)
            _tell_unknown(record, linked)
            if not any(isinstance(record.get(key), list) for key in _SPANS):
                report.drop("record without annotations", place, f"keys are {', '.join(record)}")
                continue
            for key in _SPANS:
                for number, item in enumerate(_items(record.get(key))):
                    _add_span(item, f"{key} {number}", linked)
            for item in _items(record.get("relations")):
                _add_link(item, linked)
            linked.settle()
            yield linked.document(document_id(record.get("id"), name, path, ordinal), meta)


def _text(record: dict[str, Any]) -> str:
    for key in _TEXTS:
        if isinstance(record.get(key), str):
            text: str = record[key]
            return text
    raise LookupError(f"no 'text'; keys are {', '.join(record)}")


def _items(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _tell_unknown(record: dict[str, Any], linked: Linked) -> None:
    """Count keys that hold what looks like annotations but are none that this format has."""
    for key, value in record.items():
        if key in (*_SPANS, "relations") or not _items(value):
            continue
        if any(_span_of(item) is not None for item in value):
            what = f"{key!r}: {len(value)} spans; rename it to 'label'"
            linked.report.drop("unknown annotation key", linked.place, what)


def _span_of(item: Any) -> tuple[int, int, str] | None:
    """Return start, end and label of a span in any of its forms."""
    if isinstance(item, list | tuple) and len(item) >= 3:
        start, end, label = item[:3]
    elif isinstance(item, dict):
        start, end, label = (_first(item, keys) for keys in (_START, _END, _LABEL))
    else:
        return None
    if type(start) is not int or type(end) is not int or label is None:
        return None
    return start, end, str(label)


def _first(item: dict[str, Any], keys: tuple[str, ...]) -> Any:
    return next((item[key] for key in keys if item.get(key) is not None), None)


def _add_span(item: Any, name: str, linked: Linked) -> None:
    found = _span_of(item)
    if found is None:
        linked.report.drop("malformed span", linked.place, repr(item))
        return
    start, end, label = found
    given = isinstance(item, dict)
    identifier = item.get("id") if given else None
    mention = item.get("text") if given else None
    linked.add_span(
        name if identifier is None else str(identifier),
        label,
        start,
        end,
        mention if isinstance(mention, str) else None,
    )


def _add_link(item: Any, linked: Linked) -> None:
    ends = [item.get(key) for key in ("from_id", "to_id")] if isinstance(item, dict) else [None]
    if None in ends:
        linked.report.drop("malformed relation", linked.place, repr(item))
        return
    kind = item.get("type") or item.get("label") or "relation"
    linked.add_link(str(kind), str(ends[0]), str(ends[1]))
