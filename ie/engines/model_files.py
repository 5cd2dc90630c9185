"""What lies beside the weights of a model: how it is asked, and how its scores are to be read."""

import json
import sys
from pathlib import Path
from typing import Any, TypeGuard

from ..decoding.confidence import Calibration
from ..errors import ConfigError, ModelError
from ..prompts.prompt import GENERAL, STYLE_FILE, PromptStyle
from .hub import hub_file

CALIBRATION_FILE = "calibration.json"


def read_style(model: str | Path) -> PromptStyle:
    """Return how a model was taught to be asked, or the general style if nothing says.

    `model` is a folder, a hub id (its repository is looked into), or a file of a style.

    Raises:
        ModelError: the style file is not JSON.
        ConfigError: it holds an unknown key, template or format.
    """
    return find_style(model) or GENERAL


def find_style(model: str | Path, *, is_cached: bool = False) -> PromptStyle | None:
    """Return what says how a model was taught to be asked, as `read_style`, or None.

    With `is_cached` no hub is asked, only what of it lies on this machine.
    """
    path: Path | None = Path(model)
    if path and not path.is_file():
        beside = path / STYLE_FILE
        path = beside if path.is_dir() else hub_file(str(model), STYLE_FILE, is_cached=is_cached)
    if path is None or not path.is_file():
        return None
    return PromptStyle.from_dict(read_json(path), str(path))


def named_style(name: str) -> PromptStyle:
    """Return the style that a user names: a file, a folder or a hub id.

    Raises:
        ConfigError: there is none.
    """
    style = find_style(name)
    if style is None:
        raise ConfigError(
            f"{name}: holds no style; expected a {STYLE_FILE}, or the folder or hub id of a model with one"
        )
    return style


def read_json(path: Path) -> Any:
    """Read a file of a model.

    Raises:
        ModelError: it is not JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ModelError(f"{path}: not valid JSON ({error})") from None


def write_style(style: PromptStyle, folder: Path) -> None:
    """Write `chinchilla.json` into the folder of a model."""
    text = json.dumps(style.to_dict(), ensure_ascii=False, indent=1)
    (folder / STYLE_FILE).write_text(text + "\n", encoding="utf-8")


def find_calibration(folder: Path) -> Calibration | None:
    """Return the calibration that lies beside a model, if there is one.

    Raises:
        ModelError: see `read_calibration`.
    """
    path = folder / CALIBRATION_FILE
    return read_calibration(path) if path.is_file() else None


def read_calibration(path: str | Path) -> Calibration:
    """Read what `chinchilla evaluate --calibrate` wrote.

    Raises:
        ModelError: the file is missing or is no calibration.
    """
    try:
        value = json.loads(Path(path).read_text(encoding="utf-8"))
        parts = value.get("kinds", {}).items()
        kinds = {name: _one(part, f"kinds.{name}.") for name, part in parts}
        whole = _one(value)
        return Calibration(whole.temperature, whole.bias, kinds)
    except (OSError, ValueError, AttributeError) as error:
        raise ModelError(
            f"{path}: no calibration ({error}); make one with chinchilla evaluate --calibrate"
        ) from None


def _one(value: dict[str, Any], where: str = "") -> Calibration:
    """Return one map of the file; `where` is the path to its fields."""
    temperature, bias = value.get("temperature"), value.get("bias", 0.0)
    # Below 0 the order of scores would turn round.
    if not _is_number(temperature) or temperature <= 0:
        raise ValueError(f"{where}temperature is {temperature!r}; expected a number above 0")
    if not _is_number(bias):
        raise ValueError(f"{where}bias is {bias!r}; expected a number")
    return Calibration(float(temperature), float(bias))


def _is_number(value: Any) -> TypeGuard[float]:
    # Python's JSON knows NaN, which compares as False with anything, Infinity, and endless integers.
    return type(value) in (int, float) and abs(value) <= sys.float_info.max
