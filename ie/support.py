"""What the marks in a text say of an answer: facts without their support are told, not returned.

A small model says much of which its tagger saw nothing, and is mostly wrong then. How much support
a fact needs depends on what the tagger's head finds of its corpus; a model's style says it.
"""

from collections.abc import Sequence, Set

import msgspec

from .data import Entity, Extraction, Issue, Relation
from .parse_json import excerpt
from .tagger import Word


def supported(
    extraction: Extraction, text: str, words: Sequence[Word], known: Set[str], least: int
) -> Extraction:
    """Return the extraction without names and relations that have too little support.

    A name has 1 point where something is marked from its start to its end. A relation has 2 where
    its object is marked with its predicate, or 1 where it is marked as anything else, and 1 more
    where its subject is marked. What is left out becomes an issue, kind `ambiguous`.

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

    def of_name(entity: Entity) -> int:
        return int((entity.start, entity.end) in spans)

    def of_relation(relation: Relation) -> int:
        said = relation.object.text
        ends = 2 if (said, relation.type) in marked else int(said in strings)
        return ends + (relation.subject.text in strings)

    issues = list(extraction.issues)
    entities, relations = [], []
    for entity in extraction.entities:
        if entity.type not in known or of_name(entity) >= least:
            entities.append(entity)
        else:
            issues.append(_unsure(f"{excerpt(entity.text)!r} {entity.type!r}"))
    for relation in extraction.relations:
        if relation.type not in known or of_relation(relation) >= least:
            relations.append(relation)
        else:
            ends = excerpt(relation.subject.text), relation.type, excerpt(relation.object.text)
            issues.append(_unsure(" | ".join(ends)))
    return msgspec.structs.replace(
        extraction, entities=tuple(entities), relations=tuple(relations), issues=tuple(issues)
    )


def _unsure(fact: str) -> Issue:
    return Issue("ambiguous", f"{fact} was left out: the tagger sees too little of it in the text")
