"""The key of an endpoint: read from the environment, checked, and never shown."""

import os

from ..errors import ModelError

VARIABLES = ("CHINCHILLA_API_KEY", "OPENAI_API_KEY")
# Shorter ones are placeholders, such as `x`, and stand in many words.
_SHORTEST_SECRET = 6


def read_key() -> str:
    """Return the key without blanks around it; empty if none is set.

    Raises:
        ModelError: a character in it cannot be sent; it is named, the key is not.
    """
    for name in VARIABLES:
        key = os.environ.get(name, "").strip()
        if key:
            _check(name, key)
            return key
    return ""


def hidden(key: str, text: str) -> str:
    """Return a text with `***` for the key, which some servers repeat."""
    return text.replace(key, "***") if len(key) >= _SHORTEST_SECRET else text


def _check(name: str, key: str) -> None:
    for place, character in enumerate(key, 1):
        if not "!" <= character <= "~":
            raise ModelError(
                f"{name}: character {place} is {character!a}, which no key holds; "
                "expected letters, digits and marks of ASCII; copy the key again"
            )
