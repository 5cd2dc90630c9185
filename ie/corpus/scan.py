"""The inputs of a run: what they hold at a glance, and whether they are those of before."""

import json
from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b
from itertools import zip_longest
from pathlib import Path

from ..errors import InputError
from ..files.compressed import ENDINGS as PACKED
from ..files.inputs import ReadOptions
from ..files.jsonl import open_bytes
from .manifest import Input

_BLOCK = 1 << 20
_ROWS = (".jsonl", ".ndjson", ".csv", ".tsv")
_WHOLE = (".txt", ".html", ".htm", ".docx")
# Inputs that a message names.
_MOST_SHOWN = 3


def scan_inputs(
    names: Sequence[str], reading: ReadOptions, before: Iterable[Input] = ()
) -> Iterator[Input]:
    """Yield each input with its size and digest; one that has not been written since is not read again."""
    for name, known in zip_longest(names, before):
        if name is not None:
            yield _scan(name, reading, known)


def _scan(path: str, reading: ReadOptions, known: Input | None) -> Input:
    # Names may hold what no UTF-8 can.
    name = path.encode("utf-8", "backslashreplace").decode()
    if name == "-":
        return Input(name, None, None, "read once", None)
    try:
        found = Path(path).stat()
        size, modified = found.st_size, found.st_mtime_ns
        if known is not None and known[:3] == (name, size, modified):
            return known
        digest, ends = blake2b(digest_size=16), 0
        with open_bytes(path) as file:
            while block := file.read(_BLOCK):
                digest.update(block)
                ends += block.count(b"\n")
    except (OSError, InputError) as error:
        return Input(name, None, None, f"unreadable: {error}", 0)
    return Input(name, size, modified, digest.hexdigest(), _documents(name, reading, ends))


def _documents(name: str, reading: ReadOptions, line_ends: int) -> int | None:
    """Return about how many documents a file holds, None if its lines do not tell."""
    path = Path(name.lower())
    kind = path.with_suffix("").suffix if path.suffix in PACKED else path.suffix
    if kind in _ROWS or (reading.lines and kind == ".txt"):
        return line_ends
    return 1 if kind in _WHOLE else None


def input_differences(before: Iterable[Input], after: Iterable[Input]) -> list[str]:
    """Return in words how the inputs differ from those of before: the first few, and how many more."""
    shown: list[str] = []
    count = 0
    for old, new in zip_longest(before, after):
        if old and new and (old.name, old.digest) == (new.name, new.digest):
            continue
        count += 1
        if len(shown) < _MOST_SHOWN:
            shown.append(_difference(old, new))
    more = count - len(shown)
    return [*shown, f"{more:,} more inputs differ"] if more else shown


def _difference(old: Input | None, new: Input | None) -> str:
    if old is None or new is None:
        name = (old or new).name  # type: ignore[union-attr]
        return f"input {name} was not there" if old is None else f"input {name} is missing"
    if old.name != new.name:
        return f"input {old.name} is now {new.name}"
    if old.size is None or new.size is None or old.size == new.size:
        return f"input {old.name} has changed"
    return f"input {old.name} had {old.size:,} bytes, has {new.size:,}"


def expected_documents(inputs: Iterable[Input]) -> int | None:
    """Return about how many documents the inputs hold, None if that is not seen at a glance."""
    total = 0
    for one in inputs:
        if one.lines is None:
            return None
        total += one.lines
    return total


def inputs_digest(inputs: Iterable[Input]) -> str:
    """Return one digest of the names and contents of all inputs."""
    digest = blake2b(digest_size=16)
    for one in inputs:
        digest.update(json.dumps([one.name, one.digest]).encode())
    return digest.hexdigest()
