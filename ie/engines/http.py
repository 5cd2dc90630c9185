"""HTTP: any OpenAI-compatible endpoint of chat completions, such as vLLM, SGLang, llama.cpp,
Ollama or a vendor's.

    HttpBackend("http://localhost:8000/v1#Qwen/Qwen2.5-7B-Instruct")

Several prompts are under way at once, as such servers gain from; the answers keep their order. A
prompt that a server refuses, filters or fails at gives a refused completion, as long as the server
answers another. Scores need a server that gives the probabilities of tokens. The key, where one is
needed, comes from CHINCHILLA_API_KEY or OPENAI_API_KEY.
"""

import os
import re
import threading
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import repeat
from typing import Any, TypeVar

from ..errors import ModelError, ModelGoneError
from ..prompts.messages import Prompt, chat_turns, plain_prompt
from .api_key import VARIABLES, hidden, read_key
from .budget import wanted
from .endpoint import RequestFailure, send, shown_address
from .held import Held
from .http_options import HttpOptions
from .limits import Limits
from .protocol import Completion, Constraint, Usage
from .reply import read_models, read_reply
from .request_fields import Attempt, Fields

# What may pass once the server has answered a prompt, and before that is there to stay: no server (0),
# an answer that is none (200), a refusal of the key or of some gateway.
_ODD = (0, 200, 403)
# What is never a matter of one prompt: the key, the address, the model.
_OF_ALL = (401, 404)
# Asked where a prompt has failed, to know whether that is a matter of this prompt.
_PROBE = Prompt("回答“好”。", "")
_PROBE_ATTEMPTS, _PROBE_TOKENS = 3, 16
# Seconds that a server may take to list its models.
_LIST_TIMEOUT = 20.0

_Value = TypeVar("_Value")


@dataclass(frozen=True)
class _Question:
    """What is asked of the server; `limit` bounds the answer, thoughts before it not counted."""

    prompt: Prompt
    limit: int
    scores: bool
    held: Held | None
    is_probe: bool = False


class HttpBackend:
    """A model behind an address of the form `http(s)://host/v1#model-name`."""

    def __init__(
        self,
        address: str,
        options: HttpOptions | None = None,
        *,
        attempts: int = 5,
        backoff: float = 1.0,
    ) -> None:
        """Note the address; nothing is asked of the server before the first prompt.

        Args:
            address: base address of the endpoint and, after `#`, the model's name; without a
                name, the one model that the server lists.
            options: see `HttpOptions`; None is its defaults.
            attempts: how often a prompt is tried while the server is busy and, once it has
                answered another, out of reach or faulty; one that says only that it has too many
                requests is tried for two minutes.
            backoff: seconds before the second attempt; each further one waits twice as long.

        Raises:
            ModelError: the address is not one, the key cannot be sent, or a package is missing.
        """
        try:
            import httpx

            from .patience import Lanes, Patience
        except ImportError:
            raise ModelError(
                "models behind an address need httpx and tenacity; "
                "run: pip install 'chinchilla-ie[http]'"
            ) from None
        self.address, _, self.model = address.partition("#")
        self.address = self.address.rstrip("/")
        if not re.match(r"https?://[^/\s]+", self.address):
            raise ModelError(
                f"{shown_address(address)}: not an address; expected http://host/v1#model-name"
            )
        try:
            httpx.URL(self.address)
        except httpx.InvalidURL as error:
            raise ModelError(f"{shown_address(address)}: not an address ({error})") from None
        self._name = shown_address(self.address)
        self._key = read_key()
        self.options = options or HttpOptions()
        self._patience, self._probe_patience = (
            Patience(most, backoff) for most in (attempts, min(attempts, _PROBE_ATTEMPTS))
        )
        self._lanes = Lanes(self.options.parallel)
        self._fields = Fields(self.address, self.options.thinking, self.options.extra_body)
        self._clients: dict[int, Any] = {}
        self._lock, self._probing = threading.Lock(), threading.Lock()
        self._usage = Usage()
        self._limits = Limits()
        self._has_asked_context = False
        self._has_answered = False
        # Whether an answer told if the server gives probabilities, and why it does not.
        self._has_shown_scores, self._no_scores = False, ""
        self._has_warned = False

    @property
    def context(self) -> int | None:
        """The most tokens of a prompt and its answer together, if the server tells them."""
        if self._limits.context is None and not self._has_asked_context:
            self._has_asked_context = True
            with suppress(RequestFailure):
                models = self._once("GET", "/models", read_models)
                known = models.get(self.model) if self.model else None
                self._limits.context = next(iter(models.values())) if len(models) == 1 else known
        return self._limits.context

    @property
    def at_once(self) -> int:
        """How many questions are best asked before the first answer is taken."""
        return 4 * self.options.parallel

    @property
    def usage(self) -> Usage:
        """What the server counted for all answers so far."""
        return self._usage

    def count_tokens(self, prompt: Prompt) -> int:
        """Estimate the tokens of a prompt: as many for a character as the server counted so far."""
        return self._limits.count(_text(prompt))

    def generate(
        self,
        prompts: Iterable[Prompt],
        *,
        max_tokens: int | None = None,
        scores: bool = False,
        constraints: Sequence[Constraint] | None = None,
    ) -> Iterator[Completion]:
        """Complete every prompt greedily, yielding in the order of the prompts.

        A constraint is sent in the first way of `held` that the server takes and follows, which the first
        answers show. A prompt that is refused, filtered, too long
        or failed at by a server that answers others gives a refused completion that says why.

        Once the iterator ends or is closed, nothing more is sent; requests under way are left to
        themselves.

        Warns (UserWarning) once if the server gives no token probabilities though scores are asked, and
        once if it takes a constraint and does not follow it.

        Raises:
            ModelError: there is no such server or model, it refuses all, stays busy or out of
                reach, or the key has no quota left.
        """
        held: Iterable[Held | None] = repeat(None)
        if constraints is not None:
            held = map(Held, constraints)
        stop = threading.Event()
        running: deque[tuple[Future[Completion], Callable[[], Completion]]] = deque()
        try:
            for prompt, one in zip(prompts, held, strict=constraints is not None):
                if not self.model:
                    self.model = self._only_model()
                question = _Question(prompt, wanted(prompt, max_tokens), scores, one)
                ask = partial(self._complete, question, stop)
                running.append((self._start(ask, stop), ask))
                if len(running) >= 2 * self.options.parallel:
                    yield self._result(*running.popleft(), scores=scores)
            while running:
                yield self._result(*running.popleft(), scores=scores)
        finally:
            stop.set()

    def close(self) -> None:
        """Close the connections of this process."""
        client = self._clients.pop(os.getpid(), None)
        if client is not None:
            client.close()

    def _start(self, ask: Callable[[], Completion], stop: threading.Event) -> Future[Completion]:
        """Call `ask` in a thread of its own, for which the end of the process does not wait."""
        future: Future[Completion] = Future()

        def run() -> None:
            try:
                with self._lanes.one():
                    if stop.is_set():
                        raise CancelledError
                    future.set_result(ask())
            except BaseException as error:  # raised where the result is taken
                future.set_exception(error)

        threading.Thread(target=run, name="chinchilla-http", daemon=True).start()
        return future

    def _result(
        self, future: Future[Completion], ask: Callable[[], Completion], *, scores: bool
    ) -> Completion:
        """Return a completion, in the order of the prompts: so what is fatal does not hang on time."""
        try:
            completion = self._awaited(future, ask)
        except RequestFailure as failure:
            if not self._is_of_the_prompt(failure):
                raise self._fatal(failure) from None
            tried = f"after {failure.attempts} attempts: " if failure.attempts else ""
            return Completion(
                "", "refused", problem=tried + failure.problem, is_too_long=failure.is_too_long
            )
        self._has_answered = True
        if scores and completion.text and not self._has_shown_scores:
            self._has_shown_scores = True
            if not completion.log_probs:
                why = self._no_scores or "it refuses to be asked for them"
                warnings.warn(
                    f"{self._name}: gives no token probabilities ({why}), so nothing has a score and "
                    "min_score leaves nothing out",
                    stacklevel=3,
                )
        return completion

    def _awaited(self, future: Future[Completion], ask: Callable[[], Completion]) -> Completion:
        try:
            return future.result()
        except RequestFailure as failure:
            if failure.attempts or not self._may_pass(failure):
                raise
        # It was not tried again, as it came before the first answer.
        return ask()

    def _may_pass(self, error: BaseException) -> bool:
        if not isinstance(error, RequestFailure) or error.is_exhausted or error.is_too_long:
            return False
        return error.is_passing or (self._has_answered and error.status in _ODD)

    def _is_of_the_prompt(self, failure: RequestFailure) -> bool:
        """Return whether the server answers other prompts than the one at which it failed."""
        if failure.is_exhausted or failure.status in _OF_ALL:
            return False
        if failure.takes_no_schema and not self._has_answered:
            return False
        is_refusal = failure.status and not failure.is_passing
        if (self._has_answered and is_refusal) or failure.status == 413:
            return True
        with self._probing:
            try:
                self._probe()
            except (RequestFailure, CancelledError):
                return False
        self._has_answered = True
        return True

    def _probe(self) -> None:
        question = _Question(_PROBE, _PROBE_TOKENS, scores=False, held=None, is_probe=True)
        self._complete(question, threading.Event(), self._probe_patience)

    def _complete(
        self, question: _Question, stop: threading.Event, patience: Any = None
    ) -> Completion:
        text = _text(question.prompt)
        attempt, limit = self._fields.attempt(), self._limits.fit(question.limit, text)
        while True:
            body = {
                "model": self.model,
                "messages": chat_turns(question.prompt, has_system=attempt.has_system),
                **attempt.body(limit, scores=question.scores, held=question.held),
            }
            post = partial(self._once, "POST", "/chat/completions", read_reply, body, stop)
            try:
                reply = self._patiently(post, stop, patience)
            except RequestFailure as failure:
                smaller = self._limits.smaller(failure, limit + attempt.room, text)
                if smaller is not None:
                    limit, attempt.room = smaller, 0
                elif failure.is_too_long or not attempt.refuse(failure.status, failure.text):
                    failure.takes_no_schema = attempt.takes_no_schema
                    raise
            else:
                self._count(text, reply.usage)
                if reply.is_thought and not question.is_probe and attempt.give_more():
                    continue
                if not self._is_held(attempt, reply.completion) and attempt.pass_over():
                    continue
                self._no_scores = reply.no_scores if attempt.asks_scores else ""
                attempt.keep()
                return reply.completion

    def _is_held(self, attempt: Attempt, completion: Completion) -> bool:
        """Return whether a completion keeps to its constraint; if not, say so once."""
        reason = completion.finish_reason
        if reason == "refused" or attempt.is_followed(completion.text, is_whole=reason == "stop"):
            return True
        with self._lock:
            is_first, self._has_warned = not self._has_warned, True
        if is_first:
            warnings.warn(
                f"{self._name}: takes a constraint and does not follow it; other ways are tried, and "
                "where none is followed, answers are as the model writes them",
                stacklevel=2,
            )
        return False

    def _count(self, text: str, usage: Usage) -> None:
        with self._lock:
            self._usage += usage
            self._limits.learn_count(text, usage.prompt)

    def _patiently(
        self, ask: Callable[[], _Value], stop: threading.Event, patience: Any = None
    ) -> _Value:
        """Call `ask` again while that may help.

        Raises:
            Failure: as each attempt but the last may have done.
            CancelledError: `stop` was set.
        """
        from tenacity import Retrying, retry_if_exception, sleep_using_event

        patience = patience or self._patience
        retrying = Retrying(
            retry=retry_if_exception(self._may_pass),
            stop=patience.is_over,
            wait=patience.wait,
            sleep=sleep_using_event(stop),
            reraise=True,
        )
        return retrying(ask)

    def _once(
        self,
        method: str,
        path: str,
        read: Callable[[Any], _Value],
        body: Any = None,
        stop: threading.Event | None = None,
    ) -> _Value:
        """Send a request; return what `read` makes of the JSON."""
        if stop and stop.is_set():
            raise CancelledError
        timeout = self.options.timeout if body else min(self.options.timeout, _LIST_TIMEOUT)
        try:
            return read(send(self._client(), method, self.address + path, body, timeout))
        except RequestFailure as failure:
            failure.problem = hidden(self._key, failure.problem)
            if failure.is_late:
                self._lanes.narrow()
            raise

    def _client(self) -> Any:
        """Return the client of this process: over a fork's shared sockets answers would mix."""
        import httpx

        client = self._clients.get(os.getpid())
        if client is None:
            made = httpx.Client(
                headers={"Authorization": f"Bearer {self._key}"} if self._key else {},
                limits=httpx.Limits(max_connections=self.options.parallel + 1),
                follow_redirects=False,
            )
            # Of two threads that come here at once, both take the first one's.
            client = self._clients.setdefault(os.getpid(), made)
        return client

    def _fatal(self, failure: RequestFailure) -> ModelGoneError:
        """Return the error that ends the run: no other prompt would be answered."""
        status, problem = failure.status, failure.problem
        if failure.is_exhausted:
            return ModelGoneError(
                f"{self._name}: the key has no quota left ({problem}); "
                "add to it or name another key, then go on where the run stopped"
            )
        if failure.attempts:
            return ModelGoneError(
                f"{self._name}: gave up after {failure.attempts} attempts; {problem}"
            )
        if failure.takes_no_schema:
            return ModelGoneError(
                f"{self._name}: takes no JSON Schema for answers; run without constraint"
            )
        if status in (401, 403):
            return ModelGoneError(
                f"{self._name}: refuses the key ({problem}); set {' or '.join(VARIABLES)}"
            )
        if status == 404 or "model" in failure.text.lower():
            names: list[str] = []
            with suppress(RequestFailure):
                names = list(self._once("GET", "/models", read_models))
            # A text may be too long for "this model's maximum context length".
            if status == 404 or self.model not in names:
                known = f"; it has {', '.join(names[:8])}" if names else "; is the path /v1?"
                return ModelGoneError(f"{self._name}: no model {self.model!r} ({problem}){known}")
        return ModelGoneError(f"{self._name}: {problem}{failure.advice}")

    def _only_model(self) -> str:
        names: list[str] = []
        try:
            list_models = partial(self._once, "GET", "/models", read_models)
            names = list(self._patiently(list_models, threading.Event()))
        except RequestFailure as failure:
            # A server need not list its models.
            if failure.status not in (404, 405, 501):
                raise self._fatal(failure) from None
        if len(names) == 1:
            return names[0]
        listed = f"; it has {', '.join(names[:8])}" if names else ""
        raise ModelError(f"{self._name}: name the model after '#'{listed}")


def _text(prompt: Prompt) -> str:
    return plain_prompt(prompt).rstrip("\n")
