"""transformers: any causal or encoder-decoder model by folder or hub id, adapters included.

Generation is greedy, without repetition penalty or n-gram ban: those would forbid naming a
thing twice.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import count, islice
from typing import Any

from ..prompts.messages import Prompt
from .budget import LEAST_ANSWER, LEAST_HELD, fitting, too_long, wanted
from .constrain.logits_processor import ConstraintProcessor
from .constrain.stretch import decode_stretches
from .constrain.token_bytes import Vocabulary, tokenizer_vocabulary
from .constrain.walker import Walker, check_room
from .loading import load_model
from .protocol import Completion, Constraint, Usage
from .stops import cut_at, model_stops
from .tokens import model_context, pad_id, prompt_ids

# Tokens of a batch, prompts padded to the longest, answers guessed at 64.
_BATCH_TOKENS = 8192
# Prompts sorted by length and run together; bounds memory and how late the first answer comes.
_WINDOW = 256


class TransformersBackend:
    """A model of transformers, on the accelerator if there is one."""

    def __init__(
        self,
        model: str,
        *,
        quantisation: str = "none",
        trust_remote_code: bool = False,
        thinking: str = "off",
    ) -> None:
        """Load the model, and its base if `model` is an adapter; see `engines.loading.load_model`.

        `thinking` is `on` to let a template that knows of it begin with thoughts; else none are asked.

        Raises:
            ModelError: a package or the model is missing or unusable.
        """
        loaded = load_model(model, quantisation=quantisation, trust_remote_code=trust_remote_code)
        self.model, self.tokenizer = loaded.model, loaded.tokenizer
        self.is_seq2seq = loaded.seq2seq
        self._is_thinking = thinking == "on"
        self._stops = model_stops(self.model, self.tokenizer)
        # Positions of an encoder and a decoder are relative, or not shared.
        self.context = None if self.is_seq2seq else model_context(self.tokenizer, self.model.config)
        self.usage: Usage | None = None
        self._vocabulary: Vocabulary | None = None
        if not getattr(self.model, "hf_device_map", None):
            import torch

            if torch.cuda.is_available():
                self.model.to("cuda")

    def generate(
        self,
        prompts: Iterable[Prompt],
        *,
        max_tokens: int | None = None,
        scores: bool = False,
        constraints: Sequence[Constraint] | None = None,
    ) -> Iterator[Completion]:
        """Complete every prompt greedily, yielding in the order of the prompts.

        Answers end at the first token that the tokenizer, the model or its template names. Without
        `max_tokens` they may be as long as their text asks for; a prompt that leaves no room for one
        in the model's context gives a refused completion.

        Raises:
            ModelError: the model's tokenizer cannot be constrained.
        """
        left = iter(prompts)
        for start in count(step=_WINDOW):
            if not (chosen := list(islice(left, _WINDOW))):
                return
            ids = [self._ids(prompt) for prompt in chosen]
            held = None if constraints is None else constraints[start : start + _WINDOW]
            least = LEAST_ANSWER if held is None else LEAST_HELD
            limits = [
                fitting(wanted(p, max_tokens), len(i), self.context, least)
                for p, i in zip(chosen, ids, strict=True)
            ]
            yield from self._window(ids, limits, held)

    def count_tokens(self, prompt: Prompt) -> int:
        """Return how many tokens the model reads for a prompt."""
        return len(self._ids(prompt))

    def close(self) -> None:
        """Free the model."""
        self.model = None

    def _ids(self, prompt: Prompt) -> list[int]:
        return prompt_ids(
            self.tokenizer, prompt, seq2seq=self.is_seq2seq, thinking=self._is_thinking
        )

    def _window(
        self,
        prompts: list[list[int]],
        limits: list[int],
        constraints: Sequence[Constraint] | None,
    ) -> list[Completion]:
        lengths = [len(ids) for ids in prompts]
        results = {
            i: too_long(lengths[i], self.context) for i, limit in enumerate(limits) if not limit
        }
        order = sorted(set(range(len(prompts))) - set(results), key=lengths.__getitem__)
        while order:
            count = max(1, _BATCH_TOKENS // (len(prompts[order[-1]]) + 64))
            batch, order = order[-count:], order[:-count]
            walkers = None if constraints is None else [self._walker(constraints[i]) for i in batch]
            # The limits of one batch are alike, as its texts are; the longest prompt has least room.
            most = max(limits[i] for i in batch)
            limit = fitting(most, lengths[batch[-1]], self.context, 1)
            answers = self._batch([prompts[i] for i in batch], limit, walkers)
            results.update(zip(batch, answers, strict=True))
        return [results[i] for i in range(len(prompts))]

    def _walker(self, constraint: Constraint) -> Walker:
        if self._vocabulary is None:
            self._vocabulary = tokenizer_vocabulary(self.tokenizer, self._stops)
        return Walker(constraint, self._vocabulary)

    def _batch(
        self, prompts: list[list[int]], max_tokens: int, walkers: Sequence[Walker] | None
    ) -> list[Completion]:
        import torch

        if walkers and len(prompts) == 1 and not self.is_seq2seq:
            return [self._single(prompts[0], walkers[0], max_tokens)]
        width, fill = max(map(len, prompts)), pad_id(self.tokenizer)
        rows, masks = [], []
        for ids in prompts:
            gap = width - len(ids)
            # Decoders are padded to the left: the answer must follow the prompt without a gap.
            before, after = (0, gap) if self.is_seq2seq else (gap, 0)
            rows.append([fill] * before + ids + [fill] * after)
            masks.append([0] * before + [1] * len(ids) + [0] * after)
        start = 1 if self.is_seq2seq else width
        device = self.model.get_input_embeddings().weight.device
        with torch.inference_mode():
            output = self.model.generate(
                input_ids=torch.tensor(rows, device=device),
                attention_mask=torch.tensor(masks, device=device),
                generation_config=self._settings(fill, max_tokens),
                logits_processor=(
                    [ConstraintProcessor(walkers, start, max_tokens)] if walkers else None
                ),
            )
        new = output.sequences[:, start:]
        chosen = [
            torch.log_softmax(step.float(), -1).gather(1, new[:, i : i + 1])
            for i, step in enumerate(output.logits)
        ]
        log_probs = torch.cat(chosen, 1).tolist()
        return [self._completion(*pair) for pair in zip(new.tolist(), log_probs, strict=True)]

    def _single(self, prompt: list[int], walker: Walker, max_tokens: int) -> Completion:
        """Complete one prompt under constraint, in fewer passes than it has tokens."""
        import torch

        def encode(text: str) -> list[int]:
            ids: list[int] = self.tokenizer(text, add_special_tokens=False).input_ids
            return ids

        check_room([walker], max_tokens)
        with torch.inference_mode():
            ids, log_probs, _ = decode_stretches(self.model, prompt, walker, encode, max_tokens)
        return self._completion(ids, log_probs)

    def _settings(self, fill: int, max_tokens: int) -> Any:
        from transformers import GenerationConfig

        # A fresh configuration: sampling and penalties of the model's own are no use here.
        settings: Any = GenerationConfig
        return settings(
            max_new_tokens=max_tokens,
            do_sample=False,
            pad_token_id=fill,
            eos_token_id=self._stops,
            decoder_start_token_id=getattr(self.model.config, "decoder_start_token_id", None),
            return_dict_in_generate=True,
            output_logits=True,
        )

    def _completion(self, ids: list[int], log_probs: list[float]) -> Completion:
        ids, stopped = cut_at(ids, self._stops)
        text, ends = _decode(self.tokenizer, ids)
        if stopped:
            ends.append(len(text))
        reason = "stop" if stopped else "length"
        return Completion(text, reason, tuple(ends), tuple(log_probs[: len(ends)]))


def _decode(tokenizer: Any, ids: list[int]) -> tuple[str, list[int]]:
    """Return the text and the end of each token in it, in code points.

    A token that stops inside a character ends where the last whole character does.
    """

    def text_of(part: list[int]) -> str:
        text: str = tokenizer.decode(
            part, skip_special_tokens=True, clean_up_tokenization_spaces=False
        )
        return text

    text = text_of(ids)
    ends: list[int] = []
    done, start = 0, 0
    for i in range(len(ids)):
        piece = text_of(ids[start : i + 1])
        if not piece.endswith("\ufffd"):
            done = min(len(text), done + len(piece))
            start = i + 1
        ends.append(done)
    if ends:
        # Some tokenizers drop a blank between pieces; the last end is the end of the text.
        ends[-1] = len(text)
    return text, ends
