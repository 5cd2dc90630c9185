"""The model's folder: written by `train.export`, read without torch.

reader.json          sizes, decision rules
characters.json      pieces, single characters, simplified forms
heads.safetensors    the heads, fp16
words.safetensors    the frozen encoder of label texts, 4-bit
model.bin …          the text encoder, CTranslate2 int8
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file, save_file

from chinchilla.errors import InputError

from .characters import Characters
from .heads import Heads
from .span_reader import Encode, Reader, Rules
from .words import Array, Words

FILE = "reader.json"


def load_reader(folder: Path | str, threads: int = 0, compute: str = "int8") -> Reader:
    """Return the reader of a folder; `threads` 0 means one a core.

    Raises:
        InputError: the folder holds no reader.
    """
    folder = Path(folder)
    if not (folder / FILE).is_file():
        raise InputError(f"{folder}: no embedded reader here (expected {FILE})")
    value = json.loads((folder / FILE).read_text(encoding="utf-8"))
    characters = Characters.load(folder / "characters.json")
    words = stored_words(folder, characters, value["sizes"]["heads"])
    heads = Heads(stored_heads(folder), value["sizes"]["detectors"])
    return Reader(
        characters, words, heads, encoder(folder, threads, compute), Rules(**value["rules"])
    )


def stored_words(folder: Path, characters: Characters, heads: int) -> Words:
    """Return the label encoder of a folder, with the vectors that are kept in the file."""
    tensors = half_to_float(load_file(folder / "words.safetensors"))
    texts, vectors = tensors.pop("known/texts", None), tensors.pop("known/vectors", None)
    words = Words(characters, tensors, heads)
    if texts is not None and vectors is not None:
        length = np.linalg.norm(vectors.astype(np.float32), axis=1, keepdims=True)
        words.learn(texts.tobytes().decode().split("\n"), vectors.astype(np.float32) / length)
    return words


def half_to_float(tensors: dict[str, Array]) -> dict[str, Array]:
    """Return tensors with halves as float32; packed bytes stay."""
    return {
        k: v if v.dtype in (np.uint8, np.int8) else v.astype(np.float32) for k, v in tensors.items()
    }


def _packed(heads: dict[str, Array]) -> dict[str, Array]:
    """Large matrices as int8 with a scale a row, the rest as fp16."""
    packed: dict[str, Array] = {}
    for name, value in heads.items():
        if value.ndim < 2 or value.size < 10_000:
            packed[name] = value.astype(np.float16)
            continue
        scale = np.maximum(np.abs(value).max(1), 1e-8) / 127
        packed[name] = np.rint(value / scale[:, None]).astype(np.int8)
        packed[f"{name}/scale"] = scale.astype(np.float32)
    return packed


def stored_heads(folder: Path) -> dict[str, Array]:
    """Return the heads of a folder in float32.

    Raises:
        InputError: the file is missing.
    """
    path = folder / "heads.safetensors"
    if not path.is_file():
        raise InputError(f"{folder}: no {path.name} beside {FILE}")
    stored = load_file(path)
    heads = {}
    for name, value in stored.items():
        if not name.endswith("/scale"):
            scale = stored.get(f"{name}/scale")
            value = value.astype(np.float32)
            heads[name] = value if scale is None else value * scale[:, None]
    return heads


def encoder(folder: Path, threads: int = 0, compute: str = "int8") -> Encode:
    """Return the text encoder of a folder, run by CTranslate2."""
    import ctranslate2

    model = ctranslate2.Encoder(
        str(folder), device="cpu", inter_threads=1, intra_threads=threads, compute_type=compute
    )

    def encode(own: Array, cover: Array, lengths: Array) -> Array:
        found = model.forward_batch(
            ctranslate2.StorageView.from_array(np.ascontiguousarray(own, np.int32)),
            ctranslate2.StorageView.from_array(np.ascontiguousarray(lengths, np.int32)),
            cover.tolist(),
        )
        return np.array(found.last_hidden_state)

    return encode


def save_parts(
    folder: Path,
    characters: Characters,
    words: Words,
    heads: dict[str, Array],
    sizes: dict[str, Any],
    rules: Rules,
    known: Sequence[str] = (),
) -> None:
    """Write everything but the text encoder; the vectors of the texts `known` are kept with it."""
    folder.mkdir(parents=True, exist_ok=True)
    characters.save(folder / "characters.json")
    half = {k: v if v.dtype == np.uint8 else v.astype(np.float16) for k, v in words.packed.items()}
    if known:
        vectors = words.raw(known)
        largest = np.abs(vectors).max(1, keepdims=True)
        half["known/vectors"] = np.rint(vectors / largest * 127).astype(np.int8)
        half["known/texts"] = np.frombuffer("\n".join(known).encode(), np.uint8)
    save_file({k: np.ascontiguousarray(v) for k, v in half.items()}, folder / "words.safetensors")
    save_file(_packed(heads), folder / "heads.safetensors")
    text = json.dumps({"sizes": sizes, "rules": vars(rules)}, ensure_ascii=False, indent=1)
    (folder / FILE).write_text(text + "\n", encoding="utf-8")
