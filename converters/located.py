"""Mentions of one text whose places the corpus gives, verified and repaired, with the issues met.

Shared by the converters of corpora with offsets (DuEE, FewFC, BRAT, …); those without offsets choose
among all occurrences with `locate` instead.
"""

from chinchilla.converters.locate import Span, nearest, spans_of, trimmed
from chinchilla.converters.report import Place, Report
from chinchilla.data.documents import Argument, Entity, Issue, Mention


class Locator:
    """Verifies and repairs the offsets of one text, gathering its issues."""

    def __init__(self, text: str, report: Report, place: Place) -> None:
        self.text = text
        self.report = report
        self.place = place
        self.issues: list[Issue] = []

    def fits(self, mention: str, start: int) -> bool:
        """Say whether the text has the mention at `start`, without blanks at its ends."""
        return start >= 0 and self.text.startswith(mention, start) and mention == mention.strip()

    def mention(self, mention: str, start: int, where: str, hint: int = 0) -> Mention:
        """Return a mention; see `find` for the arguments."""
        found, span = self.find(mention, start, where, hint)
        return Mention(found, *span) if span else Mention(found, None, None, status="none")

    def entity(
        self, kind: str | None, mention: str, start: int, where: str, hint: int = 0
    ) -> Entity:
        """Return an entity; see `find` for the arguments."""
        found, span = self.find(mention, start, where, hint)
        if span:
            return Entity(kind, found, *span)
        return Entity(kind, found, None, None, status="none")

    def argument(self, role: str, mention: str, start: int, where: str, hint: int = 0) -> Argument:
        """Return an argument; see `find` for the arguments."""
        found, span = self.find(mention, start, where, hint)
        if span:
            return Argument(role, found, *span)
        return Argument(role, found, None, None, status="none")

    def find(self, mention: str, start: int, where: str, hint: int = 0) -> tuple[str, Span | None]:
        """Return the mention as the text has it and its span, or None if it is not there.

        `start` is the corpus' offset in code points, negative if it gives none; then the occurrence
        nearest to `hint` is taken. `where` is the mention's path in the document, for issues.
        """
        core, given = trimmed(mention, start)
        if core != mention:
            self.report.note("blanks at the ends left outside", self.place, repr(mention))
        if given is not None and start >= 0 and core and self.text.startswith(core, given):
            return core, (given, given + len(core))
        spans, is_folded = spans_of(self.text, core)
        if not spans:
            self.report.note("mention not in the text", self.place, repr(mention))
            self.issues.append(Issue("ungrounded", f"{mention!r} is not in the text", where))
            return mention, None
        if start >= 0:
            self.report.note("wrong offset repaired", self.place, f"{core!r} is not at {start}")
        elif len(spans) > 1:
            self.report.note("one of several occurrences chosen", self.place, repr(core))
            detail = f"{core!r} occurs {len(spans)} times; the one nearest to {hint} is given"
            self.issues.append(Issue("ambiguous", detail, where))
        if is_folded:
            self.report.note("found after folding case, width or blanks", self.place, repr(core))
        span = nearest(spans, start if start >= 0 else hint)
        return self.text[slice(*span)], span


def in_text_order(entities: list[Entity]) -> tuple[Entity, ...]:
    """Return entities by start, the longer of two first, ungrounded ones last."""
    return tuple(
        sorted(
            entities,
            key=lambda entity: (
                (0, entity.start, -entity.end)
                if entity.start is not None and entity.end is not None
                else (1, 0, 0)
            ),
        )
    )
