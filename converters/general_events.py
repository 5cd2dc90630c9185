"""General-events: DuEE's format, but 33 sentences come twice with the same id, annotated apart.

An id that has come before gets a number at its end, so that every document has its own.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from chinchilla.converters.duee import read_placed
from chinchilla.converters.report import Report
from chinchilla.data.documents import Document


def read(
    paths: Iterable[str | Path],
    report: Report,
    *,
    name: str = "general-events",
    encoding: str = "auto",
) -> Iterator[Document]:
    """Yield a document per record; ids are kept in memory."""
    seen: Counter[str] = Counter()
    for place, document in read_placed(paths, report, name=name, encoding=encoding):
        seen[document.id] += 1
        if (number := seen[document.id]) > 1:
            report.note("repeated id", place, repr(document.id))
            document = msgspec.structs.replace(document, id=f"{document.id}-{number}")
        yield document
