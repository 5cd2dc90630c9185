"""Write a trained reader as a folder that runs without torch."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from chinchilla.data.schema import builtin_schemas, read_schema
from chinchilla.mini.characters import Characters
from chinchilla.mini.questions import ask
from chinchilla.mini.rules import Rules
from chinchilla.mini.weights import save_parts
from chinchilla.mini.words import Words

from .base import learn
from .model import Model


def export(
    folder: Path,
    model: Model,
    characters: Characters,
    words: Words,
    rules: Rules | None = None,
    quantization: str | None = "int8",
    known: Sequence[str] = (),
    trained: Mapping[str, Sequence[str]] | None = None,
) -> None:
    """Write the folder; `quantization` is that of the text encoder (None: float32).

    The vectors of the label texts `known` are kept in it, which spares the first reading; `trained`
    are the labels met in training, by task.
    """
    state = model.state_dict()
    heads = {k: v.numpy() for k, v in state.items() if not k.startswith("encoder.")}
    known = [text for text in known if "\n" not in text]
    learn(words, known)
    save_parts(
        folder, characters, words, heads, model.sizes.to_dict(), rules or Rules(), known, trained
    )
    spec = specification(model)
    spec.validate()
    spec.optimize(quantization=quantization)
    spec.save(str(folder))


def builtin_texts() -> list[str]:
    """Return the label texts of all built-in schemas."""
    found: set[str] = set()
    for name in builtin_schemas():
        plan = ask(read_schema(name)).plan
        for label in (*plan.spans, *plan.link_labels):
            found.update(label.texts, label.context)
    return sorted(found)


def trained_labels(labels: Mapping[str, Mapping[str, Any]]) -> dict[str, list[str]]:
    """Return the names of the labels of the caches under every wording, by task."""
    tasks = {"entity": "ner", "relation": "re", "event": "ee"}
    found: dict[str, set[str]] = {task: set() for task in tasks.values()}
    for label in labels.values():
        if label["kind"] in tasks:
            found[tasks[label["kind"]]] |= {label["name"], *label["wordings"]}
    return {task: sorted(names) for task, names in found.items()}


def specification(model: Model) -> Any:
    """Return the encoder as CTranslate2 wants it: BERT, the covering piece as the token type."""
    from ctranslate2.specs import common_spec
    from ctranslate2.specs.transformer_spec import (
        TransformerEncoderModelSpec,
        TransformerEncoderSpec,
    )

    encoder = model.encoder
    inner = TransformerEncoderSpec(
        len(model.sizes.layers),
        model.sizes.heads,
        pre_norm=False,
        activation=common_spec.Activation.GELU,
        layernorm_embedding=True,
        num_source_embeddings=2,
        embeddings_merge=common_spec.EmbeddingsMerge.ADD,
    )
    spec = TransformerEncoderModelSpec(inner, pooling_layer=False)
    inner.scale_embeddings = False
    inner.embeddings[0].weight = _array(encoder.single.weight)
    inner.embeddings[1].weight = _array(encoder.piece.weight)
    inner.position_encodings.encodings = _array(encoder.position)
    _norm(inner.layernorm_embedding, encoder.norm)
    for ours, layer in zip(inner.layer, encoder.layers, strict=True):
        _linear(ours.self_attention.linear[0], layer.qkv)
        _linear(ours.self_attention.linear[1], layer.out)
        _norm(ours.self_attention.layer_norm, layer.norm)
        _linear(ours.ffn.linear_0, layer.up)
        _linear(ours.ffn.linear_1, layer.down)
        _norm(ours.ffn.layer_norm, layer.last)
    spec.register_vocabulary([f"<{k}>" for k in range(model.sizes.singles)])
    spec.config.unk_token = "<3>"
    spec.config.layer_norm_epsilon = 1e-12
    return spec


def _array(value: Tensor) -> np.ndarray[Any, Any]:
    array: np.ndarray[Any, Any] = value.detach().contiguous().numpy().copy()
    return array


def _linear(spec: Any, module: Any) -> None:
    spec.weight = _array(module.weight)
    spec.bias = _array(module.bias)


def _norm(spec: Any, module: Any) -> None:
    spec.gamma = _array(module.weight)
    spec.beta = _array(module.bias)
