"""What cannot be so: facts that the embedded model says and common sense refuses.

A thing stands in no relation to itself; a person is no place; and who does something in one sentence
is rarely named in another. What is refused is told in an issue each.
"""

import re
from collections.abc import Collection, Mapping

import msgspec

from ..data.documents import Event, Extraction, Issue, Relation
from ..data.issues import excerpt
from ..merge.extractions import keep
from .tagger import Word

# What names the tagger tells apart, and the end types of relations that each of them can be.
PERSON, PLACE, ORGANISATION = "人名", "地名", "机构名"
_FITTING = {
    "人物": {PERSON},
    "地点": {PLACE, ORGANISATION},
    "国家": {PLACE, ORGANISATION},
    "城市": {PLACE, ORGANISATION},
    **dict.fromkeys(("企业", "机构", "学校", "企业/品牌"), {PLACE, ORGANISATION}),
}
_SENTENCE_END = re.compile(r"[。！？!?；;\n]")


def plausible(
    extraction: Extraction, text: str, names: Mapping[str, Collection[str]], marks: Collection[Word]
) -> Extraction:
    """Return the extraction without what cannot be so, which becomes issues.

    Left out are relations of a thing with itself; relations with an end that is seen as another
    kind of name alone; and arguments that stand in another sentence than their trigger, unless they are
    marked with their role.

    Args:
        extraction: of the text, offsets counting from its start.
        text: the text of one prompt.
        names: the strings that are seen as names in it, with their kinds.
        marks: what is marked in it: start, end, label.
    """
    refused: list[Issue] = []
    owners = {id(argument): event for event in extraction.events for argument in event.arguments}

    def is_wanted(value: object) -> bool:
        if isinstance(value, Relation):
            problem = _relation_problem(value, names)
            said = [value.subject.text, value.type, value.object.text]
        elif (event := owners.get(id(value))) is not None:
            problem = _argument_problem(value, event, text, marks)
            said = [value.text, value.role, event.type]  # type: ignore[attr-defined]
        else:
            return True
        if problem:
            refused.append(Issue("withheld", f"{' | '.join(map(excerpt, said))}: {problem}"))
        return not problem

    kept = keep(extraction, is_wanted)
    if not refused:
        return extraction
    return msgspec.structs.replace(kept, issues=(*kept.issues, *dict.fromkeys(refused)))


def _relation_problem(relation: Relation, names: Mapping[str, Collection[str]]) -> str:
    if relation.subject.text == relation.object.text:
        return "left out, a thing stands in no relation to itself"
    for end in (relation.subject, relation.object):
        fitting, seen = _FITTING.get(end.type or ""), names.get(end.text)
        if fitting and seen and fitting.isdisjoint(seen):
            kind = "、".join(sorted(seen))
            return f"left out, {excerpt(end.text)!r} is seen as {kind}, not as {end.type}"
    return ""


def _argument_problem(argument: object, event: Event, text: str, marks: Collection[Word]) -> str:
    start, end = argument.start, argument.end  # type: ignore[attr-defined]
    trigger = event.trigger
    if start is None or trigger is None or trigger.start is None or trigger.end is None:
        return ""
    between = text[min(end, trigger.end) : max(start, trigger.start)]
    is_marked = (start, end, argument.role) in marks  # type: ignore[attr-defined]
    if is_marked or not _SENTENCE_END.search(between):
        return ""
    return "left out, it stands in another sentence than the trigger"
