"""SemEval-2010 task 8: four lines an item, the ends marked in the sentence.

    1	"The <e1>child</e1> was wrapped into the <e2>cradle</e2>."
    Entity-Destination(e1,e2)
    Comment:

`(e2,e1)` exchanges subject and object; `Other` is no relation and goes to `meta.negatives`.
"""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from chinchilla.converters.catalogue import document_meta
from chinchilla.converters.record_files import Trial, read_blocks
from chinchilla.converters.report import Report
from chinchilla.data.documents import Document, Entity, Relation

_MARK = re.compile(r"</?e([12])>")
_LABEL = re.compile(r"([A-Za-z-]+)\(e([12]),e([12])\)$")


def read(
    paths: Iterable[str | Path],
    report: Report,
    *,
    name: str = "semeval2010",
    encoding: str = "auto",
) -> Iterator[Document]:
    """Yield a document per item; the quotes around a sentence are not text."""
    for path in map(str, paths):
        trial = Trial(
            path, report, 'a number, a tab and "…<e1>…</e1>…<e2>…</e2>…", then a relation'
        )
        shared = document_meta(name, path)
        for line, block in read_blocks(path, report, encoding):
            number, _, quoted = block[0].partition("\t")
            sentence = quoted.strip().removeprefix('"').removesuffix('"')
            label = block[1].strip() if len(block) > 1 else ""
            match = _LABEL.match(label)
            ends = _ends(sentence)
            if ends is None or not number.isdigit() or (match is None and label != "Other"):
                trial.fail("malformed item", line, f"{block[0][:60]!r} {label!r}")
                continue
            trial.good += 1
            text, found = ends
            meta: dict[str, Any] = shared
            relations: tuple[Relation, ...] = ()
            if match is None:
                pair = [{"text": e.text, "start": e.start, "end": e.end} for e in found]
                meta = {**shared, "negatives": [{"subject": pair[0], "object": pair[1]}]}
            else:
                subject, object = found[int(match[2]) - 1], found[int(match[3]) - 1]
                relations = (Relation(match[1], subject, object),)
            yield Document(f"{name}-{number}", text, relations=relations, meta=meta)
        trial.close()


def _ends(sentence: str) -> tuple[str, tuple[Entity, Entity]] | None:
    places: dict[str, list[int]] = {"1": [], "2": []}
    pieces: list[str] = []
    size = at = 0
    for match in _MARK.finditer(sentence):
        pieces.append(sentence[at : match.start()])
        size += len(pieces[-1])
        at = match.end()
        places[match[1]].append(size)
    pieces.append(sentence[at:])
    text = "".join(pieces)
    if any(len(found) != 2 or found[0] >= found[1] for found in places.values()):
        return None
    first, second = (Entity(None, text[a:b], a, b) for a, b in places.values())
    return text, (first, second)
