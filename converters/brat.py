"""BRAT stand-off annotation: a `.txt` with the text and an `.ann` beside it.

    T1	Person 0 2	张三
    R1	WorksFor Arg1:T1 Arg2:T2
    E1	裁员:T3 裁员方:T2

Paths may be `.ann` or `.txt` files or folders of them. Ends are exclusive. A span in several pieces
cannot be a mention of ours and is dropped; an argument that is an event stands for its trigger.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from chinchilla.converters.catalogue import document_meta
from chinchilla.converters.linked import Linked
from chinchilla.converters.located import Locator
from chinchilla.converters.report import Place, Report
from chinchilla.converters.source import read_text_lines
from chinchilla.data.documents import Argument, Document, Event, Mention
from chinchilla.errors import InputError
from chinchilla.files.jsonl import open_bytes


def read(
    paths: Iterable[str | Path], report: Report, *, name: str = "brat", encoding: str = "utf-8"
) -> Iterator[Document]:
    """Yield a document per pair of files, sorted by name within a folder."""
    # Once each, also where a pair is named by both of its files, as by `folder/*`.
    annotations = dict.fromkeys(one for path in paths for one in _annotations(Path(path)))
    for annotation in annotations:
        yield _document(annotation, report, name, encoding)


def _annotations(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path.with_suffix(".ann")]
    found = sorted(path.rglob("*.ann"))
    if not found:
        raise InputError(f"{path}: no .ann file in the folder; expected pairs of .txt and .ann")
    return found


def _document(path: Path, report: Report, name: str, encoding: str) -> Document:
    with open_bytes(path.with_suffix(".txt")) as file:
        data = file.read().removeprefix(b"\xef\xbb\xbf")
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path.with_suffix('.txt')}: not {encoding.upper()} at byte {error.start}; "
            "if it is an older Chinese file try --encoding gb18030"
        ) from None
    reader = _Reader(Linked(Locator(text, report, (str(path), 1))), report)
    for line, content in read_text_lines(str(path), report, encoding):
        if content.strip():
            reader.line(content, (str(path), line))
    reader.link()
    document = reader.linked.document(
        f"{name}-{path.stem}", document_meta(name, str(path)), without=frozenset(reader.triggers)
    )
    return msgspec.structs.replace(document, events=tuple(reader.events()))


class _Reader:
    """Reads the lines of one file; links wait until every span is known."""

    def __init__(self, linked: Linked, report: Report) -> None:
        self.linked = linked
        self.report = report
        self.links: list[tuple[Place, str, str, str]] = []
        # Event name -> (place, type, name of the trigger's span, (role, name) pairs).
        self.heads: dict[str, tuple[Place, str, str, list[tuple[str, str]]]] = {}

    @property
    def triggers(self) -> list[str]:
        """Names of the spans that are triggers of events."""
        return [head[2] for head in self.heads.values()]

    def line(self, content: str, place: Place) -> None:
        """Read one annotation line."""
        self.linked.locator.place = place
        name, _, rest = content.partition("\t")
        try:
            if name[:1] == "T":
                self._span(name, rest, place)
            elif name[:1] == "R":
                kind, *ends = rest.split()
                subject, object = (end.partition(":")[2] for end in ends)
                self.links.append((place, kind, subject, object))
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
        if ";" in offsets:
            self.report.drop("span in several pieces", place, repr(rest[:80]))
            return
        start, end = map(int, offsets.split())
        self.linked.add_span(name, kind, start, end, mention or None)

    def link(self) -> None:
        """Make the relations, once every span is read."""
        for place, kind, subject, object in self.links:
            self.linked.locator.place = place
            self.linked.add_link(kind, subject, object)

    def events(self) -> Iterator[Event]:
        """Yield the events, each argument a span or the trigger of another event."""
        for place, kind, trigger, pairs in self.heads.values():
            head = self.linked.entities.get(trigger)
            if head is None:
                self.report.drop("event of an unknown span", place, f"{kind} names {trigger!r}")
                continue
            arguments = []
            for role, name in pairs:
                target = self.heads[name][2] if name in self.heads else name
                entity = self.linked.entities.get(target)
                if entity is None:
                    self.report.drop("argument of an unknown span", place, f"{role} names {name!r}")
                    continue
                arguments.append(Argument(role, entity.text, entity.start, entity.end))
            yield Event(kind, Mention(head.text, head.start, head.end), tuple(arguments))
