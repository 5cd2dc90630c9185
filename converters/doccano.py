"""doccano exports (JSON lines): plain spans, or spans with names and relations between them.

    {"id": 1, "text": "雀巢裁员", "label": [[0, 2, "机构名"]]}
    {"id": 1, "text": "…", "entities": [{"id": 5, "label": "人名", "start_offset": 0, "end_offset": 2}],
      "relations": [{"from_id": 5, "to_id": 6, "type": "任职"}]}

Ends are exclusive; offsets count code points.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from chinchilla.converters.catalogue import document_id, document_meta
from chinchilla.converters.linked import Linked
from chinchilla.converters.located import Locator
from chinchilla.converters.report import Report
from chinchilla.converters.source import read_objects
from chinchilla.data.documents import Document


class _Span(msgspec.Struct, gc=False):
    id: int | str
    label: str
    start_offset: int
    end_offset: int


class _Link(msgspec.Struct, gc=False):
    from_id: int | str
    to_id: int | str
    type: str


class _Record(msgspec.Struct, gc=False):
    # `data` is the name of `text` in early releases; `labels` that of `label`.
    text: str | None = None
    data: str | None = None
    id: int | str | None = None
    label: list[tuple[int, int, str]] = []
    labels: list[tuple[int, int, str]] = []
    entities: list[_Span] = []
    relations: list[_Link] = []


def read(
    paths: Iterable[str | Path], report: Report, *, name: str = "doccano", encoding: str = "utf-8"
) -> Iterator[Document]:
    """Yield a document per record."""
    for path in map(str, paths):
        meta = document_meta(name, path)
        stem = Path(path).stem
        records = read_objects(
            [path],
            report,
            _Record,
            expected='{"text": …, "label": [[start, end, type]]} a line',
            encoding=encoding,
            once=(b'"text"', b'"entities"', b'"relations"'),
            check=_text,
        )
        for place, ordinal, record in records:
            linked = Linked(Locator(_text(record), report, place))
            for i, (start, end, kind) in enumerate(record.label or record.labels):
                linked.add_span(f"#{i}", kind, start, end, None)
            for span in record.entities:
                linked.add_span(str(span.id), span.label, span.start_offset, span.end_offset, None)
            for link in record.relations:
                linked.add_link(link.type, str(link.from_id), str(link.to_id))
            identifier = document_id(record.id, name, stem, ordinal)
            yield linked.document(identifier, meta)


def _text(record: _Record) -> str:
    text = record.text if record.text is not None else record.data
    if text is None:
        raise LookupError("no 'text'")
    return text
