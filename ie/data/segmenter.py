"""jieba's word segmenter, its dictionary looked up in the file's own lines.

jieba makes a table of half a million words and beginnings first, or takes one that lies in the
folder for temporary files, where anybody may have put it: a second before the first answer.
"""

import re
from bisect import bisect_left
from functools import cache, lru_cache
from importlib import resources
from typing import Any

# Words and beginnings that are kept once looked up; texts ask for the same again and again.
_KEPT = 1 << 16


class Frequencies:
    """How often jieba's dictionary has a word: above 0 for words, 0 for what only begins one.

    It answers as the table does that jieba makes (`Tokenizer.FREQ`).
    """

    def __init__(self, content: bytes) -> None:
        """Take the content of a dictionary: lines of a word, its frequency and its tag."""
        # In the order of UTF-8 all words with one beginning follow each other, it before them.
        self._lines = sorted(content.split(b"\n"))
        self.total = sum(map(int, re.findall(rb" (\d+) ", content)))
        self.get = lru_cache(_KEPT)(self._get)

    def __contains__(self, word: str) -> bool:
        return self.get(word) is not None

    def __getitem__(self, word: str) -> int:
        found = self.get(word)
        if found is None:
            raise KeyError(word)
        return found

    def _get(self, word: str) -> int | None:
        wanted = word.encode("utf-8", "surrogatepass")
        at = bisect_left(self._lines, wanted)
        if at == len(self._lines) or not self._lines[at].startswith(wanted):
            return None
        rest = self._lines[at][len(wanted) :]
        return int(rest.split()[0]) if rest.startswith(b" ") else 0


@cache
def segmenter() -> Any:
    """Return jieba's segmenter with its own dictionary.

    One for the kit alone: words that a user adds to jieba's must not change where a mention is
    placed.
    """
    import jieba

    content = (resources.files("jieba") / "dict.txt").read_bytes()
    one = jieba.Tokenizer()
    one.FREQ = Frequencies(content)
    one.total, one.initialized = one.FREQ.total, True
    return one
