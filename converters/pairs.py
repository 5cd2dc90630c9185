"""Tab-separated facts, one a line: head, tail, relation, sentence (SanWen, FinRE and their like).

    幽兰	山谷	Located	“幽兰在山谷，本自无人识。

Rows of one sentence become one document, also where they are not neighbours, so a file is held in
memory. Head and tail have no offsets and no types: they are located as the closest pair. Rows that
deny a relation (`unknown`) go to `meta.negatives`: record building may ask about such pairs. As the
converter `pairs` this reads any such table by options alone:

    chinchilla data convert pairs my.tsv --set order=[sentence,head,relation,tail] --set source=mine
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from chinchilla.converters.canonical import canonicalised
from chinchilla.converters.catalogue import document_meta
from chinchilla.converters.field_paths import as_names
from chinchilla.converters.locate import closest_pair, spans_of
from chinchilla.converters.record_files import Trial, read_text_lines
from chinchilla.converters.report import Place, Report
from chinchilla.data.documents import Document, Entity, Issue, Relation
from chinchilla.data.schema import builtin_schemas, read_schema
from chinchilla.errors import ConfigError

COLUMNS = ("head", "tail", "relation", "sentence")
# head, tail, relation and where they stood.
Row = tuple[str, str, str, Place]


def read(
    paths: Iterable[str | Path],
    report: Report,
    *,
    name: str = "pairs",
    encoding: str = "auto",
    order: Sequence[str] = COLUMNS,
    relations: Mapping[str, str] | None = None,
    negative: str | Collection[str] = ("unknown", "NA", "None"),
    canonical: bool = False,
) -> Iterator[Document]:
    """Yield a document per distinct sentence of any tab-separated table.

    `order` names the columns. `relations` renames labels. Without it the built-in schema called `name`
    does, if there is one. `negative` lists the labels that deny a relation. `canonical` keeps one
    direction of what the schema calls inverse or symmetric.

    Raises:
        ConfigError: `order` is not the four columns in some order.
    """
    if sorted(order) != sorted(COLUMNS):
        raise ConfigError(f"order must name {', '.join(COLUMNS)} once each, got {list(order)!r}")
    negative = as_names(negative)
    schema = read_schema(name) if name in builtin_schemas() else None
    if relations is None and schema is not None:
        relations = {label: item.name for label, item in schema.relation_by_label.items()}
    if canonical and schema is None:
        raise ConfigError(
            f"canonical needs a built-in schema called {name!r} that says what is inverse"
        )
    for path in map(str, paths):
        meta = document_meta(name, path)
        stem = Path(path).stem
        grouped = _grouped(path, report, relations, negative, tuple(order), encoding)
        for ordinal, (sentence, rows) in enumerate(grouped.items(), 1):
            identifier = f"{name}-{stem}-{ordinal}"
            document = _document(identifier, sentence, rows, relations, negative, report, meta)
            if canonical and schema is not None:
                document = canonicalised(document, schema, report, rows[0][3])
            yield document


def _grouped(
    path: str,
    report: Report,
    relations: Mapping[str, str] | None,
    negative: Collection[str],
    order: tuple[str, ...],
    encoding: str,
) -> dict[str, list[Row]]:
    trial = Trial(path, report, f"{len(order)} columns by tab: {', '.join(order)}")
    at = [order.index(column) for column in COLUMNS]
    groups: dict[str, list[Row]] = {}
    for line, content in read_text_lines(path, report, encoding):
        if not content or content.isspace():
            continue
        cells = content.split("\t")
        if len(cells) != len(order):
            trial.fail("wrong column count", line, f"{len(cells)} columns in {content[:60]!r}")
            continue
        head, tail, relation, sentence = (cells[i] for i in at)
        if not head.strip() or not tail.strip() or not sentence:
            trial.fail("empty column", line, repr(content[:60]))
            continue
        if relations is not None and relation not in relations and relation not in negative:
            trial.fail("unknown relation", line, repr(relation))
            continue
        trial.good += 1
        groups.setdefault(sentence, []).append((head, tail, relation, (path, line)))
    trial.close()
    return groups


def _document(
    identifier: str,
    sentence: str,
    rows: list[Row],
    relations: Mapping[str, str] | None,
    negative: Collection[str],
    report: Report,
    shared: dict[str, Any],
) -> Document:
    related = {(head, tail) for head, tail, relation, _ in rows if relation not in negative}
    seen: set[tuple[str, str, str]] = set()
    facts: list[Relation] = []
    negatives: list[dict[str, Any]] = []
    issues: list[Issue] = []
    for head, tail, relation, place in rows:
        what = f"{head} {relation} {tail}"
        if (head, tail, relation) in seen:
            report.drop("repeated row", place, what)
            continue
        seen.add((head, tail, relation))
        if relation in negative and (head, tail) in related:
            report.drop("pair both related and unrelated", place, what)
            continue
        where = f"relations[{len(facts)}]"
        found: list[Issue] = []
        subject, object = _ends(sentence, head, tail, report, place, where, found)
        if relation in negative:
            negatives.append({"subject": _plain(subject), "object": _plain(object)})
            continue
        issues += found
        label = relation if relations is None else relations[relation]
        facts.append(Relation(label, subject, object))
    meta = {**shared, "negatives": negatives} if negatives else shared
    return Document(identifier, sentence, relations=tuple(facts), issues=tuple(issues), meta=meta)


def _ends(
    text: str, head: str, tail: str, report: Report, place: Place, where: str, issues: list[Issue]
) -> tuple[Entity, Entity]:
    """Locate head and tail as the closest pair of their occurrences."""
    found = [spans_of(text, mention.strip())[0] for mention in (head, tail)]
    spans = [candidates[0] if candidates else None for candidates in found]
    if found[0] and found[1]:
        spans = list(closest_pair(found[0], found[1]))
    ends = []
    for mention, candidates, span, slot in zip(
        (head, tail), found, spans, ("subject", "object"), strict=True
    ):
        if span is None:
            report.note("mention not in the text", place, repr(mention))
            issues.append(Issue("ungrounded", f"{mention!r} is not in the text", f"{where}.{slot}"))
            ends.append(Entity(None, mention, None, None, status="none"))
            continue
        if len(candidates) > 1:
            report.note("one of several occurrences chosen", place, repr(mention))
            detail = f"{mention!r} occurs {len(candidates)} times; the closest pair is given"
            issues.append(Issue("ambiguous", detail, f"{where}.{slot}"))
        ends.append(Entity(None, text[span[0] : span[1]], *span))
    return ends[0], ends[1]


def _plain(entity: Entity) -> dict[str, Any]:
    return {"text": entity.text, "start": entity.start, "end": entity.end}
