"""A JSON scanner that never gives up: any string in, a tree of what it holds out.

It reads what language models really write: fences and prose around the JSON, single or
full-width quotes, full-width brackets and commas, comments, unquoted keys and values, quotes
left unescaped inside a value, missing or trailing commas, and an end that is missing.
One pass, an explicit stack, bounded look-ahead: time and memory are linear in the length.
"""

import re
from dataclasses import dataclass, field
from typing import NamedTuple, cast

import msgspec

MAX_DEPTH = 64
_SKIP = re.compile(r"[\s,，、;；\\`]*")
_COLON = re.compile(r"[\s\\]*(?:[:：]|=>|=)[\s\\]*")
_START = re.compile(r"[{\[｛［【]")
_OBJECT_OPEN, _OBJECT_CLOSE = "{｛", "}｝"
_ARRAY_OPEN, _ARRAY_CLOSE = "[［【(（", "]］】)）"
# Opening quote -> the characters that may close it.
_QUOTES = {
    '"': '"”＂',
    "'": "'’",
    "“": '”"“',
    "”": '”"',
    "‘": "’'",
    "＂": '＂"',
    "「": "」",
    "『": "』",
}
_PLAIN = {opening: re.compile(rf"[^\\{closing}]*") for opening, closing in _QUOTES.items()}
_STRICT = re.compile(r'[^\\"]*')
_SPACE = re.compile(r"\s*")
# What may follow a closed value: a bracket, the end, or a comma with a plausible next thing.
_KEY = re.compile(
    r"\s{0,20}(?:[\"'“”‘’＂][^\"'“”‘’＂\n]{1,64}[\"'“”‘’＂]|[\w-]{1,32})\s{0,20}[:：]"
)
_ELEMENT = re.compile(
    r"\s*(?:[\"'“‘＂「{\[｛［【(（\]］】}｝\d-]|//|/\*|#|null|None|NaN|true|false|$)"
)
_BARE_KEY = re.compile(
    r"[^\s:：,，{}\[\]｛｝［］【】\"'“”][^:：,，{}\[\]｛｝［］【】\"“”\n]{0,63}(?=[:：])"
)
_BARE = re.compile(r"[^\s,，{}\[\]｛｝［］【】\"“”\n][^,，{}\[\]｛｝［］【】\"“”\n]*")
_ESCAPE = re.compile(
    r"\\(?:u([dD][89abAB]\w\w)\\u([dD][c-fC-F]\w\w)|u([0-9a-fA-F]{4})|(.)|$)", re.S
)
_OPENED_JSON = re.compile(r'[{\[]\s{0,20}"')
_ESCAPED_JSON = re.compile(r'[{\[]\s{0,20}(?:\\[nrt]\s{0,20}){0,4}\\"')
_PLAIN_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}
_PLAIN_ESCAPES.update((mark, mark) for mark in "\"\\/'`\n")
# What may stand between a value and the next key.
_BETWEEN = frozenset(" \t\r\n,，{}[]｛｝［］")
_NULLS = frozenset(("null", "none", "nan", "undefined", "nil"))


class JsonString(NamedTuple):
    """A string or number, with the `[start, end)` range of its characters in the source."""

    value: str
    start: int
    end: int


@dataclass(slots=True)
class Array:
    """A list; `closed` is False when the source ended inside it."""

    start: int
    values: "list[Node]" = field(default_factory=list)
    closed: bool = False


@dataclass(slots=True)
class Object:
    """Key-value pairs in order, repeats included; a value without a key has key None."""

    start: int
    pairs: "list[tuple[JsonString | None, Node]]" = field(default_factory=list)
    closed: bool = False
    key: JsonString | None = None


Node = JsonString | Array | Object | None


@dataclass(slots=True)
class Scan:
    """The top-level values, and where the source broke off (None: it did not)."""

    values: list[Node]
    cut: int | None = None


def scan(source: str) -> Scan:
    """Return every JSON-like array or object of a string, nested ones inside their parents."""
    strict = is_strict(source)
    escaped = None if strict else _ESCAPED_JSON.search(source)
    # Behind an unescaped opening, [\" is but the beginning of some value.
    if escaped is None or _OPENED_JSON.search(source, 0, escaped.start()) is not None:
        return _Scanner(source, strict).run()
    # The whole answer stands in a string, its quotes escaped.
    return scan_inside(source, 0)


def scan_inside(raw: str, offset: int) -> Scan:
    """Scan JSON written within a string, still escaped, that begins at `offset` of the source."""
    inner, origin = _unescape_with_origin(raw)
    scanned = _Scanner(inner, is_strict(inner)).run()
    origin.append(len(raw))
    values = [_moved(value, origin, offset) for value in scanned.values]
    cut = scanned.cut
    return Scan(values, None if cut is None else origin[min(cut, len(inner))] + offset)


def _moved(node: Node, origin: list[int], offset: int) -> Node:
    if isinstance(node, JsonString):
        return JsonString(node.value, origin[node.start] + offset, origin[node.end] + offset)
    if isinstance(node, Array):
        moved = [_moved(value, origin, offset) for value in node.values]
        return Array(origin[node.start] + offset, moved, node.closed)
    if isinstance(node, Object):
        pairs = [
            (cast(JsonString | None, _moved(key, origin, offset)), _moved(value, origin, offset))
            for key, value in node.pairs
        ]
        return Object(origin[node.start] + offset, pairs, node.closed)
    return None


def _unescape_with_origin(raw: str) -> tuple[str, list[int]]:
    """Resolve escapes once; the n-th character of the result comes from `origin[n]` of `raw`."""
    parts: list[str] = []
    origin: list[int] = []
    at = 0
    for match in _ESCAPE.finditer(raw):
        parts.append(raw[at : match.start()])
        origin.extend(range(at, match.start()))
        new = _unescaped(match)
        parts.append(new)
        origin.extend([match.start()] * len(new))
        at = match.end()
    parts.append(raw[at:])
    origin.extend(range(at, len(raw)))
    return "".join(parts), origin


def unescape(raw: str) -> str:
    """Resolve JSON escapes; an unknown or cut escape keeps its character."""
    return _ESCAPE.sub(_unescaped, raw) if "\\" in raw else raw


def _unescaped(match: re.Match[str]) -> str:
    high, low, code, character = match.groups()
    if high:
        try:
            return chr(0x10000 + ((int(high, 16) - 0xD800) << 10) + int(low, 16) - 0xDC00)
        except ValueError:
            return match.group()
    if code:
        value = int(code, 16)
        return "\ufffd" if 0xD800 <= value < 0xE000 else chr(value)
    # A backslash before anything else was meant as a backslash: C:\data.
    return _PLAIN_ESCAPES.get(character, "\\" + character) if character else ""


def is_strict(source: str) -> bool:
    """Say whether a string holds one well-formed JSON array or object, and around it only words."""
    # In well-formed JSON the first bare quote ends a string, whatever follows it.
    starts = _START.search(source)
    end = max(source.rfind("}"), source.rfind("]")) + 1
    if starts is None or end <= starts.start():
        return False
    try:
        msgspec.json.decode(
            source[starts.start() : end].encode("utf-8", "replace"), type=msgspec.Raw
        )
    except (msgspec.DecodeError, RecursionError):
        return False
    return True


class _Scanner:
    def __init__(self, source: str, strict: bool) -> None:
        self.source = source
        self.strict = strict
        self.values: list[Node] = []
        self.stack: list[Array | Object] = []
        self.top: Array | Object | None = None
        self.arrays = 0
        self.too_deep = 0
        self.cut: int | None = None

    def run(self) -> Scan:
        source, length, at = self.source, len(self.source), 0
        while at < length:
            if self.top is None:
                found = _START.search(source, at)
                if found is None:
                    break
                at = found.start()
            else:
                at = _SKIP.match(source, at).end()  # type: ignore[union-attr]
                if at >= length:
                    break
            at = self._step(source[at], at)
        if self.stack and self.cut is None:
            self.cut = length
        return Scan(self.values, self.cut)

    def _step(self, character: str, at: int) -> int:
        """Consume what stands at `at` and return where the next thing may stand."""
        if character in _QUOTES:
            return self._quoted(at)
        if character in _OBJECT_OPEN:
            return self._open(Object(at), at)
        if character in _ARRAY_OPEN:
            return self._open(Array(at), at)
        if character in _OBJECT_CLOSE:
            return self._close(Object, at)
        if character in _ARRAY_CLOSE:
            return self._close(Array, at)
        if character in "/#":
            return self._comment(at)
        return self._bare(at)

    def _add(self, node: Node) -> None:
        top = self.top
        if top is None:
            self.values.append(node)
        elif isinstance(top, Array):
            top.values.append(node)
        else:
            top.pairs.append((top.key, node))
            top.key = None

    def _open(self, node: Array | Object, at: int) -> int:
        if len(self.stack) >= MAX_DEPTH:
            self.too_deep += 1
            return at + 1
        self._add(node)
        self.stack.append(node)
        self.arrays += isinstance(node, Array)
        self.top = node
        return at + 1

    def _close(self, kind: type[Array] | type[Object], at: int) -> int:
        if self.too_deep:
            self.too_deep -= 1
            return at + 1
        waiting = self.arrays if kind is Array else len(self.stack) - self.arrays
        if not waiting:
            return at + 1
        while True:
            node = self.stack.pop()
            node.closed = True
            self.arrays -= isinstance(node, Array)
            if isinstance(node, kind):
                break
        self.top = self.stack[-1] if self.stack else None
        return at + 1

    def _quoted(self, at: int) -> int:
        start, end, following = self._string_range(at)
        if following is None:
            self.cut = start
            return len(self.source)
        text = JsonString(unescape(self.source[start:end]), start, end)
        return self._take(text, following)

    def _take(self, text: JsonString, at: int) -> int:
        top = self.top
        if isinstance(top, Object) and top.key is None:
            colon = _COLON.match(self.source, at)
            if colon:
                top.key = text
                return colon.end()
        self._add(text)
        return at

    def _string_range(self, at: int) -> tuple[int, int, int | None]:
        """Return start and end of the content and where to go on; None: it never ends."""
        source, length = self.source, len(self.source)
        opening = source[at]
        plain = _STRICT if self.strict and opening == '"' else _PLAIN[opening]
        top = self.top
        is_key = isinstance(top, Object) and top.key is None
        start = position = at + 1
        while True:
            position = plain.match(source, position).end()  # type: ignore[union-attr]
            if position >= length:
                return start, length, None
            if source[position] == "\\":
                position += 2
                continue
            if self.strict or self._closes(position, is_key):
                return start, position, position + 1
            overrun = None if is_key else self._overrun(start, position)
            if overrun is not None:
                return start, overrun, overrun
            position += 1

    def _closes(self, position: int, is_key: bool) -> bool:
        """Say whether the quote at `position` ends the string, judging by what follows."""
        source = self.source
        at = _SPACE.match(source, position + 1).end()  # type: ignore[union-attr]
        if at >= len(source):
            return True
        following = source[at]
        in_object = isinstance(self.top, Object)
        if is_key:
            return following in ":：=" or following in _OBJECT_CLOSE
        if following in _OBJECT_CLOSE or following in _ARRAY_CLOSE:
            return True
        if following in ",，;；、":
            after = _SPACE.match(source, at + 1).end()  # type: ignore[union-attr]
            if in_object:
                closing = after >= len(source) or source[after] in "}｝]］】{｛/#"
                return closing or _KEY.match(source, after) is not None
            return _ELEMENT.match(source, after) is not None
        if following in "/#":
            return True
        if in_object:
            return at > position + 1 and _KEY.match(source, at) is not None
        return at > position + 1 and following in "\"'“{｛"

    def _overrun(self, start: int, position: int) -> int | None:
        """Return where the value should have ended, if the quote at `position` opens a key."""
        if _KEY.match(self.source, position) is None:
            return None
        before = position
        while before > start and before > position - 32 and self.source[before - 1] in _BETWEEN:
            before -= 1
        between = self.source[before:position]
        return before if any(mark in between for mark in ",，{｛") else None

    def _comment(self, at: int) -> int:
        source = self.source
        if source.startswith("/*", at):
            end = source.find("*/", at + 2)
            return len(source) if end < 0 else end + 2
        if source.startswith("//", at) or source[at] == "#":
            end = source.find("\n", at)
            return len(source) if end < 0 else end
        return at + 1

    def _bare(self, at: int) -> int:
        top = self.top
        if isinstance(top, Object) and top.key is None:
            match = _BARE_KEY.match(self.source, at)
            if match:
                key = match.group().rstrip()
                return self._take(JsonString(key, at, at + len(key)), match.end())
        match = _BARE.match(self.source, at)
        if match is None:
            return at + 1
        word = match.group().rstrip()
        if match.end() == len(self.source):
            self.cut = at
            return match.end()
        if isinstance(top, Object) and top.key is None:
            return match.end()
        self._add(None if word.lower() in _NULLS else JsonString(word, at, at + len(word)))
        return match.end()
