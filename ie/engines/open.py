"""Open a model by what the user calls it: nothing, a folder, a hub id, or an endpoint's address."""

import re
from dataclasses import replace
from importlib import resources
from pathlib import Path

from ..errors import ConfigError, ModelError, near_miss
from ..mini.reader import is_reader, open_reader
from ..prompts.prompt import PromptStyle
from .http_options import HttpOptions
from .model_files import find_calibration, model_folder, read_style
from .protocol import Engine
from .writer import Writer

MINI = "mini"
_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")


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
        ConfigError: an option is for models of another kind, such as quantisation for `mini`.
    """
    name = str(model or MINI)
    if "://" not in name:
        name = str(model_folder(name))
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
    if not name.startswith(("http://", "https://")):
        _check_told(name, http, is_transformers=is_transformers, trusts=trust_remote_code)
    if name == MINI:
        folder = Path(str(resources.files("chinchilla").joinpath("mini")))
        if not (folder / "model.bin").is_file():
            raise ModelError("the embedded model is missing from this installation; reinstall it")
        return open_reader(MINI, folder)
    if name.startswith(("http://", "https://")):
        from .endpoint import shown_address
        from .http import HttpBackend

        return Writer(shown_address(name), HttpBackend(name, http), PromptStyle())
    folder = Path(name)
    if is_reader(folder):
        return open_reader(name, folder)
    if (folder / "model.bin").is_file():
        from .ct2 import CTranslate2Backend

        style = read_style(folder)
        return Writer(name, CTranslate2Backend(folder), style, find_calibration(folder))
    _check_folder(name, folder)
    from .hf import TransformersBackend

    style = read_style(folder)
    backend = TransformersBackend(
        name,
        quantisation=quantisation,
        trust_remote_code=trust_remote_code,
        thinking=http.thinking if http else "off",
    )
    return Writer(name, backend, style, find_calibration(folder))


def _check_told(
    name: str, http: HttpOptions | None, *, is_transformers: bool, trusts: bool
) -> None:
    """Refuse what would have no effect on a model that is no endpoint."""
    told = http or HttpOptions()
    if replace(told, thinking="off") != HttpOptions():
        raise ConfigError(
            f"{name}: parallel, timeout and extra_body are for endpoints, such as "
            "http://host/v1#name; leave them out"
        )
    if not is_transformers and (trusts or told.thinking != "off"):
        raise ConfigError(
            f"{name}: trust_remote_code and thinking are for transformers models and endpoints; "
            "leave them out"
        )


def open_writer(model: str | Path | None = None) -> Writer:
    """Load a language model.

    Raises:
        ModelError: see `open_engine`.
        ConfigError: the model is a reader, which is asked in no words.
    """
    engine = open_engine(model)
    if not isinstance(engine, Writer):
        raise ConfigError(f"{engine.name}: is no language model; name one")
    return engine


def _check_folder(name: str, folder: Path) -> None:
    if (folder / "config.yaml").is_file() and (folder / "data.json").is_file():
        raise ModelError(
            f"{name}: is a run of chinchilla train that is not finished; go on with it by "
            "chinchilla train CONFIG --resume"
        )
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
