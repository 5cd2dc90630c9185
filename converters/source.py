"""Reading corpus files record by record: JSON lines or arrays, blocks of lines, single lines.

A record that cannot be read is counted and skipped. A file in which no record can be read is not of
the format at all: that raises, naming the first place, what was found and what was expected.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from pathlib import Path
from typing import Any, Generic, TypeVar

import msgspec

from chinchilla.converters.report import Place, Report
from chinchilla.errors import InputError
from chinchilla.files.jsonl import is_utf8, open_bytes, read_batches, read_lines

_T = TypeVar("_T")
_BOM = b"\xef\xbb\xbf"
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

    def fail(self, reason: str, line: int, what: str) -> None:
        """Count a bad record; raises once it is clear that the file is not of the format."""
        self.bad += 1
        if self.good == 0:
            self.first = self.first or f"{self.path}:{line}: {reason}: {what[:120]}"
            if self.bad >= _MAX_BAD_AT_START and _share is None:
                self.close()
        self.report.drop(reason, (self.path, line), what)

    def close(self) -> None:
        """Raise an InputError if the file held nothing of the format."""
        if _share is not None:
            _share.trials.append((self.path, self.good, self.bad, self.first, self.expected))
            return
        if self.good:
            return
        if self.bad:
            raise InputError(
                f"{self.first}; no record of the file could be read; expected {self.expected}"
            )
        raise InputError(f"{self.path}: is empty; expected {self.expected}")


@dataclass
class Share:
    """Which batches of lines this process reads: each `of`-th, beginning with `number`.

    `at` is the number of the batch being read; `trials` are the files read to their end, as
    `(path, good, bad, first fault, expected)`, to be judged when all shares are known.
    """

    number: int
    of: int
    at: int = -1
    trials: list[tuple[str, int, int, str, str]] = field(default_factory=list)
    _seen: int = 0

    def own(self, batches: Iterable[_T]) -> Iterator[_T]:
        """Yield the batches of this share; numbers go on from one file to the next."""
        for batch in batches:
            number = self._seen
            self._seen += 1
            if number % self.of == self.number:
                self.at = number
                yield batch


# Set once in a process that reads but a share of each file; see `parallel`.
_share: Share | None = None


def take_share(share: Share) -> None:
    """Let this process read only a share of the lines of each file of JSON lines."""
    global _share
    _share = share


def is_first_share() -> bool:
    """Say whether what concerns a file as a whole is for this process to report."""
    return _share is None or _share.number == 0


def _shared(batches: Iterable[_T]) -> Iterable[_T]:
    return batches if _share is None else _share.own(batches)


def read_objects(
    paths: Iterable[str | Path],
    report: Report,
    kind: type[_T],
    *,
    expected: str,
    encoding: str = "utf-8",
    once: Sequence[bytes] = (),
    check: Callable[[_T], object] | None = None,
) -> Iterator[tuple[Place, int, _T]]:
    """Yield `(place, ordinal, value)` of each record of JSON files, lines or one array.

    The ordinal is the line of JSON lines and the position from 1 in an array. `once` lists keys
    (with their quotes) that a record holds at most once: JSON parsers keep the last of two silently.
    With `report.check_keys` every key at every depth is looked at.
    `check` raises LookupError for a record that is not of the format.
    """
    objects = _Objects(kind, encoding, once, check, deeply=report.check_keys)
    for path in map(str, paths):
        trial = Trial(path, report, expected)
        if _is_array(path):
            for whole in _shared((path,)):
                yield from objects.one_by_one(_array(whole, encoding), trial)
        else:
            for first, lines in _shared(read_batches(path, _BATCH_BYTES)):
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
        encoding: str,
        once: Sequence[bytes],
        check: Callable[[_T], object] | None,
        *,
        deeply: bool,
    ) -> None:
        self.deeply = deeply
        self.decoder = msgspec.json.Decoder(kind)
        self.encoding = encoding
        self.is_plain = is_utf8(encoding)
        self.once = once
        self.check = check
        self.getters = [(key, _getter(kind, key.decode().split('"')[1])) for key in once]

    def all_at_once(self, lines: Sequence[bytes]) -> list[_T] | None:
        """Return the values of lines with a record each, or None if there is any doubt."""
        if not self.is_plain or self.deeply:
            return None
        data = b"".join(lines)
        try:
            values = self.decoder.decode_lines(data)
            if len(values) != len(lines):
                return None
            if self.check is not None:
                for value in values:
                    self.check(value)
        except (LookupError, msgspec.DecodeError, UnicodeDecodeError):
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
                value = self.decoder.decode(data if self.is_plain else data.decode(self.encoding))
                if self.check is not None:
                    self.check(value)
            except (LookupError, msgspec.DecodeError, UnicodeDecodeError) as error:
                # Blank lines come here too: asking each line whether it is one costs more.
                if data and not data.isspace():
                    reason, what = _fault(error, self.encoding, data)
                    trial.fail(reason, line, what)
                continue
            if self.deeply or (self.once and max(map(data.count, self.once)) > 1):
                twice = _repeated_key(data, self.encoding)
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
        return f"not {encoding.upper()}", f"at byte {error.start}; {_other_encoding(encoding)}"
    if isinstance(error, msgspec.DecodeError) and not isinstance(error, msgspec.ValidationError):
        return "not valid JSON", f"{error} in {data[:60].decode('utf-8', 'replace')!r}"
    return "malformed record", str(error)


def _is_array(path: str) -> bool:
    if path == "-":
        return False
    with open_bytes(path) as file:
        return file.read(64).removeprefix(_BOM).lstrip()[:1] == b"["


def _array(path: str, encoding: str) -> Iterator[tuple[int, int, bytes]]:
    with open_bytes(path) as file:
        data = file.read().removeprefix(_BOM)
    try:
        plain = data if is_utf8(encoding) else data.decode(encoding).encode()
        items = msgspec.json.decode(plain, type=list[msgspec.Raw])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        is_cut = isinstance(error, msgspec.DecodeError)
        hint = "the file may be cut short" if is_cut else _other_encoding(encoding)
        raise InputError(f"{path}: not a JSON array ({error}); {hint}") from None
    line, before, end = 1, 0, 0
    for ordinal, item in enumerate(items, 1):
        raw = bytes(item)
        at = plain.find(raw, end)
        line += plain.count(b"\n", before, at)
        before, end = at, at + len(raw)
        yield line, ordinal, raw if plain is data else raw.decode().encode(encoding)


def _repeated_key(data: bytes, encoding: str) -> str | None:
    found: list[str] = []

    def check(pairs: list[tuple[str, Any]]) -> None:
        names = [name for name, _ in pairs]
        found.extend(name for name in names if names.count(name) > 1)

    json.loads(data.decode(encoding), object_pairs_hook=check)
    return found[0] if found else None


def read_text_lines(
    path: str, report: Report, encoding: str = "utf-8"
) -> Iterator[tuple[int, str]]:
    """Yield `(line number, text)` of every line; undecodable bytes become U+FFFD and are counted.

    Raises:
        InputError: most lines are not of the encoding, or one is not and the report is strict.
    """
    for number, data in _lines_of(path, encoding):
        yield number, _decoded(data, encoding, report, (path, number))


def read_blocks(
    path: str, report: Report, encoding: str = "utf-8"
) -> Iterator[tuple[int, list[str]]]:
    """Yield `(first line number, lines)` of each run of lines between blank ones.

    A line of blanks alone ends a block too, but for the blank token of a column file (`"  O"`),
    which holds a tag. Undecodable bytes become U+FFFD and are counted.

    Raises:
        InputError: most lines are not of the encoding, or one is not and the report is strict.
    """
    block: list[bytes] = []
    first = 1
    for number, data in _lines_of(path, encoding):
        if data and not data.isspace():
            if not block:
                first = number
            block.append(data)
        elif block:
            yield first, _decoded(b"\n".join(block), encoding, report, (path, first)).split("\n")
            block = []
    if block:
        yield first, _decoded(b"\n".join(block), encoding, report, (path, first)).split("\n")


def _lines_of(path: str, encoding: str) -> Iterator[tuple[int, bytes]]:
    """Yield the lines of a file, once the first that are not plain ASCII fit the encoding.

    A file of another encoding is then refused before any of its damaged text goes out.
    """
    is_utf8(encoding)
    lines = read_lines(path)
    held: list[tuple[int, bytes]] = []
    number = judged = 0
    bad: list[tuple[int, int]] = []
    for number, data in lines:
        if held or not data.isascii():
            held.append((number, data))
        else:
            yield number, data
        if not data.isascii():
            judged += 1
            try:
                data.decode(encoding)
            except UnicodeDecodeError as error:
                bad.append((number, error.start))
        if judged == _LINES_JUDGED or len(held) == _LINES_HELD:
            break
    # A single bad line in a file of plain ASCII does not tell of another encoding.
    if 2 * len(bad) > judged and (len(bad) > 1 or number == 1):
        line, byte = bad[0]
        raise InputError(
            f"{path}:{line}: not {encoding.upper()} at byte {byte}, like {len(bad)} of the first "
            f"{judged} lines that are not plain ASCII; {_other_encoding(encoding)}"
        )
    yield from held
    yield from lines


def _other_encoding(encoding: str) -> str:
    return f"try --encoding {'gb18030' if is_utf8(encoding) else 'utf-8'}"


def _decoded(data: bytes, encoding: str, report: Report, place: Place) -> str:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        line = place[1] + data.count(b"\n", 0, error.start)
        reason, what = f"not {encoding.upper()}", f"byte {data[error.start]:#04x}"
        if report.strict:
            raise InputError(
                f"{place[0]}:{line}: {reason}: {what}; "
                "fix it, or leave out --strict to keep the line with U+FFFD in its place"
            ) from None
        report.note(reason, (place[0], line), what)
        return data.decode(encoding, "replace")


def first_line(path: str, encoding: str = "utf-8") -> str:
    """Return the first line that is not blank, to tell the forms of a format apart."""
    for _, data in read_lines(path):
        if data and not data.isspace():
            return data.decode(encoding, "replace")
    return ""
