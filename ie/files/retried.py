"""A file of results with documents that got no answer: they alone are asked again, in their places."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from ..data.documents import Document
from ..data.issues import unanswered
from .jsonl import read_documents


def retried(
    path: str | Path, answer: Callable[[Iterable[Document]], Iterator[Document]]
) -> Iterator[Document]:
    """Yield the documents of a file in order, those without an answer as `answer` gives them.

    The file is read twice, so that any number of documents may have failed.

    Raises:
        InputError: names file and line of what is no document.
    """
    failed = (document for document in read_documents(path) if unanswered(document))
    answered = answer(failed)
    for document in read_documents(path):
        yield next(answered) if unanswered(document) else document
