"""MSRA named entities (SIGHAN 2006), in the three forms that circulate.

    当	O                                   characters and tags, tab or blank, also tag numbers
    中共中央/nt 致/o 的贺词/o                 segments and tags; the writing loses original blanks
    {"tokens": ["当"], "ner_tags": [0]}     JSON lines with tag numbers

Tag numbers are those of the `msra_ner` card: O B-PER I-PER B-ORG I-ORG B-LOC I-LOC.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from chinchilla.converters.catalogue import document_meta
from chinchilla.converters.columns import (
    Columns,
    join_tokens,
    read_columns,
    schema_types,
)
from chinchilla.converters.record_files import Trial, first_line, read_objects, read_text_lines
from chinchilla.converters.report import Report
from chinchilla.converters.tags import decode_tags
from chinchilla.data.documents import Document

NUMBERED = ("O", "B-PER", "I-PER", "B-ORG", "I-ORG", "B-LOC", "I-LOC")
_DIGITS = [[str(i)] for i in range(len(NUMBERED))]
_SEGMENT_TAGS = ("o", "nr", "ns", "nt")


class _Tokens(msgspec.Struct, gc=False):
    tokens: list[str]
    ner_tags: list[int]


def read(
    paths: Iterable[str | Path], report: Report, *, name: str = "msra", encoding: str = "auto"
) -> Iterator[Document]:
    """Yield a document per sentence; each file's form is told by its first line."""
    types = schema_types(name)
    for path in map(str, paths):
        first = first_line(path, encoding)
        if first.startswith("{"):
            yield from _json(path, report, name, types, encoding)
        elif first.rstrip().rpartition("/")[2] in _SEGMENT_TAGS:
            yield from _segments(path, report, name, types, encoding)
        else:
            numbered = {str(i): tag for i, tag in enumerate(NUMBERED)}
            columns = Columns(tag_names=numbered if first.split()[-1:] in _DIGITS else None)
            yield from read_columns(
                [path], report, name=name, types=types, columns=columns, encoding=encoding
            )


def _segments(
    path: str, report: Report, name: str, types: dict[str, str], encoding: str
) -> Iterator[Document]:
    trial = Trial(path, report, "segments such as 中共中央/nt 致/o, one sentence a line")
    meta = document_meta(name, path)
    stem = Path(path).stem
    for line, content in read_text_lines(path, report, encoding):
        tokens: list[str] = []
        spans = []
        pieces = content.split()
        if not pieces:
            continue
        for piece in pieces:
            # The last slash: the text holds slashes of its own.
            token, _, tag = piece.rpartition("/")
            if not token or tag not in _SEGMENT_TAGS:
                trial.fail("bad tag", line, f"{piece!r}; tags are {', '.join(_SEGMENT_TAGS)}")
                break
            if tag != "o":
                spans.append((types[tag], len(tokens), len(tokens) + 1))
            tokens.append(token)
        else:
            trial.good += 1
            text, entities = join_tokens(tokens, spans)
            yield Document(f"{name}-{stem}-{line}", text, entities, meta=meta)
    trial.close()


def _json(
    path: str, report: Report, name: str, types: dict[str, str], encoding: str
) -> Iterator[Document]:
    meta = document_meta(name, path)
    stem = Path(path).stem
    records = read_objects(
        path,
        report,
        _Tokens,
        expected='{"tokens": […], "ner_tags": […]}, one sentence a line',
        encoding=encoding,
        once=(b'"tokens"', b'"ner_tags"'),
    )
    for place, ordinal, record in records:
        if len(record.tokens) != len(record.ner_tags) or any(
            not 0 <= number < len(NUMBERED) for number in record.ner_tags
        ):
            report.drop("bad tag", place, "as many tags as tokens, from 0 to 6, are expected")
            continue
        spans, faults = decode_tags([NUMBERED[number] for number in record.ner_tags])
        for i, _, reason in faults:
            report.drop(reason, place, f"token {i}")
        named = [(types[kind], start, end) for kind, start, end in spans]
        text, entities = join_tokens(record.tokens, named)
        yield Document(f"{name}-{stem}-{ordinal}", text, entities, meta=meta)
