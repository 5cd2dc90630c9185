"""Which encoding a file is in, and any encoding read as UTF-8.

`auto` obeys a byte-order mark, takes UTF-8 where the text is that (a damaged line or two aside), and
else asks charset-normalizer which of the encodings of East Asian text it is.
"""

import codecs
import io
from collections.abc import Callable
from functools import cache
from typing import IO, Any

from ..errors import InputError

AUTO = "auto"
UTF8 = "utf-8"
_MARKS = (
    (codecs.BOM_UTF8, UTF8),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# In the order of preference where the text is too short to tell.
_CHINESE = ("gb18030", "big5", "big5hkscs", "cp950")
_CANDIDATES = (*_CHINESE, "cp932", "cp949")
# Kana for a Han character in Japanese at least, and these for a syllable in Korean.
_OWN = 0.1
_KOREAN = "다는이을의에가를은"
_WIDE = ("utf-16-le", "utf-16-be")
# Mess, as charset-normalizer measures it from 0 to 1, that is no difference.
_SLACK = 0.03
_SAMPLE = 1 << 16
# One in so many characters may be damaged in a text of one line that is UTF-8 all the same.
_UNDAMAGED = 10
# Of a text in UTF-16 without a mark, the share of characters that are Latin, Chinese or Japanese.
_LIKELY = 0.9


@cache
def check_encoding(name: str) -> str:
    """Return the name of an encoding as Python has it, or `auto`.

    Raises:
        InputError: no such encoding.
    """
    if name == AUTO:
        return AUTO
    try:
        # Unlike looking it up, this also refuses codecs that are none of text, such as hex.
        "".encode(name)
    except LookupError:
        raise InputError(f"unknown encoding {name!r}; try utf-8 or gb18030") from None
    found = codecs.lookup(name).name
    return UTF8 if found == "utf-8-sig" else found


def recognise(sample: bytes) -> str | None:
    """Return the encoding of the beginning of a text, or None if it is none of those known."""
    for mark, name in _MARKS:
        if sample.startswith(mark):
            return name
    if b"\0" in sample:
        return next((name for name in _WIDE if _is_likely(sample, name)), None)
    if _is_utf8(sample):
        return UTF8
    from charset_normalizer import from_bytes

    matches = from_bytes(sample, cp_isolation=[*_CANDIDATES])
    found = {match.encoding: match.chaos for match in matches if _is_plausible(match)}
    least = min(found.values(), default=0) + _SLACK
    best = next((name for name in _CANDIDATES if found.get(name, 1) <= least), None)
    return best or next((name for name in _CHINESE if _decodes(sample, name)), None)


def _is_plausible(match: Any) -> bool:
    """Say whether a text read as Japanese holds kana, one read as Korean its commonest syllables.

    Chinese text of few characters reads as either without a fault.
    """
    text = str(match)
    if match.encoding == "cp932":
        han = sum("\u4e00" <= character <= "\u9fff" for character in text)
        return sum("\u3040" <= character <= "\u30ff" for character in text) > _OWN * han
    if match.encoding == "cp949":
        usual = sum(map(text.count, _KOREAN))
        return usual > _OWN * sum(not character.isascii() for character in text)
    return True


def _decodes(sample: bytes, encoding: str) -> bool:
    try:
        codecs.getincrementaldecoder(encoding)().decode(sample)
    except UnicodeDecodeError:
        return False
    return True


def likely_encoding(data: bytes, named: str) -> str:
    """Return the encoding to try for bytes that are not of the one named."""
    found = recognise(data)
    return found if found not in (None, named) else "gb18030" if named == UTF8 else UTF8


def as_utf8(file: IO[bytes], encoding: str, told: Callable[[str], None] | None = None) -> IO[bytes]:
    """Return a file that gives the content of another in UTF-8, without a byte-order mark.

    Bytes that are not of the encoding stay bytes that are not UTF-8. `told` gets the encoding's name.

    Raises:
        InputError: no such encoding.
    """
    name = check_encoding(encoding)
    if name == AUTO:
        name = recognise(_peek(file)) or UTF8
    if told is not None:
        told(name)
    if name != UTF8:
        return io.BufferedReader(_Transcoded(file, name), _SAMPLE)
    if _peek(file).startswith(codecs.BOM_UTF8):
        file.read(len(codecs.BOM_UTF8))
    return file


class _Transcoded(io.RawIOBase):
    """A file of another encoding, as UTF-8."""

    def __init__(self, file: IO[bytes], encoding: str) -> None:
        self._file = file
        self._decoder = codecs.getincrementaldecoder(encoding)("chinchilla-mark")
        self._left = b""
        self._is_first = True

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        while not self._left:
            data = self._file.read(_SAMPLE)
            text = self._decoder.decode(data, final=not data)
            if self._is_first and text:
                text, self._is_first = text.removeprefix("\ufeff"), False
            self._left = text.encode("utf-8", "surrogatepass")
            if not data:
                break
        count = min(len(buffer), len(self._left))
        buffer[:count], self._left = self._left[:count], self._left[count:]
        return count

    def close(self) -> None:
        self._file.close()
        super().close()


def _mark(error: UnicodeError) -> tuple[str, int]:
    """Put half a surrogate in the place of what does not decode: it is no UTF-8 either."""
    assert isinstance(error, UnicodeDecodeError)
    return "\udc80", error.end


codecs.register_error("chinchilla-mark", _mark)


def _peek(file: Any) -> bytes:
    if hasattr(file, "peek"):
        sample: bytes = file.peek(_SAMPLE)
        return sample
    at = file.tell()
    sample = file.read(_SAMPLE)
    file.seek(at)
    return sample


def _is_utf8(sample: bytes) -> bool:
    """Say whether a sample is UTF-8, but for a part of its lines."""
    decoder = codecs.getincrementaldecoder(UTF8)()
    try:
        decoder.decode(sample)
    except UnicodeDecodeError:
        lines = [line for line in sample.split(b"\n") if not line.isascii()]
        if len(lines) > 1:
            return 2 * sum(_is_damaged(line) for line in lines) <= len(lines)
        return not _is_damaged(lines[0])
    return True


def _is_damaged(line: bytes) -> bool:
    text = line.decode(UTF8, "replace")
    bad = text.count("\ufffd")
    return bad * _UNDAMAGED > sum(not character.isascii() for character in text) - bad


def _is_likely(sample: bytes, encoding: str) -> bool:
    """Say whether a sample in UTF-16 would be of usual characters."""
    text = sample[: len(sample) // 2 * 2].decode(encoding, "replace")
    usual = sum(
        "\t" <= c <= "\x7e" or "\u2010" <= c <= "\u9fff" or "\uff00" <= c <= "\uffef" for c in text
    )
    return usual >= _LIKELY * len(text) and b"\0\0" not in sample
