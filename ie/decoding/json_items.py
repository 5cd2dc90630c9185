"""Items from the fields of JSON objects: entities, relations and events as models write them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..data.documents import Issue
from ..data.issues import excerpt
from ..data.schema import Schema
from .field_names import CONTAINERS, plain_name
from .formats import OBJECT_SLOT, OCCURRENCE, Item, read_mark
from .json_fields import (
    Fields,
    Pair,
    Part,
    Slot,
    argument,
    each,
    fields_of,
    is_nothing,
    label_of,
    mark_of,
    pairs,
    role_and_text,
    shape,
    shown,
    spread,
    text_of,
    values_of,
)
from .json_scanner import Array, JsonString, Node, Object

NO_NAME = JsonString(OBJECT_SLOT, -1, -1)
# What a mention has besides its string in our documents.
_MENTION_FIELDS = frozenset(("type", "start", "end", "score", "status"))
# In UIE's answers 裁员触发词 stands for the event type 裁员.
_TRIGGER_SUFFIX = "触发词"
_TOLD = 5


def mark_issue(mention: str, said: str) -> Issue:
    """Describe a mark that is no number."""
    detail = f"occurrence {excerpt(said)!r} of {excerpt(mention)!r} is not a number from 1"
    return Issue("unparsable", detail)


class ItemBuilder:
    """Gathers items and issues; what it is given and cannot use it tells."""

    def __init__(self, tasks: Sequence[str], schema: Schema) -> None:
        self.tasks = tasks
        self.tables: dict[str, Mapping[str, Any]] = {
            "ner": schema.entity_by_label,
            "re": schema.relation_by_label,
            "ee": schema.event_by_label,
        }
        self.items: list[Item] = []
        self.issues: list[Issue] = []
        self.says_nothing = False
        self.nothings: list[tuple[str, str]] = []

    def task_of(self, label: str, hint: str | None = None) -> str | None:
        """Return the task of those asked for that declares a label, or the hint."""
        if hint is not None:
            return hint
        return next((task for task in self.tasks if label in self.tables[task]), None)

    def declares(self, label: str) -> bool:
        """Say whether one of the tasks declares a label."""
        return self.task_of(label.strip()) is not None

    def only_label(self, task: str | None) -> JsonString | None:
        """Return the label of a task, or of all tasks, that has no other."""
        tasks = [one for one in self.tasks if task in (None, one)]
        if len(tasks) != 1 or len(self.tables[tasks[0]]) != 1:
            return None
        return JsonString(next(iter(self.tables[tasks[0]])), -1, -1)

    def roles_of(self, label: str) -> Mapping[str, Any]:
        """Return the roles or qualifiers of a label."""
        label = label.strip()
        if "ee" in self.tasks and label in self.tables["ee"]:
            return self.tables["ee"][label].role_by_name  # type: ignore[no-any-return]
        if "re" in self.tasks and label in self.tables["re"]:
            return self.tables["re"][label].qualifiers  # type: ignore[no-any-return]
        return {}

    def event_label(self, label: JsonString) -> JsonString:
        """Return a label without the suffix that UIE gives to event types."""
        short = label.value.strip().removesuffix(_TRIGGER_SUFFIX)
        if short in self.tables["ee"] and not self.declares(label.value):
            return JsonString(short, label.start, label.start + len(short))
        return label

    def item(self, label: JsonString, part: Part, hint: str | None, closed: bool) -> None:
        """Build the items of one part of an object."""
        task = self._task(label, part.fields, hint)
        if task == "re":
            self._relation(label, part, closed)
        elif task == "ee":
            self._event(label, part, closed)
        else:
            self._entity(label, part, closed)

    def _task(self, label: JsonString, fields: Fields, hint: str | None) -> str:
        declared = [task for task in self.tasks if label.value.strip() in self.tables[task]]
        spoken = shape(fields)
        if spoken and (spoken in declared or not declared):
            return spoken
        return (hint if hint in declared else None) or next(iter(declared), hint or self.tasks[0])

    def _entity(self, label: JsonString, part: Part, closed: bool) -> None:
        fields, beside = part
        values = fields.get("text")
        mark = mark_of(values, fields.get(OCCURRENCE))
        head = None
        for value in values_of(values):
            text = text_of(value)
            own = mark_of(value, mark)
            if text is None:
                # {"type": "机构名", "text": null} says that there is none.
                if closed and not ("text" in fields and values is None):
                    self.lost(label, None)
            elif is_nothing(text, own):
                self.nothing(label, text)
            else:
                head = text
                self._add_entity(label, text, own, part)
        left = [
            (JsonString(name, -1, -1), fields[name]) for name in ("arguments",) if name in fields
        ]
        self._tell_beside(label, head, [*left, *beside])

    def _add_entity(self, label: JsonString, text: JsonString, mark: Node, part: Part) -> None:
        is_known = self.task_of(label.value.strip()) == "ner"
        # UIE's relations name their subject's type, which need not be asked for.
        if is_known or not any(self._related(value) for _, value in part.beside):
            self.add("ner", label, text, [], mark)

    def _related(self, node: Node) -> bool:
        """Say whether an object maps declared relations to what they lead to."""
        return isinstance(node, Object) and any(
            key is not None and self.task_of(key.value.strip()) == "re" for key, _ in node.pairs
        )

    def _tell_beside(
        self, label: JsonString, head: JsonString | None, beside: Sequence[Pair]
    ) -> None:
        """Read relations that stand inside of an entity; report what else stands beside it."""
        unread = []
        for key, value in spread(list(beside)):
            if isinstance(value, JsonString) and is_nothing(value):
                continue
            if head is not None and (self._related(value) or self._relation_beside(key)):
                self._relations_of(head, key, value)
            else:
                unread.append(f"{excerpt(key.value)!r}: {excerpt(shown(value))!r}")
        self.tell_unread(head or label, unread)

    def tell_unread(self, of: JsonString, unread: Sequence[str]) -> None:
        """Report what stands beside an item and is not read."""
        if unread:
            more = f" and {len(unread) - _TOLD} more" if len(unread) > _TOLD else ""
            said = ", ".join(unread[:_TOLD])
            self.issues.append(
                Issue("unread", f"beside {excerpt(of.value)!r} is not read: {said}{more}")
            )

    def _relation_beside(self, key: JsonString) -> bool:
        return "re" in self.tasks and (
            CONTAINERS.get(plain_name(key.value)) == "re" or self.task_of(key.value.strip()) == "re"
        )

    def _relations_of(self, subject: JsonString, key: JsonString, value: Node) -> None:
        """Read relations of a subject: {predicate: objects}, or a list of items without it."""
        if self.task_of(key.value.strip()) == "re":
            for one in each(value):
                self._relation_to(subject, key, one)
        elif isinstance(value, Object):
            for name, inner in value.pairs:
                for one in each(inner):
                    if name is not None:
                        self._relation_to(subject, name, one)
        else:
            for one in each(value):
                fields = fields_of(one) if isinstance(one, Object) else {}
                label = label_of(fields)
                if label is not None:
                    self._relation(label, Part({"subject": subject, **fields}, []), True)

    def _relation_to(self, subject: JsonString, label: JsonString, value: Node) -> None:
        object_ = text_of(value)
        if object_ is None or is_nothing(object_):
            return
        self.add("re", label, subject, [(NO_NAME, object_, None)])
        for key, inner in value.pairs if isinstance(value, Object) else ():
            if key is not None and (self._related(inner) or self._relation_beside(key)):
                self._relations_of(object_, key, inner)

    def _event(self, label: JsonString, part: Part, closed: bool) -> None:
        fields, beside = part
        known = self.roles_of(label.value)
        slots = [
            slot
            for name in ("arguments", "qualifiers")
            for slot in self._slots(label, fields.get(name), name, known)
        ]
        slots += self._slots_beside(label, self._unused(fields), beside, known)
        said = fields.get("trigger") if text_of(fields.get("trigger")) else fields.get("text")
        first, *others = values_of(said)
        head = text_of(first)
        for other in filter(None, map(text_of, others)):
            detail = f"{excerpt(other.value)!r} is a further trigger of one event; left out"
            self.issues.append(Issue("out_of_schema", detail))
        mark = mark_of(first, fields.get("trigger_occurrence"))
        if head and is_nothing(head, mark):
            head = None
        if head or slots or closed:
            self.add("ee", label, head, slots, mark)

    def _unused(self, fields: Fields) -> list[Pair]:
        """Return the fields of an event that only other items have."""
        names = ["subject", "object"] + (["text"] if text_of(fields.get("trigger")) else [])
        return [(JsonString(name, -1, -1), fields[name]) for name in names if name in fields]

    def _slots(
        self, label: JsonString, node: Node, name: str, known: Mapping[str, Any]
    ) -> Iterator[Slot]:
        """Yield the arguments or qualifiers of an item; report strings without a role."""
        if isinstance(node, Object):
            yield from self._filled(pairs(node), known)
            return
        for value in node.values if isinstance(node, Array) else (node,):
            if isinstance(value, Object):
                yield from self._filled(argument(value, known), known)
            elif pair := role_and_text(value, known):
                yield from self._filled(iter((pair,)), known)
            else:
                for text in filter(None, map(text_of, each(value))):
                    if not is_nothing(text):
                        said = f"{excerpt(text.value)!r} among the {name} of "
                        said += f"{excerpt(label.value)!r} has no role"
                        self.issues.append(Issue("unparsable", said))

    def _filled(self, slots: Iterator[Slot], known: Mapping[str, Any]) -> Iterator[Slot]:
        """Yield the slots that hold something; 无 may be a value that a role lists."""
        for slot in slots:
            name, text, mark = slot
            listed = getattr(known.get(name.value.strip()), "values", ())
            if is_nothing(text, mark) and text.value not in listed:
                self.nothing(name, text)
            else:
                yield slot

    def _slots_beside(
        self,
        label: JsonString,
        unused: Sequence[Pair],
        beside: Sequence[Pair],
        known: Mapping[str, Any],
    ) -> list[Slot]:
        """Return the slots that stand beside an item instead of in its list."""
        # A role may bear the name of what is else but bookkeeping.
        own = [pair for pair in beside if pair[0].value.strip() in known]
        others = [pair for pair in beside if pair[0].value.strip() not in known]
        found: list[Slot] = []
        unread = []
        for key, value in (*own, *unused, *spread(others)):
            if CONTAINERS.get(plain_name(key.value)) == "re" and isinstance(value, Object):
                # UIE calls the arguments of a trigger its relations.
                found += self._filled(pairs(value), known)
                continue
            texts = [(key, text, mark_of(v, None)) for v in each(value) if (text := text_of(v))]
            found += self._filled(iter(texts), known)
            if not texts:
                unread.append(f"{excerpt(key.value)!r}: {excerpt(shown(value))!r}")
        self.tell_unread(label, unread)
        return found

    def _relation(self, label: JsonString, part: Part, closed: bool) -> None:
        declared = self.tables["re"].get(label.value.strip())
        known = self.roles_of(label.value)
        fields, beside = self._ends_by_type(declared, part)
        shared = list(self._slots(label, fields.get("qualifiers"), "qualifiers", known))
        shared += self._slots_beside(label, (), beside, known)
        subjects = values_of(fields.get("subject"))
        # Beside a list it would be that of each.
        mark = fields.get("subject_occurrence") if len(subjects) == 1 else None
        for name in ("subject", "object"):
            self._check_end(label, declared, name, fields.get(f"{name}_type"))
            for end in values_of(fields.get(name)):
                inner = fields_of(end).get("type") if isinstance(end, Object) else None
                self._check_end(label, declared, name, inner)
        for value in values_of(fields.get("object")):
            for object_, slots in self._objects(value, declared, fields.get("object_occurrence")):
                for end in subjects:
                    self._one_relation(
                        label, end, mark_of(end, mark), object_, [*slots, *shared], closed
                    )

    def _one_relation(
        self,
        label: JsonString,
        end: Node,
        mark: Node,
        object_: Slot | None,
        slots: list[Slot],
        closed: bool,
    ) -> None:
        subject = text_of(end)
        for text, own in ((subject, mark), *((one[1], one[2]) for one in (object_,) if one)):
            if text is not None and is_nothing(text, own):
                self.nothing(label, text)
                return
        if subject is not None and (object_ or closed):
            self.add("re", label, subject, [*([object_] if object_ else []), *slots], mark)
        elif closed:
            self.lost(label, object_[1] if object_ else None)

    def _ends_by_type(self, declared: Any, part: Part) -> Part:
        """Take ends that are named by their types: {"关系": "作者", "图书作品": …, "人物": …}."""
        fields, beside = part
        if declared is None or declared.subject == declared.object:
            return part
        found = dict(fields)
        left = []
        for key, value in beside:
            ends = {declared.subject: "subject", declared.object: "object"}
            end = ends.get(key.value.strip())
            if (
                end is not None
                and end not in found
                and key.value.strip() not in declared.qualifiers
            ):
                found[end] = value
            else:
                left.append((key, value))
        return Part(found, left)

    def _objects(
        self, value: Node, declared: Any, mark: Node
    ) -> Iterator[tuple[Slot | None, list[Slot]]]:
        """Yield each object of a relation with the qualifiers that stand in it."""
        if not isinstance(value, Object):
            text = text_of(value)
            yield (NO_NAME, text, mark) if text is not None else None, []
            return
        # DuIE's own form, {"@value": …, "inWork": …}, or a mention as documents have it.
        beside = _MENTION_FIELDS - set(declared.qualifiers if declared is not None else ())
        text = text_of(value)
        name = next((k for k, v in value.pairs if k and text and text_of(v) is text), None)
        inner = [slot for slot in pairs(value) if slot[0].value != OCCURRENCE]
        main = [slot for slot in inner if slot[0] is name or slot[0].value.lstrip("@") == "value"]
        slots = [slot for slot in inner if slot not in main and slot[0].value not in beside]
        known = self.roles_of(declared.label) if declared is not None else {}
        slots = list(self._filled(iter(slots), known))
        mark = mark_of(value, mark)
        for _, said, own in main:
            yield (NO_NAME, said, own or mark), slots
        if not main:
            yield None, slots

    def _check_end(self, label: JsonString, declared: Any, slot: str, said: Node) -> None:
        """Report an end of a relation that is said to be of another type than the schema's."""
        if declared is None or not isinstance(said, JsonString):
            return
        # A name may be declared several times, with other ends.
        named = [one for one in self.tables["re"].values() if one.name == declared.name]
        types = list(dict.fromkeys(getattr(one, slot) for one in named))
        if None not in types and said.value.strip() not in types:
            detail = f"the {slot} of {excerpt(label.value)!r} is said to be of type "
            detail += f"{excerpt(said.value)!r}, where the schema has {', '.join(types)}"
            self.issues.append(Issue("out_of_schema", detail))

    def add(
        self,
        task: str,
        label: JsonString,
        head: JsonString | None,
        slots: list[Slot],
        mark: Node = None,
    ) -> None:
        """Add an item with the places where it was said."""
        at = (
            (label.start, label.end),
            (head.start, head.end) if head else (-1, -1),
            *((slot[1].start, slot[1].end) for slot in slots),
        )
        named = tuple((name.value, text.value) for name, text, _ in slots)
        marks: tuple[int, ...] = ()
        if mark is not None or any(slot[2] is not None for slot in slots):
            listed = ((head, mark), *((text, one) for _, text, one in slots))
            marks = tuple(self._number(text, one) for text, one in listed)
        name_at = tuple((slot[0].start, slot[0].end) for slot in slots)
        said = head.value if head else None
        marks = marks if any(marks) else ()
        self.items.append(Item(task, label.value, said, named, at, marks, name_at))

    def _number(self, text: JsonString | None, mark: Node) -> int:
        """Return the occurrence that a mark says; report one that says no number."""
        if mark is None or text is None:
            return 0
        said = mark.value if isinstance(mark, JsonString) else "{…}"
        number = read_mark(said)
        if not number:
            self.issues.append(mark_issue(text.value, said))
        return number

    def lost(self, label: JsonString, text: JsonString | None) -> None:
        """Report an item that lacks a part without which it is none."""
        said = f" and {excerpt(text.value)!r}" if text else ""
        self.issues.append(Issue("unparsable", f"an item has only {excerpt(label.value)!r}{said}"))

    def nothing(self, label: JsonString, text: JsonString) -> None:
        """Remember that the value of a type or role is a word for nothing."""
        self.says_nothing = True
        if text.value.strip():
            self.nothings.append((label.value.strip(), text.value.strip()))

    def tell_nothings(self) -> None:
        """Report the words for nothing that stood for values, in one issue."""
        if not self.nothings:
            return
        said = ", ".join(f"{excerpt(k)}: {excerpt(v)}" for k, v in self.nothings[:_TOLD])
        more = f" and {len(self.nothings) - _TOLD} more" if len(self.nothings) > _TOLD else ""
        self.issues.append(Issue("empty_value", f"read as nothing: {said}{more}"))
