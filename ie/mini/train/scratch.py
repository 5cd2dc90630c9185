"""Train a small causal model from nothing: copying curriculum, then instruction records.

One process, one device: a GPU where there is one, though the CPU will do. The state is saved every
few minutes and a killed run goes on from there. On the CPU attention is computed eagerly: the fused
backward pass of torch 2.13 takes half of a step there (measured: 5.7 K against 9.2 K tokens/s on
two cores).
"""

import json
import math
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from chinchilla.engines.cpu import processor_has_bfloat16
from chinchilla.errors import ConfigError, InputError
from chinchilla.files.jsonl import read_values

from .curriculum import copy_example, copy_instruction
from .scratch_tokenizer import EOS


@dataclass(frozen=True)
class ModelShape:
    """A Llama-style decoder with tied embeddings. Initial std 0.02 starts far more slowly."""

    layers: int = 6
    hidden: int = 256
    heads: int = 8
    intermediate: int = 704
    init_std: float = 0.05


@dataclass(frozen=True)
class Source:
    """A record file and its share of the tokens, relative to the other sources."""

    records: tuple[str, ...]
    weight: float


@dataclass(frozen=True)
class ScratchConfig:
    """Everything that decides a run; tokens are padded positions of a batch.

    The learning rate is constant after `warmup` and falls linearly to zero over the last
    `decay` of `steps`. Copying ends after `copy_steps`, or when strings of `copy_length`
    characters cost less than `copy_loss` a token. `compile` fuses the element-wise work by
    torch.compile: 1.4 times the tokens a second on two cores, but it needs a C++ compiler.

    Of a step's `tokens`, `tokens_together` are computed at once, so that they stay in the cache; on
    a GPU all are.

    At first `raw_share` of the steps read raw text in pieces of `raw_length` tokens, every token
    a target; the share falls linearly to none at step `raw_until`. Above 1 all steps do for a while.

    `dropout` is of what attention and feed-forward layers add, while reading records; copying and
    raw text are learnt without.
    """

    sources: dict[str, Source]
    shape: ModelShape = field(default_factory=ModelShape)
    steps: int = 10_000
    tokens: int = 4096
    tokens_together: int = 2048
    lr: float = 1.5e-3
    warmup: int = 100
    decay: float = 0.3
    weight_decay: float = 0.01
    dropout: float = 0.0
    raw_share: float = 0.0
    raw_until: int = 0
    raw_length: int = 255
    compile: bool = False
    copy_steps: int = 800
    copy_lr: float = 2e-3
    copy_length: int = 100
    copy_loss: float = 0.3
    max_length: int = 512
    seed: int = 0
    threads: int = 2
    save_minutes: float = 5.0


@dataclass(frozen=True, slots=True)
class Example:
    """Token ids of a prompt and its answer."""

    prompt: list[int]
    answer: list[int]

    def __len__(self) -> int:
        return len(self.prompt) + len(self.answer)


class Scratch:
    """A run in a folder: model, optimizers, position in the data, all resumable."""

    def __init__(self, config: ScratchConfig, tokenizer: Any, folder: Path) -> None:
        import torch

        torch.set_num_threads(config.threads)
        self.config, self.tokenizer, self.folder = config, tokenizer, folder
        folder.mkdir(parents=True, exist_ok=True)
        torch.manual_seed(config.seed)
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        self._together = config.tokens if self.device == "cuda" else config.tokens_together
        self._is_narrow = self.device == "cuda" or processor_has_bfloat16()
        attention = "sdpa" if self.device == "cuda" else "eager"
        self.model = _new_model(config.shape, tokenizer.get_vocab_size(), attention).to(self.device)
        if config.dropout:
            _add_dropout(self.model, config.dropout)
        self._forward = (
            torch.compile(self.model.model, dynamic=True) if config.compile else self.model.model
        )
        self.optimizers = _optimizers(self.model, config)
        self.eos = tokenizer.token_to_id(EOS)
        self.copy_step, self.step, self.length = 0, 0, 8.0
        self.is_resumed = self._load()

    def train(
        self, running: str, alphabet: Sequence[str], labels: Sequence[str], raw: str = ""
    ) -> None:
        """Run what is left of the curriculum and of the steps on records, logging as it goes.

        Args:
            running: text to copy from.
            alphabet: characters to copy.
            labels: labels that stand before a text.
            raw: text to read for its own sake, lines of any length.
        """
        if self.copy_step < self.config.copy_steps:
            self._run_copying(running, alphabet, labels)
        if self.step < self.config.steps:
            self._run_records(raw)
        self.save_model(self.folder / "model")

    def save_model(self, folder: Path) -> None:
        """Write the weights (safetensors) and the tokenizer as a transformers folder."""
        from .scratch_tokenizer import save_tokenizer

        self.model.save_pretrained(folder)
        save_tokenizer(self.tokenizer, str(folder))

    def _run_copying(self, running: str, alphabet: Sequence[str], labels: Sequence[str]) -> None:
        config = self.config
        self.model.eval()
        rng = random.Random(f"{config.seed}/copy/{self.copy_step}")
        losses: list[Any] = []
        clock = _Clock(config.save_minutes)
        while self.copy_step < config.copy_steps:
            # Lengths below the present one are kept in: positions once learnt stay learnt.
            length = max(8, int(self.length * rng.uniform(0.4, 1.0)))
            count = max(8, int(config.tokens / (length * 1.9 + 40)))
            pairs = [copy_example(rng, length, alphabet, running) for _ in range(count)]
            # Labels before the text from length 20 on: with them copying never starts.
            most = max(0, min(70, int(self.length) - 20))
            batch = [self._ids(copy_instruction(rng, labels, most), *pair) for pair in pairs]
            rate = config.copy_lr * min(1.0, (self.copy_step + 1) / 50)
            losses.append(self._update(batch, rate))
            self.copy_step += 1
            if len(losses) >= 20:
                mean = _mean(losses)
                if mean < 0.8 and self.length < config.copy_length:
                    self.length = min(config.copy_length, self.length * 1.3)
                self.log(stage="copy", step=self.copy_step, length=int(self.length), loss=mean)
                losses = []
                if self.length >= config.copy_length and mean < config.copy_loss:
                    self.copy_step = config.copy_steps
            if clock.is_due():
                self._save()
        self._save()

    def _run_records(self, raw: str) -> None:
        import torch

        config = self.config
        # After a resume the batches already seen are skipped, not trained again.
        seen = sum(self._is_raw(raw, step) for step in range(self.step))
        pieces = islice(self._raw_batches(raw), seen, None)
        batches = islice(self._batches(), self.step - seen, None)
        clock, started, tokens = _Clock(config.save_minutes), time.monotonic(), 0
        losses: dict[str, list[Any]] = {"loss": [], "raw_loss": []}
        while self.step < config.steps:
            is_raw = self._is_raw(raw, self.step)
            batch = next(pieces if is_raw else batches)
            self.model.train(not is_raw)
            torch.manual_seed(config.seed + self.step)  # what is dropped, after a resume too
            losses["raw_loss" if is_raw else "loss"].append(self._update(batch, self._rate()))
            tokens += sum(map(len, batch))
            self.step += 1
            if self.step % 50 == 0:
                speed = tokens / (time.monotonic() - started)
                means = {name: _mean(some) for name, some in losses.items() if some}
                self.log(stage="records", step=self.step, **means, tokens_per_second=round(speed))
                losses = {name: [] for name in losses}
            if clock.is_due():
                self._save()
        self._save()

    def _is_raw(self, raw: str, step: int) -> bool:
        """Say whether a step reads raw text: by chance, the same for the same step."""
        config = self.config
        if not raw or step >= config.raw_until:
            return False
        share = config.raw_share * (1 - step / config.raw_until)
        return random.Random(f"{config.seed}/raw/{step}").random() < share

    def _rate(self) -> float:
        config = self.config
        left = (config.steps - self.step) / max(1, config.decay * config.steps)
        return config.lr * min(1.0, (self.step + 1) / config.warmup, left)

    def _update(self, batch: Sequence[Example], rate: float) -> Any:
        """Take a step; return the loss, a tensor, which need not be fetched every step."""
        import torch

        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = rate
        answers = sum(len(example.answer) for example in batch)
        mean: Any = 0.0
        for part in _cut(sorted(batch, key=len), self._together):
            ids, answer_at = (value.to(self.device) for value in _pad(part))
            with torch.autocast(self.device, torch.bfloat16, enabled=self._is_narrow):
                hidden = self._forward(input_ids=ids, use_cache=False).last_hidden_state
                # Logits of the whole prompt would cost as much as several layers.
                logits = self.model.lm_head(hidden[:, :-1][answer_at])
            targets = ids[:, 1:][answer_at]
            loss: Any = torch.nn.functional.cross_entropy(logits.float(), targets, reduction="sum")
            (loss / answers).backward()
            mean += loss.detach() / answers
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        for optimizer in self.optimizers:
            optimizer.step()
            optimizer.zero_grad()
        return mean

    def _ids(self, instruction: str, text: str, answer: str) -> Example:
        prompt = self.tokenizer.encode(f"{instruction}\n{text}\n").ids
        return Example(prompt, [*self.tokenizer.encode(answer).ids, self.eos])

    def _batches(self) -> Iterator[list[Example]]:
        """Yield batches of like lengths, sources mixed by weight, the same in every run."""
        pools = {name: self._examples(source) for name, source in self.config.sources.items()}
        names = sorted(pools)
        # Shares are of tokens, examples are drawn: long ones less often.
        weights = [
            self.config.sources[name].weight * len(pools[name]) / sum(map(len, pools[name]))
            for name in names
        ]
        streams = {name: _forever(pools[name], f"{self.config.seed}/{name}") for name in names}
        rng = random.Random(f"{self.config.seed}/mix")
        while True:
            chosen = rng.choices(names, weights, k=4096)
            pool = [next(streams[name]) for name in chosen]
            pool.sort(key=len)
            batches = list(_cut(pool, self.config.tokens))
            rng.shuffle(batches)
            yield from batches

    def _raw_batches(self, raw: str) -> Iterator[list[Example]]:
        """Yield batches of stretches of text to be guessed character by character."""
        from array import array

        config = self.config
        ids = array("I")
        for line in raw.splitlines():
            ids.extend(self.tokenizer.encode(line).ids)
            ids.append(self.eos)
        count = config.tokens // (config.raw_length + 1)
        starts = list(range(0, len(ids) - config.raw_length, config.raw_length))
        rng = random.Random(f"{config.seed}/raw-order")
        while starts:
            rng.shuffle(starts)
            for at in range(0, len(starts), count):
                yield [
                    Example([self.eos], list(ids[s : s + config.raw_length]))
                    for s in starts[at : at + count]
                ]

    def _examples(self, source: Source) -> list[Example]:
        examples: list[Example] = []
        for path in source.records:
            rows = [row for _, row in read_values(path)]
            if not rows:
                raise InputError(f"{path}: holds no records")
            prompts = self.tokenizer.encode_batch(
                [f"{row['instruction']}\n{row['input']}\n" for row in rows]
            )
            answers = self.tokenizer.encode_batch([row["output"] for row in rows])
            made = (
                Example(prompt.ids, [*answer.ids, self.eos])
                for prompt, answer in zip(prompts, answers, strict=True)
            )
            examples += [example for example in made if len(example) < self.config.max_length]
        return examples

    def log(self, **values: Any) -> None:
        """Write a line to `metrics.jsonl`."""
        line = json.dumps({"time": time.strftime("%H:%M:%S"), **values})
        with (self.folder / "metrics.jsonl").open("a", encoding="utf-8") as file:
            file.write(line + "\n")

    def _save(self) -> None:
        import torch

        state = {
            "model": self.model.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
            "place": {"copy_step": self.copy_step, "step": self.step, "length": self.length},
        }
        torch.save(state, self.folder / "state.tmp")
        (self.folder / "state.tmp").replace(self.folder / "state.pt")

    def _load(self) -> bool:
        """Take up the saved state, if there is one."""
        import torch

        path = self.folder / "state.pt"
        if not path.exists():
            return False
        state = torch.load(path, map_location=self.device, weights_only=True)
        try:
            self.model.load_state_dict(state["model"])
        except RuntimeError as error:
            raise ConfigError(
                f"{path}: is of another model shape; use a new folder ({error})"
            ) from None
        for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        place = state["place"]
        self.copy_step, self.step, self.length = place["copy_step"], place["step"], place["length"]
        return True


class _Clock:
    """Says when the next save is due."""

    def __init__(self, minutes: float) -> None:
        self.seconds = minutes * 60
        self.last = time.monotonic()

    def is_due(self) -> bool:
        if time.monotonic() - self.last < self.seconds:
            return False
        self.last = time.monotonic()
        return True


def _mean(losses: Sequence[Any]) -> float:
    return float(sum(losses)) / len(losses)


def _new_model(shape: ModelShape, vocabulary: int, attention: str) -> Any:
    from transformers import LlamaConfig, LlamaForCausalLM

    values: dict[str, Any] = {
        "vocab_size": math.ceil(vocabulary / 64) * 64,
        "hidden_size": shape.hidden,
        "intermediate_size": shape.intermediate,
        "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads,
        "num_key_value_heads": shape.heads,
        "max_position_embeddings": 4096,
        "initializer_range": shape.init_std,
        "tie_word_embeddings": True,
        "attn_implementation": attention,
        "bos_token_id": None,
        "eos_token_id": 1,
        "pad_token_id": 0,
    }
    return LlamaForCausalLM(LlamaConfig(**values))


def _add_dropout(model: Any, share: float) -> None:
    """Drop a share of what each part of each layer adds, in training."""
    import torch

    def drop(part: Any, inputs: Any, output: Any) -> Any:
        return torch.nn.functional.dropout(output, share, part.training)

    for layer in model.model.layers:
        layer.self_attn.o_proj.register_forward_hook(drop)
        layer.mlp.down_proj.register_forward_hook(drop)


def _optimizers(model: Any, config: ScratchConfig) -> list[Any]:
    """Return Muon for the matrices of the layers and AdamW for embeddings and norms.

    Muon (Jordan et al. 2024) orthogonalises the momentum of each matrix; scaled to the size of
    AdamW's steps it takes the same rate.
    """
    import torch

    if not hasattr(torch.optim, "Muon"):
        raise ConfigError(f"torch {torch.__version__}: training from scratch needs 2.9 or newer")
    matrices = [p for p in model.model.layers.parameters() if p.ndim == 2]
    inner = {id(parameter) for parameter in matrices}
    others = [p for p in model.parameters() if id(p) not in inner]
    rate, decay = config.lr, config.weight_decay
    return [
        torch.optim.Muon(matrices, rate, decay, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW(others, rate, (0.9, 0.98), weight_decay=decay, fused=True),
    ]


def _pad(batch: Sequence[Example]) -> tuple[Any, Any]:
    """Return ids (batch, length) int64 and a (batch, length - 1) bool mask of answer targets.

    The mask says where the next token is an answer token. Padding stands to the right, where a
    causal model never looks.
    """
    import torch

    length = max(map(len, batch))
    ids = torch.zeros((len(batch), length), dtype=torch.long)
    answer_at = torch.zeros((len(batch), length - 1), dtype=torch.bool)
    for row, example in enumerate(batch):
        ids[row, : len(example)] = torch.tensor(example.prompt + example.answer)
        answer_at[row, len(example.prompt) - 1 : len(example) - 1] = True
    return ids, answer_at


def _cut(pool: Sequence[Example], tokens: int) -> Iterator[list[Example]]:
    batch: list[Example] = []
    for example in pool:
        length = len(example)
        if batch and length * (len(batch) + 1) > tokens:
            yield batch
            batch = []
        batch.append(example)
    if batch:
        yield batch


def _forever(examples: list[Example], seed: str) -> Iterator[Example]:
    epoch = 0
    while True:
        order = list(range(len(examples)))
        random.Random(f"{seed}/{epoch}").shuffle(order)
        for i in order:
            yield examples[i]
        epoch += 1
