"""A finished run as one HTML page: what it holds, what went wrong, and its first documents."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

from ..data.documents import Document
from ..data.issues import KINDS
from ..files.facts_page import page_article
from ..files.html import Palette, table_html, word
from ..files.page import page_end, page_head
from .shards import FailedText

# What a page shows at most; the rest is in the files of the run.
FAILURES_SHOWN, _DOCUMENTS = 200, 100
_COUNTS = ("documents", "entities", "relations", "events")
# Code points of words that a failure is about.
_RAW = 200


def run_page(
    title: str,
    report: dict[str, Any],
    failures: Sequence[FailedText],
    documents: Iterable[Document],
) -> Iterator[bytes]:
    """Yield the page; the same run gives the same bytes. `failures` are the first ones."""
    meanings = {kind.name: kind.meaning for kind in KINDS}
    issues = [(kind, str(n), meanings.get(kind, "")) for kind, n in report["issues"].items()]
    failed = [(one.document or "", one.stage, one.reason, one.raw[:_RAW]) for one in failures]
    parts = [
        _part("documents", ("", "count"), [(name, str(report[name])) for name in _COUNTS]),
        _part("issues", ("issue", "count", "what it says"), issues),
        _part("failures", ("document", "stage", "reason", "text"), failed),
    ]
    yield (page_head(title) + "".join(parts)).encode("utf-8", "replace")
    palette = Palette()
    for document in islice(documents, _DOCUMENTS):
        yield page_article(document, palette).encode("utf-8", "replace")
    shown = f"<p>{_DOCUMENTS:,} / {report['documents']:,} {word('documents')}</p>\n"
    yield ((shown if report["documents"] > _DOCUMENTS else "") + page_end()).encode()


def _part(name: str, header: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """Return a box with a table, or nothing if that would be empty; the first column is in words of ours."""
    if not rows:
        return ""
    table = table_html(header, rows, ("",))
    return f'<article class="box"><h2>{word(name)}</h2>{table}</article>\n'
