"""What no annotator marked whole: systems' votes, texts of known types, ends of relations as names.

Triggers are found by the words that gold documents use for the type. What is doubtful is given
without a place, which makes its label unknown for that text. Silver data trains; it is never scored
on.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from ..kit import Argument, Document, Event, Mention, convert
from .tokens import argument, found

Lexicon = dict[str, list[str]]
_UNKNOWN = Mention("", None, None)


def read_votes(
    paths: Iterable[Path],
    faults: Counter[str],
    *,
    texts: str,
    gold: str,
    agree: int,
    root: int = 0,
) -> Iterator[Document]:
    """Yield the texts of which at least one event has `agree` votes.

    Each path is one system's answer: JSON lines {id, event_list: [{event_type, arguments: [{role,
    argument}]}]}. `texts` and `gold` are files seen from the `root`-th folder above the paths. Types and
    roles with fewer votes, types that a system gives twice and types without a known trigger in the
    text are unknown.
    """
    files = list(paths)
    folder = files[0].parents[root]
    lexicon = read_lexicon(folder / gold)
    text_of = {str(row["id"]): str(row["text"]) for row in _rows(folder / texts)}
    ballots: dict[str, list[list[dict[str, Any]]]] = defaultdict(list)
    for path in files:
        for row in _rows(path):
            ballots[str(row["id"])].append(row.get("event_list") or [])
    for id in sorted(ballots):
        text = text_of.get(id, "")
        events = [
            _elected(text, kind, ballots[id], agree, lexicon.get(kind, []))
            for kind in sorted({event["event_type"] for votes in ballots[id] for event in votes})
        ]
        if any(event.trigger is not _UNKNOWN for event in events):
            yield Document(id, text, events=tuple(events))
        else:
            faults["text without an event that systems agree on"] += 1


def read_types(paths: Iterable[Path], faults: Counter[str], *, gold: str) -> Iterator[Document]:
    """Yield texts whose types are gold: JSON lines {id, text1, label: [types]}.

    Texts of the gold file, which stands beside the path, are passed over.
    """
    for path in paths:
        lexicon = read_lexicon(path.parent / gold)
        told = {str(row["id"]) for row in _rows(path.parent / gold)}
        for row in _rows(path):
            if str(row["id"]) in told:
                continue
            text = row["text1"]
            events = []
            for kind in dict.fromkeys(row["label"]):
                trigger = _trigger(text, lexicon.get(kind, []), 0)
                faults["type without a known trigger"] += trigger is _UNKNOWN
                events.append(Event(kind, trigger))
            yield Document(str(row["id"]), text, events=tuple(events))


def read_ends(
    paths: Iterable[Path], faults: Counter[str], *, converter: str, types: Collection[str]
) -> Iterator[Document]:
    """Yield the ends of a corpus's relations as entities, those of `types` alone.

    Only the ends of facts were annotated: of the types that a text has, further mentions may be
    unmarked.
    """
    documents, found_faults = convert(converter, paths)
    for document in documents:
        ends = [end for fact in document.relations for end in (fact.subject, fact.object)]
        entities = tuple(dict.fromkeys(end for end in ends if end.type in types and end.span))
        if entities:
            yield Document(document.id, document.text, entities)
    faults.update(found_faults)


def read_lexicon(path: Path, converter: str = "duee") -> Lexicon:
    """Return the trigger words of each event type in a gold file, the most frequent first."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    documents, _ = convert(converter, [path])
    for document in documents:
        for event in document.events:
            if event.trigger is not None:
                counts[event.type][event.trigger.text] += 1
    return {kind: [word for word, _ in words.most_common()] for kind, words in counts.items()}


def _elected(
    text: str, kind: str, ballots: list[list[dict[str, Any]]], agree: int, words: list[str]
) -> Event:
    """Return the event of a type as the systems see it, with an unknown trigger if they do not."""
    seen = [[event for event in events if event["event_type"] == kind] for events in ballots]
    if any(len(events) > 1 for events in seen) or sum(map(len, seen)) < agree:
        return Event(kind, _UNKNOWN)
    slots: Counter[tuple[str, str]] = Counter()
    for events in seen:
        slots.update({(a["role"], a["argument"]) for event in events for a in event["arguments"]})
    sure = [slot for slot, count in slots.items() if count >= agree]
    first = found(text, sure[0][1]) if sure else None
    trigger = _trigger(text, words, first[0] if first else 0)
    if trigger.start is None:
        return Event(kind, _UNKNOWN)
    place = partial(found, text, near=trigger.start)
    arguments = [argument(text, role, place(said)) for role, said in sorted(sure)]
    arguments += [
        Argument(role, said, None, None) for role, said in slots if (role, said) not in sure
    ]
    return Event(kind, trigger, tuple(arguments))


def _trigger(text: str, words: list[str], near: int) -> Mention:
    for word in words:
        span = found(text, word, near)
        if span:
            return Mention(word, *span)
    return _UNKNOWN


def _rows(path: Path) -> Iterator[Any]:
    with path.open(encoding="utf-8-sig") as file:
        for line in file:
            if line.strip():
                yield json.loads(line)
