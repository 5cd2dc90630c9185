"""One direction for facts that a corpus states in both: inverse and symmetric relations.

FinRE says (A, 收购, B) and (B, 被收购, A), and (A, 合作, B) and (B, 合作, A). The direction kept is
that in which scores compare them.
"""

import msgspec

from chinchilla.converters.report import Place, Report
from chinchilla.data.documents import Document, Issue, Relation
from chinchilla.data.equivalence import turned
from chinchilla.data.schema import Schema


def canonicalised(document: Document, schema: Schema, report: Report, place: Place) -> Document:
    """Return the document with each fact once; what is folded together is counted."""
    kept: dict[tuple[str, str, str], tuple[int, bool, Relation]] = {}
    for i, relation in enumerate(document.relations):
        found = turned(relation, schema)
        key = (found.type, found.subject.text, found.object.text)
        if key in kept:
            what = f"{document.id}: {found.subject.text} {found.type} {found.object.text}"
            report.note("same fact in both directions folded", place, what)
            continue
        kept[key] = (i, found is not relation, found)
    issues: list[Issue] = []
    for new, (old, swapped, _) in enumerate(kept.values()):
        issues += [_moved(issue, old, new, swapped) for issue in document.issues if _of(issue, old)]
    relations = tuple(relation for _, _, relation in kept.values())
    return msgspec.structs.replace(document, relations=relations, issues=tuple(issues))


def _of(issue: Issue, index: int) -> bool:
    return issue.where.startswith(f"relations[{index}].")


def _moved(issue: Issue, old: int, new: int, swapped: bool) -> Issue:
    slot = issue.where.removeprefix(f"relations[{old}].")
    if swapped:
        slot = {"subject": "object", "object": "subject"}.get(slot, slot)
    return Issue(issue.kind, issue.detail, f"relations[{new}].{slot}")
