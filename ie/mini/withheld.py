"""What is said of facts that are withheld, and taken back where another window returns them."""

from typing import Any

import msgspec

from ..data.documents import Argument, Event, Extraction, Issue, Relation
from ..data.issues import excerpt

_UNSURE = "left out, too unsure"


def unsure(fact: Any, event: Event | None = None, offset: int = 0) -> Issue:
    """Return the issue of a fact that scores too little; `event` is that of an argument.

    `offset` is where the text of the fact begins in its document.
    """
    return withheld(fact, _UNSURE, event, offset)


def withheld(fact: Any, why: str, event: Event | None = None, offset: int = 0) -> Issue:
    """Return the issue of a fact that is left out for some reason."""
    if isinstance(fact, Relation):
        parts = [excerpt(fact.subject.text), fact.type, excerpt(fact.object.text)]
    elif isinstance(fact, Event):
        parts = [_spot(fact.trigger, offset), fact.type]
    else:
        parts = [_spot(fact, offset), fact.role if isinstance(fact, Argument) else fact.type]
    if event:
        parts += [*([_spot(event.trigger, offset)] if event.trigger else []), event.type]
    return Issue("withheld", " | ".join(parts) + f": {why}")


def settled(extraction: Extraction) -> Extraction:
    """Return the extraction of a document without issues about what another window brought."""
    if not extraction.issues:
        return extraction
    returned = {unsure(fact) for fact in (*extraction.entities, *extraction.relations)}
    for event in extraction.events:
        returned |= {unsure(event)} if event.trigger else set()
        returned |= {unsure(argument, event) for argument in event.arguments}
    left = tuple(issue for issue in dict.fromkeys(extraction.issues) if issue not in returned)
    return msgspec.structs.replace(extraction, issues=left)


def _spot(mention: Any, offset: int) -> str:
    """Return what a mention says and where it stands."""
    if mention is None:
        return "(none)"
    if mention.start is None:
        return excerpt(mention.text)
    return f"{excerpt(mention.text)} at [{mention.start + offset}, {mention.end + offset})"
