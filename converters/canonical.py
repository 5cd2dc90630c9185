"""One direction for facts that a corpus states in both: inverse and symmetric relations.

FinRE says (A, 收购, B) and (B, 被收购, A), and (A, 合作, B) and (B, 合作, A). Of two inverse
relations the one that the schema lists first is kept; of a symmetric one, the subject that stands
first in the text.
"""

import msgspec

from chinchilla.data import Document, Issue, Relation
from chinchilla.schema import Schema

from .report import Place, Report


def canonicalised(document: Document, schema: Schema, report: Report, place: Place) -> Document:
    """Return the document with each fact once; what is folded together is counted."""
    kept: dict[tuple[str, str, str], tuple[int, bool, Relation]] = {}
    for i, relation in enumerate(document.relations):
        turned = turn(relation, schema)
        key = (turned.type, turned.subject.text, turned.object.text)
        if key in kept:
            what = f"{document.id}: {turned.subject.text} {turned.type} {turned.object.text}"
            report.note("same fact in both directions folded", place, what)
            continue
        kept[key] = (i, turned is not relation, turned)
    issues: list[Issue] = []
    for new, (old, swapped, _) in enumerate(kept.values()):
        issues += [_moved(issue, old, new, swapped) for issue in document.issues if _of(issue, old)]
    relations = tuple(relation for _, _, relation in kept.values())
    return msgspec.structs.replace(document, relations=relations, issues=tuple(issues))


def turn(relation: Relation, schema: Schema) -> Relation:
    """Return the relation in its canonical direction, the same object if it is that already."""
    names = [item.name for item in schema.relations]
    found = next((item for item in schema.relations if item.name == relation.type), None)
    if found is None:
        return relation
    if found.inverse in names and names.index(found.inverse) < names.index(found.name):
        return _swapped(relation, found.inverse)
    a, b = relation.subject.start, relation.object.start
    if found.symmetric and a is not None and b is not None and b < a:
        return _swapped(relation, relation.type)
    return relation


def _swapped(relation: Relation, name: str) -> Relation:
    return Relation(name, relation.object, relation.subject, relation.qualifiers, relation.score)


def _of(issue: Issue, index: int) -> bool:
    return issue.where.startswith(f"relations[{index}].")


def _moved(issue: Issue, old: int, new: int, swapped: bool) -> Issue:
    slot = issue.where.removeprefix(f"relations[{old}].")
    if swapped:
        slot = {"subject": "object", "object": "subject"}.get(slot, slot)
    return Issue(issue.kind, issue.detail, f"relations[{new}].{slot}")
