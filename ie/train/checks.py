"""What can be found wrong with a configuration before anything is loaded."""

from collections.abc import Iterator
from pathlib import Path

from ..data.configuration import Problem
from ..errors import ConfigError
from .config import BOTTLENECK_METHODS, LOW_RANK_METHODS, PROMPT_METHODS, TrainConfig


def mistakes(config: TrainConfig) -> Iterator[Problem]:
    """Find which values do not go together, what is missing and which files do not exist."""
    if config.training.epochs <= 0 and not config.training.max_steps:
        yield "training.epochs", f"{config.training.epochs} is not above 0"
    yield from _methods(config)
    yield from _evaluation(config)
    yield from _files(config)


def _files(config: TrainConfig) -> Iterator[Problem]:
    model, data, distributed = config.model, config.data, config.distributed
    if not model.base:
        yield "model.base", "missing; name a model folder or a hub id"
    elif _is_path(model.base) and not Path(model.base, "config.json").is_file():
        yield "model.base", f"{model.base!r} has no config.json; is it a model?"
    if not config.output:
        yield "output", "missing; name the run folder"
    if not data.train:
        yield "data.train", "missing; name at least one file of instruction records"
    named: list[tuple[str, str | None]] = [("data.train", name) for name in data.train]
    named += [("data.dev", name) for name in data.dev]
    named += [("data.style", data.style), ("model.added_tokens", model.added_tokens)]
    named += [("distributed.fsdp", distributed.fsdp)]
    named += [("distributed.deepspeed", distributed.deepspeed)]
    for path, name in named:
        if name and not Path(name).is_file():
            yield path, f"no such file {name!r}"


def check_model(config: TrainConfig, *, seq2seq: bool, packable: bool, model_type: str) -> None:
    """Refuse what the architecture cannot do, before its weights are loaded.

    Raises:
        ConfigError: one line for each mistake.
    """
    problems = []
    if config.data.packing and seq2seq:
        problems.append("data.packing: encoder-decoders are not packed; remove it")
    elif config.data.packing and not packable:
        problems.append(
            f"data.packing: attention of {model_type!r} cannot be kept inside one record; "
            "remove it (batches are then grouped by length)"
        )
    if seq2seq and config.method == "p-tuning":
        problems.append("method: 'p-tuning' is for causal models; use 'prefix' or 'prompt'")
    if problems:
        raise ConfigError("\n".join(problems))


def _methods(config: TrainConfig) -> Iterator[Problem]:
    method, adapter = config.method, config.adapter
    own = {"qlora": "nf4", "int8": "int8"}.get(method)
    if own and config.model.quantise not in ("none", own):
        yield (
            "model.quantise",
            f"method {method!r} means {own!r}, not {config.model.quantise!r}",
        )
    if method == "full" and config.quantisation != "none":
        yield (
            "model.quantise",
            "quantised weights cannot be trained in full; use method 'qlora'",
        )
    if method in PROMPT_METHODS and config.data.packing:
        yield (
            "data.packing",
            f"{method!r} puts its tokens before each row, so rows hold one record",
        )
    if method == "prefix" and config.training.gradient_checkpointing:
        yield "training.gradient_checkpointing", "fails with 'prefix' in peft; switch it off"
    if method in PROMPT_METHODS and config.model.added_tokens:
        yield "model.added_tokens", f"{method!r} trains no embeddings; use 'lora' or 'full'"
    if method in (*BOTTLENECK_METHODS, "ia3", "adalora") and config.model.added_tokens:
        yield "model.added_tokens", f"new embeddings are not trained by {method!r}; use 'lora'"
    if method == "adalora" and adapter.initial_rank < adapter.rank:
        yield (
            "adapter.initial_rank",
            f"{adapter.initial_rank} is below the final rank {adapter.rank}",
        )
    if method == "adalora" and not 0 <= adapter.prune_from < adapter.prune_until <= 1:
        yield "adapter.prune_from", "expected 0 <= prune_from < prune_until <= 1"
    if adapter.init == "pissa" and (
        method not in ("lora", "rslora") or config.quantisation != "none"
    ):
        yield "adapter.init", "'pissa' is for 'lora' and 'rslora' on a base that is not quantised"
    if config.training.lora_plus and method not in LOW_RANK_METHODS:
        yield "training.lora_plus", f"{method!r} has no LoRA matrices; set it to 0"
    if (adapter.init == "pissa" or config.training.lora_plus) and (
        config.distributed.fsdp or config.distributed.deepspeed
    ):
        yield "distributed", "'pissa' and lora_plus are not supported on sharded models"
    if config.distributed.fsdp and config.distributed.deepspeed:
        yield "distributed", "choose fsdp or deepspeed, not both"
    if config.distributed.deepspeed and config.quantisation != "none":
        yield "distributed.deepspeed", "with a quantised base use fsdp or plain torchrun"
    if config.distributed.fsdp and config.quantisation == "int8":
        yield "distributed.fsdp", "int8 weights cannot be sharded; use method 'qlora'"
    if (config.distributed.fsdp or config.distributed.deepspeed) and (
        method in (*BOTTLENECK_METHODS, "adalora")
    ):
        yield "distributed", f"{method!r} is not supported on sharded models; use plain torchrun"


def _evaluation(config: TrainConfig) -> Iterator[Problem]:
    evaluation = config.evaluation
    has_dev = bool(config.data.dev) or config.data.dev_fraction > 0
    if config.data.dev and config.data.dev_fraction:
        yield "data", "give dev or dev_fraction, not both"
    if not has_dev and (evaluation.generate or evaluation.patience or evaluation.every):
        yield "evaluation", "there is nothing to validate on; give data.dev or data.dev_fraction"
    if evaluation.metric == "f1" and not evaluation.generate:
        yield "evaluation.metric", "'f1' needs evaluation.generate above 0"
    sharded = config.distributed.fsdp or config.distributed.deepspeed
    if evaluation.generate and sharded:
        yield (
            "evaluation.generate",
            "sharded models do not generate while training; set it to 0",
        )
    if config.tracking.save_every and has_dev and evaluation.every:
        if config.tracking.save_every % evaluation.every:
            yield "tracking.save_every", "must be a multiple of evaluation.every"
    elif config.tracking.save_every and has_dev:
        yield "tracking.save_every", "with validation, set evaluation.every too"


def _is_path(name: str) -> bool:
    return name.startswith((".", "/", "~")) or Path(name).exists() or name.count("/") > 1
