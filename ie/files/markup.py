"""The text of an HTML page, and whether a text holds markup that nobody took out."""

import re
from html.parser import HTMLParser

# A tag that closes or stands alone, or one of those that every page has, or an entity.
_MARKUP = re.compile(
    r"</[a-z][a-z0-9]{0,9}>|<br\s*/?>|<(?:div|p|span|a|img|table|td|li|strong)(?:\s[^<>]*)?>"
    r"|&(?:nbsp|amp|lt|gt|quot|[lr][sd]quo|mdash|middot|hellip|#\d{2,6}|#x[0-9a-f]{2,5});",
    re.IGNORECASE,
)
_HIDDEN = ("script", "style", "noscript", "template", "head")
# These begin a line of their own; the text of all others goes on in the line.
_BLOCKS = frozenset(
    ("address", "article", "aside", "blockquote", "br", "dd", "div", "dl", "dt", "figcaption")
    + ("figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "li", "main")
    + ("nav", "ol", "p", "pre", "section", "table", "td", "th", "tr", "ul")
)
_BLANKS = re.compile(r"[^\S\n]+")
_LINES = re.compile(r" ?\n[ \n]*")


def holds_markup(text: str) -> str:
    """Return the first markup of a text, or nothing."""
    match = _MARKUP.search(text)
    return match.group() if match else ""


def page_text(page: str) -> str:
    """Return what a page or a piece of one shows: without tags, entities as characters.

    A block begins a line; blanks, non-breaking ones too, become one blank. Damaged pages are read as
    far as they go.
    """
    parser = _Text()
    parser.feed(page)
    parser.close()
    text = _BLANKS.sub(" ", "".join(parser.pieces))
    return _LINES.sub("\n", text).strip()


class _Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.pieces: list[str] = []
        self._hidden = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if self._hidden:
            # Some pages never close their head.
            if self._hidden != "head" or tag != "body":
                return
            self._hidden = ""
        if tag in _HIDDEN:
            self._hidden = tag
        elif tag in _BLOCKS:
            self.pieces.append("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag == self._hidden:
            self._hidden = ""
        elif tag in _BLOCKS:
            self.pieces.append("\n")

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.pieces.append(data.replace("\n", " "))
