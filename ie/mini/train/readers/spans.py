"""JSON and CSV records that give mentions by character offsets, and brat files."""

import csv
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from .. import kit
from ..kit import Document, Entity, Relation
from .tokens import entity


def records(path: Path, faults: Counter[str]) -> Iterator[Any]:
    """Yield the records of a JSON list, or of JSON lines; lines that are no JSON are counted."""
    content = path.read_text(encoding="utf-8-sig")
    if content.lstrip()[:1] == "[" and "\n{" not in content[:400]:
        yield from json.loads(content)
        return
    for line in content.split("\n"):
        line = line.strip().rstrip(",")
        if not line or line in "[]":
            continue
        try:
            yield json.loads(line)
        except ValueError:
            faults["not valid JSON"] += 1


def read(
    paths: Iterable[Path],
    faults: Counter[str],
    *,
    entities: str = "entities",
    start: str = "start",
    end: str = "end",
    kind: str = "type",
) -> Iterator[Document]:
    """Yield records {text, ENTITIES: [{KIND, START, END}]}, ends exclusive.

    The keys may be paths, such as `entity_index.begin` or `span.0`. Records without any entity are
    passed over where the key is missing or null.
    """
    for path in paths:
        for number, record in enumerate(records(path, faults), 1):
            items = record.get(entities)
            if items is None:
                faults["record without annotation"] += 1
                continue
            text = record["text"]
            located = tuple(
                entity(text, str(_at(item, kind)), (int(_at(item, start)), int(_at(item, end))))
                for item in items
            )
            yield Document(f"{path.stem}-{number}", text, located)


def read_documents(paths: Iterable[Path], faults: Counter[str]) -> Iterator[Document]:
    """Yield documents of the kit's own form; `meta.part` names the schema of each."""
    for path in paths:
        yield from kit.read_documents(path)


def _at(item: Any, path: str) -> Any:
    for step in path.split("."):
        item = item[int(step)] if step.isdigit() else item[step]
    return item


def read_csv(
    paths: Iterable[Path], faults: Counter[str], *, text: str, entities: str
) -> Iterator[Document]:
    """Yield rows of a CSV file with a column of text and one of JSON spans."""
    for path in paths:
        with path.open(encoding="utf-8-sig", newline="") as file:
            for number, row in enumerate(csv.DictReader(file), 1):
                spans = json.loads(row[entities])
                located = tuple(
                    entity(row[text], item["type"], (item["start"], item["end"])) for item in spans
                )
                yield Document(f"{path.stem}-{number}", row[text], located)


def read_tags(
    paths: Iterable[Path], faults: Counter[str], *, tokens: str, tags: str
) -> Iterator[Document]:
    """Yield JSON lines that hold a list of characters and a list of their tags."""
    from .columns import tagged

    for path in paths:
        for number, record in enumerate(records(path, faults), 1):
            yield tagged(f"{path.stem}-{number}", record[tokens], record[tags], faults)


_SPAN = re.compile(r"(T\d+)\t(\S+) (\d+) (\d+)\t(.*)")
_LINK = re.compile(r"R\d+\t(\S+) Arg1:(\S+) Arg2:(\S+)")


def read_brat(
    paths: Iterable[Path],
    faults: Counter[str],
    *,
    rename: dict[str, str] | None = None,
    relations: Iterable[str] | None = None,
) -> Iterator[Document]:
    """Yield brat's pairs of .txt and .ann; paths are the .ann files.

    Mentions in several pieces are passed over. `rename` maps types, to "" for none; `relations` lists
    those to keep. Events of brat are passed over but for their triggers, which are mentions.
    """
    rename = rename or {}
    wanted = None if relations is None else set(relations)
    for path in paths:
        text = path.with_suffix(".txt").read_bytes().decode("utf-8-sig")
        mentions: dict[str, Entity] = {}
        links: list[Relation] = []
        lines = path.read_text(encoding="utf-8-sig").split("\n")
        for line in lines:
            match = _SPAN.match(line)
            if match:
                id, kind, first, last, said = match.groups()
                mentions[id] = _located(text, kind, int(first), int(last), said.rstrip(), faults)
            elif line.startswith("T"):
                faults["mention in several pieces"] += 1
        triggers = {line.split("\t")[0]: line for line in lines if line.startswith("E")}
        for id, line in triggers.items():
            trigger = line.partition("\t")[2].partition(" ")[0].rpartition(":")[2]
            if trigger in mentions:
                mentions[id] = mentions[trigger]
        for line in lines:
            match = _LINK.match(line)
            if match and (wanted is None or match[1] in wanted):
                ends = mentions.get(match[2]), mentions.get(match[3])
                if ends[0] is None or ends[1] is None:
                    faults["relation of an unknown mention"] += 1
                    continue
                links.append(Relation(match[1], _named(ends[0], rename), _named(ends[1], rename)))
        entities = [_named(mentions[id], rename) for id in mentions if id.startswith("T")]
        kept = tuple(item for item in entities if item.type)
        yield Document(path.stem, text, kept, tuple(links))


def _named(item: Entity, rename: dict[str, str]) -> Entity:
    kind = str(item.type)
    return Entity(rename.get(kind, kind) or None, item.text, item.start, item.end)


def _located(text: str, kind: str, start: int, end: int, said: str, faults: Counter[str]) -> Entity:
    if text[start:end] == said:
        return entity(text, kind, (start, end))
    at = text.find(said, max(start - 8, 0), end + 8)
    if at < 0:
        return Entity(kind, said, None, None)
    faults["place moved to the mention nearby"] += 1
    return entity(text, kind, (at, at + len(said)))
