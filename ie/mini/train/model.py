"""The reader in torch: encoder, span scores, link scores.

Shapes: B texts, T characters, L span labels of a text, W span widths, H hidden.
"""

import math
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from .original import Base


@dataclass(frozen=True)
class Sizes:
    """Sizes of the reader; `layers` are the layers of the base model that are kept."""

    hidden: int = 384
    heads: int = 12
    ffn: int = 1536
    positions: int = 512
    layers: tuple[int, ...] = (0, 2, 4, 6, 8, 10)
    pieces: int = 0
    singles: int = 0
    width: int = 32
    span: int = 192
    detectors: int = 4
    detector: int = 32
    link: int = 256
    label: int = 512

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return asdict(self)


class Layer(nn.Module):
    """One post-norm transformer layer."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        h = sizes.hidden
        self.heads = sizes.heads
        self.qkv = nn.Linear(h, 3 * h)
        self.out = nn.Linear(h, h)
        self.norm = nn.LayerNorm(h, eps=1e-12)
        self.up = nn.Linear(h, sizes.ffn)
        self.down = nn.Linear(sizes.ffn, h)
        self.last = nn.LayerNorm(h, eps=1e-12)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """X [B, T, H]; mask [B, 1, 1, T], True where a token is."""
        b, t, h = x.shape
        q, k, v = self.qkv(x).view(b, t, 3, self.heads, h // self.heads).permute(2, 0, 3, 1, 4)
        y = functional.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        x = self.norm(x + self.out(y.transpose(1, 2).reshape(b, t, h)))
        return self.last(x + self.down(functional.gelu(self.up(x))))  # type: ignore[no-any-return]

    def take(self, base: Base, k: int) -> None:
        """Copy layer k of the base model."""
        h = base.shape.hidden

        def weight(name: str, columns: int = h) -> Tensor:
            return torch.from_numpy(base.tensor(f"l{k}.{name}", columns))

        def bias(name: str) -> Tensor:
            return torch.from_numpy(base.tensor(f"l{k}.{name}"))

        with torch.no_grad():
            self.qkv.weight.copy_(torch.cat([weight(f"{n}.w") for n in "qkv"]))
            self.qkv.bias.copy_(torch.cat([bias(f"{n}.b") for n in "qkv"]))
            for module, name in ((self.out, "ao"), (self.up, "fi"), (self.down, "fo")):
                module.weight.copy_(weight(f"{name}.w", module.in_features))
                module.bias.copy_(bias(f"{name}.b"))
            for norm, name in ((self.norm, "aln"), (self.last, "oln")):
                norm.weight.copy_(bias(f"{name}.w"))
                norm.bias.copy_(bias(f"{name}.b"))


class Encoder(nn.Module):
    """Characters in, vectors out; a text is preceded by `<s>`, whose vector is not returned."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.single = nn.Embedding(sizes.singles, sizes.hidden, sparse=True)
        self.piece = nn.Embedding(sizes.pieces, sizes.hidden, sparse=True)
        self.position = nn.Parameter(torch.zeros(sizes.positions, sizes.hidden))
        self.norm = nn.LayerNorm(sizes.hidden, eps=1e-12)
        self.layers = nn.ModuleList(Layer(sizes) for _ in sizes.layers)

    def forward(self, own: Tensor, cover: Tensor, mask: Tensor | None) -> Tensor:
        """own, cover [B, 1 + T]; returns [B, 1 + T, H]."""
        x = self.single(own) + self.piece(cover) + self.position[: own.shape[1]]
        x = self.norm(x)
        for layer in self.layers:
            x = layer(x, mask)
        return x  # type: ignore[no-any-return]

    def take(
        self, base: Base, pieces: list[int], singles: list[int], layers: tuple[int, ...]
    ) -> None:
        """Copy the kept rows and layers of the base model."""
        with torch.no_grad():
            self.single.weight.copy_(torch.from_numpy(base.rows(singles)) / 2)
            self.piece.weight.copy_(torch.from_numpy(base.rows(pieces)) / 2)
            kind = torch.from_numpy(base.tensor("emb.type", base.shape.hidden))[0]
            self.position.copy_(torch.from_numpy(base.tensor("emb.pos", base.shape.hidden)) + kind)
            self.norm.weight.copy_(torch.from_numpy(base.tensor("emb.ln.w")))
            self.norm.bias.copy_(torch.from_numpy(base.tensor("emb.ln.b")))
        for layer, k in zip(self.layers, layers, strict=True):
            layer.take(base, k)  # type: ignore[operator]


class Labels(nn.Module):
    """Vectors of labels: of their texts, their context and their kind."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.kind = nn.Embedding(8, sizes.label)
        self.inner = nn.Linear(2 * sizes.hidden, sizes.label)
        outer = 3 * sizes.span + sizes.detectors + 1 + sizes.link + 1 + sizes.link
        self.outer = nn.Linear(sizes.label, outer)
        self.splits = [sizes.span] * 3 + [sizes.detectors, 1, sizes.link, 1, sizes.link]

    def forward(self, texts: Tensor, kinds: Tensor) -> tuple[Tensor, ...]:
        """Texts [N, 2H], kinds [N]; returns the parts of `splits`."""
        x = functional.gelu(self.inner(texts) + self.kind(kinds))
        return self.outer(x).split(self.splits, dim=-1)  # type: ignore[no-any-return]


class Spans(nn.Module):
    """Score every span of at most W characters under every label."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.sizes = sizes
        self.tokens = nn.Linear(sizes.hidden, 3 * sizes.span)
        self.detect = nn.Linear(sizes.hidden, 2 * sizes.detectors * sizes.detector)
        self.widths = nn.Parameter(torch.zeros(sizes.detectors, sizes.width))
        self.offsets = nn.Parameter(torch.tensor([-4.0, -4.0, -3.0]))

    def terms(self, x: Tensor, vectors: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Start, end and inside scores: x [B, T, H], vectors [B, L, 3 span]; each [B, L, T]."""
        parts = self.tokens(x).split(self.sizes.span, dim=-1)
        scale = 1 / math.sqrt(self.sizes.span)
        wanted = vectors.split(self.sizes.span, dim=-1)  # type: ignore[no-untyped-call]
        a, b, c = (v @ p.transpose(1, 2) * scale for v, p in zip(wanted, parts, strict=True))
        return a, b, c

    def detector(self, x: Tensor) -> Tensor:
        """Return shared mention scores [B, M, T, W]; rotary positions tell start from end."""
        b, t, _ = x.shape
        m, d, w = self.sizes.detectors, self.sizes.detector, self.sizes.width
        q, k = self.detect(x).view(b, t, 2, m, d).permute(2, 0, 3, 1, 4)
        turn = rotary(t, d).to(x)
        scores = rotate(q, turn) @ rotate(k, turn).transpose(-1, -2) / math.sqrt(d)
        ends = (torch.arange(t)[:, None] + torch.arange(w)).clamp_max(t - 1)
        band = scores.gather(-1, ends.expand(b, m, t, w))
        return band + self.widths[None, :, None, :]

    def forward(
        self, x: Tensor, vectors: Tensor, gates: Tensor, bias: Tensor
    ) -> tuple[Tensor, tuple[Tensor, Tensor, Tensor]]:
        """Return scores [B, L, T, W] of spans start..start + w, and the three terms.

        Spans beyond the text are for the caller to mask.
        """
        a, b, c = self.terms(x, vectors)
        t, w = x.shape[1], self.sizes.width
        ends = (torch.arange(t)[:, None] + torch.arange(w)).clamp_max(t - 1)
        total = functional.pad(c.cumsum(-1), (1, 0))
        inside = (total[..., ends + 1] - total[..., :t, None]) / torch.arange(1, w + 1)
        found = (gates @ self.detector(x).flatten(2)).view(*a.shape, w)
        return a[..., None] + b[..., ends] + inside + found + bias[..., None], (a, b, c)


class Links(nn.Module):
    """Score pairs of spans under a label: their ends, what stands between, and the clearest clue.

    A clue is a character that speaks for the label, wherever it stands near the two spans. What clues
    and what stands between say depends on which span comes first: 妻子 tells who is whose husband.
    """

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.size = sizes.link
        self.head = nn.Linear(2 * sizes.hidden, 2 * sizes.link)
        self.tail = nn.Linear(2 * sizes.hidden, 2 * sizes.link)
        self.between = nn.Linear(sizes.hidden, 2 * sizes.link)
        self.clue = nn.Linear(sizes.hidden, 2 * sizes.link)
        self.distance = nn.Embedding(DISTANCES, sizes.link)
        self.share = nn.Parameter(torch.tensor([0.3, 0.3]))

    def clues(self, x: Tensor, rows: Tensor, turned: Tensor, vectors: Tensor) -> Tensor:
        """Return how much each character speaks for a label, [N, T].

        x [B, T, H]; `rows` [N] are places of texts, `vectors` [N, link] those of labels; `turned` [N] is
        1 where the tail comes first.
        """
        found = self.clue(x).unflatten(-1, (2, self.size))[rows, :, turned] @ vectors[..., None]
        return found.squeeze(-1) / math.sqrt(self.size)  # type: ignore[no-any-return]

    def forward(
        self,
        head: Tensor,
        tail: Tensor,
        between: Tensor,
        distance: Tensor,
        vector: Tensor,
        inner: Tensor,
        scores: Tensor,
    ) -> Tensor:
        """head, tail [P, 2H], between [P, H], distance [P], scores [P, 2]; of labels [P, link] each.

        `inner` is what a label adds to a pair before the activation, `vector` weighs what comes of it.
        Returns [P], without the clue.
        """
        a, b = self.head(head).chunk(2, -1)
        c, d = self.tail(tail).chunk(2, -1)
        ways = self.between(between).unflatten(-1, (2, self.size))
        way = ways[torch.arange(len(ways)), distance // (DISTANCES // 2)]
        pair = functional.gelu(a + c + b * d + way + self.distance(distance) + inner)
        return (pair * vector).sum(-1) / math.sqrt(self.size) + scores @ self.share


NEAR = 10  # clues are looked for so far from the two spans


DISTANCES = 32


def distance_of(head: Tensor, tail: Tensor) -> Tensor:
    """Bucket the signed distance of two starts: 0..31, by powers of two and direction."""
    gap = tail - head
    near = torch.log2(gap.abs().float() + 1).mul(2).floor().long().clamp_max(15)
    return near + 16 * (gap < 0).long()


def rotary(length: int, size: int) -> Tensor:
    """Return angles [length, size / 2]."""
    rates = 1000.0 ** (-torch.arange(0, size, 2).float() / size)
    return torch.arange(length).float()[:, None] * rates


def rotate(x: Tensor, angles: Tensor) -> Tensor:
    """Turn the halves of x [..., T, D] by angles [T, D / 2]."""
    a, b = x.chunk(2, -1)
    cos, sin = angles.cos(), angles.sin()
    return torch.cat([a * cos - b * sin, a * sin + b * cos], -1)


class Model(nn.Module):
    """Encoder and heads."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.sizes = sizes
        self.encoder = Encoder(sizes)
        self.labels = Labels(sizes)
        self.spans = Spans(sizes)
        self.links = Links(sizes)
        for module in (self.labels, self.spans, self.links):
            for part in module.modules():
                if isinstance(part, nn.Linear):
                    nn.init.normal_(part.weight, std=part.in_features**-0.5)
                    nn.init.zeros_(part.bias)
                if isinstance(part, nn.Embedding):
                    nn.init.normal_(part.weight, std=0.3)
        nn.init.normal_(self.labels.outer.weight, std=0.25 * sizes.label**-0.5)
        nn.init.zeros_(self.links.between.weight)
        nn.init.zeros_(self.links.clue.weight)
        with torch.no_grad():  # spans and links are rare: begin with few
            self.labels.outer.bias[3 * sizes.span + sizes.detectors] = -6
            self.labels.outer.bias[-1 - sizes.link] = -2
            self.labels.outer.weight[-sizes.link :] = 0
