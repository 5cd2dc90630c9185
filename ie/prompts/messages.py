"""What a language model is asked: an instruction and a text."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Prompt:
    """An instruction and the text it is about; engines with a chat template keep them apart."""

    instruction: str
    input: str
