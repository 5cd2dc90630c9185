"""CTranslate2: the engine of any converted causal or encoder-decoder model.

Prompts are batched by length so that little is padded, and the answers come back in the order
asked. Threads belong between batches, not inside one: `intra_threads=2` was slower than 1.
CTranslate2's own `generate_iterable` gives all answers one limit and reads prompts without bound;
what stands here instead gives each batch its own and stays a few windows ahead.
"""

import os
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

from ..errors import ModelError
from ..prompts.messages import Prompt
from .budget import LEAST_ANSWER, LEAST_HELD, fitting, too_long, wanted
from .constrain.resume import hold_answers
from .constrain.token_bytes import Vocabulary, read_vocabulary
from .constrain.walker import Walker
from .cpu import processor_flags, usable_cores
from .ct2_folder import read_folder
from .forks import keep_at_fork
from .protocol import Completion, Constraint, Usage

# Tokens of a batch, prompts padded to the longest. What a small model computes for a small batch
# stays in the processor's cache (384: about 1.3 times the rate of 4096 for relations and events with
# 6.5 M parameters; 640 is as fast); the weights of a large one do not, and are read once a batch.
_BATCH_TOKENS, _SMALL_BATCH_TOKENS, _SMALL_MODEL = 4096, 640, 64_000_000
# Prompts sorted by length and run together; bounds memory and how late the first answer comes. The
# first window is small: while it is made the engine has nothing to do.
_FIRST, _WINDOW = 64, 256
# Windows that may wait for the engine while the next one is made.
_AHEAD = 2

# Flags of processors on which CTranslate2 may be told to use AVX-512.
_WIDE_VECTORS = {"avx512f", "avx512cd", "avx512bw", "avx512dq", "avx512vl", "avx512_vnni"}

# The places of a batch's prompts, and the futures of their results.
_Batch = tuple[list[int], Any]


@dataclass(frozen=True)
class _Window:
    """Prompts under way: their tokens, the limits of their answers (0: no room), their batches."""

    tokens: list[list[str]]
    limits: list[int]
    batches: list[_Batch]


class CTranslate2Backend:
    """A converted model in a folder with `model.bin` and `tokenizer.json`."""

    usage: Usage | None = None

    def __init__(self, folder: Path, *, compute_type: str = "default", threads: int = 0) -> None:
        """Load the model.

        Args:
            folder: what `chinchilla export --ct2` or ct2-transformers-converter wrote.
            compute_type: of CTranslate2, such as `int8`; `default` keeps what the file has.
            threads: batches run side by side; 0 is one per core that the process may use.

        Raises:
            ModelError: the folder holds no converted model, or its tokenizer is missing.
        """
        _use_wide_vectors()
        import ctranslate2

        ctranslate2.set_log_level(40)  # its notes on compute types are no news to a user
        read = read_folder(folder)
        self._folder, self._codec = folder, read.codec
        self.is_seq2seq, self.context = read.is_seq2seq, read.context
        device = "cuda" if ctranslate2.get_cuda_device_count() else "cpu"
        self._options: dict[str, Any] = {"device": device, "compute_type": compute_type}
        self._options["inter_threads"] = threads or usable_cores()
        size = (folder / "model.bin").stat().st_size
        self._is_small = device == "cpu" and size <= _SMALL_MODEL
        self._batch_tokens = _SMALL_BATCH_TOKENS if self._is_small else _BATCH_TOKENS
        try:
            self._load()
        except (RuntimeError, ValueError) as error:
            raise ModelError(f"{folder}: CTranslate2 cannot load it ({error})") from None
        keep_at_fork(self)

    def _load(self) -> None:
        import ctranslate2

        kind = ctranslate2.Translator if self.is_seq2seq else ctranslate2.Generator
        self.model: Any = kind(str(self._folder), intra_threads=1, **self._options)
        self._process = os.getpid()

    def count_tokens(self, prompt: Prompt) -> int:
        """Return how many tokens the model reads for a prompt."""
        return len(self._codec.encode(prompt))

    def generate(
        self,
        prompts: Iterable[Prompt],
        *,
        max_tokens: int | None = None,
        scores: bool = False,
        constraints: Sequence[Constraint] | None = None,
    ) -> Iterator[Completion]:
        """Complete every prompt greedily, yielding in the order of the prompts.

        Scores take a second pass over prompt and answer; encoder-decoder models give none. Under
        constraint, an answer is written anew from each token that would break it (see
        `constrain.resume`). A prompt beyond the model's context gives a refused completion.

        Raises:
            ModelError: the model's tokenizer cannot be constrained.
        """
        if self._process != os.getpid():
            self._load()  # a forked process has none of the engine's threads
        scores = scores and not self.is_seq2seq
        if constraints is None:
            yield from self._free(iter(prompts), max_tokens, scores)
            return
        given = list(prompts)
        for start in range(0, len(given), _WINDOW):
            held = constraints[start : start + _WINDOW]
            window = self._window(given[start : start + _WINDOW], max_tokens, LEAST_HELD)
            yield from self._completions(window, self._held_answers(window, held), scores)

    def close(self) -> None:
        """Free the model."""
        if self._process == os.getpid():
            self.model.unload_model()

    def _free(
        self, prompts: Iterator[Prompt], max_tokens: int | None, scores: bool
    ) -> Iterator[Completion]:
        """Complete prompts without constraint, reading the next ones while the engine works."""
        under_way: deque[_Window] = deque()
        size = _FIRST
        while some := list(islice(prompts, size)):
            size = min(2 * size, _WINDOW)
            window = self._window(some, max_tokens, LEAST_ANSWER)
            places = [i for i, limit in enumerate(window.limits) if limit]
            window.batches.extend(self._begin(window.tokens, window.limits, places))
            under_way.append(window)
            while under_way and (len(under_way) > _AHEAD or _is_done(under_way[0])):
                yield from self._finished(under_way.popleft(), scores)
        while under_way:
            yield from self._finished(under_way.popleft(), scores)

    def _window(self, prompts: list[Prompt], max_tokens: int | None, least: int) -> _Window:
        tokens = [self._codec.encode(prompt) for prompt in prompts]
        limits = []
        for prompt, row in zip(prompts, tokens, strict=True):
            limit = wanted(prompt, max_tokens)
            if self._is_small:
                # What repeats itself without end, as small models may, is cut sooner.
                limit = min(limit, 2 * len(row) + 64)
            limits.append(fitting(limit, len(row), self.context, least))
        return _Window(tokens, limits, [])

    def _finished(self, window: _Window, scores: bool) -> Iterator[Completion]:
        answers: list[list[str]] = [[] for _ in window.tokens]
        for place, result in _results(window.batches):
            answers[place] = (result.hypotheses if self.is_seq2seq else result.sequences)[0]
        return self._completions(window, answers, scores)

    def _completions(
        self, window: _Window, answers: list[list[str]], scores: bool
    ) -> Iterator[Completion]:
        log_probs = iter(self._score(window, answers) if scores else ())
        for prompt, limit, answer in zip(window.tokens, window.limits, answers, strict=True):
            if limit:
                yield self._completion(answer, next(log_probs, ()))
            else:
                yield too_long(len(prompt), self.context)

    def _completion(self, tokens: list[str], log_probs: tuple[float, ...]) -> Completion:
        text, stopped = self._codec.decode(tokens)
        reason = "stop" if stopped else "length"
        if not log_probs:
            return Completion(text, reason)
        return Completion(text, reason, _token_ends(self._codec.decode, tokens, text), log_probs)

    def _score(self, window: _Window, answers: list[list[str]]) -> list[tuple[float, ...]]:
        """Return the natural-log probability of each answer token given what stands before."""
        pairs = zip(window.tokens, answers, window.limits, strict=True)
        asked = [(prompt, answer) for prompt, answer, limit in pairs if limit]
        # `offset` would only shorten the output; the first token of a row has no probability.
        results = self.model.score_batch(
            [prompt + answer for prompt, answer in asked],
            max_batch_size=self._batch_tokens,
            batch_type="tokens",
        )
        return [
            tuple(result.log_probs[len(prompt) - 1 :])
            for (prompt, _), result in zip(asked, results, strict=True)
        ]

    def _begin(
        self,
        prompts: list[list[str]],
        limits: list[int],
        places: Iterable[int],
        prefixes: list[list[str]] | None = None,
        **options: Any,
    ) -> Iterator[_Batch]:
        """Start on the prompts at some places, in batches of like length."""
        so_far = prefixes or [[]] * len(prompts)
        lengths = [len(p) + len(q) for p, q in zip(prompts, so_far, strict=True)]
        order = sorted(places, key=lengths.__getitem__)
        for batch in _batches(order, lengths, self._batch_tokens):
            limit = fitting(max(limits[i] for i in batch), lengths[batch[-1]], self.context, 1)
            rows = [prompts[i] for i in batch], [so_far[i] for i in batch]
            yield batch, self._start(*rows, max(1, limit), options)

    def _start(
        self,
        prompts: list[list[str]],
        prefixes: list[list[str]],
        limit: int,
        further: dict[str, Any],
    ) -> Any:
        options: dict[str, Any] = {
            "beam_size": 1,
            "end_token": self._codec.ends,
            "return_end_token": True,
            "asynchronous": True,
            "max_batch_size": len(prompts),
            **further,
        }
        if self.is_seq2seq:
            # The default of 1024 would cut longer prompts without a word. Of answers, the
            # prefix counts.
            return self.model.translate_batch(
                prompts,
                target_prefix=prefixes if any(prefixes) else None,
                max_input_length=0,
                max_decoding_length=limit + max(map(len, prefixes)),
                **options,
            )
        return self.model.generate_batch(
            [prompt + prefix for prompt, prefix in zip(prompts, prefixes, strict=True)],
            include_prompt_in_result=False,
            max_length=limit,
            **options,
        )

    def _held_answers(self, window: _Window, constraints: Sequence[Constraint]) -> list[list[str]]:
        names, vocabulary = self._vocabulary
        places = [i for i, limit in enumerate(window.limits) if limit]
        walkers = [Walker(constraints[i], vocabulary) for i in places]
        prompts = [window.tokens[i] for i in places]
        limits = [window.limits[i] for i in places]
        found = hold_answers(_Rows(self, prompts, limits, names), walkers, limits)
        answers: list[list[str]] = [[] for _ in window.tokens]
        for place, tokens in zip(places, found, strict=True):
            answers[place] = [names[token] for token in tokens]
        return answers

    @cached_property
    def _vocabulary(self) -> tuple[dict[int, str], Vocabulary]:
        """The tokens' names by number, and what they write."""
        from tokenizers import Tokenizer

        tokenizer = Tokenizer.from_file(str(self._folder / "tokenizer.json"))
        names = {i: name for name, i in tokenizer.get_vocab(with_added_tokens=True).items()}
        ends = [tokenizer.token_to_id(name) for name in self._codec.ends]
        if not any(end is not None for end in ends):
            raise ModelError(f"{self._folder}: its tokenizer has none of {self._codec.ends}")
        return names, read_vocabulary(tokenizer, [end for end in ends if end is not None])


class _Rows:
    """The engine as `constrain.resume` asks of it: rows of a prompt and an answer so far."""

    def __init__(
        self,
        backend: CTranslate2Backend,
        prompts: list[list[str]],
        limits: list[int],
        names: dict[int, str],
    ) -> None:
        self._backend = backend
        self._prompts = prompts
        self._limits = limits
        self._names = names
        self._ids = {name: token for token, name in names.items()}

    def go_on(self, rows: Sequence[tuple[int, list[int]]], most: int | None) -> list[list[int]]:
        """Return the tokens that the model adds to each answer; see `FreeEngine`."""
        left = max(self._limits[i] - len(tokens) for i, tokens in rows)
        answers: list[list[int]] = [[] for _ in rows]
        for place, tokens, prefix in self._answers(rows, min(left, most or left)):
            if self._backend.is_seq2seq:
                tokens = tokens.hypotheses[0][len(prefix) :]
            else:
                tokens = tokens.sequences[0]
            answers[place] = [self._ids.get(name, -1) for name in tokens]
        return answers

    def next_scores(self, rows: Sequence[tuple[int, list[int]]]) -> list[Any]:
        """Return the logits of the next token of each answer; see `FreeEngine`."""
        import numpy

        scores: list[Any] = [None] * len(rows)
        for place, result, prefix in self._answers(rows, 1, return_logits_vocab=True):
            # One entry a step. A shorter row of a batch writes on while a longer is read.
            step = len(prefix) if self._backend.is_seq2seq else -1
            scores[place] = numpy.array(result.logits[0][step])
        return scores

    def _answers(
        self, rows: Sequence[tuple[int, list[int]]], limit: int, **options: Any
    ) -> Iterator[tuple[int, Any, list[str]]]:
        """Yield the result of each row with its place and the answer so far."""
        prompts = [self._prompts[i] for i, _ in rows]
        prefixes = [[self._names[token] for token in tokens] for _, tokens in rows]
        places, limits = range(len(rows)), [limit] * len(rows)
        started = list(self._backend._begin(prompts, limits, places, prefixes, **options))
        for place, result in _results(started):
            yield place, result, prefixes[place]


def _use_wide_vectors() -> None:
    """Let CTranslate2 use AVX-512 where the processor has it with VNNI; it stops at AVX2 by itself.

    On an AMD EPYC it makes a small model 1.1 times as fast. What the user sets stays.
    """
    if (processor_flags() or set()) >= _WIDE_VECTORS:
        os.environ.setdefault("CT2_FORCE_CPU_ISA", "AVX512")


def _results(batches: Iterable[_Batch]) -> Iterator[tuple[int, Any]]:
    """Yield the result of each prompt with its place, as the batches end."""
    for places, futures in batches:
        for place, future in zip(places, futures, strict=True):
            yield place, future.result()


def _is_done(window: _Window) -> bool:
    return all(future.done() for _, futures in window.batches for future in futures)


def _batches(order: Sequence[int], lengths: Sequence[int], tokens: int) -> Iterator[list[int]]:
    """Cut prompts, shortest first, into batches whose padded size is bounded."""
    batch: list[int] = []
    for i in order:
        if batch and lengths[i] * (len(batch) + 1) > tokens:
            yield batch
            batch = []
        batch.append(i)
    if batch:
        yield batch


def _token_ends(decode: Any, tokens: list[str], text: str) -> tuple[int, ...]:
    """Return the end of each token in the text; inside a character, the end of the one before."""
    ends: list[int] = []
    done, start = 0, 0
    for i in range(len(tokens)):
        piece = decode(tokens[start : i + 1])[0]
        if not piece.endswith("\ufffd"):
            done = min(len(text), done + len(piece))
            start = i + 1
        ends.append(done)
    if ends:
        # Bytes cut off inside a character are text too.
        ends[-1] = len(text)
    return tuple(ends)
