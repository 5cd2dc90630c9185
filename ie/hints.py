"""Dictionary hints: names that jieba knows or guesses in a text, told to a small model.

A model of a few million parameters has met too few names to know them; jieba's dictionary of
350,000 words and its model of Chinese names know many. They are advice in the prompt, not an
answer: the model learns from the corpora when to follow them. The hints stand in a copy of the
text before the text itself, so that a causal model reads it twice and has both sides of every
character at the second reading.
"""

from functools import cache
from typing import Any

from .formats import label_text

# jieba's part-of-speech tags (of the ICTCLAS set) to the marks used here.
_MARKS = {"nr": "nr", "nrt": "nr", "nrfg": "nr", "ns": "ns", "nt": "nt", "nz": "nz"}
# Common nouns, abbreviations and idioms: only long ones are likely to be part of a name.
_NOUNS, _LONG = ("n", "j", "l"), 3
# jieba's time grows with the text; a prompt's text is a window, far shorter.
_LONGEST = 10_000

MARKS = tuple(label_text(mark) for mark in ("nr", "ns", "nt", "nz", "n"))


def hints(text: str) -> str:
    """Return the text with a mark behind every likely name in it: `在北京⟦ns⟧见到`.

    Marks: nr person, ns place, nt organisation, nz other name, n long common noun. Words of
    one character get none. Texts beyond 10,000 characters get no hints at all: `""`.
    """
    if len(text) > _LONGEST:
        return ""
    pieces = []
    for word, tag in _tagger().cut(text):
        mark = _MARKS.get(tag) or ("n" if tag in _NOUNS and len(word) >= _LONG else None)
        pieces.append(word + label_text(mark) if mark and len(word) > 1 else word)
    return "".join(pieces)


@cache
def segmenter() -> Any:
    """Return jieba's word segmenter with its own dictionary.

    One for the kit alone: words that a user adds to jieba's must not change what a model is
    told, nor where a mention is placed.
    """
    import jieba

    jieba.setLogLevel(60)
    return jieba.Tokenizer()


@cache
def _tagger() -> Any:
    from .tagger import Tagger

    return Tagger(segmenter())
