"""PDF by pypdfium2: the text of all pages, and where on its page each line and character stands.

Boxes are `[x0, y0, x1, y1]` in points from the upper left corner of the page, as it is before any
rotation; y grows downwards. Lines that go on are joined, so that a name is not cut by a line end.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from ...data.documents import Document
from ...errors import InputError
from .source import MAX_TEXT, Found, Source

Box = list[float]
_SENTENCE_ENDS = "。！？!?；;：:"
# What PDFium puts in the place of a hyphen at the end of a line.
_HYPHENS = "\x02\ufffe"
# Heights of a line; a shorter one is not ended by a margin.
_FULL = 12


class Line(NamedTuple):
    """A line of a page: its text, a box for each code point, and one around all."""

    text: str
    glyphs: list[Box]
    box: Box


def read_pdf(source: Source) -> Iterator[Found]:
    """Yield the text of a PDF as one document.

    `meta.segments` holds `[start, end, "page", number, box]` of each line; `meta.glyphs` the boxes
    of its characters, until `files.places` has made boxes of mentions out of them.
    """
    pdf = _opened(source)
    try:
        text = _Text()
        empty = []
        for number in range(1, len(pdf) + 1):
            try:
                lines = _page_lines(pdf, number - 1)
            except Exception as error:
                # PDFium and its binding raise several kinds; other pages may be sound.
                yield source.damaged(f"a PDF, on page {number},", error)
                continue
            if lines:
                text.add(number, lines)
            else:
                empty.append(number)
            if text.size > MAX_TEXT // 3:
                raise InputError(f"{source.name}: more text than {MAX_TEXT >> 20} MB; cut it")
        pages = len(pdf)
    finally:
        pdf.close()
    if len(empty) == pages:
        raise InputError(
            f"{source.name}: none of its {pages} pages holds text: it is probably scanned; "
            "let a program recognise the characters (OCR) first"
        )
    if empty:
        shown = ", ".join(map(str, empty[:10])) + (", …" if len(empty) > 10 else "")
        source.tell("empty", f"{len(empty)} of {pages} pages hold no text (page {shown})")
    meta = {"file": source.name, "segments": text.segments, "glyphs": text.glyphs}
    yield Document(source.stem, source.checked("".join(text.parts)), meta=meta)


def _opened(source: Source) -> Any:
    import pypdfium2

    file = source.file()
    try:
        return pypdfium2.PdfDocument(file)
    except pypdfium2.PdfiumError as error:
        if "password" in str(error).lower():
            raise InputError(
                f"{source.name}: a PDF that is locked by a password; save it without one"
            ) from None
        raise source.damaged("a PDF", error) from None


class _Text:
    """The text so far, with the places of its lines."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.segments: list[list[Any]] = []
        self.glyphs: list[list[Box]] = []
        self.size = 0

    def add(self, page: int, lines: list[Line]) -> None:
        """Put the lines of a page behind what is there."""
        joints = ["\n" if self.parts else "", *_joints(lines)]
        for joint, line in zip(joints, lines, strict=True):
            self.parts += (joint, line.text)
            start = self.size + len(joint)
            self.size = start + len(line.text)
            self.segments.append([start, self.size, "page", page, line.box])
            self.glyphs.append(line.glyphs)


def _page_lines(pdf: Any, index: int) -> list[Line]:
    """Return the lines of a page that hold anything but blanks."""
    page = pdf[index]
    try:
        left, _, _, top = page.get_cropbox()
        text_page = page.get_textpage()
        try:
            return list(_lines(text_page, left, top))
        finally:
            text_page.close()
    finally:
        page.close()


def _lines(text_page: Any, left: float, top: float) -> Iterator[Line]:
    from pypdfium2.raw import FPDFText_GetUnicode

    letters: list[str] = []
    glyphs: list[Box] = []
    count = text_page.count_chars()
    high = 0
    for i in range(count):
        code = FPDFText_GetUnicode(text_page, i)
        if 0xD800 <= code < 0xDC00:
            high = code
            continue
        if 0xDC00 <= code < 0xE000:
            code = 0x10000 + (high - 0xD800) * 0x400 + code - 0xDC00 if high else 0xFFFD
        high = 0
        letter = chr(code)
        if letter in "\r\n":
            yield from _line(letters, glyphs)
            letters, glyphs = [], []
        elif letter == "\t" or letter in _HYPHENS or letter.isprintable() or code > 0x7F:
            x0, y0, x1, y1 = text_page.get_charbox(i, loose=True)
            letters.append(letter)
            glyphs.append([round(value, 1) for value in (x0 - left, top - y1, x1 - left, top - y0)])
    yield from _line(letters, glyphs)


def _line(letters: list[str], glyphs: list[Box]) -> Iterator[Line]:
    """Yield the line of some letters, without blanks at its ends, if there is anything."""
    text = "".join(letters)
    start = len(text) - len(text.lstrip())
    end = len(text.rstrip())
    if start < end:
        yield Line(text[start:end], glyphs[start:end], box_around(glyphs[start:end]))


def box_around(boxes: list[Box]) -> Box:
    """Return the smallest box around some; generated characters have none of their own."""
    own = [box for box in boxes if box[2] > box[0] or box[3] > box[1]] or boxes
    lows, highs = list(zip(*own, strict=True))[:2], list(zip(*own, strict=True))[2:]
    return [*map(min, lows), *map(max, highs)]


def _joints(lines: list[Line]) -> Iterator[str]:
    """Yield what stands between each line and the next: nothing, a blank or a line end."""
    for number, block in enumerate(_blocks(lines)):
        if number:
            yield "\n"
        left = min(line.box[0] for line in block)
        right = max(line.box[2] for line in block)
        for line, following in zip(block, block[1:], strict=False):
            if not _goes_on(line, following, left, right):
                yield "\n"
            elif (
                line.text[-1].isascii() and following.text[0].isascii() and line.text[-1].isalnum()
            ):
                yield " "
            else:
                yield ""


def _blocks(lines: list[Line]) -> Iterator[list[Line]]:
    """Yield lines that stand close below one another, in letters of about one size."""
    block: list[Line] = []
    for line in lines:
        if block and not _is_below(block[-1].box, line.box):
            yield block
            block = []
        block.append(line)
    if block:
        yield block


def _is_below(box: Box, below: Box) -> bool:
    height = box[3] - box[1]
    if height <= 0 or below[0] >= box[2] or below[2] <= box[0]:
        return False
    is_alike = 0.7 < (below[3] - below[1]) / height < 1.4
    return is_alike and below[1] > box[1] + height / 2 and below[1] - box[3] < height


def _goes_on(line: Line, following: Line, left: float, right: float) -> bool:
    """Return whether a line was ended by the margin alone: it is full, and the next not indented.

    `left` and `right` are the ends of the block. Short lines, as of lists, do not go on.
    """
    if line.text[-1] in _HYPHENS:
        return True
    x0, y0, x1, y1 = line.box
    height = y1 - y0
    return (
        line.text[-1] not in _SENTENCE_ENDS
        and x1 - x0 > _FULL * height
        and x1 > right - 1.6 * height
        and following.box[0] < left + 1.2 * height
    )
