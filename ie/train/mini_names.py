"""Other names in the documents of the recipe; see `instructions.substitute`."""

import random
from functools import cache

from chinchilla.data import Document
from chinchilla.instructions.substitute import Pools, pools, substitute

from .mini_texts import Corpora
from .recipe import Recipe


class OtherNames:
    """Exchanges annotated strings for others, of the same corpus or of kinds alike in any."""

    def __init__(self, recipe: Recipe, trains: Corpora) -> None:
        self._settings = recipe.substitute
        self._found = {name: pools(documents) for name, documents in trains.items()}
        self._alike = cache(self._strings_alike)

    def has(self, corpus: str) -> bool:
        """Return whether the recipe wants other names in the documents of a corpus."""
        return corpus in self._settings.get("corpora", ())

    def times(self, corpus: str) -> int:
        """Return in how many copies of a corpus."""
        times: int = self._settings.get("times", {}).get(corpus, 1)
        return times

    def changed(self, corpus: str, document: Document, rng: random.Random) -> Document | None:
        """Return a document of the corpus with other names in it, or None if it has none."""
        own, share = self._found[corpus], self._settings["share"]
        return substitute(document, own, self._alike(corpus), share, rng)

    def _strings_alike(self, corpus: str) -> Pools:
        alike: dict[str, list[str]] = {}
        for family in self._settings.get("alike", ()):
            strings = {
                text
                for kinds in self._found.values()
                for kind in family
                for text in kinds.get(kind, ())
            }
            # Whole clauses and single characters are of one corpus alone.
            fit = sorted(text for text in strings if 2 <= len(text) <= 16)
            alike |= {kind: fit for kind in family if kind in self._found[corpus]}
        return alike
