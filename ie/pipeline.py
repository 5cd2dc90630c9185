"""Texts in, extractions out: windows, questions, answers, merging, filtering.

    for document in Extractor(schema="duie").stream(documents): ...

Everything is lazy and in order; memory is bounded by the documents under way.
"""

import warnings
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import count
from pathlib import Path
from typing import Any, overload

from .data.documents import Document, Extraction, shift
from .data.schema import Schema, chosen_tasks, read_schema
from .data.text import windows
from .decoding.confidence import calibrate
from .engines.answered import answer_parts
from .engines.open import open_engine
from .engines.protocol import Engine, Question
from .errors import InputError
from .merge.extractions import at_least, concatenate, merge
from .options import ExtractOptions

DEFAULT_SCHEMA = "news"
# No more documents are read while those that wait for their turn have so many characters, each counted
# with some more.
_MOST_WAITING, _DOCUMENT = 2_000_000, 200


class Extractor:
    """A loaded model with a schema; make one and use it for many texts."""

    def __init__(
        self,
        model: str | Path | Engine | None = None,
        schema: Schema | str | Path | dict[str, Any] | None = None,
        tasks: Sequence[str] | str | None = None,
        *,
        options: ExtractOptions | None = None,
        quantisation: str = "none",
        trust_remote_code: bool = False,
    ) -> None:
        """Load the model and read the schema.

        Args:
            model: see `engines.open_engine`; None is the embedded model.
            schema: an object, a built-in name, a path or a mapping; None is `news`.
            tasks: some of `ner`, `re`, `ee`, or one; None is all that the schema declares.
            options: see `ExtractOptions`; None is its defaults.
            quantisation: `none`, `nf4` or `int8`, for transformers models.
            trust_remote_code: let code that comes with a transformers model run.

        Raises:
            SchemaError: the schema is wrong, or declares no type for a task asked for.
            ModelError: the model cannot be loaded.
            ConfigError: the model reasons before it answers, which cannot be constrained; or it is
                to be quantised, and is no transformers model.
        """
        self.schema = read_schema(DEFAULT_SCHEMA if schema is None else schema)
        self.tasks = chosen_tasks(self.schema, tasks)
        self.options = options or ExtractOptions()
        if model is None or isinstance(model, str | Path):
            model = open_engine(
                model, quantisation=quantisation, trust_remote_code=trust_remote_code
            )
        self.engine = model
        self.engine.check(self.options)
        self._asked = self.schema.only(self.tasks)

    def untrained_notes(self) -> list[str]:
        """Return `untrained` in words, a sentence a task."""
        notes = []
        for task, labels in self.untrained().items():
            shown = "、".join(labels[:8]) + ("…" if len(labels) > 8 else "")
            asked = len(self.schema.types(task))
            notes.append(
                f"{self.engine.name} was not trained on {len(labels)} of {asked} types asked for "
                f"({task}: {shown}); expect little or nothing for them"
            )
        return notes

    def untrained(self) -> dict[str, list[str]]:
        """Return, per task, the labels asked for that the model never saw in training.

        Empty for models that do not say what they were trained on.
        """
        trained = self.engine.trained
        if not trained:
            return {}
        result = {}
        for task in self.tasks:
            known = set(trained.get(task, ()))
            missing = [t.label for t in self.schema.types(task) if t.label not in known]
            if missing:
                result[task] = missing
        return result

    def extract(self, text: str) -> Extraction:
        """Extract from one text."""
        return next(self.stream([Document("text", text)])).extraction

    def stream(self, documents: Iterable[Document]) -> Iterator[Document]:
        """Yield each document with what the model says of it, in order and lazily.

        Annotations that a document already has are replaced; id, text and meta stay. If reading the
        documents fails, those read before are yielded first. Further ones are read before the first
        is yielded: what waits for an answer before it gives its next document waits for ever.

        Raises:
            InputError: a text is no str, or holds half of a surrogate pair, which is no character.
            ModelError: the engine fails.
        """
        source = _Source(documents)
        while not source.is_over:
            answered = answer_parts(
                source.take(),
                self._questions,
                lambda asked: self.engine.answer(asked, self.options),
                self.engine.name,
            )
            for document, parts in answered:
                source.free(document)
                yield document.with_extraction(self._kept(document, self._merged(parts)))
        if source.failure:
            raise source.failure

    def _questions(self, document: Document) -> list[Question]:
        """Return what is asked of a document: each window, of the tasks that share its size."""
        text = document.text
        return [
            Question(text[start:end], self._asked, tasks, start)
            for tasks, *sizes in self.engine.windows(self.tasks)
            for start, end in windows(text, *sizes)
            if text[start:end].strip()
        ]

    def _merged(self, parts: Sequence[tuple[Question, Extraction]]) -> Extraction:
        """Bring the answers of all windows together."""
        tasks = dict.fromkeys(question.tasks for question, _ in parts)
        merged = []
        for asked in tasks:
            some = [(question, found) for question, found in parts if question.tasks == asked]
            spans = [(question.start, question.start + len(question.text)) for question, _ in some]
            merged.append(merge([shift(found, q.start) for q, found in some], spans))
        return concatenate(merged)

    def _kept(self, document: Document, found: Extraction) -> Extraction:
        """Return what the options leave of an extraction, with what the user's lexicon adds."""
        options = self.options
        calibration = options.calibration or self.engine.calibration
        if calibration is not None and options.wants_scores:
            found = calibrate(found, calibration)
        if options.min_score is not None:
            found = at_least(found, options.min_score)
        # What the lexicon says is not weighed against scores.
        if options.lexicon:
            found = options.lexicon.apply(document.text, found)
        return self.engine.settle(found)


class _Source:
    """Documents read ahead of their answers, so many at once and no more."""

    def __init__(self, documents: Iterable[Document]) -> None:
        self._left = iter(documents)
        self._held = 0
        self.is_over = False
        self.failure: Exception | None = None

    def take(self) -> Iterator[Document]:
        """Yield documents until there are no more, reading one fails, or too many wait."""
        while self._held <= _MOST_WAITING:
            try:
                document = _checked(next(self._left))
            except StopIteration:
                self.is_over = True
                return
            except Exception as error:
                # Told after those read before.
                self.is_over, self.failure = True, error
                return
            self._held += _DOCUMENT + len(document.text)
            yield document

    def free(self, document: Document) -> None:
        """Note that a document waits no more."""
        self._held -= _DOCUMENT + len(document.text)


# A str is an Iterable[str] too; the first overload is the one that holds for it.
@overload
def extract(  # type: ignore[overload-overlap]
    text: str,
    schema: Schema | str | Path | dict[str, Any] | None = None,
    tasks: Sequence[str] | str | None = None,
    model: str | Path | None = None,
) -> Extraction: ...


@overload
def extract(
    text: Iterable[str],
    schema: Schema | str | Path | dict[str, Any] | None = None,
    tasks: Sequence[str] | str | None = None,
    model: str | Path | None = None,
) -> list[Extraction]: ...


def extract(
    text: str | Iterable[str],
    schema: Schema | str | Path | dict[str, Any] | None = None,
    tasks: Sequence[str] | str | None = None,
    model: str | Path | None = None,
) -> Extraction | list[Extraction]:
    """Extract entities, relations and events from a text, or from each of several texts.

    The model loaded last is kept for the next call; for several models at once, or for texts
    that do not fit in memory, use `Extractor`.

    >>> extract("国家主席在北京会见了来宾。", schema="msra").entities[0].type
    '地名'

    Warns (UserWarning) of types that the model never saw in training.

    Raises:
        SchemaError: the schema is wrong, or declares no type for a task asked for.
        ModelError: the model cannot be loaded.
        InputError: a text holds half of a surrogate pair.
    """
    extractor = Extractor(_kept_engine(model), schema, tasks)
    for note in extractor.untrained_notes():
        warnings.warn(note, stacklevel=2)
    if isinstance(text, str):
        return extractor.extract(text)
    numbers = count()
    documents = (Document(str(next(numbers)), one) for one in text)
    return [document.extraction for document in extractor.stream(documents)]


@lru_cache(maxsize=1)
def _kept_engine(model: str | Path | None) -> Engine:
    return open_engine(model)


def _checked(document: Document) -> Document:
    """Refuse what no tokenizer takes and no file in UTF-8 can hold."""
    if not isinstance(document.text, str):
        found = type(document.text).__name__
        raise InputError(f"document {document.id!r}: its text is a {found}; expected a str")
    try:
        document.text.encode()
    except UnicodeEncodeError as error:
        raise InputError(
            f"document {document.id!r}: half of a surrogate pair ({document.text[error.start]!a}) at "
            f"{error.start}; expected characters; decode the text again, such as with errors='replace'"
        ) from None
    return document
