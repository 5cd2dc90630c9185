"""Texts in, extractions out: windows, prompts, completions, decoding, merging.

    for document in Extractor(schema="duie").stream(documents): ...

Everything is lazy and in order; memory is bounded by the documents under way.
"""

import random
import warnings
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from itertools import count, groupby
from pathlib import Path
from typing import Any, overload

from .data.documents import Document, Event, Extraction, Issue, shift
from .data.issues import excerpt
from .data.schema import Schema, chosen_tasks, read_schema
from .data.text import windows
from .decoding.confidence import Calibration, calibrate, without_scores
from .decoding.decode import decode
from .decoding.formats import AskedTrigger
from .engines.constrain import AnswerConstraint, without_roles
from .engines.open import Engine, open_engine
from .engines.protocol import Completion
from .errors import ConfigError, InputError, ModelError
from .merge.extractions import at_least, merge, without_repeats
from .merge.lexicon import Lexicon
from .merge.vote import vote
from .mini.hints import Marker, Reading, marker
from .mini.support import settled, supported
from .prompts.messages import Prompt
from .prompts.prompt import occurrence_of, render_arguments, render_prompt, split_schema

DEFAULT_SCHEMA = "news"
# Characters in one prompt for models whose style does not say.
_WINDOW = 2000
# Documents whose texts hold this many characters are asked together, where all must be known first.
_BATCH_CHARACTERS = 100_000
# No more documents are read while those that wait for their turn have so many characters, each counted
# with some more.
_MOST_WAITING, _DOCUMENT = 2_000_000, 200
_MAX_TOKENS = 1024


@dataclass(frozen=True)
class ExtractOptions:
    """How to ask and what to make of the answers.

    Args:
        types_per_prompt: split larger schemas over several prompts and unite their answers;
            None leaves it to the model's style.
        orders: ask with the types in so many orders, the first as declared; what at least
            `agreement` of the answers say is kept, with its share of them as its score.
        agreement: see `orders`.
        scores: ask the engine for token probabilities, from which every mention and fact gets
            its `score`; CTranslate2 reads prompt and answer again for them under `constrain`, or if
            the model is large.
        min_score: leave out what scores less; implies `scores`.
        calibration: turns scores into probabilities of being right, before `min_score`; implies
            `scores`. None is the one that comes with the model, if any, for scores asked for.
        near_miss: read an undeclared type or role as the declared one that it resembles.
        lexicon: entities to add, force or forbid; see `lexicon.read_lexicon`.
        constrain: let the model write only answers that parse, with labels of the schema and
            mentions of the text.
    """

    types_per_prompt: int | None = None
    orders: int = 1
    agreement: float = 0.5
    scores: bool = False
    min_score: float | None = None
    calibration: Calibration | None = None
    near_miss: bool = False
    lexicon: Lexicon | None = None
    constrain: bool = False

    def __post_init__(self) -> None:
        """Refuse numbers that would leave out or ask for nothing, and names of files.

        Raises:
            ConfigError: names the option and what it may be.
        """
        for name, kind, read in (
            ("lexicon", Lexicon, "merge.lexicon.read_lexicon"),
            ("calibration", Calibration, "engines.open.read_calibration"),
        ):
            value = getattr(self, name)
            if value is not None and not isinstance(value, kind):
                found = type(value).__name__
                raise ConfigError(
                    f"{name} is a {found}; expected a {kind.__name__}, which "
                    f"chinchilla.{read} makes of a file"
                )
        for name in ("agreement", "min_score"):
            value = getattr(self, name)
            # Not a number compares as False with anything.
            if value is not None and not 0 <= value <= 1:
                raise ConfigError(f"{name} is {value}; expected a number from 0 to 1")
        for name in ("orders", "types_per_prompt"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ConfigError(f"{name} is {value}; expected at least 1")
        if self.orders > 1 and self.calibration is not None:
            raise ConfigError(
                f"orders is {self.orders}, whose scores are shares of the answers; expected 1 with a "
                "calibration, which is for the scores of an engine"
            )

    @property
    def wants_scores(self) -> bool:
        """Whether scores of the engine are to be returned, or compared with `min_score`."""
        is_asked = self.scores or self.min_score is not None or self.calibration is not None
        return self.orders == 1 and is_asked


@dataclass(frozen=True)
class _Question:
    """One prompt: which document, type order and window it is about, and what it asks.

    `asked` is the trigger, with its occurrence, in the second of two steps in which events may be
    asked: a trigger that occurs once has occurrence 0, and no trigger is an empty string.
    """

    document: int
    order: int
    task: str
    start: int
    text: str
    schema: Schema
    prompt: Prompt
    asked: AskedTrigger | None = None


_Answered = tuple[_Question, Extraction]


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
        self.engine = (
            model
            if isinstance(model, Engine)
            else open_engine(model, quantisation=quantisation, trust_remote_code=trust_remote_code)
        )
        if self.options.constrain and self.engine.style.rationale:
            raise ConfigError(
                f"{self.engine.name}: was taught to reason before it answers, which a constraint "
                "would forbid; run without constraint"
            )

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
        trained = self.engine.style.trained
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
        """
        # A second step, and constraints, are for whole batches of documents.
        in_batches = self.engine.style.steps == 2 or self.options.constrain
        for some in _gather(documents) if in_batches else [documents]:
            left = iter(some)
            while not (yield from self._ask(left)):
                pass

    def _ask(self, documents: Iterator[Document]) -> Generator[Document, None, bool]:
        """Yield each document with its answers, while further ones are read and asked.

        Returns whether that was the last of them: it ends too where many wait for their turn, as those
        do of which nothing is asked.
        """
        waiting: deque[Document] = deque()
        is_over, held = False, 0
        failure: Exception | None = None

        def read() -> Iterator[Document]:
            nonlocal is_over, held, failure
            while True:
                try:
                    document = _checked(next(documents))
                except StopIteration:
                    break
                except Exception as error:
                    failure = error
                    break
                waiting.append(document)
                held += _size(document)
                yield document
                if held > _MOST_WAITING:
                    return
            is_over = True

        def finished(found: Extraction) -> Document:
            nonlocal held
            document = waiting.popleft()
            held -= _size(document)
            return self._finished(document, found)

        answered = self._answer(self._questions(read()))
        if self.engine.style.steps == 2:
            answered = self._ask_arguments(answered)
        done = 0
        for number, parts in groupby(answered, lambda pair: pair[0].document):
            found = _gathered(parts, self.options)
            # Nothing was asked of the documents between.
            for _ in range(number - done):
                yield finished(Extraction())
            yield finished(found)
            done = number + 1
        while waiting:
            yield finished(Extraction())
        if failure:
            raise failure
        return is_over

    def _finished(self, document: Document, extraction: Extraction) -> Document:
        options = self.options
        calibration = options.calibration or self.engine.calibration
        if calibration is not None and options.wants_scores:
            extraction = calibrate(extraction, calibration)
        if options.min_score is not None:
            extraction = at_least(extraction, options.min_score)
        # Last: what the user's lexicon says is not weighed against scores.
        if options.lexicon:
            extraction = options.lexicon.apply(document.text, extraction)
        if self.engine.style.support:
            extraction = settled(extraction)
        return document.with_extraction(extraction)

    def _answer(self, made: Iterable[_Question]) -> Iterator[_Answered]:
        """Ask questions, made while the engine answers those before; yield them with answers."""
        constraints = None
        if self.options.constrain:
            made = list(made)
            constraints = [self._constraint(question) for question in made]
        asked: deque[_Question] = deque()

        def prompts() -> Iterator[Prompt]:
            for question in made:
                asked.append(question)
                yield question.prompt

        left = prompts()
        completions = self.engine.backend.generate(
            left,
            max_tokens=_MAX_TOKENS,
            scores=self._reads_scores,
            constraints=constraints,
        )
        for completion in completions:
            question = asked.popleft()
            yield question, self._decode(question, completion)
        if asked or next(left, None) is not None:
            raise ModelError(f"{self.engine.name}: the engine left prompts without an answer")

    def _constraint(self, question: _Question) -> AnswerConstraint:
        is_first_step = self.engine.style.steps == 2 and question.asked is None
        schema = without_roles(question.schema) if is_first_step else question.schema
        return AnswerConstraint(schema, question.task, question.text, self.engine.style.format)

    def _decode(self, question: _Question, completion: Completion) -> Extraction:
        if completion.finish_reason == "refused":
            return Extraction(issues=(_refused(question, completion.problem),))
        extraction = decode(
            completion.text,
            question.text,
            question.schema,
            self.engine.style.format,
            (question.task,),
            finish_reason=completion.finish_reason,
            token_ends=completion.token_ends if self._reads_scores else (),
            log_probs=completion.log_probs if self._reads_scores else (),
            near_miss=self.options.near_miss,
            asked=question.asked,
            offset=question.start,
        )
        found = self._supported(question, without_repeats(extraction))
        is_scored = self._reads_scores and not self.options.wants_scores
        return without_scores(found) if is_scored else found

    def _supported(self, question: _Question, extraction: Extraction) -> Extraction:
        style = self.engine.style
        is_empty = not (extraction.entities or extraction.relations or extraction.events)
        if is_empty or not style.support:
            return extraction
        seen = self._marker and self._marker.seen(question.text, question.task, question.schema)
        least = style.support.get(seen.head) if seen else None
        if not (seen and least):
            return extraction
        return supported(
            extraction, question.text, seen.words, seen.known, least, offset=question.start
        )

    @cached_property
    def _reads_scores(self) -> bool:
        """Whether scores are asked for, or what is returned hangs on them."""
        style = self.engine.style
        scored = {name for name, least in style.support.items() if any(least)}
        heads = self._marker.tagger.heads.items() if self._marker and scored else ()
        is_held = any(name in scored and head.task in self.tasks for name, head in heads)
        return self.options.wants_scores or is_held

    @cached_property
    def _marker(self) -> Marker | None:
        return marker(self.engine.style.hints) if self.engine.style.hints else None

    def _questions(self, documents: Iterable[Document]) -> Iterator[_Question]:
        """Yield what is asked of the documents, lazily and in order."""
        style = self.engine.style
        shards = {task: self._shards(task) for task in self.tasks}
        places: Iterator[tuple[int, str, int, str]] = (
            (i, *place) for i, document in enumerate(documents) for place in self._places(document)
        )
        found = self._marker
        if found:
            places = found.ahead(
                places,
                lambda place: [
                    Reading(place[3], place[1], schema) for _, schema in shards[place[1]]
                ],
            )
        for number, task, start, text in places:
            for order, schema in shards[task]:
                if found and task in style.only_marked and found.is_bare(text, task, schema):
                    continue
                asked = found.glimpsed(text, task, schema, style.glimpsed) if found else schema
                if asked.types(task):
                    prompt = render_prompt(task, schema, text, style, asked)
                    yield _Question(number, order, task, start, text, schema, prompt)

    def _places(self, document: Document) -> Iterator[tuple[str, int, str]]:
        """Yield the windows to ask each task of: task, start and text."""
        for task in self.tasks:
            size = self.engine.style.window.get(task, _WINDOW)
            # Relations and events reach over sentences; a long text is read with overlap.
            overlap = 0 if task == "ner" else size // 5
            for start, end in windows(document.text, size, overlap):
                text = document.text[start:end]
                if text.strip():
                    yield task, start, text

    def _shards(self, task: str) -> list[tuple[int, Schema]]:
        """Return the schemas to ask for, each with the number of its type order."""
        limit = self.options.types_per_prompt or self.engine.style.types_per_prompt.get(task)
        shards = []
        for order in range(self.options.orders):
            labels = [item.label for item in self.schema.types(task)]
            if order:
                random.Random(order).shuffle(labels)
            ordered = self.schema.select(task, labels)
            shards += [(order, schema) for schema in split_schema(ordered, task, limit)]
        return shards

    def _ask_arguments(self, answered: Iterable[_Answered]) -> Iterator[_Answered]:
        """Replace each event found by the answer to the question for its arguments."""
        kept: list[_Answered] = []
        further: list[_Question] = []
        for question, answer in answered:
            if question.task != "ee" or not answer.events:
                kept.append((question, answer))
                continue
            # A trigger is asked about once, as in training; the events of the first step are gone.
            asked = {_named(event): event for event in answer.events}
            issues = tuple(_without_event(issue) for issue in answer.issues)
            kept.append((question, Extraction(issues=issues)))
            further += [self._argument_question(question, event) for event in asked.values()]
        kept += self._answer(further)
        return iter(sorted(kept, key=lambda pair: pair[0].document))

    def _argument_question(self, question: _Question, event: Event) -> _Question:
        schema = question.schema.select("ee", [event.type])
        trigger = event.trigger.text if event.trigger else None
        start = event.trigger.start if event.trigger else None
        place = occurrence_of(question.text, trigger, start) if trigger else 0
        prompt = render_arguments(schema, trigger, question.text, self.engine.style, place)
        return replace(question, schema=schema, prompt=prompt, asked=(trigger or "", place))


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


def _named(event: Event) -> tuple[str, str, int | None]:
    """Return the type of an event, and what and where its trigger is."""
    trigger = event.trigger
    return event.type, trigger.text if trigger else "", trigger.start if trigger else None


def _without_event(issue: Issue) -> Issue:
    return Issue(issue.kind, issue.detail) if issue.where.startswith("events[") else issue


def _refused(question: _Question, problem: str) -> Issue:
    end = question.start + len(question.text)
    trigger = f", trigger {excerpt(question.asked[0])!r}" if question.asked else ""
    where = f"{question.task} at [{question.start}, {end}){trigger}"
    return Issue("unparsable", f"no answer for {where} from the server: {problem}")


def _size(document: Document) -> int:
    return _DOCUMENT + len(document.text)


def _gather(documents: Iterable[Document]) -> Iterator[list[Document]]:
    batch: list[Document] = []
    size = 0
    try:
        for document in documents:
            batch.append(document)
            size += _size(document)
            if size >= _BATCH_CHARACTERS:
                yield batch
                batch, size = [], 0
    except Exception:
        # What was read before is not lost.
        if batch:
            yield batch
        raise
    if batch:
        yield batch


def _gathered(parts: Iterable[_Answered], options: ExtractOptions) -> Extraction:
    """Bring the answers of a document together: windows and shards merged, orders voted."""
    tasks: dict[str, dict[int, list[_Answered]]] = {}
    for question, answer in parts:
        orders = tasks.setdefault(question.task, {})
        orders.setdefault(question.order, []).append((question, answer))
    return _united([_voted(orders, options) for orders in tasks.values()])


def _voted(orders: dict[int, list[_Answered]], options: ExtractOptions) -> Extraction:
    # An order in which nothing had to be asked says nothing.
    answers = [_merged(orders.get(order, ())) for order in range(options.orders)]
    return answers[0] if len(answers) == 1 else vote(answers, options.agreement)


def _merged(parts: Sequence[_Answered]) -> Extraction:
    shifted = [shift(answer, question.start) for question, answer in parts]
    return merge(shifted, [(q.start, q.start + len(q.text)) for q, _ in parts])


def _united(parts: Sequence[Extraction]) -> Extraction:
    return Extraction(
        tuple(entity for part in parts for entity in part.entities),
        tuple(relation for part in parts for relation in part.relations),
        tuple(event for part in parts for event in part.events),
        tuple(issue for part in parts for issue in part.issues),
    )
