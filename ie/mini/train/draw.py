"""Draw what a training example is asked for: a plan of labels with its gold spans and links."""

import random
from dataclasses import dataclass, field
from typing import Any

from chinchilla.mini.labels import LabelPlan, Texts

from .kit import find_all

Span = tuple[int, int]
Json = dict[str, Any]
EXAMPLES = 4


@dataclass
class DrawnExample:
    """A text with its plan and gold; spans are (start, end), end-exclusive.

    `spans` holds (place of the span label, span); `links` one entry a link of the plan: the set of
    its gold (head span, tail span); `same` one entry an event type: the place of its label, the
    places of its roles, and the spans of each of its events; `unknown` (place, span) is neither
    right nor wrong; with `partial` only spans that overlap a gold one are known.
    """

    text: str
    plan: LabelPlan
    spans: set[tuple[int, Span]] = field(default_factory=set)
    links: list[set[tuple[Span, Span]]] = field(default_factory=list)
    same: list[tuple[int, list[int], list[set[Span]]]] = field(default_factory=list)
    unknown: set[tuple[int, Span]] = field(default_factory=set)
    partial: bool = False


class Drawer:
    """Draws plans for examples of the caches, from `labels` and `groups` as FORMAT describes.

    With `plain` a label is always shown by name, description and examples, as at work.
    """

    def __init__(
        self,
        labels: dict[str, Json],
        groups: dict[str, list[str]],
        rng: random.Random,
        plain: bool = False,
    ) -> None:
        self.labels = labels
        self.groups = groups
        self.random = rng
        self.plain = plain
        self._roles: dict[str, list[str]] = {}
        for key, label in labels.items():
            if label["kind"] == "role":
                self._roles.setdefault(label["event"], []).append(key)

    def texts(self, key: str, examples: bool = True) -> Texts:
        """Draw the texts of a label: a wording, at times its description or examples as well."""
        label = self.labels[key]
        if self.plain:
            named = (label["wordings"][0], *filter(None, [label["description"]]))
            return (*named, *label["examples"][:5]) if examples else named
        chance = self.random.random()
        words = label["wordings"]
        shown = [words[0] if self.random.random() < 0.6 else self.random.choice(words)]
        known = label["examples"][:EXAMPLES] if examples else []
        if label["description"] and (chance < 0.25 or len(known) < 3 and chance < 0.4):
            shown.append(label["description"])
        if len(known) >= 3 and chance > 0.65:
            some = tuple(self.random.sample(known, self.random.randint(2, min(5, len(known)))))
            return some if chance > 0.92 else (*shown, *some)
        return tuple(shown)

    def draw(self, example: Json, most: int = 28) -> DrawnExample:
        """Return an example as it is asked this time, of about `most` span labels."""
        keys = self._keys(example)
        by_kind: dict[str, list[str]] = {"entity": [], "relation": [], "event": []}
        for key in keys:
            kind = self.labels[key]["kind"]
            if kind in by_kind:
                by_kind[kind].append(key)
        asked = DrawnExample(example["text"], LabelPlan(), partial=bool(example.get("partial")))
        self._entities(example, asked, by_kind["entity"], most)
        self._relations(example, asked, by_kind["relation"], most // 2 - 2)
        self._events(example, asked, by_kind["event"], set(keys), most)
        if example.get("located"):
            asked.unknown = elsewhere(asked)
        return asked

    def _keys(self, example: Json) -> list[str]:
        keys: list[str] = []
        for key in example["asked"]:
            keys.extend(self.groups[key[1:]] if key[0] == "@" else [key])
        return [key for key in keys if key in self.labels]

    def _some(self, keys: list[str], present: set[str], most: int) -> list[str]:
        """Return the present keys, some dropped, and absent ones up to `most`, shuffled."""
        kept = [key for key in keys if key in present and self.random.random() < 0.97]
        absent = [key for key in keys if key not in present]
        room = max(2, most - len(kept))
        kept += self.random.sample(absent, min(room, len(absent)))
        self.random.shuffle(kept)
        return kept

    def _entities(self, example: Json, asked: DrawnExample, keys: list[str], most: int) -> None:
        found: dict[str, list[Span]] = {}
        for item in example.get("entities", ()):
            key = f"{example['set']}/entity/{item['type']}"
            found.setdefault(key, []).append((item["start"], item["end"]))
        shown = self._some(keys, set(found), most // 2)
        for key in shown:
            place = asked.plan.entity(self.texts(key))
            asked.spans.update((place, span) for span in found.get(key, ()))
        self._broader(asked, keys, found)

    def _broader(self, asked: DrawnExample, keys: list[str], found: dict[str, list[Span]]) -> None:
        if self.random.random() > 0.15:
            return
        names = [name for key in keys if key in found for name in self.labels[key]["broader"]]
        if not names:
            return
        name = self.random.choice(names)
        place = asked.plan.entity((name,))
        for key in keys:
            label = self.labels[key]
            if name in label["broader"] or name in label["wordings"]:
                asked.spans.update((place, span) for span in found.get(key, ()))

    def _relations(self, example: Json, asked: DrawnExample, keys: list[str], most: int) -> None:
        found: dict[str, list[tuple[Span, Span]]] = {}
        for item in example.get("relations", ()):
            key = f"{example['set']}/relation/{item['type']}"
            found.setdefault(key, []).append((_span(item["subject"]), _span(item["object"])))
        for key in self._some(keys, set(found), most):
            ends = self.labels[key]["ends"]
            place = asked.plan.relation(
                self.texts(key, examples=False),
                self._end(ends["subject"]),
                self._end(ends["object"]),
            )
            link = asked.plan.links[place]
            pairs = found.get(key, [])
            asked.links.append(set(pairs))
            for head, tail in pairs:
                asked.spans.add((link.head, head))
                asked.spans.add((link.tail, tail))

    def _end(self, words: list[str]) -> Texts:
        return (self.random.choice(words),) if words and self.random.random() < 0.9 else ()

    def _events(
        self, example: Json, asked: DrawnExample, keys: list[str], roles: set[str], most: int
    ) -> None:
        found: dict[str, list[Json]] = {}
        for item in example.get("events", ()):
            found.setdefault(f"{example['set']}/event/{item['type']}", []).append(item)
        for key in self._some(keys, set(found), len(found) + max(3, most // 3)):
            self._event(asked, key, roles, found.get(key, []), most)

    def _event(
        self, asked: DrawnExample, key: str, known: set[str], events: list[Json], most: int
    ) -> None:
        # A part of a set may give an event fewer roles than another.
        roles = [role for role in self._roles.get(key, []) if role in known]
        names = {role: self.labels[role]["name"] for role in roles}
        present = {a["role"] for event in events for a in event.get("arguments", ())}
        if events:
            roles = self._some(roles, {r for r in roles if names[r] in present}, most // 3)
        else:
            roles = self.random.sample(roles, min(2, len(roles)))
        trigger = all(event.get("trigger") for event in events)
        texts = [self.texts(role) for role in roles]
        head, places, links, same = asked.plan.event(self.texts(key), texts, trigger)
        asked.links.extend(set() for _ in links)
        first = len(asked.links) - len(links)
        place_of = {names[role]: k for k, role in enumerate(roles)}
        groups = []
        for event in events:
            start = _span(event["trigger"]) if head is not None else None
            if head is not None and start is not None:
                asked.spans.add((head, start))
            group = set()
            for argument in event.get("arguments", ()):
                k = place_of.get(argument["role"])
                if k is None:
                    continue
                span = _span(argument)
                group.add(span)
                asked.spans.add((places[k], span))
                if start is not None:
                    asked.links[first + k].add((start, span))
            groups.append(group)
        if groups:
            asked.same.append((same, places, groups))


def elsewhere(asked: DrawnExample) -> set[tuple[int, Span]]:
    """Return other occurrences of gold strings, where annotators gave strings, not places."""
    found = set()
    for place, (start, end) in asked.spans:
        string = asked.text[start:end]
        found.update({(place, (at, at + len(string))) for at in find_all(asked.text, string)})
    return found - asked.spans


def _span(item: Json) -> Span:
    return item["start"], item["end"]
