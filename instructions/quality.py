"""Rules that a gold document should keep; each breach is named, none is repaired."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from chinchilla.data.documents import Document, iter_mentions
from chinchilla.data.schema import EntityType, EventType, RelationType, Schema
from chinchilla.decoding.parse import parse

# U+FFFD, what GBK makes of it, UTF-8 read as Latin-1, and control characters but for white space.
MOJIBAKE = re.compile(
    "\ufffd|锟斤拷|烫烫烫|[\u00c3\u00e2\u00e4-\u00e9][\u0080-\u00bf]|[\x00-\x08\x0e-\x1f\x7f]"
)
HANZI = re.compile("[\u3400-\u9fff\U00020000-\U0003ffff]")
LETTER = re.compile(r"[^\W\d_]")


@dataclass(frozen=True)
class QualityRules:
    """What is asked of a document; lengths are in characters, `hanzi` is a share of letters."""

    shortest: int = 2
    longest: int = 10_000
    hanzi: float = 0.3


def faults(
    document: Document, schema: Schema | None = None, rules: QualityRules = QualityRules()
) -> list[str]:
    """Return the names of the rules a document breaks, each once, in a fixed order.

    Labels are checked only with a schema, hanzi only where `meta.lang` is zh or not given.
    """
    of_the_text = (fault.rule for fault in text_faults(document, rules))
    return list(dict.fromkeys([*of_the_text, *_gold_faults(document, schema)]))


def record_faults(task: str, labels: Sequence[str], text: str, answer: str) -> list[str]:
    """Return what is wrong with the answer of an instruction record, read back as a model's is."""
    kinds: dict[str, Any] = {
        "ner": {"entities": tuple(map(EntityType, labels))},
        "re": {"relations": tuple(map(RelationType, labels))},
        "ee": {"events": tuple(map(EventType, labels))},
    }
    said = parse(answer, "json", (task,), Schema("record", **kinds[task]))
    issues = {issue.kind for issue in said.issues}
    found = ["answer cut"] * ("truncated" in issues) + ["no answer"] * ("unparsable" in issues)
    # Arguments of events may be values of a list that the text does not hold.
    heads = [item.head for item in said.items]
    objects = [mention for item in said.items if task == "re" for _, mention in item.slots]
    if any(mention and mention not in text for mention in (*heads, *objects)):
        found.append("mention not in the text")
    return found


class TextFault(NamedTuple):
    """A rule that a text breaks, what was found, and where: code points, end-exclusive."""

    rule: str
    detail: str
    span: tuple[int, int] | None = None


def text_faults(document: Document, rules: QualityRules) -> Iterator[TextFault]:
    """Yield the rules that the text of a document breaks."""
    text = document.text
    if len(text.strip()) < rules.shortest:
        yield TextFault("text too short", f"{len(text.strip())} characters")
    if len(text) > rules.longest:
        yield TextFault("text too long", f"{len(text):,} characters")
    if broken := MOJIBAKE.search(text):
        yield TextFault("damaged characters", ascii(broken.group()), broken.span())
    if document.meta.get("lang", "zh") == "zh":
        letters, hanzi = len(LETTER.findall(text)), len(HANZI.findall(text))
        if letters and hanzi < rules.hanzi * letters:
            yield TextFault("not Chinese", f"{hanzi} of {letters} letters are hanzi")


def _gold_faults(document: Document, schema: Schema | None) -> Iterator[str]:
    for _, mention in iter_mentions(document):
        if not mention.text:
            yield "empty mention"
        elif mention.text != mention.text.strip():
            yield "blanks around a mention"
    spans = Counter((entity.start, entity.end) for entity in document.entities if entity.span)
    if len(set(document.entities)) < len(document.entities):
        yield "entity given twice"
    elif any(number > 1 for number in spans.values()):
        yield "span with two types"
    if _cross(sorted(spans)):
        yield "crossing entities"
    if any(document.relations.count(relation) > 1 for relation in document.relations):
        yield "relation given twice"
    if any(document.events.count(event) > 1 for event in document.events):
        yield "event given twice"
    if schema is not None:
        yield from _label_faults(document, schema)


def _cross(spans: list[tuple[int | None, int | None]]) -> bool:
    """Tell whether two spans overlap without one holding the other."""
    plain = [(start, end) for start, end in spans if start is not None and end is not None]
    return any(
        first[0] < second[0] < first[1] < second[1]
        for i, first in enumerate(plain)
        for second in plain[i + 1 :]
    )


def _label_faults(document: Document, schema: Schema) -> Iterator[str]:
    if any(entity.type not in schema.entity_by_label for entity in document.entities):
        yield "entity type outside the schema"
    for relation in document.relations:
        known = schema.relation_label(relation.type, relation.subject.type, relation.object.type)
        if known is None and relation.type not in schema.relation_by_label:
            yield "relation outside the schema"
    for event in document.events:
        found = schema.event_by_label.get(event.type)
        if found is None:
            yield "event type outside the schema"
        elif any(argument.role not in found.role_by_name for argument in event.arguments):
            yield "role outside the schema"
