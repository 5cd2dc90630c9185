"""The one writer of instruction records: documents in, prompt and answer pairs out.

A record is `{"instruction", "input", "output", "id", "task", "source", "schema", "lang"}`
(design: what every instruction-tuning tool reads, then provenance). Its prompt is rendered by
`chinchilla.prompts.prompt`, the code that also asks at inference.
"""

import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, TypeVar

import msgspec

from chinchilla.data.documents import Document, Extraction, Relation
from chinchilla.data.schema import Schema
from chinchilla.data.text import windows
from chinchilla.decoding.encode import answer_items
from chinchilla.decoding.formats import AskedTrigger, serialise
from chinchilla.instructions.asking import Asked, Asker
from chinchilla.instructions.build_options import BuildOptions
from chinchilla.instructions.demonstrations import Pool
from chinchilla.instructions.negatives import Table, present_labels
from chinchilla.instructions.parts import asked_for, by_trigger, of_task
from chinchilla.instructions.rationale import with_rationale
from chinchilla.instructions.windowing import cut_document
from chinchilla.prompts.prompt import (
    PromptStyle,
    occurrence_of,
    read_template,
    render_arguments,
    render_instruction,
    show_pairs,
    without_arguments,
)

_T = TypeVar("_T")
CUT = "cut by a window"
TOO_LONG = "longer than the token limit"
UNDECLARED = "of a type that the schema lacks"
# A text shorter than this is not cut further to fit the token limit: nothing useful is left.
_SHORTEST = 16
# A bos and an eos token, which tokenizers add around prompt and answer.
_MARK_TOKENS = 2


class Record(msgspec.Struct, frozen=True, gc=False):
    """One training example; `schema` lists the labels asked for, in the order of the prompt.

    `task` is ner, re or ee, or for events in two steps ee-triggers and ee-arguments. `template`
    names template and wording, as in `zh-v2#3`.
    """

    instruction: str
    input: str
    output: str
    id: str
    task: str
    source: str
    schema: tuple[str, ...]
    lang: str
    licence: str = ""
    template: str = ""


@dataclass(frozen=True)
class Resources:
    """What options refer to and files hold: tables of confusable labels, examples, a tokenizer.

    `tables` is by name of schema; a schema without one is ranked by the likeness of its types.
    `count_tokens` is needed with `max_tokens`.
    """

    tables: dict[str, Table] = field(default_factory=dict)
    pool: Pool = field(default_factory=Pool)
    count_tokens: Callable[[str], int] | None = None


class _Draft(NamedTuple):
    """A record but for its id and provenance."""

    instruction: str
    input: str
    output: str
    task: str
    labels: tuple[str, ...]


# A task, its window, and each question with its instruction.
_Step = tuple[str, int | None, list[tuple[Asked, str]]]


class _Query(NamedTuple):
    """A question about a piece of a document, and how it is put."""

    piece: Document
    asked: Asked
    style: PromptStyle
    rng: random.Random | None
    shots: int


class RecordWriter:
    """Makes records; keeps what can be reused from one document to the next."""

    def __init__(
        self,
        schema_of: Callable[[Document], Schema],
        options: BuildOptions,
        counts: Counter[str],
        resources: Resources,
    ) -> None:
        if options.max_tokens is not None and resources.count_tokens is None:
            raise ValueError("max_tokens needs resources.count_tokens; give a tokenizer")
        self.schema_of = schema_of
        self.options = options
        self.counts = counts
        self.resources = resources
        self.styles = _styles(options)
        self.asker = Asker(options, resources.tables)
        self.is_random = options.is_random
        # Else each text has one record a question, and the questions are those of the schema.
        self.is_plain = not (
            replace(options, most_types={}).is_random
            or options.max_tokens is not None
            or (options.style.steps == 2 and "ee" in options.tasks)
        )
        self.instruction_tokens: dict[str, int] = {}
        # Annotations that prompts can ask for: without any, all answers are empty.
        self.declared = 0
        # Documents of a corpus come together, so the schema is nearly always the last one.
        self.last_schema: Schema | None = None
        self.last_plan: list[_Step] = []

    def records(self, document: Document, make: Callable[..., _T]) -> Iterable[_T]:
        """Return what `make` gives for the fields of each record, in the order of `Record`."""
        self._count_types(document)
        is_plain = self.is_plain and not self.asker.draws(self.schema_of(document))
        return self._plain(document, make) if is_plain else self._varied(document, make)

    def _count_types(self, document: Document) -> None:
        """Count the annotations of the tasks built by whether the schema declares their type."""
        schema, tasks = self.schema_of(document), self.options.tasks
        declared = lost = 0
        if document.entities and schema.entities and "ner" in tasks:
            names: Any = schema.entity_by_label
            known = sum([entity.type in names for entity in document.entities])
            declared, lost = known, len(document.entities) - known
        if document.relations and schema.relations and "re" in tasks:
            names = schema.relation_by_label
            known = sum([one.type in names or _fits(one, schema) for one in document.relations])
            declared, lost = declared + known, lost + len(document.relations) - known
        if document.events and schema.events and "ee" in tasks:
            names = schema.event_by_label
            known = sum([event.type in names for event in document.events])
            declared, lost = declared + known, lost + len(document.events) - known
        self.declared += declared
        if lost:
            self.counts[UNDECLARED] += lost

    def _plain(self, document: Document, make: Callable[..., _T]) -> list[_T]:
        schema = self.schema_of(document)
        if schema is not self.last_schema:
            self.last_schema = schema
            self.last_plan = self._plan(schema)
        source, lang, licence = _provenance(document)
        name, style = self.styles[0]
        made: list[_T] = []
        for task, size, questions in self.last_plan:
            for piece in self._pieces(document, task, size):
                for asked, instruction in questions:
                    answer = _answer(piece, asked, style)
                    identifier = f"{document.id}#{len(made)}"
                    made.append(
                        make(
                            instruction,
                            piece.text,
                            answer,
                            identifier,
                            task,
                            source,
                            asked.labels,
                            lang,
                            licence,
                            name,
                        )
                    )
        return made

    def _plan(self, schema: Schema) -> list[_Step]:
        """Return what each document of a schema is asked, where that is the same for all."""
        style = self.styles[0][1]
        plan: list[_Step] = []
        for task in (task for task in schema.tasks if task in self.options.tasks):
            asks = self.asker.whole(schema, task)
            questions = [(one, render_instruction(task, one.schema, style)) for one in asks]
            plan.append((task, style.window.get(task), questions))
        return plan

    def _varied(self, document: Document, make: Callable[..., _T]) -> Iterator[_T]:
        schema = self.schema_of(document)
        # Seeded per document: records do not change when others are added before it.
        rng = random.Random(f"{self.options.seed}/{document.id}") if self.is_random else None
        source, lang, licence = _provenance(document)
        number = 0
        for task in (task for task in schema.tasks if task in self.options.tasks):
            for piece in self._pieces(document, task, self.options.style.window.get(task)):
                for asked in self.asker.ask(schema, task, piece, rng):
                    name, style = self._style(rng)
                    query = _Query(piece, asked, style, rng, self.options.shots)
                    for draft in self._fitted(query):
                        instruction, shown, output, step, labels = draft
                        yield make(
                            instruction,
                            shown,
                            output,
                            f"{document.id}#{number}",
                            step,
                            source,
                            labels,
                            lang,
                            licence,
                            name,
                        )
                        number += 1

    def _style(self, rng: random.Random | None) -> tuple[str, PromptStyle]:
        if rng is None or len(self.styles) == 1:
            return self.styles[0]
        return rng.choice(self.styles)

    def _pieces(self, document: Document, task: str, size: int | None) -> Iterable[Document]:
        if size is None or len(document.text) <= size:
            return (document,)
        return self._cut(of_task(document, task), size)

    def _cut(self, document: Document, size: int) -> Iterator[Document]:
        for piece, lost in cut_document(document, windows(document.text, size, 0)):
            if lost:
                self.counts[CUT] += lost
            yield piece

    def _fitted(self, query: _Query) -> Iterable[_Draft]:
        """Return what is asked and answered; what is too long loses its examples, then is cut."""
        drafts = self._drafts(query)
        if self.options.max_tokens is not None:
            return self._shortened(query, drafts)
        return drafts

    def _shortened(self, query: _Query, drafts: list[_Draft]) -> Iterator[_Draft]:
        piece, limit = query.piece, self.options.max_tokens or 0
        lengths = [self._length(draft) for draft in drafts]
        fixed, variable = max(lengths, key=sum, default=(0, 0))
        if fixed + variable > limit and query.shots:
            yield from self._fitted(query._replace(shots=query.shots - 1))
        elif fixed + variable > limit and fixed < limit and len(piece.text) > _SHORTEST:
            parts = max(2, -(-variable // (limit - fixed)))
            size = max(_SHORTEST, -(-len(piece.text) // parts))
            for part in self._cut(asked_for(piece, query.asked), size):
                yield from self._fitted(query._replace(piece=part, shots=0))
        else:
            for draft, length in zip(drafts, lengths, strict=True):
                if sum(length) <= limit:
                    yield draft
                else:
                    self.counts[TOO_LONG] += 1

    def _length(self, draft: _Draft) -> tuple[int, int]:
        """Return the tokens of the instruction and those of text and answer."""
        count = self.resources.count_tokens
        assert count is not None
        fixed = self.instruction_tokens.get(draft.instruction)
        if fixed is None:
            if len(self.instruction_tokens) > 4096:
                self.instruction_tokens.clear()
            fixed = count(f"{draft.instruction}\n") + _MARK_TOKENS
            self.instruction_tokens[draft.instruction] = fixed
        return fixed, count(f"{draft.input}\n") + count(draft.output)

    def _drafts(self, query: _Query) -> list[_Draft]:
        piece, asked, style, *_ = query
        if asked.task == "ee" and style.steps == 2:
            return self._two_steps(query)
        instruction = self._instruction(query)
        answer = _answer(piece, asked, style)
        return [_Draft(instruction, piece.text, answer, asked.task, asked.labels)]

    def _two_steps(self, query: _Query) -> list[_Draft]:
        piece, asked, style, *_ = query
        instruction = self._instruction(query)
        answer = _answer(without_arguments(piece), asked, style)
        drafts = [_Draft(instruction, piece.text, answer, "ee-triggers", asked.labels)]
        for label, events in by_trigger(piece, asked.schema):
            one = self.asker.asked(asked.schema, "ee", (label,))
            trigger = events[0].trigger
            named = trigger.text if trigger else None
            place = occurrence_of(piece.text, named, trigger.start) if trigger and named else 0
            prompt = render_arguments(one.schema, named, piece.text, style, place)
            only = piece.with_extraction(Extraction(events=events))
            answer = _answer(only, one, style, (named, place) if named and place else None)
            drafts.append(
                _Draft(prompt.instruction, prompt.input, answer, "ee-arguments", one.labels)
            )
        return drafts

    def _instruction(self, query: _Query) -> str:
        piece, asked, style, rng, shots = query
        key = (style.template, style.wording)
        instruction = asked.instructions.get(key)
        if instruction is None:
            instruction = render_instruction(asked.task, asked.schema, style)
            asked.instructions[key] = instruction
        if not shots or rng is None:
            return instruction
        wanted = present_labels(piece, asked.schema, asked.task)
        shown = self.resources.pool.draw(piece, wanted, asked.task, rng, shots)
        if asked.task == "ee" and style.steps == 2:
            answers = [_answer(without_arguments(other), asked, style) for other in shown]
        else:
            answers = [_answer(other, asked, style) for other in shown]
        pairs = [(other.text, answer) for other, answer in zip(shown, answers, strict=True)]
        if pairs and read_template(style.template).frame:
            # In place of the examples made up of the schema.
            return render_instruction(asked.task, asked.schema, style, shown)
        return instruction + show_pairs(pairs, style)


def _answer(
    document: Document, asked: Asked, style: PromptStyle, trigger: AskedTrigger | None = None
) -> str:
    tasks = (asked.task,)
    marks = style.occurrences
    items = answer_items(document, asked.schema, tasks, occurrences=marks, asked=trigger)
    answer = serialise(items, style.format, tasks)
    if not style.rationale:
        return answer
    return with_rationale(answer, items, asked.task, read_template(style.template).lang)


def _fits(relation: Relation, schema: Schema) -> bool:
    """Say whether the name and the ends of a relation are those of a type of the schema."""
    subject, object_ = relation.subject, relation.object
    return schema.relation_label(relation.type, subject.type, object_.type) is not None


def _provenance(document: Document) -> tuple[str, str, str]:
    """Return source, language and licence."""
    meta = document.meta
    return str(meta.get("source", "")), str(meta.get("lang", "zh")), str(meta.get("licence", ""))


def _styles(options: BuildOptions) -> list[tuple[str, PromptStyle]]:
    """Return the styles that a record draws from, each named by template and wording."""
    style, styles = options.style, []
    for name in options.templates or (style.template,):
        most = max(map(len, read_template(name).wordings.values()))
        for wording in range(most) if options.vary_wording else (style.wording,):
            styles.append((f"{name}#{wording}", replace(style, template=name, wording=wording)))
    return styles
