"""Language models as engines: a question becomes prompts, their completions one extraction."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from itertools import chain, islice

from ..data.documents import Extraction, Issue, shift
from ..data.issues import UNANSWERED, excerpt, unanswered
from ..data.schema import Schema
from ..data.text import windows
from ..decoding.confidence import Calibration
from ..decoding.decode import decode
from ..decoding.formats import extraction_items, serialise
from ..errors import ConfigError, ModelError
from ..merge.extractions import merge, without_repeats
from ..options import ExtractOptions
from ..prompts.messages import Prompt
from ..prompts.prompt import (
    PromptStyle,
    occurrence_of,
    read_template,
    render_arguments,
    render_further,
    split_schema,
)
from ..prompts.wording import TRIGGERS
from .answered import answer_parts
from .asks import Ask, Wording
from .constrain import AnswerConstraint, without_roles
from .protocol import Backend, Completion, Question, Usage, Window
from .steps import named, not_told, without_events

# Characters in one prompt for models whose style does not say, and the tokens that they may be.
_WINDOW, _WINDOW_TOKENS = 2000, 2400
# Of a context that is known, the share that the text of a prompt may take; the least such window.
_SHARE, _LEAST_WINDOW = 5, 200
# A text to see by how many tokens a character a model reads.
_SAMPLE = "据报道，海星公司5月3日在青川市宣布裁员300人，其董事长李明表示遗憾。" * 4
# The types that a prompt asks to choose from, in multiples of those that it asks to fill.
_MOST_CHOICE = 6
# Parts of schemas that are kept; with types chosen for each text nearly every one is new.
_MOST_KEPT = 1024
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

_Answered = tuple[Ask, Extraction]


@dataclass(frozen=True)
class Writer:
    """A language model behind a backend, and how it is to be asked."""

    name: str
    backend: Backend
    style: PromptStyle
    calibration: Calibration | None = None
    # What a user should know of how it is asked.
    note: str = ""
    # A run asks for one schema again and again; the keys are the identity of a schema, a task or the
    # labels chosen of it, and the most types of a part.
    _kept: dict[tuple[int, str | tuple[str, ...], int | None], tuple[Schema, list[Schema]]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )
    _wordings: list[tuple[ExtractOptions, Wording]] = field(
        default_factory=list, init=False, repr=False, compare=False
    )

    @property
    def trained(self) -> Mapping[str, Sequence[str]]:
        """The labels met in training, by task; empty for a general model."""
        return self.style.trained

    @property
    def usage(self) -> Usage | None:
        """What all answers so far took, if the backend counts."""
        return getattr(self.backend, "usage", None)

    def check(self, options: ExtractOptions) -> None:
        """Refuse what the model cannot be asked.

        Raises:
            ConfigError: names the model and the option: it reasons before it answers, which cannot be
                constrained; its prompts are bare labels; or it was taught no word to be asked again with.
        """
        template = read_template(self.style.template)
        if template.types == "labels" and options.for_writers:
            raise ConfigError(
                f"{self.name}: is asked in bare labels, to which {' and '.join(options.for_writers)} "
                "cannot be added; leave it out"
            )
        if options.passes > 1 and not template.further:
            raise ConfigError(
                f"{self.name}: was taught to be asked by {self.style.template}, which has no words to "
                "ask again for what was missed; leave passes at 1"
            )
        if options.constrain and self.style.rationale:
            raise ConfigError(
                f"{self.name}: was taught to reason before it answers, which a constraint "
                "would forbid; run without constraint"
            )

    def windows(self, tasks: Sequence[str]) -> list[Window]:
        """Return windows of the style's size, each task apart; smaller ones for a small context."""
        sizes = [(task, self.style.window.get(task) or self._window) for task in tasks]
        # Relations and events reach over sentences; a long text is read with overlap.
        overlaps = [0 if task == "ner" else size // 5 for task, size in sizes]
        return [
            Window((task,), size, overlap, _LONGEST_NAME)
            for (task, size), overlap in zip(sizes, overlaps, strict=True)
        ]

    @cached_property
    def _window(self) -> int:
        """How many characters of text a prompt of this model should hold, the same for all texts."""
        counted = self.backend.count_tokens(Prompt("", _SAMPLE)) / len(_SAMPLE)
        tokens = _WINDOW_TOKENS
        if context := getattr(self.backend, "context", None):
            tokens = min(tokens, context // _SHARE)
        return max(_LEAST_WINDOW, min(_WINDOW, round(tokens / max(counted, 0.1))))

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
        left = iter(questions)
        if (first := next(left, None)) is None:
            return
        in_steps = self.style.steps == 2 or (
            self._most_events is not None and bool(first.schema.events)
        )
        # What is asked again, and constraints, are for many questions at once.
        in_batches = in_steps or options.passes > 1 or options.constrain
        most = getattr(self.backend, "at_once", None)
        left = chain((first,), left)
        for some in _batches(left, most) if in_batches else [left]:
            answered = answer_parts(
                some,
                partial(self.asks, options=options),
                partial(self._completed, options=options),
                self.name,
            )
            parts: Iterable[list[_Answered]] = (found for _, found in answered)
            if options.passes > 1:
                parts = self._again(parts, options)
            for found in self._in_steps(parts, options) if in_steps else parts:
                yield _united(found)

    def asks(self, question: Question, options: ExtractOptions) -> list[Ask]:
        """Return the prompts of a question, the first ones where there are two steps."""
        wording, asks = self._wording(options), []
        for task in question.tasks:
            step = TRIGGERS if self._is_choice(question.schema, task) else task
            limit = options.types_per_prompt or self.style.types_per_prompt.get(task)
            if step == TRIGGERS and limit:
                limit *= _MOST_CHOICE
            for schema in self.shards(question.schema, task, limit):
                prompt = wording.prompt(step, schema, question.text)
                asks.append(Ask(question, task, schema, prompt, step=step))
        return asks

    def _is_choice(self, schema: Schema, task: str) -> bool:
        """Return whether the types that occur are asked for before their roles."""
        most = self._most_events
        return task == "ee" and most is not None and len(schema.events) > most

    @property
    def _most_events(self) -> int | None:
        """The most types of event whose roles are asked for at once; None if there is no limit."""
        can_choose = TRIGGERS in read_template(self.style.template).wordings
        return self.style.types_first if can_choose else None

    def _wording(self, options: ExtractOptions) -> Wording:
        for known, wording in self._wordings:
            if known is options:
                return wording
        self._wordings[:] = [(options, Wording(self.style, options))]
        return self._wordings[0][1]

    def shards(self, schema: Schema, task: str, limit: int | None = None) -> list[Schema]:
        """Return the schemas to ask for one by one, each of this task alone."""
        limit = limit or self.style.types_per_prompt.get(task)
        key = (id(schema), task, limit)
        return self._parts(key, schema, lambda: split_schema(schema, task, limit))

    def _parts(
        self,
        key: tuple[int, str | tuple[str, ...], int | None],
        schema: Schema,
        make: Callable[[], list[Schema]],
    ) -> list[Schema]:
        if key not in self._kept:
            if len(self._kept) >= _MOST_KEPT:
                self._kept.clear()
            # The schema is kept too, so that no other gets its number.
            self._kept[key] = (schema, make())
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
        wording, asks = self._wording(options), []
        for start, end in spans:
            part = replace(question, text=text[start:end], start=question.start + start)
            asks.append(
                ask.about(part, wording.prompt(ask.step or ask.task, ask.schema, part.text))
            )
        found = self._completed(asks, options)
        parts = [shift(one, start) for one, (start, _) in zip(found, spans, strict=True)]
        return merge(parts, spans)

    def _constraint(self, ask: Ask) -> AnswerConstraint:
        is_first = self.style.steps == 2 and ask.task == "ee" and ask.trigger is None
        schema = without_roles(ask.schema) if is_first or ask.step == TRIGGERS else ask.schema
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

    def _again(
        self, answered: Iterable[list[_Answered]], options: ExtractOptions
    ) -> list[list[_Answered]]:
        """Ask again for what was missed, as often as the options say, and add it."""
        parts = list(answered)
        for _ in range(options.passes - 1):
            asked = [
                replace(ask, prompt=self._further(ask, found))
                for some in parts
                for ask, found in some
                if not unanswered(found)
            ]
            more = self._completed(asked, options)
            parts = [
                [(ask, self._added(ask, found, more)) for ask, found in some] for some in parts
            ]
        return parts

    def _added(self, ask: Ask, found: Extraction, more: Iterator[Extraction]) -> Extraction:
        if unanswered(found):
            return found
        further = next(more, None)
        if further is None:
            raise ModelError(f"{self.name}: the engine left prompts without an answer")
        return _united([(ask, found), (ask, further)])

    def _further(self, ask: Ask, found: Extraction) -> Prompt:
        items = extraction_items(found, ask.schema, (ask.task,))
        said = serialise(items, self.style.format, (ask.task,))
        return render_further(ask.prompt, ask.task, said, self.style)

    def _in_steps(
        self, answered: Iterable[list[_Answered]], options: ExtractOptions
    ) -> Iterator[list[_Answered]]:
        """Add to the answers of first steps those to the prompts for roles and arguments."""
        first = list(answered)
        further = [[list(self._second(*part, options)) for part in parts] for parts in first]
        said = self._completed(chain.from_iterable(chain.from_iterable(further)), options)
        for parts, asked in zip(first, further, strict=True):
            kept = []
            for (ask, found), asks in zip(parts, asked, strict=True):
                second = list(zip(asks, islice(said, len(asks)), strict=False))
                if len(second) < len(asks):
                    raise ModelError(f"{self.name}: the engine left prompts without an answer")
                if ask.step == TRIGGERS:
                    found = not_told(found, [extraction for _, extraction in second])
                elif asks:
                    found = without_events(found, found.events)
                kept += [(ask, found), *second]
            yield kept

    def _second(self, ask: Ask, answer: Extraction, options: ExtractOptions) -> Iterator[Ask]:
        """Yield the prompts that follow a first step: for roles of types, or arguments of triggers."""
        question = ask.question
        if ask.step == TRIGGERS:
            types = {event.type for event in answer.events}
            labels = tuple(item.label for item in ask.schema.events if item.label in types)
            limit = options.types_per_prompt or self.style.types_per_prompt.get("ee")
            key = (id(ask.schema), labels, limit)
            for schema in self._parts(key, ask.schema, partial(_chosen, ask.schema, labels, limit)):
                prompt = self._wording(options).prompt("ee", schema, question.text)
                yield Ask(question, "ee", schema, prompt, step="ee")
        elif self.style.steps == 2 and ask.task == "ee":
            yield from self._arguments(ask, answer, self._wording(options).style)

    def _arguments(self, ask: Ask, answer: Extraction, style: PromptStyle) -> Iterator[Ask]:
        """Yield the prompts for the arguments of the events of an answer, each trigger once."""
        for event in {named(event): event for event in answer.events}.values():
            schema = ask.schema.select("ee", [event.type])
            text = ask.question.text
            trigger = event.trigger.text if event.trigger else None
            start = event.trigger.start if event.trigger else None
            place = occurrence_of(text, trigger, start) if trigger else 0
            prompt = render_arguments(schema, trigger, text, style, place)
            yield Ask(ask.question, "ee", schema, prompt, (trigger or "", place))


def _chosen(schema: Schema, labels: tuple[str, ...], limit: int | None) -> list[Schema]:
    """Return the types of these labels, in parts."""
    return split_schema(schema.select("ee", labels), "ee", limit) if labels else []


def _is_circling(answer: str) -> bool:
    """Return whether an answer ends in one stretch said again and again."""
    tail = answer[-_TAIL:]
    return len(tail) == _TAIL and any(
        tail[size:] == tail[:-size] for size in range(1, _LONGEST_CIRCLE + 1)
    )


def _batches(questions: Iterable[Question], most: int | None = None) -> Iterator[list[Question]]:
    batch: list[Question] = []
    size = 0
    for question in questions:
        batch.append(question)
        size += _QUESTION + len(question.text)
        if size >= _BATCH_CHARACTERS or len(batch) == most:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _united(parts: Sequence[_Answered]) -> Extraction:
    """Return what the prompts of a question brought, as one."""
    whole = [(0, len(ask.question.text)) for ask, _ in parts]
    return merge([found for _, found in parts], whole)


def _refused(ask: Ask, problem: str) -> Issue:
    start = ask.question.start
    trigger = f", trigger {excerpt(ask.trigger[0])!r}" if ask.trigger else ""
    where = f"{ask.task} at [{start}, {start + len(ask.question.text)}){trigger}"
    return Issue(UNANSWERED, f"no answer for {where}: {problem}")
