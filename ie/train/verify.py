"""After training: is what lies on the disk what was trained?"""

from pathlib import Path
from typing import Any

from ..engines.bottleneck import load_bottlenecks, remove_bottlenecks
from ..engines.loading import load_base, quiet_libraries
from ..errors import ModelError
from .base import base_of
from .config import BOTTLENECK_METHODS, TrainConfig

# Greatest difference of logits that rounding alone can make, by far.
_TOLERANCE = 0.05


def compare_saved(model: Any, config: TrainConfig, folder: Path, sample: list[list[int]]) -> float:
    """Load the saved weights again and return the greatest difference of logits on a sample.

    The trained model is taken apart on the way: its adapter is replaced by the saved one. A
    model trained in full is compared weight by weight instead, bit by bit.

    Raises:
        ModelError: the saved weights are empty or give other logits.
    """
    if config.method == "full":
        _compare_weights(model, folder)
        return 0.0
    _check_not_empty(folder)
    before = [_logits(model, ids) for ids in sample]
    reloaded = _reloaded(model, config, folder)
    after = [_logits(reloaded, ids) for ids in sample]
    difference = max(float((a - b).abs().max()) for a, b in zip(before, after, strict=True))
    if not difference <= _TOLERANCE:
        raise ModelError(
            f"{folder}: the saved adapter gives other logits than the trained one "
            f"(difference {difference:.3g}); the checkpoints hold what was trained"
        )
    return difference


def _check_not_empty(folder: Path) -> None:
    from safetensors.torch import load_file

    weights = {
        name: tensor
        for path in folder.glob("*.safetensors")
        for name, tensor in load_file(path).items()
    }
    if not weights or not any(bool(tensor.any()) for tensor in weights.values()):
        raise ModelError(f"{folder}: the saved adapter is empty")
    ends = [tensor for name, tensor in weights.items() if "lora_B" in name or ".2.weight" in name]
    if ends and not any(bool(tensor.any()) for tensor in ends):
        raise ModelError(f"{folder}: the saved adapter changes nothing; was anything trained?")


def _reloaded(model: Any, config: TrainConfig, folder: Path) -> Any:
    if config.method in BOTTLENECK_METHODS:
        remove_bottlenecks(model)
        load_bottlenecks(model, folder)
        return model
    from peft import PeftModel

    is_tuner = hasattr(model.base_model, "unload")
    base = model.unload() if is_tuner else model.get_base_model()
    if config.adapter.init != "default":
        # What was unloaded lacks the part that the adapter began with.
        base = load_base(base_of(config)).to(_device(base))
    with quiet_libraries():
        return PeftModel.from_pretrained(base, folder)


def _logits(model: Any, ids: list[int]) -> Any:
    import torch

    inputs = {"input_ids": torch.tensor([ids], device=_device(model))}
    if model.config.is_encoder_decoder:
        inputs["decoder_input_ids"] = inputs["input_ids"][:, :8]
    model.eval()
    with torch.no_grad():
        return model(**inputs).logits.float()


def _device(model: Any) -> Any:
    return model.get_input_embeddings().weight.device


def _compare_weights(model: Any, folder: Path) -> None:
    from safetensors import safe_open

    held = model.state_dict()
    for path in sorted(folder.glob("*.safetensors")):
        with safe_open(path, "pt") as file:
            for name in file.keys():  # noqa: SIM118
                if name in held and not bool((file.get_tensor(name) == held[name].cpu()).all()):
                    raise ModelError(f"{path}: {name} is not what was trained")
