"""Texts and a schema in, extractions out: the path of the embedded reader.

A text is cut in windows, the encoder reads each once, the heads score spans and links under the
labels of the schema, and what fits together is kept.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import msgspec
import numpy as np

from chinchilla.data import Argument, Entity, Event, Extraction, Mention, Relation
from chinchilla.data.documents import map_mentions
from chinchilla.data.schema import TASKS, EventType, RelationType, Role, Schema, SchemaType

from .characters import BOS, PAD, Characters
from .heads import Heads, LabelParts
from .labels import ENTITY, KINDS, TRIGGER, Label, Plan, Texts
from .words import Array, Words

# own ids, covering ids [B, 1 + T] and lengths [B] (with `<s>`) to vectors [B, 1 + T, H]
Encode = Callable[[Array, Array, Array], Array]

WINDOW = 380
OVERLAP = 60
_CANDIDATE = -4.0
_MOST = 12


@dataclass
class Rules:
    """Decision rules: score thresholds by kind, temperature and offset of probabilities by kind."""

    least: dict[str, float] = field(default_factory=dict)
    slope: dict[str, float] = field(default_factory=dict)
    offset: dict[str, float] = field(default_factory=dict)

    def threshold(self, kind: int) -> float:
        """Return the score from which a span or link of this kind is taken."""
        return self.least.get(KINDS[kind], 0.0)

    def probability(self, kind: int, score: float) -> float:
        """Return the calibrated probability of a score."""
        name = KINDS[kind]
        z = self.slope.get(name, 1.0) * score + self.offset.get(name, 0.0)
        return float(1 / (1 + np.exp(-np.clip(z, -30, 30))))


@dataclass
class Questions:
    """The plan of a schema and what its places stand for."""

    plan: Plan = field(default_factory=Plan)
    entities: list[tuple[str, int]] = field(default_factory=list)
    relations: list[tuple[RelationType, int]] = field(default_factory=list)
    events: list[tuple[EventType, int | None, list[int], list[int], int]] = field(
        default_factory=list
    )


def ask(schema: Schema, tasks: Sequence[str] = TASKS) -> Questions:
    """Return what a schema asks, as labels."""
    questions = Questions()
    plan = questions.plan
    if "ner" in tasks:
        for entity in schema.entities:
            questions.entities.append((entity.name, plan.entity(texts_of(entity))))
    if "re" in tasks:
        for relation in schema.relations:
            ends = [(end,) if end else () for end in (relation.subject, relation.object)]
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
    shown = item.examples[:5] if examples else ()
    return (item.name, *((item.description,) if item.description else ()), *shown)


@dataclass(frozen=True)
class Span:
    """A candidate: place of its label, start, end, score."""

    place: int
    start: int
    end: int
    score: float


class Reader:
    """The embedded model at work."""

    def __init__(
        self, characters: Characters, words: Words, heads: Heads, encode: Encode, rules: Rules
    ) -> None:
        self.characters = characters
        self.words = words
        self.heads = heads
        self.encode = encode
        self.rules = rules

    def read(
        self,
        texts: Sequence[str],
        schema: Schema,
        tasks: Sequence[str] = TASKS,
        *,
        flat: bool = False,
        batch: int = 4000,
    ) -> list[Extraction]:
        """Return an extraction a text.

        `flat` keeps the best of entities that overlap; else nested ones of other types stay.
        `batch` is the number of characters that the encoder reads at once.
        """
        questions = ask(schema, tasks)
        vectors = Vectors(self, questions.plan)
        windows = [(k, start, part) for k, text in enumerate(texts) for start, part in cut(text)]
        found: list[list[tuple[int, int, Extraction]]] = [[] for _ in texts]
        for group in _groups([len(part) for _, _, part in windows], batch):
            parts = [windows[k][2] for k in group]
            for k, x in zip(group, self._vectors(parts), strict=True):
                text, start, part = windows[k]
                one = Decoder(self, questions, vectors, part, x, flat).extraction()
                found[text].append((start, len(part), one))
        return [
            _joined(sorted(parts, key=lambda p: p[0]), text)
            for parts, text in zip(found, texts, strict=True)
        ]

    def _vectors(self, texts: list[str]) -> list[Array]:
        width = 1 + max(map(len, texts))
        own = np.full((len(texts), width), PAD, np.int32)
        cover = np.full((len(texts), width), PAD, np.int32)
        own[:, 0] = cover[:, 0] = BOS
        for k, (a, b) in enumerate(self.characters.encode(texts)):
            own[k, 1 : 1 + len(a)] = a
            cover[k, 1 : 1 + len(b)] = b
        lengths = np.array([1 + len(text) for text in texts], np.int32)
        x = self.encode(own, cover, lengths)
        return [row[1:length] for row, length in zip(x, lengths, strict=True)]

    def vector(self, label: Label) -> Array:
        """Return the vectors of a label's texts and context, [2H]."""
        sides = [
            self.words.vectors(texts).mean(0) if texts else np.zeros(self.words.hidden, np.float32)
            for texts in (label.texts, label.context)
        ]
        return np.concatenate(sides)


class Vectors:
    """The label vectors of a plan: `spans` and `links`."""

    def __init__(self, reader: Reader, plan: Plan) -> None:
        every = [*plan.spans, *plan.link_labels]
        texts = sorted({t for label in every for t in (*label.texts, *label.context)})
        if texts:
            reader.words.vectors(texts)
        self.spans = _parts(reader, plan.spans)
        self.links = _parts(reader, plan.link_labels)
        alone = (ENTITY, TRIGGER)  # spans that need no link are candidates from their threshold on
        self.least = np.array(
            [reader.rules.threshold(s.kind) if s.kind in alone else _CANDIDATE for s in plan.spans]
        )


def _parts(reader: Reader, labels: list[Label]) -> LabelParts:
    if not labels:
        return reader.heads.labels(
            np.zeros((0, 2 * reader.words.hidden), np.float32), np.zeros(0, int)
        )
    table = np.stack([reader.vector(label) for label in labels]).astype(np.float32)
    return reader.heads.labels(table, np.array([label.kind for label in labels]))


def cut(text: str) -> list[tuple[int, str]]:
    """Return windows (start, part) that cover the text, each OVERLAP characters into the next."""
    if not text.strip():
        return []
    starts = [0]
    while starts[-1] + WINDOW < len(text):
        starts.append(starts[-1] + WINDOW - OVERLAP)
    return [(start, text[start : start + WINDOW]) for start in starts]


def _groups(lengths: list[int], most: int) -> list[list[int]]:
    groups: list[list[int]] = []
    for k in sorted(range(len(lengths)), key=lambda k: lengths[k]):
        if groups and (len(groups[-1]) + 1) * (lengths[k] + 1) <= most:
            groups[-1].append(k)
        else:
            groups.append([k])
    return groups


class Decoder:
    """Keeps what fits together in one window."""

    def __init__(
        self,
        reader: Reader,
        questions: Questions,
        vectors: Vectors,
        text: str,
        x: Array,
        flat: bool,
    ) -> None:
        self.reader = reader
        self.rules = reader.rules
        self.questions = questions
        self.vectors = vectors
        self.text = text
        self.x = x
        self.flat = flat
        plan = questions.plan
        found = reader.heads.spans(x, vectors.spans, vectors.least) if plan.spans else []
        self.spans = [_best(k, *one) for k, one in enumerate(found)]

    def extraction(self) -> Extraction:
        """Return entities, relations and events of the window."""
        return Extraction(self.entities(), self.relations(), self.events())

    def _mention(self, span: Span) -> tuple[str, int, int]:
        return self.text[span.start : span.end], span.start, span.end

    def _score(self, kind: int, score: float) -> float:
        return round(self.rules.probability(kind, score), 4)

    def entities(self) -> tuple[Entity, ...]:
        """Return the entities, the best of those that cross each other."""
        least = self.rules.threshold(0)
        spans = [
            (name, span)
            for name, place in self.questions.entities
            for span in self.spans[place]
            if span.score >= least
        ]
        kept: list[tuple[str, Span]] = []
        for name, span in sorted(spans, key=lambda item: -item[1].score):
            if not any(_clash(span, other, self.flat) for _, other in kept):
                kept.append((name, span))
        kept.sort(key=lambda item: (item[1].start, item[1].end))
        return tuple(
            Entity(name, *self._mention(span), self._score(0, span.score)) for name, span in kept
        )

    def relations(self) -> tuple[Relation, ...]:
        """Return the relations whose pairs score enough; subject and object differ."""
        found = []
        for relation, place in self.questions.relations:
            link = self.questions.plan.links[place]
            for head, tail, score in self._pairs(
                link.label, self.spans[link.head], self.spans[link.tail]
            ):
                if score >= self.rules.threshold(5) and self._differ(head, tail):
                    ends = (
                        Entity(relation.subject, *self._mention(head), self._score(3, head.score)),
                        Entity(relation.object, *self._mention(tail), self._score(4, tail.score)),
                    )
                    found.append(Relation(relation.name, *ends, score=self._score(5, score)))
        return tuple(found)

    def _differ(self, head: Span, tail: Span) -> bool:
        return self.text[head.start : head.end] != self.text[tail.start : tail.end]

    def _pairs(
        self, label: int, heads: list[Span], tails: list[Span]
    ) -> list[tuple[Span, Span, float]]:
        pairs = [
            (head, tail)
            for head in heads
            for tail in tails
            if (head.start, head.end) != (tail.start, tail.end)
        ]
        if not pairs:
            return []
        links = self.vectors.links
        scores = self.reader.heads.links(
            self.x,
            np.array([(head.start, head.end) for head, _ in pairs]),
            np.array([(tail.start, tail.end) for _, tail in pairs]),
            np.array([(head.score, tail.score) for head, tail in pairs], np.float32),
            links.link[label][None],
            links.link_bias[label][None],
        )
        return [(*pair, float(score)) for pair, score in zip(pairs, scores, strict=True)]

    def events(self) -> tuple[Event, ...]:
        """Return the events: one a trigger, or the groups of arguments without triggers."""
        found: list[Event] = []
        for event, head, places, links, same in self.questions.events:
            if head is None:
                found += self._grouped(event, places, same)
            else:
                found += self._triggered(event, head, links)
        return tuple(found)

    def _triggered(self, event: EventType, head: int, links: list[int]) -> list[Event]:
        triggers = [s for s in self.spans[head] if s.score >= self.rules.threshold(1)]
        arguments: dict[Span, list[Argument]] = {trigger: [] for trigger in triggers}
        for role, place in zip(event.roles, links, strict=True):
            link = self.questions.plan.links[place]
            for trigger, span, score in self._pairs(link.label, triggers, self.spans[link.tail]):
                if score >= self.rules.threshold(6):
                    arguments[trigger] += self._argument(role, span, self._score(6, score))
        return [
            Event(
                event.name,
                Mention(*self._mention(trigger), self._score(1, trigger.score)),
                tuple(found),
                self._score(1, trigger.score),
            )
            for trigger, found in arguments.items()
        ]

    def _argument(self, role: Role, span: Span, score: float) -> list[Argument]:
        """Return the argument; of an enum role the value that the span names, if any."""
        text, start, end = self._mention(span)
        if not role.values or text in role.values:
            return [Argument(role.name, text, start, end, score)]
        named = [value for value in role.values if value in text or text in value]
        return [Argument(role.name, value, None, None, score) for value in named[:1]]

    def _grouped(self, event: EventType, places: list[int], same: int) -> list[Event]:
        least = self.rules.threshold(2)
        spans = [
            (role, span)
            for role, place in zip(event.roles, places, strict=True)
            for span in self.spans[place]
            if span.score >= least
        ]
        groups: list[list[tuple[Role, Span]]] = []
        for role, span in sorted(spans, key=lambda item: -item[1].score):
            joined = self._group_of(groups, span, same)
            if joined is None:
                groups.append([(role, span)])
            else:
                joined.append((role, span))
        found = []
        for group in groups:
            arguments = [
                argument
                for role, span in group
                for argument in self._argument(role, span, self._score(2, span.score))
            ]
            best = self._score(2, max(span.score for _, span in group))
            if arguments:
                found.append(Event(event.name, None, tuple(arguments), best))
        return found

    def _group_of(
        self, groups: list[list[tuple[Role, Span]]], span: Span, same: int
    ) -> list[tuple[Role, Span]] | None:
        best, value = None, self.rules.threshold(7)
        for group in groups:
            others = [s for _, s in group if (s.start, s.end) != (span.start, span.end)]
            ordered = [min((s, span), (span, s), key=lambda p: p[0].start) for s in others]
            scores = [score for a, b in ordered for *_, score in self._pairs(same, [a], [b])]
            mean = float(np.mean(scores)) if scores else value
            if mean >= value:
                best, value = group, mean
        return best


def _best(place: int, starts: Array, ends: Array, scores: Array) -> list[Span]:
    """Return the best spans of one label, no two of which overlap."""
    kept: list[Span] = []
    for k in np.argsort(-scores, kind="stable"):
        span = Span(place, int(starts[k]), int(ends[k]), float(scores[k]))
        if all(span.end <= other.start or span.start >= other.end for other in kept):
            kept.append(span)
            if len(kept) == 4 * _MOST:
                break
    return kept


def _clash(a: Span, b: Span, flat: bool) -> bool:
    if a.end <= b.start or b.end <= a.start:
        return False
    if (a.start, a.end) == (b.start, b.end):
        return flat or a.place == b.place
    nested = (a.start <= b.start and b.end <= a.end) or (b.start <= a.start and a.end <= b.end)
    return flat or not nested


def _joined(parts: list[tuple[int, int, Extraction]], text: str) -> Extraction:
    """Join the windows of a text; where two overlap, each gives what begins in its half."""
    if len(parts) == 1 and parts[0][0] == 0:
        return parts[0][2]
    entities: list[Entity] = []
    relations: list[Relation] = []
    events: list[Event] = []
    for k, (start, length, one) in enumerate(parts):
        low = 0 if k == 0 else start + OVERLAP // 2
        high = len(text) if k == len(parts) - 1 else start + length - OVERLAP // 2
        moved = _moved(one, start)
        entities += [e for e in moved.entities if low <= (e.start or 0) < high]
        relations += [r for r in moved.relations if low <= (r.subject.start or 0) < high]
        events += [e for e in moved.events if low <= _anchor(e) < high]
    return Extraction(tuple(entities), tuple(relations), tuple(events))


def _anchor(event: Event) -> int:
    if event.trigger is not None:
        return event.trigger.start or 0
    return min((a.start or 0 for a in event.arguments), default=0)


def _moved(extraction: Extraction, by: int) -> Extraction:
    def move(item: Mention) -> Mention:
        if item.start is None or item.end is None:
            return item
        return msgspec.structs.replace(item, start=item.start + by, end=item.end + by)

    return map_mentions(extraction, move) if by else extraction
