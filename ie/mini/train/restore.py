"""Turn an exported folder back into a torch model, to tune it or to go on training.

The file of CTranslate2 holds, little-endian: u32 version; the name of the specification; u32
revision; u32 variables, each with its name, u8 rank, u32 sizes, u8 type, u32 bytes and the values.
At the end u32 aliases, each two names.
A string is u16 length with its closing zero. A weight in int8 has a variable `…_scale`, one value
a row: weight = integer / scale.
"""

import struct
from pathlib import Path
from typing import Any

import numpy as np
import torch

from chinchilla.errors import InputError
from chinchilla.mini.characters import Characters
from chinchilla.mini.rules import Rules
from chinchilla.mini.weights import read_facts, stored_heads, stored_words
from chinchilla.mini.words import Words

from .model import Model, Sizes

_TYPES = ("<f4", "<i1", "<i2", "<i4", "<f2")


def restore(folder: Path) -> tuple[Model, Characters, Words, Rules]:
    """Return the model of a folder with what belongs to it.

    Raises:
        ModelError: the folder holds no reader.
        InputError: it lacks a part.
    """
    value = read_facts(folder)
    sizes = Sizes(**{**value["sizes"], "layers": tuple(value["sizes"]["layers"])})
    characters = Characters.load(folder / "characters.json")
    words = stored_words(folder, characters, sizes.heads)
    model = Model(sizes)
    state = {k: torch.from_numpy(v) for k, v in stored_heads(folder).items()}
    missing = model.load_state_dict(state, strict=False).missing_keys
    if any(not name.startswith("encoder.") for name in missing):
        raise InputError(f"{folder}: the heads lack {missing[0]}")
    _fill(model, variables(folder / "model.bin"))
    return model, characters, words, Rules(**value["rules"])


def variables(path: Path) -> dict[str, np.ndarray[Any, Any]]:
    """Return the variables of a CTranslate2 model, weights in float32."""
    data = path.read_bytes()
    at = 4

    def take(form: str) -> Any:
        nonlocal at
        (value,) = struct.unpack_from("<" + form, data, at)
        at += struct.calcsize("<" + form)
        return value

    def string() -> str:
        nonlocal at
        length = take("H")
        at += length
        return data[at - length : at - 1].decode()

    string()
    take("I")
    found: dict[str, np.ndarray[Any, Any]] = {}
    for _ in range(take("I")):
        name = string()
        shape = [take("I") for _ in range(take("B"))]
        kind, size = take("B"), take("I")
        found[name] = np.frombuffer(data, _TYPES[kind], size // np.dtype(_TYPES[kind]).itemsize, at)
        found[name] = found[name].reshape(shape)
        at += size
    for _ in range(take("I")):  # variables of equal values are stored once
        alias = string()
        found[alias] = found[string()]
    return {name: _float(name, found) for name in found if not name.endswith("_scale")}


def _float(name: str, found: dict[str, np.ndarray[Any, Any]]) -> np.ndarray[Any, Any]:
    scale = found.get(f"{name}_scale")
    value = found[name].astype(np.float32)
    return value if scale is None else value / scale[:, None]


def _fill(model: Model, values: dict[str, np.ndarray[Any, Any]]) -> None:
    encoder = model.encoder
    places: dict[str, Any] = {
        "encoder/embeddings_0/weight": encoder.single.weight,
        "encoder/embeddings_1/weight": encoder.piece.weight,
        "encoder/position_encodings/encodings": encoder.position,
        **_norm("encoder/layernorm_embedding", encoder.norm),
    }
    for k, layer in enumerate(encoder.layers):
        at = f"encoder/layer_{k}"
        places |= _linear(f"{at}/self_attention/linear_0", layer.qkv)
        places |= _linear(f"{at}/self_attention/linear_1", layer.out)
        places |= _norm(f"{at}/self_attention/layer_norm", layer.norm)
        places |= _linear(f"{at}/ffn/linear_0", layer.up)
        places |= _linear(f"{at}/ffn/linear_1", layer.down)
        places |= _norm(f"{at}/ffn/layer_norm", layer.last)
    with torch.no_grad():
        for name, target in places.items():
            target.copy_(torch.from_numpy(np.array(values[name])))


def _norm(at: str, module: Any) -> dict[str, Any]:
    return {f"{at}/gamma": module.weight, f"{at}/beta": module.bias}


def _linear(at: str, module: Any) -> dict[str, Any]:
    return {f"{at}/weight": module.weight, f"{at}/bias": module.bias}
