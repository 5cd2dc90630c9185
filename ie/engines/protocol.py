"""What every engine gives: prompts in, completions out, in the same order."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from ..prompts.messages import Prompt


@dataclass(frozen=True, slots=True)
class Completion:
    """A model's words.

    `finish_reason` is `stop` (the model ended), `length` (the token limit cut it, or the engine
    where it went round in circles) or `refused` (there is no answer; `problem` says why). Where the
    engine gives them, `token_ends[i]` is the end, in code points of `text`, of the i-th token and
    `log_probs[i]` its natural-log probability; the end-of-sequence token, if the model stopped, is
    the last `log_probs` entry with `token_ends[i] == len(text)`.
    """

    text: str
    finish_reason: str = "stop"
    token_ends: tuple[int, ...] = ()
    log_probs: tuple[float, ...] = ()
    problem: str = ""


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
    """An engine with a loaded model. It sees strings only: no schema, no document."""

    def generate(
        self,
        prompts: Iterable[Prompt],
        *,
        max_tokens: int = 512,
        scores: bool = False,
        constraints: Sequence[Constraint] | None = None,
    ) -> Iterator[Completion]:
        """Complete every prompt greedily, yielding in the order of the prompts.

        Prompts are taken when the engine can start on them, so that they may be made meanwhile.
        `constraints` holds one constraint for each prompt, to which its answer is held.
        """
        ...

    def close(self) -> None:
        """Free the model."""
        ...
