"""Teach a fresh causal model to copy before it learns to extract.

An untrained model finds copying hard and extraction impossible without it; short strings first,
longer ones as soon as the loss falls, take it from 8 to 100 characters in minutes. Half of the
characters are drawn evenly from the whole vocabulary, so that rare ones copy too. A random
number of labels before the text moves it about: a model that only ever copied near the start
invents triggers behind the 65 event types of a real prompt.
"""

import random
from collections.abc import Sequence

COPY_INSTRUCTION = "抄写"
MARKS = ("「", "」")


def copy_instruction(rng: random.Random, labels: Sequence[str], most: int = 70) -> str:
    """Return the instruction to copy, followed by up to `most` labels without a meaning."""
    most = min(most, len(labels))
    count = rng.randint(0, most if rng.random() < 0.7 else min(most, 8))
    return COPY_INSTRUCTION + "".join(rng.sample(labels, count))


def copy_example(
    rng: random.Random, length: int, alphabet: Sequence[str], running: str
) -> tuple[str, str]:
    """Return an input of about `length` characters with bracketed spans, and its spans.

    Args:
        rng: the source of chance.
        length: characters of the input, brackets not counted.
        alphabet: characters to draw evenly from.
        running: a long text to draw natural stretches from.
    """
    if rng.random() < 0.5:
        text = "".join(rng.choices(alphabet, k=length))
    else:
        start = rng.randrange(max(1, len(running) - length))
        text = running[start : start + length]
    text = text.replace(MARKS[0], "").replace(MARKS[1], "") or alphabet[0]
    spans = _spans(rng, len(text))
    pieces, answer, last = [], [], 0
    for start, end in spans:
        pieces += [text[last:start], MARKS[0], text[start:end], MARKS[1]]
        answer.append(text[start:end])
        last = end
    return "".join([*pieces, text[last:]]), "⟦⟧".join([*answer, ""])


def _spans(rng: random.Random, length: int) -> list[tuple[int, int]]:
    """Draw disjoint spans of 1 to 12 characters, about one for each 14 characters of text."""
    spans: list[tuple[int, int]] = []
    position = rng.randint(0, 4)
    while position < length:
        end = min(length, position + rng.randint(1, 12))
        spans.append((position, end))
        position = end + rng.randint(0, 16)
    return spans or [(0, length)]
