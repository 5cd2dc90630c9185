"""The output of a long run, which outlives it: kept as `OUT.partial` until all is written.

Beside it `OUT.run.json` says what was asked. A run goes on only from one that asked the same, of the
same texts: those it wrote are compared with its inputs one by one.
"""

import json
import os
import shutil
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import blake2b
from itertools import islice
from pathlib import Path
from typing import IO, Any, NamedTuple

import msgspec

from ..data.documents import Document
from ..errors import InputError
from .jsonl import write_bytes

# Characters of a value that a message shows.
_SHOWN = 120


class Done(NamedTuple):
    """What an earlier run wrote: a digest of the id and text of each document."""

    digests: Sequence[int] = ()

    @property
    def documents(self) -> int:
        """How many there are."""
        return len(self.digests)


class _Line(msgspec.Struct):
    id: str
    text: str = ""


@contextmanager
def write_partial(
    path: str | Path,
    *,
    force: bool = False,
    resume: bool = False,
    stays: bool = True,
    run: Mapping[str, Any] | None = None,
) -> Iterator[tuple[IO[bytes], Done]]:
    """Open for writing lines to `PATH.partial`, which takes the name PATH at the end.

    If the run fails, the lines written stay there, and a run with `resume` continues from them. A last
    line that was cut off is dropped. Nothing stays if there is no line, or without `stays`, for forms
    that cannot be continued. A `.gz` file is compressed at the end. Standard output, pipes and devices
    are written to as they are. `run` is what the run asks, in JSON's types; a run that continues must
    ask the same.

    Yields:
        The file, and what of an earlier run it holds.

    Raises:
        InputError: the folder is missing; the file exists, or a partial one, and is neither to be
            overwritten (`force`) nor gone on from; a partial file holds no documents, or those of
            another run.
    """
    target, partial = Path(path), Path(f"{path}.partial")
    if str(path) == "-" or (target.exists() and not target.is_file()):
        if resume:
            raise InputError(f"{path}: cannot be continued; name a file with -o")
        with write_bytes(path) as stream:
            yield stream, Done()
        return
    is_there = stays and partial.is_file() and partial.stat().st_size > 0
    if target.exists() and not (force or (resume and is_there)):
        raise InputError(f"{path}: exists; pass --force to overwrite it")
    if is_there and not (force or resume):
        raise InputError(
            f"{partial}: left by a run that did not finish; pass --resume to continue it, or --force "
            "to begin anew"
        )
    told = Path(f"{path}.run.json")
    if resume and is_there and run is not None:
        _check_same(run, told)
    with _opened(partial, resume and is_there, stays) as file:
        if stays and run is not None:
            told.write_text(json.dumps(run, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
        try:
            yield file, _done(file, partial)
        except BaseException:
            file.flush()
            if not (stays and partial.stat().st_size):
                told.unlink(missing_ok=True)
            raise
    told.unlink(missing_ok=True)
    if target.suffix.lower() == ".gz":
        with partial.open("rb") as plain, write_bytes(path) as packed:
            shutil.copyfileobj(plain, packed)
        partial.unlink()
    else:
        partial.replace(target)


@contextmanager
def _opened(partial: Path, goes_on: bool, stays: bool) -> Iterator[IO[bytes]]:
    try:
        # Not emptied before it is locked: another run may be writing it.
        file = os.fdopen(os.open(partial, os.O_RDWR | os.O_CREAT, 0o666), "r+b")
    except FileNotFoundError:
        raise InputError(
            f"{partial}: folder {str(partial.parent)!r} does not exist; create it"
        ) from None
    except OSError as error:
        raise InputError(f"{partial}: cannot be written ({error.strerror})") from None
    try:
        lock_file(file, partial)
    except BaseException:
        file.close()
        raise
    try:
        with file:
            if not goes_on:
                file.truncate()
            yield file
    except BaseException:
        if not (stays and partial.stat().st_size):
            partial.unlink()
        raise


def lock_file(file: IO[bytes], path: Path) -> None:
    """Take a file for this run alone; the system lets it go whatever ends the run.

    Where the system or the disk knows no locks, none is taken.

    Raises:
        InputError: another run writes it, or has given it its name just now.
    """
    try:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        is_mine = path.exists() and os.path.samestat(os.fstat(file.fileno()), path.stat())
    except BlockingIOError:
        is_mine = False
    except (ImportError, OSError):
        return
    if not is_mine:
        raise InputError(
            f"{path}: another process is writing it; wait for that one, or name another output"
        )


def _done(file: IO[bytes], partial: Path) -> Done:
    """Return what the file holds; cut off what is no whole line, and go to the end."""
    digests, size = array("Q"), 0
    decoder = msgspec.json.Decoder(_Line)
    for number, line in enumerate(file, start=1):
        if not line.endswith(b"\n"):
            break
        try:
            found = decoder.decode(line)
        except msgspec.DecodeError:
            raise InputError(
                f"{partial}:{number}: no document of an earlier run; pass --force to begin anew"
            ) from None
        digests.append(_digest(found.id, found.text))
        size += len(line)
    file.truncate(size)
    file.seek(size)
    return Done(digests)


def _digest(name: str, text: str) -> int:
    # What no file can hold is written as question marks.
    value = f"{name}\0{text}".encode("utf-8", "replace")
    return int.from_bytes(blake2b(value, digest_size=8).digest(), "big")


def _check_same(run: Mapping[str, Any], told: Path) -> None:
    """Refuse to go on from a run that asked something else."""
    try:
        before = json.loads(told.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise InputError(
            f"cannot resume: {told} is missing or unreadable, which says what the run asked; "
            "begin anew with --force"
        ) from None
    after = json.loads(json.dumps(run))
    differing = differences(before, after)
    if differing:
        raise InputError(
            f"cannot resume: the run before asked otherwise: {'; '.join(differing)}. "
            "Ask the same, or begin anew with --force"
        )


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Return in words how what two runs ask differs; both in JSON's types."""
    return [
        _difference(name, before.get(name), after.get(name))
        for name in dict.fromkeys((*before, *after))
        if before.get(name) != after.get(name)
    ]


def _difference(name: str, before: Any, after: Any) -> str:
    shown = [json.dumps(value, ensure_ascii=False) for value in (before, after)]
    if max(map(len, shown)) > _SHOWN:
        return f"{name} is another"
    return f"{name} was {shown[0]}, is {shown[1]}"


def is_complete(path: str | Path) -> bool:
    """Return whether an output is there, and no run is left that would have to go on."""
    return Path(path).is_file() and not Path(f"{path}.partial").is_file()


def after(documents: Iterable[Document], done: Done) -> Iterator[Document]:
    """Yield the documents that come after those done.

    Raises:
        InputError: there are fewer, or one of those done is another: names the first.
    """
    left, number = iter(documents), 0
    for document in islice(left, done.documents):
        if _digest(document.id, document.text) != done.digests[number]:
            raise InputError(
                f"cannot resume: the inputs changed at document {number + 1:,}, {document.id!r}: the run "
                "before read another id or text there; name the same inputs, or begin anew with --force"
            )
        number += 1
    if number < done.documents:
        raise InputError(
            f"cannot resume: the run before wrote {done.documents:,} documents, the inputs hold "
            f"{number:,}; name the same inputs, or begin anew with --force"
        )
    yield from left
