"""Train a small causal model from nothing: copying curriculum, then instruction records.

One process, one device (the CPU will do). The state is saved every few minutes and a killed run
goes on from there. Attention is computed eagerly: on CPUs the fused backward pass of torch 2.13
takes half of a step (measured: 5.7 K against 9.2 K tokens/s on two cores).
"""

import json
import math
import random
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chinchilla.errors import ConfigError, InputError
from chinchilla.formats import EMPTY
from chinchilla.jsonl import read_values

from .curriculum import copy_example, copy_instruction
from .scratch_tokenizer import EOS
from .tagging import Labels, Span, answer_spans, new_head, tagging_loss


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
    """A record file and its share of the batches, relative to the other sources."""

    records: tuple[str, ...]
    weight: float


@dataclass(frozen=True)
class ScratchConfig:
    """Everything that decides a run; tokens are padded positions of a batch.

    The learning rate is constant after `warmup` and falls linearly to zero over the last
    `decay` of `steps`. `tag_loss` weighs the auxiliary tagging (see tagging.py) beside the loss
    on the answer; `tag_layer` counts from 1 which layer's output it reads, and `tag_lag` is how
    many characters behind its position a tag lies. `compile` fuses the element-wise work by
    torch.compile (needs a C++ compiler; 1.4 times the tokens a second on two cores).
    """

    sources: dict[str, Source]
    shape: ModelShape = field(default_factory=ModelShape)
    steps: int = 10_000
    tokens: int = 4096
    lr: float = 1.5e-3
    warmup: int = 100
    decay: float = 0.3
    weight_decay: float = 0.01
    tag_loss: float = 0.0
    tag_layer: int = 4
    tag_lag: int = 2
    compile: bool = False
    copy_steps: int = 800
    copy_lr: float = 2e-3
    copy_length: int = 100
    max_length: int = 512
    seed: int = 0
    threads: int = 2
    save_minutes: float = 5.0


@dataclass(frozen=True, slots=True)
class Example:
    """Token ids of a prompt and its answer; where the text stands and the mentions in it."""

    prompt: list[int]
    answer: list[int]
    text_at: int
    text_length: int
    spans: tuple[Span, ...]

    def __len__(self) -> int:
        return len(self.prompt) + len(self.answer)


class Scratch:
    """A run in a folder: model, optimizer, position in the data, all resumable."""

    def __init__(self, config: ScratchConfig, tokenizer: Any, folder: Path) -> None:
        import torch

        torch.set_num_threads(config.threads)
        self.config, self.tokenizer, self.folder = config, tokenizer, folder
        folder.mkdir(parents=True, exist_ok=True)
        torch.manual_seed(config.seed)
        self.model = _new_model(config.shape, tokenizer.get_vocab_size())
        self._forward = (
            torch.compile(self.model.model, dynamic=True) if config.compile else self.model.model
        )
        first = tokenizer.token_to_id(EMPTY)
        count = tokenizer.get_vocab_size() - first
        self.labels = Labels(first, count, tokenizer.token_to_id("\n"))
        self.head = new_head(config.shape.hidden, self.labels) if config.tag_loss else None
        self._parameters = [*self.model.parameters()]
        if self.head is not None:
            self._parameters += self.head.parameters()
        self.optimizer = torch.optim.AdamW(
            self._parameters,
            lr=config.lr,
            betas=(0.9, 0.98),
            weight_decay=config.weight_decay,
            fused=True,
        )
        self.eos = tokenizer.token_to_id(EOS)
        self.copy_step, self.step, self.length = 0, 0, 8.0
        self._load()

    def train(self, running: str, alphabet: Sequence[str], labels: Sequence[str]) -> None:
        """Run what is left of the curriculum and of the steps on records, logging as it goes."""
        if self.copy_step < self.config.copy_steps:
            self._run_copying(running, alphabet, labels)
        if self.step < self.config.steps:
            self._run_records()
        self.save_model(self.folder / "model")

    def save_model(self, folder: Path) -> None:
        """Write the weights (safetensors) and the tokenizer as a transformers folder."""
        from .scratch_tokenizer import save_tokenizer

        self.model.save_pretrained(folder)
        save_tokenizer(self.tokenizer, str(folder))

    def _run_copying(self, running: str, alphabet: Sequence[str], labels: Sequence[str]) -> None:
        config = self.config
        rng = random.Random(f"{config.seed}/copy/{self.copy_step}")
        losses: list[float] = []
        clock = _Clock(config.save_minutes)
        while self.copy_step < config.copy_steps:
            # Lengths below the present one are kept in: positions once learnt stay learnt.
            length = max(8, int(self.length * rng.uniform(0.4, 1.0)))
            # Short strings in small batches: many updates early are what starts the copying.
            budget = min(config.tokens, 2048 if self.length < 100 else 3072)
            count = max(8, int(budget / (length * 1.9 + 40)))
            pairs = [copy_example(rng, length, alphabet, running) for _ in range(count)]
            # Labels before the text from length 20 on: with them copying never starts.
            most = max(0, min(70, int(self.length) - 20))
            batch = [self._ids(copy_instruction(rng, labels, most), *pair) for pair in pairs]
            rate = config.copy_lr * min(1.0, (self.copy_step + 1) / 50)
            losses.append(self._update(batch, rate, tagging=False)[0])
            self.copy_step += 1
            if len(losses) >= 20:
                mean = sum(losses) / len(losses)
                if mean < 0.8 and self.length < config.copy_length:
                    self.length = min(config.copy_length, self.length * 1.3)
                self._log(stage="copy", step=self.copy_step, length=int(self.length), loss=mean)
                losses = []
            if clock.is_due():
                self._save()
        self._save()

    def _run_records(self) -> None:
        config = self.config
        batches = self._batches()
        clock, started, tokens = _Clock(config.save_minutes), time.monotonic(), 0
        totals = [0.0, 0.0]
        while self.step < config.steps:
            batch = next(batches)
            answer_loss, tag_loss = self._update(batch, self._rate())
            tokens += sum(map(len, batch))
            self.step += 1
            totals[0] += answer_loss
            totals[1] += tag_loss
            if self.step % 50 == 0:
                speed = tokens / (time.monotonic() - started)
                self._log(
                    stage="records",
                    step=self.step,
                    loss=totals[0] / 50,
                    tag_loss=totals[1] / 50,
                    tokens_per_second=round(speed),
                )
                totals = [0.0, 0.0]
            if clock.is_due():
                self._save()
        self._save()

    def _rate(self) -> float:
        config = self.config
        left = (config.steps - self.step) / max(1, config.decay * config.steps)
        return config.lr * min(1.0, (self.step + 1) / config.warmup, left)

    def _update(
        self, batch: Sequence[Example], rate: float, tagging: bool = True
    ) -> tuple[float, float]:
        import torch

        config = self.config
        tagging = tagging and self.head is not None
        ids, answer_at = _pad(batch)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        with torch.autocast("cpu", dtype=torch.bfloat16):
            output = self._forward(input_ids=ids, use_cache=False, output_hidden_states=tagging)
            logits = self.model.lm_head(output.last_hidden_state[:, :-1][answer_at]).float()
            targets = ids[:, 1:][answer_at]
            answers = torch.logsumexp(logits, -1) - logits.gather(1, targets[:, None])[:, 0]
            loss = answer_loss = answers.mean()
            tag_loss = torch.zeros(())
            if tagging:
                states = output.hidden_states[config.tag_layer]
                tag_loss = tagging_loss(self.head, states, config.tag_lag, batch)
                loss = answer_loss + config.tag_loss * tag_loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self._parameters, 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad()
        return float(answer_loss.detach()), float(tag_loss.detach())

    def _ids(self, instruction: str, text: str, answer: str) -> Example:
        parts = (f"{instruction}\n", text, "\n", answer)
        return self._example(*(self.tokenizer.encode(part).ids for part in parts))

    def _example(
        self, instruction: list[int], text: list[int], end: list[int], answer: list[int]
    ) -> Example:
        spans = answer_spans(text, answer, self.labels) if self.head is not None else []
        prompt = [*instruction, *text, *end]
        return Example(prompt, [*answer, self.eos], len(instruction), len(text), tuple(spans))

    def _batches(self) -> Iterator[list[Example]]:
        """Yield batches of like lengths, sources mixed by weight, the same for the same step."""
        pools = {name: self._examples(source) for name, source in self.config.sources.items()}
        names = sorted(pools)
        weights = [self.config.sources[name].weight for name in names]
        streams = {name: _forever(pools[name], f"{self.config.seed}/{name}") for name in names}
        rng = random.Random(f"{self.config.seed}/mix")
        step = 0
        while True:
            chosen = rng.choices(names, weights, k=4096)
            pool = [next(streams[name]) for name in chosen]
            pool.sort(key=len)
            batches = list(_cut(pool, self.config.tokens))
            rng.shuffle(batches)
            for batch in batches:
                step += 1
                # After a resume the batches already seen are skipped, not trained again.
                if step > self.step:
                    yield batch

    def _examples(self, source: Source) -> list[Example]:
        examples: list[Example] = []
        for path in source.records:
            rows = [row for _, row in read_values(path)]
            if not rows:
                raise InputError(f"{path}: holds no records")
            heads = self._encode(f"{row['instruction']}\n" for row in rows)
            texts = self._encode(row["input"] for row in rows)
            answers = self._encode(row["output"] for row in rows)
            end = self.tokenizer.encode("\n").ids
            made = (
                self._example(head, text, end, answer)
                for head, text, answer in zip(heads, texts, answers, strict=True)
            )
            examples += [example for example in made if len(example) < self.config.max_length]
        return examples

    def _encode(self, texts: Iterable[str]) -> Iterator[list[int]]:
        return (encoded.ids for encoded in self.tokenizer.encode_batch(list(texts)))

    def _log(self, **values: Any) -> None:
        line = json.dumps({"time": time.strftime("%H:%M:%S"), **values})
        with (self.folder / "metrics.jsonl").open("a", encoding="utf-8") as file:
            file.write(line + "\n")

    def _save(self) -> None:
        import torch

        state = {
            "model": self.model.state_dict(),
            "head": self.head.state_dict() if self.head is not None else {},
            "optimizer": self.optimizer.state_dict(),
            "place": {"copy_step": self.copy_step, "step": self.step, "length": self.length},
        }
        torch.save(state, self.folder / "state.tmp")
        (self.folder / "state.tmp").replace(self.folder / "state.pt")

    def _load(self) -> None:
        import torch

        path = self.folder / "state.pt"
        if not path.exists():
            return
        state = torch.load(path, weights_only=True)
        try:
            self.model.load_state_dict(state["model"])
            if self.head is not None:
                self.head.load_state_dict(state["head"])
        except RuntimeError as error:
            raise ConfigError(
                f"{path}: is of another model shape; use a new folder ({error})"
            ) from None
        self.optimizer.load_state_dict(state["optimizer"])
        place = state["place"]
        self.copy_step, self.step, self.length = place["copy_step"], place["step"], place["length"]


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


def _new_model(shape: ModelShape, vocabulary: int) -> Any:
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
        "attn_implementation": "eager",
        "bos_token_id": None,
        "eos_token_id": 1,
        "pad_token_id": 0,
    }
    return LlamaForCausalLM(LlamaConfig(**values))


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
