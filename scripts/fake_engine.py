"""An engine without a model, for checks and measurements of runs; it can be sent to other processes."""

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from chinchilla.data.documents import Entity, Extraction, Issue
from chinchilla.engines.protocol import Question, Window

_PLACES = ("北京", "上海", "天津", "重庆", "广州", "深圳", "杭州", "南京")
_CHARACTERS = "的一是在不了有和人这中大为上个国我以要他时来用们生到作地于出就分对成会"


@dataclass(frozen=True)
class FakeEngine:
    """Finds a place in each text, and reckons for `seconds` of processor time before it says so.

    What it says depends on the place of a text among those asked together, as that of a real model may.
    """

    seconds: float = 0.0
    name = "fake"
    calibration = None
    trained: Any = None

    def check(self, options: Any) -> None:
        """Take all options."""

    def windows(self, tasks: Sequence[str]) -> list[Window]:
        """Read texts whole."""
        return [Window(tuple(tasks), 10_000)]

    def answer(self, questions: Iterable[Question], options: Any) -> Iterator[Extraction]:
        """Yield what is found in each text."""
        for place, question in enumerate(questions):
            end = time.thread_time() + self.seconds
            while self.seconds and time.thread_time() < end:
                pass
            start = question.text.find(_PLACES[len(question.text) % len(_PLACES)])
            found = ()
            if start >= 0:
                found = (Entity("地名", question.text[start : start + 2], start, start + 2),)
            yield Extraction(found, issues=(Issue("repeated", f"text {place} of its batch"),))

    def settle(self, extraction: Extraction) -> Extraction:
        """Return it as it is."""
        return extraction

    def close(self) -> None:
        """Free nothing."""


def texts(number: int, length: int = 30) -> Iterator[str]:
    """Yield so many texts of about so many characters, the same each time."""
    random = Random(0)
    for _ in range(number):
        size = random.randint(length // 2, length * 3 // 2)
        words = "".join(random.choices(_CHARACTERS, k=size))
        yield f"{words}在{random.choice(_PLACES)}。"
