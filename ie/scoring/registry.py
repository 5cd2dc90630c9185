"""The scorers by name, and the one loop that runs any of them."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from ..data import Document
from ..errors import ConfigError, near_miss
from .counts import Result, Tally, summarise
from .pairing import Pair
from .spans import score_boundary, score_strict, score_string, score_string_set


@dataclass(frozen=True, slots=True)
class Scorer:
    """A named rule: a function from (gold, predicted) to a tally, and what it is about."""

    name: str
    tally: Callable[[Document, Document], Tally]
    fields: tuple[str, ...] = ("entities", "relations", "events")

    @property
    def rule(self) -> str:
        """The first line of the rule's docstring."""
        return (self.tally.__doc__ or "").split("\n", 1)[0]

    def applies(self, gold: Iterable[Document]) -> bool:
        """Say whether any gold document holds what this scorer looks at."""
        return any(getattr(document, field) for document in gold for field in self.fields)


SCORERS = {
    scorer.name: scorer
    for scorer in (
        Scorer("strict", score_strict),
        Scorer("boundary", score_boundary),
        Scorer("string", score_string),
        Scorer("string-set", score_string_set),
    )
}


def find_scorers(names: Sequence[str], gold: Sequence[Document]) -> list[Scorer]:
    """Return the scorers of these names; `all` stands for those that apply to the gold.

    Raises:
        ConfigError: a name is unknown.
    """
    found: dict[str, Scorer] = {}
    for name in names:
        if name == "all":
            found.update({s.name: s for s in SCORERS.values() if s.applies(gold)})
        elif name in SCORERS:
            found[name] = SCORERS[name]
        else:
            raise ConfigError(
                f"unknown scorer {name!r}{near_miss(name, SCORERS)}; "
                f"scorers are {', '.join(SCORERS)}, all"
            )
    return list(found.values())


def score_documents(pairs: Iterable[Pair], scorer: Scorer | str = "strict") -> Result:
    """Score paired documents by one scorer; see `pair_documents`.

    Raises:
        ConfigError: no scorer has that name.
    """
    if isinstance(scorer, str):
        scorer = find_scorers([scorer], [])[0]
    return summarise(scorer.name, tally_documents(pairs, scorer))


def tally_documents(pairs: Iterable[Pair], scorer: Scorer) -> list[Tally]:
    """Return the tally of every pair, in order."""
    return [scorer.tally(gold, predicted) for gold, predicted in pairs]
