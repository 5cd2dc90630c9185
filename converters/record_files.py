"""Reading corpus files record by record: JSON lines or arrays, blocks of lines, single lines.

A record that cannot be read is counted and skipped. A file in which no record can be read is not of
the format at all: that raises, naming the first place, what was found and what was expected.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from operator import attrgetter
from pathlib import Path
from typing import Any, Generic, TypeVar

import msgspec

from chinchilla.converters.report import Place, Report
from chinchilla.errors import InputError
from chinchilla.files.encodings import AUTO, UTF8, likely_encoding
from chinchilla.files.jsonl import decode_line, open_utf8, read_batches, read_lines

_T = TypeVar("_T")
# So many bad records before any good one, and the file is called a wrong one without reading on.
_MAX_BAD_AT_START = 50
# Few enough that decoded records are still in the cache of the processor when they are read.
_BATCH_BYTES = 1 << 14
# The encoding of a text file is judged by so many of its lines that are not plain ASCII, among at
# most so many lines from the first such one on, which are held back until then.
_LINES_JUDGED = 50
_LINES_HELD = 1000


class Trial:
    """Watches one file: counts bad records, and raises if none is good."""

    def __init__(self, path: str, report: Report, expected: str) -> None:
        self.path = path
        self.report = report
        self.expected = expected
        self.good = 0
        self.bad = 0
        self.first = ""
        self.encoding = UTF8

    def reading(self, asked: str) -> Callable[[str], None]:
        """Return what takes note of the encoding found, and counts it if it was to be found."""

        def told(found: str) -> None:
            self.encoding = found
            if asked == AUTO and found != UTF8:
                what = Path(self.path).name
                self.report.note(f"file read as {found.upper()}", (self.path, 1), what)

        return told

    def fail(self, reason: str, line: int, what: str) -> None:
        """Count a bad record; raises once it is clear that the file is not of the format."""
        self.bad += 1
        if self.good == 0:
            self.first = self.first or f"{self.path}:{line}: {reason}: {what[:120]}"
            if self.bad >= _MAX_BAD_AT_START:
                self.close()
        self.report.drop(reason, (self.path, line), what)

    def close(self) -> None:
        """Raise an InputError if the file held nothing of the format."""
        if self.good:
            return
        if self.bad:
            raise InputError(
                f"{self.first}; no record of the file could be read; expected {self.expected}"
            )
        raise InputError(f"{self.path}: is empty; expected {self.expected}")


def read_objects(
    path: str,
    report: Report,
    kind: type[_T],
    *,
    expected: str,
    encoding: str = "auto",
    once: Sequence[bytes] = (),
    check: Callable[[_T], object] | None = None,
) -> Iterator[tuple[Place, int, _T]]:
    """Yield `(place, ordinal, value)` of each record of a JSON file, lines or one array.

    The ordinal is the line of JSON lines and the position from 1 in an array. `once` lists keys
    (with their quotes) that a record holds at most once: JSON parsers keep the last of two silently.
    With `report.check_keys` every key at every depth is looked at.
    `check` raises LookupError for a record that is not of the format.
    """
    objects = _Objects(kind, once, check, deeply=report.check_keys)
    trial = Trial(path, report, expected)
    if _is_whole(path, encoding):
        yield from objects.one_by_one(_whole(path, encoding, trial), trial)
    else:
        for first, lines in read_batches(path, _BATCH_BYTES, encoding, trial.reading(encoding)):
            values = objects.all_at_once(lines)
            if values is None:
                numbered = ((n, n, line.rstrip(b"\r\n")) for n, line in enumerate(lines, first))
                yield from objects.one_by_one(numbered, trial)
                continue
            trial.good += len(values)
            for number, value in enumerate(values, first):
                yield (path, number), number, value
    trial.close()


class _Objects(Generic[_T]):
    """Decodes records: many at once while nothing is amiss, else one by one to say what is."""

    def __init__(
        self,
        kind: type[_T],
        once: Sequence[bytes],
        check: Callable[[_T], object] | None,
        *,
        deeply: bool,
    ) -> None:
        self.deeply = deeply
        self.decoder = msgspec.json.Decoder(kind)
        self.once = once
        self.check = check
        self.getters = [(key, _getter(kind, key.decode().split('"')[1])) for key in once]

    def all_at_once(self, lines: Sequence[bytes]) -> list[_T] | None:
        """Return the values of lines with a record each, or None if there is any doubt."""
        if self.deeply:
            return None
        data = b"".join(lines)
        try:
            values = self.decoder.decode_lines(data)
            if len(values) != len(lines):
                return None
            if self.check is not None:
                for value in values:
                    self.check(value)
        except (LookupError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None
        for key, get in self.getters:
            # A line whose value is not empty holds the key: as many keys as such lines are one each.
            if get is not None and data.count(key) == sum(map(bool, map(get, values))):
                continue
            if any(line.count(key) > 1 for line in lines):
                return None
        return values

    def one_by_one(
        self, raw: Iterable[tuple[int, int, bytes]], trial: Trial
    ) -> Iterator[tuple[Place, int, _T]]:
        """Yield what can be read of `(line, ordinal, bytes)`, counting what cannot."""
        for line, ordinal, data in raw:
            try:
                value = self.decoder.decode(data)
                if self.check is not None:
                    self.check(value)
            except (LookupError, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
                # Blank lines come here too: asking each line whether it is one costs more.
                if data and not data.isspace():
                    reason, what = _fault(error, trial.encoding, data)
                    trial.fail(reason, line, what)
                continue
            if self.deeply or (self.once and max(map(data.count, self.once)) > 1):
                twice = _repeated_key(data)
                if twice:
                    trial.fail("duplicate key", line, repr(twice))
                    continue
            trial.good += 1
            yield (trial.path, line), ordinal, value


def _getter(kind: Any, key: str) -> Callable[[Any], Any] | None:
    """Return what gives the content of a key of a decoded record; None for a key deeper inside."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        names = {field.encode_name: field.name for field in msgspec.structs.fields(kind)}
        return attrgetter(names[key]) if key in names else None
    return lambda value: value.get(key)


def _fault(error: Exception, encoding: str, data: bytes) -> tuple[str, str]:
    """Return the reason and the details of a record that could not be read."""
    if isinstance(error, UnicodeDecodeError):
        return (
            f"not {encoding.upper()}",
            f"at byte {error.start}; {_other_encoding(data, encoding)}",
        )
    if isinstance(error, msgspec.DecodeError) and not isinstance(error, msgspec.ValidationError):
        return "not valid JSON", f"{error} in {data[:60].decode('utf-8', 'replace')!r}"
    if isinstance(error, RecursionError):
        return "nested too deeply", f"{data[:60].decode('utf-8', 'replace')!r}"
    return "malformed record", str(error)


def _is_whole(path: str, encoding: str) -> bool:
    """Say whether a file is one JSON value: an array, or an object written over several lines."""
    if path == "-":
        return False
    with open_utf8(path, encoding) as file:
        first = file.readline().strip()
        while first in (b"", b"{") and (line := file.readline()):
            if first == b"{":
                return True
            first = line.strip()
    return first[:1] == b"["


def _whole(path: str, encoding: str, trial: Trial) -> Iterator[tuple[int, int, bytes]]:
    with open_utf8(path, encoding, trial.reading(encoding)) as file:
        data = file.read()
    try:
        whole = msgspec.json.decode(data, type=list[msgspec.Raw] | dict[str, msgspec.Raw])
    except RecursionError:
        raise InputError(f"{path}: values are nested too deeply in one another") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        is_cut = isinstance(error, msgspec.DecodeError)
        hint = _other_encoding(data, trial.encoding)
        hint = "the file may be cut short" if is_cut else hint
        raise InputError(f"{path}: not a JSON array ({error}); {hint}") from None
    if isinstance(whole, dict):
        yield 1, 1, data
        return
    line, before, end = 1, 0, 0
    for ordinal, item in enumerate(whole, 1):
        raw = bytes(item)
        at = data.find(raw, end)
        line += data.count(b"\n", before, at)
        before, end = at, at + len(raw)
        yield line, ordinal, raw


def _repeated_key(data: bytes) -> str | None:
    found: list[str] = []

    def check(pairs: list[tuple[str, Any]]) -> None:
        counts = Counter(name for name, _ in pairs)
        found.extend(name for name, count in counts.items() if count > 1)

    try:
        json.loads(data, object_pairs_hook=check)
    except RecursionError:
        return None
    return found[0] if found else None


def read_text(path: str, report: Report, encoding: str = "auto") -> str:
    """Return the text of a file, its line ends as they are.

    Raises:
        InputError: it is not of the encoding.
    """
    trial = Trial(path, report, "a text")
    with open_utf8(path, encoding, trial.reading(encoding)) as file:
        return decode_line(file.read(), path, trial.encoding)


def read_text_lines(path: str, report: Report, encoding: str = "auto") -> Iterator[tuple[int, str]]:
    """Yield `(line number, text)` of every line; undecodable bytes become U+FFFD and are counted.

    Raises:
        InputError: most lines are not of the encoding, or one is not and the report is strict.
    """
    trial = Trial(path, report, "a text")
    for number, data in _lines_of(trial, encoding):
        yield number, _decoded(data, trial, number)


def read_blocks(
    path: str, report: Report, encoding: str = "auto"
) -> Iterator[tuple[int, list[str]]]:
    """Yield `(first line number, lines)` of each run of lines between blank ones.

    A line of blanks alone ends a block too, but for the blank token of a column file (`"  O"`),
    which holds a tag. Undecodable bytes become U+FFFD and are counted.

    Raises:
        InputError: most lines are not of the encoding, or one is not and the report is strict.
    """
    trial = Trial(path, report, "a text")
    block: list[bytes] = []
    first = 1
    for number, data in _lines_of(trial, encoding):
        if data and not data.isspace():
            if not block:
                first = number
            block.append(data)
        elif block:
            yield first, _decoded(b"\n".join(block), trial, first).split("\n")
            block = []
    if block:
        yield first, _decoded(b"\n".join(block), trial, first).split("\n")


def _lines_of(trial: Trial, encoding: str) -> Iterator[tuple[int, bytes]]:
    """Yield the lines of a file, once the first that are not plain ASCII fit the encoding.

    A file of another encoding is then refused before any of its damaged text goes out.
    """
    lines = read_lines(trial.path, encoding, trial.reading(encoding))
    held: list[tuple[int, bytes]] = []
    number = judged = 0
    bad: list[tuple[int, bytes]] = []
    for number, data in lines:
        if held or not data.isascii():
            held.append((number, data))
        else:
            yield number, data
        if not data.isascii():
            judged += 1
            if not _is_utf8(data):
                bad.append((number, data))
        if judged == _LINES_JUDGED or len(held) == _LINES_HELD:
            break
    # A single bad line in a file of plain ASCII does not tell of another encoding.
    if 2 * len(bad) > judged and (len(bad) > 1 or number == 1):
        line, data = bad[0]
        raise InputError(
            f"{trial.path}:{line}: not {trial.encoding.upper()}, like {len(bad)} of the first "
            f"{judged} lines that are not plain ASCII; {_other_encoding(data, trial.encoding)}"
        )
    yield from held
    yield from lines


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _other_encoding(data: bytes, encoding: str) -> str:
    return f"try --encoding {likely_encoding(data, encoding)}"


def _decoded(data: bytes, trial: Trial, number: int) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        line = number + data.count(b"\n", 0, error.start)
        reason = f"not {trial.encoding.upper()}"
        what = f"byte {data[error.start]:#04x}" if trial.encoding == UTF8 else "a byte"
        if trial.report.strict:
            raise InputError(
                f"{trial.path}:{line}: {reason}: {what}; "
                "fix it, or leave out --strict to keep the line with U+FFFD in its place"
            ) from None
        trial.report.note(reason, (trial.path, line), what)
        return data.decode(errors="replace")


def first_line(path: str, encoding: str = "auto") -> str:
    """Return the first line that is not blank, to tell the forms of a format apart."""
    for _, data in read_lines(path, encoding):
        if data and not data.isspace():
            return data.decode(errors="replace")
    return ""
