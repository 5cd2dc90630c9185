"""Write a trained reader as a folder that runs without torch.

python -m chinchilla.mini.train.export RUN FOLDER
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from chinchilla.data.schema import builtin_schemas, read_schema
from chinchilla.mini.characters import Characters
from chinchilla.mini.span_reader import Rules, ask
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
) -> None:
    """Write the folder; `quantization` is that of the text encoder (None: float32).

    The vectors of the label texts `known` are kept in it, which spares the first reading.
    """
    state = model.state_dict()
    heads = {k: v.numpy() for k, v in state.items() if not k.startswith("encoder.")}
    known = [text for text in known if "\n" not in text]
    learn(words, known)
    save_parts(folder, characters, words, heads, model.sizes.to_dict(), rules or Rules(), known)
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


def main() -> None:
    """Run the command line."""
    from .loop import load

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rules", type=Path, help="what `calibrate` wrote")
    arguments = parser.parse_args()
    model, characters, words = load(arguments.run)
    if (arguments.run / "checkpoint.pt").exists():
        state = torch.load(arguments.run / "checkpoint.pt", weights_only=False)
        model.load_state_dict(state["model"])
    rules = Rules()
    if arguments.rules:
        value = json.loads(arguments.rules.read_text(encoding="utf-8"))
        rules = Rules(value["least"], value["slope"], value["offset"])
    export(arguments.folder, model, characters, words, rules, known=builtin_texts())


if __name__ == "__main__":
    main()
