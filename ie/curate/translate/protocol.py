"""What a translator gives, and what a method gives back."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

Span = tuple[int, int]


class Translator(Protocol):
    """Turns texts of one language into another."""

    @property
    def name(self) -> str:
        """What records call it."""
        ...

    def translate(self, texts: Sequence[str]) -> list[str]:
        """Return the translation of each text."""
        ...


@runtime_checkable
class ScoringTranslator(Protocol):
    """A translator that can tell how likely a given translation is."""

    def score(self, source: str, targets: Sequence[str]) -> list[float]:
        """Return the natural-log probability of each target as a translation of the source."""
        ...


@dataclass(frozen=True, slots=True)
class Aligned:
    """Which part of a source each part of its translation comes from.

    `sources` and `targets` are `[start, end)` in code points; `weights[t][s]` is how much target part
    t looks at source part s.
    """

    sources: Sequence[Span]
    targets: Sequence[Span]
    weights: Sequence[Sequence[float]]


@runtime_checkable
class Aligner(Protocol):
    """A translator that can tell what it looked at."""

    def align(self, source: str, target: str) -> Aligned:
        """Return the alignment of a translation that it made."""
        ...


@dataclass(frozen=True, slots=True)
class FoundMention:
    """Where a mention went: a span of the translation, or None and the reason.

    `method` is what found it; `told` is the translation of the mention alone, where that is known.
    """

    span: Span | None
    method: str = ""
    reason: str = ""
    told: str = ""


@dataclass(frozen=True, slots=True)
class Projected:
    """A translated sentence, and where each of its mentions went, in their order."""

    text: str
    found: tuple[FoundMention, ...]
