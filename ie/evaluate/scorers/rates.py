"""What went wrong beside the score: failures to parse, inventions, repeats, as rates.

These are never folded into F1: a document that did not parse counts there as one without
predictions, and here as a failure.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ...data.documents import Document, iter_mentions
from ...data.issues import ISSUE_KINDS
from ...data.schema import Schema
from .exact import entity_items, place, relation_items

_OUT_OF_SCHEMA = ("unknown_type", "unknown_role", "out_of_schema")


@dataclass(frozen=True, slots=True)
class Rates:
    """Counts over predicted documents; the properties are shares between 0 and 1."""

    documents: int
    mentions: int  # every mention of entities, relations and events
    items: int  # entities, relations, events and arguments
    ungrounded_mentions: int  # without offsets, the choices of an enum role of the schema apart
    repeated_items: int  # equal to an earlier item of the same document
    undeclared_items: int | None  # of types that the schema given lacks; None without a schema
    issues: dict[str, int]  # by kind
    documents_with: dict[str, int]  # documents that have an issue of the kind

    @property
    def parse_failure(self) -> float:
        """Share of documents with a completion that did not parse whole."""
        return _share(self.documents_with["unparsable"], self.documents)

    @property
    def truncation(self) -> float:
        """Share of documents with a completion that was cut off."""
        return _share(self.documents_with["truncated"], self.documents)

    @property
    def out_of_schema(self) -> float:
        """Share of documents with a type, role or value that was not asked for."""
        return _share(self.documents_with["any out of schema"], self.documents)

    @property
    def ungrounded(self) -> float:
        """Share of mentions that are not in the text."""
        return _share(self.ungrounded_mentions, self.mentions)

    @property
    def repetition(self) -> float:
        """Share of items that repeat an earlier one of the same document."""
        return _share(self.repeated_items, self.items)

    def to_dict(self) -> dict[str, Any]:
        """Return rates and counts."""
        return {
            "parse_failure": self.parse_failure,
            "truncation": self.truncation,
            "out_of_schema": self.out_of_schema,
            "ungrounded": self.ungrounded,
            "repetition": self.repetition,
            "documents": self.documents,
            "mentions": self.mentions,
            "items": self.items,
            "ungrounded_mentions": self.ungrounded_mentions,
            "repeated_items": self.repeated_items,
            "undeclared_items": self.undeclared_items,
            "issues": self.issues,
            "documents_with": self.documents_with,
        }


def count_rates(documents: Iterable[Document], schema: Schema | None = None) -> Rates:
    """Count issues, ungrounded mentions and repeats of predicted documents."""
    totals: Counter[str] = Counter()
    issues: Counter[str] = Counter()
    documents_with: Counter[str] = Counter()
    for document in documents:
        totals["documents"] += 1
        kinds = Counter(issue.kind for issue in document.issues)
        issues.update(kinds)
        documents_with.update(kinds.keys())
        documents_with["any out of schema"] += any(kind in kinds for kind in _OUT_OF_SCHEMA)
        for _, mention in iter_mentions(document):
            totals["mentions"] += 1
            totals["ungrounded"] += mention.start is None
        if schema is not None:
            totals["ungrounded"] -= _chosen(document, schema)
        for section in _sections(document):
            totals["items"] += len(section)
            totals["repeated"] += len(section) - len(set(section))
        if schema is not None:
            totals["undeclared"] += _undeclared(document, schema)
    kinds_seen = dict.fromkeys((*ISSUE_KINDS, *issues))
    return Rates(
        totals["documents"],
        totals["mentions"],
        totals["items"],
        totals["ungrounded"],
        totals["repeated"],
        None if schema is None else totals["undeclared"],
        {kind: issues[kind] for kind in kinds_seen},
        {kind: documents_with[kind] for kind in (*kinds_seen, "any out of schema")},
    )


def _sections(document: Document) -> Iterable[list[Any]]:
    yield entity_items(document)
    yield relation_items(document, True)
    arguments = [[(a.role, place(a)) for a in event.arguments] for event in document.events]
    triggers = [
        None if event.trigger is None else place(event.trigger) for event in document.events
    ]
    kinds = [event.type for event in document.events]
    yield list(zip(kinds, triggers, map(frozenset, arguments), strict=True))
    # Arguments repeat when one event lists them twice; two events may well share one.
    yield [(i, *item) for i, items in enumerate(arguments) for item in items]


def _chosen(document: Document, schema: Schema) -> int:
    """Count arguments that are a choice of their role and need not be in the text."""
    count = 0
    for event in document.events:
        declared = schema.event_by_label.get(event.type)
        for argument in event.arguments if declared else ():
            role = declared.role_by_name.get(argument.role) if declared else None
            count += role is not None and argument.start is None and argument.text in role.values
    return count


def _undeclared(document: Document, schema: Schema) -> int:
    entities = sum(e.type not in schema.entity_by_label for e in document.entities)
    names = {relation.name for relation in schema.relations}
    relations = sum(r.type not in names for r in document.relations)
    events = 0
    for event in document.events:
        declared = schema.event_by_label.get(event.type)
        if declared is None:
            events += 1 + len(event.arguments)
        else:
            events += sum(a.role not in declared.role_by_name for a in event.arguments)
    return entities + relations + events


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
