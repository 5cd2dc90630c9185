"""Read YAML or JSON that a user wrote, with errors that name the file and the line."""

import json
import re
from pathlib import Path
from typing import Any

import yaml

from ..errors import ChinchillaError, ConfigError

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
# Of valid JSON: a string, with the colon if it is a key, or where an object begins or ends.
_TOKEN = re.compile(r'("(?:[^"\\]|\\.)*")(\s*:)?|[{}]')
_HALF = re.compile("[\ud800-\udfff]")


def read_yaml(where: str | Path, examples: str = "") -> Any:
    """Return what the file holds; `examples` is a folder that a missing file's error names.

    Raises:
        ConfigError: the file is missing, cannot be read, is not valid YAML or repeats a key.
    """
    try:
        content = Path(where).read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        hint = f"see {examples} for examples" if examples else "check the name"
        raise ConfigError(f"{where}: no such file; {hint}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{where}: cannot be read ({error})") from None
    return parse_yaml(content, str(where))


def parse_yaml(content: str, where: str, kind: type[ChinchillaError] = ConfigError) -> Any:
    """Return what the content of the file `where` says.

    Raises:
        ChinchillaError: of this kind; not valid YAML, or a mapping repeats a key.
    """
    try:
        loader = _LOADER(content)
        root = loader.get_single_node()
        _check_keys(root)
        return None if root is None else loader.construct_document(root)
    except (yaml.YAMLError, ValueError) as error:  # ValueError: a day that there is not
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        detail = getattr(error, "problem", None) or error
        raise kind(f"{where}{line}: not valid YAML ({detail})") from None


def _check_keys(root: yaml.Node | None) -> None:
    """Refuse a key that stands twice in a mapping: the loader would keep the last unasked."""
    nodes, seen = [root], set()
    for node in nodes:  # which grows by their content
        if id(node) in seen:  # an alias
            continue
        seen.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            nodes += node.value
        elif isinstance(node, yaml.MappingNode):
            names = set()
            for key, value in node.value:
                nodes.append(value)
                name = (key.tag, str(key.value))
                if name in names:
                    raise yaml.MarkedYAMLError(
                        problem=f"the key {key.value!r} stands twice", problem_mark=key.start_mark
                    )
                names.add(name)


def parse_json(content: str, where: str, kind: type[ChinchillaError] = ConfigError) -> Any:
    """Return what the content of the file `where` says.

    Raises:
        ChinchillaError: of this kind; not valid JSON, an object repeats a key, or a string
            holds half of a surrogate pair.
    """
    try:
        value = json.loads(content)
    except json.JSONDecodeError as error:
        detail = f"{error.msg} at column {error.colno}"
        raise kind(f"{where}:{error.lineno}: not valid JSON ({detail})") from None
    opened: list[set[str]] = []
    for token in _TOKEN.finditer(content):
        detail = _flaw(token, opened)
        if detail:
            line = content.count("\n", 0, token.start()) + 1
            raise kind(f"{where}:{line}: not valid JSON ({detail})")
    return value


def _flaw(token: re.Match[str], opened: list[set[str]]) -> str:
    """Say what is wrong with a token, if anything; `opened` are the keys of the objects open."""
    if token[0] == "{":
        opened.append(set())
    elif token[0] == "}":
        opened.pop()
    else:
        text = json.loads(token[1])
        if _HALF.search(text):
            return f"half of a surrogate pair in {token[1]}"
        if token[2] and text in opened[-1]:
            return f"the key {text!r} stands twice"
        if token[2]:
            opened[-1].add(text)
    return ""
