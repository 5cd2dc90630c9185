"""Entities with names of their own and relations between those names, as annotation tools export.

BRAT, doccano and Label Studio all say: span T1 is a person, span T2 a firm, T1 works for T2.
"""

from typing import Any

from chinchilla.converters.located import Locator, in_text_order
from chinchilla.data.documents import Document, Entity, Issue, Relation


class Linked:
    """Gathers the named spans of one text and the links between them."""

    def __init__(self, locator: Locator) -> None:
        self.locator = locator
        self.entities: dict[str, Entity] = {}
        self.relations: list[Relation] = []

    def add_span(self, name: str, kind: str, start: int, end: int, mention: str | None) -> None:
        """Keep a span; a mention given with it must be what the text has there, or nearby."""
        text, report, place = self.locator.text, self.locator.report, self.locator.place
        if name in self.entities:
            report.drop("repeated span name", place, repr(name))
            return
        if mention is None:
            if not 0 <= start < end <= len(text):
                what = f"[{start}, {end}) in a text of {len(text)} characters"
                report.drop("offsets outside the text", place, what)
                return
            mention = text[start:end]
        issues: list[Issue] = self.locator.issues
        before = len(issues)
        entity = self.locator.entity(kind, mention, start, f"entities[{len(self.entities)}]")
        if entity.start is None:
            del issues[before:]
            report.drop("entity without a place", place, repr(mention))
            return
        self.entities[name] = entity

    def add_link(self, kind: str, subject: str, object: str) -> None:
        """Keep a relation between two spans kept before."""
        ends = [self.entities.get(subject), self.entities.get(object)]
        if ends[0] is None or ends[1] is None:
            missing = subject if ends[0] is None else object
            what = f"{kind} names {missing!r}"
            self.locator.report.drop("relation of an unknown span", self.locator.place, what)
            return
        self.relations.append(Relation(kind, ends[0], ends[1]))

    def document(
        self, identifier: str, meta: dict[str, Any], *, without: frozenset[str] = frozenset()
    ) -> Document:
        """Return the document; `without` names spans that are no entities, such as triggers."""
        kept = [entity for name, entity in self.entities.items() if name not in without]
        return Document(
            identifier,
            self.locator.text,
            in_text_order(kept),
            tuple(self.relations),
            issues=tuple(self.locator.issues),
            meta=meta,
        )
