"""Files that are no text, named by what they are."""

from pathlib import Path

from ..errors import InputError
from .compressed import ending_of
from .encodings import recognise

_OFFICE = "save it as .docx, .xlsx or .txt in the program that made it"
_NAME = "give it the ending of what it is, or name it with --input-format"
# What a file of each ending is, and what to do with it.
_KINDS = {
    ".pdf": ("a PDF", _NAME),
    ".doc": ("a Word document of the old kind", _OFFICE),
    ".wps": ("a WPS document", _OFFICE),
    ".xls": ("an Excel workbook of the old kind", _OFFICE),
    ".pptx": ("a PowerPoint file", _OFFICE),
    ".ppt": ("a PowerPoint file", _OFFICE),
    ".odt": ("an OpenDocument text", _OFFICE),
    ".rtf": ("a rich text", _OFFICE),
    ".epub": ("an e-book", "turn it into text first, as by: pandoc FILE.epub -o FILE.txt"),
    ".zip": ("an archive or an Office document", f"unpack it, or {_NAME}"),
    ".rar": ("an archive", "unpack it and name the files in it"),
    ".7z": ("an archive", "unpack it and name the files in it"),
    ".tar": ("an archive", "unpack it and name the files in it"),
    ".parquet": ("a Parquet file", _NAME),
    ".gz": ("packed by gzip", "give it the ending .gz"),
    ".zst": ("packed by zstandard", "give it the ending .zst"),
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
    (b"PAR1", ".parquet"),
    (b"\x1f\x8b", ".gz"),
    (b"\x28\xb5\x2f\xfd", ".zst"),
)


# Of the bytes of a text, the share that may be zero.
_ZEROS = 0.02


def refuse_binary(name: str, beginning: bytes, *, known: bool = False) -> None:
    """Raise an error that says what a file is, if it is no text.

    With `known` the user says which encoding it is in, so that zero bytes may be part of that.

    Raises:
        InputError: names the kind of file and what to do.
    """
    path = Path(name)
    ending = Path(path.stem if ending_of(path) else path.name).suffix.lower()
    found = next((kind for mark, kind in _BEGINNINGS if beginning.startswith(mark)), "")
    kind = ending if ending in _KINDS and ending != ".pdf" else found
    if kind:
        what, advice = _KINDS[kind]
        raise InputError(f"{name}: {what}, which is not read as text; {advice}")
    if beginning.count(0) > _ZEROS * len(beginning) and not known and recognise(beginning) is None:
        raise InputError(
            f"{name}: holds bytes of zero, so it is no text; if it is one, name its --encoding"
        )
