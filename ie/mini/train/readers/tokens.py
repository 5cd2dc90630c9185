"""Texts made of tokens, and the places of tokens in them."""

from collections.abc import Iterable, Sequence

from ..kit import Argument, Entity, Mention, Relation, find_all

_NO_BLANK_BEFORE = frozenset(
    [".", ",", ";", ":", "!", "?", ")", "]", "}", "%", "n't", "’", "”", "…"]
)
_NO_BLANK_AFTER = frozenset(["(", "[", "{", "$", "#", "“", "‘"])

Span = tuple[int, int]


class Laid:
    """The text of tokens joined in a style, where token i stands at `spans[i]`.

    Styles: "" joins characters, " " puts a blank between words, "english" leaves the blank out
    where English writes none.
    """

    def __init__(self, tokens: Sequence[str], style: str = "") -> None:
        pieces: list[str] = []
        self.spans: list[Span] = []
        at = 0
        before = ""
        for token in tokens:
            if pieces and _has_blank(before, token, style):
                pieces.append(" ")
                at += 1
            pieces.append(token)
            self.spans.append((at, at + len(token)))
            at += len(token)
            before = token
        self.text = "".join(pieces)

    def place(self, first: int, end: int) -> Span | None:
        """Return the code points of tokens [first, end), or None if there are no such tokens."""
        if not 0 <= first < end <= len(self.spans):
            return None
        return self.spans[first][0], self.spans[end - 1][1]

    def entity(self, kind: str | None, first: int, end: int) -> Entity:
        """Return the entity of tokens [first, end); without a place if there are none such."""
        return entity(self.text, kind, self.place(first, end))

    def mention(self, first: int, end: int) -> Mention:
        """Return the mention of tokens [first, end)."""
        span = self.place(first, end)
        return Mention(self.text[slice(*span)], *span) if span else Mention("", None, None)

    def argument(self, role: str, first: int, end: int) -> Argument:
        """Return the argument of tokens [first, end)."""
        return argument(self.text, role, self.place(first, end))

    def entities(self, spans: Iterable[tuple[str, int, int]]) -> tuple[Entity, ...]:
        """Return the entities of `(type, first, end)` token spans."""
        return tuple(self.entity(*span) for span in spans)


def _has_blank(before: str, token: str, style: str) -> bool:
    if style != "english":
        return style == " "
    if before in _NO_BLANK_AFTER or token in _NO_BLANK_BEFORE:
        return False
    return not (token[:1] in "'’" and 1 < len(token) < 4)


def entity(text: str, kind: str | None, span: Span | None) -> Entity:
    """Return the entity at a span with blanks at its ends left outside."""
    span = stripped(text, span)
    return Entity(kind, text[slice(*span)], *span) if span else Entity(kind, "", None, None)


def argument(text: str, role: str, span: Span | None) -> Argument:
    """Return the argument at a span with blanks at its ends left outside."""
    span = stripped(text, span)
    return Argument(role, text[slice(*span)], *span) if span else Argument(role, "", None, None)


def stripped(text: str, span: Span | None) -> Span | None:
    """Return a span without the blanks at its ends; None if nothing is left or it is no span."""
    if span is None or not 0 <= span[0] < span[1] <= len(text):
        return None
    start, end = span
    while start < end and text[start].isspace():
        start += 1
    while start < end and text[end - 1].isspace():
        end -= 1
    return (start, end) if start < end else None


def found(text: str, mention: str, near: int = 0) -> Span | None:
    """Return the occurrence of a string whose start is nearest to `near`, or None."""
    mention = mention.strip()
    starts = find_all(text, mention)
    if not starts:
        return None
    best = min(starts, key=lambda at: abs(at - near))
    return best, best + len(mention)


def distinct(relations: Iterable[Relation]) -> tuple[Relation, ...]:
    """Return the relations without those that were there before."""
    kept = {(item.type, item.subject, item.object): item for item in relations}
    return tuple(kept.values())
