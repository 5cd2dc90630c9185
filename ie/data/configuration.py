"""The one reader of configuration: what a user wrote into a dataclass or struct, all faults at once.

Types say what is allowed: names of fields, `tuple[str, ...]`, `int | None`, and within `Annotated`
the bounds of `msgspec.Meta` and the marks below. A fault names the file, the line, the dotted path,
what was found, what was expected and the near miss:

    run.yaml:7: adapter: unknown key 'rnk'; did you mean 'rank'?
    run.yaml:9: training.epochs: expected a number of at least 0, got 'many'
    override 'method=lroa': method: unknown value 'lroa'; did you mean 'lora'? use full, lora
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from msgspec import Meta
from msgspec import inspect as kinds

from ..errors import ChinchillaError, ConfigError, near_miss
from .yaml_file import Content, Place, read_content

T = TypeVar("T")

# A fault that the types cannot tell: where it is, as a path or dotted, and what is wrong.
Problem = tuple[Place | str, str]

# Marks of a field: a bare string may stand for the whole mapping; it is set by code alone.
STANDS_ALONE = {"stands alone": True}
NOT_WRITTEN = Meta(extra={"not written": True})

_FAILED: Any = object()
# YAML 1.1 reads 2e-4, written without a dot, as a string.
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+")
_OBJECTS = (kinds.DataclassType, kinds.StructType)
_LISTS = (kinds.VarTupleType, kinds.ListType)
_PLURALS = {"a string": "strings", "a number": "numbers", "a whole number": "whole numbers"}
_LONGEST = 60
# More faults than so many are counted, not told.
_MOST_TOLD = 50


def one_of(choices: Sequence[str]) -> Meta:
    """Return the mark of a string that is one of these."""
    return Meta(extra={"choices": tuple(choices)})


def read_configuration(
    path: str | Path,
    kind: type[T],
    *,
    overrides: Iterable[str] = (),
    examples: str = "",
    check: Callable[[T], Iterable[Problem]] | None = None,
) -> T:
    """Return what a YAML or JSON file says, `section.key=value` overrides laid over it.

    Raises:
        ConfigError: the file cannot be read, or a line for each fault; see `configure`.
    """
    content = read_content(path, examples).override(overrides)
    return configure(content, kind, check=check)


def configure(
    content: Content,
    kind: type[T],
    *,
    check: Callable[[T], Iterable[Problem]] | None = None,
    error: type[ChinchillaError] = ConfigError,
) -> T:
    """Return a value of a type made of what was written.

    `check` finds what types cannot tell. It is asked of a value in which a faulty part has its
    default, and not at all where a part is missing.

    Raises:
        ChinchillaError: of the kind `error`, a line for each fault.
    """
    reader = _Reader(content)
    result = reader.read(content.value, kinds.type_info(kind), ())
    if check and reader.is_whole and result is not _FAILED:
        for where, message in check(result):
            path = tuple(where.split(".")) if isinstance(where, str) else where
            if path not in reader.faulty:
                reader.tell(path, message)
    if content.faults or reader.lines:
        lines = [f"{content.where}: {fault}" for fault in content.faults] + reader.lines
        raise error("\n".join([*lines, *([f"and {reader.more} more"] if reader.more else [])]))
    return result  # type: ignore[no-any-return]


def configure_options(content: Content, types: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that were written, by name; `types` are those that may be.

    What is null is not written.

    Raises:
        ConfigError: a line for each fault.
    """
    if isinstance(content.value, dict):
        content.value = {key: item for key, item in content.value.items() if item is not None}
    fields = [(name, kind, None) for name, kind in types.items()]
    read = configure(content, msgspec.defstruct("Options", fields, kw_only=True))
    written = {str(key).replace("-", "_") for key in content.value or ()}
    return {name: getattr(read, name) for name in types if name in written}


class _Reader:
    """Builds values and gathers faults; `is_whole` until a part had to be left out."""

    def __init__(self, content: Content) -> None:
        self.content = content
        self.lines: list[str] = []
        self.more = 0
        self.faulty: set[Place] = set()
        self.is_whole = True

    def tell(self, path: Place, message: str, key: Any = None) -> Any:
        """Note a fault of the part at `path`, or of a key there; return `_FAILED`."""
        self.faulty.add(path)
        if len(self.lines) == _MOST_TOLD:
            self.more += 1
            return _FAILED
        named = _named(self.content.value, path)
        place = self.content.place(path if key is None else (*path, key))
        self.lines.append(f"{place}: {f'{named}: ' if named else ''}{message}")
        return _FAILED

    def read(self, value: Any, info: kinds.Type, path: Place) -> Any:
        """Return the value as its type wants it, or `_FAILED` with a problem told."""
        if isinstance(info, kinds.Metadata):
            choices = (info.extra or {}).get("choices")
            if choices and isinstance(value, str) and value not in choices:
                near = near_miss(value, choices) or ";"
                return self.tell(path, f"unknown value {value!r}{near} use {_listed(choices)}")
            if isinstance(info.type, kinds.StrType | kinds.IntType | kinds.FloatType):
                return self._scalar(value, info, path)
            return self.read(value, info.type, path)
        if isinstance(info, kinds.UnionType):
            return self._union(value, info, path)
        if isinstance(info, _OBJECTS):
            return self._object(value, info, path)
        if isinstance(info, _LISTS):
            return self._list(value, info, path)
        if isinstance(info, kinds.DictType):
            return self._mapping(value, info, path)
        return self._scalar(value, info, path)

    def _expected(self, value: Any, info: kinds.Type, path: Place) -> Any:
        quoted = "; write it in quotes" if _wants_quotes(value, info) else ""
        return self.tell(path, f"expected {in_words(info)}, got {_found(value)}{quoted}")

    def _scalar(self, value: Any, info: kinds.Type, path: Place) -> Any:
        bare = _bare(info)
        if (
            isinstance(bare, kinds.FloatType)
            and isinstance(value, str)
            and _NUMBER.fullmatch(value)
        ):
            value = float(value)
        if not _is_of(value, bare):
            return self._expected(value, info, path)
        return float(value) if isinstance(bare, kinds.FloatType) else value

    def _union(self, value: Any, info: kinds.UnionType, path: Place) -> Any:
        options = [option for option in info.types if not isinstance(option, kinds.NoneType)]
        if value is None and len(options) < len(info.types):
            return None
        # Its faults are told in the words of the one that has its shape.
        shaped = [option for option in options if _has_shape(value, _bare(option))]
        if not shaped:
            return self._expected(value, info, path)
        return self.read(value, shaped[0], path)

    def _list(self, value: Any, info: Any, path: Place) -> Any:
        if value is None:
            value = ()
        elif isinstance(value, str) and isinstance(info, kinds.VarTupleType):
            value = [value] if isinstance(_bare(info.item_type), kinds.StrType) else value
        if not isinstance(value, list | tuple | set | frozenset):
            return self._expected(value, info, path)
        items = [self.read(item, info.item_type, (*path, i)) for i, item in enumerate(value)]
        if any(item is _FAILED for item in items):
            self.is_whole &= not isinstance(_bare(info.item_type), _OBJECTS)
            return _FAILED
        return tuple(items) if isinstance(info, kinds.VarTupleType) else items

    def _mapping(self, value: Any, info: kinds.DictType, path: Place) -> Any:
        if value is None:
            value = {}
        if not isinstance(value, Mapping):
            return self._expected(value, info, path)
        result = {}
        for key, item in value.items():
            name = self.read(key, info.key_type, (*path, key))
            if name is _FAILED:
                self.is_whole = False
                continue
            built = self.read(item, info.value_type, (*path, key))
            if built is _FAILED:
                self.is_whole = False
            else:
                result[name] = built
        least = info.min_length or 0
        if len(value) < least:
            return self.tell(path, f"is empty; expected at least {least}")
        return result

    def _object(self, value: Any, info: Any, path: Place) -> Any:
        fields = {field.encode_name: field for field in info.fields if _is_written(field)}
        alone = [name for name, field in fields.items() if _extra(field.type, "stands alone")]
        if isinstance(value, str) and alone:
            value = {alone[0]: value}
        if value is None and not alone:
            value = {}
        if not isinstance(value, dict):
            return self._expected(value, info, path)
        given: dict[str, Any] = {}
        for key, item in value.items():
            name = key if key in fields else str(key).replace("-", "_")
            if name not in fields:
                near = near_miss(key, fields) if isinstance(key, str) else ""
                self.tell(
                    path, f"unknown key {key!r}{near or f'; keys are {_listed(fields)}'}", key
                )
            elif name in given:
                self.tell(path, f"the key {key!r} stands twice", key)
            else:
                given[name] = self.read(item, fields[name].type, (*path, key))
        lacking = [name for name, field in fields.items() if field.required and name not in given]
        for name in lacking:
            self.tell(path, f"{name!r} is missing")
        failed = [name for name, item in given.items() if item is _FAILED]
        if lacking or any(fields[name].required for name in failed):
            self.is_whole = False
            return _FAILED
        return info.cls(
            **{fields[k].name: item for k, item in given.items() if item is not _FAILED}
        )


def in_words(info: kinds.Type) -> str:
    """Return what a user calls a type."""
    if isinstance(info, kinds.Metadata):
        described = (info.extra_json_schema or {}).get("description")
        return str(described) if described else in_words(info.type)
    if isinstance(info, kinds.UnionType):
        return " or ".join(map(in_words, info.types))
    if isinstance(info, kinds.IntType | kinds.FloatType):
        return ("a whole number" if isinstance(info, kinds.IntType) else "a number") + _bounds(info)
    if isinstance(info, _LISTS):
        items = _PLURALS.get(in_words(info.item_type), "")
        return f"a list of {items}" if items else "a list"
    if isinstance(info, _OBJECTS):
        names = [field.encode_name for field in info.fields if _is_written(field)]
        alone = [f for f in info.fields if _extra(f.type, "stands alone")]
        return f"{f'a {alone[0].name} or ' if alone else ''}a mapping with {_listed(names)}"
    if isinstance(info, kinds.DictType):
        return "a mapping"
    words = {kinds.StrType: "a string", kinds.BoolType: "true or false", kinds.NoneType: "null"}
    return words.get(type(info), "another value")


def _bounds(info: Any) -> str:
    if info.ge is not None and info.lt is not None:
        return f" in [{info.ge}, {info.lt})"
    if info.ge is not None and info.le is not None:
        return f" from {info.ge} to {info.le}"
    if info.gt is not None:
        return f" above {info.gt}"
    return f" of at least {info.ge}" if info.ge is not None else ""


def _is_of(value: Any, info: Any) -> bool:
    """Say whether a scalar is of a type and within its bounds."""
    if isinstance(info, kinds.IntType | kinds.FloatType):
        number = int if isinstance(info, kinds.IntType) else (int, float)
        # A bool is an int to Python, and no comparison with "not a number" holds.
        return (
            isinstance(value, number)
            and not isinstance(value, bool)
            and (info.ge is None or value >= info.ge)
            and (info.gt is None or value > info.gt)
            and (info.le is None or value <= info.le)
            and (info.lt is None or value < info.lt)
        )
    if isinstance(info, kinds.StrType):
        return (
            isinstance(value, str)
            and len(value) >= (info.min_length or 0)
            and (info.pattern is None or bool(re.search(info.pattern, value)))
        )
    if isinstance(info, kinds.BoolType | kinds.NoneType):
        return isinstance(value, bool if isinstance(info, kinds.BoolType) else type(None))
    return True


def _has_shape(value: Any, info: Any) -> bool:
    """Say whether a value is a mapping, a list or a scalar as a type is."""
    if isinstance(info, kinds.DictType):
        return isinstance(value, Mapping)
    if isinstance(info, _OBJECTS):
        return isinstance(value, dict)
    if isinstance(info, _LISTS):
        return isinstance(value, list | tuple)
    if isinstance(info, kinds.IntType | kinds.FloatType):
        return isinstance(value, int | float) and not isinstance(value, bool)
    return _is_of(value, info)


def _bare(info: Any) -> Any:
    while isinstance(info, kinds.Metadata):
        info = info.type
    return info


def _extra(info: Any, mark: str) -> Any:
    return (info.extra or {}).get(mark) if isinstance(info, kinds.Metadata) else None


def _is_written(field: kinds.Field) -> bool:
    return not _extra(field.type, "not written")


def _wants_quotes(value: Any, info: Any) -> bool:
    """Say whether YAML has made something else of what should be a string."""
    is_string = isinstance(_bare(info), kinds.StrType)
    return is_string and value is not None and not isinstance(value, str | list | dict)


def _named(value: Any, path: Place) -> str:
    """Return a path as it is read aloud: `events[0] (裁员).roles`."""
    result = ""
    for step in path:
        try:
            value = value[step]
        except (LookupError, TypeError):
            value = None
        if isinstance(step, int):
            name = value.get("name") if isinstance(value, dict) else None
            result += f"[{step}]" + (f" ({name})" if isinstance(name, str) else "")
        else:
            result += f".{step}" if result else str(step)
    return result


def _found(value: Any) -> str:
    text = value.isoformat() if hasattr(value, "isoformat") else repr(value)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def _listed(names: Iterable[Any]) -> str:
    return ", ".join(map(str, names))
