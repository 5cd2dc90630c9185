"""Cut a text at the edges of its mentions, so that a page need not know about offsets.

JavaScript counts UTF-16 units and Python code points; pieces of text are the same in both.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ..data.documents import Located

Labelled = Sequence[tuple[str, Located]]

_AROUND = 40  # code points of text shown on either side of what is marked


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of text: the labels of mentions that begin here and of all that cover it.

    A segment without text stands for what is left out between two pieces.
    """

    text: str
    begins: tuple[str, ...] = ()
    covers: tuple[str, ...] = ()


def shown_ranges(text: str, mentions: Iterable[Located]) -> list[tuple[int, int]]:
    """Return the parts of the text to show, `[start, end)` in order: mentions and what is near.

    Without any offsets it is the beginning of the text.
    """
    spans = [mention.span for mention in mentions if mention.span]
    if not spans:
        return [(0, min(len(text), 4 * _AROUND))]
    ranges: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        low, high = max(0, start - _AROUND), min(len(text), end + _AROUND)
        if ranges and low <= ranges[-1][1]:
            ranges[-1] = (ranges[-1][0], max(ranges[-1][1], high))
        else:
            ranges.append((low, high))
    return ranges


def cut_segments(text: str, mentions: Labelled, ranges: Sequence[tuple[int, int]]) -> list[Segment]:
    """Return the shown parts of the text as segments, cut wherever a mention begins or ends.

    `ranges` are in order and do not overlap. One sweep: linear in what is returned.
    """
    located = [(label, *m.span) for label, m in mentions if m.span]
    edges = sorted({at for _, *span in located for at in span})
    starts = sorted(range(len(located)), key=lambda k: located[k][1])
    open_now: dict[int, None] = {}
    segments: list[Segment] = []
    shown_to = next_edge = next_start = 0
    for low, high in ranges:
        if low > shown_to:
            segments.append(Segment(""))
        while next_edge < len(edges) and edges[next_edge] <= low:
            next_edge += 1
        start = low
        while start < high:
            end = edges[next_edge] if next_edge < len(edges) else high
            next_edge += end < high
            end = min(end, high)
            while next_start < len(starts) and located[starts[next_start]][1] <= start:
                open_now[starts[next_start]] = None
                next_start += 1
            # What ends at the place of another's beginning ends first; order is that of mentions.
            for k in [k for k in open_now if located[k][2] <= start]:
                del open_now[k]
            covering = [located[k] for k in sorted(open_now) if located[k][2] >= end]
            begins = tuple(label for label, a, _ in covering if a == start)
            covers = tuple(label for label, _, _ in covering)
            segments.append(Segment(text[start:end], begins, covers))
            start = end
        shown_to = high
    if shown_to < len(text):
        segments.append(Segment(""))
    return segments


def lost_mentions(mentions: Labelled) -> list[tuple[str, str]]:
    """Return label and string of the mentions that are not in the text."""
    return [(label, mention.text) for label, mention in mentions if mention.start is None]
