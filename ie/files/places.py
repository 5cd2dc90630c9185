"""Where on the pages of a PDF the mentions of a document stand."""

from bisect import bisect_right
from typing import Any

import msgspec

from ..data.documents import Document, iter_mentions
from .readers.pdf import box_around


def with_boxes(document: Document) -> Document:
    """Return a document read from a PDF with the boxes of its mentions; any other as it is.

    `meta.boxes` holds `[start, end, page, [x0, y0, x1, y1]]` for each mention and each line that it
    stands in; see `readers.pdf` for units. `meta.glyphs`, of which they are made, is taken out.
    """
    if "glyphs" not in document.meta:
        return document
    meta = {key: value for key, value in document.meta.items() if key != "glyphs"}
    spans = {mention.span for _, mention in iter_mentions(document)}
    meta["boxes"] = [
        place
        for span in sorted(span for span in spans if span)
        for place in _boxes(span, document.meta["segments"], document.meta["glyphs"])
    ]
    return msgspec.structs.replace(document, meta=meta)


def _boxes(
    span: tuple[int, int], segments: list[list[Any]], glyphs: list[list[list[float]]]
) -> list[list[Any]]:
    start, end = span
    # The last line that begins at or before the mention.
    at = max(0, bisect_right(segments, start, key=lambda segment: segment[0]) - 1)
    found: list[list[Any]] = []
    while at < len(segments) and segments[at][0] < end:
        low, high, _, page, _ = segments[at]
        own = glyphs[at][max(start, low) - low : min(end, high) - low] if start < high else []
        if own:
            found.append([start, end, page, box_around(own)])
        at += 1
    return found
