"""Hints: names that a tagger sees in a text, told to a small model.

A model of a few million parameters has met too few names to know them, and a causal one reads a
character before what follows it. The tagger that jieba brings with it (module `tagger`), or one
tuned from it, has met more, and reads both ways. What it finds is advice in the prompt, not an
answer: the model learns from the corpora when to follow it.
"""

from collections.abc import Callable, Iterable, Iterator
from functools import cache
from itertools import islice
from pathlib import Path
from typing import TypeVar

from .errors import ModelError
from .formats import label_text
from .tagger import Tagger, read_weights

# The name of the tagger that comes with jieba.
JIEBA = "jieba"
# Tags of jieba's tagger (LAC's set): PER, LOC, ORG and TIME are names as its makers annotate them,
# ns and nt other places and organisations, nw works, nz other names. It hardly says nr. A tuned
# tagger may also see what takes part in a relation (REL) and what tells of an event (EVT).
KINDS = ("PER", "LOC", "ORG", "TIME", "ns", "nt", "nw", "nz", "REL", "EVT")
_MARKS = {kind: label_text(kind) for kind in KINDS}
_END = label_text("/")
# A prompt's text is a window, far shorter; longer ones get no hints.
_LONGEST = 10_000
# Characters of texts that are kept with their hints.
_MOST_KEPT = 1_000_000
# Items whose texts are read together: a few first, since somebody waits for them, then more.
_FIRST_TOGETHER, _TOGETHER = 64, 512

MARKS = (*_MARKS.values(), _END)

_T = TypeVar("_T")


class Marker:
    """Marks names in texts; those of many texts are found sooner together, see `ahead`."""

    def __init__(self, tagger: Tagger, shortest: int = 1) -> None:
        """Mark what the tagger sees, but for words of fewer than `shortest` characters."""
        self.tagger, self.shortest = tagger, shortest
        self._kept: dict[str, str] = {}

    def mark(self, text: str) -> str:
        """Return the text with every likely name between marks: `在⟦LOC⟧北京⟦/⟧见到`.

        Texts beyond 10,000 characters get none.
        """
        found = self._kept.get(text)
        return self._marked([text])[0] if found is None else found

    def ahead(self, items: Iterable[_T], texts: Callable[[_T], Iterable[str]]) -> Iterator[_T]:
        """Yield items whose `texts` were read ahead, those of many items together."""
        left, size = iter(items), _FIRST_TOGETHER
        while some := list(islice(left, size)):
            size = min(2 * size, _TOGETHER)
            self.read_ahead(text for item in some for text in texts(item))
            yield from some

    def read_ahead(self, texts: Iterable[str]) -> None:
        """Read texts together that `mark` will be asked for next, and keep what was found."""
        wanted = dict.fromkeys(text for text in texts if len(text) <= _LONGEST)
        new = [text for text in wanted if text not in self._kept]
        if not new:
            return
        if sum(map(len, self._kept)) + sum(map(len, new)) > _MOST_KEPT:
            self._kept = {text: self._kept[text] for text in wanted if text in self._kept}
        self._kept.update(zip(new, self._marked(new), strict=True))

    def forget(self) -> None:
        """Drop what was read ahead."""
        self._kept.clear()

    def _marked(self, texts: list[str]) -> list[str]:
        short = [text if len(text) <= _LONGEST else "" for text in texts]
        marked = []
        for text, words in zip(texts, self.tagger.tag(short), strict=True):
            pieces, at = [], 0
            for start, end, tag in words:
                if tag in _MARKS and end - start >= self.shortest:
                    pieces += [text[at:start], _MARKS[tag], text[start:end], _END]
                    at = end
            marked.append("".join([*pieces, text[at:]]))
        return marked


def marker(name: str) -> Marker:
    """Return the marker that a prompt style names: `jieba`, or the file of a tuned tagger.

    Raises:
        ModelError: the file is missing or holds no tagger.
    """
    if name == JIEBA:
        return _marker(name, 0)
    path = Path(name)
    if not path.is_file():
        raise ModelError(
            f"{path}: no such file; hints come from {JIEBA!r} or a tuned tagger's file"
        )
    return _marker(name, path.stat().st_mtime_ns)


@cache
def _marker(name: str, changed: int) -> Marker:
    """Return the marker of a file as it is since it `changed`."""
    # What LAC says of single characters is mostly wrong.
    return Marker(Tagger(), 2) if name == JIEBA else Marker(Tagger(read_weights(Path(name))))
