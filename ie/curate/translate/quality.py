"""How good a translation with its mentions is, estimated without anyone reading it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from chinchilla.instructions.quality import LETTER
from chinchilla.instructions.rouge import rouge_l

from .marks import has_remains
from .protocol import FoundMention, Projected

EMPTY, LENGTH, ALPHABET, MARKS_LEFT, ROUND_TRIP, POOR = (
    *("empty translation", "length out of proportion", "alphabet left over"),
    *("marks left in the translation", "round trip too far off", "quality below the least"),
)
# A word in lower case was not translated; names in capitals may stay as they are.
_LOWER = re.compile(r"(?<![A-Za-z])[a-z]{2,}(?![A-Za-z])")


@dataclass(frozen=True)
class Bounds:
    """Beyond which a translation is set aside.

    `shortest` and `longest` bound the characters of the translation for each of the source; `alphabet`
    the share of letters in untranslated words; `round_trip` ROUGE-L by words of the source and what a reverse
    model makes of the translation; `least` the estimate as a whole.
    """

    shortest: float = 0.1
    longest: float = 1.2
    alphabet: float = 0.2
    round_trip: float = 0.2
    least: float = 0.0


def judge(
    source: str, projected: Projected, bounds: Bounds, back: str | None = None
) -> tuple[dict[str, float], str]:
    """Return estimates from 0 to 1, with `score` their mean, and why it is to be set aside ("": not).

    `mentions` is the share that survived; `confirmed` that of those whose translation alone says the
    same characters for the most part.
    """
    text = projected.text
    ratio = len(text) / max(1, len(source))
    letters = max(1, len(LETTER.findall(text)))
    left = sum(len(word) for word in _LOWER.findall(text)) / letters
    estimates = {
        "length_ratio": ratio,
        "alphabet": 1 - left,
        "mentions": _share([found.span is not None for found in projected.found]),
        "confirmed": _share(
            [_is_confirmed(text, found) for found in projected.found if found.span]
        ),
    }
    if back is not None:
        estimates["round_trip"] = _shared_words(source, back)
    parts = [value for name, value in estimates.items() if name != "length_ratio"]
    estimates["score"] = sum(parts) / len(parts)
    rounded = {name: round(value, 4) for name, value in estimates.items()}
    return rounded, _fault(text, estimates, left, bounds)


def _fault(text: str, estimates: dict[str, float], left: float, bounds: Bounds) -> str:
    if not text.strip():
        return EMPTY
    if not bounds.shortest <= estimates["length_ratio"] <= bounds.longest:
        return LENGTH
    if has_remains(text):
        return MARKS_LEFT
    if left > bounds.alphabet:
        return ALPHABET
    if estimates.get("round_trip", 1.0) < bounds.round_trip:
        return ROUND_TRIP
    return POOR if estimates["score"] < bounds.least else ""


def _shared_words(first: str, second: str) -> float:
    """Return ROUGE-L of two texts by words: characters of any two English texts are half alike."""
    from rapidfuzz.distance import Indel

    words = [re.findall(r"\w+", text.lower()) for text in (first, second)]
    return float(Indel.normalized_similarity(*words))


def _share(values: Sequence[bool]) -> float:
    return sum(values) / len(values) if values else 1.0


def _is_confirmed(text: str, found: FoundMention) -> bool:
    if found.span is None or not found.told:
        return False
    mention = text[found.span[0] : found.span[1]]
    return mention == found.told or rouge_l(mention, found.told) >= 0.5
