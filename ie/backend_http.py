"""HTTP: any OpenAI-compatible endpoint of chat completions, such as vLLM, SGLang, llama.cpp,
Ollama or a vendor's.

    HttpBackend("http://localhost:8000/v1#Qwen/Qwen2.5-7B-Instruct")

Several prompts are under way at once, as such servers gain from; the answers keep their order. A
prompt that a server refuses, such as a text too long for it, is an answer too once others were taken.
The key, where one is needed, comes from CHINCHILLA_API_KEY or OPENAI_API_KEY.
"""

import codecs
import os
import random
import re
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from itertools import repeat
from typing import Any

from .backend import Completion, Constraint, Prompt
from .errors import ModelError
from .prompt import plain_prompt

_KEYS = ("CHINCHILLA_API_KEY", "OPENAI_API_KEY")
# Seconds: an answer may queue for long behind others; a connection may not.
_ANSWER_TIMEOUT, _CONNECT_TIMEOUT = 300.0, 10.0
_LONGEST_WAIT = 60.0
_BUSY = (408, 409, 425, 429, 500, 502, 503, 504, 529)
# What a server says of one prompt, once it has answered another; too large is never said of all.
_OF_THE_PROMPT, _TOO_LARGE = (400, 413, 422), 413
# How servers are told of a JSON Schema, tried in this order until one is not refused.
_SCHEMA_WAYS = ("json_schema", "guided_json", "json_object")
_REASONS = {"length": "length", "max_tokens": "length"}


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
            attempts: how often a prompt is tried while the server is busy or out of reach.
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
            raise ModelError(f"{address}: not an address; expected http://host/v1#model-name")
        try:
            httpx.URL(self.address)
        except httpx.InvalidURL as error:
            raise ModelError(f"{address}: not an address ({error})") from None
        key = next((os.environ[name] for name in _KEYS if os.environ.get(name)), None)
        self._client = httpx.Client(
            headers={"Authorization": f"Bearer {key}"} if key else {},
            timeout=httpx.Timeout(_ANSWER_TIMEOUT, connect=_CONNECT_TIMEOUT),
            limits=httpx.Limits(max_connections=parallel),
            follow_redirects=False,
        )
        self._parallel, self._attempts, self._backoff = parallel, attempts, backoff
        # Fields that the server does not know, and those sent with what it answered.
        self._refused: set[str] = set()
        self._taken: set[str] = set()
        self._lock = threading.Lock()
        self._has_answered = False

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
        stand in the text is then left to the decoder. A prompt refused with status 413, or with 400
        or 422 after one was answered, gives a completion that says so.

        Raises:
            ModelError: there is no such server or model, it refuses, or stays busy too long.
        """
        schemas: Iterable[dict[str, Any] | None] = repeat(None)
        if constraints is not None:
            schemas = map(_schema_of, constraints)
        with ThreadPoolExecutor(self._parallel, "chinchilla-http") as pool:
            running: deque[Future[Completion]] = deque()
            try:
                for prompt, schema in zip(prompts, schemas, strict=constraints is not None):
                    if not self.model:
                        self.model = self._only_model()
                    body = self._body(prompt, max_tokens, scores)
                    running.append(pool.submit(self._complete, body, schema))
                    if len(running) >= 2 * self._parallel:
                        yield self._result(running.popleft())
                while running:
                    yield self._result(running.popleft())
            finally:
                for future in running:
                    future.cancel()

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _body(self, prompt: Prompt, max_tokens: int, scores: bool) -> dict[str, Any]:
        return {
            "model": self.model,
            "messages": [{"role": "user", "content": plain_prompt(prompt).rstrip("\n")}],
            "max_tokens": max_tokens,
            "temperature": 0,
            **({"logprobs": True} if scores else {}),
        }

    def _result(self, future: Future[Completion]) -> Completion:
        """Return a completion, in the order of the prompts: so what is fatal does not hang on time."""
        try:
            completion = future.result()
        except _Refused as refused:
            status, said = refused.status, _said(refused.text)
            if status != _TOO_LARGE and not (self._has_answered and status in _OF_THE_PROMPT):
                raise self._refusal(refused) from None
            return Completion("", "refused", problem=f"status {status}: {said}")
        self._has_answered = True
        return completion

    def _complete(self, body: dict[str, Any], schema: dict[str, Any] | None) -> Completion:
        # Kept apart until an answer shows that the fields, not the prompt, were what was refused.
        without = set(self._refused)
        while True:
            way = next(way for way in _SCHEMA_WAYS if way not in without) if schema else None
            optional = {} if way is None or schema is None else _schema_fields(way, schema)
            sent = {key: value for key, value in body.items() if key not in without}
            if "max_tokens" in without:
                sent["max_completion_tokens"] = body["max_tokens"]
            status, value, text = self._request("POST", "/chat/completions", {**sent, **optional})
            if status == 200:
                with self._lock:
                    self._taken.update(sent, () if way is None else (way,))
                    self._refused = (self._refused | without) - self._taken
                return _completion(value, self.address)
            refused = self._unsupported(status, text, way)
            if refused is None or refused in without:
                raise _Refused(status, text)
            without.add(refused)
            if without.issuperset(_SCHEMA_WAYS):
                raise _Refused(status, text, takes_no_schema=True)

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

    def _request(self, method: str, path: str, body: Any = None) -> tuple[int, Any, str]:
        """Send a request, again while the server is busy; return status, JSON and text."""
        import httpx

        problem = ""
        for attempt in range(self._attempts):
            wait = self._backoff * 2**attempt * random.uniform(0.75, 1.25)
            try:
                response = self._client.request(method, self.address + path, json=body)
            except httpx.ConnectError as error:
                raise ModelError(
                    f"{self.address}: no server answers there ({error}); start it, or check "
                    "host and port"
                ) from None
            except httpx.TimeoutException:
                problem = f"no answer within {_ANSWER_TIMEOUT:.0f} s"
            except httpx.TransportError as error:
                problem = f"the connection broke ({error or type(error).__name__})"
            except httpx.DecodingError as error:
                problem = f"the answer cannot be unpacked ({error})"
            else:
                if response.status_code not in _BUSY:
                    return response.status_code, _json_of(response), response.text
                problem = f"status {response.status_code}: {_said(response.text)}"
                asked = _seconds(response.headers.get("retry-after"))
                wait = wait if asked is None else asked
            if attempt + 1 < self._attempts:
                time.sleep(min(wait, _LONGEST_WAIT))
        raise ModelError(f"{self.address}: gave up after {self._attempts} attempts; {problem}")

    def _refusal(self, refused: "_Refused") -> ModelError:
        status, text = refused.status, refused.text
        if refused.takes_no_schema:
            return ModelError(
                f"{self.address}: takes no JSON Schema for answers; run without constraint"
            )
        if status in (401, 403):
            return ModelError(
                f"{self.address}: refuses the key (status {status}: {_said(text)}); set "
                f"{' or '.join(_KEYS)}"
            )
        if status == 404 or "model" in text.lower():
            names = self._models()
            known = f"; it has {', '.join(names[:8])}" if names else "; is the path /v1?"
            # A text may be too long for "this model's maximum context length".
            if status == 404 or self.model not in names:
                return ModelError(
                    f"{self.address}: no model {self.model!r} (status {status}: {_said(text)}){known}"
                )
        return ModelError(f"{self.address}: status {status}: {_said(text)}")

    def _models(self) -> list[str]:
        status, value, _ = self._request("GET", "/models")
        rows = value.get("data") if status == 200 and isinstance(value, dict) else None
        names = [row.get("id") for row in rows or () if isinstance(row, dict)]
        return [name for name in names if isinstance(name, str)]

    def _only_model(self) -> str:
        status, _, text = self._request("GET", "/models")
        if status in (401, 403):
            raise self._refusal(_Refused(status, text))
        names = self._models()
        if len(names) == 1:
            return names[0]
        listed = f"; it has {', '.join(names[:8])}" if names else ""
        raise ModelError(f"{self.address}: name the model after '#'{listed}")


class _Refused(Exception):
    """What a server says to a prompt that it does not take."""

    def __init__(self, status: int, text: str, *, takes_no_schema: bool = False) -> None:
        super().__init__(status, text)
        self.status, self.text, self.takes_no_schema = status, text, takes_no_schema


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


def _completion(value: Any, address: str) -> Completion:
    try:
        choice = value["choices"][0]
        text = choice["message"]["content"] or ""
        if not isinstance(text, str):
            raise TypeError("content is no string")
    except (KeyError, IndexError, TypeError) as error:
        raise ModelError(
            f"{address}: answers in no form known ({type(error).__name__}: {error}); "
            "expected an OpenAI chat completion"
        ) from None
    text = _whole(text)
    reason = _REASONS.get(choice.get("finish_reason") or "stop", "stop")
    return Completion(text, reason, *_log_probs(choice, text))


def _whole(text: str) -> str:
    """Return a text with U+FFFD for halves of surrogate pairs, which JSON can hold."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _log_probs(choice: dict[str, Any], text: str) -> tuple[tuple[int, ...], tuple[float, ...]]:
    """Return token ends and log-probabilities, empty unless the tokens spell the text."""
    content = (choice.get("logprobs") or {}).get("content") or ()
    ends, log_probs = [], []
    written = ""
    # Bytes of a character, and halves of a pair, may come in several tokens.
    characters = codecs.getincrementaldecoder("utf-8")("surrogatepass")
    pairs = codecs.getincrementaldecoder("utf-16-le")("replace")
    try:
        for i, token in enumerate(content):
            log_probs.append(float(token["logprob"]))
            if i == len(content) - 1 and written == text:
                # Some servers list the end-of-sequence token, by its name.
                ends.append(len(text))
                break
            piece = token.get("bytes")
            said = (
                token["token"].encode("utf-8", "surrogatepass") if piece is None else bytes(piece)
            )
            halves = characters.decode(said).encode("utf-16-le", "surrogatepass")
            written += pairs.decode(halves)
            ends.append(len(written))
    except (KeyError, TypeError, ValueError, AttributeError):
        return (), ()
    return (tuple(ends), tuple(log_probs)) if written == text else ((), ())


def _json_of(response: Any) -> Any:
    try:
        return response.json()
    except ValueError:
        if response.status_code == 200:
            raise ModelError(
                f"{response.url}: answers {_said(response.text)!r}, which is not JSON; "
                "is this an OpenAI-compatible endpoint?"
            ) from None
        return None


def _said(text: str) -> str:
    """Return the message within an error's body, shortened."""
    match = re.search(r'"(?:message|detail|error)"\s*:\s*"((?:[^"\\]|\\.)*)"', text)
    short = " ".join((match.group(1) if match else text).split())
    return short if len(short) <= 200 else short[:200] + "…"


def _seconds(retry_after: str | None) -> float | None:
    """Return the seconds that a Retry-After header asks for, as a number or a date."""
    if not retry_after:
        return None
    try:
        return max(0.0, float(retry_after))
    except ValueError:
        pass
    try:
        when = parsedate_to_datetime(retry_after)
    except ValueError:
        return None
    if when.tzinfo is None:
        # So Python reads -0000 and no zone; dates in HTTP are in UTC.
        when = when.replace(tzinfo=timezone.utc)
    return max(0.0, (when - datetime.now(timezone.utc)).total_seconds())
