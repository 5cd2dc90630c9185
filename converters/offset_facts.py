"""Relations whose ends have offsets: DGRE's JSON lines and DeepKE's tables.

    {"ID": "AT1", "text": "…", "spo_list": [{"h": {"name": "发动机", "pos": [28, 31]},
      "t": {"name": "熄火", "pos": [31, 33]}, "relation": "部件故障"}]}

    sentence,relation,head,head_offset,tail,tail_offset
    sentence,attribute,entity,entity_offset,attribute_value,attribute_value_offset

Offsets count code points from 0. Rows of one sentence of a table become one document, so a table is
held in memory; a relation `None` is a pair without one and goes to `meta.negatives`.
"""

import csv
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from chinchilla.converters.catalogue import document_id, document_meta
from chinchilla.converters.located import Locator
from chinchilla.converters.report import Place, Report
from chinchilla.converters.source import Trial, first_line, read_objects, read_text_lines
from chinchilla.data.documents import Document, Relation

_HEADERS = (
    ("sentence", "relation", "head", "head_offset", "tail", "tail_offset"),
    (
        "sentence",
        "attribute",
        "entity",
        "entity_offset",
        "attribute_value",
        "attribute_value_offset",
    ),
)
# Characters of a cell; a longer one is a quote that is not closed.
_MAX_CELL = 1 << 17
_NEGATIVE = ("None", "NA", "unknown")
# relation, head, its start, tail, its start, and where the row stood.
_Row = tuple[str, str, int, str, int, Place]


class _End(msgspec.Struct, gc=False):
    name: str
    pos: tuple[int, int]


class _Fact(msgspec.Struct, gc=False):
    h: _End
    t: _End
    relation: str


class _Record(msgspec.Struct, gc=False):
    text: str
    spo_list: list[_Fact] = []
    ID: str | int | None = None


def read(
    paths: Iterable[str | Path], report: Report, *, name: str = "dgre", encoding: str = "auto"
) -> Iterator[Document]:
    """Yield a document per text; each file's form is told by its first line."""
    for path in map(str, paths):
        if first_line(path, encoding)[:1] in ("{", "["):
            yield from _json(path, report, name, encoding)
        else:
            yield from _table(path, report, name, encoding)


def _json(path: str, report: Report, name: str, encoding: str) -> Iterator[Document]:
    meta = document_meta(name, path)
    stem = Path(path).stem
    records = read_objects(
        [path],
        report,
        _Record,
        expected='{"ID": …, "text": …, "spo_list": [{"h", "t", "relation"}]} a line',
        encoding=encoding,
        once=(b'"text"', b'"spo_list"', b'"ID"'),
    )
    for place, ordinal, record in records:
        rows = [
            (fact.relation, fact.h.name, fact.h.pos[0], fact.t.name, fact.t.pos[0], place)
            for fact in record.spo_list
        ]
        identifier = document_id(record.ID, name, stem, ordinal)
        yield _document(identifier, record.text, rows, report, meta)


def _table(path: str, report: Report, name: str, encoding: str) -> Iterator[Document]:
    trial = Trial(path, report, f"a table with the header {','.join(_HEADERS[0])}")
    lines = (content + "\n" for _, content in read_text_lines(path, report, encoding))
    table = _rows(lines, trial)
    header = tuple(cell.strip() for cell in next(table, (1, []))[1])
    if header not in _HEADERS:
        trial.fail("unknown header", 1, ",".join(header))
        trial.close()
    groups: dict[str, list[_Row]] = {}
    for line, cells in table:
        place = (path, line)
        if not cells:
            continue
        if len(cells) != len(header):
            trial.fail("wrong column count", place[1], f"{len(cells)} columns: {cells[:2]}")
            continue
        sentence, relation, head, head_start, tail, tail_start = cells
        if not (head_start.isdigit() and tail_start.isdigit()):
            trial.fail("offset is no number", place[1], f"{head_start!r}, {tail_start!r}")
            continue
        trial.good += 1
        row = (relation, head, int(head_start), tail, int(tail_start), place)
        groups.setdefault(sentence, []).append(row)
    trial.close()
    meta = document_meta(name, path)
    stem = Path(path).stem
    for ordinal, (sentence, rows) in enumerate(groups.items(), 1):
        yield _document(f"{name}-{stem}-{ordinal}", sentence, rows, report, meta)


def _rows(lines: Iterator[str], trial: Trial) -> Iterator[tuple[int, list[str]]]:
    """Yield `(first line, cells)` of each row; after one that is no CSV the next line is tried."""
    reader = csv.reader(lines)
    while True:
        line = reader.line_num + 1
        # The limit is the whole process's, where others need another one.
        limit = csv.field_size_limit(_MAX_CELL)
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            trial.fail("not valid CSV", line, str(error))
            continue
        finally:
            csv.field_size_limit(limit)
        yield line, cells


def _document(
    identifier: str, text: str, rows: list[_Row], report: Report, shared: dict[str, Any]
) -> Document:
    relations: list[Relation] = []
    negatives: list[dict[str, Any]] = []
    seen: set[tuple[Any, ...]] = set()
    issues = []
    for row in rows:
        relation, head, head_start, tail, tail_start, place = row
        if row[:5] in seen:
            report.drop("repeated row", place, f"{head} {relation} {tail}")
            continue
        seen.add(row[:5])
        where = f"relations[{len(relations)}]"
        locator = Locator(text, report, place)
        subject = locator.entity(None, head, head_start, f"{where}.subject")
        object = locator.entity(None, tail, tail_start, f"{where}.object")
        if relation in _NEGATIVE:
            negatives.append(
                {
                    slot: {"text": end.text, "start": end.start, "end": end.end}
                    for slot, end in (("subject", subject), ("object", object))
                }
            )
            continue
        issues += locator.issues
        relations.append(Relation(relation, subject, object))
    meta = {**shared, "negatives": negatives} if negatives else shared
    return Document(identifier, text, relations=tuple(relations), issues=tuple(issues), meta=meta)
