r"""JSON Lines in and out: UTF-8, one value a line, `-` for the standard streams, `.gz` by name.

Lines end at `\n` alone (U+2028 and U+0085 occur inside texts); line numbers are physical.
"""

import errno
import gzip
import os
import re
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import IO, Any, TypeVar, overload

import msgspec

from ..data.documents import Document, check_offsets
from ..errors import ChinchillaError, InputError
from .compressed import ending_of, open_compressed
from .encodings import as_utf8, likely_encoding

_T = TypeVar("_T")
_encoder = msgspec.json.Encoder()
_documents = msgspec.json.Decoder(Document)
_anything = msgspec.json.Decoder()
# Of lists and objects one in another; what copies or writes a value goes into each in turn.
MAX_DEPTH = 100
_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"')
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
# So much of a file is looked at to tell its encoding.
_BUFFER_BYTES = 1 << 16


def open_bytes(path: str | Path) -> IO[bytes]:
    """Open a file, a `.gz` or `.zst` file or `-` for reading bytes.

    Raises:
        InputError: the file is missing, a folder, or unreadable; on reading, damaged when packed.
    """
    if str(path) == "-":
        if sys.stdin is None:
            raise InputError("-: standard input is closed; name a file")
        return sys.stdin.buffer
    try:
        if ending_of(path):
            return open_compressed(path, _BUFFER_BYTES)
        return Path(path).open("rb", _BUFFER_BYTES)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; check the name") from None
    except IsADirectoryError:
        raise InputError(f"{path}: is a folder; name the files in it") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None


@contextmanager
def open_utf8(
    path: str | Path, encoding: str = "utf-8", told: Callable[[str], None] | None = None
) -> Iterator[IO[bytes]]:
    """Open a file of any encoding for reading UTF-8; see `encodings.as_utf8` and `open_bytes`."""
    with open_bytes(path) as raw, as_utf8(raw, encoding, told) as file:
        yield file


def read_lines(
    path: str | Path, encoding: str = "utf-8", told: Callable[[str], None] | None = None
) -> Iterator[tuple[int, bytes]]:
    """Yield `(line number from 1, content without the line end)` of every line, blank ones too.

    Lines are UTF-8, whatever the encoding of the file; `told` gets its name.
    """
    with open_utf8(path, encoding, told) as file:
        for number, line in enumerate(file, 1):
            yield number, line.rstrip(b"\r\n")


def read_batches(
    path: str | Path,
    size: int = 1 << 16,
    encoding: str = "utf-8",
    told: Callable[[str], None] | None = None,
) -> Iterator[tuple[int, list[bytes]]]:
    """Yield `(number of the first line, lines with their ends)`, some `size` bytes at a time."""
    with open_utf8(path, encoding, told) as file:
        number = 1
        while lines := file.readlines(size):
            yield number, lines
            number += len(lines)


def decode_line(line: bytes, where: str, encoding: str = "utf-8") -> str:
    """Decode a line of UTF-8 from a file of an encoding.

    Raises:
        InputError: names the place, and the encoding that the line may be in.
    """
    try:
        return line.decode()
    except UnicodeDecodeError as error:
        raise InputError(
            f"{where}: not {encoding.upper()} at byte {error.start}; "
            f"try --encoding {likely_encoding(line, encoding)}"
        ) from None


@overload
def read_values(path: str | Path) -> Iterator[tuple[int, Any]]: ...


@overload
def read_values(path: str | Path, kind: type[_T]) -> Iterator[tuple[int, _T]]: ...


def read_values(path: str | Path, kind: Any = Any) -> Iterator[tuple[int, Any]]:
    """Yield `(line number, value)` for each non-blank line, decoded and validated as `kind`.

    Raises:
        InputError: names file and line of what is not JSON or not of that kind.
    """
    decoder = msgspec.json.Decoder(kind)
    for number, line in read_lines(path):
        if line.strip():
            yield number, _decode(decoder, line, path, number)


def parse_value(line: bytes, path: str | Path, number: int, encoding: str = "utf-8") -> Any:
    """Return the value on one line.

    Raises:
        InputError: names file and line of what is not JSON.
    """
    return _decode(_anything, line, path, number, encoding)


def _decode(
    decoder: "msgspec.json.Decoder[_T]",
    line: bytes,
    path: str | Path,
    number: int,
    encoding: str = "utf-8",
) -> _T:
    try:
        check_depth(line, f"{path}:{number}")
        return decoder.decode(line)
    except msgspec.ValidationError as error:
        raise InputError(f"{path}:{number}: {error}") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        decode_line(line, f"{path}:{number}", encoding)
        raise InputError(f"{path}:{number}: not valid JSON ({error}); fix the line") from None


def check_depth(line: bytes, where: str) -> None:
    """Refuse JSON that is nested too deeply, in time linear in its length.

    Raises:
        InputError: names the place.
    """
    if line.count(b"[") + line.count(b"{") <= MAX_DEPTH:
        return
    depth = deepest = 0
    for bracket in _STRING.sub(b"", line).translate(None, _NO_BRACKETS):
        depth += 1 if bracket in b"[{" else -1
        deepest = max(deepest, depth)
    if deepest > MAX_DEPTH:
        raise InputError(
            f"{where}: values stand {deepest:,} deep in one another; expected {MAX_DEPTH} at most"
        )


def read_documents(path: str | Path) -> Iterator[Document]:
    """Yield documents lazily; offsets are checked, missing ids become the line number.

    Also accepts the unified `sentence/entities/pos` record.

    Raises:
        InputError: names file and line.
    """
    for number, line in read_lines(path):
        if line.strip():
            yield parse_document(line, path, number)


def parse_document(line: bytes, path: str | Path, number: int) -> Document:
    """Return the document on one line, checked as `read_documents` says.

    Raises:
        InputError: names file and line.
    """
    try:
        # Nearly every line is our own form, which msgspec decodes without a detour.
        document = _documents.decode(line)
        if document.id:
            _check_meta(document)
            check_offsets(document)
            return document
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    except ChinchillaError as error:
        raise InputError(f"{path}:{number}: {error}") from None
    return _parse_loosely(line, path, number)


def parse_documents(lines: Sequence[bytes], path: str | Path, number: int) -> list[Document]:
    """Return the documents of consecutive lines, blank ones left out; `number` is the first's.

    Raises:
        InputError: names file and line.
    """
    try:
        documents = _documents.decode_lines(b"".join(lines))
        named = True
        for document in documents:
            _check_meta(document)
            check_offsets(document)
            if not document.id:
                named = False
        if named:
            return documents
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, InputError):
        # One by one they are read more leniently, and what is wrong has a line number.
        pass
    return [
        parse_document(line.rstrip(b"\r\n"), path, n)
        for n, line in enumerate(lines, number)
        if not line.isspace()
    ]


def _check_meta(document: Document) -> None:
    """Refuse a document whose `meta` is too deep; nothing else of it can be."""
    waiting = [(value, 2) for value in document.meta.values()]
    while waiting:
        value, depth = waiting.pop()
        if not isinstance(value, dict | list):
            continue
        if depth > MAX_DEPTH:
            raise InputError(
                f"document {document.id!r}: values of meta stand over {MAX_DEPTH} deep in one another"
            )
        inner = value.values() if isinstance(value, dict) else value
        waiting += [(one, depth + 1) for one in inner]


def _parse_loosely(line: bytes, path: str | Path, number: int) -> Document:
    value = _decode(msgspec.json.Decoder(), line, path, number)
    if not isinstance(value, dict):
        raise InputError(
            f"{path}:{number}: expected an object with 'text', got {type(value).__name__}"
        )
    identifier = value.get("id")
    value["id"] = str(number) if identifier in (None, "") else str(identifier)
    try:
        return Document.from_dict(value)
    except ChinchillaError as error:
        raise InputError(f"{path}:{number}: {error}") from None


def dumps(value: Any) -> str:
    """Return the JSON of a document, a record or plain data, on one line, not escaped to ASCII."""
    return _encoder.encode(value).decode()


def _opened_device(path: Path) -> IO[bytes]:
    """Open what is no file for writing; a pipe that nobody reads would be waited for, for ever."""
    try:
        handle = os.open(path, os.O_WRONLY | getattr(os, "O_NONBLOCK", 0))
    except OSError as error:
        why = "nobody reads this pipe" if error.errno == errno.ENXIO else error.strerror
        raise InputError(f"{path}: cannot be written ({why})") from None
    os.set_blocking(handle, True)
    return open(handle, "wb")


@contextmanager
def write_bytes(path: str | Path, *, force: bool = True) -> Iterator[IO[bytes]]:
    """Open for writing under a temporary name and rename at the end; `-` is standard output.

    On an exception nothing is left behind and an existing file stays as it was.

    Raises:
        InputError: the folder is missing, or the file exists and `force` is false.
    """
    if str(path) == "-":
        if sys.stdout is None:
            raise InputError("-: standard output is closed; name a file to write")
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    path = Path(path)
    if path.is_dir():
        raise InputError(f"{path}: is a folder; name a file in it")
    if path.exists() and not path.is_file():
        # A pipe or device such as /dev/null: a rename would put a file in its place.
        with _opened_device(path) as stream:
            yield stream
        return
    if path.exists() and not force:
        raise InputError(f"{path}: exists; pass --force to overwrite it")
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent or ".")
    except FileNotFoundError:
        raise InputError(f"{path}: folder {str(path.parent)!r} does not exist; create it") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror})") from None
    try:
        with open(handle, "wb") as raw:
            if path.suffix.lower() == ".gz":
                # mtime 0 and no name: the same content gives the same bytes.
                with gzip.GzipFile("", "wb", fileobj=raw, mtime=0) as file:
                    yield file  # type: ignore[misc]
            else:
                yield raw
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(name, 0o666 & ~umask)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def write_values(path: str | Path, values: Iterable[Any]) -> int:
    """Write one JSON value a line and return how many; see `write_bytes` for how."""
    count = 0
    with write_bytes(path) as file:
        for value in values:
            file.write(_encoder.encode(value) + b"\n")
            count += 1
    return count


def encode_batches(values: Iterable[_T], size: int = 64) -> Iterator[tuple[list[_T], bytes]]:
    """Yield values in lists of `size` with their JSON lines: much faster than one by one."""
    iterator = iter(values)
    while batch := list(islice(iterator, size)):
        yield batch, _encoder.encode_lines(batch)


def write_documents(path: str | Path, documents: Iterable[Document]) -> int:
    """Write documents as JSON Lines after checking their offsets; return how many.

    Raises:
        InputError: a mention's offsets do not give its text.
    """
    count = 0
    with write_bytes(path) as file:
        for batch, lines in encode_batches(documents):
            for document in batch:
                check_offsets(document)
            file.write(lines)
            count += len(batch)
    return count
