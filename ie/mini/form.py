"""Texts in the form in which the embedded model has met them, as long as they are."""

from functools import cache
from typing import Any

import msgspec

from ..data.documents import Extraction, map_mentions


def readable(text: str) -> str:
    """Return a text of the same length with blanks for white space and simplified characters."""
    plain = text if text.isascii() else _simplified(text)
    return "".join(" " if character.isspace() else character for character in plain)


def _simplified(text: str) -> str:
    converter = _converter()
    simple: str = converter.convert(text)
    if len(simple) == len(text):
        return simple
    # A phrase may change its length; single characters do not.
    return "".join(one if len(one := converter.convert(c)) == 1 else c for c in text)


@cache
def _converter() -> Any:
    from opencc import OpenCC

    return OpenCC("t2s")


def as_written(extraction: Extraction, text: str) -> Extraction:
    """Return what was found in the readable form of a text with the words of the text itself."""

    def own(mention: Any) -> Any:
        if mention.start is None:
            return mention
        return msgspec.structs.replace(mention, text=text[mention.start : mention.end])

    return map_mentions(extraction, own)
