"""Language models as engines: a question becomes prompts, their completions one extraction."""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain, islice

from ..data.documents import Event, Extraction, Issue, shift
from ..data.issues import excerpt
from ..data.schema import Schema
from ..data.text import windows
from ..decoding.confidence import Calibration
from ..decoding.decode import decode
from ..decoding.formats import AskedTrigger
from ..errors import ConfigError, ModelError
from ..merge.extractions import merge, without_repeats
from ..options import ExtractOptions
from ..prompts.messages import Prompt
from ..prompts.prompt import (
    PromptStyle,
    occurrence_of,
    render_arguments,
    render_prompt,
    split_schema,
)
from .answered import answer_parts
from .constrain import AnswerConstraint, without_roles
from .protocol import Backend, Completion, Question, Window

# Characters in one prompt for models whose style does not say.
_WINDOW = 2000
# Characters of the longest usual name.
_LONGEST_NAME = 24
# Questions whose texts hold this many characters are asked together, where all must be known first;
# each counts as some more.
_BATCH_CHARACTERS, _QUESTION = 100_000, 200
# Texts so short are not halved; nor is one more often than this whose answer was cut off, which may be
# a model that goes on for ever, or that is too long for the model, which costs nothing to find out.
_SHORTEST, _MOST_HALVED, _MOST_FITTED = 32, 4, 16
# An answer whose last characters repeat a stretch of at most so many goes round in circles; the text
# is then halved once, since shorter texts seldom mend that and each halving costs the whole again.
_TAIL, _LONGEST_CIRCLE = 200, 50


@dataclass(frozen=True, slots=True)
class Ask:
    """One prompt: the question that it is part of, its task, and the schema of the answer.

    `trigger` is what the second of two steps asks about, with its occurrence: a trigger that occurs
    once has occurrence 0, and no trigger is an empty string. `depth` is how often the text was halved.
    """

    question: Question
    task: str
    schema: Schema
    prompt: Prompt
    trigger: AskedTrigger | None = None
    depth: int = 0


_Answered = tuple[Ask, Extraction]


@dataclass(frozen=True)
class Writer:
    """A language model behind a backend, and how it is to be asked."""

    name: str
    backend: Backend
    style: PromptStyle
    calibration: Calibration | None = None
    # A run asks for one schema again and again.
    _kept: dict[tuple[int, str, int | None], tuple[Schema, list[Schema]]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    @property
    def trained(self) -> Mapping[str, Sequence[str]]:
        """The labels met in training, by task; empty for a general model."""
        return self.style.trained

    def check(self, options: ExtractOptions) -> None:
        """Refuse to constrain a model that reasons before it answers.

        Raises:
            ConfigError: names the model.
        """
        if options.constrain and self.style.rationale:
            raise ConfigError(
                f"{self.name}: was taught to reason before it answers, which a constraint "
                "would forbid; run without constraint"
            )

    def windows(self, tasks: Sequence[str]) -> list[Window]:
        """Return windows of the style's size, each task apart."""
        sizes = [(task, self.style.window.get(task, _WINDOW)) for task in tasks]
        # Relations and events reach over sentences; a long text is read with overlap.
        overlaps = [0 if task == "ner" else size // 5 for task, size in sizes]
        return [
            Window((task,), size, overlap, _LONGEST_NAME)
            for (task, size), overlap in zip(sizes, overlaps, strict=True)
        ]

    def settle(self, extraction: Extraction) -> Extraction:
        """Return the extraction as it is."""
        return extraction

    def close(self) -> None:
        """Free the model."""
        self.backend.close()

    def answer(
        self, questions: Iterable[Question], options: ExtractOptions
    ) -> Iterator[Extraction]:
        """Ask each question in one prompt for each task and part of the schema, or in two steps.

        Raises:
            ModelError: the engine fails.
        """
        # A second step, and constraints, are for many questions at once.
        in_batches = self.style.steps == 2 or options.constrain
        for some in _batches(questions) if in_batches else [questions]:
            answered = answer_parts(
                some,
                partial(self.asks, options=options),
                partial(self._completed, options=options),
                self.name,
            )
            parts = (found for _, found in answered)
            for found in self._in_steps(parts, options) if self.style.steps == 2 else parts:
                yield _united(found)

    def asks(self, question: Question, options: ExtractOptions) -> list[Ask]:
        """Return the prompts of a question."""
        return [
            Ask(question, task, schema, render_prompt(task, schema, question.text, self.style))
            for task in question.tasks
            for schema in self.shards(question.schema, task, options.types_per_prompt)
        ]

    def shards(self, schema: Schema, task: str, limit: int | None = None) -> list[Schema]:
        """Return the schemas to ask for one by one, each of this task alone."""
        limit = limit or self.style.types_per_prompt.get(task)
        key = (id(schema), task, limit)
        # The schema is kept too, so that no other gets its number.
        if key not in self._kept:
            self._kept[key] = (schema, split_schema(schema, task, limit))
        return self._kept[key][1]

    def _completed(self, asks: Iterable[Ask], options: ExtractOptions) -> Iterator[Extraction]:
        """Ask prompts, made while the engine answers those before; yield what they bring."""
        constraints = None
        if options.constrain:
            asks = list(asks)
            constraints = [self._constraint(ask) for ask in asks]
        left = iter(asks)
        if (first := next(left, None)) is None:
            return
        scores = options.wants_scores
        asked: deque[Ask] = deque()

        def prompts() -> Iterator[Prompt]:
            for ask in chain((first,), left):
                asked.append(ask)
                yield ask.prompt

        completions = self.backend.generate(
            prompts(),
            max_tokens=options.max_tokens,
            scores=scores,
            constraints=constraints,
        )
        for completion in completions:
            ask = asked.popleft()
            if self.is_cut(ask, completion):
                yield self._in_halves(ask, options)
            else:
                yield self._decoded(ask, completion, options, scores=scores)

    def is_cut(self, ask: Ask, completion: Completion) -> bool:
        """Return whether a prompt or its answer had too little room, and a shorter text may help."""
        is_cut = completion.finish_reason == "length" or completion.is_too_long
        most = _MOST_FITTED if completion.is_too_long else _MOST_HALVED
        if not completion.is_too_long and _is_circling(completion.text):
            most = 1
        is_short = len(ask.question.text) <= _SHORTEST or ask.depth >= most
        return is_cut and ask.trigger is None and not is_short

    def _in_halves(self, ask: Ask, options: ExtractOptions) -> Extraction:
        """Ask about the text in parts, and bring their answers together."""
        text, question = ask.question.text, ask.question
        size = len(text) // 2 + 1
        spans = windows(text, size, 0 if ask.task == "ner" else size // 5, _LONGEST_NAME)
        asks = []
        for start, end in spans:
            part = replace(question, text=text[start:end], start=question.start + start)
            prompt = render_prompt(ask.task, ask.schema, part.text, self.style)
            asks.append(Ask(part, ask.task, ask.schema, prompt, depth=ask.depth + 1))
        found = self._completed(asks, options)
        parts = [shift(one, start) for one, (start, _) in zip(found, spans, strict=True)]
        return merge(parts, spans)

    def _constraint(self, ask: Ask) -> AnswerConstraint:
        is_first_step = self.style.steps == 2 and ask.task == "ee" and ask.trigger is None
        schema = without_roles(ask.schema) if is_first_step else ask.schema
        return AnswerConstraint(schema, ask.task, ask.question.text, self.style.format)

    def _decoded(
        self, ask: Ask, completion: Completion, options: ExtractOptions, *, scores: bool
    ) -> Extraction:
        if completion.finish_reason == "refused":
            return Extraction(issues=(_refused(ask, completion.problem),))
        extraction = decode(
            completion.text,
            ask.question.text,
            ask.schema,
            self.style.format,
            (ask.task,),
            finish_reason=completion.finish_reason,
            token_ends=completion.token_ends if scores else (),
            log_probs=completion.log_probs if scores else (),
            near_miss=options.near_miss,
            asked=ask.trigger,
            offset=ask.question.start,
        )
        return without_repeats(extraction)

    def _in_steps(
        self, answered: Iterable[list[_Answered]], options: ExtractOptions
    ) -> Iterator[list[_Answered]]:
        """Put in place of each event that was found the answer to the prompt for its arguments."""
        first = list(answered)
        further = [[ask for part in parts for ask in self._arguments(*part)] for parts in first]
        said = self._completed(chain.from_iterable(further), options)
        for parts, asks in zip(first, further, strict=True):
            kept = [(ask, _without_events(found)) for ask, found in parts]
            found = list(zip(asks, islice(said, len(asks)), strict=False))
            if len(found) < len(asks):
                raise ModelError(f"{self.name}: the engine left prompts without an answer")
            yield kept + found

    def _arguments(self, ask: Ask, answer: Extraction) -> Iterator[Ask]:
        """Yield the prompts for the arguments of the events of an answer, each trigger once."""
        for event in {_named(event): event for event in answer.events}.values():
            schema = ask.schema.select("ee", [event.type])
            text = ask.question.text
            trigger = event.trigger.text if event.trigger else None
            start = event.trigger.start if event.trigger else None
            place = occurrence_of(text, trigger, start) if trigger else 0
            prompt = render_arguments(schema, trigger, text, self.style, place)
            yield Ask(ask.question, "ee", schema, prompt, (trigger or "", place))


def _is_circling(answer: str) -> bool:
    """Return whether an answer ends in one stretch said again and again."""
    tail = answer[-_TAIL:]
    return len(tail) == _TAIL and any(
        tail[size:] == tail[:-size] for size in range(1, _LONGEST_CIRCLE + 1)
    )


def _batches(questions: Iterable[Question]) -> Iterator[list[Question]]:
    batch: list[Question] = []
    size = 0
    for question in questions:
        batch.append(question)
        size += _QUESTION + len(question.text)
        if size >= _BATCH_CHARACTERS:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _united(parts: Sequence[_Answered]) -> Extraction:
    """Return what the prompts of a question brought, as one."""
    whole = [(0, len(ask.question.text)) for ask, _ in parts]
    return merge([found for _, found in parts], whole)


def _without_events(answer: Extraction) -> Extraction:
    """Return a first answer without its events, which are asked about again, but not their issues."""
    if not answer.events:
        return answer
    issues = tuple(
        Issue(issue.kind, issue.detail) if issue.where.startswith("events[") else issue
        for issue in answer.issues
    )
    return Extraction(issues=issues)


def _named(event: Event) -> tuple[str, str, int | None]:
    """Return the type of an event, and what and where its trigger is."""
    trigger = event.trigger
    return event.type, trigger.text if trigger else "", trigger.start if trigger else None


def _refused(ask: Ask, problem: str) -> Issue:
    start = ask.question.start
    trigger = f", trigger {excerpt(ask.trigger[0])!r}" if ask.trigger else ""
    where = f"{ask.task} at [{start}, {start + len(ask.question.text)}){trigger}"
    return Issue("unparsable", f"no answer for {where} from the server: {problem}")
