"""The same score over parts of the data: by source, by length, by what training had shown."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ...data.documents import Argument, Document, Event
from .counts import Result, summarise
from .exact import string_items
from .lic import other_wordings
from .matching import Item
from .pairing import Pair
from .scorer import Scorer, Tally, shown_key

LENGTH_BANDS = (32, 64, 128, 256, 512)  # upper ends, inclusive, in code points

Parts = dict[str, Result]


def by_source(pairs: Sequence[Pair], tallies: Sequence[Tally], scorer: Scorer) -> Parts:
    """Return a result for each `meta["source"]` of the gold documents, in order of appearance."""
    names = [str(gold.meta.get("source", "unknown")) for gold, _ in pairs]
    return _by_name(names, list(dict.fromkeys(names)), tallies, scorer)


def by_length(pairs: Sequence[Pair], tallies: Sequence[Tally], scorer: Scorer) -> Parts:
    """Return a result for each band of text length, short to long; empty bands are left out."""
    names = [_band(len(gold.text)) for gold, _ in pairs]
    order = [_band(end) for end in (*LENGTH_BANDS, LENGTH_BANDS[-1] + 1)]
    return _by_name(names, order, tallies, scorer)


def _band(length: int) -> str:
    start = 0
    for end in LENGTH_BANDS:
        if length <= end:
            return f"{start}-{end}"
        start = end + 1
    return f"over {LENGTH_BANDS[-1]}"


def _by_name(
    names: Sequence[str], order: Iterable[str], tallies: Sequence[Tally], scorer: Scorer
) -> Parts:
    members: dict[str, list[Tally]] = {}
    for name, tally in zip(names, tallies, strict=True):
        members.setdefault(name, []).append(tally)
    return {name: summarise(scorer, members[name]) for name in order if name in members}


@dataclass(frozen=True, slots=True)
class Seen:
    """What training documents hold: their items as strings, and their types, by section."""

    items: Mapping[str, frozenset[Item]]
    types: frozenset[tuple[str, str]]


def seen_in(documents: Iterable[Document]) -> Seen:
    """Gather the strings and types that training documents show."""
    items: dict[str, set[Item]] = {}
    for document in documents:
        for section, found in string_items(document).items():
            items.setdefault(section, set()).update(found)
    types = {(section, item[0]) for section, found in items.items() for item in found}
    frozen = {section: frozenset(found) for section, found in items.items()}
    return Seen(frozen, frozenset(types))


def by_seen_mention(pairs: Sequence[Pair], scorer: Scorer, seen: Seen) -> Parts:
    """Return results over the items that training showed with this type, and over the others.

    An item is known by its strings: (type, text), (predicate, subject, object), (event type,
    trigger), (event type, role, argument). Gold and predictions are divided alike, so precision
    is that of predictions which repeat training, or do not.
    """
    parts = {}
    for name, wanted in (("seen", True), ("unseen", False)):
        tallies = [
            scorer.tally(_restricted(gold, seen, wanted), _restricted(predicted, seen, wanted))
            for gold, predicted in pairs
        ]
        parts[name] = summarise(scorer, tallies)
    return parts


def _restricted(document: Document, seen: Seen, wanted: bool) -> Document:
    def keep(section: str, *item: str) -> bool:
        return (item in seen.items.get(section, ())) is wanted

    names = other_wordings(document)
    aliases: dict[str, Sequence[str]] = {}

    def kept(i: int, event: Event) -> Event:
        trigger = event.trigger
        if trigger and not keep("triggers", event.type, trigger.text):
            trigger = None
        arguments: list[Argument] = []
        for j, argument in enumerate(event.arguments):
            if keep("arguments", event.type, argument.role, argument.text):
                if known := names.get(f"events[{i}].arguments[{j}]"):
                    aliases[f"events[{i}].arguments[{len(arguments)}]"] = known
                arguments.append(argument)
        return Event(event.type, trigger, tuple(arguments), event.score)

    events = tuple(kept(i, event) for i, event in enumerate(document.events))
    return Document(
        document.id,
        document.text,
        tuple(e for e in document.entities if keep("entities", e.type or "", e.text)),
        tuple(
            r
            for r in document.relations
            if keep("relations", r.type, r.subject.text, r.object.text)
        ),
        events,
        meta={**document.meta, "aliases": aliases} if names else document.meta,
    )


def by_seen_type(tallies: Sequence[Tally], scorer: Scorer, seen: Seen) -> Parts:
    """Return results over the types that training showed, and over the others."""
    parts = {}
    for name, wanted in (("seen", True), ("unseen", False)):
        chosen = [
            {key: row for key, row in tally.items() if (_known(key) in seen.types) is wanted}
            for tally in tallies
        ]
        parts[name] = summarise(scorer, chosen)
    return parts


def _known(key: tuple[str, str]) -> tuple[str, str]:
    section, name = shown_key(key)
    return ({"relation ends": "relations", "events": "arguments"}.get(section, section), name)
