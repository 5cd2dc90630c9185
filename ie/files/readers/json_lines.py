"""JSON Lines: an object a line with its text under a key, or a string a line."""

from collections.abc import Iterable, Iterator

from ...data.documents import Document
from ...errors import InputError
from ..jsonl import parse_value
from .rows import TEXT_KEYS, from_row
from .source import Found, Source, made


def read_json_lines(source: Source) -> Iterator[Found]:
    """Yield each row of a file."""
    yield from from_lines(source, source.lines())


def from_lines(source: Source, lines: Iterable[tuple[int, bytes | InputError]]) -> Iterator[Found]:
    """Yield a document for each line that is not blank."""
    for number, line in lines:
        if isinstance(line, InputError):
            yield line
        elif line.strip():
            yield made(_from_json, line.rstrip(b"\r\n"), number, source)


def _from_json(line: bytes, number: int, source: Source) -> Document:
    name, column = source.name, source.options.column
    value = parse_value(line, name, number, source.encoding)
    if isinstance(value, str):
        value = {column: value}
    if not isinstance(value, dict):
        raise InputError(f"{name}:{number}: expected an object, got {type(value).__name__}")
    key = next((key for key in (column, *TEXT_KEYS) if key in value), column)
    if not isinstance(value.get(key), str):
        raise InputError(
            f"{name}:{number}: no text under {column!r} "
            f"(keys are {', '.join(value) or 'none'}); name the right one with --column"
        )
    return from_row(value, key, source, {"file": name, "line": number}, number)
