"""Names of types in the other language, from a YAML file; and translations of mentions, one a name.

entities: {Peop: 人名, Loc: 地名}
relations: {Live_In: 居住地}
events: {Attack: 袭击}
roles: {Attacker: 袭击者}
terms: {Associated Press: 美联社}
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from ...data.configuration import read_configuration
from .protocol import Translator


@dataclass(frozen=True)
class Glossary:
    """Names of entity types, relations, events and roles (also qualifiers), and fixed terms."""

    entities: dict[str, str] = field(default_factory=dict)
    relations: dict[str, str] = field(default_factory=dict)
    events: dict[str, str] = field(default_factory=dict)
    roles: dict[str, str] = field(default_factory=dict)
    terms: dict[str, str] = field(default_factory=dict)


def read_glossary(path: str | Path) -> Glossary:
    """Return what a YAML file says.

    Raises:
        ConfigError: the file cannot be read, or a line for each fault.
    """
    return read_configuration(path, Glossary)


class Terms:
    """Translations of names: fixed ones, and each other name once by the translator."""

    def __init__(self, translator: Translator, fixed: dict[str, str] | None = None) -> None:
        """Begin with fixed terms."""
        self._translator = translator
        self._known = dict(fixed or {})

    def learn(self, names: Iterable[str]) -> None:
        """Translate names that are new, together."""
        new = [name for name in dict.fromkeys(names) if name not in self._known]
        if new:
            said = self._translator.translate(new)
            self._known.update({n: s.strip().strip("。.") for n, s in zip(new, said, strict=True)})

    def of(self, name: str) -> str:
        """Return the translation of a name that was learnt, or an empty string."""
        return self._known.get(name, "")
