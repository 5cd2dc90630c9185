"""A file that came over HTTP, read as `extract` reads one on disk."""

import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

from ..data.documents import Document
from ..errors import InputError
from ..files.inputs import ReadOptions, find_inputs, read_texts
from .settings import ServiceLimits

# Of a name only letters, digits and some marks stay; the rest could be a path.
_STRANGE = re.compile(r"[^\w.+-]+")


def read_upload(
    name: str, content: bytes, limits: ServiceLimits, *, lines: bool = False
) -> tuple[list[Document], list[str]]:
    """Return the texts of a file, and notes on how it was read.

    At most `limits.texts` documents are read; a note says if there are more.

    Raises:
        InputError: the file cannot be read.
    """
    notes: list[str] = []
    with TemporaryDirectory(prefix="chinchilla-") as folder:
        path = Path(folder) / safe_name(name)
        path.write_bytes(content)
        try:
            files = find_inputs([str(path)])
            found = list(
                _some(read_texts(files, ReadOptions(lines), None, notes.append), limits, notes)
            )
        except InputError as error:
            raise InputError(str(error).replace(f"{folder}/", "")) from None
    documents = [
        Document(document.id, document.text, meta=_without_file(document.meta))
        for document in found
    ]
    return documents, [note.replace(f"{folder}/", "") for note in notes]


def safe_name(name: str) -> str:
    """Return a name that is no path and has the ending of the one given."""
    last = PurePosixPath(name.replace("\\", "/")).name
    plain = _STRANGE.sub("_", last).lstrip(".-")
    stem, dot, endings = plain.partition(".")
    return f"{stem[:60] or 'text'}{dot}{endings[-30:]}" if dot else f"{stem[:60] or 'text'}.txt"


def _some(
    documents: Iterator[Document], limits: ServiceLimits, notes: list[str]
) -> Iterator[Document]:
    left = limits.body
    for count, document in enumerate(documents):
        left -= len(document.text)
        if count == limits.texts or left < 0:
            notes.append(
                f"only the first {count:,} texts are taken; use chinchilla extract for all"
            )
            return
        yield document


def _without_file(meta: dict[str, object]) -> dict[str, object]:
    return {key: value for key, value in meta.items() if key != "file"}
