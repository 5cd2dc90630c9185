"""Bottleneck adapters: a narrow two-layer network beside or after each feed-forward block.

`sequential` (Houlsby et al. 2019, in the one-per-layer form of Pfeiffer et al. 2020) reads what
the block gives: `y + up(relu(down(y)))`. `parallel` (He et al. 2022) reads what the block is
given: `y + up(relu(down(x)))`. `up` starts at zero, so that an untrained adapter changes nothing.
They hang on forward hooks: the base keeps its modules, names and weights, quantised or not.
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import ModelError

if TYPE_CHECKING:
    import torch

CONFIG_FILE = "bottleneck.json"
WEIGHTS_FILE = "bottleneck.safetensors"
_NAME = "bottleneck"
# First and last linear layer of the feed-forward block, by family.
_BLOCKS = (
    ("gate_up_proj", "down_proj"),  # GLM-4
    ("gate_proj", "down_proj"),  # Llama, Mistral, Qwen, InternLM3
    ("dense_h_to_4h", "dense_4h_to_h"),  # BLOOM, GPT-NeoX
    ("fc1", "fc2"),  # OPT, BART
    ("wi_0", "wo"),  # T5 1.1, mT5
    ("wi", "wo"),  # T5
    ("c_fc", "c_proj"),  # GPT-2
)


def add_bottlenecks(model: Any, kind: str, width: int) -> int:
    """Freeze a model and put an adapter on every feed-forward block; return how many.

    Raises:
        ModelError: the model has no feed-forward block of a known layout.
    """
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    count = 0
    for parent in list(model.modules()):
        names = {name for name, _ in parent.named_children()}
        block = next((pair for pair in _BLOCKS if names.issuperset(pair)), None)
        if block is not None:
            _hang(parent, block, kind, width, _hidden_size(model.config))
            count += 1
    if not count:
        raise ModelError(
            f"{model.config.model_type!r} has no feed-forward block that {kind!r} adapters know"
        )
    return count


def save_bottlenecks(model: Any, folder: Path, kind: str, width: int) -> None:
    """Write the adapters and their shape."""
    from safetensors.torch import save_file

    (folder / CONFIG_FILE).write_text(
        json.dumps({"kind": kind, "width": width}) + "\n", encoding="utf-8"
    )
    save_file(bottleneck_weights(model), folder / WEIGHTS_FILE, metadata={"format": "pt"})


def load_bottlenecks(model: Any, folder: Path) -> None:
    """Add the adapters of a folder to their base.

    Raises:
        ModelError: the files are missing or do not fit the model.
    """
    from safetensors.torch import load_file

    try:
        shape = json.loads((folder / CONFIG_FILE).read_text(encoding="utf-8"))
        add_bottlenecks(model, shape["kind"], shape["width"])
        weights = load_file(folder / WEIGHTS_FILE)
        if weights.keys() != bottleneck_weights(model).keys():
            raise ModelError(f"{folder}: the adapters belong to another base model")
        model.load_state_dict(weights, strict=False)
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise ModelError(f"{folder}: adapters cannot be loaded ({error})") from None


def bottleneck_weights(model: Any) -> dict[str, "torch.Tensor"]:
    """Return the adapters' tensors by their names in the model."""
    return {
        name: tensor.detach().cpu().contiguous()
        for name, tensor in model.state_dict().items()
        if f".{_NAME}." in name
    }


def remove_bottlenecks(model: Any) -> None:
    """Take the adapters off again."""
    for parent in list(model.modules()):
        adapter = getattr(parent, _NAME, None)
        if adapter is not None:
            for handle in adapter.handles:
                handle.remove()
            delattr(parent, _NAME)


def _hidden_size(config: Any) -> int:
    return int(getattr(config, "hidden_size", None) or config.d_model)


def _hang(parent: Any, block: tuple[str, str], kind: str, width: int, hidden: int) -> None:
    import torch

    last = getattr(parent, block[1])
    adapter: Any = torch.nn.Sequential(
        torch.nn.Linear(hidden, width), torch.nn.ReLU(), torch.nn.Linear(width, hidden)
    )
    torch.nn.init.normal_(adapter[0].weight, std=0.01)
    torch.nn.init.zeros_(adapter[0].bias)
    torch.nn.init.zeros_(adapter[2].weight)
    torch.nn.init.zeros_(adapter[2].bias)
    # Float32 whatever the base is in: small updates are lost in bfloat16.
    adapter.to(device=last.weight.device, dtype=torch.float32)
    parent.add_module(_NAME, adapter)
    seen: list[torch.Tensor] = []

    def before(module: Any, inputs: tuple[Any, ...]) -> None:
        seen[:] = [inputs[0]]

    def after(module: Any, inputs: tuple[Any, ...], output: Any) -> Any:
        source = output if kind == "sequential" else seen.pop()
        return output + adapter(source.to(torch.float32)).to(output.dtype)

    adapter.handles = [last.register_forward_hook(after)]
    if kind == "parallel":
        adapter.handles.append(getattr(parent, block[0]).register_forward_pre_hook(before))
