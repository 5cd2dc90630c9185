"""Hints: names that a tagger sees in a text, told to a small model.

A model of a few million parameters has met too few names to know them, and a causal one reads a
character before what follows it. The tagger that jieba brings with it (module `tagger`) has met
more, and reads both ways. What it finds is advice in the prompt, not an answer: the model learns
from the corpora when to follow it.
"""

from collections.abc import Callable, Iterable, Iterator
from functools import cache
from itertools import islice
from typing import Any, TypeVar

from .formats import label_text

# Tags of jieba's tagger (LAC's set): PER, LOC, ORG and TIME are names as its makers annotate them,
# ns and nt other places and organisations, nw works, nz other names. It hardly says nr.
_KINDS = ("PER", "LOC", "ORG", "TIME", "ns", "nt", "nw", "nz")
_MARKS = {kind: label_text(kind) for kind in _KINDS}
_END = label_text("/")
# A prompt's text is a window, far shorter; longer ones get no hints.
_LONGEST = 10_000
# Characters of texts that are kept with their hints.
_MOST_KEPT = 1_000_000
# Items whose texts are read together: a few first, since somebody waits for them, then more.
_FIRST_TOGETHER, _TOGETHER = 64, 512

MARKS = (*_MARKS.values(), _END)

_kept: dict[str, str] = {}
_T = TypeVar("_T")


def hints(text: str) -> str:
    """Return the text with every likely name between marks: `在⟦LOC⟧北京⟦/⟧见到`.

    Words of one character get none, nor do texts beyond 10,000 characters. Many texts are read
    sooner together: see `ahead`.
    """
    found = _kept.get(text)
    return _marked([text])[0] if found is None else found


def read_ahead(texts: Iterable[str]) -> None:
    """Read texts together that `hints` will be asked for next, and keep what was found."""
    wanted = dict.fromkeys(text for text in texts if len(text) <= _LONGEST)
    new = [text for text in wanted if text not in _kept]
    if not new:
        return
    if sum(map(len, _kept)) + sum(map(len, new)) > _MOST_KEPT:
        still = {text: _kept[text] for text in wanted if text in _kept}
        forget()
        _kept.update(still)
    _kept.update(zip(new, _marked(new), strict=True))


def ahead(items: Iterable[_T], texts: Callable[[_T], Iterable[str]]) -> Iterator[_T]:
    """Yield items whose `texts` were read ahead, those of many items together."""
    left, size = iter(items), _FIRST_TOGETHER
    while some := list(islice(left, size)):
        size = min(2 * size, _TOGETHER)
        read_ahead(text for item in some for text in texts(item))
        yield from some


def forget() -> None:
    """Drop what was read ahead."""
    _kept.clear()


def _marked(texts: list[str]) -> list[str]:
    short = [text if len(text) <= _LONGEST else "" for text in texts]
    marked = []
    for text, words in zip(texts, _tagger().tag(short), strict=True):
        pieces, at = [], 0
        for start, end, tag in words:
            if tag in _MARKS and end - start > 1:
                pieces += [text[at:start], _MARKS[tag], text[start:end], _END]
                at = end
        marked.append("".join([*pieces, text[at:]]))
    return marked


@cache
def _tagger() -> Any:
    from .tagger import Tagger

    return Tagger()
