"""A corpus cut into shards: the same texts give the same shards, whatever was done before.

A shard is what is answered, written and remembered as one. Engines form their batches inside a shard, so
an answer depends on the shard alone.
"""

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from hashlib import blake2b
from typing import NamedTuple

from ..data.documents import Document
from ..errors import InputError
from ..files.inputs import ReadOptions, read_texts

# A shard ends when its texts hold so many characters, however few they are.
_MOST_CHARACTERS = 10_000_000
# So many rows in a row that cannot be read are no damage but another kind of file.
_MOST_UNREADABLE = 100_000
# Bytes of memory, in KiB as SQLite wants it, for ids that were met.
_IDS_MEMORY = -1_000

READ, BLANK, EXTRACT, PARSE = "read", "blank", "extract", "parse"


class FailedText(NamedTuple):
    """What is wrong with a document, or with what should have become one.

    `stage` is `read` (a row or file that is no document: it is in no shard), `blank` (a document without
    text), `extract` (the engine failed) or `parse` (words of the model could not be read). `raw` holds
    the words that it is about: those of the text or of the model.
    """

    document: str | None
    stage: str
    reason: str
    raw: str = ""


class Shard(NamedTuple):
    """Documents in the order of reading, and what could not be read among them.

    `digest` changes with any id or text, and with any failure.
    """

    number: int
    documents: tuple[Document, ...]
    failures: tuple[FailedText, ...]
    digest: str


def read_corpus(
    files: Iterable[str], reading: ReadOptions, told: Callable[[str], None] | None = None
) -> Iterator[Document | FailedText]:
    """Yield every text as a document, or what is wrong with it, in order and lazily.

    A document whose id was there before is a failure. One without text is both.

    Raises:
        InputError: 100,000 rows one after another cannot be read.
    """
    unread: list[FailedText] = []

    def failed(error: InputError) -> None:
        unread.append(FailedText(None, READ, str(error)))
        if len(unread) > _MOST_UNREADABLE:
            raise InputError(
                f"{error}\n{_MOST_UNREADABLE:,} rows before this one cannot be read either; "
                "leave the file out, or convert it"
            )

    met = Met()
    for document in read_texts(files, reading, failed, told):
        yield from unread
        unread.clear()
        if not met.is_new(document.id):
            reason = "the id is that of a document before; give each document one of its own"
            yield FailedText(document.id, READ, reason, document.text)
            continue
        if not document.text.strip():
            yield FailedText(document.id, BLANK, "the text is empty", document.text)
        yield document
    yield from unread


class Met:
    """The ids that were met: on disk, so that a billion fits."""

    def __init__(self) -> None:
        # No name: a file of this process alone, that goes with it.
        self._ids = sqlite3.connect("", isolation_level=None)
        self._ids.execute("PRAGMA journal_mode=OFF")
        self._ids.execute(f"PRAGMA cache_size={_IDS_MEMORY}")
        self._ids.execute("CREATE TABLE met (digest INTEGER PRIMARY KEY)")
        self._ids.execute("BEGIN")

    def is_new(self, name: str) -> bool:
        """Return whether an id is met for the first time."""
        digest = blake2b(name.encode("utf-8", "replace"), digest_size=8).digest()
        key = (int.from_bytes(digest, "big", signed=True),)
        return self._ids.execute("INSERT OR IGNORE INTO met VALUES (?)", key).rowcount == 1


def cut_shards(found: Iterable[Document | FailedText], size: int) -> Iterator[Shard]:
    """Yield shards of `size` documents; failures to read count too, so that no shard grows without end."""
    number = held = characters = 0
    documents: list[Document] = []
    failures: list[FailedText] = []
    for one in found:
        if isinstance(one, Document):
            documents.append(one)
            held += 1
            characters += len(one.text)
        else:
            failures.append(one)
            held += one.stage == READ
            characters += len(one.raw)
        if held >= size or characters >= _MOST_CHARACTERS:
            yield _shard(number, documents, failures)
            number, documents, failures, held, characters = number + 1, [], [], 0, 0
    if documents or failures:
        yield _shard(number, documents, failures)


def _shard(number: int, documents: list[Document], failures: list[FailedText]) -> Shard:
    digest = blake2b(digest_size=16)
    for document in documents:
        digest.update(f"{document.id}\0{document.text}\0".encode("utf-8", "replace"))
    for failure in failures:
        digest.update(f"{failure.document}\0{failure.reason}\0".encode("utf-8", "replace"))
    return Shard(number, tuple(documents), tuple(failures), digest.hexdigest())
