"""What `extract` reads: texts from files, folders, globs and standard input, as documents.

    .txt     one document a file, or one a line       .csv .tsv  a named column
    .jsonl   `text`, optional `id`, or documents      .parquet   a named column
    .html    the text of the page

All but Parquet may end in `.gz`; case does not matter. A file with another ending is read as text,
except `.json`. Files that are no text are refused by name. Standard input is text or JSON Lines. A
blank text is a document; a blank line is none. If a row has a title, the document's text is the
title, a line end and the text, as in DuEE-fin. Offsets count in that text, and `meta.title_end` is
where the title ends.

`meta` holds the file and the line of a text (in Parquet the row), and the other columns of its row.
A row that has a `meta` of its own keeps it, without file and line. Its own value of a key wins.
"""

import glob
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, zip_longest
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from ..data.documents import Document, Extraction
from ..data.text import with_title
from ..errors import ChinchillaError, InputError, near_miss
from .binary import refuse_binary
from .csv_rows import find_delimiter, read_rows
from .encodings import AUTO, UTF8, check_encoding, likely_encoding
from .jsonl import decode_line, open_bytes, open_utf8, parse_value, read_lines
from .markup import holds_markup, page_text
from .names import tell_apart

_KNOWN = (".txt", ".jsonl", ".ndjson", ".csv", ".tsv", ".parquet", ".html", ".htm")
# Names of the text that need not be given.
_TEXT_KEYS = ("sentence", "content", "正文", "内容", "文本", "句子")
# Key of the cells of a row of CSV that its header has no names for.
_UNNAMED = "unnamed"
_T = TypeVar("_T")
# A row's document, or what is wrong with the row.
_Found = Document | InputError


@dataclass(frozen=True)
class ReadOptions:
    """How texts are read: `lines` makes each line of a text a document of its own.

    `title` is the column of titles, where there is one; "" for none.

    Raises:
        InputError: no such encoding.
    """

    lines: bool = False
    column: str = "text"
    encoding: str = AUTO
    title: str = "title"

    def __post_init__(self) -> None:
        check_encoding(self.encoding)


def find_inputs(names: Iterable[str], skipped: Counter[str] | None = None) -> list[str]:
    """Return the files that names, folders, globs and `-` stand for, in the order given.

    A folder stands for the known files below it, sorted; `skipped` counts the endings of others.

    Raises:
        InputError: a name matches nothing or ends in `.json`, or `-` is given twice.
    """
    found: list[str] = []
    for name in names:
        path = Path(name)
        if name == "-" or path.is_file():
            found.append(name)
        elif path.exists() and not path.is_dir():
            raise InputError(f"{name}: is no file but a pipe or device; give - and < {name}")
        elif path.is_dir():
            found += _known_below(path, Counter() if skipped is None else skipped)
        else:
            matches = sorted(m for m in glob.glob(name, recursive=True) if Path(m).is_file())
            if not matches:
                beside = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
                raise InputError(f"{name}: no such file or folder{near_miss(path.name, beside)}")
            found += matches
    if found.count("-") > 1:
        raise InputError("-: standard input can be read only once; give - once")
    for name in found:
        if _kind(Path(name)) == ".json":
            raise InputError(
                f"{name}: ends in .json; rows are read from .jsonl, one JSON object a line: rename it "
                "if it is like that, else convert it, as by jq -c '.[]'"
            )
    return found


def _known_below(folder: Path, skipped: Counter[str]) -> list[str]:
    files = [path for path in folder.rglob("*") if path.is_file() and not _is_hidden(path, folder)]
    known = sorted(str(path) for path in files if _kind(path) in _KNOWN)
    if not known:
        raise InputError(f"{folder}: no file in it ends in {', '.join(_KNOWN)} or these + .gz")
    skipped.update(_kind(path) for path in files if _kind(path) not in _KNOWN)
    return known


def _is_hidden(path: Path, folder: Path) -> bool:
    """Return whether the file or a folder of it is one that editors and systems keep for themselves."""
    return any(part.startswith(".") for part in path.relative_to(folder).parts)


def read_texts(
    files: Iterable[str],
    options: ReadOptions,
    failed: Callable[[InputError], None] | None = None,
    told: Callable[[str], None] | None = None,
) -> Iterator[Document]:
    """Yield a document for each text, lazily; ids are those of the data, or file and line.

    A file stands in ids by its name without the ending; files of one name stand there by as much of
    the end of their paths as tells them apart.

    With `failed`, a row or file that cannot be read is left out, and what is wrong with it told to
    that; what a damaged file held before the damage is read. `told` gets how a file is read, where
    that is not plain: an encoding, a page, markup in a text.

    Raises:
        InputError: names file and line of what cannot be read.
    """
    names = list(files)
    stems = tell_apart(names)
    for name in names:
        source = _Source(name, stems[name], options, told)
        for found in _to_the_end(_read_file(source)):
            if isinstance(found, Document):
                yield found
            elif failed is None:
                raise found
            else:
                failed(found)


class _Source:
    """A file being read: its encoding once it is known, and what was told of it."""

    def __init__(
        self, name: str, stem: str, options: ReadOptions, told: Callable[[str], None] | None
    ) -> None:
        self.name = name
        self.stem = stem
        self.options = options
        self.encoding = options.encoding
        self._told = told
        self._said: set[str] = set()

    def tell(self, about: str, what: str) -> None:
        """Say something of the file once."""
        if self._told is not None and about not in self._said:
            self._said.add(about)
            self._told(f"{self.name}: {what}")

    def found(self, encoding: str) -> None:
        """Take note of the encoding."""
        self.encoding = encoding
        if self.options.encoding == AUTO and encoding != UTF8:
            self.tell("encoding", f"read as {encoding.upper()}; name another with --encoding")

    def checked(self, text: str) -> str:
        """Return a text, and say if it holds markup."""
        if markup := holds_markup(text):
            what = f"holds markup such as {markup!r}, which is read as text"
            self.tell("markup", f"{what}; a file named .html is read as a page")
        return text

    def lines(self) -> Iterator[tuple[int, bytes]]:
        """Yield the lines, in UTF-8, with their numbers."""
        return read_lines(self.name, self.options.encoding, self.found)


def _to_the_end(found: Iterator[_Found]) -> Iterator[_Found]:
    """Yield what is found, and the error that ends it, if one does."""
    while True:
        try:
            one = next(found)
        except StopIteration:
            return
        except InputError as error:
            one = error
        yield one


def _made(make: Callable[..., _T], *arguments: Any) -> _T | InputError:
    """Return what is made, or why it cannot be: after a bad row others may follow."""
    try:
        return make(*arguments)
    except InputError as error:
        return error


def _read_file(source: _Source) -> Iterator[_Found]:
    kind = _kind(Path(source.name))
    if kind != ".parquet" and source.name != "-":
        with open_bytes(source.name) as file:
            refuse_binary(source.name, file.read(512))
    if kind in (".jsonl", ".ndjson"):
        yield from _read_jsonl(source, source.lines())
    elif kind in (".csv", ".tsv"):
        yield from _read_csv(source)
    elif kind == ".parquet":
        yield from _read_parquet(source)
    elif source.name == "-" and not source.options.lines:
        yield from _read_stdin(source)
    elif source.options.lines:
        yield from _read_text_lines(source)
    else:
        yield from _read_text(source, is_page=kind in (".html", ".htm"))


def _kind(path: Path) -> str:
    suffixes = [suffix.lower() for suffix in path.suffixes[-2:]]
    if len(suffixes) == 2 and suffixes[1] == ".gz":
        return suffixes[0]
    return path.suffix.lower()


def _read_text(source: _Source, *, is_page: bool) -> Iterator[Document]:
    with open_utf8(source.name, source.options.encoding, source.found) as file:
        text = decode_line(file.read(), source.name, source.encoding)
    if is_page:
        text = page_text(text)
        source.tell("page", "read as a page; offsets count in its text, without the tags")
    elif _is_json(text.partition("\n")[0]):
        source.tell("json", "holds JSON, which is read as text; rows are read from .jsonl")
    yield Document(source.stem, source.checked(text), meta={"file": source.name})


def _is_json(line: str | bytes) -> bool:
    """Say whether a line is a JSON object, as each of JSON Lines is."""
    if line.strip()[:1] not in ("{", b"{"):
        return False
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def _read_stdin(source: _Source) -> Iterator[_Found]:
    """Read JSON Lines where the first line is a JSON object, else one text."""
    with open_utf8(source.name, source.options.encoding, source.found) as file:
        first = file.readline()
        if _is_json(first):
            source.tell("json", "read as JSON Lines")
            lines = enumerate(chain([first], file), 1)
            yield from _read_jsonl(source, ((n, line.rstrip(b"\r\n")) for n, line in lines))
            return
        content = first + file.read()
    refuse_binary(source.name, content[:512])
    if first.strip()[:1] in (b"{", b"[") and _is_value(content):
        raise InputError(
            "-: is JSON, but not one object a line; rows are read as JSON Lines: "
            "put jq -c '.[]' before it, or jq -c . for one object"
        )
    text = decode_line(content, source.name, source.encoding)
    yield Document(source.stem, source.checked(text), meta={"file": source.name})


def _is_value(content: bytes) -> bool:
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        return False
    return isinstance(value, dict) or any(isinstance(item, dict) for item in value)


def _read_text_lines(source: _Source) -> Iterator[_Found]:
    for number, line in source.lines():
        if found := _made(_from_line, line, number, source):
            yield found


def _from_line(line: bytes, number: int, source: _Source) -> Document | None:
    text = decode_line(line, f"{source.name}:{number}", source.encoding)
    if not text.strip():
        return None
    meta = {"file": source.name, "line": number}
    return Document(f"{source.stem}-{number}", source.checked(text), meta=meta)


def _read_jsonl(source: _Source, lines: Iterable[tuple[int, bytes]]) -> Iterator[_Found]:
    for number, line in lines:
        if line.strip():
            yield _made(_from_json, line, number, source)


def _from_json(line: bytes, number: int, source: _Source) -> Document:
    name, column = source.name, source.options.column
    value = parse_value(line, name, number, source.encoding)
    if isinstance(value, str):
        value = {column: value}
    if not isinstance(value, dict):
        raise InputError(f"{name}:{number}: expected an object, got {type(value).__name__}")
    key = next((key for key in (column, *_TEXT_KEYS) if key in value), column)
    if not isinstance(value.get(key), str):
        raise InputError(
            f"{name}:{number}: no text under {column!r} "
            f"(keys are {', '.join(value) or 'none'}); name the right one with --column"
        )
    return _from_row(value, key, source, {"file": name, "line": number})


def _from_row(row: dict[str, Any], key: str, source: _Source, place: dict[str, Any]) -> Document:
    """Return the document of a row with its text under `key`; `place` is its file and number."""
    name, number = place.values()
    title_key = source.options.title
    given, text = row.get("id"), source.checked(row[key])
    identifier = f"{source.stem}-{number}" if given in (None, "") else str(given)
    title = row.get(title_key) if title_key else None
    if not isinstance(title, str | None):
        raise InputError(
            f"{name}:{number}: {title_key!r} is {type(title).__name__}, expected a title as text; "
            "name another with --title-column, or '' for none"
        )
    meta = _meta(row, {key, "id", title_key, *Extraction.__struct_fields__}, place)
    if title is None or not title.strip():
        return Document(identifier, text, meta=meta)
    return Document(identifier, with_title(title, text), meta={**meta, "title_end": len(title)})


def _meta(row: dict[str, Any], used: set[str], place: dict[str, Any]) -> dict[str, Any]:
    rest = {key: item for key, item in row.items() if key not in used}
    if isinstance(row.get("meta"), dict):
        own = rest.pop("meta")
        return {**rest, **own}
    return {**place, **rest}


def _read_csv(source: _Source) -> Iterator[_Found]:
    name = source.name
    with open_utf8(name, source.options.encoding, source.found) as file:
        # What does not decode is told of its row alone.
        lines = (line.decode(errors="surrogateescape") for line in file)
        header = next(lines, "")
        mark = "\t" if _kind(Path(name)) == ".tsv" else find_delimiter(header)
        rows = read_rows(chain([header] if header else [], lines), mark)
        columns: list[str] = []
        for row in rows:
            if row.error:
                error = _not_csv(f"{name}:{row.first}", row.error)
                if not columns:
                    raise error
                yield error
            elif not columns:
                columns = [_plain(cell, row.first, source) for cell in row.cells]
                key = _text_column(columns, source)
            elif row.cells:
                place = {"file": name, "line": row.last}
                yield _made(_from_cells, row.cells, columns, key, source, place)


def _from_cells(
    cells: list[str], columns: list[str], key: str, source: _Source, place: dict[str, Any]
) -> Document:
    plain = [_plain(cell, place["line"], source) for cell in cells]
    row: dict[str, Any] = dict(zip_longest(columns, plain[: len(columns)]))
    if len(plain) > len(columns):
        row[_UNNAMED] = plain[len(columns) :]
    row[key] = row[key] or ""
    return _from_row(row, key, source, place)


def _plain(cell: str, line: int, source: _Source) -> str:
    if cell.isascii() or not any("\udc80" <= character <= "\udcff" for character in cell):
        return cell
    data = cell.encode(errors="surrogateescape")
    raise InputError(
        f"{source.name}:{line}: not {source.encoding.upper()}; "
        f"try --encoding {likely_encoding(data, source.encoding)}"
    )


def _text_column(columns: list[str], source: _Source) -> str:
    """Return the column of the text: the one named, or one that is usually called so."""
    column = source.options.column
    if column not in columns and column == ReadOptions.column:
        usual = next((key for key in _TEXT_KEYS if key in columns), None)
        if usual is not None:
            source.tell("column", f"column {usual!r} is read; name another with --column")
            return usual
    _check_column(source.name, column, columns)
    return column


def _not_csv(where: str, error: str) -> InputError:
    return InputError(
        f"{where}: not valid CSV ({error}); a cell that begins with a quotation mark must end with "
        'one, and "" stands for one inside'
    )


def _read_parquet(source: _Source) -> Iterator[_Found]:
    name = source.name
    try:
        import pyarrow.parquet as parquet
    except ImportError:
        raise ChinchillaError(
            f"{name}: reading Parquet needs pyarrow; run: pip install 'chinchilla-ie[train]'"
        ) from None
    import pyarrow

    try:
        file = parquet.ParquetFile(name)
    except (pyarrow.ArrowInvalid, OSError) as error:
        raise InputError(f"{name}: not a Parquet file ({error})") from None
    key = _text_column(file.schema_arrow.names, source)
    number = 0
    for batch in file.iter_batches(batch_size=1024):
        for row in batch.to_pylist():
            number += 1
            yield _made(_from_parquet, row, key, source, {"file": name, "row": number})


def _from_parquet(
    row: dict[str, Any], column: str, source: _Source, place: dict[str, Any]
) -> Document:
    text = row[column]
    if not isinstance(text, str | None):
        raise InputError(
            f"{place['file']}:{place['row']}: {column!r} is {type(text).__name__}, expected text; "
            "name the right one with --column"
        )
    # Dates, decimals and the like become what they are in JSON.
    plain = msgspec.to_builtins({**row, column: text or ""}, enc_hook=str)
    return _from_row(plain, column, source, place)


def _check_column(name: str, column: str, columns: list[str]) -> None:
    if column not in columns:
        raise InputError(
            f"{name}: no column {column!r}{near_miss(column, columns)}; "
            f"columns are {', '.join(columns) or 'none'}; name the right one with --column"
        )
