"""F1 of a reader on the dev documents of the caches: spans strict, triples and arguments by string."""

import argparse
import json
import random
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import torch

from chinchilla.data import Extraction
from chinchilla.data.schema import EntityType, EventType, RelationType, Role, Schema, read_schema
from chinchilla.mini.characters import Characters
from chinchilla.mini.heads import Heads
from chinchilla.mini.span_reader import Reader, Rules
from chinchilla.mini.words import Array, Words

from .draw import Json
from .model import Model

Facts = dict[str, set[Any]]


def reader_of(
    model: Model, characters: Characters, words: Words, rules: Rules | None = None
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

    return Reader(
        characters, words, Heads(weights, model.sizes.detectors), encode, rules or Rules()
    )


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


def evaluate(
    reader: Reader,
    examples: list[Json],
    labels: dict[str, Json],
    groups: dict[str, list[str]],
    *,
    flat: bool = True,
) -> dict[str, dict[str, float]]:
    """Score a reader on the examples of one set, asked what the first of them is asked."""
    keys: dict[str, None] = {}
    for example in examples:
        for key in example["asked"]:
            keys.update(dict.fromkeys(groups[key[1:]] if key[0] == "@" else [key]))
    schema, names = schema_of(examples[0]["set"], labels, [k for k in keys if k in labels])
    found = reader.read([e["text"] for e in examples], schema, flat=flat)
    return score(
        [gold_facts(example) for example in examples],
        [found_facts(one, names) for one in found],
    )


def shorten(table: dict[str, dict[str, float]]) -> dict[str, float]:
    """Return F1 alone."""
    return {kind: values["f"] for kind, values in table.items()}


def watch(
    reader: Reader,
    data: Path,
    names: Sequence[str],
    unseen: Sequence[tuple[Path, Path]] = (),
    most: int = 150,
) -> dict[str, dict[str, dict[str, float]]]:
    """Return F1 by set on the first `most` dev examples, and of documents with a schema of their own."""
    labels = json.loads((data / "labels.json").read_text(encoding="utf-8"))
    groups = json.loads((data / "groups.json").read_text(encoding="utf-8"))
    table = {}
    for name in names:
        with (data / f"{name}.dev.jsonl").open(encoding="utf-8") as lines:
            examples = [json.loads(line) for line in islice(lines, most)]
        table[name] = evaluate(reader, examples, labels, groups)
    for documents, schema in unseen:
        table[documents.stem] = evaluate_schema(reader, some(documents, most), read_schema(schema))
    return table


def some(path: Path, most: int, seed: int = 7) -> list[Json]:
    """Return some documents of a file, drawn by a seed."""
    with path.open(encoding="utf-8") as lines:
        documents = [json.loads(line) for line in lines]
    random.Random(seed).shuffle(documents)
    return documents[:most]


def evaluate_schema(
    reader: Reader, documents: list[Json], schema: Schema, *, flat: bool = False
) -> dict[str, dict[str, float]]:
    """Score a reader on documents under a schema whose names are those of the documents."""
    found = reader.read([d["text"] for d in documents], schema, flat=flat)
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


KNOWN = "msra,resume,cluener,weibo,boson,duie,finre,sanwen,duee,fewfc,fewfc_base,duee_fin,dgre"


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--unseen", type=Path, help="folder of documents NAME.jsonl")
    parser.add_argument("--schemas", type=Path, help="folder of their schemas NAME.yaml")
    parser.add_argument("--sets", default=KNOWN)
    parser.add_argument("--most", type=int, default=150)
    arguments = parser.parse_args()
    from .loop import load

    model, characters, words = load(arguments.run)
    state = torch.load(arguments.run / "checkpoint.pt", weights_only=False)
    model.load_state_dict(state["model"])
    unseen = []
    if arguments.unseen:
        unseen = [
            (path, arguments.schemas / f"{path.stem}.yaml")
            for path in sorted(arguments.unseen.glob("*.jsonl"))
        ]
    reader = reader_of(model.eval(), characters, words)
    names = [name for name in arguments.sets.split(",") if name]
    table = watch(reader, arguments.data, names, unseen, arguments.most)
    line = {
        "at": time.strftime("%H:%M:%S", time.gmtime()),
        "minutes": round(state["minutes"], 2),
        "characters": state["seen"],
        "dev": {name: shorten(values) for name, values in table.items()},
    }
    print(json.dumps(line, ensure_ascii=False))  # noqa: T201
    for name, values in table.items():
        print(name, json.dumps(values))  # noqa: T201
    with (arguments.run / "log.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(line, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
