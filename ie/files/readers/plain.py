"""Plain text, its lines, and standard input, which is text or JSON Lines."""

import json
from collections.abc import Iterator

from ...data.documents import Document
from ...errors import InputError
from ..binary import refuse_binary
from ..jsonl import decode_line, open_utf8
from .json_lines import from_lines
from .source import Found, Source, bounded_lines, made


def read_text(source: Source) -> Iterator[Found]:
    """Yield the text of a file."""
    text = decode_line(source.text(), source.name, source.encoding)
    if _is_json(text.partition("\n")[0]):
        source.tell("json", "holds JSON, which is read as text; rows are read from .jsonl")
    yield Document(source.stem, source.checked(text), meta={"file": source.name})


def read_text_lines(source: Source) -> Iterator[Found]:
    """Yield each line that is not blank."""
    for number, line in source.lines():
        if isinstance(line, InputError):
            yield line
        elif found := made(_from_line, line, number, source):
            yield found


def read_stdin(source: Source) -> Iterator[Found]:
    """Yield JSON Lines where the first line is a JSON object, else one text."""
    with open_utf8(source.name, source.options.encoding, source.found) as file:
        lines = bounded_lines(file, source.name)
        first = next(lines, (1, b""))[1]
        if isinstance(first, InputError):
            yield first
            return
        if _is_json(first):
            source.tell("json", "read as JSON Lines")
            yield from from_lines(source, _and_then(first, lines))
            return
        content = source.bounded(file, first)
    refuse_binary(source.name, content[:512])
    if first.strip()[:1] in (b"{", b"[") and _is_value(content):
        raise InputError(
            "-: is JSON, but not one object a line; rows are read as JSON Lines: "
            "put jq -c '.[]' before it, or jq -c . for one object"
        )
    text = decode_line(content, source.name, source.encoding)
    yield Document(source.stem, source.checked(text), meta={"file": source.name})


def _and_then(
    first: bytes, lines: Iterator[tuple[int, bytes | InputError]]
) -> Iterator[tuple[int, bytes | InputError]]:
    yield 1, first
    yield from lines


def _from_line(line: bytes, number: int, source: Source) -> Document | None:
    text = decode_line(line, f"{source.name}:{number}", source.encoding)
    if not text.strip():
        return None
    meta = {"file": source.name, "line": number}
    return Document(f"{source.stem}-{number}", source.checked(text), meta=meta)


def _is_json(line: str | bytes) -> bool:
    """Say whether a line is a JSON object, as each of JSON Lines is."""
    if line.strip()[:1] not in ("{", b"{"):
        return False
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def _is_value(content: bytes) -> bool:
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        return False
    return isinstance(value, dict) or any(isinstance(item, dict) for item in value)
