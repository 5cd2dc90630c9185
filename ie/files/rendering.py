"""Documents in the forms that `chinchilla extract` writes, each as it comes."""

from collections.abc import Iterable, Iterator

from ..data.documents import Document
from .jsonl import dumps

FORMS = ("jsonl", "table", "csv", "html")


def render_documents(
    documents: Iterable[Document], form: str, *, color: bool = False, mark: bool = False
) -> Iterator[bytes]:
    """Yield each document in one of the `FORMS`, in UTF-8; what yields is written one after another.

    Without a document nothing is yielded. A table may have `color`, for a terminal; CSV begins with
    the `mark` without which spreadsheets take a file for one in an older encoding.
    """
    # What only some forms need is loaded for them: JSON Lines begin without it.
    if form == "jsonl":
        for document in documents:
            yield (dumps(document) + "\n").encode()
    elif form == "table":
        from .facts import facts_table

        for document in documents:
            yield facts_table(document, color=color).encode()
    elif form == "csv":
        yield from _csv(documents, mark)
    else:
        yield from _page(documents)


def _csv(documents: Iterable[Document], mark: bool) -> Iterator[bytes]:
    from .facts import facts_csv

    for number, document in enumerate(documents):
        rows = facts_csv(document, header=number == 0)
        yield ("\ufeff" * (mark and number == 0) + rows).encode()


def _page(documents: Iterable[Document]) -> Iterator[bytes]:
    from .facts_page import PAGE_END, page_article, page_head

    head = page_head("chinchilla extract")
    for document in documents:
        yield (head + page_article(document)).encode()
        head = ""
    if not head:
        yield PAGE_END.encode()
