"""A file being read: how it is to be read, what was told of it, and the bounds of what is taken."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, TypeVar

from ...data.documents import Document
from ...errors import InputError
from ..compressed import ending_of
from ..encodings import AUTO, UTF8, check_encoding
from ..jsonl import open_bytes, open_utf8
from ..markup import holds_markup

# Bytes of one text, row or line; more is no text that somebody wrote.
MAX_TEXT = 64 << 20
# Bytes of a packed file that has to be unpacked as a whole.
MAX_WHOLE = 1 << 30
# A row's document, or what is wrong with the row.
Found = Document | InputError
_T = TypeVar("_T")


@dataclass(frozen=True)
class ReadOptions:
    """How texts are read: `lines` makes each line of a text a document of its own.

    `column` and `title` name columns of rows; `title` may be "" for none. `id_column` names the column of
    ids; "" is `id`, if there is one. `form` is the format of all inputs, whatever they are called, such
    as `csv`; "" goes by their names.

    Raises:
        InputError: no such encoding.
    """

    lines: bool = False
    column: str = "text"
    encoding: str = AUTO
    title: str = "title"
    id_column: str = ""
    form: str = ""

    def __post_init__(self) -> None:
        check_encoding(self.encoding)


class Source:
    """A file being read: its encoding once it is known, and what was told of it.

    `stem` is what the ids of its documents begin with.
    """

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

    def lines(self) -> Iterator[tuple[int, bytes | InputError]]:
        """Yield the lines, in UTF-8 and without their ends, with their numbers from 1.

        In the place of a line of more than `MAX_TEXT` bytes stands what is wrong with it.
        """
        with open_utf8(self.name, self.options.encoding, self.found) as file:
            for number, line in bounded_lines(file, self.name):
                yield number, line if isinstance(line, InputError) else line.rstrip(b"\r\n")

    def text(self) -> bytes:
        """Return the whole file in UTF-8.

        Raises:
            InputError: it is larger than `MAX_TEXT`.
        """
        with open_utf8(self.name, self.options.encoding, self.found) as file:
            return self.bounded(file)

    def bounded(self, file: IO[bytes], before: bytes = b"") -> bytes:
        """Return `before` and what is left of a file, if it is no longer than a text may be.

        Raises:
            InputError: it is.
        """
        content = before + file.read(MAX_TEXT + 1 - len(before))
        if len(content) > MAX_TEXT:
            raise InputError(
                f"{self.name}: a text of more than {MAX_TEXT >> 20} MB; cut it into documents, or give "
                "--lines if each line is one"
            )
        return content

    def file(self) -> Any:
        """Return what libraries open: the path of a plain file, else its content in memory.

        Raises:
            InputError: the file is empty, or larger than `MAX_WHOLE` once it is unpacked.
        """
        import io

        if self.name != "-" and not ending_of(self.name):
            with open_bytes(self.name) as file:
                if not file.read(1):
                    raise InputError(f"{self.name}: is empty (0 bytes); get it anew")
            return self.name
        with open_bytes(self.name) as file:
            content = file.read(MAX_WHOLE + 1)
        if len(content) > MAX_WHOLE:
            raise InputError(
                f"{self.name}: holds more than {MAX_WHOLE >> 20} MB; unpack it yourself if you trust it"
            )
        if not content:
            raise InputError(f"{self.name}: is empty (0 bytes); get it anew")
        return io.BytesIO(content)

    def damaged(self, what: str, error: Exception) -> InputError:
        """Return the error of a file that a library cannot read."""
        said = str(error).strip().split("\n")[0][:200]
        why = f"{type(error).__name__}: {said}" if said else type(error).__name__
        return InputError(
            f"{self.name}: not {what} that can be read ({why}); open and save it anew"
        )


def bounded_lines(file: IO[bytes], name: str) -> Iterator[tuple[int, bytes | InputError]]:
    """Yield the lines of a file with their ends, and their numbers; see `Source.lines`."""
    number = 0
    while line := file.readline(MAX_TEXT + 1):
        number += 1
        if len(line) <= MAX_TEXT:
            yield number, line
            continue
        size = len(line)
        while line and not line.endswith(b"\n"):
            line = file.readline(1 << 20)
            size += len(line)
        yield (
            number,
            InputError(
                f"{name}:{number}: a line of {size >> 20:,} MB; a text may have {MAX_TEXT >> 20} MB"
            ),
        )


def made(make: Callable[..., _T], *arguments: Any) -> _T | InputError:
    """Return what is made, or why it cannot be: after a bad row others may follow."""
    try:
        return make(*arguments)
    except InputError as error:
        return error


def suffix_of(name: str) -> str:
    """Return the ending of a file's name, without that of its packing, in lower case."""
    path = Path(name)
    return Path(path.stem).suffix.lower() if ending_of(path) else path.suffix.lower()
