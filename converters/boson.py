r"""BosonNER: a paragraph a line with inline marks, `{{person_name: 施宇翔}}`.

Two copies circulate, and each is broken in its way. The original nests a mark in itself 26 times
(`{{product_name:{{product_name:腾讯汽车}}}}`); the corrected one has `org_name:银监会}}` without its
opening and `{time:第28分钟}}` with one brace. The text is the line with its marks taken out; braces
that match nothing stay text and are counted; blanks at a mention's ends are left outside its span.
"""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from chinchilla.converters.catalogue import document_meta
from chinchilla.converters.columns import schema_types
from chinchilla.converters.record_files import Trial, read_text_lines
from chinchilla.converters.report import Place, Report
from chinchilla.data.documents import Document, Entity


def read(
    paths: Iterable[str | Path], report: Report, *, name: str = "boson", encoding: str = "auto"
) -> Iterator[Document]:
    """Yield a document per paragraph, entities in text order."""
    types = schema_types(name)
    # Only the first colon parts type and mention: {{time:10:30}}.
    mark = re.compile(r"\{\{(" + "|".join(map(re.escape, types)) + r"):|\}\}")
    for path in map(str, paths):
        trial = Trial(
            path, report, "text with marks such as {{person_name:方英}}, one paragraph a line"
        )
        meta = document_meta(name, path)
        stem = Path(path).stem
        marked = 0
        for line, content in read_text_lines(path, report, encoding):
            if not content.strip():
                continue
            trial.good += 1
            text, entities = _scan(content, mark, types, report, (path, line))
            marked += bool(entities)
            if trial.good == 200 and not marked:
                trial.good = 0
                trial.fail("no mark", line, "200 lines without any mark")
                trial.close()
            yield Document(f"{name}-{stem}-{line}", text, entities, meta=meta)
        if trial.good and not marked:
            trial.good = 0
            trial.fail("no mark", 1, "no line holds a mark")
        trial.close()


def _scan(
    content: str, mark: re.Pattern[str], types: dict[str, str], report: Report, place: Place
) -> tuple[str, tuple[Entity, ...]]:
    pieces: list[str] = []
    size = 0
    at = 0
    # Open marks: the place of their own characters in `pieces`, to put them back if unclosed.
    stack: list[tuple[str, int, int, str]] = []
    spans: list[tuple[int, int, str]] = []

    def keep(piece: str) -> None:
        nonlocal size
        pieces.append(piece)
        size += len(piece)

    for match in mark.finditer(content):
        keep(content[at : match.start()])
        at = match.end()
        if match[1]:
            stack.append((match[1], size, len(pieces), match[0]))
            pieces.append("")
        elif stack:
            kind, start, _, _ = stack.pop()
            spans.append((start, size, types[kind]))
        else:
            report.note(
                "brace without a partner stays text", place, _around(content, match.start())
            )
            keep(match[0])
    keep(content[at:])
    for _, start, piece, opening in reversed(stack):
        report.note("brace without a partner stays text", place, opening)
        pieces[piece] = opening
        width = len(opening)
        spans = [
            (a + width if a >= start else a, b + width if b > start else b, kind)
            for a, b, kind in spans
        ]
    return _grounded("".join(pieces), spans, report, place)


def _around(content: str, at: int) -> str:
    return repr(content[max(0, at - 12) : at + 2])


def _grounded(
    text: str, spans: list[tuple[int, int, str]], report: Report, place: Place
) -> tuple[str, tuple[Entity, ...]]:
    kept: dict[tuple[int, int, str], None] = {}
    for start, end, kind in spans:
        mention = text[start:end]
        core = mention.strip()
        if not core:
            report.drop("empty mention", place, f"{kind} at {start}")
            continue
        if core != mention:
            start += len(mention) - len(mention.lstrip())
            end = start + len(core)
            report.note("blanks at the ends left outside", place, repr(mention))
        if (start, end, kind) in kept:
            report.note("nested twin collapsed", place, repr(core))
        kept[start, end, kind] = None
    ordered = sorted(kept, key=lambda span: (span[0], -span[1]))
    return text, tuple(Entity(kind, text[start:end], start, end) for start, end, kind in ordered)
