"""Auxiliary tagging: which characters of the prompt's text begin or continue which mention.

An answer names a few mentions; every other character of the text teaches nothing. A linear head
on a middle layer, used in training only, says for each position the labels of the mentions that
begin at, or go on through, one character of the text, so that the layers above have less to
find out. A causal model has not read on yet: the character lies `lag` positions back.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

Span = tuple[int, int, int]


@dataclass(frozen=True)
class Labels:
    """The label tokens of a tokenizer: ids from `first` (the empty label `⟦⟧`), `count` of them.

    Classes are the labels in order, then the same labels once more for the objects of relations,
    which stand before `⟦⟧`.
    """

    first: int
    count: int
    newline: int

    @property
    def classes(self) -> int:
        """Classes of mention: labels, then labels of objects."""
        return 2 * self.count


def answer_spans(text: Sequence[int], answer: Sequence[int], labels: Labels) -> list[Span]:
    """Locate the mentions of a compact answer in its text, both given as token ids.

    Returns (start, end, class) in tokens of the text, end-exclusive. A mention that stands in
    several places is taken behind the mention before it, if it is there; one that stands
    nowhere (escaped, say) is left out.
    """
    source = "".join(map(chr, text))
    spans: list[Span] = []
    begin, cursor, head = 0, 0, 0
    for position, token in enumerate(answer):
        if token == labels.newline:
            begin = position + 1
        if token < labels.first:
            continue
        mention = "".join(map(chr, answer[begin:position]))
        label, begin = token - labels.first, position + 1
        start = source.find(mention, cursor) if mention else -1
        if start < 0 and mention:
            start = source.find(mention)
        if start >= 0:
            cursor = start + len(mention)
            spans.append((start, cursor, label or labels.count + head))
        head = label
    return spans


def new_head(hidden: int, labels: Labels) -> Any:
    """Return the linear head: (…, hidden) -> (…, 2 * classes), beginnings before continuations."""
    import torch

    head = torch.nn.Linear(hidden, 2 * labels.classes)
    torch.nn.init.normal_(head.weight, std=0.02)
    torch.nn.init.constant_(head.bias, -6.0)  # nearly all answers are no
    return head


def tagging_loss(head: Any, states: Any, lag: int, examples: Sequence[Any]) -> Any:
    """Return the mean over text positions of the summed binary cross-entropies of all classes.

    Args:
        head: see `new_head`.
        states: (batch, length, hidden) float outputs of a layer.
        lag: how many positions after a character its labels are asked.
        examples: the batch, with the first position of the text and its spans.
    """
    import torch

    rows, columns, targets = [], [], []
    asked = 0
    for row, example in enumerate(examples):
        first = example.text_at
        # Beyond the prompt stands the answer, which would give the labels away.
        last = min(len(example.prompt), first + example.text_length + lag) - lag
        for start, end, kind in example.spans:
            for place in range(start, end):
                if first + place < last:
                    targets.append((asked + place, 2 * kind + (place > start)))
        rows += [row] * (last - first)
        columns += range(first + lag, last + lag)
        asked += last - first
    logits = head(states[torch.tensor(rows), torch.tensor(columns)]).float()
    loss = torch.nn.functional.softplus(logits).sum()
    if targets:
        at = torch.tensor(sorted(set(targets)))
        loss = loss - logits[at[:, 0], at[:, 1]].sum()
    return loss / max(1, asked)
