"""What a schema asks, as labels that the reader scores."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from ..data.schema import TASKS, EventType, RelationType, Schema, SchemaType
from .labels import LabelPlan, Texts

_EXAMPLES = 5
# What DuIE's end types that are no things were called in training.
_ENDS = {"Date": "日期", "Number": "数值", "Text": "文本"}


@dataclass
class Questions:
    """The plan of a schema and what its places stand for.

    `known` are the entity and event types met in training.
    """

    plan: LabelPlan = field(default_factory=LabelPlan)
    entities: list[tuple[str, int]] = field(default_factory=list)
    relations: list[tuple[RelationType, int]] = field(default_factory=list)
    events: list[tuple[EventType, int | None, list[int], list[int], int]] = field(
        default_factory=list
    )
    known: frozenset[str] = frozenset()


def ask(
    schema: Schema,
    tasks: Sequence[str] = TASKS,
    known: frozenset[str] = frozenset(),
) -> Questions:
    """Return what a schema asks, as labels; `known` are the types met in training."""
    questions = Questions(known=known)
    plan = questions.plan
    if "ner" in tasks:
        for entity in schema.entities:
            questions.entities.append((entity.name, plan.entity(texts_of(entity))))
    if "re" in tasks:
        for relation in schema.relations:
            named = (relation.subject, relation.object)
            ends = [(_ENDS.get(end, end),) if end else () for end in named]
            place = plan.relation(texts_of(relation, examples=False), ends[0], ends[1])
            questions.relations.append((relation, place))
    if "ee" in tasks:
        for event in schema.events:
            roles = [tuple(filter(None, (r.name, r.description))) for r in event.roles]
            places = plan.event(texts_of(event), roles, event.trigger)
            questions.events.append((event, *places))
    return questions


def texts_of(item: SchemaType, examples: bool = True) -> Texts:
    """Return the texts of a type: name, description and examples."""
    shown = item.examples[:_EXAMPLES] if examples else ()
    return (item.name, *((item.description,) if item.description else ()), *shown)
