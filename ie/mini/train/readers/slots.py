"""Utterances with slots: values as strings, inline marks, spans of dialogue turns."""

import csv
import json
import re
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from ..kit import Document, Entity
from .columns import part_of, tagged
from .tokens import entity, found

_MARK = re.compile(r"\[\s*([^\]:]+?)\s*:\s*([^\]]+?)\s*\]")


def read_values(paths: Iterable[Path], faults: Counter[str]) -> Iterator[Document]:
    """Yield SMP 2019: a JSON list of {text, domain, slots: {name: value}} without offsets.

    Types are `domain.slot`; domains are parts.
    """
    for path in paths:
        for number, record in enumerate(json.loads(path.read_text(encoding="utf-8-sig")), 1):
            text, domain = record["text"], record["domain"]
            entities = []
            for slot, value in record["slots"].items():
                span = found(text, str(value))
                if span is None:
                    faults["value not in the text"] += 1
                entities.append(entity(text, f"{domain}.{slot}", span))
            yield Document(f"{path.stem}-{number}", text, tuple(entities), meta={"part": domain})


def read_marked(paths: Iterable[Path], faults: Counter[str]) -> Iterator[Document]:
    """Yield the home assistant's utterances: CSV by semicolon, `wake me at [time : nine am]`."""
    for path in paths:
        with path.open(encoding="utf-8-sig", newline="") as file:
            for row in csv.DictReader(file, delimiter=";"):
                marked = row.get("answer_annotation") or row.get("answer") or ""
                if not marked.strip():
                    faults["empty utterance"] += 1
                    continue
                yield _unmarked(f"{path.stem}-{row.get('answerid', '')}", marked)


def _unmarked(id: str, marked: str) -> Document:
    pieces: list[str] = []
    entities: list[Entity] = []
    size = at = 0
    for match in _MARK.finditer(marked):
        pieces.append(marked[at : match.start()])
        size += len(pieces[-1])
        kind, value = match.groups()
        entities.append(Entity(kind.strip(), value, size, size + len(value)))
        pieces.append(value)
        size += len(value)
        at = match.end()
    pieces.append(marked[at:])
    return Document(id, "".join(pieces), tuple(entities))


def read_colons(paths: Iterable[Path], faults: Counter[str]) -> Iterator[Document]:
    """Yield lines of `token:tag token:tag <=> intent`; a part is a folder."""
    for path in paths:
        for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), 1):
            pairs = [cell.rpartition(":") for cell in line.partition(" <=> ")[0].split()]
            if not pairs:
                continue
            tokens, tags = [pair[0] for pair in pairs], [pair[2] for pair in pairs]
            meta = part_of(path, "folder")
            yield tagged(
                f"{path.parent.name}-{path.stem}-{number}", tokens, tags, faults, " ", meta=meta
            )


def read_crosswoz(
    paths: Iterable[Path], faults: Counter[str], *, rename: dict[str, str] | None = None
) -> Iterator[Document]:
    """Yield CrossWOZ turns: `dialog_act` holds [intent, domain, slot, value] without offsets."""
    rename = rename or {}
    for path in paths:
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                for id, dialogue in json.loads(archive.read(name)).items():
                    for turn, message in enumerate(dialogue["messages"]):
                        yield _turn(f"{id}-{turn}", message, rename, faults)


def _turn(
    id: str, message: dict[str, object], rename: dict[str, str], faults: Counter[str]
) -> Document:
    text = str(message["content"])
    entities = []
    for _, domain, slot, value in message["dialog_act"]:  # type: ignore[attr-defined]
        kind = rename.get(f"{domain}-{slot}", f"{domain}-{slot}")
        if value in ("", "none") or not kind or slot == "源领域" or slot.startswith("酒店设施"):
            continue
        span = found(text, value)
        if span is None:
            faults["value not in the text"] += 1
        entities.append(entity(text, kind, span))
    return Document(id, text, tuple(entities))


def read_turns(paths: Iterable[Path], faults: Counter[str]) -> Iterator[Document]:
    """Yield the schema-guided dialogues: turns with slots of offsets; services are parts."""
    for path in paths:
        for dialogue in json.loads(path.read_text(encoding="utf-8")):
            for number, turn in enumerate(dialogue["turns"]):
                text = turn["utterance"]
                for frame in turn["frames"]:
                    entities = tuple(
                        entity(text, slot["slot"], (slot["start"], slot["exclusive_end"]))
                        for slot in frame["slots"]
                    )
                    id = f"{path.stem}-{dialogue['dialogue_id']}-{number}"
                    if entities or not number % 3:
                        part = re.sub(r"_\d+$", "", frame["service"])
                        yield Document(id, text, entities, meta={"part": part})
                    break


def read_nlupp(paths: Iterable[Path], faults: Counter[str]) -> Iterator[Document]:
    """Yield NLU++: a JSON list of {text, slots: {name: {span}}}; folders are parts."""
    for path in paths:
        for number, record in enumerate(json.loads(path.read_text(encoding="utf-8")), 1):
            text = record["text"]
            entities = tuple(
                entity(text, name, tuple(slot["span"]))
                for name, slot in record.get("slots", {}).items()
                if "span" in slot
            )
            yield Document(
                f"{path.parent.name}-{path.stem}-{number}",
                text,
                entities,
                meta=part_of(path, "folder"),
            )
