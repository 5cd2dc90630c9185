"""BRAT stand-off annotation: a `.txt` with the text and an `.ann` beside it.

    T1	Person 0 2	张三
    R1	WorksFor Arg1:T1 Arg2:T2
    E1	裁员:T3 裁员方:T2 裁员方2:T4

Paths may be `.ann` or `.txt` files or folders of them. Ends are exclusive. A span in several pieces
cannot be a mention of ours and is dropped, unless only blanks part them: so BRAT writes a line end
within a span. It numbers the roles that an event has twice; where the role without the number stands
in the event too, the number is left off. An argument that is an event stands for its trigger.
"""

import re
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path

import msgspec

from chinchilla.converters.catalogue import document_meta
from chinchilla.converters.linked import Linked
from chinchilla.converters.record_files import read_text, read_text_lines
from chinchilla.converters.report import Place, Report
from chinchilla.data.documents import Argument, Document, Event, Mention
from chinchilla.errors import InputError
from chinchilla.files.names import tell_apart

_NUMBERED = re.compile(r"(.*\D)\d+")


def read(
    paths: Iterable[str | Path],
    report: Report,
    *,
    name: str = "brat",
    encoding: str = "auto",
    numbered: bool = False,
) -> Iterator[Document]:
    """Yield a document per pair of files, sorted by name within a folder.

    `numbered` keeps the numbers of repeated roles.
    """
    # Once each, also where a pair is named by both of its files, as by `folder/*`.
    annotations = dict.fromkeys(one for path in paths for one in _annotations(Path(path), report))
    stems = tell_apart(map(str, annotations))
    for annotation in annotations:
        identifier = f"{name}-{stems[str(annotation)]}"
        document = _document(annotation, report, encoding, numbered)
        meta = document_meta(name, str(annotation))
        yield msgspec.structs.replace(document, id=identifier, meta=meta)


def _annotations(path: Path, report: Report) -> list[Path]:
    if not path.is_dir():
        return [path.with_suffix(".ann")]
    found = sorted(path.rglob("*.ann"))
    if not found:
        raise InputError(f"{path}: no .ann file in the folder; expected pairs of .txt and .ann")
    known = set(found)
    for text in sorted(path.rglob("*.txt")):
        if text.with_suffix(".ann") not in known:
            report.drop("text without an .ann file", (str(text), 1), text.name)
    return found


def _document(path: Path, report: Report, encoding: str, numbered: bool) -> Document:
    text = read_text(str(path.with_suffix(".txt")), report, encoding)
    reader = _Reader(Linked(text, report, (str(path), 1)), report)
    for line, content in read_text_lines(str(path), report, encoding):
        if content.strip():
            reader.line(content, (str(path), line))
    if not reader.has_read:
        report.note("empty .ann file: a text without annotations", (str(path), 1), path.name)
    reader.linked.settle()
    document = reader.linked.document(path.stem, {}, without=frozenset(reader.triggers))
    return msgspec.structs.replace(document, events=tuple(reader.events(numbered)))


class _Reader:
    """Reads the lines of one file; links wait until every span is known."""

    def __init__(self, linked: Linked, report: Report) -> None:
        self.linked = linked
        self.report = report
        self.has_read = False
        # Event name -> (place, type, name of the trigger's span, (role, name) pairs).
        self.heads: dict[str, tuple[Place, str, str, list[tuple[str, str]]]] = {}

    @property
    def triggers(self) -> list[str]:
        """Names of the spans that are triggers of events."""
        return [head[2] for head in self.heads.values()]

    def line(self, content: str, place: Place) -> None:
        """Read one annotation line."""
        self.linked.place = place
        self.has_read = True
        name, _, rest = content.partition("\t")
        try:
            if name[:1] == "T":
                self._span(name, rest, place)
            elif name[:1] == "R":
                kind, *ends = rest.split()
                subject, object = (end.partition(":")[2] for end in ends)
                self.linked.add_link(kind, subject, object)
            elif name[:1] == "E":
                head, *pairs = (tuple(item.split(":", 1)) for item in rest.split())
                kind, trigger = head
                self.heads[name] = (place, kind, trigger, [(role, arg) for role, arg in pairs])
            else:
                self.report.note("attribute, note or group left out", place, content[:60])
        except ValueError:
            self.report.drop("malformed annotation line", place, repr(content[:80]))

    def _span(self, name: str, rest: str, place: Place) -> None:
        head, _, mention = rest.partition("\t")
        kind, _, offsets = head.partition(" ")
        pieces = [tuple(map(int, piece.split())) for piece in offsets.split(";")]
        if not all(self._is_blank(one[1], two[0]) for one, two in pairwise(pieces)):
            self.report.drop("span in several pieces", place, repr(rest[:80]))
            return
        (start, _), (_, end) = pieces[0], pieces[-1]
        self.linked.add_span(name, kind, start, end, mention or None)

    def _is_blank(self, start: int, end: int) -> bool:
        """Say whether nothing but blanks stands between, also if the tool counts a line end once."""
        text = self.linked.text
        between = [one[start:end] for one in (text, text.replace("\r\n", "\n"))]
        return start <= end and any(not one.strip() for one in between)

    def events(self, numbered: bool) -> Iterator[Event]:
        """Yield each event once, each argument a span or the trigger of another event."""
        seen: set[Event] = set()
        for place, kind, trigger, pairs in self.heads.values():
            head = self.linked.entities.get(trigger)
            if head is None:
                self.report.drop("event of an unknown span", place, f"{kind} names {trigger!r}")
                continue
            arguments: list[Argument] = []
            roles = {role for role, _ in pairs}
            for role, name in pairs:
                target = self.heads[name][2] if name in self.heads else name
                entity = self.linked.entities.get(target)
                if entity is None:
                    self.report.drop("argument of an unknown span", place, f"{role} names {name!r}")
                    continue
                said = role if numbered else _without_number(role, roles)
                argument = Argument(said, entity.text, entity.start, entity.end)
                if argument in arguments:
                    self.report.drop("repeated annotation", place, f"{said} {entity.text!r}")
                    continue
                arguments.append(argument)
            event = Event(kind, Mention(head.text, head.start, head.end), tuple(arguments))
            if event in seen:
                self.report.drop("repeated annotation", place, f"{kind} {head.text!r}")
                continue
            seen.add(event)
            yield event


def _without_number(role: str, roles: set[str]) -> str:
    match = _NUMBERED.fullmatch(role)
    return match.group(1) if match is not None and match.group(1) in roles else role
