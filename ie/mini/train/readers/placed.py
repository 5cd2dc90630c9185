"""Annotations of raw collections that are kept without their texts: places alone.

A line of such a file is one sentence: {"archive": folder of the collection, "line": from 1, "start",
"end": place of the sentence in the line, "entities": [[type, start, end], …], "relations": [[type,
subject start, subject end, object start, object end], …], "events": [[type, trigger start, end,
[[role, start, end], …]], …]}. Offsets count code points of the sentence, end-exclusive. A "part" names
the schema of a sentence where a file has several.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from importlib import resources
from pathlib import Path
from typing import Any

from ..kit import (
    Argument,
    Document,
    Entity,
    Event,
    InputError,
    Mention,
    Relation,
    read_schema,
)


def read(
    paths: Iterable[Path], faults: Counter[str], *, annotations: str, schema: str = ""
) -> Iterator[Document]:
    """Yield the sentences of `configs/ANNOTATIONS` with what is marked in them.

    `paths` are the text files of all collections named there, each in the folder of its name. The
    ends of relations have the types of the built-in schema, or of the entities in their places.

    Raises:
        InputError: a collection is missing, has several files, or has no such sentence.
    """
    relations = read_schema(schema).relations if schema else ()
    ends = {one.name: (one.subject, one.object) for one in relations}
    files: dict[str, list[Path]] = {}
    for path in paths:
        files.setdefault(path.parent.name, []).append(path)
    lines: dict[str, list[str]] = {}
    for number, row in enumerate(_rows(annotations), 1):
        item = json.loads(row)
        name = item["archive"]
        if name not in lines:
            lines[name] = _lines(name, files.get(name, []))
        text = (lines[name][item["line"] - 1 :] or [""])[0][item["start"] : item["end"]]
        if len(text) != item["end"] - item["start"]:
            raise InputError(
                f"{annotations}:{number}: line {item['line']} of {name} has no such sentence; "
                "expected the collection as it was when it was annotated"
            )
        yield _document(text, item, ends)


def _rows(annotations: str) -> list[str]:
    content = resources.files("chinchilla.configs").joinpath(annotations)
    return content.read_text(encoding="utf-8").splitlines()


def _lines(name: str, files: list[Path]) -> list[str]:
    if len(files) != 1:
        raise InputError(f"{name}: found {len(files)} .txt files; expected the one of the archive")
    with files[0].open(encoding="utf-8", newline="") as file:
        return file.read().split("\n")


def _document(
    text: str, item: dict[str, Any], ends: dict[str, tuple[str | None, str | None]]
) -> Document:
    types = {(start, end): type for type, start, end in reversed(item["entities"])}

    def entity(type: str | None, start: int, end: int) -> Entity:
        return Entity(type or types.get((start, end)), text[start:end], start, end)

    def argument(role: str, start: int, end: int) -> Argument:
        return Argument(role, text[start:end], start, end)

    def relation(type: str, *places: int) -> Relation:
        subject, object_ = ends.get(type, (None, None))
        return Relation(type, entity(subject, *places[:2]), entity(object_, *places[2:]))

    marks = {"part": item.get("part"), "cue": item.get("cue")}
    return Document(
        f"{item['archive']}:{item['line']}:{item['start']}",
        text,
        entities=tuple(entity(*span) for span in item["entities"]),
        relations=tuple(relation(*places) for places in item["relations"]),
        events=tuple(
            Event(type, Mention(text[s:e], s, e), tuple(argument(*span) for span in arguments))
            for type, s, e, arguments in item["events"]
        ),
        meta={"source": item["archive"]} | {name: mark for name, mark in marks.items() if mark},
    )
