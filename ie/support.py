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
    where its subject is marked. What is left out becomes an issue, kind `ambiguous`, in place of issues
    about it.

    Args:
        extraction: of the text.
        text: the text of one prompt.
        words: what is marked in it: start, end, kind.
        known: labels that may be marked; facts of other labels stay.
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
    return msgspec.structs.replace(kept, issues=(*kept.issues, *left_out))


def _unsure(fact: Entity | Relation) -> Issue:
    parts = [fact.text] if isinstance(fact, Entity) else [fact.subject.text, fact.object.text]
    told = " | ".join([excerpt(parts[0]), fact.type, *map(excerpt, parts[1:])])
    return Issue("ambiguous", f"{told}: left out, the tagger sees too little of it in the text")
