"""Loading of transformers models: plain, quantised, or an adapter on its base.

An adapter folder made by `chinchilla train` holds `base.json`, which says what the adapter was
trained upon; an adapter of another tool is loaded by its own `adapter_config.json`.
"""

import json
import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..errors import ModelError
from .hub import hub_options
from .stops import cut_at, model_stops
from .tokens import Tokenizer, error_line, load_tokenizer, pad_id

BASE_FILE = "base.json"
# A torch module; typed loosely because the base install does not have torch.
Model = Any


@dataclass(frozen=True)
class BaseModel:
    """What to load: `quantisation` is `none`, `nf4` or `int8`; `dtype` that of the weights."""

    base: str
    dtype: str = "auto"
    quantisation: str = "none"
    attention: str = "auto"
    trust_remote_code: bool = False

    def write(self, folder: Path) -> None:
        """Record beside an adapter what it belongs to."""
        text = json.dumps(asdict(self), ensure_ascii=False, indent=1)
        (folder / BASE_FILE).write_text(text + "\n", encoding="utf-8")


@dataclass(frozen=True)
class LoadedModel:
    """A model in evaluation mode with its tokenizer."""

    model: Model
    tokenizer: Tokenizer
    seq2seq: bool


def is_adapter(folder: str | Path) -> bool:
    """Say whether a folder holds adapter weights rather than a whole model."""
    names = ("adapter_config.json", "bottleneck.json")
    return any((Path(folder) / name).is_file() for name in names)


def adapter_base(folder: str | Path, *, trust_remote_code: bool = False) -> BaseModel:
    """Return what an adapter was trained upon.

    Raises:
        ModelError: neither `base.json` nor `adapter_config.json` names it.
    """
    try:
        if (Path(folder) / BASE_FILE).is_file():
            value = json.loads((Path(folder) / BASE_FILE).read_text(encoding="utf-8"))
            return BaseModel(**{**value, "trust_remote_code": trust_remote_code})
        text = (Path(folder) / "adapter_config.json").read_text(encoding="utf-8")
        name = json.loads(text)["base_model_name_or_path"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(
            f"{folder}: does not say what base model it belongs to ({error})"
        ) from None
    return BaseModel(str(name), trust_remote_code=trust_remote_code)


def load_model(
    name: str, *, quantisation: str = "none", trust_remote_code: bool = False
) -> LoadedModel:
    """Load a model folder, hub id or adapter folder for inference.

    An adapter gets the base it was trained upon, quantised as it was then.

    Raises:
        ModelError: a package or file is missing, or the model type is not known.
    """
    tokenizer = load_tokenizer(name, trust_remote_code=trust_remote_code)
    if not is_adapter(name):
        source = BaseModel(name, quantisation=quantisation, trust_remote_code=trust_remote_code)
        model = load_base(source)
    else:
        source = adapter_base(name, trust_remote_code=trust_remote_code)
        model = attach_adapter(load_base(source), name, tokenizer)
    model.eval()
    return LoadedModel(model, tokenizer, bool(model.config.is_encoder_decoder))


def load_config(source: BaseModel) -> Any:
    """Return the architecture description of a base model.

    Raises:
        ModelError: it cannot be read, or its code is remote and not trusted.
    """
    transformers = _transformers()
    try:
        return transformers.AutoConfig.from_pretrained(
            source.base,
            trust_remote_code=source.trust_remote_code,
            **hub_options(source.base),
        )
    except (OSError, ValueError, KeyError) as error:
        raise ModelError(f"{source.base}: {error_line(error)}") from None


def load_base(source: BaseModel, *, sharded: bool = False) -> Model:
    """Load base weights; quantised ones are placed on this process's device.

    `sharded` leaves the placing to FSDP.

    Raises:
        ModelError: a package or file is missing, or the model type is not known.
    """
    transformers = _transformers()
    config = load_config(source)
    kind = (
        transformers.AutoModelForSeq2SeqLM
        if config.is_encoder_decoder
        else transformers.AutoModelForCausalLM
    )
    options: dict[str, Any] = {"trust_remote_code": source.trust_remote_code}
    options |= hub_options(source.base)
    options["dtype"] = weights_dtype(source.dtype)
    if source.attention != "auto":
        options["attn_implementation"] = source.attention
    if source.quantisation != "none":
        options["quantization_config"] = _quantisation(source.quantisation)
        if not sharded:
            options["device_map"] = {"": local_device()}
    try:
        # safetensors alone: pickled weights can run code.
        model = kind.from_pretrained(source.base, use_safetensors=True, **options)
    except (OSError, ValueError, KeyError, ImportError) as error:
        raise ModelError(f"{source.base}: {error_line(error)}") from None
    if source.quantisation == "nf4":
        keep_4bit_layout(model)
    return model


def attach_adapter(model: Model, folder: str, tokenizer: Tokenizer) -> Model:
    """Put the adapter of a folder on its base, for inference.

    Raises:
        ModelError: peft is missing, or the adapter does not fit the model.
    """
    from .bottleneck import CONFIG_FILE, load_bottlenecks

    fit_embeddings(model, tokenizer)
    if (Path(folder) / CONFIG_FILE).is_file():
        load_bottlenecks(model, Path(folder))
        return model
    with quiet_libraries():
        try:
            from peft import PeftModel
        except ImportError:
            raise _missing("adapters need peft") from None
    try:
        with quiet_libraries():
            return PeftModel.from_pretrained(model, folder)
    except (RuntimeError, ValueError, KeyError, OSError) as error:
        raise ModelError(f"{folder}: {error_line(error)}") from None


def keep_4bit_layout(model: Model) -> None:
    """Stop bitsandbytes from repacking 4-bit weights at the first evaluation on a CPU.

    Where the CPU has AVX512_BF16, 0.50.2 rewrites them in place, after which gradients, merging
    and dequantising are silently wrong.
    """
    import bitsandbytes

    layer: Any = bitsandbytes.nn
    for module in model.modules():
        if isinstance(module, layer.Linear4bit):
            module.support_avx512bf16_for_cpu = False


def fit_embeddings(model: Model, tokenizer: Tokenizer) -> None:
    """Grow the embeddings to the tokenizer; new rows start at the mean of the old ones."""
    rows = model.get_input_embeddings().weight.shape[0]
    if len(tokenizer) <= rows:
        return
    import torch

    model.resize_token_embeddings(len(tokenizer), mean_resizing=False)
    outputs = model.get_output_embeddings()
    tables = [model.get_input_embeddings(), *([outputs] if outputs is not None else [])]
    with torch.no_grad():
        for table in tables:
            table.weight[rows:] = table.weight[:rows].mean(dim=0)


def greedy(
    model: Model, tokenizer: Tokenizer, prompts: Sequence[list[int]], max_tokens: int
) -> list[list[int]]:
    """Continue a batch of prompts (token ids) greedily; return the new ids of each.

    Ids end with the token that ends an answer where the model stopped before `max_tokens`.
    """
    import torch

    width = max(len(ids) for ids in prompts)
    fill, stops = pad_id(tokenizer), model_stops(model, tokenizer)
    device = model.get_input_embeddings().weight.device
    seq2seq = bool(model.config.is_encoder_decoder)
    rows = [_padded(ids, width, fill, left=not seq2seq) for ids in prompts]
    masks = [_padded([1] * len(ids), width, 0, left=not seq2seq) for ids in prompts]
    with torch.no_grad():
        output = model.generate(
            input_ids=torch.tensor(rows, device=device),
            attention_mask=torch.tensor(masks, device=device),
            generation_config=_greedy_settings(model, fill, stops, max_tokens),
        )
    start = 1 if seq2seq else width
    return [_closed(row, stops) for row in output[:, start:].tolist()]


def weights_dtype(name: str) -> Any:
    """Return the torch dtype of a name; `auto` is bfloat16 where the device has it."""
    import torch

    if name == "auto":
        name = "bfloat16" if has_bfloat16() else "float32"
    return getattr(torch, name)


def has_bfloat16() -> bool:
    """Say whether the accelerator, if there is one, computes in bfloat16."""
    import torch

    return bool(torch.cuda.is_available() and torch.cuda.is_bf16_supported())


def local_device() -> Any:
    """Return the device of this process: its own accelerator under torchrun, or the CPU."""
    import os

    import torch

    if not torch.cuda.is_available():
        return "cpu"
    return int(os.environ.get("LOCAL_RANK", "0"))


@contextmanager
def quiet_libraries() -> Iterator[None]:
    """Silence what bitsandbytes, peft and transformers say of themselves.

    They log of kernels that they do not find, and peft takes AdaLoRA's rank pattern for LoRA's.
    """
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(level)


def _quantisation(kind: str) -> Any:
    import torch

    settings: Any = _transformers().BitsAndBytesConfig

    with quiet_libraries():
        try:
            import bitsandbytes  # noqa: F401
        except ImportError:
            raise _missing("4-bit and 8-bit loading need bitsandbytes") from None
    # One warning per layer and call: "inputs will be cast from float32 to float16".
    logging.getLogger("bitsandbytes.autograd._functions").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", message="MatMul8bitLt: inputs will be cast")
    if kind == "int8":
        return settings(load_in_8bit=True)
    half = torch.bfloat16 if has_bfloat16() or not torch.cuda.is_available() else torch.float16
    return settings(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=half,
        # FSDP shards only float storage, and only where all of it has one dtype.
        bnb_4bit_quant_storage=half if torch.cuda.is_available() else torch.uint8,
    )


def _greedy_settings(model: Model, fill: int, stops: list[int], max_tokens: int) -> Any:
    settings: Any = _transformers().GenerationConfig
    start = getattr(model.config, "decoder_start_token_id", None)
    # A fresh configuration: sampling and penalties of the model's own are no use here.
    return settings(
        max_new_tokens=max_tokens,
        do_sample=False,
        use_cache=True,
        pad_token_id=fill,
        eos_token_id=stops,
        decoder_start_token_id=start,
    )


def _padded(ids: list[int], width: int, fill: int, *, left: bool) -> list[int]:
    missing = [fill] * (width - len(ids))
    return missing + ids if left else ids + missing


def _closed(ids: list[int], stops: list[int]) -> list[int]:
    return ids[: len(cut_at(ids, stops)[0]) + 1]


def _transformers() -> Any:
    try:
        import transformers
    except ImportError:
        raise _missing("this model needs transformers") from None
    logs: Any = transformers.utils.logging
    logs.disable_progress_bar()
    return transformers


def _missing(what: str) -> ModelError:
    return ModelError(f"{what}; run: pip install 'chinchilla-ie[train]'")
