"""Hashes of what a figure rests upon: a file's bytes, a model's files, settings."""

import hashlib
import json
from collections.abc import Iterable
from importlib import metadata, resources
from pathlib import Path
from typing import Any

import msgspec

from ..engines.loading import adapter_base, is_adapter
from ..engines.open import MINI
from ..errors import InputError, ModelError

_BLOCK = 1 << 20
_PACKAGES = ("chinchilla-ie", "ctranslate2", "tokenizers", "transformers", "torch", "peft")


def hash_file(path: str | Path) -> str:
    """Return the SHA-256 of a file's bytes, in hexadecimal.

    Raises:
        InputError: the file cannot be read.
    """
    digest = hashlib.sha256()
    try:
        with Path(path).open("rb") as file:
            while block := file.read(_BLOCK):
                digest.update(block)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    return digest.hexdigest()


def hash_value(value: Any) -> str:
    """Return the SHA-256 of plain data or structs, keys in sorted order."""
    plain = msgspec.to_builtins(value)
    text = json.dumps(plain, ensure_ascii=False, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def hash_model(name: str) -> str:
    """Return what tells one state of a model from another, by its `--model` name.

    `sha256:…` over the files of a folder, those of an adapter's base included; `revision:…` of a
    hub model in the local cache; `unseen` for an endpoint, or a hub model not fetched yet.

    Raises:
        InputError: a file of the model cannot be read.
    """
    if name.startswith(("http://", "https://")):
        return "unseen"
    if name == MINI:
        folder = Path(str(resources.files("chinchilla").joinpath("mini")))
    else:
        folder = Path(name)
    if not folder.is_dir():
        return _revision(name)
    parts = {path.name: hash_file(path) for path in _model_files(folder)}
    if is_adapter(folder):
        try:
            parts["base"] = hash_model(adapter_base(folder).base)
        except ModelError:
            parts["base"] = "unseen"  # opening the model will say why
    return f"sha256:{hash_value(parts)}"


def package_versions() -> dict[str, str]:
    """Return the versions of the packages that decide what a model says, where installed."""
    return {name: version for name in _PACKAGES if (version := _version(name))}


def _model_files(folder: Path) -> Iterable[Path]:
    """Return the files of the folder itself; model cards and hidden files change no answer."""
    return sorted(
        path
        for path in folder.iterdir()
        if path.is_file() and path.suffix != ".md" and not path.name.startswith(".")
    )


def _revision(name: str) -> str:
    try:
        from huggingface_hub import try_to_load_from_cache
        from huggingface_hub.errors import HFValidationError
    except ImportError:
        return "unseen"
    for file in ("config.json", "adapter_config.json"):
        try:
            path = try_to_load_from_cache(name, file)
        except HFValidationError:
            return "unseen"
        if isinstance(path, str):
            return f"revision:{Path(path).parent.name}"
    return "unseen"


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""
