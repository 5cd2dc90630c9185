r"""A user's own words and patterns, brought together with what a model found.

A lexicon file is a jieba user dictionary whose last column names an entity type; the frequency
may be missing, `#` begins a comment (after an entry between blanks), and a mark before the word
says what to do with it:

    雀巢 100 机构名          add: an entity wherever the word stands, unless one overlaps there
    !雀巢中国 机构名         force: an entity wherever it stands; what overlaps it gives way
    -中国 地名              forbid: never an entity of this type; without a type, of none
    /\d{6}\.(?:SH|SZ)/ 证券代码     a regular expression, with or without a mark

Entities from a lexicon have the status `lexicon`; what it removes is told in an issue.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from ..data.documents import Entity, Extraction, Issue
from ..data.schema import Schema
from ..errors import InputError, near_miss
from ..files.jsonl import decode_line, read_lines
from .extractions import keep

STATUS = "lexicon"
_ACTIONS = {"!": "force", "-": "forbid"}
_LATIN = re.compile(r"[0-9A-Za-z]")
# Entries of a wrong type that are named.
_SHOWN = 5
_COMMENT = re.compile(r"\s#(?:\s.*)?$")
Match = tuple[int, int, str]


@dataclass(frozen=True, slots=True)
class Entry:
    """A word, or a pattern if `is_pattern`; `action` is add, force or forbid.

    `where` is its file and line, for messages.
    """

    word: str
    type: str | None
    action: str = "add"
    is_pattern: bool = False
    where: str = field(default="", compare=False)


class Lexicon:
    """Entries made ready to be looked for; immutable, usable for any number of texts."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self.entries = tuple(entries)
        self._words: dict[str, dict[str, list[str]]] = {"add": {}, "force": {}}
        self._patterns: dict[str, list[tuple[re.Pattern[str], str]]] = {"add": [], "force": []}
        self._forbidden: set[tuple[str, str | None]] = set()
        self._forbidden_patterns: list[tuple[re.Pattern[str], str | None]] = []
        for entry in self.entries:
            self._take(entry)
        self._lengths = {action: _lengths(words) for action, words in self._words.items()}

    def for_schema(self, schema: Schema) -> "Lexicon":
        """Return the lexicon with its types named as the schema names them.

        A schema without types of entities says nothing of them, so all are taken.

        Raises:
            InputError: names every entry whose type is not in the schema.
        """
        known = {label: item.name for label, item in schema.entity_by_label.items()}
        for relation in schema.relations:
            for name in (relation.subject, relation.object, *relation.qualifiers.values()):
                if name is not None:
                    known.setdefault(name, name)
        if not known:
            return self
        wrong = [
            _unknown(entry, known) for entry in self.entries if entry.type not in (None, *known)
        ]
        if wrong:
            more = [f"and {len(wrong) - _SHOWN} more"] if len(wrong) > _SHOWN else []
            raise InputError("\n".join([*wrong[:_SHOWN], *more]))
        return Lexicon(
            replace(entry, type=known[entry.type]) if entry.type else entry
            for entry in self.entries
        )

    def _take(self, entry: Entry) -> None:
        if entry.action == "forbid":
            if entry.is_pattern:
                self._forbidden_patterns.append((re.compile(entry.word), entry.type))
            else:
                self._forbidden.add((entry.word, entry.type))
        elif entry.type is None:
            raise ValueError(f"entry {entry.word!r} needs a type")
        elif entry.is_pattern:
            self._patterns[entry.action].append((re.compile(entry.word), entry.type))
        else:
            types = self._words[entry.action].setdefault(entry.word, [])
            if entry.type not in types:
                types.append(entry.type)

    def apply(self, text: str, extraction: Extraction) -> Extraction:
        """Return the extraction with the lexicon's entities; relations and events stay.

        Time is linear in the text for words; a pattern takes what the pattern takes.
        """
        removed: list[Issue] = []
        found = keep(extraction, lambda value: self._allowed(value, removed))
        forced = self._matches(text, "force")
        kept = found.entities
        if forced:
            inside = {(start, end, kind) for start, end, kind in forced}
            spans = _Spans((start, end) for start, end, _ in forced)
            overlapped = {
                id(entity)
                for entity in kept
                if entity.span is not None
                and (*entity.span, entity.type) not in inside
                and spans.overlap(*entity.span)
            }
            for entity in kept:
                if id(entity) in overlapped:
                    removed.append(_removed(entity, "overlaps a forced entry"))
            found = keep(
                found, lambda value: not isinstance(value, Entity) or id(value) not in overlapped
            )
        entities = {(e.type, e.start, e.end, e.text): e for e in found.entities}
        spans = _Spans(e.span for e in found.entities if e.span is not None)
        for start, end, kind in forced:
            entities.setdefault(
                (kind, start, end, text[start:end]), _entity(text, start, end, kind)
            )
        added = [m for m in self._matches(text, "add") if not spans.overlap(m[0], m[1])]
        forced_spans = _Spans((start, end) for start, end, _ in forced)
        for start, end, kind in added:
            if not forced_spans.overlap(start, end):
                key = (kind, start, end, text[start:end])
                entities.setdefault(key, _entity(text, start, end, kind))
        order = sorted(entities.values(), key=lambda e: (e.start is None, e.start or 0, e.end or 0))
        renumbered = _moved_issues(found, order)
        return Extraction(tuple(order), found.relations, found.events, (*renumbered, *removed))

    def _allowed(self, value: object, removed: list[Issue]) -> bool:
        if not isinstance(value, Entity):
            return True
        forbidden = (value.text, value.type) in self._forbidden or (
            (value.text, None) in self._forbidden
        )
        forbidden = forbidden or any(
            pattern.fullmatch(value.text) and kind in (None, value.type)
            for pattern, kind in self._forbidden_patterns
        )
        if forbidden:
            removed.append(_removed(value, "is forbidden"))
        return not forbidden

    def _matches(self, text: str, action: str) -> list[Match]:
        """Return the longest words at each place, left to right, and all pattern matches."""
        matches: list[Match] = []
        words, lengths = self._words[action], self._lengths[action]
        at = 0
        while at < len(text) and words:
            for length in lengths.get(text[at], ()):
                word = text[at : at + length]
                if word in words and _is_whole(text, at, at + length):
                    matches += [(at, at + length, kind) for kind in words[word]]
                    at += length - 1
                    break
            at += 1
        for pattern, kind in self._patterns[action]:
            matches += [(*m.span(), kind) for m in pattern.finditer(text) if m.end() > m.start()]
        return sorted(set(matches))


def read_lexicon(path: str | Path, encoding: str = "auto") -> Lexicon:
    """Read a lexicon file.

    Raises:
        InputError: names file and line of an entry without a type or a wrong pattern.
    """
    entries = []
    for number, line in read_lines(path, encoding):
        content = decode_line(line, f"{path}:{number}").strip()
        if content and not content.startswith("#"):
            entries.append(_entry(content, f"{path}:{number}"))
    return Lexicon(entries)


def _entry(line: str, where: str) -> Entry:
    action = _ACTIONS.get(line[0], "add") if len(line) > 1 else "add"
    rest = _without_comment(line[1:].lstrip() if action != "add" else line)
    if rest.startswith("/") and rest.rfind("/") > 0:
        end = rest.rfind("/")
        word, columns, is_pattern = rest[1:end], rest[end + 1 :].split(), True
        try:
            re.compile(word)
        except re.error as error:
            raise InputError(f"{where}: not a regular expression ({error}): {word!r}") from None
    else:
        # As in jieba's dictionaries, a word may hold spaces; the last columns are its own.
        pieces = rest.split()
        known = 1
        if len(pieces) > 2 and pieces[-2].isdigit():
            known = 2
        elif len(pieces) == 1:
            known = 0
        word = " ".join(pieces[: len(pieces) - known])
        columns, is_pattern = pieces[len(pieces) - known :], False
    kind = columns[-1] if columns and not columns[-1].isdigit() else None
    if kind is None and action != "forbid":
        raise InputError(f"{where}: {word!r} has no entity type; write it last: {word} 机构名")
    return Entry(word, kind, action, is_pattern, where)


def _without_comment(entry: str) -> str:
    """Cut off a comment, which begins after the pattern where the entry is one."""
    start = max(entry.find("/", 1), 0) if entry.startswith("/") else 0
    comment = _COMMENT.search(entry, start)
    return entry[: comment.start()] if comment else entry


def _lengths(words: Iterable[str]) -> dict[str, tuple[int, ...]]:
    """Return for each first character the lengths of its words, longest first."""
    found: dict[str, set[int]] = {}
    for word in words:
        if word:
            found.setdefault(word[0], set()).add(len(word))
    return {first: tuple(sorted(lengths, reverse=True)) for first, lengths in found.items()}


def _is_whole(text: str, start: int, end: int) -> bool:
    """Say whether a range does not begin or end within a Latin word or number."""
    return not (
        (start > 0 and _LATIN.match(text[start]) and _LATIN.match(text[start - 1]))
        or (end < len(text) and _LATIN.match(text[end - 1]) and _LATIN.match(text[end]))
    )


def _unknown(entry: Entry, known: Mapping[str, str]) -> str:
    where = f"{entry.where}: " if entry.where else ""
    hint = near_miss(str(entry.type), known)
    if entry.word in known:
        hint = f"; the word stands first: {entry.type} {entry.word}"
    types = ", ".join(dict.fromkeys(known.values()))
    return f"{where}type {entry.type!r} is not in the schema{hint}; entity types are {types}"


class _Spans:
    """Ranges, merged where they overlap, to ask whether another overlaps any."""

    def __init__(self, spans: Iterable[tuple[int, int]]) -> None:
        self._taken: set[int] = set()
        for start, end in spans:
            self._taken.update(range(start, end))

    def overlap(self, start: int, end: int) -> bool:
        return any(at in self._taken for at in range(start, end))


def _entity(text: str, start: int, end: int, kind: str) -> Entity:
    return Entity(kind, text[start:end], start, end, None, STATUS)


def _removed(entity: Entity, why: str) -> Issue:
    place = f" at [{entity.start}, {entity.end})" if entity.start is not None else ""
    return Issue("out_of_schema", f"{entity.text!r} as {entity.type!r}{place} {why} in the lexicon")


def _moved_issues(extraction: Extraction, order: Sequence[Entity]) -> Iterator[Issue]:
    rank = {id(entity): i for i, entity in enumerate(order)}
    for issue in extraction.issues:
        match = re.match(r"entities\[(\d+)\](.*)", issue.where)
        if match is None:
            yield issue
            continue
        new = rank.get(id(extraction.entities[int(match.group(1))]))
        where = f"entities[{new}]{match.group(2)}" if new is not None else ""
        yield Issue(issue.kind, issue.detail, where)
