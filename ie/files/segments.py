"""Cut a text at the edges of its mentions, so that a page need not know about offsets.

JavaScript counts UTF-16 units and Python code points; pieces of text are the same in both.
"""

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ..data.documents import Located

Labelled = Sequence[tuple[str, Located]]

_AROUND = 40  # code points of text shown on either side of what is marked


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of text: the labels of mentions that begin here, and of those that cover it, each once.

    `depth` is how many cover it, `ends` the labels of those that end here, `inner` that of the one that
    ends first (of several the one given first). A segment without text stands for what is left out between two pieces.
    """

    text: str
    begins: tuple[str, ...] = ()
    covers: tuple[str, ...] = ()
    depth: int = 0
    ends: tuple[str, ...] = ()
    inner: str = ""


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


class _Open:
    """The mentions that cover a place: where they end, and how many there are of each label."""

    def __init__(self) -> None:
        self.ends: list[tuple[int, int, str]] = []
        self.labels: dict[str, int] = {}

    def add(self, label: str, end: int, number: int) -> None:
        heapq.heappush(self.ends, (end, number, label))
        self.labels[label] = self.labels.get(label, 0) + 1

    def close(self, at: int) -> list[str]:
        """Take out what ends there or before; return its labels."""
        closed = []
        while self.ends and self.ends[0][0] <= at:
            label = heapq.heappop(self.ends)[2]
            closed.append(label)
            self.labels[label] -= 1
            if not self.labels[label]:
                del self.labels[label]
        return closed


def cut_segments(text: str, mentions: Labelled, ranges: Sequence[tuple[int, int]]) -> list[Segment]:
    """Return the shown parts of the text as segments, cut wherever a mention begins or ends.

    `ranges` are in order and do not overlap. One sweep: linear in what is returned, however many
    mentions of a label lie one in another.
    """
    located = [(label, *m.span) for label, m in mentions if m.span]
    edges = sorted({at for _, *span in located for at in span})
    starts = sorted(range(len(located)), key=lambda k: located[k][1])
    open_now = _Open()
    order = {label: i for i, label in enumerate(dict.fromkeys(label for label, *_ in located))}
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
            begins = []
            while next_start < len(starts) and located[starts[next_start]][1] <= start:
                label, a, b = located[starts[next_start]]
                open_now.add(label, b, starts[next_start])
                begins += [label] * (a == start < b)
                next_start += 1
            open_now.close(start)
            covers = tuple(sorted(open_now.labels, key=order.__getitem__))
            depth = len(open_now.ends)
            inner = open_now.ends[0][2] if depth else ""
            ends = tuple(dict.fromkeys(open_now.close(end)))
            segments.append(Segment(text[start:end], tuple(begins), covers, depth, ends, inner))
            start = end
        shown_to = high
    if shown_to < len(text):
        segments.append(Segment(""))
    return segments


def lost_mentions(mentions: Labelled) -> list[tuple[str, str]]:
    """Return label and string of the mentions that are not in the text."""
    return [(label, mention.text) for label, mention in mentions if mention.start is None]
