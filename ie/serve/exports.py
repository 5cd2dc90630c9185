"""Documents as files to take away: a table, a workbook, a page."""

import io
from collections.abc import Iterable, Sequence
from typing import Any

from ..data.documents import Document
from ..data.extras import require_extra
from ..files.rendering import render_documents
from ..files.visible import visible

TYPES = {
    "csv": "text/csv; charset=utf-8",
    "html": "text/html; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
# What a cell of a workbook can hold.
_LONGEST = 32_767


def export(documents: Sequence[Document], form: str) -> bytes:
    """Return documents in a form of `TYPES`.

    Raises:
        ModelError: a workbook is asked for and its library is not installed.
    """
    if form == "xlsx":
        return _workbook(documents)
    return b"".join(render_documents(documents, form, mark=True))


def _workbook(documents: Iterable[Document]) -> bytes:
    require_extra("a workbook", "serve", ("openpyxl",))
    from openpyxl import Workbook

    book = Workbook(write_only=True)
    facts, issues = book.create_sheet("facts"), book.create_sheet("issues")
    has_head = False
    issues.append(["document", "issue", "detail", "where"])
    for document in documents:
        for row in document.to_rows():
            if row["kind"] == "issue":
                issues.append(
                    _cells(issues, [row[k] for k in ("document", "type", "mention", "role")])
                )
                continue
            if not has_head:
                facts.append(list(row))
                has_head = True
            facts.append(_cells(facts, list(row.values())))
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def _cells(sheet: Any, values: Iterable[Any]) -> list[Any]:
    """Return cells; a text that begins with = is a text, and no formula."""
    from openpyxl.cell import WriteOnlyCell

    cells = []
    for value in values:
        is_text = isinstance(value, str)
        cell = WriteOnlyCell(sheet, visible(value)[:_LONGEST] if is_text else value)
        if is_text:
            cell.data_type = "s"
        cells.append(cell)
    return cells
