"""Column files: one token and its tag a line, a blank line between sentences.

    当	O
    京	B-LOC

The tag is the last column. Columns stand apart by tabs or by any number of blanks; rows of either are
read beside each other. `-DOCSTART-` and comments (`# text = …`) end or begin nothing but themselves.
Schemes are told by the tags: see `tags`. As the converter `columns` this reads any such corpus, by
options where it must be told something:

    chinchilla data convert columns my.txt --set scheme=iob1 --set joiner=" " --set source=mine
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice
from pathlib import Path

from chinchilla.converters.catalogue import document_meta
from chinchilla.converters.field_paths import as_names
from chinchilla.converters.record_files import Trial, read_blocks
from chinchilla.converters.report import Report
from chinchilla.converters.tags import (
    SCHEMES,
    TagSpan,
    decode_tags,
    find_scheme,
    from_brackets,
    is_outside,
    plain_tag,
    split_tag,
)
from chinchilla.data.documents import Document, Entity
from chinchilla.data.schema import builtin_schemas, read_schema
from chinchilla.errors import ConfigError

# So many sentences at the beginning tell how a file's rows are cut and tagged.
_JUDGED = 200
_BLANKS = re.compile(r"[ \t]+")
_COMMENT = "#"
_EDGES = " \t"
# A physical line and its content.
_Row = tuple[int, str]


@dataclass(frozen=True)
class Columns:
    """What a column file looks like.

    `separator` None: tabs or blanks, whichever the file's rows have. `joiner` goes between tokens:
    nothing in Chinese, a blank in English. `token` and `tag` are positions, from the end if negative.
    `bare_type` is the type of tags without one. `token_of` repairs a first column (Weibo), `tag_names`
    gives the tags of a file that holds numbers. `width` is that of a row and `usual` what parts most, found in the file.
    """

    scheme: str = "bio"
    separator: str | None = None
    joiner: str = ""
    skip: tuple[str, ...] = ("-DOCSTART-",)
    token: int = 0
    tag: int = -1
    bare_type: str = ""
    token_of: Callable[[str], str] | None = None
    tag_names: Mapping[str, str] | None = None
    width: int = 2
    usual: str = " "


def read(
    paths: Iterable[str | Path],
    report: Report,
    *,
    name: str = "columns",
    encoding: str = "auto",
    scheme: str = "auto",
    separator: str = "auto",
    joiner: str = "",
    token: int = 1,
    tag: int = -1,
    type: str = "",
    types: Mapping[str, str] | None = None,
    skip: str | Sequence[str] = ("-DOCSTART-",),
) -> Iterator[Document]:
    """Yield a document per sentence of any column file.

    `separator` is `auto`, `tab`, `space` or the mark itself. `token` and `tag` are columns from 1, or
    from the end with a minus. `type` is that of bare tags (B, I); its default is the source's name.
    `types` renames the tags' types. Without it the built-in schema called `name` does, if there is
    one. Lines that start with `skip`, or with one of several, are left out and end a sentence.
    """
    marks = {"auto": None, "tab": "\t", "space": " "}
    columns = Columns(
        scheme,
        marks.get(separator, separator),
        joiner,
        as_names(skip),
        token=token - (token > 0),
        tag=tag - (tag > 0),
        bare_type=type,
    )
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
    encoding: str = "auto",
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
    blocks = read_blocks(path, report, encoding)
    first = list(islice(blocks, _JUDGED))
    columns = _fitted(columns, [row for _, block in first for row in block], name)
    example = next(iter(types)) if types else "ORG"
    trial = Trial(path, report, f"a token, a blank or tab, and a tag such as B-{example}")
    _tell_scheme(columns, path, report)
    tags_of = _Tags(columns, types)
    meta = document_meta(name, path)
    stem = Path(path).stem
    ordinal = 0
    for line, block in chain(first, blocks):
        for rows in _sentences(list(enumerate(block, line)), columns, trial):
            ordinal += 1
            cells = _cells_of(rows, columns, trial)
            spans = None if cells is None else tags_of.spans(cells, rows, trial)
            if cells is None or spans is None:
                continue
            tokens = [token for token, _ in cells]
            if columns.token_of is not None:
                tokens = [columns.token_of(token) for token in tokens]
            trial.good += 1
            text, entities = join_tokens(tokens, spans, columns.joiner)
            yield Document(f"{name}-{stem}-{ordinal}", text, entities, meta=meta)
    trial.close()


def _fitted(columns: Columns, rows: list[str], name: str) -> Columns:
    """Return what columns look like in a file that begins with these rows."""
    rows = [row for row in rows if not row.startswith((*columns.skip, f"{_COMMENT} "))] or rows
    widths = Counter(len(_split(row, columns)) for row in rows)
    # Of equals the first, as later rows are the likelier to be damaged.
    width = max(widths, key=lambda width: widths[width], default=2)
    usual = columns.separator or ("\t" if 2 * sum("\t" in row for row in rows) > len(rows) else " ")
    bare_type = columns.bare_type or name
    columns = replace(columns, width=max(width, 2), usual=usual, bare_type=bare_type)
    if columns.scheme != "auto":
        return columns
    cells = (_cells(row, columns) for row in rows)
    return replace(columns, scheme=find_scheme(cell[1] for cell in cells if cell is not None))


def _tell_scheme(columns: Columns, path: str, report: Report) -> None:
    if columns.scheme == "io":
        what = "neighbours of one type are one mention"
        report.note("tags read as types alone", (path, 1), what)


def _sentences(rows: list[_Row], columns: Columns, trial: Trial) -> Iterator[list[_Row]]:
    """Yield the rows of each sentence of a block, without comments and lines to skip."""
    marks = [mark for mark in (*columns.skip, _COMMENT) if mark]
    if {mark[0] for mark in marks}.isdisjoint([row[0] for _, row in rows]):
        yield rows
        return
    kept: list[_Row] = []
    for line, row in rows:
        if row.startswith(columns.skip):
            if kept:
                yield kept
            kept = []
        elif row.startswith(_COMMENT) and not _is_row(row, columns):
            trial.report.note("comment left out", (trial.path, line), row)
        else:
            kept.append((line, row))
    if kept:
        yield kept


def _is_row(row: str, columns: Columns) -> bool:
    """Say whether a row that begins with # has that mark for a token."""
    cells = _cells(row, columns)
    return cells is not None and (is_outside(cells[1]) or split_tag(cells[1]) is not None)


def _split(row: str, columns: Columns) -> list[str]:
    """Return the columns of a row: as separated, or where that is not told by tabs, else blanks."""
    if columns.separator is not None:
        return row.split(columns.separator)
    if "\t" in row:
        return row.rstrip(" \t").split("\t")
    return _BLANKS.split(row.strip(" "))


def _cells(row: str, columns: Columns) -> tuple[str, str] | None:
    """Return token and tag of a row, or None if it is not of the file's width.

    A token of two columns may begin with blanks or be one ("  O"), as in video-music-book.
    """
    if columns.width == 2:
        separator = columns.separator or ("\t" if "\t" in row.rstrip(" \t") else " ")
        token, found, tag = row.rstrip(" \t").rpartition(separator)
        inner = token.strip(" \t")
        if found and token and not (separator in inner or (separator == " " and "\t" in inner)):
            return (token.rstrip(" \t") if inner else token), tag.strip(" ")
    cells = _split(row, columns)
    if len(cells) != columns.width and columns.separator is None:
        cells = _BLANKS.split(row.strip(" \t"))
    if len(cells) != columns.width or not -len(cells) <= columns.token < len(cells):
        return None
    token, tag = cells[columns.token], cells[columns.tag].strip(" ")
    return (token, tag) if token and tag else None


def _cells_of(rows: list[_Row], columns: Columns, trial: Trial) -> list[tuple[str, str]] | None:
    """Return token and tag of each row, or None after counting one that is not of the width.

    In video-music-book a few rows hold no token at all: those are passed over and counted.
    """
    found: list[tuple[str, str]] = []
    usual, is_narrow = columns.usual, columns.width == 2
    for line, row in rows:
        token, _, tag = row.rpartition(usual)
        # Nearly every row of Chinese: a character, the separator, a tag.
        if is_narrow and len(token) == 1 and token > " " and tag.strip(_EDGES) == tag != "":
            found.append((token, tag))
            continue
        cells = _cells(row, columns)
        if cells is not None:
            found.append(cells)
        elif columns.width == 2 and row[:1].isspace() and is_outside(row.strip()):
            trial.report.note("row without a token", (trial.path, line), repr(row))
        else:
            what = f"{row!r} in a file of {columns.width} columns"
            trial.fail("wrong column count", line, what)
            return None
    return found


class _Tags(dict[str, str | None]):
    """What each tag of a file says, found once: see `plain_tag`; None is no tag of the file."""

    def __init__(self, columns: Columns, types: Mapping[str, str] | None) -> None:
        super().__init__()
        self._scheme = columns.scheme
        self._names = columns.tag_names or {}
        self._types = types
        bare = columns.bare_type
        if types is not None and bare not in types and len(set(types.values())) == 1:
            bare = next(iter(types))
        self._plain = plain_tag(columns.scheme, bare)

    def spans(
        self, cells: list[tuple[str, str]], rows: list[_Row], trial: Trial
    ) -> list[TagSpan] | None:
        """Return the spans of a sentence, or None after counting a tag that is none."""
        given = [tag for _, tag in cells]
        if all(tag == "O" for tag in given):
            return []
        if self._scheme == "brackets":
            given = from_brackets(given)
        tags = []
        for i, tag in enumerate(given):
            plain = self[tag]
            if plain is None:
                known = f"; types are {', '.join(self._types)}" if self._types else ""
                trial.fail("bad tag", rows[i][0], f"{tag!r}{known}{self._hint(tag)}")
                return None
            tags.append(plain)
        spans, faults = decode_tags(tags, "iob1" if self._scheme == "io" else self._scheme)
        for i, outcome, reason in faults:
            place = (trial.path, rows[i][0])
            if outcome == "dropped":
                before = given[i - 1] if i else "(start)"
                trial.report.drop(reason, place, f"{given[i]!r} after {before!r}")
            else:
                trial.report.note(reason, place, f"{given[i]!r}")
        if self._types is None:
            return spans
        return [(self._types[kind], start, end) for kind, start, end in spans]

    def __missing__(self, tag: str) -> str | None:
        plain = self._plain(self._names.get(tag, tag))
        if plain not in (None, "O") and self._types is not None and plain[2:] not in self._types:
            plain = None
        self[tag] = plain
        return plain

    def _hint(self, tag: str) -> str:
        is_io = split_tag(tag) is None and self._scheme != "io"
        return "; if tags are types alone, pass --set scheme=io" if is_io else ""


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
