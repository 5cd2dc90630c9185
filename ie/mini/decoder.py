"""From the scores of one window to facts that fit together and fit the schema."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np

from ..data.documents import Argument, Entity, Event, Extraction, Issue, Mention, Relation
from ..data.schema import EventType, RelationType, Role
from ..merge.extractions import keep
from .heads import Heads, LabelParts
from .labels import ARGUMENT, ENTITY, OBJECT, RELATION, ROLE, SAME, SUBJECT, TRIGGER
from .questions import Questions
from .rules import Rules
from .withheld import unsure, withheld
from .words import Array

# Spans that stand in a link are candidates from this score on: at most so many of a label. One that
# scores _INNER may stand inside another or around it.
_CANDIDATE, _MOST_LINKED, _INNER = -4.0, 12, -2.0
_MOST = 64
# A name may be of two types that are weighed apart, if the scores differ by less.
_RIVAL = 2.5
_ENDS = frozenset("。！？!?")
_PAIRS = tuple(zip("（(【《“「『", "）)】》”」』", strict=True))
_QUOTES = "《“「『"

Pair = tuple["Span", "Span", float]


@dataclass(frozen=True, slots=True)
class Span:
    """A candidate: place of its label, start, end, score."""

    place: int
    start: int
    end: int
    score: float

    def crosses(self, other: "Span") -> bool:
        """Whether two spans overlap, and neither holds the other."""
        return self.overlaps(other) and not (self.holds(other) or other.holds(self))

    def overlaps(self, other: "Span") -> bool:
        """Whether two spans share a character."""
        return self.start < other.end and other.start < self.end

    def holds(self, other: "Span") -> bool:
        """Whether the other span stands inside this one."""
        return self.start <= other.start and other.end <= self.end


class AskedLabels:
    """Questions with the vectors of their labels, and the least scores of candidates."""

    def __init__(
        self, questions: Questions, spans: LabelParts, links: LabelParts, rules: Rules
    ) -> None:
        self.questions = questions
        self.spans = spans
        self.links = links
        self.rules = rules
        # Spans that need no link are returned, or told, by their own score.
        alone = {place for _, place in questions.entities}
        for _, head, roles, _, _ in questions.events:
            alone |= {head} if head is not None else set(roles)
        self.alone = alone
        heads = [(event.name, head) for event, head, *_ in questions.events if head is not None]
        named = [*questions.entities, *heads]
        unmet = {place for name, place in named if name not in questions.known}
        self.unmet = {place: rules.unmet * (place in unmet) for place in alone}
        self.least = np.array(
            [
                rules.threshold(label.kind) - rules.near - self.unmet[place]
                if place in alone
                else _CANDIDATE
                for place, label in enumerate(questions.plan.spans)
            ],
            np.float32,
        )


class Decoder:
    """Reads one window: `text` with its vectors `x` [T, H], `offset` its place in the document."""

    def __init__(
        self, heads: Heads, asked: AskedLabels, text: str, x: Array, offset: int = 0
    ) -> None:
        self.heads = heads
        self.rules = asked.rules
        self.asked = asked
        self.questions = asked.questions
        self.text = text
        self.x = x
        self.offset = offset
        self.issues: list[Issue] = []
        # The number of the sentence that each character stands in; line ends part none.
        self.sentence = list(accumulate((character in _ENDS for character in text), initial=0))
        found = heads.spans(x, asked.spans, asked.least) if len(asked.least) else []
        self.spans = [
            _best(k, *one, _MOST if k in asked.alone else _MOST_LINKED)
            for k, one in enumerate(found)
        ]
        links = [asked.questions.plan.links[place] for _, place in asked.questions.relations]
        self.ends = {
            place: _best(place, *found[place], _MOST_LINKED, _INNER)
            for place in {end for link in links for end in (link.head, link.tail)}
        }

    def extraction(self) -> Extraction:
        """Return what the window says, with issues of what is withheld."""
        entities, relations, events = self.entities(), self.relations(), self.events()
        return Extraction(entities, relations, events, tuple(dict.fromkeys(self.issues)))

    def entities(self) -> tuple[Entity, ...]:
        """Return the entities; see `_compatible` for those that overlap."""
        named = {place: name for name, place in self.questions.entities}
        spans = [span for place in named for span in self.spans[place]]
        kept = _compatible(spans, named, self.questions.known, self._far(ENTITY))
        found: dict[tuple[int, int, int], Entity] = {}
        for span, raised in self._raised(kept, named, ENTITY):
            score = self.rules.probability(ENTITY, span.score)
            text, start, end = self._mention(span)
            entity = Entity(named[span.place], text, start, end, score)
            if self._is_sure(ENTITY, raised, entity):
                found.setdefault((span.place, start, end), entity)
        return tuple(found.values())

    def _raised(
        self, spans: Sequence[Span], named: Mapping[int, str], kind: int
    ) -> Iterator[tuple[Span, float]]:
        """Yield spans with the scores that thresholds are for.

        Types that were not met score lower, which is made up for where none that was met stands.
        """
        known, least = self.questions.known, self.rules.threshold(kind)
        met = [s for s in spans if named[s.place] in known and s.score >= least]
        for span in spans:
            is_free = all(span.end <= one.start or one.end <= span.start for one in met)
            yield span, span.score + self.asked.unmet[span.place] * is_free

    def relations(self) -> tuple[Relation, ...]:
        """Return the relations whose links score enough, each pair of strings once."""
        links = [self.questions.plan.links[place] for _, place in self.questions.relations]
        wanted = [(link.label, self.ends[link.head], self.ends[link.tail]) for link in links]
        found: list[Relation] = []
        for (relation, _), pairs in zip(self.questions.relations, self._pairs(wanted), strict=True):
            said: set[tuple[str, str]] = set()
            for head, tail, score in _apart(pairs):
                if score < self.rules.threshold(RELATION) - self.rules.near:
                    break
                one = self._relation(relation, head, tail, score)
                ends = (one.subject.text, one.object.text)
                if ends in said or (relation.symmetric and ends[::-1] in said):
                    continue
                said.add(ends)
                if ends[0] == ends[1]:
                    why = "left out, a thing stands in no relation to itself"
                    self.issues.append(withheld(one, why))
                elif self._is_sure(RELATION, score, one):
                    found.append(one)
        found.sort(key=lambda r: (r.subject.start or 0, r.object.start or 0))
        return tuple(found)

    def events(self) -> tuple[Event, ...]:
        """Return the events: one a trigger, or the groups of arguments without triggers."""
        found = [*self._triggered(), *self._untriggered()]
        found.sort(key=_place)
        return tuple(found)

    def _far(self, kind: int) -> float:
        """Return the score that a span needs inside another or around it."""
        return self.rules.threshold(kind) + self.rules.nested

    def _is_sure(self, kind: int, score: float, fact: object, event: Event | None = None) -> bool:
        is_sure = score >= self.rules.threshold(kind)
        if not is_sure:
            self.issues.append(unsure(fact, event, self.offset))
        return is_sure

    def _mention(self, span: Span) -> tuple[str, int, int]:
        start, end = whole(self.text, span.start, span.end)
        return self.text[start:end], start, end

    def _relation(self, relation: RelationType, head: Span, tail: Span, score: float) -> Relation:
        probability = self.rules.probability
        return Relation(
            relation.name,
            Entity(relation.subject, *self._mention(head), probability(SUBJECT, head.score)),
            Entity(relation.object, *self._mention(tail), probability(OBJECT, tail.score)),
            score=probability(RELATION, score),
        )

    def _pairs(
        self, wanted: Sequence[tuple[int, list[Span], list[Span]]], far: float | None = None
    ) -> list[list[Pair]]:
        """Return, for each (link label, heads, tails), the scored pairs of two different spans.

        A pair loses `far` (that of the rules) if a sentence ends between its spans.
        """
        far = self.rules.far if far is None else far
        sentence = self.sentence
        pairs = [
            (k, head, tail)
            for k, (_, heads, tails) in enumerate(wanted)
            for head in heads
            for tail in tails
            if (head.start, head.end) != (tail.start, tail.end)
        ]
        found: list[list[Pair]] = [[] for _ in wanted]
        if not pairs:
            return found
        labels = np.array([wanted[k][0] for k, _, _ in pairs])
        scores = self.heads.links(
            self.x,
            np.array([(head.start, head.end) for _, head, _ in pairs]),
            np.array([(tail.start, tail.end) for _, _, tail in pairs]),
            np.array([(head.score, tail.score) for _, head, tail in pairs], np.float32),
            self.asked.links,
            labels,
        )
        for (k, head, tail), score in zip(pairs, scores.tolist(), strict=True):
            is_far = sentence[head.start] != sentence[tail.start]
            found[k].append((head, tail, score - far * is_far))
        return found

    def _triggered(self) -> list[Event]:
        heads = {head: event for event, head, *_ in self.questions.events if head is not None}
        named = {place: event.name for place, event in heads.items()}
        spans = [span for place in named for span in self.spans[place]]
        kept = _compatible(spans, named, self.questions.known, self._far(TRIGGER))
        found: dict[Span, Event] = {}
        for span, raised in self._raised(kept, named, TRIGGER):
            score = self.rules.probability(TRIGGER, span.score)
            event = Event(named[span.place], Mention(*self._mention(span), score), score=score)
            if self._is_sure(TRIGGER, raised, event):
                found[span] = event
        if not found:
            return []
        return [
            Event(event.type, event.trigger, self._arguments(links, event), event.score)
            for (span, event), links in zip(found.items(), self._links(list(found)), strict=True)
        ]

    def _links(self, triggers: list[Span]) -> list[list[tuple[Role, Span, float]]]:
        """Return the scored arguments of each trigger.

        What scores much less than another filler of its role (`spare`), or than it does with another
        trigger of the event (`shared`), gets the least score that is told as withheld.
        """
        links = self.questions.plan.links
        wanted, roles, owners = [], [], []
        for event, head, _, places, _ in self.questions.events:
            for k, trigger in enumerate(triggers):
                if trigger.place != head:
                    continue
                for role, place in zip(event.roles, places, strict=True):
                    link = links[place]
                    wanted.append((link.label, [trigger], self.spans[link.tail]))
                    roles.append(role)
                    owners.append(k)
        found: list[list[tuple[Role, Span, float]]] = [[] for _ in triggers]
        scored = list(zip(roles, owners, self._pairs(wanted), strict=True))
        told = self.rules.threshold(ARGUMENT) - self.rules.near
        best: dict[tuple[int, Span], float] = {}
        for _, owner, pairs in scored:
            for _, tail, score in pairs:
                key = triggers[owner].place, tail
                best[key] = max(score, best.get(key, score))
        for role, owner, pairs in scored:
            first = max((score for *_, score in pairs), default=0.0) - self.rules.spare
            for _, tail, score in pairs:
                fits = score >= max(first, best[triggers[owner].place, tail] - self.rules.shared)
                found[owner].append((role, tail, score if fits else min(score, told)))
        return found

    def _arguments(
        self, links: Iterable[tuple[Role, Span, float]], event: Event, kind: int = ARGUMENT
    ) -> tuple[Argument, ...]:
        """Return the arguments that score enough; a span fills one role of an event."""
        found: list[Argument] = []
        taken: set[tuple[int, int]] = set()
        for role, span, score in sorted(links, key=lambda link: -link[2]):
            if score < self.rules.threshold(kind) - self.rules.near:
                break
            place = (span.start, span.end)
            if place in taken:
                continue
            taken.add(place)
            argument = self._argument(role, span, self.rules.probability(kind, score))
            if argument is None:
                why = f"left out, it names none of {'、'.join(role.values)}"
                said = Argument(role.name, *self._mention(span))
                self.issues.append(withheld(said, why, event, self.offset))
            elif self._is_sure(kind, score, argument, event):
                found.append(argument)
        return tuple(sorted(found, key=lambda a: (a.start is None, a.start or 0, a.end or 0)))

    def _argument(self, role: Role, span: Span, score: float) -> Argument | None:
        """Return the argument; of an enum role the value that the span names, or None."""
        text, start, end = self._mention(span)
        if not role.values or text in role.values:
            return Argument(role.name, text, start, end, score)
        named = [value for value in role.values if value in text or text in value]
        return Argument(role.name, named[0], None, None, score) if named else None

    def _untriggered(self) -> list[Event]:
        found = []
        for event, head, places, _, same in self.questions.events:
            if head is not None:
                continue
            spans = [
                (role, span, span.score)
                for role, place in zip(event.roles, places, strict=True)
                for span in self.spans[place]
            ]
            for group in self._groups(spans, same):
                made = self._group(event, group)
                if made.arguments:
                    found.append(made)
        return found

    def _group(self, event: EventType, group: list[tuple[Role, Span, float]]) -> Event:
        bare = Event(event.name, None)
        arguments = self._arguments(group, bare, ROLE)
        best = max((argument.score or 0.0 for argument in arguments), default=0.0)
        return Event(event.name, None, arguments, best)

    def _groups(
        self, spans: list[tuple[Role, Span, float]], same: int
    ) -> list[list[tuple[Role, Span, float]]]:
        """Return the arguments of each event: each joins the group that it fits best."""
        every = sorted({span for _, span, _ in spans}, key=lambda s: (s.start, s.end, s.place))
        (pairs,) = self._pairs([(same, every, every)], far=0.0) if every else ([],)
        told = {(head, tail): score for head, tail, score in pairs if head.start <= tail.start}
        groups: list[list[tuple[Role, Span, float]]] = []
        for one in sorted(spans, key=lambda item: -item[2]):
            best, value = None, self.rules.threshold(SAME)
            for group in groups:
                scores = [
                    told[min((other, one[1]), (one[1], other), key=lambda pair: pair[0].start)]
                    for _, other, _ in group
                    if (other.start, other.end) != (one[1].start, one[1].end)
                ]
                mean = sum(scores) / len(scores) if scores else value
                if mean >= value:
                    best, value = group, mean
            if best is None:
                groups.append([one])
            else:
                best.append(one)
        return groups


def consistent(extraction: Extraction, known: Collection[str]) -> Extraction:
    """Return the extraction of a whole text without entities that windows typed differently.

    Of two that have one place, or cross, the better stays; as in one window, types in `known` and
    others are weighed apart. Entities without a score stay.
    """
    left_out: set[int] = set()
    open_: list[Entity] = []
    for entity in sorted(extraction.entities, key=lambda e: (e.start or 0, e.end or 0)):
        if entity.start is None or entity.end is None or entity.score is None:
            continue
        open_ = [one for one in open_ if (one.end or 0) > entity.start]
        for other in open_:
            same_group = (entity.type in known) == (other.type in known)
            holds = other.start == entity.start or (other.end or 0) >= entity.end
            if same_group and (entity.span == other.span or not holds):
                worse = min(entity, other, key=lambda e: e.score or 0.0)
                left_out.add(id(worse))
        open_.append(entity)
    return keep(extraction, lambda fact: id(fact) not in left_out) if left_out else extraction


def whole(text: str, start: int, end: int) -> tuple[int, int]:
    """Return a span with the other half of a pair that it cuts: of 今天（5月1日 with the bracket behind it.

    In front of a span only quotes are taken in: before 5月1日）下午 stands more than a bracket.
    """
    for opening, closing in _PAIRS:
        words = text[start:end]
        excess = words.count(opening) - words.count(closing)
        if excess == 1 and text.startswith(closing, end):
            end += 1
        elif excess == -1 and opening in _QUOTES and text[:start].endswith(opening):
            start -= 1
    return start, end


def _place(event: Event) -> int:
    if event.trigger is not None:
        return event.trigger.start or 0
    return min((a.start or 0 for a in event.arguments if a.start is not None), default=0)


def _best(
    place: int, starts: Array, ends: Array, scores: Array, most: int, inner: float = np.inf
) -> list[Span]:
    """Return the best spans of one label; two overlap only if one scores `inner` and none is cut."""
    kept: list[Span] = []
    if not len(scores):
        return kept
    # Ties go to the span that begins first, so that nothing hangs on an order of sorting.
    for k in np.lexsort((ends, starts, -scores)).tolist():
        span = Span(place, int(starts[k]), int(ends[k]), float(scores[k]))
        if span.score < inner and any(span.overlaps(other) for other in kept):
            continue
        if not any(span.crosses(other) for other in kept):
            kept.append(span)
            if len(kept) == most:
                break
    return kept


def _apart(pairs: Iterable[Pair]) -> Iterator[Pair]:
    """Yield pairs, best first; of those whose heads and whose tails overlap the best alone."""
    kept: list[Pair] = []
    for head, tail, score in sorted(pairs, key=lambda pair: -pair[2]):
        if not any(head.overlaps(other[0]) and tail.overlaps(other[1]) for other in kept):
            kept.append((head, tail, score))
            yield head, tail, score


def _compatible(
    spans: Iterable[Span], named: dict[int, str], known: frozenset[str], nested: float
) -> list[Span]:
    """Return the spans that may stand together, in the order of the text.

    The better of two spans of one place stays, and of two that cross; one inside another needs the
    score `nested`, whichever is the better. Types met in training and others are weighed apart, so
    that a new type takes nothing from a known one: it may mark the same name, but not cross it. Only if
    one of the two is surer by far (_RIVAL), the other goes.
    """
    kept: list[Span] = []
    for is_known in (True, False):
        some = [span for span in spans if (named[span.place] in known) == is_known]
        own: list[Span] = []
        for span in sorted(some, key=lambda s: (-s.score, s.start, s.end, s.place)):
            if any(span.crosses(other) for other in kept):
                continue
            if all(_fits(span, other, nested) for other in own):
                own.append(span)
        kept += own
    best: dict[tuple[int, int], float] = {}
    for span in kept:
        place = span.start, span.end
        best[place] = max(span.score, best.get(place, span.score))
    kept = [span for span in kept if span.score > best[span.start, span.end] - _RIVAL]
    return sorted(kept, key=lambda s: (s.start, -s.end, s.place))


def _fits(span: Span, other: Span, nested: float) -> bool:
    if span.end <= other.start or other.end <= span.start:
        return True
    if (span.start, span.end) == (other.start, other.end) or span.crosses(other):
        return False
    return span.score >= nested
