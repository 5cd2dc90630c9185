"""Build the vocabulary, the label encoder and the fresh reader from the base weights."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from chinchilla.mini.characters import PAD, Characters
from chinchilla.mini.words import PREFIX, Words, unpack

from .original import Base

_PARTS = {"out": "ao", "up": "fi", "down": "fo"}
_NORMS = {"norm": "aln", "last": "oln"}


def label_encoder(base: Base, characters: Characters, ids: list[int]) -> Words:
    """Return the frozen label encoder over the kept pieces (base ids `ids`)."""
    h = base.shape.hidden
    kind = base.tensor("emb.type", h)[0]
    tensors: dict[str, np.ndarray[Any, Any]] = {
        "word": base.packed_rows(ids),
        "position": base.tensor("emb.pos", h)[:96] + kind,
        "norm.w": base.tensor("emb.ln.w"),
        "norm.b": base.tensor("emb.ln.b"),
        "mean": np.zeros(h, np.float32),
        "deviation": np.ones(h, np.float32),
    }
    for k in range(base.shape.layers):
        tensors[f"{k}.qkv.w"] = np.concatenate([base.packed(f"l{k}.{n}.w") for n in "qkv"])
        tensors[f"{k}.qkv.b"] = np.concatenate([base.tensor(f"l{k}.{n}.b") for n in "qkv"])
        for ours, theirs in _PARTS.items():
            tensors[f"{k}.{ours}.w"] = base.packed(f"l{k}.{theirs}.w")
            tensors[f"{k}.{ours}.b"] = base.tensor(f"l{k}.{theirs}.b")
        for ours, theirs in _NORMS.items():
            tensors[f"{k}.{ours}.w"] = base.tensor(f"l{k}.{theirs}.w")
            tensors[f"{k}.{ours}.b"] = base.tensor(f"l{k}.{theirs}.b")
    return Words(characters, tensors, base.shape.heads)


def standardise(words: Words, names: Iterable[str]) -> None:
    """Set the mean and deviation of label vectors from the names of training labels."""
    raw = quick_vectors(words, sorted(set(names)))
    words.packed["mean"] = raw.mean(0)
    words.packed["deviation"] = raw.std(0) + 1e-4


def learn(words: Words, texts: Iterable[str]) -> bool:
    """Give the label encoder the vectors of texts it lacks, by torch; return whether any was new."""
    new = [text for text in texts if not words.knows(text)]
    if new:
        words.learn(new, quick_vectors(words, new))
    return bool(new)


def quick_vectors(words: Words, texts: list[str]) -> np.ndarray[Any, Any]:
    """Return what `words.raw` returns, by torch: for the many texts of training."""
    import torch

    from .model import Encoder, Sizes

    h, count = words.hidden, len(words.characters.pieces)
    sizes = Sizes(
        hidden=h,
        heads=words.heads,
        ffn=4 * h,
        layers=tuple(range(words.layers)),
        pieces=count,
        singles=1,
        positions=96,
    )
    encoder = Encoder(sizes)
    table = {"single.weight": np.zeros((1, h), np.float32)}
    names = {"word": "piece.weight", "norm.w": "norm.weight", "norm.b": "norm.bias"}
    for name, value in words.packed.items():
        part = names.get(name, name)
        if name[0].isdigit():
            part = f"layers.{name[:-2]}." + {"w": "weight", "b": "bias"}[name[-1]]
        if value.dtype == np.uint8:
            value = unpack(value).reshape(-1, 4 * h if name.endswith("down.w") else h)
        table[part] = value
    table = {name: table[name] for name in encoder.state_dict()}
    encoder.load_state_dict(
        {k: torch.from_numpy(np.ascontiguousarray(v)) for k, v in table.items()}
    )
    order = sorted(range(len(texts)), key=lambda k: len(texts[k]))
    found = np.zeros((len(texts), h), np.float32)
    for at in range(0, len(order), 128):
        some = order[at : at + 128]
        ids = [words.characters.words(PREFIX + texts[k])[:96] for k in some]
        lengths = torch.tensor([len(one) for one in ids])
        cover = torch.full((len(ids), int(lengths.max())), PAD)
        for row, one in zip(cover, ids, strict=True):
            row[: len(one)] = torch.tensor(one)
        mask = torch.arange(cover.shape[1]) < lengths[:, None]
        with torch.inference_mode():
            x = encoder(torch.zeros_like(cover), cover, mask[:, None, None])
            mean = (x * mask[..., None]).sum(1) / lengths[:, None]
            found[some] = torch.nn.functional.normalize(mean, dim=-1).numpy()
    return found
