"""What a scorer is: a named rule that tallies one document, and how figures are made of its counts.

A tally is `{(section, name): [gold, predicted, correct, matched]}`; the name is a type, or "" where
a rule knows no types. `correct` counts right predictions and `matched` found gold items; they
differ only in scorers that count them apart, such as DuIE's.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from ...data.documents import Document

Tally = dict[tuple[str, str], list[float]]

# The order of reports. `all` sums the first four; the others look at the same items again.
SECTIONS = ("entities", "relations", "triggers", "arguments", "relation ends", "events")
SUMMED = SECTIONS[:4]

_MACRO = "macro of "
_WITHIN = "\t"


def macro_rows(section: str) -> str:
    """Return the section whose rows the macro mean of another is made of, where they differ.

    It is for scorers whose macro mean counts otherwise than their micro figures; it is never shown.
    """
    return _MACRO + section


def shown_key(key: tuple[str, str]) -> tuple[str, str]:
    """Return section and type of a row, also of one that only a macro mean is made of."""
    section, name = key
    return (section.removeprefix(_MACRO), group_of(name) or name)


def grouped(group: str, name: str) -> str:
    """Return the name of a row that is averaged within its group before groups are.

    With an empty name the row counts, as gold, how often the group occurs without any other row.
    """
    return f"{group}{_WITHIN}{name}"


def is_bare_group(name: str) -> bool:
    """Say whether a row only tells that its group occurs: its mean is 0 if nothing else does."""
    return name.endswith(_WITHIN)


def group_of(name: str) -> str:
    """Return the group of a row's name, "" for a name without one."""
    group, tab, _ = name.partition(_WITHIN)
    return group if tab else ""


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """How counts become figures; by default nothing is rounded.

    `decimals`: precision and recall, in per cent, are rounded to that many before F1, and F1 after.
    `start`: what every sum starts from, so that nothing right of nothing is 1 and not 0.
    `either_side`: the macro mean is over the types of gold or predictions, else over those of gold.
    """

    decimals: int | None = None
    start: float = 0.0
    either_side: bool = False


PLAIN = Arithmetic()


@dataclass(frozen=True, slots=True)
class Scorer:
    """A named rule: a function from (gold, predicted) to a tally, and what it is about.

    `rule` and `source` are shown beside its figures, `units` says by section what is counted.
    `lead` says which mean its literature reports, `over` what its macro mean is over.
    With `once_a_text` the last of documents with equal texts stands for all of them.
    """

    name: str
    tally: Callable[[Document, Document], Tally]
    rule: str
    source: str
    units: Mapping[str, str]
    fields: tuple[str, ...] = ("entities", "relations", "events")
    lead: str = "micro"
    over: str = "gold types"
    arithmetic: Arithmetic = field(default=PLAIN)
    once_a_text: bool = False

    def applies(self, gold: Iterable[Document]) -> bool:
        """Say whether any gold document holds what this scorer looks at."""
        return any(getattr(document, name) for document in gold for name in self.fields)
