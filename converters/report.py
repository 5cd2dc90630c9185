"""What a conversion met: totals, and every fault with its count and a few examples.

Two verbs for two outcomes: `drop` counts what is lost (a record, an annotation), `note` counts what
is kept although it was repaired or stays doubtful. Nothing is lost without one of them.
"""

from dataclasses import dataclass, field
from typing import Any

from chinchilla.data.documents import Document
from chinchilla.errors import InputError

MAX_EXAMPLES = 5
_MAX_WHAT = 160

# A place in a corpus: path and physical line from 1. Kept apart until someone wants to read it.
Place = tuple[str, int]


@dataclass
class Reason:
    """How often one fault was met, what became of the data, and the first examples."""

    outcome: str
    count: int = 0
    examples: list[tuple[str, str]] = field(default_factory=list)


@dataclass
class Report:
    """Totals and faults of one conversion; `strict` turns the first loss into an error.

    `check_keys` asks readers of JSON to look for repeated keys at every depth, which takes several
    times as long; those of the record itself are always looked for.
    """

    name: str = ""
    strict: bool = False
    check_keys: bool = False
    documents: int = 0
    entities: int = 0
    relations: int = 0
    events: int = 0
    reasons: dict[str, Reason] = field(default_factory=dict)

    def add(self, document: Document) -> None:
        """Count one document that goes out."""
        self.documents += 1
        # Most documents hold annotations of one kind, and this is done for each of millions.
        if document.entities:
            self.entities += len(document.entities)
        if document.relations:
            self.relations += len(document.relations)
        if document.events:
            self.events += len(document.events)

    def note(self, reason: str, place: Place, what: str) -> None:
        """Count something that was repaired, or kept although doubtful."""
        entry = self.reasons.get(reason)
        # Thousands of notes follow the first few, so these two tests are all that most cost.
        if entry is not None and len(entry.examples) == MAX_EXAMPLES:
            entry.count += 1
            return
        self._count("kept", reason, place, what)

    def drop(self, reason: str, place: Place, what: str) -> None:
        """Count a record or an annotation that is lost.

        Raises:
            InputError: the report is strict.
        """
        if self.strict:
            raise InputError(
                f"{place[0]}:{place[1]}: {reason}: {_shortened(what)}; "
                "fix it, or leave out --strict to drop and count it"
            )
        self._count("dropped", reason, place, what)

    def _count(self, outcome: str, reason: str, place: Place, what: str) -> None:
        entry = self.reasons.get(reason)
        if entry is None:
            entry = self.reasons[reason] = Reason(outcome)
        entry.count += 1
        if len(entry.examples) < MAX_EXAMPLES:
            entry.examples.append((f"{place[0]}:{place[1]}", _shortened(what)))

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form, reasons from the most frequent down."""
        ordered = sorted(self.reasons.items(), key=lambda item: (-item[1].count, item[0]))
        return {
            "name": self.name,
            "documents": self.documents,
            "entities": self.entities,
            "relations": self.relations,
            "events": self.events,
            "reasons": [
                {
                    "reason": reason,
                    "outcome": entry.outcome,
                    "count": entry.count,
                    "examples": [{"where": w, "what": what} for w, what in entry.examples],
                }
                for reason, entry in ordered
            ],
        }


def _shortened(what: str) -> str:
    return what if len(what) <= _MAX_WHAT else what[: _MAX_WHAT - 1] + "…"
