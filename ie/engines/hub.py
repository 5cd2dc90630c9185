"""The hub of models: told within seconds where it cannot be reached, instead of tried for minutes."""

import os
import socket
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ..errors import ModelError

# Seconds for a connection, after which a hub counts as out of reach.
_PATIENCE = 5.0
_PROXIES = ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")


def hub_options(model: str) -> dict[str, Any]:
    """Return how `from_pretrained` is to load a model: from the cache alone if the hub is away.

    Raises:
        ModelError: the model is in no folder and no cache, and the hub cannot be reached.
    """
    if Path(model).exists():
        return {}
    from huggingface_hub import constants

    problem = "HF_HUB_OFFLINE is set" if constants.HF_HUB_OFFLINE else _problem(constants.ENDPOINT)
    if not problem:
        return {}
    if not _is_cached(model):
        raise ModelError(
            f"{model}: no such folder, not in the cache, and {constants.ENDPOINT} cannot be reached "
            f"({problem}); give a folder, or set HF_ENDPOINT to a hub within reach"
        )
    return {"local_files_only": True}


def hub_file(model: str, name: str, *, is_cached: bool = False) -> Path | None:
    """Return a file of a model's hub repository, None if there is none or it cannot be had.

    With `is_cached` only the cache is looked into.
    """
    from huggingface_hub import constants, hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    is_away = constants.HF_HUB_OFFLINE or (not is_cached and bool(_problem(constants.ENDPOINT)))
    try:
        return Path(hf_hub_download(model, name, local_files_only=is_cached or is_away))
    except (HfHubHTTPError, LocalEntryNotFoundError, HFValidationError, OSError, ValueError):
        return None


def _is_cached(model: str) -> bool:
    from huggingface_hub import try_to_load_from_cache

    names = ("config.json", "adapter_config.json", "tokenizer_config.json")
    try:
        return any(isinstance(try_to_load_from_cache(model, name), str) for name in names)
    except ValueError:  # no hub id
        return False


@lru_cache(maxsize=4)
def _problem(address: str) -> str:
    """Return why an address cannot be reached; empty if it can, or if a proxy is to reach it."""
    if any(os.environ.get(name) for name in _PROXIES):
        return ""
    parts = urlsplit(address)
    try:
        port = parts.port or (80 if parts.scheme == "http" else 443)
        socket.create_connection((parts.hostname or "", port), timeout=_PATIENCE).close()
    except (OSError, ValueError) as error:
        return str(error)
    return ""
