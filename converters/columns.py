"""Column files: one token and its tag a line, a blank line between sentences.

    当	O
    京	B-LOC

Schemes: `bio` (also BIOES, BILOU, BMES and BMEO, told by the tags themselves) and `iob1`, where I-
starts an entity and B- stands only between neighbours of one type. The tag is the last column. As
the converter `columns` this reads any such corpus by options alone:

    chinchilla data convert columns my.txt --set scheme=iob1 --set joiner=" " --set source=mine
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from chinchilla.converters.catalogue import document_meta
from chinchilla.converters.fields import as_names
from chinchilla.converters.report import Report
from chinchilla.converters.source import Trial, first_line, read_blocks
from chinchilla.data.documents import Document, Entity
from chinchilla.data.schema import builtin_schemas, read_schema
from chinchilla.errors import ConfigError

SCHEMES = ("bio", "iob1")
TagSpan = tuple[str, int, int]


@dataclass(frozen=True)
class Columns:
    """What a column file looks like.

    `separator` None: a tab if the file's first line holds one, else a blank. `joiner` goes between
    tokens: nothing in Chinese, a blank in English. `token_of` repairs a first column (Weibo),
    `tag_names` gives the tags of a file that holds numbers.
    """

    scheme: str = "bio"
    separator: str | None = None
    joiner: str = ""
    skip: tuple[str, ...] = ("-DOCSTART-",)
    token_of: Callable[[str], str] | None = None
    tag_names: Mapping[str, str] | None = None


def read(
    paths: Iterable[str | Path],
    report: Report,
    *,
    name: str = "columns",
    encoding: str = "utf-8",
    scheme: str = "bio",
    separator: str = "auto",
    joiner: str = "",
    types: Mapping[str, str] | None = None,
    skip: str | Sequence[str] = ("-DOCSTART-",),
) -> Iterator[Document]:
    """Yield a document per sentence of any column file.

    `separator` is `auto`, `tab`, `space` or the mark itself; `types` renames the tags' types, by
    default to those of the built-in schema called `name`, and without one leaves them as they are.
    Sentences whose first line starts with `skip`, or one of several, are passed over.
    """
    marks = {"auto": None, "tab": "\t", "space": " "}
    columns = Columns(scheme, marks.get(separator, separator), joiner, as_names(skip))
    return read_columns(
        paths,
        report,
        name=name,
        types=types or builtin_types(name),
        columns=columns,
        encoding=encoding,
    )


def builtin_types(name: str) -> dict[str, str] | None:
    """Return `schema_types` of a built-in schema, or None if there is none of that name."""
    return schema_types(name) if name in builtin_schemas() else None


def read_columns(
    paths: Iterable[str | Path],
    report: Report,
    *,
    name: str,
    types: Mapping[str, str] | None,
    columns: Columns | None = None,
    encoding: str = "utf-8",
) -> Iterator[Document]:
    """Yield a document per sentence; `types` maps the tags' types to the schema's names, if given."""
    columns = columns or Columns()
    if columns.scheme not in SCHEMES:
        raise ConfigError(
            f"unknown tag scheme {columns.scheme!r}; schemes are {', '.join(SCHEMES)}"
        )
    for path in map(str, paths):
        yield from _file(path, report, name, types, columns, encoding)


def schema_types(name: str) -> dict[str, str]:
    """Return alias -> name, and name -> name, of the entity types of a built-in schema."""
    return {label: item.name for label, item in read_schema(name).entity_by_label.items()}


def _file(
    path: str,
    report: Report,
    name: str,
    types: Mapping[str, str] | None,
    columns: Columns,
    encoding: str,
) -> Iterator[Document]:
    first = first_line(path, encoding).removeprefix("\ufeff")
    separator = columns.separator or ("\t" if "\t" in first else " ")
    width = first.count(separator) + 1
    example = next(iter(types)) if types else "ORG"
    trial = Trial(path, report, f"a token, {separator!r} and a tag such as B-{example}")
    meta = document_meta(name, path)
    stem = Path(path).stem
    ordinal = 0
    for line, block in read_blocks(path, report, encoding):
        if block[0].startswith(columns.skip):
            continue
        ordinal += 1
        rows = _rows(block, separator, width, trial, line)
        if rows is None:
            continue
        tokens, tags = rows
        if columns.tag_names is not None:
            tags = [columns.tag_names.get(tag, tag) for tag in tags]
        spans = _spans(tags, types, columns.scheme, trial, line)
        if spans is None:
            continue
        if columns.token_of is not None:
            tokens = [columns.token_of(token) for token in tokens]
        trial.good += 1
        text, entities = join_tokens(tokens, spans, columns.joiner)
        yield Document(f"{name}-{stem}-{ordinal}", text, entities, meta=meta)
    trial.close()


def _rows(
    block: list[str], separator: str, width: int, trial: Trial, line: int
) -> tuple[list[str], list[str]] | None:
    """Return tokens and tags, or None after counting a row that is not of the file's width.

    A token of two columns may begin with blanks or be one ("  O"), as in video-music-book, where a
    few rows hold no token at all: those are passed over and counted.
    """
    tokens: list[str] = []
    tags: list[str] = []
    inner = max(width - 2, 0)
    for i, row in enumerate(block):
        token, found, tag = row.rpartition(separator)
        if found and not token and tag == "O" and not inner:
            trial.report.note("row without a token", (trial.path, line + i), repr(row))
            continue
        count = token.count(separator) if inner else token.strip(separator).count(separator)
        if not found or not token or not tag or count != inner:
            trial.fail("wrong column count", line + i, f"{row!r} in a file of {width} columns")
            return None
        tokens.append(token.partition(separator)[0] if inner else token)
        tags.append(tag)
    return tokens, tags


def _spans(
    tags: Sequence[str], types: Mapping[str, str] | None, scheme: str, trial: Trial, line: int
) -> list[TagSpan] | None:
    if all(tag == "O" for tag in tags):
        return []
    for i, tag in enumerate(tags):
        if tag not in ("O", "o") and not _is_tag(tag, types):
            known = f"; types are {', '.join(types)}" if types else ""
            trial.fail("bad tag", line + i, f"{tag!r}{known}")
            return None
    spans, faults = decode_tags(tags, scheme)
    for i, outcome, reason in faults:
        place = (trial.path, line + i)
        if outcome == "dropped":
            trial.report.drop(
                reason, place, f"{tags[i]!r} after {tags[i - 1] if i else '(start)'!r}"
            )
        else:
            trial.report.note(reason, place, f"{tags[i]!r}")
    if types is None:
        return spans
    return [(types[kind], start, end) for kind, start, end in spans]


def _is_tag(tag: str, types: Mapping[str, str] | None) -> bool:
    return (
        tag[0] in "BIMESLU"
        and tag[1:2] in ("-", "_")
        and len(tag) > 2
        and (types is None or tag[2:] in types)
    )


def decode_tags(
    tags: Sequence[str], scheme: str = "bio"
) -> tuple[list[TagSpan], list[tuple[int, str, str]]]:
    """Return `(type, start, end)` token spans, end-exclusive, and faults `(index, outcome, reason)`.

    An inside or end tag that no begin tag of its type precedes names no entity: corpora count
    begin tags, so it is dropped and counted. In `iob1` it starts one.
    """
    spans: list[TagSpan] = []
    faults: list[tuple[int, str, str]] = []
    open_type: str | None = None
    begin = 0
    for i, tag in enumerate(tags):
        prefix = tag[0]
        if prefix in "Oo":
            if open_type is not None:
                spans.append((open_type, begin, i))
                open_type = None
            continue
        kind = tag[2:]
        if prefix in "BSU":
            if open_type is not None:
                spans.append((open_type, begin, i))
            open_type, begin = kind, i
            if prefix != "B":
                spans.append((kind, i, i + 1))
                open_type = None
        elif kind == open_type:
            if prefix in "EL":
                spans.append((kind, begin, i + 1))
                open_type = None
        else:
            if open_type is not None:
                spans.append((open_type, begin, i))
                open_type = None
            if scheme == "iob1":
                open_type, begin = kind, i
            else:
                faults.append((i, "dropped", "inside tag without a begin tag"))
    if open_type is not None:
        spans.append((open_type, begin, len(tags)))
    return spans, faults


def join_tokens(
    tokens: Sequence[str], spans: Iterable[TagSpan], joiner: str = ""
) -> tuple[str, tuple[Entity, ...]]:
    """Return the text of tokens and the entities of end-exclusive token spans, in code points."""
    text = joiner.join(tokens)
    spans = list(spans)
    if not spans:
        return text, ()
    starts: Sequence[int] = range(len(tokens))
    if joiner or len(text) != len(tokens):
        starts, at = [], 0
        for token in tokens:
            starts.append(at)
            at += len(token) + len(joiner)
    entities = []
    for kind, first, end in spans:
        start, stop = starts[first], starts[end - 1] + len(tokens[end - 1])
        entities.append(Entity(kind, text[start:stop], start, stop))
    return text, tuple(entities)
