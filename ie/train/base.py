"""The base model of a run: what is loaded, and what its architecture allows."""

from pathlib import Path

from ..engines.loading import BaseModel, load_config
from .checks import check_model
from .config import PROMPT_METHODS, TrainConfig
from .packing import PACKABLE_TYPES


def check_architecture(config: TrainConfig, source: BaseModel) -> tuple[bool, bool]:
    """Return whether the base is an encoder-decoder, and whether records will share rows.

    Raises:
        ModelError: the base cannot be read.
        ConfigError: method, data and architecture do not go together.
    """
    architecture = load_config(source)
    seq2seq, kind = bool(architecture.is_encoder_decoder), str(architecture.model_type)
    packable = kind in PACKABLE_TYPES and config.method not in PROMPT_METHODS
    check_model(config, seq2seq=seq2seq, packable=packable, model_type=kind)
    return seq2seq, packable if config.data.packing is None else config.data.packing


def base_of(config: TrainConfig) -> BaseModel:
    """Return what a run loads; a folder is named by its full path, so that adapters find it."""
    base = config.model.base
    if Path(base).is_dir():
        base = str(Path(base).resolve())
    dtype = config.model.dtype
    if dtype == "auto" and config.method == "full":
        # Updates are smaller than bfloat16 resolves; autocast still computes in it.
        dtype = "float32"
    return BaseModel(
        base, dtype, config.quantisation, config.model.attention, config.model.trust_remote_code
    )
