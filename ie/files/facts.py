"""The facts of a document as tables: what, where, and what is wrong; for a person, or as CSV."""

import csv
import io
from collections.abc import Iterator, Sequence
from typing import Any

from ..data.documents import Document, Located

# Of the rows that `facts_csv` writes.
COLUMNS = (
    *("document", "kind", "number", "type", "mention", "start", "end", "score"),
    *("role", "argument", "argument_start", "argument_end", "argument_score"),
)


def facts_table(document: Document, *, color: bool = False) -> str:
    """Return tables of the entities, relations, events and issues of a document.

    Offsets are `start:end` in code points of the text, end-exclusive; `-` where not in the text.
    """
    from rich.console import Console

    buffer = io.StringIO()
    # A file has no width of its own; wide enough that nothing of interest is folded.
    console = Console(
        file=buffer,
        width=None if color else 160,
        force_terminal=color,
        highlight=False,
        markup=False,
        emoji=False,
    )
    console.print(document.id)
    for header, rows in facts_tables(document):
        console.print(_table(header, rows))
    if not (document.entities or document.relations or document.events):
        console.print("nothing found")
    return "\n".join(line.rstrip() for line in buffer.getvalue().split("\n")) + "\n"


def facts_csv(document: Document, *, header: bool = False) -> str:
    """Return the facts of a document as rows of CSV with these `COLUMNS`, below a header if wanted.

    An entity and an issue have a row each; a relation has one for its object and each qualifier, with
    its subject as the mention; an event one for each argument, or one without, with its trigger as the
    mention. `number` tells the facts of a kind in a document apart; of an issue the type is its kind,
    the mention what it says and the role what it is about. Offsets are end-exclusive, in code points.
    """
    buffer = io.StringIO()
    # Line ends as in the other forms, not those of CSV's own dialect.
    writer = csv.writer(buffer, lineterminator="\n")
    if header:
        writer.writerow(COLUMNS)
    for row in _rows(document):
        rest = len(COLUMNS) - 1 - len(row)
        writer.writerow([document.id, *row, *[None] * rest])
    return buffer.getvalue()


def _rows(document: Document) -> Iterator[Sequence[Any]]:
    for number, entity in enumerate(document.entities):
        yield "entity", number, entity.type, *_cells(entity)
    for number, relation in enumerate(document.relations):
        said = [("object", relation.object), *relation.qualifiers.items()]
        subject = [*_cells(relation.subject)[:3], relation.score]
        for role, mention in said:
            yield "relation", number, relation.type, *subject, role, *_cells(mention)
    for number, event in enumerate(document.events):
        trigger = [*_cells(event.trigger)[:3], event.score]
        for argument in event.arguments:
            yield "event", number, event.type, *trigger, argument.role, *_cells(argument)
        if not event.arguments:
            yield "event", number, event.type, *trigger
    for number, issue in enumerate(document.issues):
        yield "issue", number, issue.kind, issue.detail, None, None, None, issue.where


def _cells(mention: Located | None) -> tuple[Any, ...]:
    if mention is None:
        return (None,) * 4
    return mention.text, mention.start, mention.end, mention.score


def facts_tables(document: Document) -> list[tuple[Sequence[str], list[Sequence[str]]]]:
    """Return the header and the rows of a table of entities, of relations, of events, of issues.

    Those that would be empty are left out. Places are as `facts_table` says.
    """
    entities = [(e.type or "", e.text, _place(e)) for e in document.entities]
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
    return f"{mention.text} [{_place(mention)}]"


def _place(mention: Located) -> str:
    return "-" if mention.span is None else f"{mention.start}:{mention.end}"


def _table(header: Any, rows: Any) -> Any:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(*header, box=box.SIMPLE, pad_edge=False)
    for row in rows:
        table.add_row(*[Text(cell.replace("\n", " ")) for cell in row])
    return table
