"""Documents and what is extracted from them, laid out as in their JSON form.

    {"id": "d1", "text": "雀巢裁员4000人",
     "entities": [{"type": "机构名", "text": "雀巢", "start": 0, "end": 2}]}

Offsets are 0-based, end-exclusive Unicode code points of `Document.text` exactly as read:
`text[start:end] == mention.text`, or both are None because the mention is not in the text.
Gold and predicted annotations are the same types. Every type is immutable; the JSON codec is
msgspec's, which builds these objects straight from bytes.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import msgspec

from ..errors import InputError


def _nothing() -> tuple[Any, ...]:
    # A factory of our own: msgspec leaves out defaults and what `tuple` makes, and lists are always written.
    return ()


# What a mention says in one form, such as "2024-05-10"; see `merge.values`. Flat, so that it is cheap to
# check.
Scalar = str | int | float | bool | None
Value = str | int | float | bool | dict[str, Scalar]


# gc=False throughout: JSON forms no cycles, and corpora hold millions of these.
class _Plain(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """What has a JSON form."""

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form: lists are there when empty, other fields where they say something."""
        # By way of JSON: msgspec.to_builtins would leave tuples where JSON has lists.
        plain: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(self))
        return plain


class _Located(_Plain, frozen=True, omit_defaults=True, gc=False):
    """What Mention, Entity and Argument share: a string and where it stands."""

    @property
    def span(self) -> tuple[int, int] | None:
        """`(start, end)` in code points, end-exclusive, or None when not in the text."""
        start: int | None = self.start  # type: ignore[attr-defined]
        end: int | None = self.end  # type: ignore[attr-defined]
        return None if start is None or end is None else (start, end)


class Mention(_Located, frozen=True, omit_defaults=True, gc=False):
    """A stretch of text that names something; `start` and `end` are None when ungrounded."""

    text: str
    start: int | None
    end: int | None
    score: float | None = None
    status: str = "exact"


class Entity(_Located, frozen=True, omit_defaults=True, gc=False):
    """A typed mention. `type` is None only for relation ends of corpora without entity types.

    `value` is what the mention says in one form, if it was asked for.
    """

    type: str | None
    text: str
    start: int | None
    end: int | None
    score: float | None = None
    status: str = "exact"
    value: Value | None = None


class Argument(_Located, frozen=True, omit_defaults=True, gc=False):
    """A mention that fills a role of an event; for `value` see `Entity`."""

    role: str
    text: str
    start: int | None
    end: int | None
    score: float | None = None
    status: str = "exact"
    value: Value | None = None


class Relation(_Plain, frozen=True, omit_defaults=True, gc=False):
    """A typed (subject, predicate, object) fact; `type` is the predicate.

    `qualifiers` holds the further object slots of DuIE 2.0, such as inWork.
    """

    type: str
    subject: Entity
    object: Entity
    qualifiers: dict[str, Entity] = msgspec.field(default_factory=dict)
    score: float | None = None


class Event(_Plain, frozen=True, omit_defaults=True, gc=False):
    """One event instance; `trigger` is None where the corpus or the model names none."""

    type: str
    trigger: Mention | None
    arguments: tuple[Argument, ...] = msgspec.field(default_factory=_nothing)
    score: float | None = None


class Issue(_Plain, frozen=True, omit_defaults=True, gc=False):
    """What is wrong with a result; `kind` is one of `issues.KINDS`, `where` a path into it."""

    kind: str
    detail: str
    where: str = ""


class Extraction(_Plain, frozen=True, omit_defaults=True, gc=False):
    """The entities, relations and events of one text, and the issues met on the way."""

    entities: tuple[Entity, ...] = msgspec.field(default_factory=_nothing)
    relations: tuple[Relation, ...] = msgspec.field(default_factory=_nothing)
    events: tuple[Event, ...] = msgspec.field(default_factory=_nothing)
    issues: tuple[Issue, ...] = msgspec.field(default_factory=_nothing)

    def to_rows(self) -> list[dict[str, Any]]:
        """Return the facts as flat rows, such as pandas takes: `DataFrame(extraction.to_rows())`.

        An entity has a row; a relation one for its object and each qualifier, with its subject as the
        mention; an event one for each argument, or one without, with its trigger as the mention; an issue
        one, with its kind as the type and what it says as the mention. `number` tells the facts of a kind
        apart. Every row has the same keys; what does not apply is None.
        """
        return [dict(zip(_COLUMNS, row, strict=False)) for row in _rows(self)]

    @classmethod
    def from_dict(cls, value: dict[str, Any]) -> "Extraction":
        """Build from the JSON form.

        Raises:
            InputError: a field is missing or of the wrong type.
        """
        return _convert(value, cls)


class Document(_Plain, frozen=True, omit_defaults=True, forbid_unknown_fields=True, gc=False):
    """A text with its annotations, gold or predicted. `id` is unique within a corpus."""

    id: str
    text: str
    entities: tuple[Entity, ...] = msgspec.field(default_factory=_nothing)
    relations: tuple[Relation, ...] = msgspec.field(default_factory=_nothing)
    events: tuple[Event, ...] = msgspec.field(default_factory=_nothing)
    issues: tuple[Issue, ...] = msgspec.field(default_factory=_nothing)
    meta: dict[str, Any] = msgspec.field(default_factory=dict)

    @property
    def extraction(self) -> Extraction:
        """The annotations without the text."""
        return Extraction(self.entities, self.relations, self.events, self.issues)

    def with_extraction(self, extraction: Extraction) -> "Document":
        """Return the same id, text and meta with other annotations."""
        return Document(
            self.id,
            self.text,
            extraction.entities,
            extraction.relations,
            extraction.events,
            extraction.issues,
            self.meta,
        )

    def to_rows(self) -> list[dict[str, Any]]:
        """Return the facts as flat rows, see `Extraction.to_rows`; the first key is `document`."""
        return [{"document": self.id, **row} for row in self.extraction.to_rows()]

    @classmethod
    def from_dict(cls, value: dict[str, Any]) -> "Document":
        """Build from the JSON form, or from the unified `sentence/entities/pos` record.

        Unknown keys are kept in `meta`. Offsets are checked against the text.

        Raises:
            InputError: a field is missing or of the wrong type, or an offset does not fit.
        """
        if "text" not in value and "sentence" in value:
            value = _from_unified(value)
        known = set(cls.__struct_fields__)
        extra = {key: item for key, item in value.items() if key not in known}
        if extra:
            value = {key: item for key, item in value.items() if key in known}
            value["meta"] = _joined(extra, value.get("meta", {}))
        document = _convert(value, cls)
        check_offsets(document)
        return document


Located = Mention | Entity | Argument
_T = TypeVar("_T")


_COLUMNS = (
    *("kind", "number", "type", "mention", "start", "end", "score"),
    *("role", "argument", "argument_start", "argument_end", "argument_score"),
)


def _rows(value: Extraction) -> Iterator[tuple[Any, ...]]:
    """Yield the cells of `Extraction.to_rows`."""

    def cells(mention: Any) -> tuple[Any, ...]:
        return (mention.text, mention.start, mention.end, mention.score) if mention else (None,) * 4

    nothing = (None,) * 5
    for i, entity in enumerate(value.entities):
        yield ("entity", i, entity.type, *cells(entity), *nothing)
    for i, relation in enumerate(value.relations):
        head = ("relation", i, relation.type, *cells(relation.subject)[:3], relation.score)
        for role, other in (("object", relation.object), *relation.qualifiers.items()):
            yield (*head, role, *cells(other))
    for i, event in enumerate(value.events):
        head = ("event", i, event.type, *cells(event.trigger)[:3], event.score)
        for argument in event.arguments:
            yield (*head, argument.role, *cells(argument))
        if not event.arguments:
            yield (*head, *nothing)
    for i, issue in enumerate(value.issues):
        yield ("issue", i, issue.kind, issue.detail, None, None, None, issue.where, *nothing[1:])


def _convert(value: dict[str, Any], kind: type[_T]) -> _T:
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise InputError(f"not a {kind.__name__.lower()}: {error}") from None


def iter_mentions(value: Document | Extraction) -> Iterator[tuple[str, Located]]:
    """Yield every mention with its path, such as `relations[0].object`, in document order."""
    for i, entity in enumerate(value.entities):
        yield f"entities[{i}]", entity
    for i, relation in enumerate(value.relations):
        yield f"relations[{i}].subject", relation.subject
        yield f"relations[{i}].object", relation.object
        for name, entity in relation.qualifiers.items():
            yield f"relations[{i}].qualifiers.{name}", entity
    for i, event in enumerate(value.events):
        if event.trigger is not None:
            yield f"events[{i}].trigger", event.trigger
        for j, argument in enumerate(event.arguments):
            yield f"events[{i}].arguments[{j}]", argument


def map_mentions(extraction: Extraction, change: Callable[[Any], Any]) -> Extraction:
    """Return the extraction with `change` applied to every mention, entity and argument."""
    relations = tuple(
        Relation(
            relation.type,
            change(relation.subject),
            change(relation.object),
            {name: change(entity) for name, entity in relation.qualifiers.items()},
            relation.score,
        )
        for relation in extraction.relations
    )
    events = tuple(
        Event(
            event.type,
            None if event.trigger is None else change(event.trigger),
            tuple(change(argument) for argument in event.arguments),
            event.score,
        )
        for event in extraction.events
    )
    entities = tuple(change(entity) for entity in extraction.entities)
    return Extraction(entities, relations, events, extraction.issues)


def shift(extraction: Extraction, offset: int) -> Extraction:
    """Move every grounded mention by `offset` code points, as from a chunk to its document."""
    if offset == 0:
        return extraction

    def moved(mention: Any) -> Any:
        if mention.start is None:
            return mention
        return msgspec.structs.replace(
            mention, start=mention.start + offset, end=mention.end + offset
        )

    return map_mentions(extraction, moved)


def check_offsets(document: Document) -> None:
    """Verify `text[start:end] == mention.text` for every grounded mention.

    Raises:
        InputError: names the first mention whose offsets do not give its text.
    """
    if _fits(document):
        return
    text = document.text
    for where, mention in iter_mentions(document):
        start, end = mention.start, mention.end
        if start is None and end is None:
            continue
        if start is None or end is None or not 0 <= start < end:
            raise InputError(
                f"document {document.id!r}: {where} has offsets [{start}, {end}); "
                "expected 0 <= start < end, or both null"
            )
        if text[start:end] != mention.text:
            raise InputError(
                f"document {document.id!r}: {where} is {mention.text!r} but the text at "
                f"[{start}, {end}) is {text[start:end]!r}; "
                "offsets count code points from 0 and exclude the end"
            )


def _fits(document: Document) -> bool:
    """Tell quickly whether all offsets hold; False also where a closer look is needed."""
    text = document.text
    mentions: Sequence[Any] = document.entities
    if document.relations or document.events:
        gathered: list[Any] = [*mentions]
        for relation in document.relations:
            gathered += (relation.subject, relation.object)
            if relation.qualifiers:
                gathered += relation.qualifiers.values()
        for event in document.events:
            gathered += event.arguments
            if event.trigger is not None:
                gathered.append(event.trigger)
        mentions = gathered
    for mention in mentions:
        start = mention.start
        if start is None:
            if mention.end is None:
                continue
            return False
        end = mention.end
        if end is None or not 0 <= start < end or text[start:end] != mention.text:
            return False
    return True


def _from_unified(value: dict[str, Any]) -> dict[str, Any]:
    """Translate a `sentence` record with `name`, `type`, `pos` = [start, end)."""

    def located(item: dict[str, Any], key: str, label: str) -> dict[str, Any]:
        start, end = (item.get("pos") or (None, None))[:2]
        return {key: item.get(label), "text": item["name"], "start": start, "end": end}

    try:
        relations = [
            {
                "type": item["type"],
                "subject": located(item["head"], "type", "type"),
                "object": located(item["tail"], "type", "type"),
            }
            for item in value.get("relations", ())
        ]
        events = [
            {
                "type": item["type"],
                "trigger": _unified_trigger(item.get("trigger"), located),
                "arguments": [located(a, "role", "role") for a in item.get("arguments", ())],
            }
            for item in value.get("events", ())
        ]
        entities = [located(item, "type", "type") for item in value.get("entities", ())]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(
            f"not a unified record: {type(error).__name__} {error}; "
            "expected sentence, entities/relations/events with name, type, pos"
        ) from None
    known = ("sentence", "entities", "relations", "events", "id", "meta")
    rest = {key: item for key, item in value.items() if key not in known}
    return {
        "id": str(value.get("id", "")),
        "text": value["sentence"],
        "entities": entities,
        "relations": relations,
        "events": events,
        "meta": _joined(rest, value.get("meta", {})),
    }


def _joined(extra: dict[str, Any], meta: Any) -> Any:
    """Return unknown keys and `meta` in one; what is no object stays, to be refused as a field."""
    return {**extra, **meta} if isinstance(meta, dict) else meta


def _unified_trigger(value: Any, located: Callable[..., dict[str, Any]]) -> dict[str, Any] | None:
    if not value:
        return None
    if isinstance(value, str):
        return {"text": value, "start": None, "end": None}
    trigger = located(value, "type", "type")
    del trigger["type"]
    return trigger
