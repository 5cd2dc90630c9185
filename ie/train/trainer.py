"""The loop: transformers' Trainer with our loss, data order, checkpoints, validation and figures.

Importing this module imports torch and transformers.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader
from transformers import Trainer
from transformers.trainer_utils import EvalLoopOutput

from .packing import IGNORED, EpochSampler, real_tokens

WEIGHTS_FILE = "trainable.safetensors"
PRUNING_FILE = "adalora.pt"
Batch = dict[str, Any]


@dataclass(frozen=True)
class LoopOptions:
    """What `ExtractionTrainer` does otherwise than its base class.

    `own_loss`: the model's logits can be aligned with the labels (else its own loss is used).
    `lora_plus` is the factor of LoRA+ (0: none). `score` returns metrics of generated answers.
    """

    grouped: bool
    seed: int
    own_loss: bool
    sharded: bool
    lora_plus: float = 0.0
    score: Callable[[Any], dict[str, float]] | None = None


class ExtractionTrainer(Trainer):
    """Trains on answers only; every batch counts each answer token once, whatever its row."""

    def __init__(self, *, options: LoopOptions, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.options = options
        # Our loss divides by the answer tokens of the whole step, on all devices.
        self.model_accepts_loss_kwargs = True
        self.speed = Speed()

    def create_optimizer(self, model: Any = None) -> Any:
        """Give LoRA's second matrices a higher learning rate where it was asked for."""
        if not self.options.lora_plus or self.optimizer is not None:
            return super().create_optimizer(model)
        from peft.optimizers import create_loraplus_optimizer

        trained: Any = model or self.model
        kind, settings = self.get_optimizer_cls_and_kwargs(self.args, trained)
        self.optimizer = create_loraplus_optimizer(
            trained,
            kind,
            loraplus_lr_ratio=self.options.lora_plus,
            loraplus_weight_decay=self.args.weight_decay,
            **settings,
        )
        return self.optimizer

    def get_batch_samples(
        self, epoch_iterator: Iterator[Batch], num_batches: int, device: Any
    ) -> tuple[list[Batch], Any]:
        """Fetch the batches of a step, counting tokens and the time that fetching takes."""
        start = time.perf_counter()
        self.speed.begin(start)
        batches, items = super().get_batch_samples(epoch_iterator, num_batches, device)
        self.speed.loading += time.perf_counter() - start
        for batch in batches:
            self.speed.tokens = self.speed.tokens + real_tokens(batch)
        return batches, items

    def compute_loss(
        self,
        model: Any,
        inputs: Batch,
        return_outputs: bool = False,
        num_items_in_batch: Any = None,
    ) -> Any:
        """Return the summed loss of the answers over the answer tokens of the whole step."""
        total, count = self.answer_loss(model, inputs)
        if num_items_in_batch is None:
            return total / count
        # DDP averages gradients over processes; the count is over all of them.
        return total * self.accelerator.num_processes / num_items_in_batch

    def answer_loss(self, model: Any, inputs: Batch) -> tuple[Any, Any]:
        """Return the sum of the token losses of the answers in a batch, and their number."""
        labels = inputs["labels"]
        if not self.options.own_loss:
            count = (labels != IGNORED).sum()
            return model(**inputs).loss * count, count
        inputs = {name: value for name, value in inputs.items() if name != "labels"}
        targets = torch.nn.functional.pad(labels[:, 1:], (0, 1), value=IGNORED)
        base: Any = self.accelerator.unwrap_model(model)
        if base.config.is_encoder_decoder:
            inputs["decoder_input_ids"] = base.prepare_decoder_input_ids_from_labels(labels)
            targets = labels
        wanted = targets != IGNORED
        with _answers_only(base.get_output_embeddings(), wanted):
            logits = model(**inputs).logits
        if logits.dim() == 3:
            logits = logits[:, -wanted.shape[1] :][wanted]
        return cross_entropy(logits.float(), targets[wanted], reduction="sum"), wanted.sum()

    def evaluation_loop(
        self,
        dataloader: DataLoader[Any],
        description: str,
        prediction_loss_only: bool | None = None,
        ignore_keys: list[str] | None = None,
        metric_key_prefix: str = "eval",
    ) -> EvalLoopOutput:
        """Validate by mean loss of an answer token and, where asked for, by generation."""
        model: Any = self.model_wrapped if self.options.sharded else self.model
        model.eval()
        sums = torch.zeros(2, dtype=torch.float64, device=self.args.device)
        with torch.no_grad():
            for batch in dataloader:
                with self.compute_loss_context_manager():
                    total, count = self.answer_loss(model, self._prepare_inputs(batch))
                sums += torch.stack([total.double(), count.double()])
        sums = self.accelerator.reduce(sums, reduction="sum")
        metrics = {f"{metric_key_prefix}_loss": float(sums[0] / sums[1].clamp(min=1))}
        if self.options.score is not None:
            scores = self.options.score(self.accelerator.unwrap_model(model))
            metrics |= {f"{metric_key_prefix}_{name}": value for name, value in scores.items()}
        rows: Any = dataloader.dataset
        return EvalLoopOutput(np.zeros(0), None, metrics, len(rows))

    def evaluate(self, *arguments: Any, **options: Any) -> dict[str, float]:
        """Validate outside of the training clock."""
        with self.speed.paused():
            metrics: dict[str, float] = super().evaluate(*arguments, **options)
        return metrics

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Add speed and memory to what is logged at training steps."""
        if "loss" in logs:
            logs |= self.speed.since_last(self.accelerator.num_processes)
            if torch.cuda.is_available():
                logs["memory_gib"] = torch.cuda.max_memory_allocated() / 2**30
        super().log(logs, start_time)

    def _get_train_sampler(self, train_dataset: Any = None) -> Any:
        rows: Any = train_dataset or self.train_dataset
        return EpochSampler(
            rows.lengths,
            batch=self._train_batch_size * self.args.world_size,
            seed=self.options.seed,
            grouped=self.options.grouped,
        )

    def _get_num_items_in_batch(self, batch_samples: list[Batch], device: Any) -> Any:
        if not batch_samples:
            return None
        count = sum((batch["labels"] != IGNORED).sum() for batch in batch_samples).to(device)
        if self.args.world_size > 1:
            count = self.accelerator.gather(count).sum()
        return count

    def _save(self, output_dir: str | None = None, state_dict: Any = None) -> None:
        """Checkpoint exactly what is trained; not peft's form, which leaves parts of it out."""
        if self.options.sharded:
            super()._save(output_dir, state_dict)
            return
        folder = Path(str(output_dir or self.args.output_dir))
        folder.mkdir(parents=True, exist_ok=True)
        trained: Any = self.model
        weights = {
            name: value.detach().cpu().contiguous()
            for name, value in trained.named_parameters()
            if value.requires_grad
        }
        save_file(weights, folder / WEIGHTS_FILE, metadata={"format": "pt"})
        pruning = _pruning_state(trained)
        if pruning is not None:
            torch.save(pruning, folder / PRUNING_FILE)

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        if self.options.sharded:
            super()._load_from_checkpoint(resume_from_checkpoint, model)
            return
        weights = load_file(Path(resume_from_checkpoint) / WEIGHTS_FILE)
        trained: Any = self.model
        trained.load_state_dict(weights, strict=False)
        if (Path(resume_from_checkpoint) / PRUNING_FILE).is_file():
            state = torch.load(Path(resume_from_checkpoint) / PRUNING_FILE, weights_only=True)
            _restore_pruning(trained, state)

    def _load_best_model(self) -> None:
        if self.options.sharded:
            super()._load_best_model()
        else:
            self._load_from_checkpoint(str(self.state.best_model_checkpoint))


@contextmanager
def _answers_only(output_layer: Any, wanted: Any) -> Iterator[None]:
    """Let the output layer see the positions before answer tokens alone.

    It is a large share of a small model and its logits are the largest tensor of most, while
    prompts are most of the tokens.
    """

    def select(module: Any, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        # Prompt methods put virtual tokens first, so positions count from the end.
        return (inputs[0][:, -wanted.shape[1] :][wanted], *inputs[1:])

    handle = output_layer.register_forward_pre_hook(select)
    try:
        yield
    finally:
        handle.remove()


class Speed:
    """The training clock: seconds, tokens and the time spent waiting for data."""

    def __init__(self) -> None:
        self.tokens: Any = 0
        self.loading = 0.0
        self.total_tokens = 0
        self.total_seconds = 0.0
        self.total_loading = 0.0
        self.start = 0.0

    def begin(self, now: float) -> None:
        """Start the clock at the first step; later calls change nothing."""
        self.start = self.start or now

    def since_last(self, processes: int) -> dict[str, float]:
        """Return figures since the last call; `loading` is a share of time in [0, 1]."""
        now = time.perf_counter()
        seconds = max(now - self.start, 1e-9)
        tokens = int(self.tokens) * processes
        figures = {
            "tokens_per_second": tokens / seconds,
            "loading": self.loading / seconds,
        }
        self.total_tokens += tokens
        self.total_seconds += seconds
        self.total_loading += self.loading
        self.tokens, self.loading, self.start = 0, 0.0, now
        return figures

    def paused(self) -> "_Pause":
        """Return a context whose duration does not count."""
        return _Pause(self)


class _Pause:
    def __init__(self, speed: Speed) -> None:
        self.speed = speed

    def __enter__(self) -> None:
        self.entered = time.perf_counter()

    def __exit__(self, *error: object) -> None:
        self.speed.start += time.perf_counter() - self.entered


def _pruning_state(model: Any) -> dict[str, Any] | None:
    """Return AdaLoRA's running importance scores, which no state dict holds."""
    allocator = getattr(getattr(model, "base_model", None), "rankallocator", None)
    if allocator is None:
        return None
    settings = model.peft_config[model.active_adapter]
    return {
        "ipt": allocator.ipt,
        "exp_avg_ipt": allocator.exp_avg_ipt,
        "exp_avg_unc": allocator.exp_avg_unc,
        "rank_pattern": settings.rank_pattern,
    }


def _restore_pruning(model: Any, state: dict[str, Any]) -> None:
    allocator = model.base_model.rankallocator
    for name in ("ipt", "exp_avg_ipt", "exp_avg_unc"):
        setattr(allocator, name, state[name])
    model.peft_config[model.active_adapter].rank_pattern = state["rank_pattern"]
