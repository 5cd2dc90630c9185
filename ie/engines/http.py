"""HTTP: any OpenAI-compatible endpoint of chat completions, such as vLLM, SGLang, llama.cpp,
Ollama or a vendor's.

    HttpBackend("http://localhost:8000/v1#Qwen/Qwen2.5-7B-Instruct")

Several prompts are under way at once, as such servers gain from; the answers keep their order. A
prompt that a server refuses, such as a text too long for it, is an answer too once others were taken;
so is one to which it gives no answer that can be read. Scores need a server that gives the
probabilities of tokens. The key, where one is needed, comes from CHINCHILLA_API_KEY or OPENAI_API_KEY.
"""

import os
import random
import re
import threading
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from functools import partial
from itertools import repeat
from typing import Any, TypeVar

from ..errors import ModelError
from ..prompts.messages import Prompt
from ..prompts.prompt import plain_prompt
from .endpoint import (
    ANSWER_TIMEOUT,
    CONNECT_TIMEOUT,
    Failure,
    read_completion,
    read_names,
    send,
    shown_address,
)
from .protocol import Completion, Constraint

_KEYS = ("CHINCHILLA_API_KEY", "OPENAI_API_KEY")
_LONGEST_WAIT = 60.0  # seconds
# What may pass once the server has answered a prompt, and before that is there to stay: no server (0),
# an answer that is none (200), a refusal of the key or of some gateway.
_ODD = (0, 200, 403)
# What a server says of one prompt, once it has answered another; too large is never said of all.
_OF_THE_PROMPT, _TOO_LARGE = (200, 400, 403, 413, 422), 413
# How servers are told of a JSON Schema, tried in this order until one is not refused.
_SCHEMA_WAYS = ("json_schema", "guided_json", "json_object")

_Value = TypeVar("_Value")


class HttpBackend:
    """A model behind an address of the form `http(s)://host/v1#model-name`."""

    def __init__(
        self, address: str, *, parallel: int = 8, attempts: int = 5, backoff: float = 1.0
    ) -> None:
        """Note the address; nothing is asked of the server before the first prompt.

        Args:
            address: base address of the endpoint and, after `#`, the model's name; without a
                name, the one model that the server lists.
            parallel: prompts under way at once.
            attempts: how often a prompt is tried while the server is busy and, once it has
                answered another, out of reach or faulty.
            backoff: seconds before the second attempt; each further one waits twice as long.

        Raises:
            ModelError: the address is not one, or httpx is missing.
        """
        try:
            import httpx
        except ImportError:
            raise ModelError(
                "models behind an address need httpx; run: pip install 'chinchilla-ie[http]'"
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
        key = next((os.environ[name] for name in _KEYS if os.environ.get(name)), None)
        self._headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._clients: dict[int, Any] = {}
        self._parallel, self._attempts, self._backoff = parallel, attempts, backoff
        # Fields that the server does not know, and those sent with what it answered.
        self._refused: set[str] = set()
        self._taken: set[str] = set()
        self._lock = threading.Lock()
        self._has_answered = False
        # Whether an answer told if the server gives probabilities.
        self._has_shown_scores = False

    def generate(
        self,
        prompts: Iterable[Prompt],
        *,
        max_tokens: int = 512,
        scores: bool = False,
        constraints: Sequence[Constraint] | None = None,
    ) -> Iterator[Completion]:
        """Complete every prompt greedily, yielding in the order of the prompts.

        A constraint is passed on as JSON Schema, which servers hold a model to; that mentions
        stand in the text is then left to the decoder. A prompt refused with status 413 gives a
        completion that says so. So do, after a prompt was answered, one refused with 400 or 422 and
        one to which no attempt brought but 403, an error or what is no completion.

        Once the iterator ends or is closed, nothing more is sent; requests under way are left to
        themselves.

        Warns (UserWarning) once if the server gives no token probabilities though scores are asked.

        Raises:
            ModelError: there is no such server or model, it refuses, or stays busy or out of reach.
        """
        schemas: Iterable[dict[str, Any] | None] = repeat(None)
        if constraints is not None:
            schemas = map(_schema_of, constraints)
        stop, slots = threading.Event(), threading.Semaphore(self._parallel)
        running: deque[tuple[Future[Completion], Callable[[], Completion]]] = deque()
        try:
            for prompt, schema in zip(prompts, schemas, strict=constraints is not None):
                if not self.model:
                    self.model = self._only_model()
                ask = partial(self._complete, self._body(prompt, max_tokens, scores), schema, stop)
                running.append((_start(ask, slots), ask))
                if len(running) >= 2 * self._parallel:
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

    def _client(self) -> Any:
        """Return the client of this process: over a fork's shared sockets answers would mix."""
        import httpx

        client = self._clients.get(os.getpid())
        if client is None:
            made = httpx.Client(
                headers=self._headers,
                timeout=httpx.Timeout(ANSWER_TIMEOUT, connect=CONNECT_TIMEOUT),
                limits=httpx.Limits(max_connections=self._parallel),
                follow_redirects=False,
            )
            # Of two threads that come here at once, both take the first one's.
            client = self._clients.setdefault(os.getpid(), made)
        return client

    def _body(self, prompt: Prompt, max_tokens: int, scores: bool) -> dict[str, Any]:
        return {
            "model": self.model,
            "messages": [{"role": "user", "content": plain_prompt(prompt).rstrip("\n")}],
            "max_tokens": max_tokens,
            "temperature": 0,
            **({"logprobs": True} if scores else {}),
        }

    def _result(
        self, future: Future[Completion], ask: Callable[[], Completion], *, scores: bool
    ) -> Completion:
        """Return a completion, in the order of the prompts: so what is fatal does not hang on time."""
        try:
            completion = self._awaited(future, ask)
        except Failure as failure:
            if not self._is_of_the_prompt(failure):
                raise self._fatal(failure) from None
            tried = f"after {failure.attempts} attempts: " if failure.attempts else ""
            return Completion("", "refused", problem=tried + failure.problem)
        self._has_answered = True
        if scores and completion.text and not self._has_shown_scores:
            self._has_shown_scores = True
            if not completion.log_probs:
                warnings.warn(
                    f"{self._name}: gives no token probabilities, so nothing has a score and "
                    "min_score leaves nothing out",
                    stacklevel=3,
                )
        return completion

    def _awaited(self, future: Future[Completion], ask: Callable[[], Completion]) -> Completion:
        try:
            return future.result()
        except Failure as failure:
            if failure.attempts or not self._may_pass(failure):
                raise
        # It was not tried again, as it came before the first answer.
        return ask()

    def _may_pass(self, failure: Failure) -> bool:
        return failure.is_passing or (self._has_answered and failure.status in _ODD)

    def _is_of_the_prompt(self, failure: Failure) -> bool:
        return failure.status == _TOO_LARGE or (
            self._has_answered and failure.status in _OF_THE_PROMPT
        )

    def _complete(
        self, body: dict[str, Any], schema: dict[str, Any] | None, stop: threading.Event
    ) -> Completion:
        # Kept apart until an answer shows that the fields, not the prompt, were what was refused.
        without = set(self._refused)
        while True:
            way = next(way for way in _SCHEMA_WAYS if way not in without) if schema else None
            optional = {} if way is None or schema is None else _schema_fields(way, schema)
            sent = {key: value for key, value in body.items() if key not in without}
            if "max_tokens" in without:
                sent["max_completion_tokens"] = body["max_tokens"]
            try:
                completion = self._request(
                    "POST",
                    "/chat/completions",
                    read_completion,
                    body={**sent, **optional},
                    stop=stop,
                )
            except Failure as failure:
                refused = self._unsupported(failure.status, failure.text, way)
                if refused is None or refused in without:
                    raise
                without.add(refused)
                failure.takes_no_schema = without.issuperset(_SCHEMA_WAYS)
                if failure.takes_no_schema:
                    raise
            else:
                with self._lock:
                    self._taken.update(sent, () if way is None else (way,))
                    self._refused = (self._refused | without) - self._taken
                return completion

    @staticmethod
    def _unsupported(status: int, text: str, way: str | None) -> str | None:
        """Return the field that a server says it does not know, if that is its complaint."""
        if status not in (400, 404, 422, 501):
            return None
        said = text.lower()
        if way and any(word in said for word in ("response_format", "json_schema", "guided", way)):
            return way
        for name in ("max_tokens", "logprobs", "temperature"):
            if name in said:
                return name
        return None

    def _request(
        self,
        method: str,
        path: str,
        read: Callable[[Any], _Value],
        *,
        body: Any = None,
        stop: threading.Event | None = None,
    ) -> _Value:
        """Send a request, again while that may help; return what `read` makes of the JSON.

        Raises:
            Failure: as each attempt but the last may have done.
            CancelledError: `stop` was set.
        """
        stop = stop or threading.Event()
        attempt = 0
        while not stop.is_set():
            attempt += 1
            try:
                return read(send(self._client(), method, self.address + path, body))
            except Failure as failure:
                if not self._may_pass(failure):
                    raise
                failure.attempts = attempt
                if attempt >= self._attempts:
                    raise
                wait = failure.wait
            if wait is None:
                wait = self._backoff * 2 ** (attempt - 1) * random.uniform(0.75, 1.25)
            stop.wait(min(wait, _LONGEST_WAIT))
        raise CancelledError

    def _fatal(self, failure: Failure) -> ModelError:
        """Return the error that ends the run."""
        status, problem = failure.status, failure.problem
        if failure.attempts:
            return ModelError(f"{self._name}: gave up after {failure.attempts} attempts; {problem}")
        if failure.takes_no_schema:
            return ModelError(
                f"{self._name}: takes no JSON Schema for answers; run without constraint"
            )
        if status in (401, 403):
            return ModelError(
                f"{self._name}: refuses the key ({problem}); set {' or '.join(_KEYS)}"
            )
        if status == 404 or "model" in failure.text.lower():
            names: list[str] = []
            with suppress(Failure):
                names = self._request("GET", "/models", read_names)
            # A text may be too long for "this model's maximum context length".
            if status == 404 or self.model not in names:
                known = f"; it has {', '.join(names[:8])}" if names else "; is the path /v1?"
                return ModelError(f"{self._name}: no model {self.model!r} ({problem}){known}")
        return ModelError(f"{self._name}: {problem}{failure.advice}")

    def _only_model(self) -> str:
        names: list[str] = []
        try:
            names = self._request("GET", "/models", read_names)
        except Failure as failure:
            # A server need not list its models.
            if failure.status not in (404, 405, 501):
                raise self._fatal(failure) from None
        if len(names) == 1:
            return names[0]
        listed = f"; it has {', '.join(names[:8])}" if names else ""
        raise ModelError(f"{self._name}: name the model after '#'{listed}")


def _start(ask: Callable[[], Completion], slots: threading.Semaphore) -> Future[Completion]:
    """Call `ask` in a thread of its own; no end of the process waits for it, as for a pool's."""
    future: Future[Completion] = Future()

    def run() -> None:
        with slots:
            try:
                future.set_result(ask())
            except BaseException as error:  # raised where the result is taken
                future.set_exception(error)

    threading.Thread(target=run, name="chinchilla-http", daemon=True).start()
    return future


def _schema_of(constraint: Constraint) -> dict[str, Any]:
    schema = constraint.json_schema()
    if schema is None:
        raise ModelError("answers over HTTP can be constrained in the json format only")
    return schema


def _schema_fields(way: str, schema: dict[str, Any]) -> dict[str, Any]:
    if way == "guided_json":
        return {"guided_json": schema}
    if way == "json_object":
        return {"response_format": {"type": "json_object"}}
    named = {"name": "answer", "schema": schema, "strict": True}
    return {"response_format": {"type": "json_schema", "json_schema": named}}
