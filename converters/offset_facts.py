"""Relations whose ends have offsets: DGRE's JSON lines and DeepKE's tables.

    {"ID": "AT1", "text": "…", "spo_list": [{"h": {"name": "发动机", "pos": [28, 31]},
      "t": {"name": "熄火", "pos": [31, 33]}, "relation": "部件故障"}]}

    sentence,relation,head,head_offset,tail,tail_offset
    sentence,attribute,entity,entity_offset,attribute_value,attribute_value_offset

Columns of a table stand in any order; those of offsets and types may be missing. Offsets count code
points from 0; without them the two ends are located as the closest pair. Rows of one sentence become
one document, so a table is held in memory; a relation `None` is a pair without one and goes to
`meta.negatives`.
"""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from chinchilla.converters.catalogue import document_id, document_meta
from chinchilla.converters.locate import closest_pair, spans_of
from chinchilla.converters.located import Locator
from chinchilla.converters.record_files import Trial, first_line, read_objects, read_text_lines
from chinchilla.converters.report import Place, Report
from chinchilla.data.documents import Document, Relation
from chinchilla.files.csv_rows import Row, find_delimiter, read_rows

# What the columns of a table may be called.
_COLUMNS = {
    "sentence": ("sentence", "text"),
    "relation": ("relation", "attribute"),
    "head": ("head", "entity"),
    "tail": ("tail", "attribute_value"),
    "head_start": ("head_offset", "entity_offset"),
    "tail_start": ("tail_offset", "attribute_value_offset"),
    "head_type": ("head_type", "entity_type"),
    "tail_type": ("tail_type", "attribute_value_type"),
}
_NEEDED = ("sentence", "relation", "head", "tail")
_HEADER = "sentence,relation,head,head_offset,tail,tail_offset"
_NEGATIVE = ("None", "NA", "unknown")


class _Fact(NamedTuple):
    """A row; an offset is negative where the table has none."""

    relation: str
    head: str
    head_start: int
    head_type: str | None
    tail: str
    tail_start: int
    tail_type: str | None


# A row and where it stands.
_Located = tuple[_Fact, Place]


class _End(msgspec.Struct, gc=False):
    name: str
    pos: tuple[int, int]


class _Spo(msgspec.Struct, gc=False):
    h: _End
    t: _End
    relation: str


class _Record(msgspec.Struct, gc=False):
    text: str
    spo_list: list[_Spo] = []
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
    records = read_objects(
        path,
        report,
        _Record,
        expected='{"ID": …, "text": …, "spo_list": [{"h", "t", "relation"}]} a line',
        encoding=encoding,
        once=(b'"text"', b'"spo_list"', b'"ID"'),
    )
    for place, ordinal, record in records:
        rows = [(_Fact(spo.relation, *_of(spo.h), *_of(spo.t)), place) for spo in record.spo_list]
        identifier = document_id(record.ID, name, path, ordinal)
        yield _document(identifier, record.text, rows, report, meta)


def _of(end: _End) -> tuple[str, int, None]:
    return end.name, end.pos[0], None


def _table(path: str, report: Report, name: str, encoding: str) -> Iterator[Document]:
    trial = Trial(path, report, f"a table with the header {_HEADER}")
    lines = (content + "\n" for _, content in read_text_lines(path, report, encoding))
    table = read_rows(lines, find_delimiter(first_line(path, encoding)))
    header = [cell.strip() for cell in next(table, Row(1, 1, [])).cells]
    at = _positions(header, trial)
    groups: dict[str, list[_Located]] = {}
    for row in table:
        place = (path, row.first)
        if row.error:
            trial.fail("not valid CSV", row.first, row.error)
        elif row.cells and len(row.cells) != len(header):
            what = f"{len(row.cells)} columns: {row.cells[:2]}"
            trial.fail("wrong column count", row.first, what)
        elif row.cells:
            cells = {part: row.cells[i] for part, i in at.items()}
            fact = _fact(cells, trial, row.first)
            if fact is not None:
                trial.good += 1
                groups.setdefault(cells["sentence"], []).append((fact, place))
    trial.close()
    meta = document_meta(name, path)
    stem = Path(path).stem
    for ordinal, (sentence, rows) in enumerate(groups.items(), 1):
        yield _document(f"{name}-{stem}-{ordinal}", sentence, rows, report, meta)


def _positions(header: list[str], trial: Trial) -> dict[str, int]:
    """Return where each part of a fact stands in a row; columns that are no part are counted."""
    at = {
        part: header.index(name)
        for part, names in _COLUMNS.items()
        for name in names
        if name in header
    }
    if not all(part in at for part in _NEEDED):
        trial.fail("unknown header", 1, ",".join(header))
        trial.close()
    unread = [name for i, name in enumerate(header) if i not in at.values()]
    if unread:
        trial.report.note("column not read", (trial.path, 1), ", ".join(unread))
    return at


def _fact(cells: Mapping[str, str], trial: Trial, line: int) -> _Fact | None:
    starts = [cells.get(part, "").strip() or "-1" for part in ("head_start", "tail_start")]
    if not all(start == "-1" or start.isdigit() for start in starts):
        trial.fail("offset is no number", line, ", ".join(map(repr, starts)))
        return None
    return _Fact(
        cells["relation"],
        cells["head"],
        int(starts[0]),
        cells.get("head_type") or None,
        cells["tail"],
        int(starts[1]),
        cells.get("tail_type") or None,
    )


def _hints(text: str, fact: _Fact) -> tuple[int, int]:
    """Return near which places to look for the ends: each other, if neither's offset is given."""
    if fact.head_start >= 0 or fact.tail_start >= 0:
        return max(fact.tail_start, 0), max(fact.head_start, 0)
    found = [spans_of(text, mention.strip())[0] for mention in (fact.head, fact.tail)]
    if not all(found):
        return 0, 0
    head, tail = closest_pair(*found)
    return head[0], tail[0]


def _document(
    identifier: str, text: str, rows: list[_Located], report: Report, shared: dict[str, Any]
) -> Document:
    relations: list[Relation] = []
    negatives: list[dict[str, Any]] = []
    seen: set[_Fact] = set()
    issues = []
    for fact, place in rows:
        if fact in seen:
            report.drop("repeated row", place, f"{fact.head} {fact.relation} {fact.tail}")
            continue
        seen.add(fact)
        where = f"relations[{len(relations)}]"
        locator = Locator(text, report, place)
        hints = _hints(text, fact)
        subject = locator.entity(
            fact.head_type, fact.head, fact.head_start, f"{where}.subject", hints[0]
        )
        object = locator.entity(
            fact.tail_type, fact.tail, fact.tail_start, f"{where}.object", hints[1]
        )
        if fact.relation in _NEGATIVE:
            negatives.append(
                {
                    slot: {"text": end.text, "start": end.start, "end": end.end}
                    for slot, end in (("subject", subject), ("object", object))
                }
            )
            continue
        issues += locator.issues
        relations.append(Relation(fact.relation, subject, object))
    meta = {**shared, "negatives": negatives} if negatives else shared
    return Document(identifier, text, relations=tuple(relations), issues=tuple(issues), meta=meta)
