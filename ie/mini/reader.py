"""The embedded model as a reader: a tagger marks the text, a small language model reads the marks.

Everything special to it is in this package. Its `chinchilla.json` is a `MiniStyle`: a `PromptStyle`
with a few keys more.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from ..data.documents import Extraction
from ..data.schema import TASKS, Schema
from ..engines.asks import Ask
from ..engines.model_files import find_calibration, read_json
from ..engines.protocol import Completion, Question
from ..engines.writer import Writer
from ..errors import ConfigError, near_miss
from ..options import ExtractOptions
from ..prompts.messages import Prompt
from ..prompts.prompt import STYLE_FILE, PromptStyle, render_instruction, split_schema
from .form import as_written, readable
from .hints import Marker, Reading, read_marker
from .plausible import plausible
from .support import settled, supported

# In the format of safetensors, but not by that name: tools take all such files of a folder for the model.
TAGGER_FILE = "tagger.weights"
# The head that tells persons, places and organisations apart.
_NAMES = "msra"


@dataclass(frozen=True)
class MiniStyle(PromptStyle):
    """How the embedded model is asked.

    `hints` is the file of the tagger that marks likely names. The tasks in `only_marked` are not
    asked of texts in which a tagger that knows all labels asked for sees nothing. `glimpsed`, by head
    of the tagger, skips a type whose best tag score is more than this below the top one
    (`hints.Marker.glimpsed`). `support`, by head, is the least score of a fact that is returned, by
    how much of it is marked (module `support`).
    """

    hints: str = TAGGER_FILE
    only_marked: tuple[str, ...] = ()
    glimpsed: dict[str, float] = field(default_factory=dict)
    support: dict[str, tuple[float | None, ...]] = field(default_factory=dict)


def is_reader(folder: Path) -> bool:
    """Return whether a folder holds a model of this kind."""
    return (folder / TAGGER_FILE).is_file() and (folder / STYLE_FILE).is_file()


def open_reader(name: str, folder: Path) -> "MiniReader":
    """Load the model of a folder.

    Raises:
        ModelError: a file is missing or not what it should be.
        ConfigError: its style says what there is not.
    """
    from ..engines.ct2 import CTranslate2Backend

    path = folder / STYLE_FILE
    style = MiniStyle.from_dict(read_json(path), str(path))
    _check(style, str(path))
    return MiniReader(
        name,
        CTranslate2Backend(folder),
        style,
        find_calibration(folder),
        marker=read_marker(folder / style.hints),
    )


def _check(style: MiniStyle, where: str) -> None:
    for task in style.only_marked:
        if task not in TASKS:
            raise ConfigError(
                f"{where}: only_marked names no task {task!r}{near_miss(task, TASKS)}; "
                f"tasks are {', '.join(TASKS)}"
            )
    for name, least in style.support.items():
        if not 1 <= len(least) <= 4 or any(not 0 <= score <= 1 for score in least if score):
            raise ConfigError(
                f"{where}: support of {name} is {list(least)}; expected for each of 0 to 3 points "
                "the least score, from 0 to 1, or null"
            )
    for name, margin in style.glimpsed.items():
        if not margin >= 0:
            raise ConfigError(
                f"{where}: glimpsed of {name} is {margin}; expected a margin of 0 or more points"
            )


@dataclass(frozen=True)
class MiniReader(Writer):
    """A small language model with the tagger that it leans on."""

    style: MiniStyle
    marker: Marker = field(kw_only=True)

    def answer(
        self, questions: Iterable[Question], options: ExtractOptions
    ) -> Iterator[Extraction]:
        """Answer as a writer does; texts are read in another form, and those of many tagged together."""

        def readings(question: Question) -> Iterator[Reading]:
            for task in question.tasks:
                for schema in self.shards(question.schema, task, options.types_per_prompt):
                    yield Reading(question.text, task, schema)

        texts: deque[str] = deque()

        def readably() -> Iterator[Question]:
            for question in questions:
                texts.append(question.text)
                yield replace(question, text=readable(question.text))

        for found in super().answer(self.marker.ahead(readably(), readings), options):
            text = texts.popleft()
            yield found if text == readable(text) else as_written(found, text)

    def shards(self, schema: Schema, task: str, limit: int | None = None) -> list[Schema]:
        """Return the schemas to ask for: types never met apart, or known ones would suffer."""
        labels = [item.label for item in schema.types(task)]
        known = set(self.trained.get(task, ()))
        parts = [[x for x in labels if x in known], [x for x in labels if x not in known]]
        if not all(parts):
            return super().shards(schema, task, limit)
        key = (id(schema), task, limit)
        if key not in self._kept:
            found = [split_schema(schema.select(task, part), task, limit) for part in parts]
            self._kept[key] = (schema, [*found[0], *found[1]])
        return self._kept[key][1]

    def asks(self, question: Question, options: ExtractOptions) -> list[Ask]:
        """Return a prompt for each task, with marks, for those types that the text may hold."""
        asks = []
        for task in question.tasks:
            for schema in self.shards(question.schema, task, options.types_per_prompt):
                if prompt := self._prompt(question.text, task, schema):
                    asks.append(Ask(question, task, schema, prompt))
        return asks

    def _prompt(self, text: str, task: str, schema: Schema) -> Prompt | None:
        if task in self.style.only_marked and self.marker.is_bare(text, task, schema):
            return None
        asked = self.marker.glimpsed(text, task, schema, self.style.glimpsed)
        if not asked.types(task):
            return None
        shown = self.marker.mark(text, task, schema, asked)
        return Prompt(render_instruction(task, asked, self.style), shown)

    def reads_scores(self, schema: Schema, options: ExtractOptions) -> bool:
        """Return whether scores are asked for, or what is returned hangs on them."""
        scored = {name for name, least in self.style.support.items() if any(least)}
        held = {head.task for name, head in self.marker.tagger.heads.items() if name in scored}
        return options.wants_scores or not held.isdisjoint(schema.tasks)

    def is_cut(self, ask: Ask, completion: Completion) -> bool:
        """Return False: its windows are small, and what is cut off goes round in circles."""
        return False

    def judge(self, ask: Ask, extraction: Extraction) -> Extraction:
        """Return the answer without low-confidence facts and without what cannot be so."""
        if not (extraction.entities or extraction.relations or extraction.events):
            return extraction
        text = ask.question.text
        seen = self.marker.seen(text, ask.task, ask.schema)
        least = self.style.support.get(seen.head) if seen else None
        start = ask.question.start
        if seen and least:
            extraction = supported(extraction, text, seen.words, seen.known, least, offset=start)
        if not (extraction.relations or extraction.events):
            return extraction
        names = self._names(text) if extraction.relations else {}
        return plausible(extraction, text, names, seen.words if seen else ())

    def _names(self, text: str) -> dict[str, set[str]]:
        """Return the strings that are seen as names in a text, with their kinds."""
        found: dict[str, set[str]] = {}
        for start, end, kind in self.marker.names(text, _NAMES):
            found.setdefault(text[start:end], set()).add(kind)
        return found

    def forget(self) -> None:
        """Drop what was read ahead, as a measurement wants it."""
        self.marker.forget()

    def settle(self, extraction: Extraction) -> Extraction:
        """Drop issues of what another window has brought after all."""
        return settled(extraction)
