"""What stands beside a file of instruction records: the style that they ask in, see `prompt`."""

from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from io import BytesIO
from pathlib import Path
from typing import IO

from chinchilla.files.jsonl import write_bytes
from chinchilla.prompts.prompt import records_style_file


def open_style(output: str | Path, *, force: bool) -> AbstractContextManager[IO[bytes]]:
    """Open for writing what stands beside a file of records; beside a stream stands nothing."""
    if not _is_file(output):
        return nullcontext(BytesIO())
    return write_bytes(records_style_file(output), force=force)


def carry_style(inputs: Iterable[str | Path], output: str | Path) -> None:
    """Write beside records taken from others what stands beside those, if it is the same for all."""
    if not _is_file(output):
        return
    told = {
        path.read_bytes() if (path := records_style_file(name)).is_file() else b""
        for name in inputs
    }
    if len(told) == 1 and (style := told.pop()):
        with write_bytes(records_style_file(output)) as file:
            file.write(style)
    else:
        # What stood beside the file that was there before says nothing of this one.
        records_style_file(output).unlink(missing_ok=True)


def _is_file(output: str | Path) -> bool:
    path = Path(output)
    return str(output) != "-" and (path.is_file() or not path.exists())
