"""The content of `.gz` and `.zst` files, within bounds: damage and bombs are errors with the line."""

import gzip
import io
import zlib
from pathlib import Path
from typing import IO, Any

from ..data.extras import require_extra
from ..errors import InputError

ENDINGS = (".gz", ".zst")
# Content that grows more than so many times while it is unpacked was made to fill a disk. The most
# repetitive logs stay below 200.
MAX_RATIO = 500
# Nothing is a bomb before it gave so many bytes.
_HARMLESS = 64 << 20


def ending_of(path: str | Path) -> str:
    """Return the ending of a compressed file, or nothing."""
    ending = Path(path).suffix.lower()
    return ending if ending in ENDINGS else ""


def open_compressed(path: str | Path, buffer_bytes: int) -> IO[bytes]:
    """Open a `.gz` or `.zst` file for reading what is packed in it.

    Raises:
        OSError: the file cannot be opened.
        ModelError: `.zst` needs a package that is missing.
        InputError: on reading, damage, or content that grows beyond measure.
    """
    kind = ending_of(path)
    if kind == ".zst":
        require_extra(f"{path}: reading .zst", "files", ["zstandard"])
    packed = _opened(path)
    return io.BufferedReader(_Unpacked(_unpacked(packed, kind), packed, path), buffer_bytes)


def _opened(path: str | Path) -> IO[bytes]:
    return Path(path).open("rb")


def _unpacked(packed: IO[bytes], kind: str) -> Any:
    if kind == ".gz":
        return gzip.GzipFile(fileobj=packed, mode="rb")
    return _Zstandard(packed)


def _damage() -> tuple[type[Exception], ...]:
    """Return what the libraries raise on damaged content; zstandard only if it is loaded."""
    import sys

    zstandard = sys.modules.get("zstandard")
    return (EOFError, gzip.BadGzipFile, zlib.error, *([zstandard.ZstdError] if zstandard else []))


class _Zstandard:
    """The frames of a `.zst` file, one after another; the library's own reader takes a cut for an end."""

    # So few bytes at a time, for they may grow to megabytes.
    _BYTES = 1 << 10

    def __init__(self, packed: IO[bytes]) -> None:
        import zstandard

        self._make = zstandard.ZstdDecompressor().decompressobj
        self._packed = packed
        self._frame: Any = None
        self._waiting = b""
        self._left = b""

    def read1(self, size: int) -> bytes:
        """Return some bytes, none at the end.

        Raises:
            EOFError: the file ends within a frame.
        """
        while not self._left:
            data = self._waiting or self._packed.read(self._BYTES)
            self._waiting = b""
            if not data:
                if self._frame is not None:
                    raise EOFError("it ends too early")
                return b""
            self._frame = self._frame or self._make()
            self._left = self._frame.decompress(data)
            if self._frame.eof:
                self._waiting = self._frame.unused_data
                self._frame = None
        data, self._left = self._left[:size], self._left[size:]
        return data

    def close(self) -> None:
        """Let go of what is left."""
        self._left = self._waiting = b""


class _Unpacked(io.RawIOBase):
    """The content of a compressed file; what is wrong is an InputError with the line."""

    def __init__(self, content: Any, packed: IO[bytes], path: str | Path) -> None:
        self._content = content
        self._packed = packed
        self._path = path
        self._damage = _damage()
        self._line = 1
        self._given = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        try:
            # Not readinto: that would lose what comes before the damage.
            data = self._content.read1(len(buffer))
        except self._damage as error:
            ending = ending_of(self._path)
            name = {".gz": "gzip", ".zst": "zstandard"}[ending]
            raise InputError(
                f"{self._path}:{self._line}: damaged {name} file ({error}); get it anew, "
                f"or take {ending} off its name if it is not compressed"
            ) from None
        buffer[: len(data)] = data
        self._line += data.count(b"\n")
        self._given += len(data)
        if self._given > _HARMLESS and self._given > MAX_RATIO * self._packed.tell():
            raise InputError(
                f"{self._path}:{self._line}: grows more than {MAX_RATIO} times when it is unpacked, "
                "as a zip bomb does; unpack it yourself if you trust it"
            )
        return len(data)

    def close(self) -> None:
        self._content.close()
        self._packed.close()
        super().close()
