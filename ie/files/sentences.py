"""The sentence that mentions stand in, to be shown beside them."""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable

from ..data.documents import Located

# Code points; a text without full stops is one sentence, and each of its facts would repeat it.
_LONGEST = 1000
_END = re.compile(r"[。！？!?…]+[”’」』）)]*|\n+")


class Sentences:
    """The sentences of a text."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._ends = [0, *(match.end() for match in _END.finditer(text)), len(text)]

    def around(self, mentions: Iterable[Located | None]) -> str:
        """Return the sentence or sentences from the first to the last of the mentions placed.

        Of what is longer than a sentence ever is, only what is near the first of them.
        """
        spans = [one.span for one in mentions if one is not None and one.span is not None]
        if not spans:
            return ""
        begin = min(start for start, _ in spans)
        low = self._ends[bisect_right(self._ends, begin) - 1]
        high = self._ends[bisect_left(self._ends, max(end for _, end in spans))]
        if high - low > _LONGEST:
            low = max(low, begin - _LONGEST // 4)
            high = min(high, low + _LONGEST)
        return self._text[low:high].strip()
