"""Documents on their way through an engine: read ahead, checked, and done in the order of reading."""

from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any

from ..errors import InputError
from .documents import Document, Extraction, Issue
from .issues import UNANSWERED

# No more documents are read while those that wait for their turn have so many characters, each counted
# with some more.
_MOST_WAITING, _DOCUMENT = 2_000_000, 200


class DocumentQueue:
    """Documents that wait for their answers, so many at once and no more.

    `is_over` says whether all were read. `failure` is what ended reading, to be told after those read
    before. With `keeps`, what is wrong with one document is told in an issue of it instead.
    """

    def __init__(self, documents: Iterable[Document], *, keeps: bool = False) -> None:
        self.is_over = False
        self.failure: Exception | None = None
        self._left = iter(documents)
        self._keeps = keeps
        self._held = 0
        # Each with what is wrong with it, if anything is.
        self._waiting: deque[tuple[Document, str]] = deque()

    def take(self) -> Iterator[Document]:
        """Yield documents until there are no more, reading one fails, or too many wait.

        One that is kept although something is wrong with it has no text to ask about.
        """
        while self._held <= _MOST_WAITING:
            try:
                document = next(self._left)
                problem = _problem(document)
                if problem and not self._keeps:
                    raise InputError(problem)
            except StopIteration:
                self.is_over = True
                return
            except Exception as error:
                self.is_over, self.failure = True, error
                return
            if problem:
                document = _named(document)
            self._waiting.append((document, problem))
            self._held += _DOCUMENT + len(document.text)
            yield Document(document.id, "") if problem else document

    def done(self, document: Document) -> Document:
        """Return the document that waited longest, with what was found in it."""
        waiting, problem = self._waiting.popleft()
        self._held -= _DOCUMENT + len(waiting.text)
        return without_answer(waiting, problem) if problem else document

    def failed(self, error: Exception) -> Iterator[Document]:
        """Yield the documents that waited when an engine failed.

        Raises:
            Exception: the error itself, if documents are not kept or none waited.
        """
        if not (self._keeps and self._waiting):
            raise error
        while self._waiting:
            waiting, problem = self._waiting[0]
            yield self.done(without_answer(waiting, problem or str(error)))


def without_answer(document: Document, problem: str) -> Document:
    """Return a document with an issue that says why it has no answer."""
    issue = Issue(UNANSWERED, f"no answer: {problem}")
    return document.with_extraction(Extraction(issues=(issue,)))


def _problem(document: Any) -> str:
    """Return why no tokenizer takes a text, and no file in UTF-8 can hold it; or nothing."""
    if not isinstance(document, Document):
        return f"{document!r:.80} is a {type(document).__name__}; expected a Document"
    text: Any = document.text
    if not isinstance(text, str):
        shown = f"{text!r:.40}"
        return f"document {document.id!r}: its text is a {type(text).__name__}, {shown}; expected a str"
    try:
        text.encode()
    except UnicodeEncodeError as error:
        return (
            f"document {document.id!r}: half of a surrogate pair ({text[error.start]!a}) at "
            f"{error.start}; expected characters; decode the text again, such as with errors='replace'"
        )
    return ""


def _named(document: Any) -> Document:
    """Return what can be written of a document with which something is wrong."""
    if not isinstance(document, Document):
        return Document("", "")
    text = document.text if isinstance(document.text, str) else ""
    return Document(document.id, text.encode("utf-8", "replace").decode(), meta=document.meta)
