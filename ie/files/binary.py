"""Files that are no text, named by what they are."""

from pathlib import Path

from ..errors import InputError

_OFFICE = "save it as .txt or .csv in the program that made it"
# What a file of each ending is, and what to do with it.
_KINDS = {
    ".pdf": ("a PDF", "turn it into text first, as by: pdftotext FILE.pdf FILE.txt"),
    ".docx": ("a Word document", _OFFICE),
    ".doc": ("a Word document", _OFFICE),
    ".wps": ("a WPS document", _OFFICE),
    ".xlsx": ("an Excel workbook", _OFFICE),
    ".xls": ("an Excel workbook", _OFFICE),
    ".pptx": ("a PowerPoint file", _OFFICE),
    ".ppt": ("a PowerPoint file", _OFFICE),
    ".odt": ("an OpenDocument text", _OFFICE),
    ".rtf": ("a rich text", _OFFICE),
    ".epub": ("an e-book", "turn it into text first, as by: pandoc FILE.epub -o FILE.txt"),
    ".zip": ("an archive or an Office document", "unpack it and name the files in it"),
    ".rar": ("an archive", "unpack it and name the files in it"),
    ".7z": ("an archive", "unpack it and name the files in it"),
    ".tar": ("an archive", "unpack it and name the files in it"),
    ".png": ("an image", "turn it into text first, by a program for recognising characters"),
    ".jpg": ("an image", "turn it into text first, by a program for recognising characters"),
}
# What files begin with, for those of another ending.
_BEGINNINGS = (
    (b"%PDF-", ".pdf"),
    (b"{\\rtf", ".rtf"),
    (b"PK\x03\x04", ".zip"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", ".doc"),
    (b"Rar!\x1a\x07", ".rar"),
    (b"7z\xbc\xaf\x27\x1c", ".7z"),
    (b"\x89PNG\r\n", ".png"),
    (b"\xff\xd8\xff", ".jpg"),
)


def refuse_binary(name: str, beginning: bytes) -> None:
    """Raise an error that says what a file is, if it is no text.

    Raises:
        InputError: names the kind of file and what to do.
    """
    ending = Path(name).suffix.lower()
    found = next((kind for mark, kind in _BEGINNINGS if beginning.startswith(mark)), "")
    kind = ending if ending in _KINDS else found
    if kind:
        what, advice = _KINDS[kind]
        raise InputError(f"{name}: {what}, which is not read; {advice}")
