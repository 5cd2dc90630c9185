"""How a translator that is trained from nothing begins: as a dictionary that goes from left to right.

`scripts/train_translator` uses it. Training then needs only to learn what a dictionary gets wrong.
"""

from typing import Any

import numpy as np

Pair = tuple[str, str]

# How sharply the first dictionary looks, how loudly it speaks, and how sure it is.
_SHARP, _LOUD, _NEAR, _CALM = 6.0, 4.0, 0.6, 0.4
# Meanings of a piece that are kept.
_BEST = 4


def plainest(meanings: set[str]) -> str:
    """Return the shortest of some meanings, the first by letters of those as short."""
    return min(meanings, key=lambda meaning: (len(meaning), meaning))


def associations(pairs: list[Pair], lexicon: dict[str, set[str]], tokenizer: Any) -> Any:
    """Return how much each source piece goes with each target piece, a sparse matrix, rows sum to 1.

    The square of what they share over the product of their counts; the four best of each piece.
    """
    from scipy import sparse

    words = [(word, plainest(meanings)) for word, meanings in sorted(lexicon.items())]
    size = tokenizer.get_vocab_size()

    def occurrences(texts: list[str]) -> Any:
        rows = [sorted(set(e.ids)) for e in tokenizer.encode_batch(texts, add_special_tokens=False)]
        ends = np.cumsum([0, *map(len, rows)])
        ids = np.concatenate([np.array(row, np.int32) for row in rows])
        return sparse.csr_matrix((np.ones(len(ids), np.float32), ids, ends), (len(rows), size))

    source, target = (occurrences([pair[n] for pair in pairs + words]) for n in (0, 1))
    ours, theirs = (np.asarray(side.sum(0)).ravel() for side in (source, target))
    both = (source.T @ target).tocsr()
    both.data **= 2
    both = sparse.diags(1 / np.maximum(ours, 1)) @ both @ sparse.diags(1 / np.maximum(theirs, 1))
    both = both.tocsr()
    rows: list[int] = []
    columns: list[int] = []
    values: list[float] = []
    for row in np.flatnonzero(ours > theirs).tolist():
        found = both.data[both.indptr[row] : both.indptr[row + 1]]
        best = np.argsort(-found, kind="stable")[:_BEST]
        rows += [row] * len(best)
        columns += list(both.indices[both.indptr[row] + best])
        values += list(found[best] / max(found[best].sum(), 1e-12))
    return sparse.csr_matrix((values, (rows, columns)), (size, size), dtype=np.float32)


def begin_as_dictionary(model: Any, table: Any) -> None:
    """Let the model begin as a dictionary that goes through the source from left to right.

    Source pieces get the vectors of their translations. The first layer of the encoder also tells each
    piece, turned by a random rotation, which piece is before it. The first layer of the decoder looks
    for the piece whose neighbour before it is the last one written, and hands its vector on.
    """
    import torch

    width = model.config.d_model
    half = width // 2
    heads = max(1, model.config.num_heads // 2)
    part = min(half, heads * model.config.d_kv)
    turn = torch.linalg.qr(torch.randn(width, width))[0][:, :part] * (width / part) ** 0.5
    reading = model.encoder.block[0].layer[0].SelfAttention
    writing = [block.layer[1].EncDecAttention for block in model.decoder.block]
    with torch.no_grad():
        vectors = model.shared.weight
        mixed = torch.from_numpy(table @ vectors.numpy())
        lengths = torch.linalg.vector_norm(mixed, dim=1, keepdim=True)
        known = lengths[:, 0] > 0
        vectors[known] = (mixed / lengths.clamp(min=1e-9) * width**0.5)[known]
        for name, weight in model.named_parameters():
            if name.endswith(("SelfAttention.o.weight", "DenseReluDense.wo.weight")):
                weight.mul_(0.2)
        # The bucket of the distance -1, in half of the heads.
        reading.relative_attention_bias.weight[1, :heads] = _SHARP
        reading.v.weight[:part] = torch.eye(part, width)
        reading.o.weight[:, :part] = turn
        for n, attention in enumerate(writing):
            attention.v.weight.copy_(torch.eye(*attention.v.weight.shape))
            attention.o.weight.copy_(torch.eye(*attention.o.weight.shape) * (0.5 if n else _LOUD))
        model.decoder.final_layer_norm.weight.fill_(_CALM)
        looking = torch.cat([turn, torch.zeros(width, width - part)], 1) * _NEAR
        inner = writing[0].q.weight.shape[0]
        writing[0].q.weight.copy_(torch.eye(inner, width) @ looking)
        writing[0].k.weight.copy_(torch.eye(inner, width) * _NEAR)
