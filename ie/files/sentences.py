"""The sentence that mentions stand in, to be shown beside them."""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable

from ..data.documents import Located

_END = re.compile(r"[。！？!?…]+[”’」』）)]*|\n+")


class Sentences:
    """The sentences of a text."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._ends = [0, *(match.end() for match in _END.finditer(text)), len(text)]

    def around(self, mentions: Iterable[Located | None]) -> str:
        """Return the sentence or sentences from the first to the last of the mentions placed."""
        spans = [one.span for one in mentions if one is not None and one.span is not None]
        if not spans:
            return ""
        first = bisect_right(self._ends, min(start for start, _ in spans)) - 1
        last = bisect_left(self._ends, max(end for _, end in spans))
        return self._text[self._ends[first] : self._ends[last]].strip()
