"""The answers to one question as a grammar: labels of the schema, mentions of the text.

The grammar is in llguidance's dialect of Lark, which llama.cpp, vLLM and SGLang read too. A mention
is a substring of the text, written as the form escapes it, without blanks at its ends.
"""

import json
from collections.abc import Callable, Sequence
from itertools import groupby

import msgspec

from ...data.schema import EventType, RelationType, Schema, SchemaType
from ...decoding.formats import EMPTY, JSON_KEYS, label_text

JSON_ESCAPES = {
    **{chr(code): f"\\u{code:04x}" for code in range(32)},
    **{'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\b": "\\b", "\f": "\\f"},
}
COMPACT_ESCAPES = {"\\": "\\\\", "⟦": "\\⟦", "⟧": "\\⟧", "\n": "\\n", "\r": "\\r"}
# Not within a mention: nothing, a blank at an end (one that is written escaped, too), the mark that
# ends a thought.
_BLANK = r"(?:\s|\\[nrtbf]|\\u00[01][0-9a-f])"
_NO_MENTION = rf"/(?s:{_BLANK}.*|.*{_BLANK}|.*<\/think>.*)?/"
_HALVES = frozenset(map(chr, range(0xD800, 0xE000)))
_HEADS = {"ner": "text", "re": "subject", "ee": "trigger"}


def answer_grammar(
    schema: Schema,
    task: str,
    text: str,
    form: str = "json",
    *,
    can_write: Callable[[str], bool] = lambda _: True,
) -> str:
    """Return the grammar of the answers in a form, `json` or `compact`.

    Mentions stop short of characters that cannot be written; labels must be writable.
    """
    escapes = JSON_ESCAPES if form == "json" else COMPACT_ESCAPES
    parts = _parts(text, escapes, can_write)
    if form == "json":
        rules = _json(schema, task, bool(parts), can_write(" "))
    else:
        rules = _compact(schema, task, bool(parts))
    if parts:
        chunks = (json.dumps({"substring_chunks": part}, ensure_ascii=False) for part in parts)
        names = [f"PART{i}: %regex {chunk}" for i, chunk in enumerate(chunks)]
        either = " | ".join(f"PART{i}" for i in range(len(parts)))
        rules += [f"MENTION: ( {either} ) & ~{_NO_MENTION}", *names]
    return "\n".join(rules)


def _parts(text: str, escapes: dict[str, str], can_write: Callable[[str], bool]) -> list[list[str]]:
    """Return the stretches of a text that can be written and hold a mention, by character."""
    written = [escapes.get(c, c) for c in text]
    pairs = zip(written, text, strict=True)
    stretches = (
        list(part)
        # Half of a surrogate pair cannot be written by anyone.
        for fits, part in groupby(
            pairs, lambda p: p[1] not in _HALVES and all(map(can_write, p[0]))
        )
        if fits
    )
    return [[w for w, _ in part] for part in stretches if any(not c.isspace() for _, c in part)]


def _json(schema: Schema, task: str, has_mentions: bool, may_space: bool) -> list[str]:
    """Return the rules of JSON, minified as `encode` writes it or with blanks after : and ,."""
    rules, starts = [], []
    for name, comma, colon in (("tight", ",", ":"), ("spaced", ", ", ": "))[: 1 + may_space]:
        writer = _Json(schema, task, comma, colon, has_mentions)
        opened, items = _literal(f"{{{_quoted(JSON_KEYS[task])}{colon}["), writer.items()
        if items:
            rules.append(f"{name}: {_either(items)}")
            starts.append(f"{opened} {_listed(name, comma)} {_literal(']}')}")
        else:
            starts.append(f"{opened} {_literal(']}')}")
    return [f"start: {_either(starts)}", *rules]


class _Json:
    """The items of a list, with one way of spacing."""

    def __init__(
        self, schema: Schema, task: str, comma: str, colon: str, has_mentions: bool
    ) -> None:
        self.schema, self.task = schema, task
        self.comma, self.colon = comma, colon
        self.has_mentions = has_mentions

    def items(self) -> list[str]:
        types = self.schema.types(self.task)
        return [item for kind in types for item in self._item(kind)]

    def _item(self, kind: SchemaType) -> list[str]:
        start = self._key("type", "{") + _quoted(kind.label) + self._key(_HEADS[self.task])
        ends = '"}"'
        if isinstance(kind, EventType):
            ends = (
                f"{_literal(self._key('arguments') + '[')} {self._arguments(kind)} {_literal(']}')}"
            )
            if not kind.trigger:
                return [f"{_literal(start + 'null')} {ends}"]
        elif isinstance(kind, RelationType):
            ends = f"{_literal(self._key('object'))} {_MENTION} {self._qualifiers(kind)}"
        return [f"{_literal(start)} {_MENTION} {ends}"] if self.has_mentions else []

    def _qualifiers(self, kind: RelationType) -> str:
        if not kind.qualifiers:
            return '"}"'
        names = [f"{_literal(_quoted(name) + self.colon)} {_MENTION}" for name in kind.qualifiers]
        opened = _literal(self._key("qualifiers") + "{")
        return f'( "}}" | {opened} {_each_once(names, self.comma)} "}}}}" )'

    def _arguments(self, kind: EventType) -> str:
        options = []
        for role in kind.roles:
            start = self._key("role", "{") + _quoted(role.name) + self._key("text")
            if role.values:
                options.append(
                    f"{_literal(start)} {_either(map(_literal, map(_quoted, role.values)))}"
                )
            elif self.has_mentions:
                options.append(f"{_literal(start)} {_MENTION}")
        return _listed(f"( {_either(options)} {_literal('}')} )", self.comma) if options else ""

    def _key(self, key: str, before: str | None = None) -> str:
        return f"{self.comma if before is None else before}{_quoted(key)}{self.colon}"


def _compact(schema: Schema, task: str, has_mentions: bool) -> list[str]:
    items = []
    for kind in schema.types(task):
        label = _literal(label_text(kind.label))
        is_headless = isinstance(kind, EventType) and not kind.trigger
        if not (has_mentions or is_headless):
            continue
        line = label if is_headless else f"MENTION {label}"
        if isinstance(kind, RelationType):
            names = [f"MENTION {_literal(label_text(name))}" for name in kind.qualifiers]
            line += f" MENTION {_literal(EMPTY)}"
            line += f" ( {_each_once(names, '')} )?" if names else ""
        elif isinstance(kind, EventType):
            options = [f"MENTION {_literal(label_text(r.name))}" for r in kind.roles
                       if has_mentions and not r.values]  # fmt: skip
            options += [f"{_literal(_escaped(value))} {_literal(label_text(role.name))}"
                        for role in kind.roles for value in role.values]  # fmt: skip
            line += f" ( {_either(options)} )*" if options else ""
        items.append(line)
    if not items:
        return [f"start: {_literal(EMPTY)}"]
    between = "" if task == "ner" else _literal("\n")
    return [f"start: {_literal(EMPTY)} | item ( {between} item )*", f"item: {_either(items)}"]


def _each_once(options: Sequence[str], comma: str) -> str:
    """Return some of the options, at least one, each at most once and in any order.

    Of more than three, whose orders would be too many, in the order given.
    """
    between = f"{_literal(comma)} " if comma else ""
    if len(options) == 1:
        return options[0]
    if len(options) > 3:
        rest = " ".join(f"( {between}{option} )?" for option in options[1:])
        return f"( {options[0]} {rest} | {_each_once(options[1:], comma)} )"
    ways = []
    for i, option in enumerate(options):
        others = [*options[:i], *options[i + 1 :]]
        ways.append(f"{option} ( {between}{_each_once(others, comma)} )?")
    return f"( {_either(ways)} )"


def _listed(item: str, comma: str) -> str:
    return f"( {item} ( {_literal(comma)} {item} )* )?"


def _either(options: "Sequence[str] | map[str]") -> str:
    return f"( {' | '.join(options)} )"


def _escaped(text: str) -> str:
    return "".join(COMPACT_ESCAPES.get(c, c) for c in text)


def _quoted(text: str) -> str:
    return msgspec.json.encode(text).decode()


def _literal(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


_MENTION = '"\\"" MENTION "\\""'
