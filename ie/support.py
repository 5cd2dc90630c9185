"""What the marks in a text say of an answer: facts without their support are told, not returned.

A small model says much of which its tagger saw nothing, and is mostly wrong then. How much support
a fact needs depends on what the tagger's head finds of its corpus; a model's style says it.
"""

from collections.abc import Sequence, Set

import msgspec

from .data import Entity, Extraction, Issue, Relation
from .merge import keep
from .parse_json import excerpt
from .tagger import Word


def supported(
    extraction: Extraction, text: str, words: Sequence[Word], known: Set[str], least: int
) -> Extraction:
    """Return the extraction without names and relations that have too little support.

    A name has 1 point where something is marked from its start to its end. A relation has 2 where
    its object is marked with its predicate, or 1 where it is marked as anything else, and 1 more
    where its subject is marked. What is left out becomes one issue, `ungrounded` if it names what is
    not in the text, otherwise `ambiguous`; other issues about it are dropped.

    Args:
        extraction: of the text.
        text: the text of one prompt.
        words: what the tagger sees in it, asked for or not: start, end, kind.
        known: labels that it may mark; facts of other labels stay, as do relations whose label in
            the schema is not their predicate alone.
        least: points that are needed.
    """
    spans = {(start, end) for start, end, _ in words}
    # By string: of a mention that occurs several times another occurrence may be the marked one.
    marked = {(text[start:end], kind) for start, end, kind in words}
    strings = {string for string, _ in marked}

    def points(fact: Entity | Relation) -> int:
        if isinstance(fact, Entity):
            return int((fact.start, fact.end) in spans)
        said = fact.object.text
        ends = 2 if (said, fact.type) in marked else int(said in strings)
        return ends + (fact.subject.text in strings)

    left_out: list[Issue] = []

    def is_wanted(value: object) -> bool:
        if not isinstance(value, Entity | Relation) or value.type not in known:
            return True
        if points(value) >= least:
            return True
        left_out.append(_unsure(value))
        return False

    kept = keep(extraction, is_wanted)
    return msgspec.structs.replace(kept, issues=(*kept.issues, *dict.fromkeys(left_out)))


def settled(extraction: Extraction) -> Extraction:
    """Return the extraction of a text read in windows without issues that no longer hold.

    A relation left out of one window may be returned from another that overlaps it.
    """
    returned = {_unsure(relation) for relation in extraction.relations}
    issues = tuple(issue for issue in extraction.issues if issue not in returned)
    return msgspec.structs.replace(extraction, issues=issues)


def _unsure(fact: Entity | Relation) -> Issue:
    names = [fact] if isinstance(fact, Entity) else [fact.subject, fact.object]
    first, *others = (excerpt(name.text) for name in names)
    told = " | ".join([first, fact.type or "", *others]) + ": left out,"
    if lost := [name.text for name in names if name.start is None]:
        return Issue("ungrounded", f"{told} {excerpt(lost[0])!r} is not in the text")
    return Issue("ambiguous", f"{told} the tagger sees too little of it in the text")
