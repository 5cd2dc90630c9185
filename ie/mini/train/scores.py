"""F1 of a reader on the dev documents of the caches: spans strict, triples and arguments by string."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch

from chinchilla.data import Document, Extraction
from chinchilla.data.schema import EntityType, EventType, RelationType, Role, Schema
from chinchilla.mini.characters import Characters
from chinchilla.mini.heads import Heads
from chinchilla.mini.reader import Reader
from chinchilla.mini.rules import Rules
from chinchilla.mini.words import Array, Words
from chinchilla.options import ExtractOptions
from chinchilla.pipeline import Extractor

from .draw import Json
from .model import Model

Facts = dict[str, set[Any]]


def reader_of(
    model: Model,
    characters: Characters,
    words: Words,
    rules: Rules | None = None,
    trained: Mapping[str, Sequence[str]] | None = None,
) -> Reader:
    """Return a reader whose encoder is the torch model: what training is watched with."""
    state = model.state_dict()
    weights = {k: v.numpy() for k, v in state.items() if not k.startswith("encoder.")}

    def encode(own: Array, cover: Array, lengths: Array) -> Array:
        width = own.shape[1]
        mask = torch.arange(width) < torch.from_numpy(lengths)[:, None]
        with torch.inference_mode():
            ids = torch.from_numpy(own).long(), torch.from_numpy(cover).long()
            found: Array = model.encoder(*ids, mask[:, None, None]).numpy()
        return found

    heads = Heads(weights, model.sizes.detectors)
    return Reader(
        "model in training", characters, words, heads, encode, rules or Rules(), trained or {}
    )


def read(texts: Sequence[str], reader: Reader, schema: Schema) -> list[Extraction]:
    """Return what a reader finds in texts, with scores, by the path of any extraction."""
    extractor = Extractor(reader, schema, options=ExtractOptions(scores=True))
    documents = (Document(str(k), text) for k, text in enumerate(texts))
    return [document.extraction for document in extractor.stream(documents)]


def schema_of(
    name: str, labels: dict[str, Json], keys: Iterable[str]
) -> tuple[Schema, dict[str, str]]:
    """Return the schema of a set under its first wordings, and wording to type name."""
    entities: list[EntityType] = []
    relations: list[RelationType] = []
    events: list[EventType] = []
    names: dict[str, str] = {}
    for key in keys:
        label = labels[key]
        word, text = label["wordings"][0], label["description"]
        if label["kind"] == "entity":
            entities.append(EntityType(word, text))
        elif label["kind"] == "relation":
            subject, object_ = (label["ends"][side][:1] for side in ("subject", "object"))
            ends = (*subject, None)[0], (*object_, None)[0]
            relations.append(RelationType(word, ends[0], ends[1], description=text, label=key))
        elif label["kind"] == "event":
            roles = [r for r in labels.values() if r["kind"] == "role" and r["event"] == key]
            names.update({f"{word}/{r['wordings'][0]}": r["name"] for r in roles})
            shown = tuple(Role(r["wordings"][0], r["description"]) for r in roles)
            events.append(EventType(word, shown, label.get("trigger", True), text))
        names[f"{label['kind']}/{word}"] = label["name"]
    return Schema(name, tuple(entities), tuple(relations), tuple(events)), names


def gold_facts(example: Json) -> Facts:
    """Return the facts of an example that are scored."""
    facts: Facts = {name: set() for name in ("entity", "triple", "trigger", "argument")}
    for e in example.get("entities", ()):
        facts["entity"].add((e["type"], e["start"], e["end"]))
    for r in example.get("relations", ()):
        facts["triple"].add((r["type"], r["subject"]["text"], r["object"]["text"]))
    for event in example.get("events", ()):
        if event.get("trigger"):
            facts["trigger"].add(
                (event["type"], event["trigger"]["start"], event["trigger"]["end"])
            )
        for a in event.get("arguments", ()):
            facts["argument"].add((event["type"], a["role"], a["text"]))
    return facts


def found_facts(found: Extraction, names: dict[str, str]) -> Facts:
    """Return the facts of an extraction, under the type names of the set."""
    facts: Facts = {name: set() for name in ("entity", "triple", "trigger", "argument")}
    for e in found.entities:
        facts["entity"].add((names[f"entity/{e.type}"], e.start, e.end))
    for r in found.relations:
        facts["triple"].add((names[f"relation/{r.type}"], r.subject.text, r.object.text))
    for event in found.events:
        kind = names[f"event/{event.type}"]
        if event.trigger is not None:
            facts["trigger"].add((kind, event.trigger.start, event.trigger.end))
        for a in event.arguments:
            facts["argument"].add((kind, names[f"{event.type}/{a.role}"], a.text))
    return facts


def score(gold: Sequence[Facts], found: Sequence[Facts]) -> dict[str, dict[str, float]]:
    """Return precision, recall and F1 of every kind of fact that the gold has."""
    counts: Counter[tuple[str, str]] = Counter()
    for a, b in zip(gold, found, strict=True):
        for kind in a:
            counts[kind, "gold"] += len(a[kind])
            counts[kind, "found"] += len(b[kind])
            counts[kind, "right"] += len(a[kind] & b[kind])
    table = {}
    for kind in ("entity", "triple", "trigger", "argument"):
        if counts[kind, "gold"]:
            right = counts[kind, "right"]
            p = right / max(counts[kind, "found"], 1)
            r = right / counts[kind, "gold"]
            f = 2 * p * r / max(p + r, 1e-9)
            table[kind] = {"p": round(p, 3), "r": round(r, 3), "f": round(f, 3)}
    return table


def evaluate_schema(
    reader: Reader, documents: list[Json], schema: Schema
) -> dict[str, dict[str, float]]:
    """Score a reader on documents under a schema whose names are those of the documents."""
    found = read([d["text"] for d in documents], reader, schema)
    names = names_of(schema)
    return score([gold_facts(d) for d in documents], [found_facts(one, names) for one in found])


def names_of(schema: Schema) -> dict[str, str]:
    """Return the table of names for documents that use the names of the schema."""
    names = {f"entity/{e.name}": e.name for e in schema.entities}
    names |= {f"relation/{r.name}": r.name for r in schema.relations}
    for event in schema.events:
        names[f"event/{event.name}"] = event.name
        names |= {f"{event.name}/{role.name}": role.name for role in event.roles}
    return names
