"""Find events that several windows of one text tell of, and make one event of them.

`scripts/check_windows` measures what the rules win and cost.
"""

from collections import Counter, defaultdict
from collections.abc import Hashable, Sequence
from typing import Any

import msgspec

from ..data.documents import Argument, Event

Places = dict[tuple[int, int], int]
# A subject that every window names is a mark of all their events; the last ones are enough.
_CANDIDATES = 64


def is_same_event(first: Event, second: Event, *, is_same_text: bool = True) -> bool:
    """Say whether events of two answers may be one.

    They must be of one type. They must share the trigger's place or at least one argument. Each role
    that both fill must have a string in common. If both answers are about the same text, triggers at
    different places keep events apart. In two windows they do not: documents come back to an event
    with other words.
    """
    if first.type != second.type:
        return False
    places = [None if e.trigger is None else e.trigger.span for e in (first, second)]
    if None not in places and places[0] != places[1] and is_same_text:
        return False
    has_place = None not in places and places[0] == places[1]
    common = _common(_fillers(first), _fillers(second))
    return common is not None and (common > 0 or has_place)


def unite_events(
    lists: Sequence[Sequence[Event]], windows: Sequence[Hashable] | None = None
) -> tuple[list[Event], Places]:
    """Return distinct events, and where each (list, index) went.

    An event joins that of another list which `is_same_event` says it may be: the one whose
    trigger stands at the same place, else the one with most arguments in common, else the first.
    With `windows`, the window that each list is about, only lists of other windows are looked at;
    and of a type of which no window tells two, all events that fill a role are one where they
    contradict each other nowhere.
    """
    origins = list(range(len(lists))) if windows is None else list(windows)
    gathering = _Gathering(is_same_text=windows is None)
    places = {
        (i, j): gathering.add(event, origins[i])
        for i, events in enumerate(lists)
        for j, event in enumerate(events)
    }
    if windows is not None:
        into = gathering.join_lone()
        places = {at: into.get(k, k) for at, k in places.items()}
    order = {k: at for at, k in enumerate(sorted(set(places.values())))}
    return [gathering.events[k] for k in order], {at: order[k] for at, k in places.items()}


class _Gathering:
    """Events united so far, the windows each comes from, and what to find them by."""

    def __init__(self, *, is_same_text: bool) -> None:
        self.is_same_text = is_same_text
        self.events: list[Event] = []
        self.origins: list[set[Hashable]] = []
        self.by_mark: dict[Any, list[int]] = defaultdict(list)

    def add(self, event: Event, origin: Hashable) -> int:
        """Join an event to one known or make it a new one; return which."""
        marks = _marks(event)
        at = self._find(event, marks, origin)
        if at is None:
            at = len(self.events)
            self.events.append(event)
            self.origins.append({origin})
        else:
            self.events[at] = join_events(self.events[at], event)
            self.origins[at].add(origin)
        for mark in marks:
            holders = self.by_mark[mark]
            if at not in holders[-_CANDIDATES:]:
                holders.append(at)
        return at

    def _find(self, event: Event, marks: Sequence[Any], origin: Hashable) -> int | None:
        votes = Counter(k for mark in marks for k in self.by_mark[mark][-_CANDIDATES:])
        if event.trigger is not None and event.trigger.start is not None:
            for k in self.by_mark[event.type, event.trigger.span]:
                votes[k] += len(event.arguments) + 1
        for k, _ in sorted(votes.items(), key=lambda one: (-one[1], one[0])):
            if origin not in self.origins[k] and is_same_event(
                self.events[k], event, is_same_text=self.is_same_text
            ):
                return k
        return None

    def join_lone(self) -> dict[int, int]:
        """Join the events of each type that nothing keeps apart; return which went where."""
        by_type: dict[str, list[int]] = defaultdict(list)
        for k, event in enumerate(self.events):
            if event.arguments:
                by_type[event.type].append(k)
        into: dict[int, int] = {}
        for known in by_type.values():
            if len(known) > 1 and (whole := self._whole(known)) is not None:
                self.events[known[0]] = whole
                into.update(dict.fromkeys(known, known[0]))
        return into

    def _whole(self, known: Sequence[int]) -> Event | None:
        whole = self.events[known[0]]
        origins = set(self.origins[known[0]])
        for k in known[1:]:
            event = self.events[k]
            common = _common(_fillers(whole), _fillers(event))
            if origins & self.origins[k] or common is None:
                return None
            # Two triggers in the text, and nothing else in common: rather two stories.
            if not common and None not in (_place(whole), _place(event)):
                return None
            whole = join_events(whole, event)
            origins |= self.origins[k]
        return whole


def _place(event: Event) -> int | None:
    return event.trigger.start if event.trigger else None


def _fillers(event: Event) -> dict[str, set[str]]:
    fillers: dict[str, set[str]] = {}
    for argument in event.arguments:
        fillers.setdefault(argument.role, set()).add(argument.text)
    return fillers


def _common(first: dict[str, set[str]], second: dict[str, set[str]]) -> int | None:
    """Return how many roles are filled alike, or None if one is filled differently."""
    common = first.keys() & second.keys()
    return len(common) if all(first[role] & second[role] for role in common) else None


def _marks(event: Event) -> list[Any]:
    """Return what two events must have one of in common to be the same."""
    marks: list[Any] = [(event.type, a.role, a.text) for a in event.arguments]
    if event.trigger is not None and event.trigger.start is not None:
        marks.append((event.type, event.trigger.span))
    return list(dict.fromkeys(marks))


def join_events(first: Event, second: Event) -> Event:
    """Return one event with the arguments of both, each role and string once, in text order."""
    arguments: dict[tuple[str, str], Argument] = {}
    for argument in (*first.arguments, *second.arguments):
        key = (argument.role, argument.text)
        known = arguments.get(key)
        if known is None or (known.start is None and argument.start is not None):
            arguments[key] = argument
    scores = [event.score for event in (first, second) if event.score is not None]
    return msgspec.structs.replace(
        first,
        trigger=first.trigger or second.trigger,
        arguments=tuple(sorted(arguments.values(), key=_argument_order)),
        score=max(scores, default=None),
    )


def _argument_order(argument: Argument) -> tuple[float, float]:
    if argument.start is None or argument.end is None:
        return (float("inf"), 0.0)
    return (argument.start, argument.end)
