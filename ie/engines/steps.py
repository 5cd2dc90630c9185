"""Events asked for in two steps: what of a first answer stays beside the second ones."""

from collections.abc import Sequence

from ..data.documents import Event, Extraction, Issue


def not_told(first: Extraction, second: Sequence[Extraction]) -> Extraction:
    """Return a first answer without the events that second answers tell of, arguments and all.

    An event that only the first one saw stays, with its trigger alone.
    """
    events = [event for found in second for event in found.events]
    seen = {named(event) for event in events}
    types = {event.type for event in events}
    # Without a trigger nothing tells one event of a type from another.
    told = [e for e in first.events if named(e) in seen or (e.trigger is None and e.type in types)]
    return without_events(first, told)


def without_events(answer: Extraction, told: Sequence[Event]) -> Extraction:
    """Return a first answer without events that are told elsewhere, but not without their issues."""
    if not told:
        return answer
    issues = tuple(
        Issue(issue.kind, issue.detail) if issue.where.startswith("events[") else issue
        for issue in answer.issues
    )
    left = tuple(event for event in answer.events if event not in told)
    return Extraction(events=left, issues=issues)


def named(event: Event) -> tuple[str, str, int | None]:
    """Return the type of an event, and what and where its trigger is."""
    trigger = event.trigger
    return event.type, trigger.text if trigger else "", trigger.start if trigger else None
