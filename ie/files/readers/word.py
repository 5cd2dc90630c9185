"""Word documents: paragraphs and tables in the order of the document, by python-docx.

The text is all that is in the body, text boxes and what was inserted under review too; what was
deleted under review, headers, footers and notes are left out. A paragraph is a line; the cells of
a row stand in one line, parted by tabs.
"""

from collections.abc import Iterator
from typing import Any

from ...data.documents import Document
from .source import Found, Source
from .zipped import open_zipped

_WHAT = "a Word document"
_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
_BREAKS = {f"{_W}tab": "\t", f"{_W}br": "\n", f"{_W}cr": "\n", f"{_W}noBreakHyphen": "-"}
# Kind and numbers from 1: ("paragraph", 3) or ("table", 1, row, column).
_Place = tuple[Any, ...]


def read_word(source: Source) -> Iterator[Found]:
    """Yield the text of a document; `meta.segments` says which paragraph or cell each part is."""
    import docx

    file = open_zipped(source, _WHAT)
    try:
        body = docx.Document(file).element.body
        pieces = list(_Body().pieces(body))
    except Exception as error:
        # A damaged document raises whatever its parts are taken for.
        raise source.damaged(_WHAT, error) from None
    text, segments = _joined(pieces)
    meta = {"file": source.name, "segments": segments}
    yield Document(source.stem, source.checked(text), meta=meta)


def _joined(pieces: list[tuple[str, _Place]]) -> tuple[str, list[list[Any]]]:
    """Return the text of the pieces, and `[start, end, kind, numbers…]` of each that is not empty."""
    parts: list[str] = []
    segments: list[list[Any]] = []
    size = 0
    before: _Place = ()
    for piece, place in pieces:
        if parts:
            # Of one table and row, but of another cell.
            is_beside = place[0] == "table" and place[:3] == before[:3] and place != before
            parts.append("\t" if is_beside else "\n")
            size += 1
        if piece:
            segments.append([size, size + len(piece), *place])
        parts.append(piece)
        size += len(piece)
        before = place
    return "".join(parts), segments


class _Body:
    """Counts paragraphs and tables on the way through a document."""

    def __init__(self) -> None:
        self._paragraphs = 0
        self._tables = 0

    def pieces(self, parent: Any, cell: _Place = ()) -> Iterator[tuple[str, _Place]]:
        """Yield the text of each paragraph below an element with its place.

        A table within a cell counts as part of that cell.
        """
        for child in parent:
            if child.tag == f"{_W}p":
                if not cell:
                    self._paragraphs += 1
                yield _text_of(child), cell or ("paragraph", self._paragraphs)
            elif child.tag == f"{_W}tbl":
                yield from self._table(child, cell)
            elif child.tag in (f"{_W}sdt", f"{_W}sdtContent", f"{_W}customXml", f"{_W}ins"):
                yield from self.pieces(child, cell)

    def _table(self, table: Any, cell: _Place) -> Iterator[tuple[str, _Place]]:
        if not cell:
            self._tables += 1
        for row, cells in enumerate(table.iter(f"{_W}tr"), 1):
            if _owner(cells) is not table:
                continue
            own = [one for one in cells.iter(f"{_W}tc") if _owner(one) is table]
            for column, one in enumerate(own, 1):
                yield from self.pieces(one, cell or ("table", self._tables, row, column))


def _owner(element: Any) -> Any:
    """Return the table that a row or cell belongs to."""
    return next(element.iterancestors(f"{_W}tbl"), None)


def _text_of(paragraph: Any) -> str:
    found: list[str] = []
    _gather(paragraph, found)
    return "".join(found)


def _gather(element: Any, found: list[str]) -> None:
    for child in element:
        tag = child.tag
        if tag == f"{_W}t":
            found.append(child.text or "")
        elif tag in _BREAKS:
            found.append(_BREAKS[tag])
        elif tag == f"{_W}p":
            # Of a text box.
            found.append("\n")
            _gather(child, found)
        elif tag not in (_FALLBACK, f"{_W}del", f"{_W}pPr", f"{_W}rPr"):
            _gather(child, found)
