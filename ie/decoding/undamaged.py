"""Read the most frequent answer at once: entities in our own layout, undamaged."""

import re

from .field_names import NULL_STARTS, is_null
from .formats import Item

_HEAD = re.compile(r'\s*\{"entities": ?\[')
_ENTITY = re.compile(
    r'(?:, ?)?\{"type": ?"([^"\\]*)", ?"text": ?"([^"\\]+)"'
    r'(?:, ?"occurrence": ?([1-9]\d{0,8}))?\}'
)
_TAIL = re.compile(r"\]\}\s*$")


def undamaged_entities(source: str) -> list[Item] | None:
    """Return the items of such an answer; None if it is another."""
    head = _HEAD.match(source)
    if head is None:
        return None
    items = []
    at = head.end()
    for match in _ENTITY.finditer(source, at):
        if match.start() != at:
            return None
        at = match.end()
        label, text, mark = match.groups()
        if not mark and (text[:1] in NULL_STARTS or not text) and is_null(text):
            return None
        marks = (int(mark),) if mark else ()
        items.append(Item("ner", label, text, (), (match.span(1), match.span(2)), marks))
    return items if _TAIL.match(source, at) else None
