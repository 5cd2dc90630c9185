"""Files that are whole or absent, also after the power went."""

import os
from collections.abc import Iterable
from pathlib import Path

MARK = ".tmp"


def write_whole(path: Path, parts: Iterable[bytes]) -> int:
    """Write a file under another name, bring it to the disk, and rename it.

    A file that is there is replaced. What a killed process left under the other name is overwritten
    by the next one that writes the file.

    Returns:
        Its size in bytes.

    Raises:
        OSError: the disk is full, or the file cannot be written; an older file stays as it was.
    """
    other = path.with_name(f".{path.name}{MARK}")
    try:
        with other.open("wb") as file:
            file.writelines(parts)
            file.flush()
            os.fsync(file.fileno())
            size = file.tell()
        os.replace(other, path)
    except BaseException:
        other.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)
    return size


def sync_folder(folder: Path) -> None:
    """Bring the names in a folder to the disk, where the system can."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:  # no folder can be opened on this system
        return
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
