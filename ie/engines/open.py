"""Open a model by what the user calls it: nothing, a folder, a hub id, or an endpoint's address.

What only language models need is imported with the first of them, so that the embedded one begins at
once.
"""

import re
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import ConfigError, ModelError, near_miss
from ..mini.reader import Reader
from ..mini.weights import is_reader, open_reader
from ..prompts.prompt import GENERAL, STYLE_FILE
from .http_options import HttpOptions
from .model_files import find_calibration, find_style, model_folder, named_style, read_style
from .protocol import Engine

if TYPE_CHECKING:
    from .writer import Writer

MINI = "mini"
# What lacks so much of its score is plausible enough to ask a language model about it:
# `scripts/bench_prefilter` measures what it saves and costs.
_NEAR = 2.0
_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")


def open_engine(
    model: str | Path | None = None,
    *,
    quantisation: str = "none",
    trust_remote_code: bool = False,
    http: HttpOptions | None = None,
    style: str | Path | None = None,
    prefilter: bool = False,
) -> Engine:
    """Load a model for extraction.

    Args:
        model: None or `mini` for the embedded one; a folder (the embedded model tuned, one
            converted to CTranslate2, a transformers model, or an adapter); a hub id; or `http(s)://host/v1#model-name` for
            an OpenAI-compatible endpoint.
        quantisation: `none`, `nf4` or `int8`, for transformers models.
        trust_remote_code: let code that comes with a transformers model run.
        http: how an endpoint is to be asked; None is the defaults of `HttpOptions`.
        style: how the model was taught to be asked, if that is not beside it: a `chinchilla.json`, or
            the folder or hub id of a model with one.
        prefilter: ask a language model only of the windows and types that the embedded model finds
            plausible.

    Raises:
        ModelError: there is no such model, or it cannot be loaded.
        ConfigError: an option is for models of another kind, such as quantisation for `mini`.
    """
    name = str(model or MINI)
    if "://" not in name:
        name = str(model_folder(name))
    if prefilter:
        from .prefilter import Prefiltered

        if name == MINI or is_reader(Path(name)):
            raise ConfigError(f"{name}: prefilter is for language models; name one with --model")
        writer = open_writer(
            name,
            quantisation=quantisation,
            trust_remote_code=trust_remote_code,
            http=http,
            style=style,
        )
        return Prefiltered(open_first_reader(), writer)
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
        _check_style(name, style)
        return _open_mini()
    if name.startswith(("http://", "https://")):
        return _open_endpoint(name, http, style)
    folder = Path(name)
    if is_reader(folder):
        _check_style(name, style)
        return open_reader(folder, name)
    from .writer import Writer

    told = named_style(str(style)) if style else None
    if (folder / "model.bin").is_file():
        from .ct2 import CTranslate2Backend

        return Writer(
            name, CTranslate2Backend(folder), told or read_style(folder), find_calibration(folder)
        )
    _check_folder(name, folder)
    from .hf import TransformersBackend

    backend = TransformersBackend(
        name,
        quantisation=quantisation,
        trust_remote_code=trust_remote_code,
        thinking=http.thinking if http else "off",
    )
    return Writer(name, backend, told or read_style(name), find_calibration(folder))


def open_first_reader() -> Engine:
    """Load the embedded model as a first reader: it tells far more of what it is unsure of.

    Raises:
        ModelError: the embedded model is missing.
    """
    return _open_mini().telling(_NEAR)


def _open_mini() -> Reader:
    folder = Path(str(resources.files("chinchilla").joinpath("mini")))
    if not is_reader(folder):
        raise ModelError("the embedded model is missing from this installation; reinstall it")
    return open_reader(folder, MINI)


def _open_endpoint(name: str, http: HttpOptions | None, style: str | Path | None) -> "Writer":
    from .endpoint import shown_address
    from .http import HttpBackend
    from .writer import Writer

    backend = HttpBackend(name, http)
    # Servers call a model by its folder or hub id unless they are told another name.
    served = backend.model
    told = named_style(str(style)) if style else None
    told = told or (find_style(served, is_cached=True) if served else None)
    note = ""
    if told is None:
        note = (
            f"{shown_address(name)}: asked as a general model (prompt {GENERAL.template}); if it was "
            f"tuned with chinchilla, name its {STYLE_FILE} with --style"
        )
    return Writer(shown_address(name), backend, told or GENERAL, note=note)


def _check_style(name: str, style: str | Path | None) -> None:
    if style:
        raise ConfigError(f"{name}: is asked in its own way; leave style out")


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


def open_writer(model: str | Path | None = None, **opening: Any) -> "Writer":
    """Load a language model; `opening` are further arguments of `open_engine`.

    Raises:
        ModelError: see `open_engine`.
        ConfigError: the model is a reader, which is asked in no words.
    """
    from .writer import Writer

    engine = open_engine(model, **opening)
    if not isinstance(engine, Writer):
        raise ConfigError(f"{engine.name}: is no language model; name one")
    return engine


def is_writer(engine: Engine) -> bool:
    """Whether a language model gives the answers, which is asked in words."""
    from .prefilter import Prefiltered
    from .writer import Writer

    return isinstance(engine, Writer | Prefiltered)


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
