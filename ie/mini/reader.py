"""The embedded model as an engine: an encoder reads a text once for all types of a schema.

Texts are read in windows. Each window's answer hangs on its own characters alone: a text is padded
by its own length, and texts of one length share a batch, so its neighbours change no digit.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import islice

import numpy as np
from threadpoolctl import ThreadpoolController

from ..data.documents import Extraction
from ..data.schema import Schema
from ..engines.cpu import usable_cores
from ..engines.protocol import Question, Window
from ..errors import ConfigError, ModelError
from ..options import ExtractOptions
from .characters import Characters
from .decoder import AskedLabels, Decoder, consistent
from .heads import Heads, LabelParts
from .labels import Label
from .questions import ask
from .rules import Rules
from .withheld import settled
from .words import Array, Words

# Own ids, covering ids [B, 1 + T] and lengths [B] (with `<s>`) to vectors [B, 1 + T, H].
Encode = Callable[[Array, Array, Array], Array]

# What stands around a name tells its type, so names alone have longer windows; these hide triggers
# and relations: of news joined to long texts, 380 characters found 57 % of the triggers, 200 found 77 %.
WINDOW, NAMES_WINDOW, OVERLAP = 200, 380, 60
# Characters that the encoder reads at once; lengths are rounded up to a multiple of _STEP.
_BATCH, _STEP = 2500, 4
# Characters of windows that are gathered before they are read: few at first, for a fast first answer.
_FIRST, _GATHERED = 1500, 48_000


@dataclass(frozen=True)
class Reader:
    """The embedded model, loaded. `trained` are the labels that it met, by task."""

    name: str
    characters: Characters
    words: Words
    heads: Heads
    encode: Encode
    rules: Rules
    trained: Mapping[str, Sequence[str]] = field(default_factory=dict)
    calibration: None = None
    # A run asks for one schema again and again; it is kept too, so that no other gets its number.
    _kept: dict[tuple[int, tuple[str, ...]], tuple[Schema, AskedLabels]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def check(self, options: ExtractOptions) -> None:
        """Refuse options that are for language models.

        Raises:
            ConfigError: names the option.
        """
        told = {
            "types_per_prompt": options.types_per_prompt is not None,
            "max_tokens": options.max_tokens is not None,
            "constrain": options.constrain,
        }
        for name, is_set in told.items():
            if is_set:
                raise ConfigError(
                    f"{self.name}: {name} is for language models, which write; leave it out"
                )

    def windows(self, tasks: Sequence[str]) -> list[Window]:
        """Return one window for all tasks, since a text is read once."""
        return [Window(tuple(tasks), window_size(tasks), OVERLAP, OVERLAP)]

    def answer(
        self, questions: Iterable[Question], options: ExtractOptions
    ) -> Iterator[Extraction]:
        """Yield what is found in each text, with scores.

        Raises:
            ModelError: the encoder fails.
        """
        for some in _gathered(questions):
            yield from self._answers(some)

    def telling(self, near: float) -> "Reader":
        """Return a reader that tells as withheld all that lacks at most `near` of its score."""
        return replace(self, rules=replace(self.rules, near=near))

    def settle(self, extraction: Extraction) -> Extraction:
        """Return the extraction without what its windows contradict each other in."""
        return settled(consistent(extraction, self._met))

    def close(self) -> None:
        """Free the encoder."""
        close = getattr(self.encode, "close", None)
        if close:
            close()

    def asked(self, schema: Schema, tasks: tuple[str, ...]) -> AskedLabels:
        """Return the labels of a schema with their vectors."""
        key = (id(schema), tasks)
        if key not in self._kept:
            if len(self._kept) > 32:
                self._kept.clear()
            questions = ask(schema, tasks, self._met)
            plan = questions.plan
            labels = [*plan.spans, *plan.link_labels]
            self.words.learn_all(t for label in labels for t in (*label.texts, *label.context))
            rules = self.rules.under(schema.name)
            asked = AskedLabels(
                questions, self._parts(plan.spans), self._parts(plan.link_labels), rules
            )
            self._kept[key] = (schema, asked)
        return self._kept[key][1]

    def vector(self, label: Label) -> Array:
        """Return the vectors of a label's texts and context, [2H]."""
        sides = [
            self.words.vectors(texts).mean(0) if texts else np.zeros(self.words.hidden, np.float32)
            for texts in (label.texts, label.context)
        ]
        return np.concatenate(sides)

    def _parts(self, labels: list[Label]) -> LabelParts:
        table = np.zeros((len(labels), 2 * self.words.hidden), np.float32)
        for row, label in zip(table, labels, strict=True):
            row[:] = self.vector(label)
        return self.heads.labels(table, np.array([label.kind for label in labels], int))

    def _answers(self, questions: list[Question]) -> list[Extraction]:
        """Return the answers to some questions: texts are encoded while others are decoded."""
        found: dict[int, Extraction] = {}
        groups = list(_groups([len(question.text) for question in questions]))
        cores = usable_cores()
        with self._blas.limit(limits=1, user_api="blas"), ThreadPoolExecutor(cores) as pool:
            left = iter(groups)
            under_way = [
                (group, pool.submit(self.vectors, [questions[k].text for k in group]))
                for group in islice(left, cores + 1)
            ]
            while under_way:
                group, future = under_way.pop(0)
                vectors = future.result()
                for more in islice(left, 1):
                    texts = [questions[k].text for k in more]
                    under_way.append((more, pool.submit(self.vectors, texts)))
                for k, x in zip(group, vectors, strict=True):
                    found[k] = self._decoded(questions[k], x)
        return [found[k] for k in range(len(questions))]

    def _decoded(self, question: Question, x: Array) -> Extraction:
        asked = self.asked(question.schema, question.tasks)
        return Decoder(self.heads, asked, question.text, x, question.start).extraction()

    @cached_property
    def _met(self) -> frozenset[str]:
        """The entity and event types met in training."""
        return frozenset((*self.trained.get("ner", ()), *self.trained.get("ee", ())))

    @cached_property
    def _blas(self) -> ThreadpoolController:
        return ThreadpoolController()

    def vectors(self, texts: list[str]) -> list[Array]:
        """Return the vectors of the characters of some texts, [T, H] each.

        Raises:
            ModelError: the encoder fails.
        """
        own, cover = self.characters.batch(texts, _padded(max(map(len, texts))))
        lengths = np.array([1 + len(text) for text in texts], np.int32)
        try:
            x = self.encode(own, cover, lengths)
        except (RuntimeError, ValueError) as error:
            raise ModelError(f"{self.name}: the encoder failed ({error})") from error
        return [row[1:length] for row, length in zip(x, lengths, strict=True)]

    def text_vectors(self, texts: Sequence[str]) -> Array:
        """Return the mean of the vectors of the characters of each text, [N, H].

        Of a long text its first window counts. An empty text has zeros.

        Raises:
            ModelError: the encoder fails.
        """
        read = [text[:WINDOW] for text in texts]
        places = [k for k, text in enumerate(read) if text]
        result = np.zeros((len(texts), self.words.hidden), np.float32)
        for group in _groups([len(read[k]) for k in places]):
            some = [places[k] for k in group]
            for k, x in zip(some, self.vectors([read[k] for k in some]), strict=True):
                result[k] = x.mean(0)
        return result


def window_size(tasks: Sequence[str]) -> int:
    """Return how many characters are read at once."""
    return NAMES_WINDOW if tuple(tasks) == ("ner",) else WINDOW


def _gathered(questions: Iterable[Question]) -> Iterator[list[Question]]:
    """Yield questions in lists: short ones first, then of more characters."""
    some: list[Question] = []
    size, most = 0, _FIRST
    for question in questions:
        some.append(question)
        size += len(question.text)
        if size >= most:
            yield some
            some, size, most = [], 0, min(4 * most, _GATHERED)
    if some:
        yield some


def _padded(length: int) -> int:
    return -(-length // _STEP) * _STEP


def _groups(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Yield the places of texts of one padded length, so many as the encoder reads at once."""
    by_length: dict[int, list[int]] = {}
    for k, length in enumerate(lengths):
        by_length.setdefault(_padded(length), []).append(k)
    for length, places in sorted(by_length.items()):
        count = max(1, _BATCH // (length + 1))
        for at in range(0, len(places), count):
            yield places[at : at + count]
