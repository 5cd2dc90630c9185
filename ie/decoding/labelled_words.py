"""Answers without JSON: a quoted string, or lines such as 人名：张三."""

import re
from collections.abc import Callable, Iterator

from .json_scanner import JsonString

_QUOTED = re.compile(r'\s*(?:```\w*\s*)?"([^"\\\n]{1,60})"\s*(?:```)?\s*')
_BULLET = re.compile(r"\s*(?:[-*•·]|\d{1,3}[.、)）])?[\s*]*")
_LABELLED = re.compile(r"([^:：\n]{1,40}?)\**\s*[:：]\**\s*(\S[^\n]*)")
_LISTED = re.compile(r"[^、，,;；|\s][^、，,;；|\n]*")


def quoted_string(source: str) -> JsonString | None:
    """Return the one quoted string that an answer consists of, or None."""
    found = _QUOTED.fullmatch(source)
    return None if found is None else JsonString(found[1], *found.span(1))


def labelled_lines(
    source: str, is_label: Callable[[str], bool]
) -> Iterator[tuple[JsonString, list[JsonString]]]:
    """Yield, for lines such as `人名：张三、李四`, the label and what is listed under it."""
    at = 0
    for line in source.split("\n"):
        bullet = _BULLET.match(line)
        match = _LABELLED.match(line, bullet.end() if bullet else 0)
        if match is not None and is_label(match[1].strip()):
            label = JsonString(match[1].strip(), at + match.start(1), at + match.end(1))
            said = _LISTED.finditer(line, match.start(2))
            texts = ((one.group().rstrip(" \t\r*。"), at + one.start()) for one in said)
            yield (
                label,
                [JsonString(text, start, start + len(text)) for text, start in texts if text],
            )
        at += len(line) + 1


def labelled_string(text: JsonString) -> tuple[JsonString, JsonString] | None:
    """Split a string such as `人名：张三` at its colon; None if it is no such string."""
    pair = _LABELLED.fullmatch(text.value)
    # With escapes in the source, places in the value are not those in the completion.
    if pair is None or len(text.value) != text.end - text.start:
        return None
    first = JsonString(pair[1], text.start, text.start + pair.end(1))
    return first, JsonString(pair[2], text.start + pair.start(2), text.end)
