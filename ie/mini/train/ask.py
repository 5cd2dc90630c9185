"""Draw, for one example, the labels to show and the words to show them by.

A label is asked under a wording at random, sometimes with its description or with examples, and
sometimes by examples alone; some labels of an entity give way to one coarser label that covers
them; labels of far domains are shown as well, which have no mention here. The same example,
labels and random give the same list.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any

from .kit import Document
from .labels import keys_of

# Chances of the ways to show a label, the rest being a wording alone.
_DESCRIBED, _WITH_EXAMPLES, _BY_EXAMPLES = 0.2, 0.12, 0.08
# Chances: a present label is left out; the first wording is taken before a random one; the
# relation is told without its ends; labels are shown under a coarser one; all places are filled.
_DROPPED, _FIRST, _BARE, _COARSE, _FULL = 0.05, 0.4, 0.3, 0.15, 0.5
_EXAMPLES = 4
_FOREIGN = 3

Label = dict[str, Any]


@dataclass(frozen=True)
class Shown:
    """What the label encoder reads, and the labels whose mentions it covers: none, one or more.

    `event` is the place of the event's own entry in the list, for a role.
    """

    kind: str
    words: str
    keys: tuple[str, ...]
    event: int | None = None


class Asker:
    """Draws labels for examples; built once for the labels of all sets.

    Args:
        labels: the contents of labels.json.
        groups: the contents of groups.json.
        apart: domain -> domains whose own labels cannot be in its texts.
        common: wordings of labels that may be in any text.
    """

    def __init__(
        self,
        labels: Mapping[str, Label],
        groups: Mapping[str, Sequence[str]],
        apart: Mapping[str, Sequence[str]] | None = None,
        common: Sequence[str] = (),
    ) -> None:
        self.labels = labels
        self.groups = groups
        self._own: dict[str, list[str]] = {}
        shared = set(common)
        for label_key, label in labels.items():
            words = {*label["wordings"], *label["broader"]}
            if label["kind"] != "role" and not words & shared and label["count"] >= 5:
                self._own.setdefault(label["domain"], []).append(label_key)
        self._apart = apart or {}

    def asked(self, names: Sequence[str]) -> list[str]:
        """Return the label keys of an example's `asked`, groups spelt out."""
        keys: dict[str, None] = {}
        for name in names:
            keys |= dict.fromkeys(self.groups[name[1:]] if name[:1] == "@" else [name])
        return list(keys)

    def draw(
        self, document: Document, set_name: str, asked: Sequence[str], rng: Random, most: int = 24
    ) -> list[Shown]:
        """Return at most `most` entries, the labels of the document among them."""
        keys = self.asked(asked)
        present = keys_of(document, set_name)
        kept = [k for k in keys if k in present and rng.random() >= _DROPPED]
        absent = [k for k in keys if k not in present]
        rng.shuffle(kept)
        rng.shuffle(absent)
        chosen = self._with_events(kept, kept + absent, most)
        # Few labels are asked as often as many.
        room = most if rng.random() < _FULL else rng.randint(min(len(chosen) + 1, most), most)
        chosen = self._with_events(chosen + absent, keys, room)
        foreign = self._foreign(document.text, keys, rng, most - len(chosen))
        entries: list[tuple[str, ...]] = [(key,) for key in chosen]
        entries = self._coarser(entries, keys, rng)
        shown = [self._shown(keys, document.text, rng) for keys in entries]
        shown += [self._one(key, document.text, rng) for key in foreign]
        rng.shuffle(shown)
        return self._numbered(shown)

    def _with_events(self, wanted: Sequence[str], allowed: Sequence[str], most: int) -> list[str]:
        """Return the first keys wanted, each role after its event."""
        known = set(allowed)
        chosen: dict[str, None] = {}
        for key in wanted:
            event = self.labels[key].get("event")
            need = [name for name in (event, key) if name and name not in chosen]
            if len(chosen) + len(need) <= most and (not event or event in known):
                chosen |= dict.fromkeys(need)
        return list(chosen)

    def _foreign(self, text: str, keys: Sequence[str], rng: Random, most: int) -> list[str]:
        """Return labels of domains that are apart from the text's, none of whose examples is in it."""
        if not keys or most <= 0:
            return []
        domains = self._apart.get(self.labels[keys[0]]["domain"], ())
        pool = [key for domain in domains for key in self._own.get(domain, ())]
        number = min(rng.randint(0, _FOREIGN), most, len(pool))
        drawn = rng.sample(pool, number)
        return [
            key
            for key in drawn
            if not any(example in text for example in self.labels[key]["examples"])
        ]

    def _coarser(
        self, entries: list[tuple[str, ...]], keys: Sequence[str], rng: Random
    ) -> list[tuple[str, ...]]:
        """Put one entry in place of all entity labels that share a coarser word, now and then."""
        if rng.random() >= _COARSE:
            return entries
        words = [word for entry in entries for word in self._broader(entry[0])]
        if not words:
            return entries
        word = rng.choice(words)
        covered = tuple(key for key in keys if word in self._broader(key))
        return [entry for entry in entries if entry[0] not in covered] + [(word, *covered)]

    def _broader(self, key: str) -> list[str]:
        label = self.labels[key]
        return list(label["broader"]) if label["kind"] == "entity" else []

    def _shown(self, keys: tuple[str, ...], text: str, rng: Random) -> Shown:
        if len(keys) > 1:
            return Shown("entity", keys[0], keys[1:])
        return self._one(keys[0], text, rng, keys)

    def _one(self, key: str, text: str, rng: Random, keys: tuple[str, ...] = ()) -> Shown:
        label = self.labels[key]
        return Shown(label["kind"], self.words(key, text, rng), keys)

    def words(self, key: str, text: str, rng: Random) -> str:
        """Return words for a label, drawn at random; `text` is what they will be asked of."""
        label = self.labels[key]
        wording = _wording(label, rng)
        chance = rng.random()
        if chance < _DESCRIBED and label["description"]:
            return f"{self._framed(label, wording, rng)}：{label['description']}"
        if label["kind"] in ("entity", "role"):
            examples = _examples(label, text, rng)
            if examples and chance > 1 - _BY_EXAMPLES and label["kind"] == "entity":
                return f"如{examples}"
            if examples and chance > 1 - _BY_EXAMPLES - _WITH_EXAMPLES:
                return f"{self._framed(label, wording, rng)}，如{examples}"
        return self._framed(label, wording, rng)

    def plain(self, key: str) -> str:
        """Return the words to evaluate with: the first wording, with its event or its ends."""
        label = self.labels[key]
        return framed(label, label["wordings"][0], self._event_words(label, None))

    def _framed(self, label: Label, wording: str, rng: Random) -> str:
        if label["kind"] == "relation":
            if rng.random() < _BARE:
                return wording
            ends = label["ends"]
            drawn = {side: rng.sample(words, len(words)) for side, words in ends.items()}
            return framed(label | {"ends": drawn}, wording, "")
        return framed(label, wording, self._event_words(label, rng))

    def _event_words(self, label: Label, rng: Random | None) -> str:
        event = self.labels.get(label.get("event", ""))
        if event is None:
            return ""
        return _wording(event, rng) if rng else str(event["wordings"][0])

    def _numbered(self, shown: list[Shown]) -> list[Shown]:
        """Return the entries, roles with the place of their event."""
        places = {
            entry.keys[0]: i
            for i, entry in enumerate(shown)
            if entry.kind == "event" and entry.keys
        }
        return [
            replace(entry, event=places[self.labels[entry.keys[0]]["event"]])
            if entry.kind == "role"
            else entry
            for entry in shown
        ]


def framed(label: Label, wording: str, event: str) -> str:
    """Return a wording inside its frame: `event｜role` or `subject｜relation｜object`."""
    if label["kind"] == "role" and event:
        return f"{event}｜{wording}"
    if label["kind"] == "relation":
        subject, object = (label["ends"][side][:1] for side in ("subject", "object"))
        if subject or object:
            return "｜".join(["".join(subject), wording, "".join(object)])
    return wording


def _wording(label: Label, rng: Random) -> str:
    wordings = label["wordings"]
    return str(wordings[0] if rng.random() < _FIRST else rng.choice(wordings))


def _examples(label: Label, text: str, rng: Random) -> str:
    """Return a few examples, mostly such as are not in the text."""
    pool = list(label["examples"])
    if rng.random() < 0.7:
        pool = [example for example in pool if example not in text]
    if len(pool) < 2:
        return ""
    return "、".join(rng.sample(pool, min(len(pool), rng.randint(2, _EXAMPLES))))
