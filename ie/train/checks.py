"""What can be found wrong with a configuration before anything is loaded."""

from collections.abc import Iterator
from pathlib import Path

from ..errors import ConfigError, near_miss
from .config import (
    BOTTLENECK_METHODS,
    DTYPES,
    METHODS,
    METRICS,
    OPTIMIZERS,
    OVERLONG,
    PROMPT_METHODS,
    QUANTISATIONS,
    SCHEDULERS,
    TRACKERS,
    TrainConfig,
)

ATTENTIONS = ("auto", "eager", "sdpa", "flash_attention_2")


def combination_problems(config: TrainConfig) -> list[str]:
    """Return what is wrong with the values and their combinations."""
    return [*_choices(config), *_ranges(config), *_methods(config), *_evaluation(config)]


def file_problems(config: TrainConfig) -> list[str]:
    """Return which required names are missing and which files do not exist."""
    problems = []
    if not config.model.base:
        problems.append("model.base: missing; name a model folder or a hub id")
    elif _is_path(config.model.base) and not Path(config.model.base, "config.json").is_file():
        problems.append(f"model.base: {config.model.base!r} has no config.json; is it a model?")
    if not config.output:
        problems.append("output: missing; name the run folder")
    if not config.data.train:
        problems.append("data.train: missing; name at least one file of instruction records")
    named: list[tuple[str, str | None]] = [("data.train", name) for name in config.data.train]
    named += [("data.dev", name) for name in config.data.dev]
    named += [("data.style", config.data.style), ("model.added_tokens", config.model.added_tokens)]
    named += [("distributed.fsdp", config.distributed.fsdp)]
    named += [("distributed.deepspeed", config.distributed.deepspeed)]
    problems += [
        f"{key}: no such file {name!r}" for key, name in named if name and not Path(name).is_file()
    ]
    return problems


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


def _choices(config: TrainConfig) -> Iterator[str]:
    for name, value, known in (
        ("method", config.method, METHODS),
        ("model.dtype", config.model.dtype, DTYPES),
        ("model.quantise", config.model.quantise, QUANTISATIONS),
        ("model.attention", config.model.attention, ATTENTIONS),
        ("data.overlong", config.data.overlong, OVERLONG),
        ("training.scheduler", config.training.scheduler, SCHEDULERS),
        ("training.optimizer", config.training.optimizer, OPTIMIZERS),
        ("evaluation.metric", config.evaluation.metric, METRICS),
        ("tracking.to", config.tracking.to, TRACKERS),
    ):
        if value not in known:
            yield f"{name}: unknown value {value!r}{near_miss(value, known)}; use {', '.join(known)}"


def _ranges(config: TrainConfig) -> Iterator[str]:
    for name, value, least in (
        ("adapter.rank", config.adapter.rank, 1),
        ("adapter.alpha", config.adapter.alpha, 1),
        ("adapter.virtual_tokens", config.adapter.virtual_tokens, 1),
        ("adapter.bottleneck", config.adapter.bottleneck, 1),
        ("data.max_length", config.data.max_length, 8),
        ("data.workers", config.data.workers, 0),
        ("training.max_steps", config.training.max_steps, 0),
        ("training.batch_size", config.training.batch_size, 1),
        ("training.accumulation", config.training.accumulation, 1),
        ("evaluation.every", config.evaluation.every, 0),
        ("evaluation.batch_size", config.evaluation.batch_size, 1),
        ("evaluation.generate", config.evaluation.generate, 0),
        ("evaluation.max_tokens", config.evaluation.max_tokens, 1),
        ("evaluation.patience", config.evaluation.patience, 0),
        ("tracking.log_every", config.tracking.log_every, 1),
        ("tracking.save_every", config.tracking.save_every, 0),
        ("tracking.keep", config.tracking.keep, 1),
    ):
        if value < least:
            yield f"{name}: {value} is below {least}"
    if not 0 <= config.data.dev_fraction < 1:
        yield f"data.dev_fraction: {config.data.dev_fraction} is not in [0, 1)"
    if not 0 <= config.training.warmup < 1:
        yield f"training.warmup: {config.training.warmup} is not a fraction in [0, 1)"
    if not 0 <= config.adapter.dropout < 1:
        yield f"adapter.dropout: {config.adapter.dropout} is not in [0, 1)"
    if config.training.learning_rate <= 0:
        yield f"training.learning_rate: {config.training.learning_rate} is not above 0"
    if config.training.epochs <= 0 and not config.training.max_steps:
        yield f"training.epochs: {config.training.epochs} is not above 0"


def _methods(config: TrainConfig) -> Iterator[str]:
    method, adapter = config.method, config.adapter
    own = {"qlora": "nf4", "int8": "int8"}.get(method)
    if own and config.model.quantise not in ("none", own):
        yield f"model.quantise: method {method!r} means {own!r}, not {config.model.quantise!r}"
    if method == "full" and config.quantisation != "none":
        yield "model.quantise: quantised weights cannot be trained in full; use method 'qlora'"
    if method in PROMPT_METHODS and config.data.packing:
        yield f"data.packing: {method!r} puts its tokens before each row, so rows hold one record"
    if method == "prefix" and config.training.gradient_checkpointing:
        yield "training.gradient_checkpointing: fails with 'prefix' in peft; switch it off"
    if method in PROMPT_METHODS and config.model.added_tokens:
        yield f"model.added_tokens: {method!r} trains no embeddings; use 'lora' or 'full'"
    if method in (*BOTTLENECK_METHODS, "ia3", "adalora") and config.model.added_tokens:
        yield f"model.added_tokens: new embeddings are not trained by {method!r}; use 'lora'"
    if method == "adalora" and adapter.initial_rank < adapter.rank:
        yield f"adapter.initial_rank: {adapter.initial_rank} is below the final rank {adapter.rank}"
    if method == "adalora" and not 0 <= adapter.prune_from < adapter.prune_until <= 1:
        yield "adapter.prune_from, prune_until: expected 0 <= prune_from < prune_until <= 1"
    if config.distributed.fsdp and config.distributed.deepspeed:
        yield "distributed: choose fsdp or deepspeed, not both"
    if config.distributed.deepspeed and config.quantisation != "none":
        yield "distributed.deepspeed: with a quantised base use fsdp or plain torchrun"
    if config.distributed.fsdp and config.quantisation == "int8":
        yield "distributed.fsdp: int8 weights cannot be sharded; use method 'qlora'"
    if (config.distributed.fsdp or config.distributed.deepspeed) and (
        method in (*BOTTLENECK_METHODS, "adalora")
    ):
        yield f"distributed: {method!r} is not supported on sharded models; use plain torchrun"


def _evaluation(config: TrainConfig) -> Iterator[str]:
    evaluation = config.evaluation
    has_dev = bool(config.data.dev) or config.data.dev_fraction > 0
    if config.data.dev and config.data.dev_fraction:
        yield "data: give dev or dev_fraction, not both"
    if not has_dev and (evaluation.generate or evaluation.patience or evaluation.every):
        yield "evaluation: there is nothing to validate on; give data.dev or data.dev_fraction"
    if evaluation.metric == "f1" and not evaluation.generate:
        yield "evaluation.metric: 'f1' needs evaluation.generate above 0"
    sharded = config.distributed.fsdp or config.distributed.deepspeed
    if evaluation.generate and sharded:
        yield "evaluation.generate: sharded models do not generate while training; set it to 0"
    if config.tracking.save_every and has_dev and evaluation.every:
        if config.tracking.save_every % evaluation.every:
            yield "tracking.save_every: must be a multiple of evaluation.every"
    elif config.tracking.save_every and has_dev:
        yield "tracking.save_every: with validation, set evaluation.every too"


def _is_path(name: str) -> bool:
    return name.startswith((".", "/", "~")) or Path(name).exists() or name.count("/") > 1
