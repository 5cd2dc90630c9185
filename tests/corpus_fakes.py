"""An engine without a model that can be sent to other processes, and texts that it fails on."""

import os
import time
from dataclasses import dataclass
from pathlib import Path

from chinchilla.data.documents import Entity, Extraction, Issue
from chinchilla.engines.protocol import Window
from chinchilla.errors import ModelError


@dataclass(frozen=True)
class FakeEngine:
    """Finds 北京. What it says depends on the place of a text among those asked together.

    Of a text with 坏 it fails; 错 is a fault of its code; 死 ends its process, once if there is a `folder`
    to remember that in; 慢 takes `seconds`. While the file `down` is there it fails of each text.
    """

    folder: str = ""
    seconds: float = 0.0
    down: str = ""
    name = "fake"
    calibration = None
    trained = {}

    def check(self, options):
        pass

    def windows(self, tasks):
        return [Window(tuple(tasks), 10_000)]

    def answer(self, questions, options):
        for place, question in enumerate(questions):
            text = question.text
            if self.down and Path(self.down).exists():
                raise ModelError("the server is down")
            if "坏" in text:
                raise ModelError("broken for this text")
            if "错" in text:
                raise IndexError("a fault")
            if "死" in text:
                self._die()
            if "慢" in text:
                time.sleep(self.seconds)
            yield self._found(text, place)

    def _found(self, text, place):
        start = text.find("北京")
        found = (Entity("地名", "北京", start, start + 2),) if start >= 0 else ()
        kind = "unparsable" if "乱" in text else "repeated"
        return Extraction(found, issues=(Issue(kind, f"place {place}"),))

    def _die(self):
        mark = Path(self.folder, "died") if self.folder else None
        if mark is None or not mark.exists():
            if mark:
                mark.touch()
            os._exit(9)

    def settle(self, extraction):
        return extraction

    def close(self):
        pass
