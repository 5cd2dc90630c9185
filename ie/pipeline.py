"""Texts in, extractions out: windows, questions, answers, merging, filtering.

    for document in Extractor(schema="duie").stream(documents): ...

Everything is lazy and in order; memory is bounded by the documents under way.
"""

import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache, partial
from itertools import count
from pathlib import Path
from typing import Any, overload

from .data.document_queue import DocumentQueue
from .data.documents import Document, Extraction, shift
from .data.schema import Schema, chosen_tasks, read_schema
from .data.text import windows
from .decoding.confidence import calibrate, without_scores
from .engines.answered import answer_parts
from .engines.open import is_writer, open_engine
from .engines.protocol import Engine, Question, Usage
from .errors import ConfigError, InputError, ModelError, ModelGoneError
from .files.places import with_boxes
from .merge.extractions import at_least, concatenate, merge
from .options import ExtractOptions

DEFAULT_SCHEMA = "news"


class Extractor:
    """A loaded model with a schema; make one and use it for many texts."""

    def __init__(
        self,
        model: str | Path | Engine | None = None,
        schema: Schema | str | Path | dict[str, Any] | None = None,
        tasks: Sequence[str] | str | None = None,
        *,
        options: ExtractOptions | None = None,
        **opening: Any,
    ) -> None:
        """Load the model and read the schema.

        Args:
            model: see `engines.open.open_engine`; None is the embedded model.
            schema: an object, a built-in name, a path or a mapping; None is `news`.
            tasks: some of `ner`, `re`, `ee`, in a list or by commas; None is all that the schema declares.
            options: see `ExtractOptions`; None is its defaults.
            opening: further arguments of `engines.open.open_engine`, such as `quantisation="int8"`.

        A copy by pickle, as for another process, loads the model again; one made of a loaded engine is
        copied with it, if the engine can be.

        Raises:
            SchemaError: the schema is wrong, or declares no type for a task asked for.
            InputError: the lexicon names a type that is not in the schema.
            ModelError: the model cannot be loaded.
            ConfigError: the model reasons before it answers, which cannot be constrained; or it is
                to be quantised, and is no transformers model.
        """
        self.schema = read_schema(DEFAULT_SCHEMA if schema is None else schema)
        self.tasks = chosen_tasks(self.schema, tasks)
        self.options = options or ExtractOptions()
        if self.options.lexicon is not None:
            lexicon = self.options.lexicon.for_schema(self.schema)
            self.options = replace(self.options, lexicon=lexicon)
        self._asked = self.schema.only(self.tasks)
        self._opening = opening
        if model is None or isinstance(model, str | Path):
            self._model: str | Path | Engine | None = model
            self.engine = open_engine(model, **opening)
        else:
            self._model = self.engine = model
        self.engine.check(self.options)
        if self.options.for_writers and not is_writer(self.engine):
            raise ConfigError(
                f"{self.engine.name}: is no language model, so {' and '.join(self.options.for_writers)} "
                "would have no effect; leave it out"
            )

    def __reduce__(self) -> tuple[Any, ...]:
        """Return what makes it anew, as pickle asks: the model is loaded again where it is opened."""
        make = partial(Extractor, options=self.options, **self._opening)
        return make, (self._model, self.schema, self.tasks)

    @property
    def usage(self) -> Usage | None:
        """The tokens that all answers so far took, if the engine counts them."""
        return getattr(self.engine, "usage", None)

    @property
    def note(self) -> str:
        """What a user should know of how the model is asked; usually nothing."""
        return getattr(self.engine, "note", "")

    def untrained_notes(self) -> list[str]:
        """Return `untrained` in words, a sentence a task."""
        notes = []
        for task, labels in self.untrained().items():
            shown = "、".join(labels[:8]) + ("…" if len(labels) > 8 else "")
            asked = len(self.schema.types(task))
            notes.append(
                f"{self.engine.name} was not trained on {len(labels)} of {asked} types asked for "
                f"({task}: {shown}); it goes by their words: add descriptions and examples, or tune it"
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
            missing = [
                item.label
                for item in self.schema.types(task)
                if item.label not in known and item.name not in known
            ]
            if missing:
                result[task] = missing
        return result

    def extract(self, text: str) -> Extraction:
        """Extract from one text."""
        return next(self.stream([Document("text", text)])).extraction

    def stream(self, documents: Iterable[Document], on_error: str = "raise") -> Iterator[Document]:
        """Yield each document with what the model says of it, in order and lazily.

        Annotations that a document already has are replaced; id, text and meta stay. If reading the
        documents fails, those read before are yielded first. Further ones are read before the first
        is yielded: do not feed results back into the input.

        Args:
            documents: texts with ids.
            on_error: `raise`, or `keep`: a document that cannot be read or answered is yielded
                without annotations, with an issue `unparsable` that says why.

        Raises:
            InputError: a text is no str, or holds half of a surrogate pair, which is no character.
            ModelError: the engine fails.
            ConfigError: `on_error` is another word.
        """
        if on_error not in ("raise", "keep"):
            raise ConfigError(f"on_error is {on_error!r}; expected 'raise' or 'keep'")
        queue = DocumentQueue(documents, keeps=on_error == "keep")
        return self._stream(queue)

    def _stream(self, queue: DocumentQueue) -> Iterator[Document]:
        while not queue.is_over:
            # Windows are cut and asked, answers merged, and what the options leave is kept.
            answered = answer_parts(
                queue.take(),
                self._questions,
                lambda asked: self.engine.answer(asked, self.options),
                self.engine.name,
            )
            try:
                for document, parts in answered:
                    yield queue.done(self._kept(document, self._merged(parts)))
            except ModelGoneError:
                # Those that wait would fail as well, and all that come after them.
                raise
            except ModelError as error:
                yield from map(with_boxes, queue.failed(error))
        if queue.failure:
            raise queue.failure

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

    def _kept(self, document: Document, found: Extraction) -> Document:
        """Return the document with what the options leave, and what the user's lexicon adds."""
        options = self.options
        calibration = options.calibration or self.engine.calibration
        if calibration is not None and options.wants_scores:
            found = calibrate(found, calibration)
        if options.min_score is not None:
            found = at_least(found, options.min_score)
        # What the lexicon says is not weighed against scores.
        if options.lexicon:
            found = options.lexicon.apply(document.text, found)
        found = self.engine.settle(found)
        if not options.wants_scores:
            found = without_scores(found)
        if options.wants_values:
            from .merge.values import add_values, date_of  # compiles many patterns

            day = options.document_date and date_of(document, options.document_date)
            found = add_values(found, day or None)
        return with_boxes(document.with_extraction(found))


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
        InputError: a text is no str, or holds half of a surrogate pair.
    """
    if not isinstance(text, Iterable) or isinstance(text, bytes | dict):
        raise InputError(f"text is {text!r:.80}; expected a str, or several in a list")
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
