"""Backends without a model, for tests of what stands around one."""

from chinchilla.engines.protocol import Completion
from chinchilla.engines.writer import Writer
from chinchilla.prompts.prompt import PromptStyle


class ScriptedBackend:
    """Answers each prompt by a function of it; keeps the prompts it was asked."""

    def __init__(self, answer):
        self.answer = answer
        self.asked = []

    context = usage = None

    def count_tokens(self, prompt):
        return len(prompt.input)

    def generate(self, prompts, *, max_tokens=None, **_):
        for prompt in prompts:
            self.asked.append(prompt)
            said = self.answer(prompt)
            yield said if isinstance(said, Completion) else Completion(said)

    def close(self):
        pass


def scripted_engine(answer, **style):
    """An engine for `Extractor`, asked in the compact form unless `style` says otherwise."""
    options = {"template": "compact-v1", "format": "compact", **style}
    return Writer("scripted", ScriptedBackend(answer), PromptStyle(**options))
