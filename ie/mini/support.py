"""Low-confidence facts are withheld and told as issues.

A small model says much that is wrong, mostly where its tagger saw nothing and where it is unsure
itself. How sure it must be of a fact depends on how much of it is marked in the text, and on the head
that marks it. The model's style lists the limits by head.
"""

from collections.abc import Sequence, Set
from typing import Any

import msgspec

from ..data.documents import Argument, Event, Extraction, Issue, Relation
from ..data.issues import excerpt
from ..merge.extractions import keep
from .tagger import Word

# The least score by points, see `supported`.
Least = Sequence[float | None]


def supported(
    extraction: Extraction,
    text: str,
    words: Sequence[Word],
    known: Set[str],
    least: Least,
    offset: int = 0,
) -> Extraction:
    """Return the extraction without low-confidence facts.

    A name, trigger or argument has 1 point if something is marked from its start to its end. A
    relation has 2 points if its object is marked with its predicate, or 1 if it is marked as anything
    else, and 1 more if its subject is marked. An event goes with its trigger; one without a trigger
    stays. Each fact left out becomes an issue: `ungrounded` if it is not in the text, else
    `withheld`. Other issues about it are dropped.

    Args:
        extraction: of the text.
        text: the text of one prompt.
        words: what the tagger sees in it, asked for or not: start, end, kind.
        known: labels that it may mark; facts of other labels stay, as do relations whose label in
            the schema is not their predicate alone.
        least: the score that a fact with 0, 1, … points needs, as an uncalibrated geometric mean of
            token probabilities. None leaves it out whatever its score. More points count as the
            last. A fact without a score stays.
        offset: where the text starts in its document, for the issues.
    """
    spans = {(start, end) for start, end, _ in words}
    # By string: of a mention that occurs several times another occurrence may be the marked one.
    marked = {(text[start:end], kind) for start, end, kind in words}
    strings = {string for string, _ in marked}

    def points(fact: Any) -> int:
        if not isinstance(fact, Relation):
            return int((fact.start, fact.end) in spans)
        said = fact.object.text
        ends = 2 if (said, fact.type) in marked else int(said in strings)
        return ends + (fact.subject.text in strings)

    owners = {id(argument): event for event in extraction.events for argument in event.arguments}
    left_out: list[Issue] = []

    def is_wanted(value: Any) -> bool:
        said = _mention(value)
        if said is None or _label(value) not in known:
            return True
        needed = least[min(points(said), len(least) - 1)]
        if needed is not None and (said.score is None or said.score >= needed):
            return True
        left_out.append(_unsure(value, owners.get(id(value)), offset))
        left_out.extend(_unsure(argument, value, offset) for argument in _arguments(value))
        return False

    kept = keep(extraction, is_wanted)
    return msgspec.structs.replace(kept, issues=(*kept.issues, *dict.fromkeys(left_out)))


def settled(extraction: Extraction) -> Extraction:
    """Return the extraction of a document without issues that no longer hold.

    A fact that was left out of one window may be returned from another that overlaps it.
    """
    if not extraction.issues:
        return extraction
    facts: list[tuple[Any, Event | None]] = []
    facts += [(fact, None) for fact in (*extraction.entities, *extraction.relations)]
    for event in extraction.events:
        facts += [(event, None)] if event.trigger else []
        facts += [(argument, event) for argument in event.arguments]
    returned = {_unsure(fact, event, 0) for fact, event in facts}
    issues = tuple(issue for issue in extraction.issues if issue not in returned)
    return msgspec.structs.replace(extraction, issues=issues)


def _unsure(fact: Any, event: Event | None, offset: int) -> Issue:
    """Return what is told of a fact, or of an argument of an event; mentions have their place."""
    if isinstance(fact, Relation):
        names = [fact.subject, fact.object]
        parts = [excerpt(fact.subject.text), fact.type, excerpt(fact.object.text)]
    else:
        names = [_mention(fact)]
        parts = [_spot(names[0], offset), _label(fact) or ""]
    if event:
        parts += [_spot(event.trigger, offset)] if event.trigger else []
        parts.append(event.type)
    told = " | ".join(parts) + ": left out,"
    if lost := [name.text for name in names if name.start is None]:
        return Issue("ungrounded", f"{told} {excerpt(lost[0])!r} is not in the text")
    return Issue("withheld", f"{told} model and tagger are too unsure of it")


def _spot(mention: Any, offset: int) -> str:
    if mention.start is None:
        return excerpt(mention.text)
    return f"{excerpt(mention.text)} at [{mention.start + offset}, {mention.end + offset})"


def _mention(fact: Any) -> Any:
    return fact.trigger if isinstance(fact, Event) else fact


def _label(fact: Any) -> str | None:
    label: str | None = fact.role if isinstance(fact, Argument) else fact.type
    return label


def _arguments(fact: Any) -> Sequence[Argument]:
    return fact.arguments if isinstance(fact, Event) else ()
