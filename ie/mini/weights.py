"""The model's folder: written by `train.export`, read without torch.

reader.json          sizes, decision rules, labels met in training
characters.json      pieces, single characters, simplified forms
heads.safetensors    the heads, fp16
words.safetensors    the frozen encoder of label texts, 4-bit
model.bin …          the text encoder, CTranslate2 int8
"""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from ..engines.cpu import usable_cores
from ..engines.forks import keep_at_fork
from ..engines.model_files import read_json
from ..errors import ModelError
from .characters import Characters
from .heads import Heads
from .reader import Reader
from .rules import Rules
from .words import Array, Words

FILE = "reader.json"


def is_reader(folder: Path) -> bool:
    """Return whether a folder holds a model of this kind."""
    return (folder / FILE).is_file()


def open_reader(folder: Path | str, name: str = "", compute: str = "int8") -> Reader:
    """Load the model of a folder.

    Raises:
        ModelError: a file is missing or not what it should be.
    """
    folder = Path(folder)
    value = read_facts(folder)
    try:
        characters = Characters.load(folder / "characters.json")
        words = stored_words(folder, characters, value["sizes"]["heads"])
        heads = Heads(stored_heads(folder), value["sizes"]["detectors"])
        rules = Rules(**value["rules"])
        encode = Encoder(folder, compute)
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
        raise ModelError(
            f"{folder}: an embedded reader that is damaged or of another version ({error}); "
            "copy it, or tune it, anew"
        ) from None
    trained = value.get("trained", {})
    return Reader(name or str(folder), characters, words, heads, encode, rules, trained)


def read_facts(folder: Path) -> dict[str, Any]:
    """Return what `reader.json` says: `sizes`, `rules`, `trained`.

    Raises:
        ModelError: the folder holds no reader.
    """
    if not is_reader(folder):
        raise ModelError(f"{folder}: no embedded reader here (expected {FILE})")
    facts: dict[str, Any] = read_json(folder / FILE)
    return facts


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
    """Return the heads of a folder in float32."""
    stored = load_file(folder / "heads.safetensors")
    heads = {}
    for name, value in stored.items():
        if not name.endswith("/scale"):
            scale = stored.get(f"{name}/scale")
            value = value.astype(np.float32)
            heads[name] = value if scale is None else value * scale[:, None]
    return heads


class Encoder:
    """The text encoder of a folder, run by CTranslate2: one worker a core, one thread each."""

    def __init__(self, folder: Path, compute: str = "int8") -> None:
        self._folder = folder
        self._compute = compute
        self._load()
        keep_at_fork(self)

    def _load(self) -> None:
        import ctranslate2

        self._process = os.getpid()
        self._view = ctranslate2.StorageView.from_array
        self.model = ctranslate2.Encoder(
            str(self._folder),
            device="cpu",
            inter_threads=usable_cores(),
            intra_threads=1,
            compute_type=self._compute,
        )

    def __call__(self, own: Array, cover: Array, lengths: Array) -> Array:
        """Return the vectors of texts; see `reader.Encode`."""
        if self._process != os.getpid():
            self._load()  # a forked process has none of the engine's threads
        found = self.model.forward_batch(
            self._view(np.ascontiguousarray(own, np.int32)),
            self._view(np.ascontiguousarray(lengths, np.int32)),
            cover.tolist(),
        )
        return np.array(found.last_hidden_state)

    def close(self) -> None:
        """Free the model."""
        if self._process == os.getpid():
            self.model.unload_model()


def save_parts(
    folder: Path,
    characters: Characters,
    words: Words,
    heads: dict[str, Array],
    sizes: dict[str, Any],
    rules: Rules,
    known: Sequence[str] = (),
    trained: Mapping[str, Sequence[str]] | None = None,
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
    for name in ("words", "heads"):  # safetensors lets the owner alone read
        (folder / f"{name}.safetensors").chmod(0o644)
    facts = {"sizes": sizes, "rules": vars(rules), "trained": trained or {}}
    text = json.dumps(facts, ensure_ascii=False, indent=1)
    (folder / FILE).write_text(text + "\n", encoding="utf-8")
