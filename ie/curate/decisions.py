"""The log of what an audit changed, from which the files can be made again as they were.

    {"line": 3, "action": "fix", "rules": ["blank at a border"], "before": "{…}", "after": "{…}"}

Lines are counted from 1 over all inputs, blank ones too, as one file. `after` is null where the
document was taken out. Lines that are not in the log were kept as they are.
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from ..errors import InputError
from ..files.jsonl import read_lines, read_values, write_bytes

FIX, DROP, OUT = "fix", "drop annotations", "drop document"


class Decision(msgspec.Struct, frozen=True):
    """What became of a line, and by which rules; `after` is None where it is gone."""

    line: int
    action: str
    rules: tuple[str, ...]
    before: str
    after: str | None


class Undone(NamedTuple):
    """How many lines were put back, and how many there are."""

    restored: int
    lines: int


def undo(
    log: str | Path, cleaned: str | Path, output: str | Path, *, force: bool = False
) -> Undone:
    """Write the inputs of an audit again, of its log and of the file that it wrote.

    Several inputs come as one file. Lines end in a line feed, whatever they ended in.

    Raises:
        InputError: the file is not the one that the log tells of.
    """
    decisions = [decision for _, decision in read_values(log, Decision)]
    with write_bytes(output, force=force) as file:
        lines = 0
        for line in _restored(decisions, cleaned, log):
            file.write(line + b"\n")
            lines += 1
    return Undone(len(decisions), lines)


def _restored(
    decisions: Sequence[Decision], cleaned: str | Path, log: str | Path
) -> Iterator[bytes]:
    left = iter(decisions)
    waiting = next(left, None)
    number = 0
    for at, line in read_lines(cleaned):
        number += 1
        while waiting is not None and waiting.line == number and waiting.after is None:
            yield waiting.before.encode()
            waiting, number = next(left, None), number + 1
        if waiting is not None and waiting.line == number:
            if line.decode(errors="replace") != waiting.after:
                raise InputError(
                    f"{cleaned}:{at}: not what {log} says was written there; "
                    "name the file that the audit wrote, unchanged"
                )
            line = waiting.before.encode()
            waiting = next(left, None)
        yield line
    for decision in [*([waiting] if waiting else []), *left]:
        number += 1
        if decision.after is not None or decision.line != number:
            raise InputError(
                f"{cleaned}: ends before line {decision.line} of the log {log}; "
                "name the file that the audit wrote, unchanged"
            )
        yield decision.before.encode()


def encode(decisions: Iterable[Decision]) -> bytes:
    """Return decisions as JSON Lines."""
    encoder: Any = msgspec.json.Encoder()
    return b"".join(encoder.encode(one) + b"\n" for one in decisions)
