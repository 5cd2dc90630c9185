"""The scorers by name, and the one loop that runs any of them."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from ...data.documents import Document
from ...errors import ConfigError, near_miss
from .counts import Result, Tally, summarise
from .lic import Aliases, score_duee, score_duee_fin, score_duie
from .pairing import Pair
from .published import (
    IEPILE_DECIMALS,
    score_cluener,
    score_doc2edag,
    score_gplinker,
    score_iepile,
    score_uie_offset_multimatch,
    score_uie_offset_normal,
    score_uie_offset_set,
    score_uie_string_multimatch,
    score_uie_string_normal,
    score_uie_string_set,
)
from .sequence import score_seqeval, score_seqeval_bmes, score_seqeval_strict
from .spans import score_boundary, score_strict, score_string, score_string_set


@dataclass(frozen=True, slots=True)
class Scorer:
    """A named rule: a function from (gold, predicted) to a tally, and what it is about.

    `lead` says which mean its literature reports; `decimals` is that of `Score`.
    """

    name: str
    tally: Callable[[Document, Document], Tally]
    fields: tuple[str, ...] = ("entities", "relations", "events")
    lead: str = "micro"
    decimals: int | None = None

    @property
    def rule(self) -> str:
        """The first line of the rule's docstring."""
        rule = getattr(self.tally, "func", self.tally)  # the function inside a partial
        return (rule.__doc__ or "").split("\n", 1)[0]

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
        Scorer("seqeval", score_seqeval, ("entities",)),
        Scorer("seqeval-strict", score_seqeval_strict, ("entities",)),
        Scorer("seqeval-bmes", score_seqeval_bmes, ("entities",)),
        Scorer("cluener", score_cluener, ("entities",), lead="macro"),
        Scorer("duie", score_duie, ("relations",)),
        Scorer("duee", score_duee, ("events",)),
        Scorer("duee-fin", score_duee_fin, ("events",)),
        Scorer("doc2edag", score_doc2edag, ("events",)),
        Scorer("gplinker", score_gplinker, ("relations", "events")),
        Scorer("iepile", score_iepile, decimals=IEPILE_DECIMALS),
        Scorer("uie-offset-set", score_uie_offset_set),
        Scorer("uie-offset-normal", score_uie_offset_normal),
        Scorer("uie-offset-multimatch", score_uie_offset_multimatch),
        Scorer("uie-string-set", score_uie_string_set),
        Scorer("uie-string-normal", score_uie_string_normal),
        Scorer("uie-string-multimatch", score_uie_string_multimatch),
    )
}


def duie_scorer(aliases: Aliases) -> Scorer:
    """Return the DuIE scorer with an alias dictionary: lower-case name to its other names."""
    return replace(SCORERS["duie"], tally=partial(score_duie, aliases=aliases))


def find_scorers(names: Sequence[str], gold: Sequence[Document]) -> list[Scorer]:
    """Return the scorers of these names; `all` stands for those that apply to the gold.

    Raises:
        ConfigError: a name is unknown, or nothing is named or applies.
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
    if not found:
        why = "the gold documents hold no annotation" if names else "no scorer is named"
        raise ConfigError(f"nothing to score by: {why}; scorers are {', '.join(SCORERS)}, all")
    return list(found.values())


def score_documents(pairs: Iterable[Pair], scorer: Scorer | str = "strict") -> Result:
    """Score paired documents by one scorer; see `pair_documents`.

    Raises:
        ConfigError: no scorer has that name.
    """
    if isinstance(scorer, str):
        scorer = find_scorers([scorer], [])[0]
    return summarise(scorer.name, tally_documents(pairs, scorer), scorer.decimals)


def tally_documents(pairs: Iterable[Pair], scorer: Scorer) -> list[Tally]:
    """Return the tally of every pair, in order."""
    return [scorer.tally(gold, predicted) for gold, predicted in pairs]
