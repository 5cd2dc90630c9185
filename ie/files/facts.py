"""The facts of a document as tables: what, where, and what is wrong; for a person, or as CSV."""

from collections.abc import Iterator, Sequence
from typing import Any

from ..data.documents import Document, Located
from .jsonl import dumps
from .sentences import Sentences
from .sheets import csv_text
from .tables import align_rows, columns
from .visible import visible_line

# Of the rows that `FactsCsv` writes; a document's own columns stand behind the first.
COLUMNS = (
    *("document", "kind", "number", "type", "mention", "start", "end", "score"),
    *("role", "argument", "argument_start", "argument_end", "argument_score", "sentence"),
)
ISSUE_COLUMNS = ("document", "number", "issue", "where", "detail")
# What reading says of a text's place is no column of the user's.
_PLACE = ("file", "line", "row", "sheet", "cell", "title_end", "segments", "boxes", "glyphs")
# Columns of a line where nothing tells how many there are.
_WIDTH = 160
# Code points of a mention that a table or page shows.
_SHOWN = 200


def facts_table(document: Document, width: int = _WIDTH) -> str:
    """Return tables of the entities, relations, events and issues of a document.

    Offsets are `start:end` in code points of the text, end-exclusive; `-` where not in the text.
    The last cell of a row is folded where the line would be longer than `width` columns.
    """
    parts = [visible_line(document.id)]
    for header, rows in facts_tables(document):
        parts.append(_table(header, rows, width))
    if not (document.entities or document.relations or document.events):
        parts.append("nothing found")
    return "\n".join(parts) + "\n"


class FactsCsv:
    """Writes the facts of documents as rows of CSV: one for each entity, object and argument.

    An entity has one row. A relation has a row for its object and for each qualifier; the mention is
    its subject. An event has a row for each argument, or one row without; the mention is its trigger.
    `number` tells the facts of a kind in a document apart. Offsets are end-exclusive, in code points.
    Scores have three digits. `sentence` is the one that the row's mentions stand in.

    The user's columns of the first document stand behind `document`. Further columns of later
    documents are in `other`, as JSON. A document with such columns and no fact has a row too. Issues
    are written apart: see `issues`.
    """

    def __init__(self) -> None:
        self._own: dict[str, None] | None = None
        self._has_issues = False

    def facts(self, document: Document) -> str:
        """Return the rows of a document, below the header if it is the first."""
        own = {key: item for key, item in document.meta.items() if key not in _PLACE}
        rows: list[Sequence[Any]] = []
        if self._own is None:
            self._own = dict.fromkeys(own)
            columns = [name if name not in COLUMNS else f"own {name}" for name in self._own]
            rows.append([COLUMNS[0], *columns, *COLUMNS[1:], "other"])
        other = {key: own[key] for key in own if key not in self._own}
        last = dumps(other) if other else None
        sentences = Sentences(document.text)
        cells = [_cell(own.get(name)) for name in self._own]
        for row, mentions in _rows(document):
            rest = len(COLUMNS) - 2 - len(row)
            sentence = sentences.around(mentions)
            rows.append([document.id, *cells, *row, *[None] * rest, sentence, last])
        if own and not any((document.entities, document.relations, document.events)):
            rows.append([document.id, *cells, *[None] * (len(COLUMNS) - 1), last])
        return csv_text(rows)

    def issues(self, document: Document) -> str:
        """Return a row for each issue of a document, below the header if they are the first."""
        rows: list[Sequence[Any]] = [
            (document.id, number, issue.kind, issue.where, issue.detail)
            for number, issue in enumerate(document.issues)
        ]
        if rows and not self._has_issues:
            self._has_issues = True
            rows.insert(0, ISSUE_COLUMNS)
        return csv_text(rows)


def _cell(value: Any) -> Any:
    return value if isinstance(value, str | int | float | None) else dumps(value)


def _rows(document: Document) -> Iterator[tuple[Sequence[Any], Sequence[Located | None]]]:
    """Yield the cells of each row from `kind` on, and the mentions that it is about."""
    for number, entity in enumerate(document.entities):
        yield ("entity", number, entity.type, *_cells(entity)), (entity,)
    for number, relation in enumerate(document.relations):
        said = [("object", relation.object), *relation.qualifiers.items()]
        subject = [*_cells(relation.subject)[:3], _score(relation.score)]
        for role, mention in said:
            row = ("relation", number, relation.type, *subject, role, *_cells(mention))
            yield row, (relation.subject, mention)
    for number, event in enumerate(document.events):
        trigger = [*_cells(event.trigger)[:3], _score(event.score)]
        for argument in event.arguments:
            row = ("event", number, event.type, *trigger, argument.role, *_cells(argument))
            yield row, (event.trigger, argument)
        if not event.arguments:
            yield ("event", number, event.type, *trigger), (event.trigger,)


def _cells(mention: Located | None) -> tuple[Any, ...]:
    if mention is None:
        return (None,) * 4
    return mention.text, mention.start, mention.end, _score(mention.score)


def _score(score: float | None) -> float | None:
    return None if score is None else round(score, 3)


def facts_tables(document: Document) -> list[tuple[Sequence[str], list[Sequence[str]]]]:
    """Return the header and the rows of a table of entities, of relations, of events, of issues.

    Those that would be empty are left out. Places are as `facts_table` says.
    """
    entities = [(e.type or "", _short(e.text), _place(e)) for e in document.entities]
    relations = [
        (
            *(_said(relation.subject), relation.type, _said(relation.object)),
            "；".join(f"{k}: {_said(v)}" for k, v in relation.qualifiers.items()),
        )
        for relation in document.relations
    ]
    # Few corpora have qualifiers.
    width = 4 if any(row[3] for row in relations) else 3
    events = [
        (
            event.type,
            _said(event.trigger) if event.trigger else "",
            "；".join(f"{a.role}: {_said(a)}" for a in event.arguments),
        )
        for event in document.events
    ]
    issues = [(issue.kind, issue.where, issue.detail) for issue in document.issues]
    tables: list[tuple[Sequence[str], list[Sequence[str]]]] = [
        (("entity", "mention", "place"), list(entities)),
        (
            ("subject", "relation", "object", "qualifiers")[:width],
            [row[:width] for row in relations],
        ),
        (("event", "trigger", "arguments"), list(events)),
        (("issue", "where", "detail"), list(issues)),
    ]
    return [(header, rows) for header, rows in tables if rows]


def _said(mention: Located) -> str:
    return f"{_short(mention.text)} [{_place(mention)}]"


def _short(text: str) -> str:
    """Return the beginning and the end of a mention that is none a person would read."""
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 20]} … {text[-17:]}"


def _place(mention: Located) -> str:
    return "-" if mention.span is None else f"{mention.start}:{mention.end}"


def _table(header: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> str:
    cells = [tuple(visible_line(cell) for cell in row) for row in (header, *rows)]
    lines = align_rows(cells, [False] * len(header), "   ", width - 1)
    rule = "─" * max(map(columns, lines))
    head, *body = lines
    return "\n".join(["", *(f" {line}" for line in (head, rule, *body)), ""])
