"""The run folder: what a run was told, what it ran on, and what came of it.

config.yaml        the resolved configuration
data.json          files with their hashes, and what became of their records
environment.json   package versions, git revision, devices
metrics.jsonl      every logged figure       curves.png   loss and F1 over the steps
checkpoints/       to resume from            model/       the adapter or model, with its card
sample.jsonl       records that an export is verified on
"""

import json
import platform
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

import yaml

from ..errors import ConfigError
from ..evaluate.fingerprint import hash_file
from .config import TrainConfig
from .reading import config_to_yaml

CONFIG_FILE = "config.yaml"
DATA_FILE = "data.json"
METRICS_FILE = "metrics.jsonl"
PLOT_FILE = "curves.png"
CHECKPOINTS = "checkpoints"
MODEL = "model"
# Where an adapter began that took its start out of the base.
START = "start"
# Of the manifest: the step whose weights the model folder holds.
STEP = "step"
_PACKAGES = (
    "chinchilla-ie",
    "torch",
    "transformers",
    "peft",
    "bitsandbytes",
    "accelerate",
    "tokenizers",
    "safetensors",
    "numpy",
)
# What may differ between a run and its continuation without changing its result.
_FREE = ("output", "tracking", "distributed")


def open_run(config: TrainConfig, *, resume: bool, force: bool) -> str | None:
    """Prepare the run folder and return the checkpoint to go on from, if any.

    Raises:
        ConfigError: the folder holds a run and neither `resume` nor `force` was given, or the
            configuration or the data are not those of the run to resume.
    """
    folder = Path(config.output)
    earlier = folder / CONFIG_FILE
    checkpoint = None
    # What failed before its first step is no run: it may be mended and started again.
    has_begun = any((folder / name).exists() for name in (CHECKPOINTS, METRICS_FILE, MODEL))
    if earlier.is_file() and not has_begun:
        earlier.unlink()
    if earlier.is_file() and resume:
        _check_same(config, earlier)
        checkpoint = last_checkpoint(folder)
    elif earlier.is_file() and not force:
        raise ConfigError(f"{folder}: holds a run; pass --resume to go on, --force to start over")
    if checkpoint is None and (folder / CHECKPOINTS).is_dir():
        import shutil

        shutil.rmtree(folder / CHECKPOINTS)
    folder.mkdir(parents=True, exist_ok=True)
    earlier.write_text(config_to_yaml(config), encoding="utf-8")
    environment = json.dumps(describe_environment(), ensure_ascii=False, indent=1)
    (folder / "environment.json").write_text(environment + "\n", encoding="utf-8")
    return checkpoint


def last_checkpoint(folder: Path, before: int | None = None) -> str | None:
    """Return the newest whole checkpoint: its state file, written last, can be read.

    With `before`, the newest of fewer steps.
    """
    found: list[tuple[int, Path]] = []
    for path in (folder / CHECKPOINTS).glob("checkpoint-*"):
        try:
            state = json.loads((path / "trainer_state.json").read_text(encoding="utf-8"))
            step = int(state["global_step"])
            if before is None or step < before:
                found.append((step, path))
        except (OSError, ValueError, KeyError):
            continue
    return str(max(found)[1]) if found else None


def hash_files(paths: tuple[str, ...]) -> dict[str, str]:
    """Return the SHA-256 of each file."""
    return {path: hash_file(path) for path in paths}


def write_manifest(config: TrainConfig, counts: dict[str, Any], *, resume: bool) -> dict[str, Any]:
    """Write `data.json` and return it.

    Raises:
        ConfigError: on resuming, a data file has changed since the run began.
    """
    path = Path(config.output) / DATA_FILE
    manifest = {
        "train": hash_files(config.data.train),
        "dev": hash_files(config.data.dev),
        **counts,
    }
    if resume and path.is_file():
        earlier = json.loads(path.read_text(encoding="utf-8"))
        for part in ("train", "dev"):
            if list(earlier.get(part, {}).values()) != list(manifest[part].values()):
                raise ConfigError(f"{path}: data.{part} has changed since the run began")
        if STEP in earlier:
            manifest |= {STEP: earlier[STEP], "sources": earlier["sources"]}
    _write(manifest, path)
    return manifest


def finish_manifest(
    config: TrainConfig, manifest: dict[str, Any], sources: dict[str, int], step: int
) -> None:
    """Say in `data.json`, and in the manifest, which records the weights of a step have seen."""
    manifest["sources"] = dict(sorted(sources.items()))
    manifest[STEP] = step
    _write(manifest, Path(config.output) / DATA_FILE)


def _write(manifest: dict[str, Any], path: Path) -> None:
    text = json.dumps(manifest, ensure_ascii=False, indent=1)
    path.write_text(text + "\n", encoding="utf-8")


def describe_environment() -> dict[str, Any]:
    """Return versions, git revision and devices."""
    import torch

    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": {name: _version(name) for name in _PACKAGES},
        "git": _git_revision(),
        "devices": [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
        or ["cpu"],
    }


def _check_same(config: TrainConfig, earlier: Path) -> None:
    before = yaml.safe_load(earlier.read_text(encoding="utf-8"))
    now = yaml.safe_load(config_to_yaml(config))
    changed = [
        f"{section}.{key}" if isinstance(now[section], dict) else section
        for section in now
        if section not in _FREE and now[section] != before.get(section)
        for key in (now[section] if isinstance(now[section], dict) else [section])
        if not isinstance(now[section], dict)
        or now[section][key] != (before.get(section) or {}).get(key)
    ]
    if changed:
        raise ConfigError(
            f"{earlier}: the run to resume had other values of {', '.join(changed)}; "
            "restore them, or pass --force to start over"
        )


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _git_revision() -> str | None:
    try:
        result = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=40"],
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return result.stdout.strip() or None
