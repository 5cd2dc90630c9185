"""Where records are written: JSON Lines or Parquet by the name of the file, hashed on the way."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Protocol

import msgspec

from chinchilla.errors import ConfigError
from chinchilla.files.jsonl import write_bytes
from chinchilla.instructions.records import Record

# Bytes gathered before they are written and hashed: fewer calls, still little memory.
_BLOCK = 1 << 20
_ROWS = 10_000


class Sink(Protocol):
    """Takes records as JSON lines, each ending in a line end."""

    def write(self, lines: bytes) -> None:
        """Write one or more lines."""
        ...


class HashedFile:
    """A file for writing that knows the SHA-256 of what it was given, if it is to."""

    def __init__(self, raw: IO[bytes], *, hashed: bool) -> None:
        self._raw = raw
        self._digest = hashlib.sha256() if hashed else None
        self._waiting: list[bytes] = []
        self._size = 0
        self.closed = False

    def write(self, data: bytes) -> int:
        """Take bytes; they reach the file in larger blocks."""
        self._waiting.append(bytes(data))
        self._size += len(data)
        if self._size >= _BLOCK:
            self.flush()
        return len(data)

    def flush(self) -> None:
        """Hand everything taken so far to the file."""
        if not self._waiting:
            return
        block = b"".join(self._waiting)
        self._waiting.clear()
        self._size = 0
        if self._digest is not None:
            self._digest.update(block)
        self._raw.write(block)

    def close(self) -> None:
        """Flush; the file itself belongs to the caller."""
        self.flush()

    def sha256(self) -> str:
        """Return the hash of everything flushed so far, in hex; empty if none was asked for."""
        return "" if self._digest is None else self._digest.hexdigest()


@contextmanager
def open_sink(
    path: str | Path, *, force: bool = True, hashed: bool = True
) -> Iterator[tuple[Sink, HashedFile]]:
    """Open a file of records: Parquet if it is named so, else JSON Lines (`-`, `.gz` too).

    The hash is that of the file's content (of the uncompressed content for `.gz`).

    Raises:
        ConfigError: Parquet without pyarrow.
        InputError: as `write_bytes` does.
    """
    is_parquet = Path(path).suffix == ".parquet"
    if is_parquet:
        _import_pyarrow()
    with write_bytes(path, force=force) as raw:
        file = HashedFile(raw, hashed=hashed)
        if is_parquet:
            with _ParquetSink(file) as sink:
                yield sink, file
        else:
            yield file, file  # type: ignore[misc]
        file.flush()


class _ParquetSink:
    """Gathers rows and writes them in groups, so that memory does not grow."""

    def __init__(self, file: HashedFile) -> None:
        pyarrow, parquet = _import_pyarrow()
        text = pyarrow.string()
        self.schema = pyarrow.schema(
            [
                (name, pyarrow.list_(text) if name == "schema" else text)
                for name in Record.__struct_fields__
            ]
        )
        self.pyarrow = pyarrow
        self.rows: list[dict[str, Any]] = []
        self.decoder = msgspec.json.Decoder()
        self.writer = parquet.ParquetWriter(
            pyarrow.PythonFile(_Unseekable(file), mode="w"), self.schema, compression="zstd"
        )

    def __enter__(self) -> "_ParquetSink":
        return self

    def __exit__(self, *error: object) -> None:
        if error[0] is None:
            self._flush()
        self.writer.close()

    def write(self, lines: bytes) -> None:
        self.rows += self.decoder.decode_lines(lines)
        if len(self.rows) >= _ROWS:
            self._flush()

    def _flush(self) -> None:
        if self.rows:
            self.writer.write_table(self.pyarrow.Table.from_pylist(self.rows, schema=self.schema))
            self.rows.clear()


class _Unseekable:
    """What pyarrow needs of a Python file to write to."""

    def __init__(self, file: HashedFile) -> None:
        self.file = file
        self.closed = False
        self.position = 0

    def write(self, data: bytes) -> int:
        self.position += len(data)
        return self.file.write(data)

    def tell(self) -> int:
        return self.position

    def flush(self) -> None:
        self.file.flush()

    def close(self) -> None:
        self.closed = True

    def seekable(self) -> bool:
        return False

    def writable(self) -> bool:
        return True

    def readable(self) -> bool:
        return False


def _import_pyarrow() -> tuple[Any, Any]:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise ConfigError(
            "Parquet needs pyarrow; run: pip install 'chinchilla-ie[train]', "
            "or name the output .jsonl"
        ) from None
    return pyarrow, parquet
