"""Annotations of raw collections that are kept without their texts: places alone.

A line of such a file is one sentence: {"archive": folder of the collection, "line": from 1, "start",
"end": place of the sentence in the line, "entities": [[type, start, end], …], "relations": [[type,
subject start, subject end, object start, object end], …], "events": [[type, trigger start, end,
[[role, start, end], …]], …]}. Offsets count code points of the sentence, end-exclusive.
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
    paths: Iterable[Path], faults: Counter[str], *, annotations: str, schema: str = "news"
) -> Iterator[Document]:
    """Yield the sentences of `configs/ANNOTATIONS` with what is marked in them.

    `paths` are the text files of all collections named there, each in the folder of its name.

    Raises:
        InputError: a collection is missing, has several files, or has no such sentence.
    """
    relations = read_schema(schema).relations
    ends = {relation.name: (relation.subject, relation.object) for relation in relations}
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


def _document(text: str, item: dict[str, Any], ends: dict[str, tuple[str, str]]) -> Document:
    def entity(type: str, start: int, end: int) -> Entity:
        return Entity(type=type, text=text[start:end], start=start, end=end)

    def argument(role: str, start: int, end: int) -> Argument:
        return Argument(role=role, text=text[start:end], start=start, end=end)

    return Document(
        f"{item['archive']}:{item['line']}:{item['start']}",
        text,
        entities=tuple(entity(*span) for span in item["entities"]),
        relations=tuple(
            Relation(type, entity(ends[type][0], *pair[:2]), entity(ends[type][1], *pair[2:]))
            for type, *pair in item["relations"]
        ),
        events=tuple(
            Event(type, Mention(text[s:e], s, e), tuple(argument(*span) for span in arguments))
            for type, s, e, arguments in item["events"]
        ),
        meta={"source": item["archive"]} | ({"cue": True} if item.get("cue") else {}),
    )
