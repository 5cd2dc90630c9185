"""The formats that are read: their endings, their readers, and what those need."""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from ...data.extras import require_extra
from ..compressed import ending_of
from .delimited import read_csv, read_tsv
from .json_lines import read_json_lines
from .page import read_page
from .parquet import read_parquet
from .pdf import read_pdf
from .plain import read_text, read_text_lines
from .source import Found, Source, suffix_of
from .word import read_word
from .workbook import read_workbook


class Form(NamedTuple):
    """A format: the endings of its files, its reader, and the packages that it needs.

    `is_text` tells whether its bytes are text of some encoding.
    """

    endings: tuple[str, ...]
    read: Callable[[Source], Iterator[Found]]
    packages: tuple[str, ...] = ()
    is_text: bool = True


FORMS = {
    "txt": Form((".txt",), read_text),
    "jsonl": Form((".jsonl", ".ndjson"), read_json_lines),
    "csv": Form((".csv",), read_csv),
    "tsv": Form((".tsv",), read_tsv),
    "parquet": Form((".parquet",), read_parquet, ("pyarrow",), is_text=False),
    "xlsx": Form((".xlsx", ".xlsm"), read_workbook, ("openpyxl",), is_text=False),
    "html": Form((".html", ".htm", ".xhtml"), read_page),
    "docx": Form((".docx",), read_word, ("docx",), is_text=False),
    "pdf": Form((".pdf",), read_pdf, ("pypdfium2",), is_text=False),
}
_BY_ENDING = {ending: name for name, form in FORMS.items() for ending in form.endings}
ENDINGS = tuple(_BY_ENDING)
_PACKED = {".zst": ("zstandard",)}


def form_name(name: str, given: str = "") -> str:
    """Return the name of the format of a file: the one given, or by its ending; "" of no known one."""
    return given or _BY_ENDING.get(suffix_of(name), "")


def form_of(source: Source) -> Form:
    """Return how a file is read; one of an unknown ending is text."""
    form = FORMS[form_name(source.name, source.options.form) or "txt"]
    if form.read is read_text and source.options.lines:
        return form._replace(read=read_text_lines)
    return form


def check_installed(names: Iterable[str], given: str = "") -> None:
    """Refuse files whose reader is not installed, before anything is read.

    Raises:
        ModelError: names the extra and the first such file.
    """
    seen: dict[tuple[str, str], str] = {}
    for name in names:
        seen.setdefault((form_name(name, given), ending_of(name)), name)
    for (form, ending), name in seen.items():
        packages = (*(FORMS[form].packages if form else ()), *_PACKED.get(ending, ()))
        if packages:
            require_extra(f"{name}: reading this", "files", packages)
