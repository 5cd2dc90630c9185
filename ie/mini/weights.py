"""The model's folder: written by `train.export`, read without torch.

    reader.json          sizes, decision rules
    characters.json      pieces, single characters, simplified forms
    heads.safetensors    the heads, fp16
    words.safetensors    the frozen encoder of label texts, 4-bit
    model.bin …          the text encoder, CTranslate2 int8
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file, save_file

from chinchilla.errors import InputError

from .characters import Characters
from .heads import Heads
from .reader import Encode, Reader, Rules
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
    words = Words(characters, _floats(load_file(folder / "words.safetensors")), value["sizes"]["heads"])
    heads = Heads(load_file(folder / "heads.safetensors"), value["sizes"]["detectors"])
    return Reader(characters, words, heads, encoder(folder, threads, compute), Rules(**value["rules"]))


def _floats(tensors: dict[str, Array]) -> dict[str, Array]:
    return {k: v if v.dtype == np.uint8 else v.astype(np.float32) for k, v in tensors.items()}


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
) -> None:
    """Write everything but the text encoder."""
    folder.mkdir(parents=True, exist_ok=True)
    characters.save(folder / "characters.json")
    half = {k: v if v.dtype == np.uint8 else v.astype(np.float16) for k, v in words.packed.items()}
    save_file({k: np.ascontiguousarray(v) for k, v in half.items()}, folder / "words.safetensors")
    save_file(
        {k: np.ascontiguousarray(v.astype(np.float16)) for k, v in heads.items()},
        folder / "heads.safetensors",
    )
    text = json.dumps({"sizes": sizes, "rules": vars(rules)}, ensure_ascii=False, indent=1)
    (folder / FILE).write_text(text + "\n", encoding="utf-8")
