"""What training lowers: spans against all other spans, characters, and links of candidates."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from .batches import Batch
from .model import NEAR, Model, distance_of

LOW = -1e4


def forward(model: Model, batch: Batch) -> tuple[Tensor, dict[str, float]]:
    """Return the loss of a batch and its parts."""
    x = read(model, batch)
    starts, detect, bias, *link = label_parts(model, batch)
    scores, terms = model.spans(x, starts[batch.spans], detect[batch.spans], bias[batch.spans])
    t, w = scores.shape[2:]
    ends = torch.arange(t)[:, None] + torch.arange(w)
    valid = ends < batch.lengths[:, None, None]
    scores = scores.masked_fill(~valid[:, None], LOW)
    span = span_loss(scores, batch)
    token = token_loss(model, terms, batch)
    kind = typing_loss(scores, batch)
    pair = link_loss(model, x, scores, link, batch)
    parts = {"span": span.item(), "token": token.item(), "link": pair.item()}
    parts["type"] = kind.item()
    return span + 0.1 * token + kind + pair, parts


def read(model: Model, batch: Batch) -> Tensor:
    """Return the vectors of all characters, [B, T, H]."""
    width = batch.own.shape[1]
    mask = None
    if int(batch.lengths.min()) + 1 < width:
        mask = (torch.arange(width) <= batch.lengths[:, None])[:, None, None]
    return model.encoder(batch.own, batch.cover, mask)[:, 1:]  # type: ignore[no-any-return]


def label_parts(model: Model, batch: Batch) -> tuple[Tensor, ...]:
    """Return for all labels in use: span vectors, gates, bias, and the three parts of links."""
    a, b, c, gates, bias, link, link_bias, inner = model.labels(batch.texts, batch.kinds)
    return torch.cat([a, b, c], -1), gates, bias, link, link_bias.squeeze(-1), inner


def span_loss(scores: Tensor, batch: Batch) -> Tensor:
    """Multilabel circle loss with threshold 0 of every text and label, scores [B, L, T, W]."""
    b, n, t, w = scores.shape
    group, place = _cells(batch.gold, scores)
    flat = scores.reshape(-1)
    apart = torch.cat([place, _cells(batch.unknown, scores)[1]])
    wrong = flat.index_fill(0, apart, LOW).view(b * n, t * w)
    if batch.partial.any():
        wrong = wrong.view(b, n, t, w).masked_fill(unsure(batch, t, w)[:, None], LOW)
        wrong = wrong.view(b * n, t * w)
    missed = torch.zeros(b * n).index_add(0, group, torch.exp(-flat[place].clamp_min(-30)))
    loss = functional.softplus(torch.logsumexp(wrong, 1)) + torch.log1p(missed)
    return (loss * batch.shown.reshape(-1)).sum() / _scale(group, b)


def typing_loss(scores: Tensor, batch: Batch) -> Tensor:
    """Cross entropy of the label of gold spans, against the labels of its kind that are asked."""
    _, n, t, w = scores.shape
    gold = batch.gold[batch.gold[:, 3] - batch.gold[:, 2] <= w]
    if not len(gold):
        return torch.zeros(())
    text, label, start, width = gold[:, 0], gold[:, 1], gold[:, 2], gold[:, 3] - gold[:, 2] - 1
    kinds = batch.kinds[batch.spans]
    kind = kinds[text, label]
    logits = scores[text, :, start, width]
    others = batch.shown[text] & (kinds[text] == kind[:, None])
    every = torch.logsumexp(logits.masked_fill(~others, LOW), 1)
    # A span may have several labels: any of them may be the best.
    _, row = torch.unique(((text * 8 + kind) * t + start) * w + width, return_inverse=True)
    right = torch.zeros(len(gold), n, dtype=torch.bool)
    right[row, label] = True
    some = torch.logsumexp(logits.masked_fill(~right[row], LOW), 1)
    return (every - some).mean()


def unsure(batch: Batch, t: int, w: int) -> Tensor:
    """Return the spans [B, T, W] of partly annotated texts that overlap no gold span."""
    edge = torch.zeros(len(batch.lengths), t + 1)
    gold = batch.gold
    one = torch.ones(len(gold))
    edge.index_put_((gold[:, 0], gold[:, 2]), one, accumulate=True)
    edge.index_put_((gold[:, 0], gold[:, 3]), -one, accumulate=True)
    total = functional.pad((edge.cumsum(1)[:, :t] > 0.5).float().cumsum(1), (1, 0))
    ends = (torch.arange(t)[:, None] + torch.arange(w)).clamp_max(t - 1)
    free = total[:, ends + 1] - total[:, :t, None] < 0.5
    return free & batch.partial[:, None, None]


def _cells(spans: Tensor, scores: Tensor) -> tuple[Tensor, Tensor]:
    """Return for spans [G, 4] short enough their row (text and label) and their flat place."""
    _, n, t, w = scores.shape
    spans = spans[spans[:, 3] - spans[:, 2] <= w]
    group = spans[:, 0] * n + spans[:, 1]
    return group, (group * t + spans[:, 2]) * w + spans[:, 3] - spans[:, 2] - 1


def _scale(group: Tensor, texts: int) -> float:
    return max(len(torch.unique(group)), texts / 2)


def token_loss(model: Model, terms: tuple[Tensor, Tensor, Tensor], batch: Batch) -> Tensor:
    """Cross entropy of starts, ends and insides of spans, terms [B, L, T] each."""
    b, n, t = terms[0].shape
    target = torch.zeros(3, b * n * t)
    gold = batch.gold
    row = (gold[:, 0] * n + gold[:, 1]) * t
    target[0, row + gold[:, 2]] = 1
    target[1, row + gold[:, 3] - 1] = 1
    edge = torch.zeros(b * n * t + 1)
    edge.index_add_(0, row + gold[:, 2], torch.ones(len(row)))
    edge.index_add_(0, row + gold[:, 3], -torch.ones(len(row)))
    target[2] = (edge.cumsum(0)[:-1] > 0.5).float()
    known = (torch.arange(t) < batch.lengths[:, None])[:, None] & batch.shown[..., None]
    known = known & ~batch.partial[:, None, None]
    logits = torch.stack(terms) + model.spans.offsets[:, None, None, None]
    loss = functional.binary_cross_entropy_with_logits(
        logits, target.view(3, b, n, t), reduction="none"
    )
    share = torch.tensor([1.0, 1.0, 0.5])[:, None, None, None]
    return (loss * share * known).sum() / _scale(row, b)


def link_loss(
    model: Model, x: Tensor, scores: Tensor, link: Sequence[Tensor], batch: Batch
) -> Tensor:
    """Cross entropy of candidate pairs: gold spans and the best scored others.

    `link` are the vectors, biases and inner vectors of link labels.
    """
    vectors, bias, inner = link
    pairs = candidates(scores.detach(), batch)
    if not len(pairs):
        return torch.zeros(())
    text, label = pairs[:, 0], pairs[:, 1]
    head, tail = pairs[:, 2:4], pairs[:, 4:6]
    near = torch.stack(
        [
            span_scores(scores, text, pairs[:, 6], head),
            span_scores(scores, text, pairs[:, 7], tail),
        ],
        1,
    )
    logits = bias[label] + model.links(
        ends_of(x, text, head),
        ends_of(x, text, tail),
        between(x, text, head, tail),
        distance_of(head[:, 0], tail[:, 0]),
        vectors[label],
        inner[label],
        near.clamp(-8, 8).detach(),
    )
    logits = logits + clearest(model, x, text, label, head, tail, vectors)
    target = pairs[:, 8].float()
    loss = functional.binary_cross_entropy_with_logits(logits, target, reduction="sum")
    return loss / max(float(target.sum()), len(batch.lengths) / 2)


def ends_of(x: Tensor, text: Tensor, span: Tensor) -> Tensor:
    """Return first and last character of spans, [P, 2H]."""
    return torch.cat([x[text, span[:, 0]], x[text, span[:, 1] - 1]], -1)


def between(x: Tensor, text: Tensor, head: Tensor, tail: Tensor) -> Tensor:
    """Return the mean of the characters between two spans, [P, H]; zeros where there are none."""
    low = torch.minimum(head[:, 1], tail[:, 1])
    high = torch.maximum(torch.maximum(head[:, 0], tail[:, 0]), low)
    total = functional.pad(x.cumsum(1), (0, 0, 1, 0))
    return (total[text, high] - total[text, low]) / (high - low).clamp_min(1)[:, None]


def clearest(
    model: Model, x: Tensor, text: Tensor, label: Tensor, head: Tensor, tail: Tensor, v: Tensor
) -> Tensor:
    """Return the highest clue in or near each pair, [P]."""
    turned = (tail[:, 0] < head[:, 0]).long()
    keys, row = torch.unique((text * 2 + turned) * len(v) + label, return_inverse=True)
    which = keys // len(v)
    clues = model.links.clues(x, which // 2, which % 2, v[keys % len(v)])[row]
    low = torch.minimum(head[:, 0], tail[:, 0]) - NEAR
    high = torch.maximum(head[:, 1], tail[:, 1]) + NEAR
    at = torch.arange(x.shape[1])
    beyond = (at < low[:, None]) | (at >= high[:, None])
    return clues.masked_fill(beyond, LOW).amax(1)


def span_scores(scores: Tensor, text: Tensor, place: Tensor, span: Tensor) -> Tensor:
    """Return the scores of spans, [P]; those too long count as 0."""
    width = span[:, 1] - span[:, 0] - 1
    most = scores.shape[-1]
    found = scores[text, place, span[:, 0], width.clamp_max(most - 1)]
    return torch.where(width < most, found, torch.zeros(()))


def candidates(scores: Tensor, batch: Batch, most: int = 6) -> Tensor:
    """Return pairs [P, 9]: text, label, head start, end, tail start, end, places, gold."""
    b, n, t, w = scores.shape
    apart = _cells(batch.unknown, scores)[1]
    known = scores.reshape(-1).index_fill(0, apart, LOW).view(b, n, t * w)
    best, where = known.topk(min(3, t * w), -1)
    best_of, where_of = best.numpy(), where.numpy()
    rows: list[tuple[int, ...]] = []
    for text, label, heads, tails, gold, same in batch.links:
        if same:
            rows += _same_rows(text, label, heads, gold, batch)
            continue
        head, tail = heads[0], tails[0]
        keep = 3 if gold else 2
        left = _spans({pair[0] for pair in gold}, best_of, where_of, text, head, w, keep, most)
        right = _spans({pair[1] for pair in gold}, best_of, where_of, text, tail, w, keep, most)
        rows += [
            (text, label, *x, *y, head, tail, int((x, y) in gold))
            for x in left
            for y in right
            if x != y
        ]
    rows += _crossed(batch)
    return torch.tensor(rows, dtype=torch.long).reshape(-1, 9)


def _crossed(batch: Batch) -> list[tuple[int, ...]]:
    """Return gold pairs of each text under the other labels it is asked for, which are wrong there."""
    rows: list[tuple[int, ...]] = []
    asked: dict[int, list[tuple[int, int, int, set[Any]]]] = {}
    for text, label, heads, tails, gold, same in batch.links:
        if not same:
            asked.setdefault(text, []).append((label, heads[0], tails[0], gold))
    for text, links in asked.items():
        kinds = {label: int(batch.kinds[label]) for label, *_ in links}
        pairs = [(kinds[label], pair) for label, *_, gold in links for pair in sorted(gold)[:4]]
        for label, head, tail, gold in links:
            rows += [
                (text, label, *x, *y, head, tail, 0)
                for kind, (x, y) in dict.fromkeys(pairs)
                if kind == kinds[label] and (x, y) not in gold
            ]
    return rows


def _spans(
    gold: set[Any], best: Any, where: Any, text: int, place: int, w: int, keep: int, most: int
) -> list[tuple[int, int]]:
    found = sorted(gold)[:most]
    for score, at in zip(best[text, place, :keep], where[text, place, :keep], strict=True):
        start, width = divmod(int(at), w)
        span = (start, start + width + 1)
        if score > -6 and span not in gold:
            found.append(span)
    return found


def _same_rows(
    text: int, label: int, roles: list[int], gold: set[Any], batch: Batch
) -> list[tuple[int, ...]]:
    rows = batch.gold[batch.gold[:, 0] == text].numpy()
    spans: dict[tuple[int, int], int] = {}
    for _, place, start, end in rows[np.isin(rows[:, 1], roles)].tolist():
        spans.setdefault((start, end), place)
    items = list(spans.items())[:8]
    return [
        (text, label, *x, *y, p, q, int((x, y) in gold))
        for x, p in items
        for y, q in items
        if x < y
    ]
