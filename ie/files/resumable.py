"""The output of a long run, which outlives it: kept as `OUT.partial` until all is written."""

import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import IO, NamedTuple

import msgspec

from ..data.documents import Document
from ..errors import InputError
from .jsonl import write_bytes


class Done(NamedTuple):
    """How many documents an earlier run wrote, and the id of the last of them."""

    documents: int = 0
    last: str = ""


class _Line(msgspec.Struct):
    id: str


@contextmanager
def write_partial(
    path: str | Path, *, force: bool = False, resume: bool = False, stays: bool = True
) -> Iterator[tuple[IO[bytes], Done]]:
    """Open for writing lines to `PATH.partial`, which takes the name PATH at the end.

    Whatever ends the run before, the lines written stay there, and a run with `resume` goes on from
    them: a last line that was cut off is dropped. Without a line nothing stays, nor without `stays`,
    for what could not be gone on from. A `.gz` file is compressed at the end; standard output, pipes
    and devices are written to as they are.

    Yields:
        The file, and what of an earlier run it holds.

    Raises:
        InputError: the folder is missing; the file exists, or a partial one, and is neither to be
            overwritten (`force`) nor gone on from; a partial file holds no documents.
    """
    target, partial = Path(path), Path(f"{path}.partial")
    if str(path) == "-" or (target.exists() and not target.is_file()):
        if resume:
            raise InputError(f"{path}: cannot be gone on with; name a file with -o")
        with write_bytes(path) as stream:
            yield stream, Done()
        return
    is_there = stays and partial.is_file() and partial.stat().st_size > 0
    if target.exists() and not (force or (resume and is_there)):
        raise InputError(f"{path}: exists; pass --force to overwrite it")
    if is_there and not (force or resume):
        raise InputError(
            f"{partial}: left by a run that did not end; pass --resume to go on from it, or --force "
            "to begin anew"
        )
    with _opened(partial, "r+b" if resume and is_there else "w+b", stays) as file:
        yield file, _done(file, partial)
    if target.suffix.lower() == ".gz":
        with partial.open("rb") as plain, write_bytes(path) as packed:
            shutil.copyfileobj(plain, packed)
        partial.unlink()
    else:
        partial.replace(target)


@contextmanager
def _opened(partial: Path, mode: str, stays: bool) -> Iterator[IO[bytes]]:
    try:
        file = partial.open(mode)
    except FileNotFoundError:
        raise InputError(
            f"{partial}: folder {str(partial.parent)!r} does not exist; create it"
        ) from None
    except OSError as error:
        raise InputError(f"{partial}: cannot be written ({error.strerror})") from None
    try:
        with file:
            yield file
    except BaseException:
        if not (stays and partial.stat().st_size):
            partial.unlink()
        raise


def _done(file: IO[bytes], partial: Path) -> Done:
    """Return what the file holds; cut off what is no whole line, and go to the end."""
    count, size, last = 0, 0, b""
    for line in file:
        if line.endswith(b"\n"):
            count, size, last = count + 1, size + len(line), line
    done = Done()
    if count:
        try:
            done = Done(count, msgspec.json.decode(last, type=_Line).id)
        except msgspec.DecodeError:
            raise InputError(
                f"{partial}:{count}: no document of an earlier run; pass --force to begin anew"
            ) from None
    file.truncate(size)
    file.seek(size)
    return done


def after(documents: Iterable[Document], done: Done) -> Iterator[Document]:
    """Yield the documents that come after those done.

    Raises:
        InputError: there are fewer, or the last of those done is another.
    """
    left, count, last = iter(documents), 0, ""
    for document in islice(left, done.documents):
        count, last = count + 1, document.id
    if (count, last) != done:
        raise InputError(
            f"the run to go on from wrote {done.documents:,} documents, to {done.last!r}; document "
            f"{count:,} of the inputs is {last!r}: name the same inputs, or begin anew with --force"
        )
    yield from left
