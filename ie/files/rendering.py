"""Documents in the forms that `chinchilla extract` writes, each as it comes."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO

from ..data.documents import Document
from .exports import EXPORTS, render_export
from .jsonl import dumps

FORMS = ("jsonl", "table", "csv", "html", *EXPORTS)


def render_documents(
    documents: Iterable[Document],
    form: str,
    *,
    width: int | None = None,
    mark: bool = False,
    issues: Callable[[bytes], None] | None = None,
    lost: Counter[str] | None = None,
) -> Iterator[bytes]:
    """Yield each document in one of the `FORMS`, in UTF-8; what yields is written one after another.

    Without a document the first four yield nothing. Tables are `width` columns wide, as a terminal may be; CSV begins with
    the `mark` without which spreadsheets take a file for one in an older encoding. CSV holds facts
    alone; `issues` gets the rows of another CSV, of what was found amiss.
    `lost` is filled with what a form of others cannot hold; see `exports`.
    """
    # What only some forms need is loaded for them: JSON Lines begin without it.
    if form == "jsonl":
        for document in documents:
            yield (dumps(document) + "\n").encode()
    elif form == "table":
        from .facts import facts_table

        for document in documents:
            yield facts_table(document, *([width] if width else [])).encode()
    elif form == "csv":
        yield from _csv(documents, mark, issues)
    elif form in EXPORTS:
        yield from render_export(documents, form, lost)
    else:
        yield from _page(documents)


def _csv(
    documents: Iterable[Document], mark: bool, issues: Callable[[bytes], None] | None
) -> Iterator[bytes]:
    from .facts import FactsCsv

    table = FactsCsv()
    for number, document in enumerate(documents):
        yield ("\ufeff" * (mark and number == 0) + table.facts(document)).encode()
        if issues is not None and (rows := table.issues(document)):
            issues(rows.encode())


class IssuesBeside:
    """Writes issues to `OUT.issues.csv` beside `OUT.csv`, once there is one."""

    def __init__(self, output: str) -> None:
        path = Path(output)
        self.path = path.with_name(f"{path.name.removesuffix('.csv')}.issues.csv")
        self._file: IO[bytes] | None = None

    def __call__(self, rows: bytes) -> None:
        """Write rows, after the mark that spreadsheets want at the beginning."""
        if self._file is None:
            self._file = self.path.open("wb")
            self._file.write("\ufeff".encode())
        self._file.write(rows)

    def __enter__(self) -> "IssuesBeside":
        # Those of a run before are not those of this one.
        self.path.unlink(missing_ok=True)
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()


def _page(documents: Iterable[Document]) -> Iterator[bytes]:
    from .facts_page import page_article
    from .html import Palette
    from .page import page_end, page_head

    head, palette = page_head("chinchilla extract"), Palette()
    for document in documents:
        yield (head + page_article(document, palette)).encode()
        head = ""
    if not head:
        yield page_end().encode()
