"""How long an answer may be: as its text asks for, and as the model's context allows."""

from ..prompts.messages import Prompt
from .protocol import Completion

# An entity in pretty-printed JSON takes some 20 tokens, and a dense list names one in 4 characters; what
# does not fit is asked again in halves.
_BASE, _PER_TOKEN = 512, 4
# The fewest tokens of an answer that are worth asking for.
LEAST_ANSWER = 32
# Under constraint an answer must have room to end, which takes more.
LEAST_HELD = 256


def answer_limit(text: int) -> int:
    """Return the most tokens that an answer about a text of so many tokens (or characters) needs."""
    return _BASE + _PER_TOKEN * text


def wanted(prompt: Prompt, most: int | None) -> int:
    """Return the most tokens of a prompt's answer: its own limit, that of the call, or by its text."""
    own: int | None = getattr(prompt, "max_tokens", None)
    return own or most or answer_limit(len(prompt.input))


def fitting(limit: int, prompt: int, context: int | None, least: int = LEAST_ANSWER) -> int:
    """Return the limit of an answer after a prompt of so many tokens; 0 if less than `least` is left."""
    if context is None:
        return limit
    room = context - prompt
    return min(limit, room) if room >= min(limit, least) else 0


def too_long(prompt: int, context: int | None) -> Completion:
    """Return the completion of a prompt that leaves no room for an answer."""
    problem = (
        f"the prompt has {prompt:,} tokens, and the model reads {context or 0:,} with its answer"
    )
    return Completion("", "refused", problem=problem, is_too_long=True)
