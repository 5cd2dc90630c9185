"""Other forms of the same text, with its annotations kept exact.

Every form takes a document and a random, and returns a document whose offsets moved along:
`text[start:end] == mention` as before. A change that would take a mention apart is not made. Extra
keys of the document, such as `asked`, stay.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from random import Random
from typing import Any, TypeVar

import msgspec

from ..data.documents import (
    Argument,
    Document,
    Entity,
    Extraction,
    Mention,
    iter_mentions,
    map_mentions,
)
from ..errors import ConfigError

Form = Callable[[Document, Random], Document]
# A stretch [start, end) of the text and what stands there instead.
Edit = tuple[int, int, str]
_Located = TypeVar("_Located", Entity, Argument, Mention)

_COMMAS = "，,、"
_STOPS = "。！？；!?;"
_BLANK = re.compile(r"[ \u3000\u00a0\t]+")
_HEADINGS = ("要闻", "快讯", "最新消息", "今日关注", "公告", "详情", "正文", "内容摘要", "新闻速览")
_WIDE = {ord(c): chr(ord(c) + 0xFEE0) for c in map(chr, range(0x21, 0x7F))}
_NARROW = {wide: narrow for narrow, wide in ((n, ord(w)) for n, w in _WIDE.items())}
_MARKS = {"，": ",", "。": ".", "！": "!", "？": "?", "；": ";", "：": ":", "（": "(", "）": ")"}
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "“": "&ldquo;", "”": "&rdquo;"}
_URLS = ("http://t.cn/Rx8kQ2", "https://www.example.com/a/2023-05-11/81.shtml", "www.example.org")
_TAGS = (("<p>", "</p>"), ("<div>", "</div>"), ("<strong>", "</strong>"), ("<span>", "</span>"))
_STANDARDS = ("s2t", "s2tw", "s2hk")


def edited(document: Document, edits: Iterable[Edit]) -> Document:
    """Return the document with stretches of its text replaced, and its mentions moved.

    Edits may not overlap. One is left out if a mention begins or ends inside its stretch, or if a
    mention would lose all of its characters; what is inserted beside a mention stays outside it.
    """
    mentions = [item for _, item in iter_mentions(document) if item.span]
    borders = {at for item in mentions for at in item.span}  # type: ignore[union-attr]
    kept: list[Edit] = []
    at = 0
    for start, end, new in sorted(edits):
        if start < at or any(border in borders for border in range(start + 1, end)):
            continue
        if not new and _empties(start, end, kept, mentions):
            continue
        kept.append((start, end, new))
        at = end
    return _applied(document, kept)


def _empties(start: int, end: int, kept: Sequence[Edit], mentions: Sequence[Any]) -> bool:
    """Say whether deleting [start, end) would leave a mention without characters."""
    for item in mentions:
        if item.start <= start and end <= item.end:
            gone = sum(e - s for s, e, new in kept if not new and item.start <= s and e <= item.end)
            # As if the rest of the mention that a deletion could follow were gone already.
            if gone + (end - start) >= item.end - item.start:
                return True
    return False


def _applied(document: Document, edits: Sequence[Edit]) -> Document:
    text = document.text
    # Where a mention that starts, or ends, at each place does so in the new text.
    starts, ends = list(range(len(text) + 1)), list(range(len(text) + 1))
    pieces: list[str] = []
    at = size = 0
    for start, end, new in [*edits, (len(text), len(text), "")]:
        for place in range(at + 1, start + 1):
            starts[place] = ends[place] = size + place - at
        pieces += (text[at:start], new)
        size += start - at + len(new)
        starts[end] = size
        if end > start:
            ends[end] = size
        at = end
    return _moved(document, "".join(pieces), starts, ends)


def _moved(document: Document, text: str, starts: Sequence[int], ends: Sequence[int]) -> Document:
    def moved(item: _Located) -> _Located:
        if item.span is None:
            return item
        start, end = starts[item.span[0]], ends[item.span[1]]
        return msgspec.structs.replace(item, text=text[start:end], start=start, end=end)

    found: Extraction = map_mentions(document.extraction, moved)
    changed = document.with_extraction(found)
    return msgspec.structs.replace(changed, text=text)


def _same_length(document: Document, text: str) -> Document:
    places = range(len(document.text) + 1)
    return _moved(document, text, places, places)


def _inside(document: Document) -> bytearray:
    """Return, for each character, whether a mention covers it."""
    covered = bytearray(len(document.text) + 1)
    for _, item in iter_mentions(document):
        if item.span:
            start, end = item.span
            covered[start:end] = b"\1" * (end - start)
    return covered


def _outside(document: Document, pattern: re.Pattern[str]) -> list[tuple[int, int]]:
    """Return the matches that touch no mention."""
    covered = _inside(document)
    spans = (match.span() for match in pattern.finditer(document.text))
    return [(start, end) for start, end in spans if not any(covered[start:end])]


def _broken(document: Document, rng: Random, marks: str, share: float) -> Document:
    pattern = _BLANK if marks == "blank" else re.compile(f"[{re.escape(marks)}]")
    spans = _outside(document, pattern)
    return edited(document, [(*span, "\n") for span in spans if rng.random() < share])


def break_blanks(document: Document, rng: Random, share: float = 1.0) -> Document:
    """Put a line break in place of blanks; `share` is the chance of each."""
    return _broken(document, rng, "blank", share)


def break_commas(document: Document, rng: Random, share: float = 1.0) -> Document:
    """Put a line break in place of commas."""
    return _broken(document, rng, _COMMAS, share)


def break_stops(document: Document, rng: Random, share: float = 1.0) -> Document:
    """Put a line break in place of full stops and the like."""
    return _broken(document, rng, _STOPS, share)


def wrap_lines(document: Document, rng: Random) -> Document:
    """Break lines at a fixed width, as in plain-text mails, but not inside a mention."""
    width = rng.randint(16, 40)
    covered = _inside(document)
    places = range(width, len(document.text), width)
    return edited(
        document, [(at, at, "\n") for at in places if not covered[at - 1 : at + 1].strip(b"\0")]
    )


def title_and_body(document: Document, rng: Random) -> Document:
    """Put a heading above the text, or make its first clause one."""
    first = _outside(document, re.compile(f"[{_COMMAS}{_STOPS}]"))
    if first and rng.random() < 0.5:
        return edited(document, [(*first[0], rng.choice(("\n", "\n\n", "\n\u3000\u3000")))])
    heading = rng.choice(_HEADINGS) + rng.choice(("\n", "\n\n", "\n\u3000\u3000"))
    return edited(document, [(0, 0, heading)])


def traditional(document: Document, rng: Random) -> Document:
    """Write the text in traditional characters, as in Taiwan or Hong Kong or by neither's rules."""
    return _same_length(document, to_traditional(document.text, rng.choice(_STANDARDS)))


def to_traditional(text: str, standard: str = "s2t") -> str:
    """Return a text of the same length; what would change length is converted by characters.

    Raises:
        ConfigError: OpenCC is missing.
    """
    converter = _converter(standard)
    pieces = []
    for piece in re.split(r"(?<=[。！？\n])", text):
        whole = converter(piece)
        if len(whole) != len(piece):
            whole = "".join(_one_for_one(c, converter(c)) for c in piece)
        pieces.append(whole)
    return "".join(pieces)


def _one_for_one(character: str, other: str) -> str:
    return other if len(other) == 1 else character


@cache
def _converter(standard: str) -> Callable[[str], str]:
    try:
        import opencc
    except ImportError:
        raise ConfigError(
            "traditional characters need OpenCC; run: pip install 'chinchilla-ie[train]'"
        ) from None
    convert: Callable[[str], str] = opencc.OpenCC(standard).convert
    return convert


def full_width(document: Document, rng: Random) -> Document:
    """Write digits, Latin letters and ASCII marks full-width."""
    return _same_length(document, document.text.translate(_WIDE))


def half_width(document: Document, rng: Random) -> Document:
    """Write full-width digits, letters and Chinese marks half-width."""
    text = document.text.translate(_NARROW)
    return _same_length(document, "".join(_MARKS.get(c, c) for c in text))


def without_marks(document: Document, rng: Random) -> Document:
    """Leave all punctuation out, but inside numbers and Latin words; half of the time for blanks."""
    new = rng.choice(("", " "))
    text = document.text
    edits = [
        (at, at + 1, new if not _at_border(document, at) else "")
        for at, character in enumerate(text)
        if unicodedata.category(character)[0] == "P" and not _joins(text, at)
    ]
    return edited(document, edits)


def _at_border(document: Document, at: int) -> bool:
    """Say whether a mention covers this character, where a blank would be at a mention's end."""
    return any(
        item.span and item.span[0] <= at < item.span[1] for _, item in iter_mentions(document)
    )


def _joins(text: str, at: int) -> bool:
    before, after = text[at - 1 : at], text[at + 1 : at + 2]
    return before.isascii() and before.isalnum() and after.isascii() and after.isalnum()


def upper(document: Document, rng: Random) -> Document:
    """Write Latin letters in upper case."""
    return _same_length(document, "".join(_one_for_one(c, c.upper()) for c in document.text))


def lower(document: Document, rng: Random) -> Document:
    """Write Latin letters in lower case."""
    return _same_length(document, "".join(_one_for_one(c, c.lower()) for c in document.text))


def web_remains(document: Document, rng: Random) -> Document:
    """Add what scraping leaves: character entities, no-break blanks, tags, addresses."""
    text = document.text
    covered = _inside(document)
    edits: list[Edit] = [
        (at, at + 1, _ENTITIES[c])
        for at, c in enumerate(text)
        if c in _ENTITIES and not covered[at] and rng.random() < 0.7
    ]
    edits += [(*span, "&nbsp;") for span in _outside(document, _BLANK)]
    stops = _outside(document, re.compile(f"[{_STOPS}{_COMMAS}]"))
    for _, end in stops:
        if rng.random() < 0.25:
            left = ("<br/>", "&nbsp;", "\u00a0", f" {rng.choice(_URLS)} ", "&#160;&#160;")
            edits.append((end, end, rng.choice(left)))
    opening, closing = rng.choice(_TAGS)
    edits += [(0, 0, opening), (len(text), len(text), closing)]
    return edited(document, edits)


def join(documents: Sequence[Document], separator: str = "", id: str = "") -> Document:
    """Return one document of several, in order; extra keys are those of the first."""
    pieces: list[str] = []
    entities: list[Any] = []
    relations: list[Any] = []
    events: list[Any] = []
    size = 0
    for document in documents:
        if pieces:
            pieces.append(separator)
            size += len(separator)

        def moved(item: _Located, by: int = size) -> _Located:
            if item.span is None:
                return item
            start, end = item.span
            return msgspec.structs.replace(item, start=start + by, end=end + by)

        found = map_mentions(document.extraction, moved)
        entities += found.entities
        relations += found.relations
        events += found.events
        pieces.append(document.text)
        size += len(document.text)
    first = documents[0]
    return Document(
        id or first.id,
        "".join(pieces),
        tuple(entities),
        tuple(relations),
        tuple(events),
        meta=first.meta,
    )


def joined(documents: Sequence[Document], rng: Random, length: int) -> list[Document]:
    """Return documents made by joining neighbours into texts of about `length` code points."""
    groups: list[list[Document]] = [[]]
    size = 0
    for document in documents:
        if size + len(document.text) > length and groups[-1]:
            groups.append([])
            size = 0
        groups[-1].append(document)
        size += len(document.text) + 1
    separators = ("", "\n", " ", "\n\n")
    return [join(group, rng.choice(separators)) for group in groups if group]


# The forms that check_form measures, each made fully.
FORMS: dict[str, Form] = {
    "line break for blank": break_blanks,
    "line break for comma": break_commas,
    "line break for full stop": break_stops,
    "lines of a fixed width": wrap_lines,
    "title and body": title_and_body,
    "traditional": traditional,
    "full width": full_width,
    "half width": half_width,
    "no punctuation": without_marks,
    "upper case": upper,
    "lower case": lower,
    "web remains": web_remains,
}
