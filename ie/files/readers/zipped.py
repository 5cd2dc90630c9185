"""Office files are zip archives: what they would grow to is known before they are opened."""

from typing import Any
from zipfile import BadZipFile, ZipFile

from ...errors import InputError
from .source import MAX_WHOLE, Source

# Times; sheets of one repeated value stay below.
_MAX_RATIO = 500
_HARMLESS = 64 << 20


def open_zipped(source: Source, what: str) -> Any:
    """Return what a library opens, once its size is known to be bearable.

    Python reads no more of a member than the archive says it has, so that this cannot be lied about.

    Raises:
        InputError: it is no archive, locked by a password, or a zip bomb.
    """
    file = source.file()
    try:
        with ZipFile(file) as archive:
            members = archive.infolist()
    except (BadZipFile, OSError, ValueError, NotImplementedError) as error:
        if _is_locked(file):
            raise InputError(
                f"{source.name}: is locked by a password, or of the old kind that ends in .doc or .xls; "
                "save it without a password in the program that made it"
            ) from None
        raise source.damaged(what, error) from None
    size = sum(member.file_size for member in members)
    packed = max(1, sum(member.compress_size for member in members))
    if size > MAX_WHOLE or (size > _HARMLESS and size > _MAX_RATIO * packed):
        raise InputError(
            f"{source.name}: would grow from {packed:,} to {size:,} bytes when it is unpacked, "
            "as a zip bomb does; it is not opened"
        )
    if hasattr(file, "seek"):
        file.seek(0)
    return file


def _is_locked(file: Any) -> bool:
    """Return whether it is a compound file, as Office files with a password are."""
    if hasattr(file, "seek"):
        file.seek(0)
        beginning = file.read(8)
    else:
        with open(file, "rb") as opened:
            beginning = opened.read(8)
    return bool(beginning == b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")
