"""What an audit tells of: a suspect names a rule, a place in a document, and how certain the rule is."""

from dataclasses import dataclass
from typing import Any, NamedTuple

Span = tuple[int, int]


class Rule(NamedTuple):
    """How certain it is that what the rule finds is a fault (0 to 1), and what the rule says."""

    certainty: float
    meaning: str


MODEL = "model disagrees"
DUPLICATE = "duplicate"
TWO_WAYS = "annotated in two ways"

RULES = {
    "span mismatch": Rule(1.0, "the text at the offsets is not the mention"),
    "empty mention": Rule(1.0, "a mention of no character, or of blanks alone"),
    "blank at a border": Rule(0.9, "a mention begins or ends with a blank"),
    "border inside a word": Rule(0.9, "a mention begins or ends inside a number or Latin word"),
    "crossing": Rule(0.6, "two entities overlap, and neither holds the other"),
    "two types": Rule(0.6, "one span has two types"),
    "given twice": Rule(1.0, "the same annotation stands there again"),
    "unlocated": Rule(0.4, "a mention has no offsets, though its string is in the text"),
    "not in the text": Rule(0.5, "a mention has no offsets, and its string is not in the text"),
    "type outside the schema": Rule(0.9, "the schema declares no such type"),
    "ends outside the schema": Rule(0.7, "the relation does not join entities of these types"),
    "role outside the schema": Rule(0.9, "the event or relation has no such role"),
    "subject is object": Rule(0.5, "both ends of a relation are one mention"),
    "long mention": Rule(0.5, "a mention is longer than names are"),
    "damaged characters": Rule(1.0, "the text was decoded wrongly, or holds control characters"),
    "not Chinese": Rule(0.9, "few letters of the text are hanzi"),
    "text too short": Rule(0.8, "the text says too little"),
    "text too long": Rule(0.8, "the text is longer than documents should be"),
    "untranslated": Rule(0.6, "a run of English words stands in a Chinese text"),
    "markup left": Rule(0.7, "tags, entities of HTML or marks of a translation stand in the text"),
    DUPLICATE: Rule(1.0, "an earlier document has the same text and annotations"),
    TWO_WAYS: Rule(0.7, "an earlier document has the same text and other annotations"),
    "near duplicate": Rule(0.5, "an earlier document is almost the same"),
    "repeated id": Rule(0.5, "an earlier document has this id"),
    MODEL: Rule(0.5, "predictions of a model speak against the annotation"),
}


@dataclass(frozen=True, slots=True)
class Suspect:
    """One finding.

    `where` is a path such as `relations[0].subject`, empty for the whole document. `span` is
    `[start, end)` in code points of the text, as far as it is known. `other` is another reading of
    the place: a label ("" for no annotation) and a span.
    """

    rule: str
    where: str = ""
    detail: str = ""
    label: str = ""
    text: str = ""
    span: Span | None = None
    certainty: float = 0.0
    other: tuple[str, Span | None] | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form, without what is empty."""
        plain = {
            "rule": self.rule,
            "where": self.where,
            "detail": self.detail,
            "label": self.label,
            "text": self.text,
            "start": self.span[0] if self.span else None,
            "end": self.span[1] if self.span else None,
            "certainty": round(self.certainty, 4),
        }
        kept: dict[str, Any] = {
            key: value for key, value in plain.items() if value not in ("", None)
        }
        if self.other is not None:
            label, span = self.other
            kept["other"] = {"label": label, "start": span and span[0], "end": span and span[1]}
        return kept


def suspect(rule: str, where: str = "", detail: str = "", **more: Any) -> Suspect:
    """Return a finding with the certainty of its rule."""
    return Suspect(rule, where, detail, **{"certainty": RULES[rule].certainty, **more})
