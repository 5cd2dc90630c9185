"""Entities with names of their own and relations between those names, as annotation tools export.

BRAT, doccano and Label Studio all say: span T1 is a person, span T2 a firm, T1 works for T2. Spans
are gathered first and placed together: see `offsets`. Two spans given apart stay two, and what is
given twice is kept once.
"""

from typing import Any, NamedTuple

from chinchilla.converters.locate import nearest, spans_of
from chinchilla.converters.located import in_text_order
from chinchilla.converters.offsets import CODE_POINTS, Given, Reading, choose_reading, holds
from chinchilla.converters.report import Place, Report
from chinchilla.data.documents import Document, Entity, Relation

Span = tuple[int, int]


class _Named(NamedTuple):
    name: str
    kind: str
    given: Given
    place: Place


class _Link(NamedTuple):
    kind: str
    subject: str
    object: str
    place: Place


class Linked:
    """Gathers the named spans of one text and the links between them.

    `place` is where the corpus is being read; `native` is how the tool counts.
    """

    def __init__(self, text: str, report: Report, place: Place, native: str = CODE_POINTS) -> None:
        self.text = text
        self.report = report
        self.place = place
        self.native = native
        # The entity that each span's name stands for; filled by `settle`.
        self.entities: dict[str, Entity] = {}
        self._spans: list[_Named] = []
        self._links: list[_Link] = []
        # Which span of the corpus each place in the text was given to.
        self._taken: dict[Span, Given] = {}

    def add_span(self, name: str, kind: str, start: int, end: int, mention: str | None) -> None:
        """Gather a span; `mention` is the text that the corpus gives with it, if any."""
        self._spans.append(_Named(name, kind, Given(start, end, mention), self.place))

    def add_link(self, kind: str, subject: str, object: str) -> None:
        """Gather a relation between two names of spans."""
        self._links.append(_Link(kind, subject, object, self.place))

    def settle(self) -> None:
        """Place the spans gathered: those that hold under one reading first, then the others."""
        reading = choose_reading(self.text, [span.given for span in self._spans], self.native)
        self._tell(reading)
        placed: dict[int, Span] = {}
        for i, span in enumerate(self._spans):
            found = self._held(span, reading)
            if found is not None:
                placed[i] = found
                self._taken.setdefault(found, span.given)
        kept: dict[tuple[str, Span], Entity] = {}
        for i, span in enumerate(self._spans):
            found = placed.get(i) or self._repaired(span, reading)
            if found is not None:
                self._keep(span, found, kept)

    def _tell(self, reading: Reading) -> None:
        if self._spans and reading.name != CODE_POINTS:
            moved = [span for span in self._spans if reading.span(span.given) != span.given[:2]]
            if moved:
                what = f"{len(self._spans)} spans, such as {list(moved[0].given[:2])}"
                self.report.note(f"offsets read as {reading.name}", moved[0].place, what)

    def _held(self, span: _Named, reading: Reading) -> Span | None:
        """Return where a span stands if it holds, without blanks at its ends."""
        found = reading.span(span.given)
        mention = span.given.mention
        if found is None or (mention is not None and not holds(self.text, found, mention)):
            return None
        inner = self.text[slice(*found)]
        core = inner.strip()
        if not core:
            return None
        if core != inner:
            self.report.note("blanks at the ends left outside", span.place, repr(inner))
        elif mention is not None and len(mention.strip()) < len(core):
            self.report.note("text given is a part of its span", span.place, repr(core))
        start = found[0] + len(inner) - len(inner.lstrip())
        return start, start + len(core)

    def _repaired(self, span: _Named, reading: Reading) -> Span | None:
        """Return the nearest place of a mention that no other one was given to, or drop it."""
        given, place = span.given, span.place
        if given.mention is None:
            what = f"[{given.start}, {given.end}) in a text of {len(self.text)} characters"
            self.report.drop("offsets outside the text", place, what)
            return None
        core = given.mention.strip()
        found, is_folded = spans_of(self.text, core)
        free = [one for one in found if self._taken.get(one, given) == given]
        if not free:
            reason = "place taken by another mention" if found else "entity without a place"
            self.report.drop(reason, place, repr(given.mention))
            return None
        if core != given.mention:
            self.report.note("blanks at the ends left outside", place, repr(given.mention))
        self.report.note("wrong offset repaired", place, f"{core!r} is not at {given.start}")
        if is_folded:
            self.report.note("found after folding case, width or blanks", place, repr(core))
        span_found = nearest(free, reading.near(given.start))
        self._taken[span_found] = given
        return span_found

    def _keep(self, span: _Named, found: Span, kept: dict[tuple[str, Span], Entity]) -> None:
        entity = kept.get((span.kind, found))
        if entity is not None:
            self.report.drop("repeated annotation", span.place, f"{span.kind} {entity.text!r}")
        else:
            entity = Entity(span.kind, self.text[slice(*found)], *found)
            kept[span.kind, found] = entity
        if span.name and span.name in self.entities:
            if self.entities[span.name] is not entity:
                self.report.note("repeated span name", span.place, repr(span.name))
                self.entities[f"{span.name} again {len(self.entities)}"] = entity
            return
        self.entities[span.name or f"unnamed {len(self.entities)}"] = entity

    def relations(self) -> tuple[Relation, ...]:
        """Return the relations whose spans were kept, each once."""
        relations: dict[tuple[str, int, int], Relation] = {}
        for kind, subject, object, place in self._links:
            ends = [self.entities.get(subject), self.entities.get(object)]
            if ends[0] is None or ends[1] is None:
                missing = subject if ends[0] is None else object
                what = f"{kind} names {missing!r}"
                self.report.drop("relation of an unknown span", place, what)
                continue
            key = kind, id(ends[0]), id(ends[1])
            if key in relations:
                what = f"{ends[0].text} {kind} {ends[1].text}"
                self.report.drop("repeated annotation", place, what)
                continue
            relations[key] = Relation(kind, ends[0], ends[1])
        return tuple(relations.values())

    def document(
        self, identifier: str, meta: dict[str, Any], *, without: frozenset[str] = frozenset()
    ) -> Document:
        """Return the document; `without` names spans that are no entities, such as triggers."""
        kept = {id(one): one for name, one in self.entities.items() if name not in without}
        return Document(
            identifier,
            self.text,
            in_text_order(list(kept.values())),
            self.relations(),
            meta=meta,
        )
