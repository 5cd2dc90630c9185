"""A language model of the kit as a translator: asked in words, it answers with the translation."""

from collections.abc import Sequence
from pathlib import Path

from ...engines.open import open_writer
from ...engines.protocol import Backend
from ...prompts.messages import Prompt

_ASK = (
    "把下面的英文译成{language}。只输出译文，不要解释。"
    "如果文中有 <a>…</a> 这样的标记，在译文中对应的词语两边原样保留，不增不减。"
)
_LANGUAGES = {"zh": "简体中文", "en": "英文"}


class EngineTranslator:
    """Translates with a language model; it gives no scores and no alignment."""

    def __init__(self, name: str, backend: Backend, target: str = "zh") -> None:
        """Take a loaded model."""
        self.name = name
        self._backend = backend
        self._ask = _ASK.format(language=_LANGUAGES.get(target, target))

    def translate(self, texts: Sequence[str]) -> list[str]:
        """Return the translation of each text; of one that is refused, an empty string."""
        asked = [text for text in texts if text.strip()]
        prompts = [Prompt(self._ask, text) for text in asked]
        said = iter([answer.text.strip() for answer in self._backend.generate(prompts)])
        return [next(said) if text.strip() else "" for text in texts]


def engine_translator(model: str | Path, target: str = "zh") -> EngineTranslator:
    """Load a language model by what the user calls it.

    Raises:
        ModelError: there is no such model.
        ConfigError: it is no language model.
    """
    writer = open_writer(model)
    return EngineTranslator(writer.name, writer.backend, target)
