"""Types as labels: what the reader is asked for, each as texts and one of eight kinds.

A label has its own texts (name, description, examples) and those of its context (the event of a
role, the relation of an end). Each group of texts becomes the mean of its texts' vectors.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

ENTITY, TRIGGER, ROLE, SUBJECT, OBJECT, RELATION, ARGUMENT, SAME = range(8)
KINDS = ("entity", "trigger", "role", "subject", "object", "relation", "argument", "same")

Texts = tuple[str, ...]


@dataclass(frozen=True)
class Label:
    """One thing to score: spans (the first five kinds) or links (the last three)."""

    kind: int
    texts: Texts
    context: Texts = ()


@dataclass(frozen=True)
class Link:
    """A link label between two span labels of a plan, given by their places."""

    label: int
    head: int
    tail: int


@dataclass
class LabelPlan:
    """All labels that a text is asked for: `spans`, `links` and how they belong together."""

    spans: list[Label] = field(default_factory=list)
    link_labels: list[Label] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)

    def span(self, label: Label) -> int:
        """Add a span label; return its place."""
        self.spans.append(label)
        return len(self.spans) - 1

    def link(self, label: Label, head: int, tail: int) -> int:
        """Add a link between two span labels; return its place in `links`."""
        self.link_labels.append(label)
        self.links.append(Link(len(self.link_labels) - 1, head, tail))
        return len(self.links) - 1

    def entity(self, texts: Texts) -> int:
        """Ask for an entity type; return the place of its span label."""
        return self.span(Label(ENTITY, texts))

    def relation(self, texts: Texts, subject: Texts, object_: Texts) -> int:
        """Ask for a relation with the texts of its end types; return the place of its link."""
        head = self.span(Label(SUBJECT, subject or ("主体",), texts))
        tail = self.span(Label(OBJECT, object_ or ("客体",), texts))
        ends = (*subject[:1], *object_[:1])
        return self.link(Label(RELATION, texts, ends), head, tail)

    def event(
        self, texts: Texts, roles: Sequence[Texts], trigger: bool
    ) -> tuple[int | None, list[int], list[int], int]:
        """Ask for an event type.

        Returns the place of the trigger's span label (None without triggers), those of the roles,
        the places of the links trigger to role (empty without triggers), and the place of the
        label "same event" in `link_labels`.
        """
        head = self.span(Label(TRIGGER, texts)) if trigger else None
        places = [self.span(Label(ROLE, role, texts)) for role in roles]
        links = []
        if head is not None:
            links = [
                self.link(Label(ARGUMENT, role, texts), head, place)
                for role, place in zip(roles, places, strict=True)
            ]
        self.link_labels.append(Label(SAME, texts))
        return head, places, links, len(self.link_labels) - 1
