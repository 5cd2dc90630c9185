"""What every engine gives. Two kinds, one protocol.

A *writer* is a language model: it is asked in words and answers in words (`writer.Writer`). A
*reader* finds things in a text in its own way (`chinchilla.mini`). To the pipeline both are an
`Engine`: a text, a schema and tasks in, an extraction out.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from ..data.documents import Extraction
from ..data.schema import Schema
from ..decoding.confidence import Calibration
from ..options import ExtractOptions
from ..prompts.messages import Prompt


@dataclass(frozen=True, slots=True)
class Question:
    """A window of a text, and the tasks of a schema that are asked of it.

    `start` is where the window begins in its text: what issues say of places counts from there.
    """

    text: str
    schema: Schema
    tasks: tuple[str, ...]
    start: int = 0


class Window(NamedTuple):
    """How an engine reads texts for some tasks: so many characters at once.

    Neighbours share up to `overlap` characters, and where a text has no boundary `seam`.
    """

    tasks: tuple[str, ...]
    size: int
    overlap: int = 0
    seam: int = 0


class Engine(Protocol):
    """A loaded model that answers questions about texts."""

    @property
    def name(self) -> str:
        """What messages call it."""
        ...

    @property
    def calibration(self) -> Calibration | None:
        """What turns its scores into probabilities of being right, if that is known."""
        ...

    @property
    def trained(self) -> Mapping[str, Sequence[str]]:
        """The labels met in training, by task; empty if that is not known."""
        ...

    def check(self, options: ExtractOptions) -> None:
        """Refuse options that it cannot follow.

        Raises:
            ConfigError: names the option.
        """
        ...

    def windows(self, tasks: Sequence[str]) -> Sequence[Window]:
        """Return how texts are to be cut for it; each task is in one of the windows."""
        ...

    def answer(
        self, questions: Iterable[Question], options: ExtractOptions
    ) -> Iterator[Extraction]:
        """Yield what it finds in each text, in order; offsets count from the start of `text`.

        Questions are taken when it can start on them, so that they may be made meanwhile.

        Raises:
            ModelError: the engine fails.
        """
        ...

    def settle(self, extraction: Extraction) -> Extraction:
        """Return the last word on a whole text, of whose windows the answers were merged."""
        ...

    def close(self) -> None:
        """Free the model."""
        ...


@dataclass(frozen=True, slots=True)
class Completion:
    """A model's words.

    `finish_reason` is `stop` (the model ended), `length` (the token limit cut it, or the engine
    where it went round in circles) or `refused` (there is no answer; `problem` says why). If that is
    because prompt and answer do not fit the model, `is_too_long` says so: a shorter text may help.
    Beside another reason, `problem` says what is odd about the answer. Where the engine gives them,
    `token_ends[i]` is the end, in code points of `text`, of the i-th token and `log_probs[i]` its
    natural-log probability; the end-of-sequence token, if the model stopped, is the last
    `log_probs` entry with `token_ends[i] == len(text)`.
    """

    text: str
    finish_reason: str = "stop"
    token_ends: tuple[int, ...] = ()
    log_probs: tuple[float, ...] = ()
    problem: str = ""
    is_too_long: bool = False


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens that a server counted; `cached` are part of `prompt`, `reasoning` of `completion`."""

    requests: int = 0
    prompt: int = 0
    completion: int = 0
    cached: int = 0
    reasoning: int = 0

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            self.requests + other.requests,
            self.prompt + other.prompt,
            self.completion + other.completion,
            self.cached + other.cached,
            self.reasoning + other.reasoning,
        )


class Constraint(Protocol):
    """The answers that a prompt may get; made by `constrain.AnswerConstraint`."""

    @property
    def task(self) -> str:
        """The task asked: `ner`, `re` or `ee`."""
        ...

    @property
    def text(self) -> str:
        """The text asked about."""
        ...

    @property
    def format(self) -> str:
        """The form of the answers: `json` or `compact`."""
        ...

    def names(self) -> Iterable[str]:
        """Return every name of the schema that an answer may hold."""
        ...

    def grammar(self, can_write: Callable[[str], bool]) -> str:
        """Return the answers as a grammar over the characters that a model can write."""
        ...

    def json_schema(self) -> dict[str, Any] | None:
        """Return the answers as a JSON Schema, or None if they are not JSON."""
        ...


class Backend(Protocol):
    """What runs a language model: words in, words out. It sees no schema and no document."""

    @property
    def context(self) -> int | None:
        """The most tokens of a prompt and its answer together; None if not known."""
        ...

    @property
    def usage(self) -> Usage | None:
        """What all answers so far took; None if the engine does not count."""
        ...

    def count_tokens(self, prompt: Prompt) -> int:
        """Return how many tokens the model reads for a prompt; an endpoint estimates."""
        ...

    def generate(
        self,
        prompts: Iterable[Prompt],
        *,
        max_tokens: int | None = None,
        scores: bool = False,
        constraints: Sequence[Constraint] | None = None,
    ) -> Iterator[Completion]:
        """Complete every prompt greedily, yielding in the order of the prompts.

        Prompts are taken when the engine can start on them, so that they may be made meanwhile.
        `max_tokens` bounds every answer; None bounds each by its text, see `budget.answer_limit`.
        `constraints` holds one constraint for each prompt, to which its answer is held. A prompt
        beyond the model's context gives a refused completion that `is_too_long`.
        """
        ...

    def close(self) -> None:
        """Free the model."""
        ...
