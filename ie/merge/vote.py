"""Agreement of several answers to one question: other type orders, samples or models."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from ..data.documents import Event, Extraction
from .events import Places
from .extractions import at_least, gather_issues, unite

# Shares are sums of fractions; a third plus two thirds must count as all.
_ROUNDING = 1e-9


def vote(answers: Sequence[Extraction], agreement: float = 0.5) -> Extraction:
    """Return what at least this share of the answers says; the share becomes the score.

    Entities and relations agree when type and places are equal, events as `is_same_event`
    has it, their arguments when role and string are equal. An answer counts once for each thing.
    The issues of all answers are kept, each once, but for those of what is voted out.

    Raises:
        ValueError: no answers.
    """
    if not answers:
        raise ValueError("no answers to vote on")
    whole, maps = unite(answers)
    counts = {name: _votes(places) for name, places in maps.items()}
    total = len(answers)
    members: dict[int, list[tuple[int, Event]]] = defaultdict(list)
    for (answer, index), new in maps["events"].items():
        members[new].append((answer, answers[answer].events[index]))
    scored = Extraction(
        tuple(_scored(e, counts["entities"][i] / total) for i, e in enumerate(whole.entities)),
        tuple(_scored(r, counts["relations"][i] / total) for i, r in enumerate(whole.relations)),
        tuple(
            _event(event, members[i], counts["events"][i], total)
            for i, event in enumerate(whole.events)
        ),
        gather_issues(answers, whole, maps),
    )
    return at_least(scored, agreement - _ROUNDING)


def _votes(places: Places) -> Counter[int]:
    """Count the answers behind each united thing."""
    return Counter(new for _, new in {(answer, new) for (answer, _), new in places.items()})


def _scored(value: Any, score: float) -> Any:
    return msgspec.structs.replace(value, score=score)


def _event(event: Event, members: Iterable[tuple[int, Event]], votes: int, total: int) -> Event:
    said = {(answer, a.role, a.text) for answer, one in members for a in one.arguments}
    counts = Counter((role, text) for _, role, text in said)
    arguments = tuple(_scored(a, counts[a.role, a.text] / total) for a in event.arguments)
    return msgspec.structs.replace(event, arguments=arguments, score=votes / total)
