"""A training run from configuration to a checked model in its folder."""

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from ..engines.loading import BaseModel, has_bfloat16, load_base, quiet_libraries
from ..engines.tokens import load_tokenizer
from ..errors import ConfigError, ModelError
from .base import base_of, check_architecture
from .card import CARD_FILE, write_card, write_plot
from .config import PROMPT_METHODS, TrainConfig
from .dataset import RunData, read_data, rows_seen
from .examples import LONGEST
from .methods import attach, save_start, save_trained
from .record_style import write_trained_style
from .run import (
    CHECKPOINTS,
    METRICS_FILE,
    MODEL,
    PLOT_FILE,
    START,
    STEP,
    finish_manifest,
    last_checkpoint,
    open_run,
    write_manifest,
)
from .sample import write_sample
from .vocabulary import NewTokens, add_tokens, start_embeddings

Report = Callable[[str], None]


@dataclass(frozen=True)
class TrainResult:
    """Where the model is and what came of the run; `figures` go into the model card.

    `steps` were done; the weights in `folder` are those of `step`, the best one where there was
    validation.
    """

    folder: Path
    steps: int
    figures: dict[str, Any]
    step: int

    def line(self) -> str:
        """Say to people which weights stand where."""
        which = "the last step" if self.step == self.steps else f"step {self.step}, the best"
        return f"{self.steps} steps; the model in {self.folder} is that of {which}"


def train(
    config: TrainConfig, *, resume: bool = False, force: bool = False, report: Report | None = None
) -> TrainResult:
    """Train as told and leave the adapter or model in `<output>/model`, reloaded and compared.

    Under torchrun every process calls this; the first one writes. `report` gets lines for people.

    Raises:
        ConfigError: the method, data and model do not go together, or the folder holds a run.
        InputError: a record file is not what it should be.
        ModelError: the model or a package is missing, or what was saved is not what was trained.
    """
    main = os.environ.get("RANK", "0") == "0"
    say: Report = report if report is not None and main else _silent
    with quiet_libraries():
        import peft  # noqa: F401
        import transformers
    logs: Any = transformers.utils.logging
    logs.set_verbosity_error()
    source = base_of(config)
    seq2seq, packed = check_architecture(config, source)
    if main:
        open_run(config, resume=resume, force=force)
    tokenizer = load_tokenizer(config.model.base, trust_remote_code=source.trust_remote_code)
    new = NewTokens()
    if config.model.added_tokens:
        new = add_tokens(tokenizer, config.model.added_tokens)
    data = read_data(config, tokenizer, seq2seq=seq2seq, packed=packed)
    manifest: dict[str, Any] = {}
    if main:
        _, sources = data.subjects(range(len(data.train)))
        counted = {"counts": data.counts(), "sources": dict(sorted(sources.items()))}
        manifest = write_manifest(config, counted, resume=resume)
    say(data_line(data))
    total = total_steps(config, len(data.train), int(os.environ.get("WORLD_SIZE", "1")))
    # The card is what a run writes last but for a picture; a step more would be another model.
    card = Path(config.output) / MODEL / CARD_FILE
    if resume and card.is_file():
        say("finished before; --force starts over")
        newest = last_checkpoint(Path(config.output))
        steps = int(newest.rpartition("-")[2]) if newest else total
        return TrainResult(card.parent, steps, {}, int(manifest.get(STEP, steps)))
    if main:
        card.unlink(missing_ok=True)
    # Before the weights: FSDP and DeepSpeed change how they are loaded. From here on every
    # process has waited for the first one.
    arguments = _arguments(config, total, has_dev=data.dev is not None)
    transformers.set_seed(config.training.seed)
    model = load_base(source, sharded=bool(config.distributed.fsdp))
    if new.ids:
        start_embeddings(model, tokenizer, new)
    model = attach(model, config, total_steps=total, new_tokens=new.ids)
    if main:
        save_start(model, config, Path(config.output) / START)
    if config.training.gradient_checkpointing:
        model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    say(_model_line(model, total))
    trainer = _trainer(config, model, tokenizer, data, arguments, say)
    # From a last step on, another would follow before anybody looked whether all are done.
    checkpoint = last_checkpoint(Path(config.output), before=total) if resume else None
    if checkpoint:
        say(f"resuming from {checkpoint}")
    trainer.train(resume_from_checkpoint=checkpoint)
    return _finish(config, source, trainer, tokenizer, data, manifest, say)


def total_steps(config: TrainConfig, rows: int, processes: int) -> int:
    """Return the optimizer steps of a run: the short last batches of an epoch count as steps."""
    if config.training.max_steps:
        return config.training.max_steps
    batches = -(-rows // config.training.batch_size)
    per_process = -(-batches // processes)
    per_epoch = -(-per_process // config.training.accumulation)
    return max(1, round(per_epoch * config.training.epochs))


def _trainer(
    config: TrainConfig, model: Any, tokenizer: Any, data: RunData, arguments: Any, say: Report
) -> Any:
    from transformers import EarlyStoppingCallback, PrinterCallback

    from .callbacks import MetricsCallback, Progress, Pruning
    from .trainer import ExtractionTrainer, LoopOptions
    from .validation import Validator

    score = None
    if config.evaluation.generate:
        score = Validator(
            data.dev_records,
            tokenizer,
            config.evaluation,
            format=data.style.format,
            schema=config.data.schema,
            seed=config.training.seed,
        )
    base = model.get_base_model() if hasattr(model, "get_base_model") else model
    # A cache would make packed rows attend across records, silently.
    base.config.use_cache = False
    is_prompt = config.method in PROMPT_METHODS
    options = LoopOptions(
        grouped=not data.packed,
        seed=config.training.seed,
        own_loss=not (is_prompt and data.seq2seq),
        sharded=bool(config.distributed.fsdp or config.distributed.deepspeed),
        lora_plus=config.training.lora_plus,
        score=score,
    )
    trainer = ExtractionTrainer(
        options=options,
        model=model,
        args=arguments,
        train_dataset=data.train,
        eval_dataset=data.dev,
        data_collator=data.collator(data.train),
    )
    if data.dev is not None:
        _collate_dev_apart(trainer, data)
    trainer.remove_callback(PrinterCallback)
    trainer.add_callback(MetricsCallback(Path(config.output) / METRICS_FILE))
    trainer.add_callback(Progress(say))
    if config.method == "adalora":
        trainer.add_callback(Pruning())
    if config.evaluation.patience:
        trainer.add_callback(EarlyStoppingCallback(config.evaluation.patience))
    return trainer


def _collate_dev_apart(trainer: Any, data: RunData) -> None:
    """Let validation rows be read from their own token store."""
    make, collator = trainer.get_eval_dataloader, data.collator(data.dev)  # type: ignore[arg-type]

    def loader(eval_dataset: Any = None) -> Any:
        kept, trainer.data_collator = trainer.data_collator, collator
        try:
            return make(eval_dataset)
        finally:
            trainer.data_collator = kept

    trainer.get_eval_dataloader = loader


def _arguments(config: TrainConfig, total: int, *, has_dev: bool) -> Any:
    import torch
    from transformers import TrainingArguments

    training, evaluation, tracking = config.training, config.evaluation, config.tracking
    on_gpu = torch.cuda.is_available()
    is_distributed = int(os.environ.get("WORLD_SIZE", "1")) > 1
    autocast = has_bfloat16() if training.autocast is None else training.autocast
    eval_strategy = ("steps" if evaluation.every else "epoch") if has_dev else "no"
    save_strategy = "steps" if tracking.save_every or evaluation.every else "epoch"
    arguments = TrainingArguments(
        output_dir=str(Path(config.output) / CHECKPOINTS),
        per_device_train_batch_size=training.batch_size,
        per_device_eval_batch_size=evaluation.batch_size,
        gradient_accumulation_steps=training.accumulation,
        max_steps=total,
        learning_rate=training.learning_rate,
        lr_scheduler_type=training.scheduler,
        warmup_steps=int(total * training.warmup),
        weight_decay=training.weight_decay,
        max_grad_norm=training.max_grad_norm,
        optim=_optimizer(config, on_gpu=on_gpu),
        bf16=autocast,
        fp16=on_gpu and training.autocast is None and not autocast,
        seed=training.seed,
        use_cpu=not on_gpu,
        ddp_backend="gloo" if is_distributed and not on_gpu else None,
        ddp_find_unused_parameters=False,
        eval_strategy=eval_strategy,
        eval_steps=evaluation.every or None,
        save_strategy=save_strategy,
        save_steps=tracking.save_every or evaluation.every or 500,
        save_total_limit=tracking.keep,
        load_best_model_at_end=has_dev,
        metric_for_best_model=evaluation.metric if has_dev else None,
        greater_is_better=evaluation.metric == "f1" if has_dev else None,
        restore_callback_states_from_checkpoint=True,
        logging_steps=tracking.log_every,
        logging_first_step=True,
        report_to=_trackers(config),
        run_name=Path(config.output).name,
        project=tracking.project,
        neftune_noise_alpha=training.neftune or None,
        **_liger(config),
        disable_tqdm=True,
        remove_unused_columns=False,
        dataloader_num_workers=config.data.workers,
        dataloader_pin_memory=on_gpu,
        **_sharding(config),
    )
    # Without torchrun one device is used; DataParallel would split packed rows wrongly.
    arguments._n_gpu = min(arguments.n_gpu, 1)
    return arguments


def _optimizer(config: TrainConfig, *, on_gpu: bool) -> str:
    if config.training.optimizer != "auto":
        return config.training.optimizer
    if not on_gpu:
        return "adamw_torch"
    return "paged_adamw_32bit" if config.quantisation != "none" else "adamw_torch_fused"


def _trackers(config: TrainConfig) -> list[str]:
    import importlib.util

    to = config.tracking.to
    if to == "none":
        return []
    if importlib.util.find_spec(to) is None:
        raise ModelError(f"tracking.to: {to!r} is not installed; run: pip install {to}")
    if to == "wandb":
        # Nothing leaves the machine unasked; `wandb sync` uploads later.
        os.environ.setdefault("WANDB_MODE", "offline")
        os.environ.setdefault("WANDB_PROJECT", config.tracking.project)
        os.environ.setdefault("WANDB_DIR", config.output)
    else:
        os.environ.setdefault("TENSORBOARD_LOGGING_DIR", str(Path(config.output) / "tensorboard"))
    return [to]


def _liger(config: TrainConfig) -> dict[str, Any]:
    """Return the arguments of Liger's kernels but for those of the loss, which is our own."""
    if not config.training.liger:
        return {}
    import importlib.util

    import torch

    if importlib.util.find_spec("liger_kernel") is None:
        raise ModelError("training.liger: not installed; run: pip install liger-kernel")
    if not torch.cuda.is_available():
        raise ModelError("training.liger: its kernels need a GPU; set it to false")
    kept = {"cross_entropy": False, "fused_linear_cross_entropy": False}
    return {"use_liger_kernel": True, "liger_kernel_config": kept}


def _sharding(config: TrainConfig) -> dict[str, Any]:
    """Return the arguments of FSDP or DeepSpeed, from their file."""
    if config.distributed.deepspeed:
        return {"deepspeed": config.distributed.deepspeed}
    if not config.distributed.fsdp:
        return {}
    value = yaml.safe_load(Path(config.distributed.fsdp).read_text(encoding="utf-8"))
    if not isinstance(value, dict):
        raise ConfigError(f"{config.distributed.fsdp}: expected keys and values")
    return {"fsdp": True, "fsdp_config": value}


def _finish(
    config: TrainConfig,
    source: BaseModel,
    trainer: Any,
    tokenizer: Any,
    data: RunData,
    manifest: dict[str, Any],
    say: Report,
) -> TrainResult:
    from .callbacks import read_metrics
    from .verify import compare_saved

    folder = Path(config.output) / MODEL
    steps = int(trainer.state.global_step)
    step = int(trainer.state.best_global_step or steps) if _is_best(trainer) else steps
    model = trainer.accelerator.unwrap_model(trainer.model, keep_fp32_wrapper=False)
    figures = _figures(trainer)
    base = model.get_base_model() if hasattr(model, "get_base_model") else model
    base.config.use_cache = True
    if trainer.options.sharded:
        trainer.save_model(str(folder))
    elif trainer.is_world_process_zero():
        save_trained(model, config, folder, Path(config.output) / START)
    if trainer.is_world_process_zero():
        tokenizer.save_pretrained(folder)
        write_sample(data.dev_records or data.some_records(config), Path(config.output))
        rows = rows_seen(config, data, step, int(os.environ.get("WORLD_SIZE", "1")))
        labels, sources = data.subjects(rows)
        write_trained_style(data.style, labels, folder)
        finish_manifest(config, manifest, sources, step)
        if config.method != "full":
            replace(source, trust_remote_code=False).write(folder)
        if not trainer.options.sharded:
            sample = [data.train.examples[i][0].tolist() for i in range(min(2, len(data.train)))]
            figures["difference after reloading"] = compare_saved(model, config, folder, sample)
            say(f"reloaded: greatest logit difference {figures['difference after reloading']:.1e}")
        write_card(config, manifest, figures, folder)
        write_plot(
            read_metrics(Path(config.output) / METRICS_FILE), Path(config.output) / PLOT_FILE
        )
    return TrainResult(folder, steps, figures, step)


def _is_best(trainer: Any) -> bool:
    """Say whether the weights at the end are those of the best validation."""
    return bool(trainer.args.load_best_model_at_end and trainer.state.best_model_checkpoint)


def _figures(trainer: Any) -> dict[str, Any]:
    state, speed = trainer.state, trainer.speed
    figures: dict[str, Any] = {"steps": state.global_step}
    losses = [line["loss"] for line in state.log_history if "loss" in line]
    if losses:
        figures["last training loss"] = losses[-1]
    if state.best_metric is not None:
        figures[f"best validation {trainer.args.metric_for_best_model}"] = state.best_metric
        figures["best step"] = state.best_global_step
    if speed.total_seconds:
        figures["tokens per second"] = speed.total_tokens / speed.total_seconds
        figures["share of time loading data"] = speed.total_loading / speed.total_seconds
    return figures


def data_line(data: RunData) -> str:
    """Say to people what became of the records."""
    counts = data.train.examples.counts
    used = int(data.train.examples.lengths.sum()) / max(1, sum(_widths(data)))
    how = "packed" if data.packed else "grouped by length"
    parts = [
        f"{counts['records']} records",
        f"{counts[LONGEST]} tokens the longest",
        f"{len(data.train)} rows {how}, {used:.0%} filled",
    ]
    parts += [
        f"{counts[name]} {name}"
        for name in ("skipped as too long", "cut into windows", "annotations cut by a window")
        if counts[name]
    ]
    if data.dev is not None:
        parts.append(f"{len(data.dev_records)} to validate")
    return ", ".join(parts)


def _widths(data: RunData) -> list[int]:
    longest = max(data.train.lengths)
    return [longest] * len(data.train) if data.packed else data.train.lengths


def _model_line(model: Any, total: int) -> str:
    trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
    return f"{trained:,} trained parameters, {total} steps"


def _silent(line: str) -> None:
    """Drop a line meant for people."""
