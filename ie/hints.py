"""Dictionary hints: names that jieba knows or guesses in a text, told to a small model.

A model of a few million parameters has met too few names to know them; jieba's dictionary of
350,000 words and its model of Chinese names know many. They are advice in the prompt, not an
answer: the model learns from the corpora when to follow them.
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
    """Return the likely names of a text in order, each followed by its mark: `北京⟦ns⟧`.

    Marks: nr person, ns place, nt organisation, nz other name, n long common noun. Words of
    one character are left out. Texts beyond 10,000 characters get no hints.
    """
    if len(text) > _LONGEST:
        return ""
    found = []
    for word, tag in _tagger().cut(text):
        mark = _MARKS.get(tag) or ("n" if tag in _NOUNS and len(word) >= _LONG else None)
        if mark and len(word) > 1:
            found.append(word + label_text(mark))
    return "".join(found)


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
