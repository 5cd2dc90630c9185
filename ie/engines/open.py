"""Open a model by what the user calls it: nothing, a folder, a hub id, or an endpoint's address."""

import dataclasses
import json
import re
import shutil
import sys
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, TypeGuard

from ..decoding.confidence import Calibration
from ..errors import ConfigError, ModelError, near_miss
from ..mini.hints import JIEBA, marker
from ..prompts.prompt import STYLE_FILE, PromptStyle
from .http_options import HttpOptions
from .protocol import Backend

MINI = "mini"
CALIBRATION_FILE = "calibration.json"
# In the format of safetensors, but not by that name: tools take all such files of a folder for the model.
TAGGER_FILE = "tagger.weights"
_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")


@dataclass(frozen=True)
class Engine:
    """A backend with a loaded model, how it is to be asked, and its name for messages.

    `calibration` is that of `calibration.json` beside the model, if there is one.
    """

    name: str
    backend: Backend
    style: PromptStyle
    calibration: Calibration | None = None


def open_engine(
    model: str | Path | None = None,
    *,
    quantisation: str = "none",
    trust_remote_code: bool = False,
    http: HttpOptions | None = None,
) -> Engine:
    """Load a model for extraction.

    Args:
        model: None or `mini` for the embedded one; a folder (converted to CTranslate2, a
            transformers model, or an adapter); a hub id; or `http(s)://host/v1#model-name` for
            an OpenAI-compatible endpoint.
        quantisation: `none`, `nf4` or `int8`, for transformers models.
        trust_remote_code: let code that comes with a transformers model run.
        http: how an endpoint is to be asked; None is the defaults of `HttpOptions`.

    Raises:
        ModelError: there is no such model, or it cannot be loaded.
        ConfigError: it is to be quantised, and is no transformers model.
    """
    name = str(model or MINI)
    is_transformers = not (
        name == MINI
        or name.startswith(("http://", "https://"))
        or (Path(name) / "model.bin").is_file()
    )
    if quantisation != "none" and not is_transformers:
        raise ConfigError(
            f"{name}: quantisation is {quantisation}, but it is no transformers model; "
            "leave it at none (a converted model is quantised by chinchilla export --ct2)"
        )
    if name == MINI:
        folder = Path(str(resources.files("chinchilla").joinpath("mini")))
        if not (folder / "model.bin").is_file():
            raise ModelError("the embedded model is missing from this installation; reinstall it")
        return _open_converted(MINI, folder)
    if name.startswith(("http://", "https://")):
        from .endpoint import shown_address
        from .http import HttpBackend

        return Engine(shown_address(name), HttpBackend(name, http), PromptStyle())
    folder = Path(name)
    if (folder / "model.bin").is_file():
        return _open_converted(name, folder)
    _check_folder(name, folder)
    from .hf import TransformersBackend

    style = read_style(folder)
    backend = TransformersBackend(
        name, quantisation=quantisation, trust_remote_code=trust_remote_code
    )
    return Engine(name, backend, style, _calibration(folder))


def read_style(folder: Path) -> PromptStyle:
    """Return how the model of a folder was taught to be asked, or the general style.

    Raises:
        ModelError: the style file is not JSON, or its tagger is missing.
        ConfigError: it holds an unknown key, template or format.
    """
    path = folder / STYLE_FILE
    if not path.is_file():
        return PromptStyle()
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ModelError(f"{path}: not valid JSON ({error})") from None
    style = PromptStyle.from_dict(value, str(path))
    if style.hints:
        marker(style.hints)  # a tagger that is missing is told now, not at the first text
    return style


def write_style(style: PromptStyle, folder: Path) -> None:
    """Write `chinchilla.json` into the folder of a model, and beside it the tagger of its hints.

    Raises:
        ModelError: the tagger's file is missing.
    """
    if style.hints not in ("", JIEBA):
        marker(style.hints)
        path = folder / TAGGER_FILE
        if Path(style.hints).resolve() != path.resolve():
            shutil.copyfile(style.hints, path)
        style = dataclasses.replace(style, hints=TAGGER_FILE)
    text = json.dumps(style.to_dict(), ensure_ascii=False, indent=1)
    (folder / STYLE_FILE).write_text(text + "\n", encoding="utf-8")


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


def _calibration(folder: Path) -> Calibration | None:
    path = folder / CALIBRATION_FILE
    return read_calibration(path) if path.is_file() else None


def _open_converted(name: str, folder: Path) -> Engine:
    from .ct2 import CTranslate2Backend

    style = read_style(folder)
    return Engine(name, CTranslate2Backend(folder), style, _calibration(folder))


def _check_folder(name: str, folder: Path) -> None:
    if folder.is_dir():
        files = ("config.json", "adapter_config.json", "bottleneck.json")
        if not any((folder / file).is_file() for file in files):
            found = ", ".join(sorted(item.name for item in folder.iterdir())[:5]) or "nothing"
            raise ModelError(
                f"{name}: holds no model (found {found}); expected model.bin (CTranslate2), "
                "config.json (transformers) or adapter_config.json (peft)"
            )
    elif folder.exists() or name.startswith((".", "/", "~")) or not _HUB_ID.fullmatch(name):
        raise ModelError(
            f"{name}: no such model{near_miss(name, [MINI])}; expected nothing (the embedded "
            "model), a folder, a hub id such as Qwen/Qwen2.5-7B-Instruct, or http://host/v1#name"
        )
