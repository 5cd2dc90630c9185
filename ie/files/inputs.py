"""What `extract` reads: texts from files, folders, globs and standard input, as documents.

    .txt     one document a file, or one a line       .csv .tsv .xlsx  a named column
    .jsonl   `text`, optional `id`, or documents      .parquet   a named column
    .html    the main text of the page                .docx .pdf a document

All may end in `.gz` or `.zst`; case does not matter. A file with another ending is read as text,
except `.json`. Files that are no text are refused by name. Standard input is text or JSON Lines, if no
format is given. A blank text is a document; a blank line is none. If a row has a title, the document's
text is the title, a line end and the text, as in DuEE-fin. Offsets count in that text, and
`meta.title_end` is where the title ends.

`meta` says where a text stood: the `file`, and its `line`, its `row` (Parquet), or its `sheet` and
`cell` (Excel). The other columns of a row are there too. A row that has a `meta` of its own keeps it,
without the place; its own value of a key wins. `meta.segments` says which part of a text is what:
`[start, end, "paragraph", number]` or `[start, end, "table", number, row, column]` in Word,
`[start, end, "page", number, box]` for each line of a PDF; all numbers count from 1, and offsets are
those of the text. The formats themselves are read in `readers`.
"""

import glob
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from ..data.documents import Document
from ..errors import InputError, near_miss
from .binary import refuse_binary
from .compressed import ENDINGS as PACKED
from .encodings import AUTO
from .jsonl import open_bytes
from .names import tell_apart
from .readers.forms import ENDINGS, FORMS, check_installed, form_name, form_of
from .readers.plain import read_stdin
from .readers.source import Found, ReadOptions, Source, suffix_of

__all__ = ["INPUT_FORMATS", "ReadOptions", "find_inputs", "read_texts"]

# What `ReadOptions.form` may be.
INPUT_FORMATS = tuple(FORMS)


def find_inputs(
    names: Iterable[str], skipped: Counter[str] | None = None, form: str = ""
) -> list[str]:
    """Return the files that names, folders, globs and `-` stand for, in the order given.

    A folder stands for the known files below it, sorted; `skipped` counts the endings of others.
    `form` is the format of all, if it is given.

    Raises:
        InputError: a name matches nothing or ends in `.json`, or `-` is given twice.
        ModelError: the reader of a format is not installed.
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
            found += _matches(name)
    if found.count("-") > 1:
        raise InputError("-: standard input can be read only once; give - once")
    for name in found:
        if suffix_of(name) == ".json" and not form:
            raise InputError(
                f"{name}: ends in .json; rows are read from .jsonl, one JSON object a line: rename it "
                "if it is like that, else convert it, as by jq -c '.[]'"
            )
    check_installed(found, form)
    return found


def _matches(name: str) -> list[str]:
    """Return the files that a glob stands for, sorted."""
    path = Path(name)
    matches = sorted(m for m in glob.glob(name, recursive=True) if Path(m).is_file())
    if not matches:
        beside = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
        raise InputError(f"{name}: no such file or folder{near_miss(path.name, beside)}")
    return matches


def _known_below(folder: Path, skipped: Counter[str]) -> list[str]:
    files = [path for path in folder.rglob("*") if path.is_file() and not _is_hidden(path, folder)]
    known = sorted(str(path) for path in files if form_name(str(path)))
    if not known:
        endings = f"{', '.join(ENDINGS)} or these + {' or '.join(PACKED)}"
        raise InputError(f"{folder}: no file in it ends in {endings}")
    skipped.update(suffix_of(str(path)) for path in files if not form_name(str(path)))
    return known


def _is_hidden(path: Path, folder: Path) -> bool:
    """Return whether a file or a folder of it is one that editors, systems and Office keep."""
    parts = path.relative_to(folder).parts
    return any(part.startswith(".") for part in parts) or path.name.startswith("~$")


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
        source = Source(name, stems[name], options, told)
        for found in _to_the_end(_read_file(source), name):
            if isinstance(found, Document):
                yield found
            elif failed is None:
                raise found
            else:
                failed(found)


def _to_the_end(found: Iterator[Found], name: str) -> Iterator[Found]:
    """Yield what is found, and the error that ends it, if one does."""
    while True:
        one: Found
        try:
            one = next(found)
        except StopIteration:
            return
        except InputError as error:
            one = error
        except OSError as error:
            # The disk or the network behind the file failed while it was read.
            one = InputError(f"{name}: cannot be read ({error.strerror or error}); try again")
        yield one


def _read_file(source: Source) -> Iterator[Found]:
    form = form_of(source)
    is_plain = form.is_text and source.name != "-"
    if is_plain:
        with open_bytes(source.name) as file:
            beginning = file.read(512)
        refuse_binary(source.name, beginning, known=source.options.encoding != AUTO)
    read = form.read
    if source.name == "-" and not source.options.form and not source.options.lines:
        read = read_stdin
    is_empty = True
    for found in read(source):
        is_empty = False
        yield found
    if is_empty:
        source.tell("nothing", "holds no text")
