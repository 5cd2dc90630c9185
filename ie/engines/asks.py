"""What a language model is asked about a question: one prompt for each task and part of the schema."""

from dataclasses import dataclass, replace

from ..data.examples import GoldExamples
from ..data.schema import Schema
from ..decoding.formats import AskedTrigger
from ..options import ExtractOptions
from ..prompts.messages import Prompt
from ..prompts.prompt import PromptStyle, read_template, render_instruction
from .protocol import Question

# Instructions that are kept; with types chosen for each text nearly every one is new.
_MOST_KEPT = 1024


@dataclass(frozen=True, slots=True)
class Ask:
    """One prompt: the question that it is part of, its task, and the schema of the answer.

    `trigger` is what the second of two steps asks about, with its occurrence: a trigger that occurs
    once has occurrence 0, and no trigger is an empty string. `depth` is how often the text was halved.
    `step` is what the prompt asks where that is not all of the task: `triggers`.
    """

    question: Question
    task: str
    schema: Schema
    prompt: Prompt
    trigger: AskedTrigger | None = None
    depth: int = 0
    step: str = ""

    def about(self, question: Question, prompt: Prompt) -> "Ask":
        """Return the same, asked of a part of the text."""
        return replace(self, question=question, prompt=prompt, depth=self.depth + 1)


class Wording:
    """The words of a run's prompts: a style, and what the options add to it.

    Instructions are kept by the identity of their schemas, of which a run has few.
    """

    def __init__(self, style: PromptStyle, options: ExtractOptions) -> None:
        """Put the user's instructions into the style."""
        said = "\n".join(filter(None, (style.instructions, options.instructions)))
        self.style = replace(style, instructions=said) if options.instructions else style
        self.examples: GoldExamples | None = options.examples
        self._frame = read_template(style.template).frame
        self._kept: dict[tuple[int, str], tuple[Schema, str]] = {}

    def prompt(self, step: str, schema: Schema, text: str) -> Prompt:
        """Return the prompt for a task, or for the `triggers` of events, in a text."""
        if self.examples is not None:
            task = step if step in ("ner", "re") else "ee"
            shown = self.examples.near(text, task, schema)
            return Prompt(render_instruction(step, schema, self.style, shown), text, self._frame)
        key = (id(schema), step)
        if key not in self._kept:
            if len(self._kept) >= _MOST_KEPT:
                self._kept.clear()
            self._kept[key] = (schema, render_instruction(step, schema, self.style))
        return Prompt(self._kept[key][1], text, self._frame)
