"""What `extract` reads: texts from files, folders, globs and standard input, as documents.

    .txt     one document a file, or one a line       .csv .tsv  a named column
    .jsonl   `text`, optional `id`, or documents      .parquet   a named column

Each but Parquet may end in `.gz`, and case is no matter. A file with another ending is read as
text, but for `.json`. A blank text is a document too; a blank line is none. Where a row has a title
too, the document's text is the title, a line end and the text, as in DuEE-fin; offsets count in
that, and `meta.title_end` is where the title ends.

`meta` holds the file and the line (of Parquet the row) of a text, and what else is in its row. The
`meta` that a row brings along stays without file and line; of two values of a key its own counts.
"""

import csv
import glob
import io
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from ..data.documents import Document, Extraction
from ..data.text import with_title
from ..errors import ChinchillaError, InputError, near_miss
from .jsonl import decode_line, is_utf8, open_bytes, parse_value, read_lines

_KNOWN = (".txt", ".jsonl", ".csv", ".tsv", ".parquet")
# Keys of the text in JSON Lines that need not be named.
_TEXT_KEYS = ("sentence", "content")
# Characters of a cell of CSV; the most that Python takes on every platform.
_MAX_CELL = (1 << 31) - 1
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
    encoding: str = "utf-8"
    title: str = "title"

    def __post_init__(self) -> None:
        is_utf8(self.encoding)


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
) -> Iterator[Document]:
    """Yield a document for each text, lazily; ids are those of the data, or file and line.

    A file stands in ids by its name without the ending; files of one name stand there by as much of
    the end of their paths as tells them apart.

    With `failed`, a row or file that cannot be read is left out, and what is wrong with it told to
    that; what a damaged file held before the damage is read.

    Raises:
        InputError: names file and line of what cannot be read.
    """
    names = list(files)
    stems = _stems(names)
    for name in names:
        for found in _to_the_end(_read_file(name, stems[name], options)):
            if isinstance(found, Document):
                yield found
            elif failed is None:
                raise found
            else:
                failed(found)


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


def _read_file(name: str, stem: str, options: ReadOptions) -> Iterator[_Found]:
    kind = _kind(Path(name))
    if kind == ".jsonl":
        yield from _read_jsonl(name, stem, options)
    elif kind in (".csv", ".tsv"):
        yield from _read_csv(name, stem, options)
    elif kind == ".parquet":
        yield from _read_parquet(name, stem, options)
    elif options.lines:
        yield from _read_text_lines(name, stem, options)
    else:
        yield from _read_text(name, stem, options)


def _kind(path: Path) -> str:
    suffixes = [suffix.lower() for suffix in path.suffixes[-2:]]
    if len(suffixes) == 2 and suffixes[1] == ".gz":
        return suffixes[0]
    return path.suffix.lower()


def _stem(name: str) -> str:
    if name == "-":
        return "stdin"
    path = Path(name)
    return (path.stem if path.suffix.lower() == ".gz" else path.name).rsplit(".", 1)[0]


def _stems(names: Iterable[str]) -> dict[str, str]:
    """Return what the ids of each file's documents begin with: its stem, if no other file has it.

    Else it is as much of the end of its path as tells it apart.
    """
    stems = {name: _stem(name) for name in names}
    parts = {name: Path(name).parts for name in stems}
    for depth in range(1, max(map(len, parts.values()), default=0) + 1):
        number = Counter(stems.values())
        alike = [name for name, stem in stems.items() if number[stem] > 1]
        stems.update((name, "/".join(parts[name][-depth:])) for name in alike)
    return stems


def _read_text(name: str, stem: str, options: ReadOptions) -> Iterator[Document]:
    with open_bytes(name) as file:
        content = file.read()
    text = decode_line(content.removeprefix(b"\xef\xbb\xbf"), name, options.encoding)
    yield Document(stem, text, meta={"file": name})


def _read_text_lines(name: str, stem: str, options: ReadOptions) -> Iterator[_Found]:
    for number, line in read_lines(name):
        if found := _made(_from_line, line, name, stem, number, options.encoding):
            yield found


def _from_line(line: bytes, name: str, stem: str, number: int, encoding: str) -> Document | None:
    text = decode_line(line, f"{name}:{number}", encoding)
    meta = {"file": name, "line": number}
    return Document(f"{stem}-{number}", text, meta=meta) if text.strip() else None


def _read_jsonl(name: str, stem: str, options: ReadOptions) -> Iterator[_Found]:
    for number, line in read_lines(name):
        if line.strip():
            yield _made(_from_json, line, name, stem, number, options)


def _from_json(line: bytes, name: str, stem: str, number: int, options: ReadOptions) -> Document:
    value = parse_value(line, name, number, options.encoding)
    if isinstance(value, str):
        value = {options.column: value}
    if not isinstance(value, dict):
        raise InputError(f"{name}:{number}: expected an object, got {type(value).__name__}")
    keys = (options.column, *_TEXT_KEYS)
    key = next((key for key in keys if key in value), options.column)
    if not isinstance(value.get(key), str):
        raise InputError(
            f"{name}:{number}: no text under {options.column!r} "
            f"(keys are {', '.join(value) or 'none'}); name the right one with --column"
        )
    return _from_row(value, key, stem, {"file": name, "line": number}, options.title)


def _from_row(
    row: dict[str, Any], key: str, stem: str, place: dict[str, Any], title_key: str
) -> Document:
    """Return the document of a row with its text under `key`; `place` is its file and number."""
    name, number = place.values()
    given, text = row.get("id"), row[key]
    identifier = f"{stem}-{number}" if given in (None, "") else str(given)
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


def _read_csv(name: str, stem: str, options: ReadOptions) -> Iterator[_Found]:
    csv.field_size_limit(_MAX_CELL)
    dialect = "excel-tab" if _kind(Path(name)) == ".tsv" else "excel"
    encoding = "utf-8-sig" if is_utf8(options.encoding) else options.encoding
    with open_bytes(name) as raw:
        file = io.TextIOWrapper(raw, encoding=encoding, newline="")
        # Strict: else a quote that is not closed takes all the rows behind it for one cell.
        rows = csv.DictReader(file, restkey=_UNNAMED, dialect=dialect, strict=True)
        try:
            if rows.fieldnames is None:
                return
            _check_column(name, options.column, list(rows.fieldnames))
            while True:
                begin = rows.line_num + 1
                try:
                    row = next(rows)
                except StopIteration:
                    return
                except csv.Error as error:
                    yield _not_csv(f"{name}:{begin}", error)
                    continue
                row[options.column] = row[options.column] or ""
                place = {"file": name, "line": rows.line_num}
                yield _made(_from_row, row, options.column, stem, place, options.title)
        except UnicodeDecodeError as error:
            raise InputError(
                f"{name}:{rows.line_num + 1}: not {options.encoding.upper()} ({error.reason}); "
                "if it is an older Chinese file try --encoding gb18030"
            ) from None
        except csv.Error as error:
            raise _not_csv(f"{name}:1", error) from None


def _not_csv(where: str, error: csv.Error) -> InputError:
    return InputError(
        f"{where}: not valid CSV ({error}); a cell that begins with a quotation mark must end with "
        'one, and "" stands for one inside'
    )


def _read_parquet(name: str, stem: str, options: ReadOptions) -> Iterator[_Found]:
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
    _check_column(name, options.column, file.schema_arrow.names)
    number = 0
    for batch in file.iter_batches(batch_size=1024):
        for row in batch.to_pylist():
            number += 1
            place = {"file": name, "row": number}
            yield _made(_from_parquet, row, options.column, stem, place, options.title)


def _from_parquet(
    row: dict[str, Any], column: str, stem: str, place: dict[str, Any], title_key: str
) -> Document:
    text = row[column]
    if not isinstance(text, str | None):
        raise InputError(
            f"{place['file']}:{place['row']}: {column!r} is {type(text).__name__}, expected text; "
            "name the right one with --column"
        )
    # Dates, decimals and the like become what they are in JSON.
    plain = msgspec.to_builtins({**row, column: text or ""}, enc_hook=str)
    return _from_row(plain, column, stem, place, title_key)


def _check_column(name: str, column: str, columns: list[str]) -> None:
    if column not in columns:
        raise InputError(
            f"{name}: no column {column!r}{near_miss(column, columns)}; "
            f"columns are {', '.join(columns) or 'none'}; name the right one with --column"
        )
