"""CTranslate2: the engine of the embedded model, and of any converted causal or seq2seq model.

Prompts are batched by length so that little is padded, and the answers come back in the order
asked. Threads belong between batches, not inside one: `intra_threads=2` was slower than 1.
"""

import atexit
import ctypes
import os
import time
import weakref
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice, takewhile
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

from ..errors import ModelError
from ..prompts.messages import Prompt
from ..prompts.prompt import plain_prompt
from .constrain.resume import hold_answers
from .constrain.token_bytes import Vocabulary, read_vocabulary
from .constrain.walker import Walker
from .cpu import processor_flags
from .protocol import Completion, Constraint

# Tokens of a batch, prompts padded to the longest. What a small model computes for a small batch
# stays in the processor's cache (384: about 1.3 times the rate of 4096 for relations and events with
# 6.5 M parameters; 640 is as fast); the weights of a large one do not, and are read once a batch. Short
# prompts have short answers, faster in larger batches (names in windows of 50 characters: 1.08 times).
_BATCH_TOKENS, _SMALL_BATCH_TOKENS, _SMALL_MODEL = 4096, 640, 64_000_000
_SHORT, _SHORT_BATCH_TOKENS = 64, 1536
# Prompts sorted by length and run together; bounds memory and how late the first answer comes.
_WINDOW = 256
# The first window is small: while it is made the engine has nothing to do.
_FIRST = 64
# Windows that may wait for the engine while the next one is made: more than it reads meanwhile.
_AHEAD = 4
# Where the engine tells each token, an answer ends that goes round in circles for so many tokens, in rounds
# of at most so many; looked for at each multiple of `_LOOK`. A name copied over and over would go on to the
# limit (of DuIE's answers 1 %, for a tenth of the time). To be told tokens whose scores nobody wants costs
# up to 9 %: only of prompts less than this share of whose tokens differ, such as forms with blanks.
_CIRCLE, _LONGEST_ROUND, _LOOK = 48, 16, 16
_FEW_DIFFER = 0.5
# Seconds that a process waits at its end for the engine to stop calling it.
_LAST_CALLS = 60.0
# The fewest tokens of a prompt's first line that are worth keeping, the most lines kept, with how many
# prompts a line must have been met, and lines for which that is counted.
_HEAD, _HEADS, _OFTEN, _COUNTED = 16, 64, 8, 4096

# Flags of processors on which CTranslate2 may be told to use AVX-512.
_WIDE_VECTORS = {"avx512f", "avx512cd", "avx512bw", "avx512dq", "avx512vl", "avx512_vnni"}


class CTranslate2Backend:
    """A converted model in a folder with `model.bin` and `tokenizer.json`."""

    def __init__(self, folder: Path, *, compute_type: str = "default", threads: int = 0) -> None:
        """Load the model.

        Args:
            folder: what `chinchilla export --ct2` or ct2-transformers-converter wrote.
            compute_type: of CTranslate2, such as `int8`; `default` keeps what the file has.
            threads: batches run side by side; 0 is one per core.

        Raises:
            ModelError: the folder holds no converted model, or its tokenizer is missing.
        """
        _use_wide_vectors()
        import ctranslate2

        ctranslate2.set_log_level(40)  # its notes on compute types are no news to a user
        device = "cuda" if ctranslate2.get_cuda_device_count() else "cpu"
        self.encode, self.decode = _text_codec(folder)
        self._folder = folder
        self._options: dict[str, Any] = {"device": device, "compute_type": compute_type}
        self._options["inter_threads"] = threads or os.cpu_count() or 1
        self._heads: dict[str, list[str]] = {}
        self._met: Counter[str] = Counter()
        self._vocabulary: tuple[dict[int, str], Vocabulary] | None = None
        try:
            self.is_seq2seq = _is_seq2seq(folder)
            size = (folder / "model.bin").stat().st_size
            self._is_small = device == "cpu" and size <= _SMALL_MODEL
            self._batch_tokens = _SMALL_BATCH_TOKENS if self._is_small else _BATCH_TOKENS
            self._load()
        except (RuntimeError, ValueError) as error:
            raise ModelError(f"{folder}: CTranslate2 cannot load it ({error})") from None
        _LOADED.add(self)

    def _load(self) -> None:
        import ctranslate2

        kind = ctranslate2.Translator if self.is_seq2seq else ctranslate2.Generator
        self.model: Any = kind(
            str(self._folder),
            intra_threads=1,
            # Prompts are made, and tagged, while a small model works; a full queue would stop that.
            # Of a large one little may be queued: all of it is done before the process ends.
            max_queued_batches=-1 if self._is_small else 0,
            **self._options,
        )
        self._process = os.getpid()

    def generate(
        self,
        prompts: Iterable[Prompt],
        *,
        max_tokens: int = 512,
        scores: bool = False,
        constraints: Sequence[Constraint] | None = None,
    ) -> Iterator[Completion]:
        """Complete every prompt greedily, yielding in the order of the prompts.

        `max_tokens` bounds an answer; a shorter bound, twice the prompt's own length and 64
        more, stops endless repetition on short texts. Encoder-decoder models give no token
        probabilities (`scores`).

        Under constraint, an answer is written anew from each token that would break it (see
        `constrain.resume`), and scores take a second pass over prompt and answer.
        """
        if self._process != os.getpid():
            self._load()  # a forked process has none of the engine's threads
        if constraints is None:
            yield from self._free(iter(prompts), max_tokens, scores and not self.is_seq2seq)
            return
        prompts = list(prompts)
        for start in range(0, len(prompts), _WINDOW):
            tokens = [self.encode(prompt) for prompt in prompts[start : start + _WINDOW]]
            held = constraints[start : start + _WINDOW]
            answers = self._held_answers(tokens, max_tokens, held)
            yield from self._completions(tokens, answers, scores and not self.is_seq2seq)

    def _free(
        self, prompts: Iterator[Prompt], max_tokens: int, scores: bool
    ) -> Iterator[Completion]:
        """Complete prompts without constraint, reading the next ones while the engine works.

        A small model tells its scores as it writes; of a large one, what is under way could not be
        ended soon, and to read prompt and answer once more costs it little.
        """
        under_way: deque[tuple[list[list[str]], _Running]] = deque()
        size = _FIRST
        try:
            while window := list(islice(prompts, size)):
                size = min(2 * size, _WINDOW)
                tokens = [self.encode(prompt) for prompt in window]
                hears = scores and self._is_small
                running = self._begin_by_head(window, tokens, max_tokens, hears)
                under_way.append((tokens, running))
                while under_way and (len(under_way) > _AHEAD or _is_done(under_way[0][1])):
                    yield from self._finish(under_way, scores)
            while under_way:
                yield from self._finish(under_way, scores)
        finally:
            # Not waited for: what collects garbage, and ends this, may be the engine calling.
            for _, running in under_way:
                for batch in running:
                    if batch.heard:
                        batch.heard.is_unwanted = True

    def close(self) -> None:
        """Free the model."""
        if self._process == os.getpid():
            self.model.unload_model()

    def _finish(
        self, under_way: "deque[tuple[list[list[str]], _Running]]", scores: bool
    ) -> Iterator[Completion]:
        prompts, running = under_way[0]
        answers = self._read(running)
        under_way.popleft()
        if not (scores and self._is_small):
            yield from self._completions(prompts, answers, scores)
            return
        for i, log_probs in sorted(_log_probs(running).items()):
            yield self._completion(answers[i], log_probs)

    def _completions(
        self, prompts: list[list[str]], answers: list[list[str]], scores: bool
    ) -> Iterator[Completion]:
        log_probs = self._score(prompts, answers) if scores else [()] * len(prompts)
        for pair in zip(answers, log_probs, strict=True):
            yield self._completion(*pair)

    def _held_answers(
        self, prompts: list[list[str]], max_tokens: int, constraints: Sequence[Constraint]
    ) -> list[list[str]]:
        if self._vocabulary is None:
            self._vocabulary = _vocabulary(self._folder)
        names, vocabulary = self._vocabulary
        walkers = [Walker(constraint, vocabulary) for constraint in constraints]
        limits = [
            min(max_tokens, max(_limit(len(prompt)), walker.least_tokens()))
            for prompt, walker in zip(prompts, walkers, strict=True)
        ]
        answers = hold_answers(_Rows(self, prompts, limits, names), walkers, limits)
        return [[names[token] for token in answer] for answer in answers]

    def _answers(
        self, prompts: list[list[str]], max_tokens: int, prefixes: list[list[str]]
    ) -> list[list[str]]:
        """Return the tokens of the answers, less the `prefixes` with which they begin."""
        return self._read(self._begin(prompts, max_tokens, prefixes), prefixes)

    def _read(
        self, running: "_Running", prefixes: list[list[str]] | None = None
    ) -> list[list[str]]:
        results = _wait(running)
        if not self.is_seq2seq:
            return [result.sequences[0] for result in results]
        if prefixes is None:
            return [result.hypotheses[0] for result in results]
        return [r.hypotheses[0][len(p) :] for r, p in zip(results, prefixes, strict=True)]

    def _begin_by_head(
        self, prompts: list[Prompt], tokens: list[list[str]], max_tokens: int, scores: bool = False
    ) -> "_Running":
        """Start on prompts, those of one head together: the engine reads a head only once."""
        lines = [prompt.instruction.partition("\n")[0] for prompt in prompts]
        if len(self._met) > _COUNTED:
            self._met.clear()
        self._met.update(lines)
        # Few prompts of a head would be a small batch of their own.
        together, fewest = Counter(lines), min(_OFTEN, len(lines))
        groups: dict[tuple[str, ...], list[int]] = {}
        for i, line in enumerate(lines):
            head = self._head(line, tokens[i]) if together[line] >= fewest else ()
            groups.setdefault(head, []).append(i)
        running: _Running = []
        for head, group in groups.items():
            options = {"static_prompt": list(head)} if head else {}
            rows = [tokens[i][len(head) :] for i in group]
            started = self._begin(
                rows, max_tokens, [[]] * len(rows), scores, is_free=True, **options
            )
            for batch in started:
                running.append(batch._replace(places=[group[i] for i in batch.places]))
        return running

    def _head(self, line: str, tokens: list[str]) -> tuple[str, ...]:
        """Return the tokens of a prompt's first line, which names the types, if worth keeping.

        The engine keeps what it read of every head, so that their number is bounded.
        """
        if self.is_seq2seq:
            return ()
        if line not in self._heads:
            if len(self._heads) >= _HEADS or self._met[line] < _OFTEN:
                return ()
            self._heads[line] = self.encode(Prompt(line, ""))[:-1]
        head = self._heads[line]
        is_kept = len(head) >= _HEAD and tokens[: len(head)] == head and len(tokens) > len(head)
        return tuple(head) if is_kept else ()

    def _begin(
        self,
        prompts: list[list[str]],
        max_tokens: int,
        prefixes: list[list[str]],
        scores: bool = False,
        is_free: bool = False,
        **options: Any,
    ) -> "_Running":
        """Start on prompts in batches of like length.

        With `scores` the engine tells them; if an answer `is_free`, circles are listened for too.
        """
        lengths = [len(p) + len(q) for p, q in zip(prompts, prefixes, strict=True)]
        order = sorted(range(len(prompts)), key=lengths.__getitem__)
        running = []
        for batch in _batches(order, lengths, self._batch_tokens):
            rows = [prompts[i] for i in batch], [prefixes[i] for i in batch]
            hears = scores or (is_free and self._may_go_round(rows[0]))
            heard = _Heard(self.model, rows[0]) if hears else None
            told = {"callback": heard.listener(), "return_scores": scores} if heard else {}
            started = self._start(rows[0], max_tokens, rows[1], options | told)
            running.append(_Batch(batch, started, heard))
        return running

    def _may_go_round(self, prompts: list[list[str]]) -> bool:
        is_asked = self._is_small and not self.is_seq2seq
        return is_asked and any(len(set(p)) < _FEW_DIFFER * len(p) for p in prompts)

    def _score(self, prompts: list[list[str]], answers: list[list[str]]) -> list[tuple[float, ...]]:
        """Return the natural-log probability of each answer token given what stands before."""
        rows = [prompt + answer for prompt, answer in zip(prompts, answers, strict=True)]
        # `offset` would only shorten the output; the first token of a row has no probability.
        results = self.model.score_batch(
            rows, max_batch_size=self._batch_tokens, batch_type="tokens"
        )
        return [
            tuple(result.log_probs[len(prompt) - 1 :])
            for prompt, result in zip(prompts, results, strict=True)
        ]

    def _start(
        self,
        batch: list[list[str]],
        max_tokens: int,
        prefixes: list[list[str]],
        further: dict[str, Any],
    ) -> Any:
        head = len(further.get("static_prompt", ()))
        limit = min(max_tokens, max(_limit(len(row) + head) for row in batch))
        options: dict[str, Any] = {
            "beam_size": 1,
            "return_end_token": True,
            "asynchronous": True,
            "max_batch_size": len(batch),
            **further,
        }
        if self.is_seq2seq:
            # The default of 1024 would cut longer prompts without a word. Of answers, the
            # prefix counts.
            return self.model.translate_batch(
                batch,
                target_prefix=prefixes if any(prefixes) else None,
                max_input_length=0,
                max_decoding_length=limit + max(map(len, prefixes)),
                **options,
            )
        return self.model.generate_batch(
            [prompt + prefix for prompt, prefix in zip(batch, prefixes, strict=True)],
            include_prompt_in_result=False,
            max_length=limit,
            **options,
        )

    def _completion(self, tokens: list[str], log_probs: tuple[float, ...]) -> Completion:
        text, stopped = self.decode(tokens)
        reason = "stop" if stopped else "length"
        if not log_probs:
            return Completion(text, reason)
        ends = _token_ends(self.decode, tokens, text)
        return Completion(text, reason, ends, log_probs)


def _use_wide_vectors() -> None:
    """Let CTranslate2 use AVX-512 where the processor has it with VNNI; it stops at AVX2 by itself.

    On an AMD EPYC it makes the embedded model 1.1 times as fast. What the user sets stays.
    """
    if (processor_flags() or set()) >= _WIDE_VECTORS:
        os.environ.setdefault("CT2_FORCE_CPU_ISA", "AVX512")


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
        prompts, prefixes = self._split(rows)
        left = max(self._limits[i] - len(tokens) for i, tokens in rows)
        answers = self._backend._answers(prompts, min(left, most or left), prefixes)
        return [[self._ids.get(name, -1) for name in answer] for answer in answers]

    def next_scores(self, rows: Sequence[tuple[int, list[int]]]) -> list[Any]:
        """Return the logits of the next token of each answer; see `FreeEngine`."""
        import numpy

        prompts, prefixes = self._split(rows)
        started = self._backend._begin(prompts, 1, prefixes, return_logits_vocab=True)
        results = _wait(started)
        scores = []
        for result, prefix in zip(results, prefixes, strict=True):
            # One entry a step. A shorter row of a batch writes on while a longer is read.
            step = len(prefix) if self._backend.is_seq2seq else -1
            scores.append(numpy.array(result.logits[0][step]))
        return scores

    def _split(
        self, rows: Sequence[tuple[int, list[int]]]
    ) -> tuple[list[list[str]], list[list[str]]]:
        prompts = [self._prompts[i] for i, _ in rows]
        return prompts, [[self._names[token] for token in tokens] for _, tokens in rows]


class _Heard:
    """The log probabilities of a batch's answers, which the engine tells token by token.

    It is told in turn to end an answer that goes round in circles, or that nobody waits for.
    After it gave the results the engine has yet to drop its listener, which takes the interpreter's
    lock. `calling` holds what it did not drop so far; a process waits for that before it ends.
    """

    calling: ClassVar[set["_Heard"]] = set()
    # The engine's own thread must not be the last to hold the model, which it would wait for.
    dropped: ClassVar[list["_Heard"]] = []

    def __init__(self, model: Any, prompts: Sequence[Sequence[str]]) -> None:
        """Hear of a batch that the model is about to start."""
        self.log_probs: dict[int, list[float]] = {}
        self._prompts = prompts
        self._written: dict[int, list[str]] = {}
        self.is_unwanted = False
        self._model = model

    def listener(self) -> Callable[[Any], bool]:
        """Return what the engine is to call at each token, and nobody else may keep."""

        def called(step: Any) -> bool:
            return self.hear(step)

        self.dropped.clear()
        self.calling.add(self)
        # No `finalize`: those are called no more once the process ends.
        self._place = weakref.ref(called, self._drop)
        return called

    def _drop(self, _: Any) -> None:
        self.dropped.append(self)
        self.calling.discard(self)

    def hear(self, step: Any) -> bool:
        """Note a token; return whether its answer is to end here."""
        self.log_probs.setdefault(step.batch_id, []).append(step.log_prob)
        written = self._written.setdefault(step.batch_id, [])
        written.append(step.token)
        if self.is_unwanted or len(written) % _LOOK:
            return self.is_unwanted
        return _goes_round(written, self._prompts[step.batch_id])


def _goes_round(answer: Sequence[str], prompt: Sequence[str]) -> bool:
    """Return whether an answer ends in more rounds of the same few tokens than its prompt explains.

    Who names a string often may find it in the text as often, and so at least one token of a round.
    """
    for size in range(1, _LONGEST_ROUND + 1):
        pairs = zip(reversed(answer), reversed(answer[:-size]), strict=False)
        alike = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
        if size + alike >= _CIRCLE:
            rounds = 1 + alike // size
            return rounds > max(prompt.count(token) for token in set(answer[-size:]))
    return False


@atexit.register
def _end_calls() -> None:
    """End answers that nobody waits for: the engine must not call an interpreter that is gone."""
    for heard in list(_Heard.calling):
        heard.is_unwanted = True
    until = time.monotonic() + _LAST_CALLS
    while _Heard.calling and time.monotonic() < until:
        time.sleep(0.01)
    _Heard.dropped.clear()


# Models of this process, see `_forget_engine`.
_LOADED: "weakref.WeakSet[CTranslate2Backend]" = weakref.WeakSet()


def _forget_engine() -> None:
    """Leave the engine of the process before the fork alone: its threads are not in this one.

    To free a model would wait for them for ever, so that each is kept to the end.
    """
    _Heard.calling.clear()
    for backend in _LOADED:
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(backend.model))


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_engine)


class _Batch(NamedTuple):
    """A batch under way: the places of its prompts, the futures of their results."""

    places: list[int]
    futures: Any
    heard: _Heard | None


_Running = list[_Batch]


def _wait(running: _Running) -> list[Any]:
    """Return the results in the order of the prompts."""
    results: list[Any] = [None] * sum(len(batch.places) for batch in running)
    for batch in running:
        for i, future in zip(batch.places, batch.futures, strict=True):
            results[i] = future.result()
    return results


def _log_probs(running: _Running) -> dict[int, tuple[float, ...]]:
    """Return the log probabilities of the answers' tokens by the places of the prompts."""
    return {
        place: tuple(batch.heard.log_probs.get(row, ()))
        for batch in running
        if batch.heard
        for row, place in enumerate(batch.places)
    }


def _is_done(running: _Running) -> bool:
    return all(future.done() for batch in running for future in batch.futures)


def _limit(prompt: int) -> int:
    """Return the most tokens that an answer to a prompt of so many may sensibly have."""
    return 2 * prompt + 64


def _vocabulary(folder: Path) -> tuple[dict[int, str], Vocabulary]:
    """Return the tokens' names by number, and what they write."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    names = {i: name for name, i in tokenizer.get_vocab(with_added_tokens=True).items()}
    end = tokenizer.token_to_id(_end_token(folder))
    if end is None:
        raise ModelError(f"{folder}: its tokenizer has no end token {_end_token(folder)!r}")
    return names, read_vocabulary(tokenizer, [end])


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


def _batches(order: Sequence[int], lengths: Sequence[int], tokens: int) -> Iterator[list[int]]:
    """Cut prompts, shortest first, into batches whose padded size is bounded."""
    batch: list[int] = []
    for i in order:
        most = max(tokens, _SHORT_BATCH_TOKENS) if lengths[i] <= _SHORT else tokens
        if batch and lengths[i] * (len(batch) + 1) > most:
            yield batch
            batch = []
        batch.append(i)
    if batch:
        yield batch


def _is_seq2seq(folder: Path) -> bool:
    """Read the kind of model from the head of `model.bin`: version, length and name of its spec."""
    path = folder / "model.bin"
    if not path.is_file():
        raise ModelError(f"{folder}: no model.bin; expected a folder converted to CTranslate2")
    with path.open("rb") as file:
        head = file.read(64)
    size = int.from_bytes(head[4:6], "little")
    return head[6 : 6 + size].rstrip(b"\0") == b"TransformerSpec"


def _text_codec(folder: Path) -> tuple[Any, Any]:
    """Return `encode(prompt) -> tokens` and `decode(tokens) -> (text, stopped)`."""
    path = folder / "tokenizer.json"
    if not path.is_file():
        raise ModelError(f"{folder}: no tokenizer.json beside the model; copy the tokenizer there")
    if (folder / "chat_template.jinja").is_file():
        return _chat_codec(folder)
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(path))
    end = _end_token(folder)
    token_to_id = tokenizer.token_to_id

    def encode(prompt: Prompt) -> list[str]:
        tokens: list[str] = tokenizer.encode(plain_prompt(prompt)).tokens
        return tokens

    def decode(tokens: list[str]) -> tuple[str, bool]:
        stopped = bool(tokens) and tokens[-1] == end
        ids = [token_to_id(token) for token in (tokens[:-1] if stopped else tokens)]
        return tokenizer.decode([i for i in ids if i is not None]), stopped

    return encode, decode


def _chat_codec(folder: Path) -> tuple[Any, Any]:
    from .tokens import load_tokenizer, prompt_ids

    tokenizer = load_tokenizer(str(folder))

    def encode(prompt: Prompt) -> list[str]:
        tokens: list[str] = tokenizer.convert_ids_to_tokens(prompt_ids(tokenizer, prompt))
        return tokens

    def decode(tokens: list[str]) -> tuple[str, bool]:
        stopped = bool(tokens) and tokens[-1] == tokenizer.eos_token
        ids = tokenizer.convert_tokens_to_ids(tokens)
        return tokenizer.decode(ids, skip_special_tokens=True), stopped

    return encode, decode


def _end_token(folder: Path) -> str:
    import json

    path = folder / "config.json"
    value = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return str(value.get("eos_token", "</s>"))
