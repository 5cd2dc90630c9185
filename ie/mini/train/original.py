"""Read the base weights from a Hugging Face folder: config, tokenizer, safetensors."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from chinchilla.errors import InputError

from .e5 import E5, Shape

_FILES = ("config.json", "tokenizer.json", "model.safetensors")
_PARTS = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}
_TABLES = {
    "emb.word": "word_embeddings.weight",
    "emb.pos": "position_embeddings.weight",
    "emb.type": "token_type_embeddings.weight",
    "emb.ln.w": "LayerNorm.weight",
    "emb.ln.b": "LayerNorm.bias",
}
_SIDES = {"w": "weight", "b": "bias"}


class Original:
    """A BERT encoder with a unigram tokenizer, under the names of the packed file."""

    def __init__(self, folder: Path) -> None:
        """Open the folder; tensors stay on disk.

        Raises:
            InputError: a file is missing, or the model is of another kind.
        """
        for name in _FILES:
            if not (folder / name).is_file():
                raise InputError(f"{folder}: no {name}; expected {', '.join(_FILES)}")
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        if config.get("model_type") != "bert":
            found = config.get("model_type")
            raise InputError(f"{folder}: model_type is {found!r}; expected 'bert'")
        self.shape = Shape(
            config["hidden_size"],
            config["num_hidden_layers"],
            config["num_attention_heads"],
            config["intermediate_size"],
            config["max_position_embeddings"],
            config["layer_norm_eps"],
        )
        tokenizer = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
        if tokenizer["model"].get("type") != "Unigram":
            raise InputError(f"{folder}: the tokenizer is no unigram model")
        vocabulary = tokenizer["model"]["vocab"]
        self.pieces = [piece for piece, _ in vocabulary]
        self.scores = np.array([score for _, score in vocabulary], np.float32)
        from safetensors import safe_open

        # Typed by hand: the library's own functions have no types.
        open_: Any = safe_open
        self._file = open_(folder / "model.safetensors", "np")
        self._prefix = (
            "bert." if "bert.embeddings.LayerNorm.weight" in set(self._file.keys()) else ""
        )

    def tensor(self, name: str, columns: int = 0) -> np.ndarray[Any, Any]:
        """Return a tensor as float32, as [rows, columns] where columns are given."""
        stored = self._file.get_tensor(self._prefix + self._named(name))
        flat: np.ndarray[Any, Any] = stored.astype(np.float32)
        return flat.reshape(-1, columns) if columns else flat.reshape(-1)

    def packed(self, name: str) -> np.ndarray[Any, Any]:
        """Return a tensor in 4-bit blocks, [blocks, 18] bytes."""
        return pack(self.tensor(name))

    def rows(self, ids: list[int]) -> np.ndarray[Any, Any]:
        """Return the word embeddings of some pieces, [ids, hidden]."""
        return self.tensor("emb.word", self.shape.hidden)[ids]

    def packed_rows(self, ids: list[int]) -> np.ndarray[Any, Any]:
        """Return the word embeddings of some pieces in 4-bit blocks."""
        return pack(self.rows(ids).reshape(-1))

    def _named(self, name: str) -> str:
        if name in _TABLES:
            return f"embeddings.{_TABLES[name]}"
        layer, part, side = name.split(".")
        return f"encoder.layer.{layer[1:]}.{_PARTS[part]}.{_SIDES[side]}"


Base = E5 | Original


def open_base(path: Path) -> Base:
    """Open the base weights: a packed file, or a Hugging Face folder.

    Raises:
        InputError: there is neither.
    """
    if path.is_dir():
        return Original(path)
    if not path.is_file():
        raise InputError(f"{path}: no base weights; expected a packed file or a folder")
    return E5(path)


def pack(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Turn float weights [n * 32] into 4-bit blocks [n, 18] of bytes; see `e5`."""
    blocks = values.reshape(-1, 32)
    largest = np.take_along_axis(blocks, np.abs(blocks).argmax(1)[:, None], 1)
    scale = (largest / -8).astype("<f2")
    wide = scale.astype(np.float32)
    steps = np.divide(blocks, wide, out=np.zeros_like(blocks), where=wide != 0)
    nibbles = np.clip(np.rint(steps) + 8, 0, 15).astype(np.uint8)
    return np.concatenate([scale.view(np.uint8), nibbles[:, :16] | nibbles[:, 16:] << 4], axis=1)
