"""The one writer of instruction records: documents in, prompt and answer pairs out.

A record is `{"instruction", "input", "output", "id", "task", "source", "schema", "lang"}`
(design: what every instruction-tuning tool reads, then provenance). Its prompt is rendered by
`chinchilla.prompt`, the code that also asks at inference.
"""

import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import msgspec

from chinchilla.data import Document, Event, Extraction
from chinchilla.formats import FORMATS, extraction_items, serialise
from chinchilla.prompt import (
    PromptStyle,
    occurrence_of,
    read_template,
    render_arguments,
    render_demonstrations,
    render_instruction,
    without_arguments,
)
from chinchilla.schema import TASKS, Schema
from chinchilla.text import windows

from .asking import Asked, Asker
from .demonstrations import Pool
from .negatives import Table, present_labels
from .options import BuildOptions
from .rationale import CLOSE_THOUGHT, with_rationale
from .windowing import cut_document

# (source, task, whether the answer is empty): what is counted and balanced.
Kind = tuple[str, str, bool]
_T = TypeVar("_T")
CUT = "cut by a window"
TOO_LONG = "longer than the token limit"
TOO_MANY_EMPTY = "above the rate of empty answers"
# A text shorter than this is not cut further to fit the token limit: nothing useful is left.
_SHORTEST = 16
# A bos and an eos token, which tokenizers add around prompt and answer.
_MARK_TOKENS = 2


class Record(msgspec.Struct, frozen=True):
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


def build_records(
    documents: Iterable[Document],
    schema_of: Callable[[Document], Schema],
    options: BuildOptions,
    counts: Counter[str] | None = None,
    resources: Resources | None = None,
) -> Iterator[Record]:
    """Yield the records of every document, lazily and in order.

    The same documents, options and seed give the same records; those of a document do not depend
    on the others, but for `empty_rate`. What is left out is counted in `counts` by its reason.

    Raises:
        ValueError: `max_tokens` without a tokenizer in `resources`.
    """
    counts = Counter() if counts is None else counts
    writer = _Writer(schema_of, options, counts, resources or Resources())
    records = (record for document in documents for record in writer.records(document))
    if options.empty_rate is None:
        return records
    return limit_empty(records, kind_of, options.empty_rate, counts)


def kind_of(record: Record) -> Kind:
    """Return source, task and whether the answer names nothing."""
    answer = record.output.rpartition(CLOSE_THOUGHT + "\n")[2]
    return record.source, record.task, answer in _EMPTY_ANSWERS


_EMPTY_ANSWERS = frozenset(serialise((), form, (task,)) for form in FORMATS for task in TASKS)


def limit_empty(
    items: Iterable[_T], kind: Callable[[_T], Kind], rate: float, counts: Counter[str]
) -> Iterator[_T]:
    """Keep the share of empty answers of each source and task at or below the rate."""
    kept: Counter[tuple[str, str]] = Counter()
    empty: Counter[tuple[str, str]] = Counter()
    for item in items:
        source, task, is_empty = kind(item)
        key = (source, task)
        if is_empty:
            if empty[key] + 1 > rate * (kept[key] + 1):
                counts[TOO_MANY_EMPTY] += 1
                continue
            empty[key] += 1
        kept[key] += 1
        yield item


@dataclass(slots=True)
class _Draft:
    """A record but for its id and provenance."""

    task: str
    instruction: str
    output: str
    labels: tuple[str, ...]


class _Writer:
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
        self.instruction_tokens: dict[str, int] = {}

    def records(self, document: Document) -> Iterator[Record]:
        schema = self.schema_of(document)
        options = self.options
        # Seeded per document: records do not change when others are added before it.
        rng = random.Random(f"{options.seed}/{document.id}") if options.is_random else None
        meta = document.meta
        source, lang = str(meta.get("source", "")), str(meta.get("lang", "zh"))
        licence = str(meta.get("licence", ""))
        number = 0
        for task in schema.tasks:
            if task not in options.tasks:
                continue
            for piece in self.pieces(document, task, options.style.window.get(task)):
                for asked in self.asker.ask(schema, task, piece, rng):
                    name, style = self.style(rng)
                    for text, draft in self.fitted(piece, asked, style, rng, options.shots):
                        yield Record(
                            draft.instruction,
                            text,
                            draft.output,
                            f"{document.id}#{number}",
                            draft.task,
                            source,
                            draft.labels,
                            lang,
                            licence,
                            name,
                        )
                        number += 1

    def style(self, rng: random.Random | None) -> tuple[str, PromptStyle]:
        if rng is None or len(self.styles) == 1:
            return self.styles[0]
        return rng.choice(self.styles)

    def pieces(self, document: Document, task: str, size: int | None) -> Iterator[Document]:
        if size is None or len(document.text) <= size:
            yield document
        else:
            yield from self.cut(_of_task(document, task), size)

    def cut(self, document: Document, size: int) -> Iterator[Document]:
        for piece, lost in cut_document(document, windows(document.text, size, 0)):
            if lost:
                self.counts[CUT] += lost
            yield piece

    def fitted(
        self,
        piece: Document,
        asked: Asked,
        style: PromptStyle,
        rng: random.Random | None,
        shots: int,
    ) -> Iterator[tuple[str, _Draft]]:
        """Yield texts with their drafts; what is too long loses its examples, then is cut."""
        drafts = self.drafts(piece, asked, style, rng, shots)
        limit = self.options.max_tokens
        if limit is None:
            for draft in drafts:
                yield piece.text, draft
            return
        lengths = [self.length(draft, piece.text) for draft in drafts]
        fixed, variable = max(lengths, key=sum, default=(0, 0))
        if fixed + variable > limit and shots:
            yield from self.fitted(piece, asked, style, rng, shots - 1)
        elif fixed + variable > limit and fixed < limit and len(piece.text) > _SHORTEST:
            parts = max(2, -(-variable // (limit - fixed)))
            size = max(_SHORTEST, -(-len(piece.text) // parts))
            for part in self.cut(_of_task(piece, asked.task), size):
                yield from self.fitted(part, asked, style, rng, 0)
        else:
            for draft, length in zip(drafts, lengths, strict=True):
                if sum(length) <= limit:
                    yield piece.text, draft
                else:
                    self.counts[TOO_LONG] += 1

    def length(self, draft: _Draft, text: str) -> tuple[int, int]:
        """Return the tokens of the instruction and those of text and answer."""
        count = self.resources.count_tokens
        assert count is not None
        fixed = self.instruction_tokens.get(draft.instruction)
        if fixed is None:
            if len(self.instruction_tokens) > 4096:
                self.instruction_tokens.clear()
            fixed = count(f"{draft.instruction}\n") + _MARK_TOKENS
            self.instruction_tokens[draft.instruction] = fixed
        return fixed, count(f"{text}\n") + count(draft.output)

    def drafts(
        self,
        piece: Document,
        asked: Asked,
        style: PromptStyle,
        rng: random.Random | None,
        shots: int,
    ) -> list[_Draft]:
        if asked.task == "ee" and style.steps == 2:
            return self.two_steps(piece, asked, style, rng, shots)
        instruction = self.instruction(piece, asked, style, rng, shots)
        return [_Draft(asked.task, instruction, _answer(piece, asked, style), asked.labels)]

    def two_steps(
        self,
        piece: Document,
        asked: Asked,
        style: PromptStyle,
        rng: random.Random | None,
        shots: int,
    ) -> list[_Draft]:
        instruction = self.instruction(piece, asked, style, rng, shots)
        answer = _answer(without_arguments(piece), asked, style)
        drafts = [_Draft("ee-triggers", instruction, answer, asked.labels)]
        for label, events in _by_trigger(piece, asked.schema):
            one = self.asker.asked(asked.schema, "ee", (label,))
            trigger = events[0].trigger
            named = trigger.text if trigger else None
            place = occurrence_of(piece.text, named, trigger.start) if trigger and named else 0
            prompt = render_arguments(one.schema, named, piece.text, style, place)
            only = piece.with_extraction(Extraction(events=events))
            answer = _answer(only, one, style)
            drafts.append(_Draft("ee-arguments", prompt.instruction, answer, one.labels))
        return drafts

    def instruction(
        self,
        piece: Document,
        asked: Asked,
        style: PromptStyle,
        rng: random.Random | None,
        shots: int,
    ) -> str:
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
        lang = read_template(style.template).lang
        return instruction + render_demonstrations(pairs, lang) if pairs else instruction


def _answer(document: Document, asked: Asked, style: PromptStyle) -> str:
    items = extraction_items(document.extraction, asked.schema, (asked.task,))
    answer = serialise(items, style.format, (asked.task,))
    if not style.rationale:
        return answer
    return with_rationale(answer, items, asked.task, read_template(style.template).lang)


def _styles(options: BuildOptions) -> list[tuple[str, PromptStyle]]:
    """Return the styles that a record draws from, each named by template and wording."""
    style, styles = options.style, []
    for name in options.templates or (style.template,):
        most = max(map(len, read_template(name).wordings.values()))
        for wording in range(most) if options.vary_wording else (style.wording,):
            styles.append((f"{name}#{wording}", replace(style, template=name, wording=wording)))
    return styles


def _of_task(document: Document, task: str) -> Document:
    """Keep the annotations of one task: losses are counted where a task is asked, only there."""
    return document.with_extraction(
        Extraction(
            document.entities if task == "ner" else (),
            document.relations if task == "re" else (),
            document.events if task == "ee" else (),
        )
    )


def _by_trigger(piece: Document, schema: Schema) -> list[tuple[str, tuple[Event, ...]]]:
    """Group the events asked for by type and trigger place, in the order of the document."""
    groups: dict[Any, list[Event]] = {}
    for event in piece.events:
        found = schema.event_by_label.get(event.type)
        if found is not None:
            trigger = event.trigger
            place = (trigger.text, trigger.start) if trigger else None
            groups.setdefault((found.label, place), []).append(event)
    return [(key[0], tuple(events)) for key, events in groups.items()]
