"""The manifest of a build: enough to check its output and to make it again."""

import hashlib
import platform
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path
from typing import Any

import msgspec


def described_file(path: str | Path) -> dict[str, Any]:
    """Return name, size in bytes and SHA-256 of a file; the last two are None for `-`.

    The name is without folders, so that a manifest does not depend on where it was made.
    """
    if str(path) == "-":
        return {"name": "-", "bytes": None, "sha256": None}
    digest = hashlib.sha256()
    size = 0
    with Path(path).open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
            size += len(block)
    return {"name": Path(path).name, "bytes": size, "sha256": digest.hexdigest()}


def versions(names: Iterable[str] = ("chinchilla-ie", "msgspec")) -> dict[str, str]:
    """Return the versions of the installed packages on which the bytes depend, and of Python."""
    found = {}
    for name in names:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return {**found, "python": platform.python_version()}


def plain(value: Any) -> Any:
    """Return options as JSON values, those left at None or empty taken out."""
    built = msgspec.to_builtins(value, str_keys=True)
    if isinstance(built, dict):
        return {k: v for k, v in built.items() if v is not None and v not in ({}, [], "")}
    return built
