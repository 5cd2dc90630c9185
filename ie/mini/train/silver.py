"""Event documents from predictions of several systems, which give no triggers and no offsets.

A prediction file is JSON lines `{"id", "event_list": [{"event_type", "arguments": [{"role",
"argument"}]}]}`; several files vote. Triggers are found by the words that gold documents use for
the type. Silver data trains; it is never scored on.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from chinchilla.data.documents import Argument, Document, Event, Mention
from chinchilla.files.jsonl import read_values

Lexicon = dict[str, list[str]]


def trigger_lexicon(documents: Iterable[Document]) -> Lexicon:
    """Return the trigger words of each event type, the most frequent first."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for document in documents:
        for event in document.events:
            if event.trigger is not None:
                counts[event.type][event.trigger.text] += 1
    return {name: [word for word, _ in words.most_common()] for name, words in counts.items()}


def read_votes(
    texts: Path, votes: Sequence[Path], agree: int, lexicon: Lexicon
) -> Iterator[Document]:
    """Yield the documents whose every predicted event has `agree` votes and a known trigger."""
    text_of = {str(row["id"]): row["text"] for _, row in read_values(texts)}
    ballots: dict[str, list[list[dict[str, object]]]] = defaultdict(list)
    for path in votes:
        for _, row in read_values(path):
            ballots[str(row["id"])].append(row.get("event_list") or [])
    for name in sorted(ballots):
        document = _elect(name, text_of.get(name, ""), ballots[name], agree, lexicon)
        if document is not None:
            yield document


def read_typed_texts(path: Path, lexicon: Lexicon) -> Iterator[Document]:
    """Yield documents of `{"id", "text1", "label": [event types]}` with triggers alone."""
    for _, row in read_values(path):
        triggers = [_find_trigger(row["text1"], name, lexicon) for name in row["label"]]
        if triggers and all(triggers):
            events = tuple(
                Event(name, trigger) for name, trigger in zip(row["label"], triggers, strict=True)
            )
            yield Document(str(row["id"]), row["text1"], events=events, meta=_META)


_META = {"source": "duee", "lang": "zh", "licence": "Baidu, research only"}


def _elect(
    name: str, text: str, ballots: list[list[dict[str, object]]], agree: int, lexicon: Lexicon
) -> Document | None:
    type_votes: Counter[str] = Counter()
    slot_votes: dict[str, Counter[tuple[str, str]]] = defaultdict(Counter)
    for events in ballots:
        types = [str(event["event_type"]) for event in events]
        if len(set(types)) < len(types):
            return None  # two events of a type: without triggers nobody can tell them apart
        type_votes.update(types)
        for event in events:
            arguments = event["arguments"]
            assert isinstance(arguments, list)
            slot_votes[str(event["event_type"])].update(
                {(a["role"], a["argument"]) for a in arguments}
            )
    if not type_votes or any(count < agree for count in type_votes.values()):
        return None
    events_built = []
    for event_type in sorted(type_votes):
        trigger = _find_trigger(text, event_type, lexicon)
        if trigger is None:
            return None
        slots = sorted(slot for slot, count in slot_votes[event_type].items() if count >= 3)
        arguments = [_argument(text, role, said, trigger) for role, said in slots]
        events_built.append(Event(event_type, trigger, tuple(a for a in arguments if a)))
    return Document(name, text, events=tuple(events_built), meta=_META)


def _find_trigger(text: str, event_type: str, lexicon: Lexicon) -> Mention | None:
    for word in lexicon.get(event_type, ()):
        start = text.find(word)
        if start >= 0:
            return Mention(word, start, start + len(word))
    return None


def _argument(text: str, role: str, said: str, trigger: Mention) -> Argument | None:
    """Locate an argument at its occurrence nearest to the trigger."""
    starts = []
    start = text.find(said)
    while said and start >= 0:
        starts.append(start)
        start = text.find(said, start + 1)
    if not starts:
        return None
    best = min(starts, key=lambda place: abs(place - (trigger.start or 0)))
    return Argument(role, said, best, best + len(said))
