"""The mentions of one document, each with the thing that it names as far as the document tells.

A key is what mentions of one thing share: the kind (or the type) and the core of the name. Which
name a short one stands for is decided only where the document leaves one choice.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from ...data.documents import Argument, Document, Entity
from .decisions import Decisions
from .known_words import PLACE_LETTERS, is_body, is_dated
from .names import (
    ORGANISATION,
    PERSON,
    PLACE,
    PLACE_FORMS,
    TIME,
    Name,
    is_abbreviation,
    is_part_of_person,
    is_reference,
    is_short_for,
    kind_of,
    take_apart,
)

# Behind the core of a key: the document, where a name is not the same thing as in others.
APART = "\x1f"
_DECLARED = re.compile(
    r"[(（]\s*(?:以下|下文|下称|后文)?\s*(?:统称|简称|下称|又称|简称为)[:：为]?\s*([^)）]{1,40})[)）]"
)
_SAID = re.compile(r"[“\"「『']?([^“”\"「」『』'、,，;；或]+)[”\"」』']?")
_COMPANY_TYPE = re.compile("公司|企业")
# What stands between things that are listed.
_LISTED = re.compile("[、，,和与及]")
# What 该行 and 该校 can lead to; all others lead to a company.
_LEADS_TO = {"行": re.compile("银行"), "校": re.compile("大学|学校|学院|中学|小学")}


@dataclass
class KeyedMention:
    """A mention with its key; `reason` and `stands_for` say why the key is another name's.

    `removed` are the reasons for which its core is shorter than the name.
    """

    text: str
    type: str
    start: int | None
    end: int | None
    score: float | None
    kind: str
    name: Name
    key: str = ""
    reason: str = ""
    stands_for: str = ""


@dataclass
class _Names:
    """The distinct names of one group in a document, by core; the first mention of each."""

    first: dict[str, KeyedMention] = field(default_factory=dict)
    full: set[str] = field(default_factory=set)


def find_mentions(document: Document, decisions: Decisions) -> list[KeyedMention]:
    """Return every typed mention of a document once, with its key, in the order of the text."""
    mentions = _gathered(document, decisions)
    groups: dict[str, _Names] = {}
    for mention in mentions:
        if not is_reference(mention.text):
            names = groups.setdefault(_group(mention, decisions), _Names())
            names.first.setdefault(mention.name.core, mention)
            if mention.name.is_full:
                names.full.add(mention.name.core)
    links = {group: _links(document.text, names, decisions) for group, names in groups.items()}
    for number, mention in enumerate(mentions):
        if is_reference(mention.text):
            _follow(mention, mentions[:number], document, decisions)
        else:
            _settle(mention, links[_group(mention, decisions)], document, decisions)
    return mentions


def _gathered(document: Document, decisions: Decisions) -> list[KeyedMention]:
    """Return the mentions: entities first, for their types are those of the schema's names."""
    types = {entity.text: entity.type for entity in document.entities}
    found: dict[tuple[int | None, int | None, str, str], KeyedMention] = {}
    for entity in _entities(document):
        type_ = entity.type or types.get(entity.text) or ""
        kind = kind_of(type_)
        name = take_apart(entity.text, kind, decisions.refused)
        if decisions.is_split(entity.text):
            whole = take_apart(entity.text, kind, decisions.refused | {"legal-form", "title"})
            name = Name(whole.core, name.removed)
        mention = KeyedMention(
            *(entity.text, type_, entity.start, entity.end, entity.score, kind), name
        )
        place = (entity.start, entity.end, entity.text, _group(mention, decisions))
        known = found.setdefault(place, mention)
        if known.score is None or (entity.score or 0) > known.score:
            known.score = entity.score if entity.score is not None else known.score
    # What is not in the text is read as standing behind it.
    end = len(document.text)
    return sorted(found.values(), key=lambda m: (end if m.start is None else m.start, m.end or end))


def _entities(document: Document) -> Iterator[Entity]:
    yield from document.entities
    for relation in document.relations:
        yield relation.subject
        yield relation.object
        yield from relation.qualifiers.values()


def _group(mention: KeyedMention, decisions: Decisions) -> str:
    """Return what names must share to be compared: their kind, or their type if none is known."""
    return mention.type if "type" in decisions.refused else mention.kind or mention.type


def place_of(entity: Entity, mentions: Iterable[KeyedMention]) -> KeyedMention | None:
    """Return the mention of a relation's end: the one in its place with its type, or kind, or any."""
    same = [
        m for m in mentions if (m.start, m.end, m.text) == (entity.start, entity.end, entity.text)
    ]
    kind = kind_of(entity.type)
    for fits in (lambda m: m.type == entity.type, lambda m: kind and m.kind == kind):
        if chosen := next(filter(fits, same), None):
            return chosen
    return same[0] if same else None


def head_of(argument: Argument, mentions: Iterable[KeyedMention]) -> KeyedMention | None:
    """Return the longest name that an argument ends with: 李强 of 国务院总理李强. Of several named none."""
    if argument.start is None or _LISTED.search(argument.text):
        return None
    ends = [m for m in mentions if m.kind and m.end == argument.end and m.start is not None]
    within = [m for m in ends if m.start >= argument.start]  # type: ignore[operator]
    return min(within, key=lambda m: m.start or 0, default=None)


def _links(text: str, names: _Names, decisions: Decisions) -> dict[str, tuple[str, str, str]]:
    """Return, per core, the core of the name that it stands for, the reason, and that name."""
    declared = dict(_declared(text, names))
    links: dict[str, tuple[str, str, str]] = {}
    for core, mention in names.first.items():
        if core in declared:
            choices = [("declared", declared[core])]
        else:
            choices = [
                (reason, other)
                for other, full in names.first.items()
                if other != core and (reason := _reason(mention, full, names.full))
            ]
        choices = [
            (reason, other)
            for reason, other in choices
            if decisions.allows(reason, mention.text, names.first[other].text)
        ]
        if len({other for _, other in choices}) == 1:
            reason, other = choices[0]
            links[core] = (other, reason, names.first[other].text)
        place = _place_of_letter(core, names.first) if mention.kind == PLACE else ""
        if place and decisions.allows("place-letter", mention.text, place):
            links[core] = (place, "place-letter", place)
    return links


def _place_of_letter(core: str, names: Iterable[str]) -> str:
    """Return the place that a letter stands for: the only one there is, or that the document names."""
    places = PLACE_LETTERS.get(core, frozenset())
    if len(places) > 1:
        places = places.intersection(
            place
            for name in names
            for place in places
            if name.removeprefix(place) in ("", *PLACE_FORMS)
        )
    return next(iter(places)) if len(places) == 1 else ""


def _declared(text: str, names: _Names) -> Iterator[tuple[str, str]]:
    """Yield short and full cores of which the text says that they are one."""
    for core, mention in names.first.items():
        match = None if mention.end is None else _DECLARED.match(text, mention.end)
        if match is None:
            continue
        for said in _SAID.findall(match[1]):
            short = take_apart(said, mention.kind).core
            if short != core and short in names.first:
                yield short, core


def _reason(short: KeyedMention, full: KeyedMention, with_form: set[str]) -> str:
    """Return why one name of a document may be short for another; '' where it may not."""
    one, other = short.name.core, full.name.core
    if short.kind == ORGANISATION:
        if other in with_form and one not in with_form and is_short_for(one, other):
            return "short-name"
        # 中海集团 has its form, so it is no short name of a body without one.
        is_bare = one not in with_form or other in with_form
        return "abbreviation" if is_bare and is_abbreviation(one, other) else ""
    if short.kind == PERSON:
        if len(one) == 1 and "title" in short.name.removed:
            before = (full.start or 0) < (short.start or 0)
            is_same = other.startswith(one) and 2 <= len(other) <= 4 and "·" not in other
            return "surname" if before and is_same else ""
        return "short-name" if is_part_of_person(one, other) else ""
    return ""


def _settle(
    mention: KeyedMention,
    links: dict[str, tuple[str, str, str]],
    document: Document,
    decisions: Decisions,
) -> None:
    """Give a name its key."""
    group, core = _group(mention, decisions), mention.name.core
    apart = decisions.apart(mention.text, mention.type, document.id)
    if apart:
        mention.key = f"{group}\t{core}{APART}{apart}"
        return
    seen = {core}
    while core in links and links[core][0] not in seen:
        core, reason, mention.stands_for = links[core]
        seen.add(core)
        mention.reason = mention.reason or reason
    mention.key = f"{group}\t{core}"
    if _is_alone(mention.kind, core):
        mention.key += f"{APART}{document.id}"


def _is_alone(kind: str, core: str) -> bool:
    """Return whether a name is another thing in another document: 王, 今天, 市委, 巴 of an unknown country."""
    return (
        (kind == PERSON and len(core) == 1)
        or (kind == TIME and not is_dated(core))
        or (kind == ORGANISATION and is_body(core))
        or (kind == PLACE and len(PLACE_LETTERS.get(core, "")) > 1)
    )


def _follow(
    mention: KeyedMention, before: list[KeyedMention], document: Document, decisions: Decisions
) -> None:
    """Give a mention that is no name the key of what it leads to, else one of this document."""
    group = _group(mention, decisions)
    named = _last_company(mention, before, group, decisions)
    if named is None:
        mention.key = f"{group}\t{mention.name.core}{APART}{document.id}"
    else:
        mention.key, mention.reason, mention.stands_for = named.key, "reference", named.text


def _last_company(
    mention: KeyedMention, before: list[KeyedMention], group: str, decisions: Decisions
) -> KeyedMention | None:
    if mention.kind != ORGANISATION or mention.start is None:
        return None
    wanted = _LEADS_TO.get(mention.text[-1])
    for other in reversed(before):
        if _group(other, decisions) != group or is_reference(other.text):
            continue
        is_company = other.name.is_full or other.reason == "short-name"
        is_company = is_company or _COMPANY_TYPE.search(other.type) is not None
        if wanted.search(other.text) if wanted else is_company:
            return other if decisions.allows("reference", mention.text, other.text) else None
    return None
