"""Annotations that a model's predictions speak against, ranked by confident learning.

Every place that the annotators or the model marked is an item: a span of an entity or trigger, or a
pair of ends of a relation. Its given label is the annotated type, "" where there is none; the
predictions give it a probability for each type. Predictions must be of a model that did not learn
from the item, such as one tuned on the other folds, or one of another corpus. What the same string is
called elsewhere in the corpus counts as a second, weaker voice.

cleanlab's confident learning (Northcutt et al. 2021, "Confident Learning: Estimating Uncertainty in
Dataset Labels") turns labels and probabilities into a quality for each item.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from ..data.documents import Document
from ..data.extras import require_extra
from .suspects import MODEL, Span, Suspect

NONE = ""
# A prediction without a score; and the largest weight of what other documents call a string.
_UNSCORED, _ELSEWHERE = 0.9, 0.5
# The share of annotations that are taken to be wrong, before anything is known.
_WRONG = 0.05

Key = tuple[Span | None, ...]


@dataclass(slots=True)
class _Item:
    """A place in a document: its label, what the model gives each label, and how to show it."""

    document: int
    task: str
    key: Key
    where: str
    label: str
    text: str
    span: Span | None
    said: dict[str, float] = field(default_factory=dict)
    other: tuple[str, Span | None] | None = None


def model_suspects(
    documents: Sequence[Document], predicted: Iterable[Document]
) -> dict[int, list[Suspect]]:
    """Return, by place of the document, the annotations that predictions with scores speak against.

    `certainty` is 1 less the quality by confident learning: it ranks, it is no probability.

    Raises:
        ModelError: cleanlab is missing.
    """
    found: dict[int, list[Suspect]] = {}
    for item, quality in ranked_items(documents, predicted):
        best = max(item.said, key=lambda label: (item.said[label], label), default=NONE)
        if best == item.label:
            continue
        other = item.other or (best, item.span if best else None)
        said = item.said.get(item.label, 0.0)
        detail = f"{item.label or 'nothing'} has {said:.2f}, {other[0] or 'nothing'} is likelier"
        suspect = Suspect(
            MODEL, item.where, detail, item.label, item.text, item.span, 1 - quality, other
        )
        found.setdefault(item.document, []).append(suspect)
    return found


def ranked_items(
    documents: Sequence[Document], predicted: Iterable[Document]
) -> list[tuple[_Item, float]]:
    """Return every item with its quality (0 to 1), the worst first."""
    items = [
        item
        for number, (gold, said) in enumerate(zip(documents, predicted, strict=True))
        for item in _items(number, gold, said)
    ]
    _hear_silence(items)
    _hear_others(items)
    result: list[tuple[_Item, float]] = []
    for task in ("entity", "relation", "trigger"):
        some = [item for item in items if item.task == task]
        if some:
            result += zip(some, map(float, _qualities(some)), strict=True)
    return sorted(result, key=lambda pair: (pair[1], pair[0].document, pair[0].where))


def _qualities(items: Sequence[_Item]) -> Sequence[float]:
    require_extra("confident learning", "audit", ["cleanlab"])
    from cleanlab.rank import get_label_quality_scores

    names = sorted({NONE, *(item.label for item in items), *(s for i in items for s in i.said)})
    place = {name: n for n, name in enumerate(names)}
    if len(names) == 1:
        return [1.0] * len(items)
    labels = np.array([place[item.label] for item in items])
    chances = np.full((len(items), len(names)), 1e-4)
    for row, item in zip(chances, items, strict=True):
        for name, chance in item.said.items():
            row[place[name]] += chance
    chances /= chances.sum(1, keepdims=True)
    # Not adjusted by thresholds of classes: of types with few items, one that is mostly wrong would set
    # its own threshold (average precision 0.09 instead of 0.52 for triggers of 65 types).
    qualities: Sequence[float] = get_label_quality_scores(
        labels, chances, method="normalized_margin", adjust_pred_probs=False
    )
    return qualities


def _items(number: int, gold: Document, said: Document) -> Iterator[_Item]:
    """Yield the items of a document: what is annotated, then what is predicted beside it."""
    theirs = [*_marks(said)]
    used: set[int] = set()
    for task, key, label, where, text, span, _ in _marks(gold):
        item = _Item(number, task, key, where, label, text, span)
        same = [n for n, mark in enumerate(theirs) if mark[:2] == (task, key)]
        near = [n for n, mark in enumerate(theirs) if mark[0] == task and _overlap(mark[1], key)]
        used.update(same, near)
        if same:
            for n in same:
                item.said[theirs[n][2]] = max(item.said.get(theirs[n][2], 0), theirs[n][6])
            best = max(same, key=lambda n: theirs[n][6])
            item.other = (theirs[best][2], theirs[best][5])
        elif near:
            best = max(near, key=lambda n: theirs[n][6])
            item.said[NONE] = theirs[best][6]
            item.other = (theirs[best][2], theirs[best][5])
        if item.said:
            _rest(item, label)
        yield item
    known = {(mark[2], mark[4]) for mark in _marks(gold) if mark[0] == "relation"}
    for n, (task, key, label, _, text, span, score) in enumerate(theirs):
        # A fact of two strings is annotated once, wherever else they stand.
        if n not in used and (label, text) not in known:
            item = _Item(number, task, key, f"{task}[+]", NONE, text, span, {label: score})
            item.other = (label, span)
            _rest(item, NONE)
            yield item


def _rest(item: _Item, label: str) -> None:
    """Give what is left of the probability to the annotated label and to nothing alike."""
    left = max(0.0, 1 - sum(item.said.values()))
    for name in (label, NONE):
        item.said[name] = item.said.get(name, 0) + left / 2


_Mark = tuple[str, Key, str, str, str, Span | None, float]


def _marks(document: Document) -> Iterator[_Mark]:
    for i, entity in enumerate(document.entities):
        yield (
            *("entity", (entity.span,), entity.type or NONE, f"entities[{i}]", entity.text),
            *(entity.span, _score(entity.score)),
        )
    for i, relation in enumerate(document.relations):
        subject, object = relation.subject, relation.object
        shown = f"{subject.text}→{object.text}"
        yield (
            *("relation", (subject.span, object.span), relation.type, f"relations[{i}]", shown),
            *(subject.span, _score(relation.score)),
        )
    for i, event in enumerate(document.events):
        if event.trigger is not None:
            trigger = event.trigger
            yield (
                *("trigger", (trigger.span,), event.type, f"events[{i}]", trigger.text),
                *(trigger.span, _score(trigger.score if event.score is None else event.score)),
            )


def _score(score: float | None) -> float:
    return _UNSCORED if score is None else score


def _overlap(first: Key, second: Key) -> bool:
    """Return whether all ends of two places overlap."""
    return all(
        a is not None and b is not None and a[0] < b[1] and b[0] < a[1]
        for a, b in zip(first, second, strict=True)
    )


def _hear_silence(items: Sequence[_Item]) -> None:
    """Give probabilities to annotations of which the model says nothing.

    The more annotations of a task it misses, the less its silence says: if it misses the share m of the
    right ones and finds nothing at wrong ones, a missed one is wrong with w / (w + (1 - w) m).
    """
    given = Counter(item.task for item in items if item.label)
    missed = Counter(item.task for item in items if item.label and not item.said)
    for item in items:
        if not item.said:
            share = missed[item.task] / given[item.task]
            item.said[NONE] = _WRONG / (_WRONG + (1 - _WRONG) * share)
            item.said[item.label] = 1 - item.said[NONE]


def _hear_others(items: Sequence[_Item]) -> None:
    """Let what the same string is called in the rest of the corpus speak too."""
    calls: dict[tuple[str, str], Counter[str]] = {}
    for item in items:
        calls.setdefault((item.task, item.text), Counter())[item.label] += 1
    for item in items:
        others = calls[item.task, item.text].copy()
        others[item.label] -= 1
        number = others.total()
        if number < 1:
            continue
        weight = _ELSEWHERE * number / (number + 2)
        mixed = {name: (1 - weight) * chance for name, chance in item.said.items()}
        for name, count in others.items():
            if count:
                mixed[name] = mixed.get(name, 0) + weight * count / number
        item.said = mixed


def average_precision(is_fault: Sequence[bool]) -> float:
    """Return the average precision of a ranking, the most suspect first; 0 without any fault."""
    found, total = 0, 0.0
    for rank, fault in enumerate(is_fault, 1):
        if fault:
            found += 1
            total += found / rank
    return total / found if found else 0.0


def by_line(found: Mapping[int, list[Suspect]], lines: Sequence[int]) -> dict[int, list[Suspect]]:
    """Return suspects by line instead of by place among the documents."""
    return {lines[place]: suspects for place, suspects in found.items()}
