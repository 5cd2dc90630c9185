"""Relations of corpora whose formats are their own."""

import ast
import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from ..kit import Document, Entity, Relation
from .spans import records
from .tokens import Laid, distinct, entity, found


def read_heads(
    paths: Iterable[Path],
    faults: Counter[str],
    *,
    part: str = "",
    rename: dict[str, str] | None = None,
) -> Iterator[Document]:
    """Yield CHisIEC: {tokens, entities: [{type, start, end}], relations: [{type, head, tail}]}.

    The `span` strings are of other characters than the text; the offsets hold.
    """
    rename = rename or {}
    for path in paths:
        for number, record in enumerate(records(path, faults), 1):
            text = record["tokens"]
            mentions = [
                entity(text, rename.get(item["type"], item["type"]), (item["start"], item["end"]))
                for item in record["entities"]
            ]
            relations = tuple(
                Relation(item["type"], mentions[item["head"]], mentions[item["tail"]])
                for item in record["relations"]
            )
            meta = {"part": part} if part else {}
            yield Document(f"{path.stem}-{number}", text, tuple(mentions), relations, meta=meta)


def read_pairs(
    paths: Iterable[Path],
    faults: Counter[str],
    *,
    python: bool = False,
    inclusive: bool = False,
    negative: Sequence[str] = (),
) -> Iterator[Document]:
    """Yield one document a text of lines that hold one pair each.

    {"h": {"name", "pos", "type"}, "t": {…}, "relation": "…", "text": "…"}; or with `token` instead of
    `text`, and then places in tokens, `inclusive` if their ends are. `python` tells that the lines are
    Python's literals.
    """
    for path in paths:
        groups: dict[str, list[Relation]] = defaultdict(list)
        for line in path.read_text(encoding="utf-8").split("\n"):
            if not line.strip():
                continue
            record: Any = ast.literal_eval(line) if python else json.loads(line)
            laid = Laid(record["token"] if "token" in record else list(record["text"]))
            head, tail = (_end(laid, record[end], inclusive, faults) for end in "ht")
            if record["relation"] not in negative and head.span and tail.span:
                groups[laid.text].append(Relation(record["relation"], head, tail))
        for number, (text, relations) in enumerate(groups.items(), 1):
            yield Document(f"{path.stem}-{number}", text, (), distinct(relations))


def _end(laid: Laid, item: dict[str, Any], inclusive: bool, faults: Counter[str]) -> Entity:
    kind, name = item.get("type"), item["name"]
    end = laid.entity(kind, item["pos"][0], item["pos"][1] + inclusive)
    if end.text == name:
        return end
    faults["name found elsewhere"] += 1
    near = laid.spans[min(item["pos"][0], len(laid.spans) - 1)][0]
    return entity(laid.text, kind, found(laid.text, name, near))


_HIDDEN = re.compile("#+")


def read_hidden(
    paths: Iterable[Path], faults: Counter[str], *, names: Sequence[str]
) -> Iterator[Document]:
    """Yield persons' relations: `id head$tail$text`, where ### hides either name in the text.

    A run of marks as long as only one of the names is that name; if the names are of one length, the
    first run is the head and the second the tail, and further runs leave the line out. `names` are the
    relations by id, the first of which is none. Which way a relation goes is not annotated, so
    it stands both ways.
    """
    for path in paths:
        groups: dict[str, list[Relation]] = defaultdict(list)
        for line in path.read_text(encoding="utf-8").split("\n"):
            match = re.match(r"(\d+) ([^$]+)\$([^$]+)\$(.*)$", line)
            if match is None or match[1] == "0":
                continue
            shown = _shown(match[4], match[2], match[3])
            if shown is None:
                faults["which name a mark hides is not told"] += 1
                continue
            text, head, tail = shown
            kind = names[int(match[1])]
            groups[text] += (Relation(kind, head, tail), Relation(kind, tail, head))
        for number, (text, relations) in enumerate(groups.items(), 1):
            yield Document(f"{path.stem}-{number}", text, (), distinct(relations))


def _shown(text: str, head: str, tail: str) -> tuple[str, Entity, Entity] | None:
    runs = [match.span() for match in _HIDDEN.finditer(text)]
    by_order = len(head) == len(tail)
    if len(runs) < 2 or (by_order and len(runs) > 2):
        return None
    places: dict[str, list[tuple[int, int]]] = {head: [], tail: []}
    for number, (start, end) in enumerate(runs):
        fits = [name for name in (head, tail) if len(name) == end - start]
        if not fits:
            return None
        name = fits[number] if by_order else fits[0]
        places[name].append((start, end))
        text = text[:start] + name + text[end:]
    if head == tail or not places[head] or not places[tail]:
        return None
    pairs = [(a, b) for a in places[head] for b in places[tail]]
    first, second = min(pairs, key=lambda pair: abs(pair[0][0] - pair[1][0]))
    return text, entity(text, "人物", first), entity(text, "人物", second)


def read_triples(
    paths: Iterable[Path],
    faults: Counter[str],
    *,
    triples: str = "triple_list",
    keys: Sequence[str] = ("0", "1", "2"),
    types: Sequence[str] = (),
) -> Iterator[Document]:
    """Yield records {text, TRIPLES: […]} of strings, each end at its occurrence nearest to the other.

    `keys` name subject, relation and object of a triple, `types` the types of subject and object.
    """
    for path in paths:
        for number, record in enumerate(records(path, faults), 1):
            text = record["text"]
            relations = []
            for item in record[triples]:
                subject, kind, object = (item[int(k)] if k.isdigit() else item[k] for k in keys)
                kinds = [item.get(name) for name in types] or [None, None]
                pair = _closest(text, _plain(text, subject), _plain(text, object))
                relations.append(
                    Relation(kind, entity(text, kinds[0], pair[0]), entity(text, kinds[1], pair[1]))
                )
            yield Document(f"{path.stem}-{number}", text, (), distinct(relations))


def _plain(text: str, mention: str) -> str:
    mention = mention.strip()
    return mention if mention in text else mention.replace("_", " ")


def _closest(text: str, first: str, second: str) -> tuple[Any, Any]:
    places = [_places(text, mention) for mention in (first, second)]
    if not places[0] or not places[1]:
        return None, None
    pairs = [(a, b) for a in places[0] for b in places[1]]
    return min(pairs, key=lambda pair: (_gap(*pair), pair))


def _gap(a: tuple[int, int], b: tuple[int, int]) -> int:
    gap = max(a[0] - b[1], b[0] - a[1])
    return gap if gap >= 0 else 1_000_000 - gap


def _places(text: str, mention: str) -> list[tuple[int, int]]:
    if not mention:
        return []
    return [(m.start(), m.end()) for m in re.finditer(re.escape(mention), text)]


def read_document_graph(
    paths: Iterable[Path],
    faults: Counter[str],
    *,
    names: str,
    more: dict[str, str],
    limit: int = 420,
) -> Iterator[Document]:
    """Yield DocRED in windows of whole sentences: {sents, vertexSet, labels: [{r, h, t}]}.

    A relation of two entities joins their nearest mentions in the window. `names` is a file, seen from
    the folder of the path, of the names of relation ids, `more` names further ones.
    """
    for path in paths:
        given = json.loads((path.parent / names).read_text(encoding="utf-8"))
        names_by_id = {id: name for id, (name, *_) in given.items()} | more
        for record in records(path, faults):
            for number, (laid, offsets) in enumerate(_windows(record["sents"], limit)):
                yield _graph(f"{record['title']}#{number}", record, laid, offsets, names_by_id)


def _windows(sents: list[list[str]], limit: int) -> Iterator[tuple[Laid, dict[int, int]]]:
    tokens: list[str] = []
    offsets: dict[int, int] = {}
    for number, sentence in enumerate(sents):
        size = len(" ".join([*tokens, *sentence]))
        if tokens and size > limit:
            yield Laid(tokens, "english"), offsets
            tokens, offsets = [], {}
        offsets[number] = len(tokens)
        tokens = [*tokens, *sentence]
    yield Laid(tokens, "english"), offsets


def _graph(
    id: str, record: Any, laid: Laid, offsets: dict[int, int], names: dict[str, str]
) -> Document:
    mentions = [
        [
            laid.entity(item["type"], *(offsets[item["sent_id"]] + at for at in item["pos"]))
            for item in vertex
            if item["sent_id"] in offsets
        ]
        for vertex in record["vertexSet"]
    ]
    relations = []
    for label in record["labels"]:
        pairs = [(a, b) for a in mentions[label["h"]] for b in mentions[label["t"]] if a != b]
        if pairs and label["r"] in names:
            first, second = min(pairs, key=lambda pair: abs(pair[0].start - pair[1].start))
            relations.append(Relation(names[label["r"]], first, second))
    entities = tuple(item for group in mentions for item in group)
    return Document(id, laid.text, entities, distinct(relations))


def read_fewrel(paths: Iterable[Path], faults: Counter[str], *, names: str) -> Iterator[Document]:
    """Yield FewRel: {relation id: [{tokens, h: [name, id, [[places]]], t: …}]}; `names` is a file."""
    for path in paths:
        known = json.loads((path.parent / names).read_text(encoding="utf-8"))
        for relation, items in json.loads(path.read_text(encoding="utf-8")).items():
            name = known[relation][0] if relation in known else relation
            for number, item in enumerate(items):
                laid = Laid(item["tokens"], "english")
                head, tail = (
                    laid.entity(None, places[0], places[-1] + 1)
                    for places in (item[end][2][0] for end in "ht")
                )
                yield Document(
                    f"{path.stem}-{relation}-{number}", laid.text, (), (Relation(name, head, tail),)
                )


def read_token_graph(
    paths: Iterable[Path], faults: Counter[str], *, depth: int = 2
) -> Iterator[Document]:
    """Yield MaintIE: {tokens, entities: [{start, end, type: a/b/c}], relations: [{head, tail, type}]}.

    Of a type's path the part at `depth` is taken; of a relation's the last.
    """
    for path in paths:
        for number, record in enumerate(records(path, faults), 1):
            laid = Laid(record["tokens"], " ")
            mentions = [
                laid.entity(_step(item["type"], depth), item["start"], item["end"])
                for item in record["entities"]
            ]
            relations = tuple(
                Relation(
                    item["type"].split("/")[-1], mentions[item["head"]], mentions[item["tail"]]
                )
                for item in record["relations"]
            )
            yield Document(f"{path.stem}-{number}", laid.text, tuple(mentions), relations)


def _step(path: str, depth: int) -> str:
    return path.split("/")[:depth][-1]
