"""Web pages: the main text by trafilatura, or all that the page shows where that is not installed."""

from collections.abc import Iterator
from importlib.util import find_spec

from ...data.documents import Document
from ..jsonl import decode_line
from ..markup import page_text
from .source import Found, Source


def read_page(source: Source) -> Iterator[Found]:
    """Yield the text of a page. A page without a main text, as of links alone, is read as a whole."""
    page = decode_line(source.text(), source.name, source.encoding)
    main = _main_text(page)
    if main:
        text, which = main, "by its main text, without menus and the like"
    else:
        text, which = page_text(page), "by all that it shows"
    source.tell("page", f"read as a page, {which}; offsets count in that text")
    yield Document(source.stem, source.checked(text), meta={"file": source.name})


def _main_text(page: str) -> str:
    if find_spec("trafilatura") is None or not page.strip():
        return ""
    try:
        from trafilatura import extract

        return extract(page, output_format="txt", include_comments=False) or ""
    except Exception:
        # A page may be damaged in any way; it is then read as far as it goes. Nor is a package of
        # trafilatura that is missing a reason to read no page.
        return ""
