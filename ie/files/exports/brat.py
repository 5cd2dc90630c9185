"""BRAT stand-off: a `.zip` with a `.txt` and an `.ann` for each document, and `annotation.conf`.

Brat has no blanks in the names of types and roles: `_` stands for each. A role that an event has
again is numbered, as brat does. A span over a line end is written in pieces.
"""

import io
import re
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator

from ...data.documents import Document, Event, Located

_UNFIT = re.compile(r"[\s:]+")
_UNFIT_IN_FILES = re.compile(r'[\x00-\x1f/\\:*?"<>|]')
# A fixed date: the same documents give the same bytes.
_DATE = (1980, 1, 1, 0, 0, 0)


def render_brat(documents: Iterable[Document], lost: Counter[str]) -> Iterator[bytes]:
    """Yield the archive; what has no place in the text is counted in `lost`."""
    buffer = io.BytesIO()
    kinds: dict[str, dict[str, None]] = {"entities": {}, "relations": {}, "events": {}}
    taken: set[str] = set()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for document in documents:
            stem = _file_name(document.id, taken)
            _add(archive, f"{stem}.txt", document.text)
            _add(archive, f"{stem}.ann", "".join(_Lines(document, lost, kinds).lines))
        _add(archive, "annotation.conf", _configuration(kinds))
    yield buffer.getvalue()


def _add(archive: zipfile.ZipFile, name: str, text: str) -> None:
    entry = zipfile.ZipInfo(name, _DATE)
    entry.compress_type = zipfile.ZIP_DEFLATED
    archive.writestr(entry, text.encode())


def _file_name(identifier: str, taken: set[str]) -> str:
    """Return a name for the files of a document that no other has, whatever the system folds."""
    stem = _UNFIT_IN_FILES.sub("_", identifier).strip(". ")[:80] or "document"
    name, number = stem, 1
    while name.lower() in taken:
        number += 1
        name = f"{stem}_{number}"
    taken.add(name.lower())
    return name


class _Lines:
    """The lines of one `.ann` file."""

    def __init__(
        self, document: Document, lost: Counter[str], kinds: dict[str, dict[str, None]]
    ) -> None:
        self.text, self.lost, self.kinds = document.text, lost, kinds
        self.lines: list[str] = []
        self.counts: Counter[str] = Counter()
        self.spans: dict[tuple[str, tuple[int, int]], str] = {}
        for entity in document.entities:
            self._span(entity.type or "entity", entity, "entities")
        for relation in document.relations:
            ends = [
                self._span(end.type or "entity", end, "entities")
                for end in (relation.subject, relation.object)
            ]
            if None not in ends:
                name = _plain(relation.type)
                kinds["relations"][name] = None
                self.lines.append(f"{self._new('R')}\t{name} Arg1:{ends[0]} Arg2:{ends[1]}\n")
            if relation.qualifiers:
                lost["qualifier of a relation"] += len(relation.qualifiers)
        self.in_place = {span: name for (_, span), name in reversed(self.spans.items())}
        for event in document.events:
            self._event(event)

    def _new(self, letter: str) -> str:
        self.counts[letter] += 1
        return f"{letter}{self.counts[letter]}"

    def _span(self, type_: str, mention: Located, kind: str, new: bool = False) -> str | None:
        """Return the name of a span, written once for its type and place."""
        if mention.span is None:
            self.lost["mention that is not in the text"] += 1
            return None
        type_ = _plain(type_)
        place = (type_, mention.span)
        if place not in self.spans or new:
            self.kinds[kind][type_] = None
            name = self._new("T")
            if not new:
                self.spans[place] = name
            start, end = mention.span
            pieces = ";".join(f"{a} {b}" for a, b in _pieces(self.text, start, end))
            shown = re.sub(r"[\r\n]+", " ", mention.text)
            self.lines.append(f"{name}\t{type_} {pieces}\t{shown}\n")
            return name
        return self.spans[place]

    def _event(self, event: Event) -> None:
        if event.trigger is None:
            self.lost["event without a trigger"] += 1
            return
        trigger = self._span(event.type, event.trigger, "events", new=True)
        if trigger is None:
            return
        roles: Counter[str] = Counter()
        said = []
        for argument in event.arguments:
            # The type of an argument is that of the entity in its place, if there is one.
            known = self.in_place.get(argument.span or (-1, -1))
            name = known or self._span("argument", argument, "entities")
            if name is not None:
                role = _plain(argument.role)
                roles[role] += 1
                number = str(roles[role]) if roles[role] > 1 else ""
                said.append(f" {role}{number}:{name}")
        self.lines.append(f"{self._new('E')}\t{_plain(event.type)}:{trigger}{''.join(said)}\n")


def _plain(name: str) -> str:
    return _UNFIT.sub("_", name) or "_"


def _pieces(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield the parts of a span between line ends."""
    for match in re.finditer(r"[^\r\n]+", text[start:end]):
        yield start + match.start(), start + match.end()


def _configuration(kinds: dict[str, dict[str, None]]) -> str:
    entities = "".join(f"{name}\n" for name in kinds["entities"])
    any_two = "Arg1:<ENTITY>, Arg2:<ENTITY>"
    relations = "".join(f"{name}\t{any_two}\n" for name in kinds["relations"])
    events = "".join(f"{name}\n" for name in kinds["events"])
    return f"[entities]\n{entities}\n[relations]\n{relations}\n[events]\n{events}\n[attributes]\n"
