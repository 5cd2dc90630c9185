"""YAML or JSON that a user wrote: its value, and on which line each part of it stands.

What would cost without bound is refused with a message: values nested deeply, and aliases that
repeat each other until a few lines say millions of things.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from ..errors import ChinchillaError, ConfigError

# A way into a value: keys of mappings and positions in lists.
Place = tuple[Any, ...]

MAX_DEPTH = 100
# Scalars, lists and mappings, those behind an alias counted wherever it stands.
MAX_NODES = 200_000
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
# Of valid JSON: a string, with the colon if it is a key, or where a list or object begins or ends.
_TOKEN = re.compile(r'("(?:[^"\\]|\\.)*")(\s*:)?|[{}\[\]]')
_HALF = re.compile("[\ud800-\udfff]")
_TOO_DEEP = f"nested more than {MAX_DEPTH} deep"


@dataclass
class Content:
    """What `where` says. `text` is what was written; `faults` are of overrides that failed."""

    where: str
    value: Any
    text: str = ""
    overrides: dict[Place, str] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    def place(self, path: Place) -> str:
        """Return where a part stands: the override that says it, or the file with its line."""
        for end in range(len(path), 0, -1):
            if path[:end] in self.overrides:
                return f"override {self.overrides[path[:end]]!r}"
        line = self._line(path)
        return f"{self.where}:{line}" if line else self.where

    def _line(self, path: Place) -> int | None:
        """Return the line (from 1) of a part or of the nearest thing around it."""
        node, line = self._root, None
        for step in path:
            if isinstance(node, yaml.MappingNode):
                found = [pair for pair in node.value if pair[0].value == str(step)]
                if not found:
                    break
                key, node = found[-1]
                line = key.start_mark.line + 1
            elif isinstance(node, yaml.SequenceNode) and step in range(len(node.value)):
                node = node.value[step]
                line = node.start_mark.line + 1
        return line

    @cached_property
    def _root(self) -> yaml.Node | None:
        try:
            # JSON is YAML, but for tabs.
            root: yaml.Node | None = yaml.compose(self.text.replace("\t", " "), _LOADER)
        except yaml.YAMLError:
            return None
        return root

    def override(self, assignments: Iterable[str]) -> "Content":
        """Set each `section.key=value`, the value read as YAML; what cannot be is a fault."""
        for assignment in assignments:
            name, equals, written = assignment.partition("=")
            path = tuple(name.strip().split("."))
            if not equals or not all(path):
                self.faults.append(f"override {assignment!r}: expected key=value, such as a.b=2")
                continue
            try:
                # Blanks alone are meant: they may be what joins words.
                value = parse_yaml(written, "").value if written.strip() else written
                self.value = _with(self.value, path, value)
            except ConfigError:
                self.faults.append(f"override {assignment!r}: the value is not valid YAML")
            except TypeError as error:
                self.faults.append(f"override {assignment!r}: {error}")
            else:
                self.overrides[path] = assignment
        return self


def _with(value: Any, path: Place, inner: Any) -> Any:
    """Return a copy of nested mappings with one value set."""
    if not path:
        return inner
    if value is not None and not isinstance(value, dict):
        raise TypeError(f"there are no keys in {value!r:.40}, so no {path[0]!r}")
    found = value or {}
    return {**found, path[0]: _with(found.get(path[0]), path[1:], inner)}


def read_content(
    path: str | Path, examples: str = "", kind: type[ChinchillaError] = ConfigError
) -> Content:
    """Return what a file says: JSON if it is named so, else YAML.

    `examples` is a folder that a missing file's error names.

    Raises:
        ChinchillaError: of this kind; the file is missing, cannot be read, is not valid, repeats a
            key, or is too deep or too large.
    """
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        hint = f"see {examples} for examples" if examples else "check the name"
        raise kind(f"{path}: no such file; {hint}") from None
    except UnicodeDecodeError as error:
        raise kind(f"{path}: not UTF-8 at byte {error.start}; save it as UTF-8") from None
    except OSError as error:
        raise kind(f"{path}: cannot be read ({error.strerror})") from None
    parse = parse_json if Path(path).suffix.lower() == ".json" else parse_yaml
    return parse(text, str(path), kind)


def parse_yaml(text: str, where: str, kind: type[ChinchillaError] = ConfigError) -> Content:
    """Return what a text says, which stands in the file `where`.

    Raises:
        ChinchillaError: of this kind; not valid YAML, a mapping repeats a key, or values are
            nested too deeply or too many.
    """
    try:
        _check_depth(text)
        loader = _LOADER(text)
        root = loader.get_single_node()
        _check_nodes(root)
        value = None if root is None else loader.construct_document(root)
    # ValueError: a day that there is not; RecursionError: an alias within itself.
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        detail = getattr(error, "problem", None) or error
        raise kind(f"{where}{line}: not valid YAML ({detail})") from None
    return Content(where, value, text)


def _check_depth(text: str) -> None:
    """Refuse deep nesting before the parser, which recurses in C, is lost in it."""
    depth = 0
    for event in yaml.parse(text, _LOADER):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > MAX_DEPTH:
            mark: Any = event.start_mark
            raise yaml.MarkedYAMLError(problem=_TOO_DEEP, problem_mark=mark)


def _check_nodes(root: yaml.Node | None) -> None:
    """Refuse a key that stands twice in a mapping, of which the loader would keep the last, and
    aliases that say too much.
    """
    waiting: list[tuple[Any, int]] = [] if root is None else [(root, 0)]
    seen, count = set(), 0
    while waiting:
        node, depth = waiting.pop()
        count += 1
        if depth > MAX_DEPTH or count > MAX_NODES:
            what = _TOO_DEEP if depth > MAX_DEPTH else f"its aliases make over {MAX_NODES:,} values"
            raise yaml.MarkedYAMLError(problem=what, problem_mark=node.start_mark)
        if isinstance(node, yaml.SequenceNode):
            waiting += [(item, depth + 1) for item in node.value]
        elif isinstance(node, yaml.MappingNode):
            waiting += [(value, depth + 1) for _, value in node.value]
            if id(node) not in seen:
                seen.add(id(node))
                _check_keys(node)


def _check_keys(node: yaml.MappingNode) -> None:
    names = set()
    for key, _ in node.value:
        name = (key.tag, str(key.value))
        if name in names:
            problem = f"the key {key.value!r} stands twice"
            raise yaml.MarkedYAMLError(problem=problem, problem_mark=key.start_mark)
        names.add(name)


def parse_json(text: str, where: str, kind: type[ChinchillaError] = ConfigError) -> Content:
    """Return what a text says, which stands in the file `where`.

    Raises:
        ChinchillaError: of this kind; not valid JSON, values nested too deeply, an object repeats a
            key, or a string holds half of a surrogate pair.
    """
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        detail = f"{error.msg} at column {error.colno}"
        raise kind(f"{where}:{error.lineno}: not valid JSON ({detail})") from None
    except RecursionError:
        raise kind(f"{where}: not valid JSON ({_TOO_DEEP})") from None
    opened: list[set[str]] = []
    for token in _TOKEN.finditer(text):
        detail = _flaw(token, opened)
        if detail:
            line = text.count("\n", 0, token.start()) + 1
            raise kind(f"{where}:{line}: not valid JSON ({detail})")
    return Content(where, value, text)


def _flaw(token: re.Match[str], opened: list[set[str]]) -> str:
    """Say what is wrong with a token, if anything; `opened` are the keys of what is open."""
    if token[0] in "{[":
        opened.append(set())
        return _TOO_DEEP if len(opened) > MAX_DEPTH else ""
    if token[0] in "}]":
        opened.pop()
        return ""
    text = json.loads(token[1])
    if _HALF.search(text):
        return f"half of a surrogate pair in {token[1]}"
    if token[2] and text in opened[-1]:
        return f"the key {text!r} stands twice"
    if token[2]:
        opened[-1].add(text)
    return ""
