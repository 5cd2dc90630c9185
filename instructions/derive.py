"""A schema made of what gold documents hold, for corpora without a built-in one.

Types, roles and slots come most frequent first. It knows only what the documents show: what none
of them names is missing, and a role with few fixed values is not told from one with mentions.
"""

from collections import Counter
from collections.abc import Iterable

from chinchilla.data.documents import Document
from chinchilla.data.schema import EntityType, EventType, RelationType, Role, Schema
from chinchilla.errors import InputError

# The value of `BuildJob.schema` that asks for a schema made of the inputs.
DERIVED = "derived"


def derive_schema(documents: Iterable[Document], name: str = DERIVED) -> Schema:
    """Return the schema of all annotations of the documents.

    A relation between ends of several types has a type only where all have the same.

    Raises:
        InputError: no document holds an annotation.
    """
    entities: Counter[str] = Counter()
    relations: Counter[str] = Counter()
    events: Counter[str] = Counter()
    ends: dict[str, tuple[set[str | None], set[str | None]]] = {}
    slots: dict[str, dict[str, set[str | None]]] = {}
    roles: dict[str, Counter[str]] = {}
    triggered: set[str] = set()
    for document in documents:
        entities.update(entity.type for entity in document.entities if entity.type)
        for relation in document.relations:
            relations[relation.type] += 1
            subjects, objects = ends.setdefault(relation.type, (set(), set()))
            subjects.add(relation.subject.type)
            objects.add(relation.object.type)
            for slot, entity in relation.qualifiers.items():
                slots.setdefault(relation.type, {}).setdefault(slot, set()).add(entity.type)
        for event in document.events:
            events[event.type] += 1
            roles.setdefault(event.type, Counter()).update(a.role for a in event.arguments)
            if event.trigger is not None:
                triggered.add(event.type)
    if not (entities or relations or events):
        raise InputError("no document holds an annotation; a schema cannot be derived from them")
    return Schema(
        name,
        tuple(EntityType(kind) for kind in _ordered(entities)),
        tuple(
            RelationType(
                kind,
                _only(ends[kind][0]),
                _only(ends[kind][1]),
                {slot: _only(kinds) for slot, kinds in sorted(slots.get(kind, {}).items())},
            )
            for kind in _ordered(relations)
        ),
        tuple(
            EventType(kind, tuple(map(Role, _ordered(roles[kind]))), kind in triggered)
            for kind in _ordered(events)
        ),
    )


def _ordered(counts: Counter[str]) -> list[str]:
    return sorted(counts, key=lambda key: (-counts[key], key))


def _only(types: set[str | None]) -> str | None:
    return next(iter(types)) if len(types) == 1 else None
