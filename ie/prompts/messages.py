"""What a language model is asked: an instruction and a text, and the turns that they are said in."""

from dataclasses import dataclass

TEXT_SLOT = "{text}"


@dataclass(frozen=True, slots=True)
class Prompt:
    """An instruction and the text it is about.

    With a `frame`, which holds `{text}`, the instruction is the system's and the framed text the
    user's, with what comes `after` it; without one both are one turn of the user.
    """

    instruction: str
    input: str
    frame: str = ""
    after: str = ""

    @property
    def framed(self) -> str:
        """What the user's turn says where the instruction is the system's."""
        text = self.frame.replace(TEXT_SLOT, self.input) if self.frame else self.input
        return f"{text}\n{self.after}" if self.after else text


def plain_prompt(prompt: Prompt) -> str:
    """Join a prompt for models without a chat template; the answer follows directly."""
    return f"{prompt.instruction}{_between(prompt)}{prompt.framed}\n"


def chat_turns(prompt: Prompt, *, has_system: bool = True) -> list[dict[str, str]]:
    """Return a prompt as the messages of a chat; without `has_system`, as one turn of the user."""
    if prompt.frame and has_system:
        return [
            {"role": "system", "content": prompt.instruction},
            {"role": "user", "content": prompt.framed},
        ]
    return [{"role": "user", "content": plain_prompt(prompt).rstrip("\n")}]


def _between(prompt: Prompt) -> str:
    return "\n\n" if prompt.frame else "\n"
