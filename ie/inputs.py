"""What `extract` reads: texts from files, folders, globs and standard input, as documents.

    .txt     one document a file, or one a line       .csv      a named column
    .jsonl   `text`, optional `id`, or documents      .parquet  a named column

Each may end in `.gz`. A file with another ending is read as text. Where a row has a title too, the
document's text is the title, a line end and the text, as in DuEE-fin; offsets count in that, and
`meta.title_end` is where the title ends.
"""

import csv
import glob
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .data import Document
from .errors import ChinchillaError, InputError, near_miss
from .jsonl import decode_line, open_bytes, read_lines, read_values
from .text import with_title

_KNOWN = (".txt", ".jsonl", ".csv", ".parquet")
# Keys of the text in JSON Lines that need not be named.
_TEXT_KEYS = ("sentence", "content")


@dataclass(frozen=True)
class ReadOptions:
    """How texts are read: `lines` makes each line of a text a document of its own.

    `title` is the column of titles, where there is one; "" for none.
    """

    lines: bool = False
    column: str = "text"
    encoding: str = "utf-8"
    title: str = "title"


def find_inputs(names: Iterable[str]) -> list[str]:
    """Return the files that names, folders, globs and `-` stand for, in the order given.

    A folder stands for the known files below it, sorted.

    Raises:
        InputError: a name matches nothing.
    """
    found: list[str] = []
    for name in names:
        path = Path(name)
        if name == "-" or path.is_file():
            found.append(name)
        elif path.is_dir():
            inside = sorted(str(p) for p in path.rglob("*") if p.is_file() and _kind(p) in _KNOWN)
            if not inside:
                raise InputError(
                    f"{name}: no file in it ends in {', '.join(_KNOWN)} or these + .gz"
                )
            found += inside
        else:
            matches = sorted(m for m in glob.glob(name, recursive=True) if Path(m).is_file())
            if not matches:
                beside = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
                raise InputError(f"{name}: no such file or folder{near_miss(path.name, beside)}")
            found += matches
    return found


def read_texts(files: Iterable[str], options: ReadOptions) -> Iterator[Document]:
    """Yield a document for each text, lazily; ids are those of the data, or file and line.

    Raises:
        InputError: names file and line of what cannot be read.
    """
    for name in files:
        empty = True
        for document in _read_file(name, options):
            empty = False
            yield document
        if empty:
            raise InputError(f"{name}: is empty; expected text")


def _read_file(name: str, options: ReadOptions) -> Iterator[Document]:
    kind = _kind(Path(name))
    if kind == ".jsonl":
        yield from _read_jsonl(name, options)
    elif kind == ".csv":
        yield from _read_csv(name, options)
    elif kind == ".parquet":
        yield from _read_parquet(name, options)
    elif options.lines:
        yield from _read_text_lines(name, options)
    else:
        yield from _read_text(name, options)


def _kind(path: Path) -> str:
    suffixes = path.suffixes[-2:]
    return suffixes[0] if len(suffixes) == 2 and suffixes[1] == ".gz" else path.suffix


def _stem(name: str) -> str:
    if name == "-":
        return "stdin"
    return Path(name).name.removesuffix(".gz").rsplit(".", 1)[0]


def _read_text(name: str, options: ReadOptions) -> Iterator[Document]:
    with open_bytes(name) as file:
        content = file.read()
    text = decode_line(content.removeprefix(b"\xef\xbb\xbf"), name, options.encoding)
    if text.strip():
        yield Document(_stem(name), text, meta={"file": name})


def _read_text_lines(name: str, options: ReadOptions) -> Iterator[Document]:
    for number, line in read_lines(name):
        text = decode_line(line, f"{name}:{number}", options.encoding)
        if text.strip():
            yield Document(f"{_stem(name)}-{number}", text, meta={"file": name, "line": number})


def _read_jsonl(name: str, options: ReadOptions) -> Iterator[Document]:
    for number, value in read_values(name):
        where = f"{name}:{number}"
        if isinstance(value, str):
            value = {"text": value}
        if not isinstance(value, dict):
            raise InputError(f"{where}: expected an object, got {type(value).__name__}")
        keys = (options.column, *_TEXT_KEYS)
        text = next((value[key] for key in keys if key in value), None)
        if not isinstance(text, str):
            raise InputError(
                f"{where}: no text under {options.column!r} (keys are {', '.join(value) or 'none'}); "
                "name the right one with --column"
            )
        identifier = _identifier(value.get("id"), name, number)
        title = value.get(options.title)
        if not isinstance(title, str | None):
            raise InputError(
                f"{where}: {options.title!r} is {type(title).__name__}, expected a title as text; "
                "name another with --title-column, or '' for none"
            )
        yield _titled(identifier, title, text, _meta(value))


def _titled(identifier: str, title: Any, text: str, meta: dict[str, Any]) -> Document:
    if not isinstance(title, str) or not title.strip():
        return Document(identifier, text, meta=meta)
    return Document(identifier, with_title(title, text), meta={**meta, "title_end": len(title)})


def _meta(value: dict[str, Any]) -> dict[str, Any]:
    meta = value.get("meta")
    return meta if isinstance(meta, dict) else {}


def _identifier(given: Any, name: str, number: int) -> str:
    return f"{_stem(name)}-{number}" if given in (None, "") else str(given)


def _read_csv(name: str, options: ReadOptions) -> Iterator[Document]:
    with open_bytes(name) as raw:
        encoding = (
            "utf-8-sig" if options.encoding.lower() in ("utf-8", "utf8") else options.encoding
        )
        file = io.TextIOWrapper(raw, encoding=encoding, newline="")
        rows = csv.DictReader(file)
        try:
            columns = list(rows.fieldnames or ())
            _check_column(name, options.column, columns)
            for row in rows:
                text = row[options.column] or ""
                identifier = _identifier(row.get("id"), name, rows.line_num)
                document = _titled(identifier, row.get(options.title), text, {})
                if document.text.strip():
                    yield document
        except UnicodeDecodeError as error:
            raise InputError(
                f"{name}:{rows.line_num + 1}: not {options.encoding.upper()} ({error.reason}); "
                "if it is an older Chinese file try --encoding gb18030"
            ) from None
        except csv.Error as error:
            raise InputError(f"{name}:{rows.line_num}: not valid CSV ({error})") from None


def _read_parquet(name: str, options: ReadOptions) -> Iterator[Document]:
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
        rows = batch.to_pydict()
        nothing = [None] * batch.num_rows
        ids, titles = rows.get("id") or nothing, rows.get(options.title) or nothing
        for given, title, text in zip(ids, titles, rows[options.column], strict=True):
            number += 1
            said = text if isinstance(text, str) else ""
            document = _titled(_identifier(given, name, number), title, said, {})
            if document.text.strip():
                yield document


def _check_column(name: str, column: str, columns: list[str]) -> None:
    if column not in columns:
        raise InputError(
            f"{name}: no column {column!r}{near_miss(column, columns)}; "
            f"columns are {', '.join(columns) or 'none'}; name the right one with --column"
        )
