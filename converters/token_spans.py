"""Tokens with entities and relations by token index, ends exclusive (CoNLL04 as JSON).

{"tokens": ["John", "lives", "in", "Rome"], "entities": [[0, 1, "Peop"], [3, 4, "Loc"]],
  "relations": [[0, 1, 3, 4, "Live_In"]]}
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from chinchilla.converters.catalogue import document_meta
from chinchilla.converters.columns import builtin_types, join_tokens
from chinchilla.converters.located import in_text_order
from chinchilla.converters.record_files import read_objects
from chinchilla.converters.report import Report
from chinchilla.data.documents import Document, Entity, Relation
from chinchilla.data.schema import builtin_schemas, read_schema


class _Record(msgspec.Struct, gc=False):
    tokens: list[str]
    entities: list[tuple[int, int, str]] = []
    relations: list[tuple[int, int, int, int, str]] = []


def read(
    paths: Iterable[str | Path],
    report: Report,
    *,
    name: str = "conll04",
    encoding: str = "auto",
    joiner: str = " ",
) -> Iterator[Document]:
    """Yield a document per record; tokens are joined by `joiner`."""
    types = builtin_types(name)
    labels = {}
    if name in builtin_schemas():
        labels = {k: item.name for k, item in read_schema(name).relation_by_label.items()}
    for path in map(str, paths):
        meta = document_meta(name, path)
        stem = Path(path).stem
        records = read_objects(
            path,
            report,
            _Record,
            expected='{"tokens": […], "entities": [[start, end, type]], "relations": […]}',
            encoding=encoding,
            once=(b'"tokens"', b'"entities"', b'"relations"'),
        )
        for place, ordinal, record in records:
            spans = []
            for start, end, kind in record.entities:
                if not 0 <= start < end <= len(record.tokens):
                    report.drop("offsets outside the text", place, f"tokens [{start}, {end})")
                elif types is not None and kind not in types:
                    report.drop("unknown type", place, repr(kind))
                else:
                    spans.append((types[kind] if types else kind, start, end))
            text, entities = join_tokens(record.tokens, spans, joiner)
            by_span: dict[tuple[int, int], Entity] = {
                span[1:]: entity for span, entity in zip(spans, entities, strict=True)
            }
            relations = []
            for a, b, c, d, kind in record.relations:
                subject, object = by_span.get((a, b)), by_span.get((c, d))
                if subject is None or object is None:
                    report.drop("relation of an unknown span", place, f"{kind} [{a},{b}) [{c},{d})")
                    continue
                relations.append(Relation(labels.get(kind, kind), subject, object))
            yield Document(
                f"{name}-{stem}-{ordinal}",
                text,
                in_text_order(list(entities)),
                tuple(relations),
                meta=meta,
            )
