"""A first reader for a language model: only windows and types that it finds plausible are asked for.

What the first reader names in a window, and what it withholds there as too unsure, is plausible.
Types that it never met always are: it would find nothing for them.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from ..data.documents import Extraction
from ..data.schema import FIELD_OF_TASK, Schema
from ..data.text import windows
from ..decoding.confidence import Calibration
from ..options import ExtractOptions
from ..prompts.prompt import PromptStyle
from .answered import answer_parts
from .protocol import Engine, Question, Usage, Window
from .writer import Writer

# Parts of schemas that are kept, so that prompts for the same types are rendered once.
_MOST_KEPT = 1024


@dataclass(frozen=True)
class Prefiltered:
    """A writer that is asked of what a first reader finds plausible."""

    reader: Engine
    writer: Writer
    _kept: dict[tuple[int, str, tuple[str, ...]], tuple[Schema, Schema]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    @property
    def name(self) -> str:
        """What messages call it."""
        return self.writer.name

    @property
    def style(self) -> PromptStyle:
        """How the writer is asked."""
        return self.writer.style

    @property
    def note(self) -> str:
        """What a user should know of how the writer is asked."""
        return self.writer.note

    @property
    def calibration(self) -> Calibration | None:
        """That of the writer, whose scores are returned."""
        return self.writer.calibration

    @property
    def trained(self) -> Mapping[str, Sequence[str]]:
        """The labels that the writer met in training."""
        return self.writer.trained

    @property
    def usage(self) -> Usage | None:
        """What the answers of the writer took."""
        return self.writer.usage

    def check(self, options: ExtractOptions) -> None:
        """Refuse what the writer cannot follow."""
        self.writer.check(options)

    def windows(self, tasks: Sequence[str]) -> Sequence[Window]:
        """Return the windows of the writer."""
        return self.writer.windows(tasks)

    def settle(self, extraction: Extraction) -> Extraction:
        """Return the last word of the writer."""
        return self.writer.settle(extraction)

    def close(self) -> None:
        """Free both models."""
        self.reader.close()
        self.writer.close()

    def answer(
        self, questions: Iterable[Question], options: ExtractOptions
    ) -> Iterator[Extraction]:
        """Ask the writer for the types that the reader finds plausible in each text.

        Raises:
            ModelError: an engine fails.
        """
        found = answer_parts(
            self.plausible(questions),
            lambda question: [question] if question.tasks else [],
            partial(self.writer.answer, options=options),
            self.name,
        )
        for _, answers in found:
            yield answers[0][1] if answers else Extraction()

    def plausible(self, questions: Iterable[Question]) -> Iterator[Question]:
        """Yield each question with the types, and the tasks, that the reader finds plausible."""
        read = answer_parts(
            questions,
            self._parts,
            partial(self.reader.answer, options=ExtractOptions()),
            self.reader.name,
        )
        for question, parts in read:
            yield self._narrowed(question, [found for _, found in parts])

    def _parts(self, question: Question) -> list[Question]:
        """Return the question in windows of the reader."""
        return [
            replace(question, text=part, tasks=tuple(tasks), start=question.start + start)
            for tasks, *sizes in self.reader.windows(question.tasks)
            for start, end in windows(question.text, *sizes)
            if (part := question.text[start:end]).strip()
        ]

    def _narrowed(self, question: Question, found: Sequence[Extraction]) -> Question:
        schema, tasks = question.schema, []
        for task in question.tasks:
            labels = self._labels(schema, task, found)
            if labels:
                tasks.append(task)
                schema = self._with(schema, task, labels)
        return replace(question, schema=schema, tasks=tuple(tasks))

    def _labels(self, schema: Schema, task: str, found: Sequence[Extraction]) -> tuple[str, ...]:
        field = FIELD_OF_TASK[task]
        named = {str(item.type) for one in found for item in getattr(one, field)}
        withheld = [
            issue.detail for one in found for issue in one.issues if issue.kind == "withheld"
        ]
        known = set(self.reader.trained.get(task, ()))
        return tuple(
            item.label
            for item in schema.types(task)
            if known.isdisjoint((item.label, item.name))
            or not {item.label, item.name}.isdisjoint(named)
            or any(item.name in detail for detail in withheld)
        )

    def _with(self, schema: Schema, task: str, labels: tuple[str, ...]) -> Schema:
        """Return the schema with these types of a task; those of others stay."""
        key = (id(schema), task, labels)
        if key not in self._kept:
            if len(self._kept) >= _MOST_KEPT:
                self._kept.clear()
            types = schema.select(task, labels).types(task)
            # The schema is kept too, so that no other gets its number.
            self._kept[key] = (schema, replace(schema, **{FIELD_OF_TASK[task]: types}))  # type: ignore[arg-type]
        return self._kept[key][1]
