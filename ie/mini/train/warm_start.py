"""Begin a training from scratch with the weights of a converted model, such as the embedded one.

CTranslate2 has no way back to PyTorch, so that its file is read here. What int8 lost stays lost.
"""

import re
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from chinchilla.errors import ConfigError

# The numbers that CTranslate2 gives to types of values.
_TYPES = {0: "<f4", 1: "i1", 2: "<i2", 3: "<i4", 4: "<f2"}
_BINARY_VERSIONS = (5, 6)
_EMBEDDINGS = "model.embed_tokens.weight"
# Names of CTranslate2 for the matrices of a layer, and those of transformers.
_MATRICES = {
    "self_attention/linear_1": "self_attn.o_proj",
    "ffn/linear_0": "mlp.gate_proj",
    "ffn/linear_0_noact": "mlp.up_proj",
    "ffn/linear_1": "mlp.down_proj",
}
_NORMS = {"self_attention": "input_layernorm", "ffn": "post_attention_layernorm"}


def warm_start(model: Any, tokenizer: Any, folder: Path) -> list[str]:
    """Copy the weights of a converted Llama-style decoder into a transformers model in place.

    Rows of the embeddings are matched by their tokens, so that the vocabularies may differ;
    returns the tokens that the converted model lacks, whose rows stay as they are.

    Raises:
        ConfigError: the folder holds no such model, one of another shape, or one that shares no
            token with this one.
    """
    import torch

    try:
        values = read_converted(folder / "model.bin")
        known = _vocabulary(folder / "tokenizer.json")
        heads, weights = int(values["decoder/num_heads"]), _llama_weights(values)
    except (OSError, ValueError, KeyError) as error:
        raise ConfigError(f"{folder}: cannot begin with this model ({error})") from None
    tokens = tokenizer.get_vocab(True)
    shared = [token for token in tokens if token in known]
    state = {name: value for name, value in model.state_dict().items() if name != "lm_head.weight"}
    found = {name: tuple(value.shape) for name, value in weights.items()} | {"heads": (heads,)}
    wanted = {name: tuple(value.shape) for name, value in state.items()}
    wanted["heads"] = (model.config.num_attention_heads,)
    # Of the embeddings the rows are matched, only their width must be the same.
    found[_EMBEDDINGS], wanted[_EMBEDDINGS] = found[_EMBEDDINGS][1:], wanted[_EMBEDDINGS][1:]
    for name in sorted(found.keys() | wanted.keys()):
        if found.get(name) != wanted.get(name):
            raise ConfigError(
                f"{folder}: is of another shape than the recipe: {name} is "
                f"{found.get(name, 'missing')}, the recipe's {wanted.get(name, 'missing')}"
            )
    if not shared:
        raise ConfigError(f"{folder}: shares no token with the recipe's vocabulary")
    rows = weights.pop(_EMBEDDINGS)
    with torch.no_grad():
        for name, value in weights.items():
            state[name].copy_(value)
        state[_EMBEDDINGS][[tokens[t] for t in shared]] = rows[[known[t] for t in shared]]
    return sorted(token for token in tokens if token not in known)


def _llama_weights(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the weights by their names in transformers' Llama."""
    import torch

    def matrix(name: str) -> Any:
        value = torch.tensor(values[f"{name}/weight"].astype("f4"))
        scale = values.get(f"{name}/weight_scale")
        return value if scale is None else value / torch.tensor(scale.astype("f4"))[..., None]

    def norm(name: str) -> Any:
        return torch.tensor(values[f"{name}/layer_norm/gamma"].astype("f4"))

    numbers = {int(m.group(1)) for m in map(re.compile(r"decoder/layer_(\d+)/").match, values) if m}
    weights = {_EMBEDDINGS: matrix("decoder/embeddings"), "model.norm.weight": norm("decoder")}
    for number in sorted(numbers):
        old, new = f"decoder/layer_{number}", f"model.layers.{number}"
        queries, keys, rest = matrix(f"{old}/self_attention/linear_0").chunk(3)
        for name, part in zip("qkv", (queries, keys, rest), strict=True):
            weights[f"{new}.self_attn.{name}_proj.weight"] = part
        weights |= {f"{new}.{b}.weight": matrix(f"{old}/{a}") for a, b in _MATRICES.items()}
        weights |= {f"{new}.{b}.weight": norm(f"{old}/{a}") for a, b in _NORMS.items()}
    return weights


def _vocabulary(path: Path) -> dict[str, int]:
    from tokenizers import Tokenizer

    try:
        vocabulary: dict[str, int] = Tokenizer.from_file(str(path)).get_vocab(True)
    except Exception as error:  # tokenizers raises no narrower one
        raise ValueError(f"{path}: {error}") from None
    return vocabulary


def read_converted(path: Path) -> dict[str, Any]:
    """Return the arrays of a `model.bin` of CTranslate2 by name.

    Raises:
        ValueError: not such a file, or of a version that is not known.
        OSError: there is none.
    """
    import numpy

    content = path.read_bytes()
    at = 0

    def take(form: str) -> int:
        nonlocal at
        (value,) = struct.unpack_from("<" + form, content, at)
        at += struct.calcsize("<" + form)
        return int(value)

    def text() -> str:
        nonlocal at
        length = take("H")
        at += length
        return content[at - length : at - 1].decode("utf-8")

    try:
        if (version := take("I")) not in _BINARY_VERSIONS:
            raise ValueError(f"version {version} of the format; 5 and 6 are read")
        text(), take("I")  # the name and the revision of the architecture
        values = {}
        for _ in range(take("I")):
            name = text()
            shape = [take("I") for _ in range(take("B"))]
            kind, length = _TYPES[take("B")], take("I")
            values[name] = numpy.frombuffer(content[at : at + length], kind).reshape(shape)
            at += length
    except (struct.error, KeyError, ValueError) as error:
        raise ValueError(f"{path}: is no model of CTranslate2 ({error})") from None
    return values
