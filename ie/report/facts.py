"""The facts of a document as tables for a person: what, where, and what is wrong."""

import io
from typing import Any

from ..data import Document, Located


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
    for table in _tables(document):
        console.print(table)
    if not (document.entities or document.relations or document.events):
        console.print("nothing found")
    return "\n".join(line.rstrip() for line in buffer.getvalue().split("\n")) + "\n"


def _tables(document: Document) -> list[Any]:
    tables = []
    if document.entities:
        rows = [(e.type or "", e.text, _place(e)) for e in document.entities]
        tables.append(_table(("entity", "mention", "place"), rows))
    if document.relations:
        facts = []
        for relation in document.relations:
            qualifiers = "；".join(f"{k}: {_said(v)}" for k, v in relation.qualifiers.items())
            facts.append(
                (_said(relation.subject), relation.type, _said(relation.object), qualifiers)
            )
        header = ["subject", "relation", "object", "qualifiers"]
        if not any(fact[3] for fact in facts):
            header, facts = header[:3], [fact[:3] for fact in facts]  # type: ignore[misc]
        tables.append(_table(header, facts))
    if document.events:
        events = [
            (
                event.type,
                _said(event.trigger) if event.trigger else "",
                "；".join(f"{a.role}: {_said(a)}" for a in event.arguments),
            )
            for event in document.events
        ]
        tables.append(_table(("event", "trigger", "arguments"), events))
    if document.issues:
        issues = [(issue.kind, issue.where, issue.detail) for issue in document.issues]
        tables.append(_table(("issue", "where", "detail"), issues))
    return tables


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
