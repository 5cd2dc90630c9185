"""Label keys, and what each label says: its words, ends, description and examples.

Words come from `words.yaml` (annotators' name -> wordings) and `descriptions.yaml`, those that a set
gives itself going first. The first wording is the one to evaluate with: the built-in schema's name where there
is one.
"""

import random
import re
from collections import Counter, defaultdict
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any

from .kit import ConfigError, Document, Schema, builtin_schemas, parse_yaml, read_schema

_EXAMPLES = 12
# A mention longer than this is a poor example of its type.
_LONGEST = 24


def key(set_name: str, kind: str, *name: str) -> str:
    """Return a label key; a role is named by its event type and itself."""
    return "/".join((set_name, kind, *name))


def keys_of(document: Document, set_name: str) -> set[str]:
    """Return the keys of the labels that a document has annotations of."""
    keys = {key(set_name, "entity", str(entity.type)) for entity in document.entities}
    keys |= {key(set_name, "relation", relation.type) for relation in document.relations}
    for event in document.events:
        keys.add(key(set_name, "event", event.type))
        keys |= {key(set_name, "role", event.type, item.role) for item in event.arguments}
    return keys


class Gatherer:
    """Counts the labels of one set and keeps mentions and end types of each."""

    def __init__(self, set_name: str) -> None:
        self.set_name = set_name
        self.names: dict[str, tuple[str, ...]] = {}
        self.counts: Counter[str] = Counter()
        self.mentions: dict[str, Counter[str]] = defaultdict(Counter)
        self.ends: dict[str, tuple[Counter[str], Counter[str]]] = {}

    def declare(self, schema: Schema) -> None:
        """Make labels of all types of a schema, whether or not a document has them."""
        for entity in schema.entities:
            self._label("entity", entity.name)
        for relation in schema.relations:
            label = self._label("relation", relation.name)
            ends = self.ends.setdefault(label, (Counter(), Counter()))
            ends[0][relation.subject or ""] += 1
            ends[1][relation.object or ""] += 1
        for event in schema.events:
            self._label("event", event.name)
            for role in event.roles:
                self._label("role", event.name, role.name)

    def add(self, document: Document) -> None:
        """Count the annotations of a training document."""
        for entity in document.entities:
            self._count(entity.text, "entity", str(entity.type))
        for relation in document.relations:
            label = self._count(
                f"{relation.subject.text}→{relation.object.text}", "relation", relation.type
            )
            ends = self.ends.setdefault(label, (Counter(), Counter()))
            ends[0][relation.subject.type or ""] += 1
            ends[1][relation.object.type or ""] += 1
        for event in document.events:
            trigger = event.trigger.text if event.trigger else ""
            self._count(trigger, "event", event.type)
            for argument in event.arguments:
                self._count(argument.text, "role", event.type, argument.role)

    def name(self, document: Document) -> None:
        """Make labels of what a document has, without taking counts or mentions from it."""
        for entity in document.entities:
            self._label("entity", str(entity.type))
        for relation in document.relations:
            label = self._label("relation", relation.type)
            self.ends.setdefault(label, (Counter(), Counter()))
        for event in document.events:
            self._label("event", event.type)
            for argument in event.arguments:
                self._label("role", event.type, argument.role)

    def _label(self, kind: str, *name: str) -> str:
        label = key(self.set_name, kind, *name)
        self.names.setdefault(label, (kind, *name))
        return label

    def _count(self, mention: str, kind: str, *name: str) -> str:
        label = self._label(kind, *name)
        self.counts[label] += 1
        if mention and len(mention) <= _LONGEST and "\n" not in mention:
            self.mentions[label][mention] += 1
        return label

    def labels(self, spec: Any, seed: int) -> dict[str, dict[str, Any]]:
        """Return the JSON form of every label, keyed as in the examples."""
        said = _said(spec.schema)
        return {label: self._one(label, spec, said, seed) for label in self.names}

    def _one(
        self, label: str, spec: Any, said: Mapping[tuple[str, ...], str], seed: int
    ) -> dict[str, Any]:
        kind, *path = self.names[label]
        name = path[-1]
        value: dict[str, Any] = {"kind": kind, "set": self.set_name, "name": name}
        if kind == "role":
            value["event"] = key(self.set_name, "event", path[0])
        if kind == "relation":
            subject, object = self.ends[label]
            value["ends"] = {
                "subject": _end_words(subject, spec.words),
                "object": _end_words(object, spec.words),
            }
        value["wordings"] = wordings(name, spec.words, kind) or [spaced(name)]
        own = spec.descriptions.get(name) or said.get((kind, *path))
        value["description"] = own or _described(name, kind)
        value["examples"] = _sample(self.mentions[label], f"{seed}/{label}")
        value["broader"] = _broader(name, kind, spec)
        value |= {"licence": spec.licence, "lang": spec.lang, "domain": spec.domain}
        value["count"] = self.counts[label]
        return value


def wordings(name: str, own: Mapping[str, list[str]], kind: str = "") -> list[str]:
    """Return the wordings of an annotators' name, best first; empty if there are no words for it."""
    named = f"{kind}:{name}"
    given = own.get(named) or own.get(name) or words_of(named) or words_of(name) or []
    words = list(given)
    if _is_hanzi(name):
        words = [name, *words]
        if kind == "event" and "-" in name:
            words.append(name.partition("-")[2])
    return list(dict.fromkeys(words))


def words_of(name: str) -> list[str] | None:
    """Return the wordings that `words.yaml` gives for a name, if need be in other letters' case."""
    found = _said_of("words.yaml", name)
    return found.split("，") if found else None


def _described(name: str, kind: str) -> str:
    file = "descriptions.yaml"
    return _said_of(file, f"{kind}:{name}") or _said_of(file, name)


def _said_of(file: str, name: str) -> str:
    exact, folded = _tables(file)
    return exact.get(name) or folded.get(_folded(name), "")


@cache
def _tables(file: str) -> tuple[dict[str, str], dict[str, str]]:
    """Return what a file says by name and by folded name; a key may give several names."""
    content = resources.files(__package__).joinpath(file).read_text(encoding="utf-8")
    exact: dict[str, str] = {}
    folded: dict[str, str] = {}
    for names, said in parse_yaml(content, file).value.items():
        for name in str(names).split(" | "):
            if name in exact:
                raise ConfigError(f"{file}: {name!r} is given twice; keep one")
            exact[name] = said
            folded.setdefault(_folded(name), said)
    return exact, folded


def _folded(name: str) -> str:
    return re.sub(r"[^\w:]+|_", "", name).lower()


def spaced(name: str) -> str:
    """Return a programmer's name as words: `fromloc.city_name` -> `fromloc city name`."""
    if _is_hanzi(name):
        return name
    name = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    return re.sub(r"[_.\s]+", " ", name).strip()


def _is_hanzi(name: str) -> bool:
    return any("\u4e00" <= character <= "\u9fff" for character in name)


def _end_words(types: Counter[str], own: Mapping[str, list[str]]) -> list[str]:
    found = [name for name, _ in types.most_common(4) if name]
    words = [word for name in found for word in (wordings(name, own) or [spaced(name)])[:1]]
    return list(dict.fromkeys(words))


def _sample(mentions: Counter[str], seed: str) -> list[str]:
    """Return some mentions: half of the frequent ones, half of the rest, drawn at random."""
    names = [name for name, _ in mentions.most_common()]
    rng = random.Random(seed)
    head, tail = names[: 4 * _EXAMPLES], names[4 * _EXAMPLES :]
    drawn = rng.sample(head, min(len(head), _EXAMPLES // 2 if tail else _EXAMPLES))
    drawn += rng.sample(tail, min(len(tail), _EXAMPLES - len(drawn)))
    rng.shuffle(drawn)
    return drawn


def _broader(name: str, kind: str, spec: Any) -> list[str]:
    if name in spec.broader:
        return list(spec.broader[name])
    if kind == "event" and _is_hanzi(name) and "-" in name:
        return name.partition("-")[0].split("/")
    return []


def _said(schema: str) -> dict[tuple[str, ...], str]:
    """Return the descriptions of a built-in schema."""
    if schema not in builtin_schemas():
        return {}
    found = read_schema(schema)
    said: dict[tuple[str, ...], str] = {
        ("entity", entity.name): entity.description for entity in found.entities
    }
    said |= {("relation", relation.name): relation.description for relation in found.relations}
    for event in found.events:
        said["event", event.name] = event.description
        said |= {("role", event.name, role.name): role.description for role in event.roles}
    return said
