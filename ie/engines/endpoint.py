"""What an OpenAI-compatible endpoint is sent and replies: a completion, or why there is none."""

import codecs
import json
import re
from dataclasses import dataclass
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Any

from .protocol import Completion

# Seconds: an answer may queue for long behind others; a connection may not.
ANSWER_TIMEOUT, CONNECT_TIMEOUT = 300.0, 10.0
_BUSY = (408, 409, 425, 429, 500, 502, 503, 504, 529)
_REASONS = {"length": "length", "max_tokens": "length"}


@dataclass(eq=False)
class Failure(Exception):
    """Why a request brought no answer.

    `status` is 0 where no reply came; `wait` is in seconds, where the server asks for it; `advice` is
    for who has not had any answer. `attempts` is 0 unless more than one might have helped.
    """

    problem: str
    status: int = 0
    text: str = ""
    advice: str = ""
    wait: float | None = None
    is_passing: bool = False
    takes_no_schema: bool = False
    attempts: int = 0


def send(client: Any, method: str, address: str, body: Any) -> Any:
    """Send a request once; return the JSON that came with status 200.

    Raises:
        Failure: no reply came, or none with that status and JSON.
    """
    import httpx

    try:
        response = client.request(method, address, json=body)
    except httpx.ConnectError as error:
        raise Failure(
            f"no server answers there ({error})", advice="; start it, or check host and port"
        ) from None
    except httpx.TimeoutException:
        problem = f"no answer within {ANSWER_TIMEOUT:.0f} s"
    except httpx.TransportError as error:
        problem = f"the connection broke ({error or type(error).__name__})"
    except httpx.DecodingError as error:
        problem = f"the answer cannot be unpacked ({error})"
    else:
        return _json_of(response)
    raise Failure(problem, is_passing=True)


def _json_of(response: Any) -> Any:
    status, text = response.status_code, response.text
    if status != 200:
        raise Failure(
            f"status {status}: {_said(text)}",
            status,
            text,
            wait=_seconds(response.headers.get("retry-after")),
            is_passing=status in _BUSY,
        )
    try:
        return response.json()
    except ValueError:
        raise Failure(
            f"answers {_said(text)!r}, which is not JSON",
            status,
            advice="; is this an OpenAI-compatible endpoint?",
        ) from None


def read_completion(value: Any) -> Completion:
    """Return the completion in the JSON of a reply.

    Raises:
        Failure: it holds an error, or is no chat completion.
    """
    error = value.get("error") if isinstance(value, dict) else None
    if error and not value.get("choices"):
        text = _whole(json.dumps({"error": error}, ensure_ascii=False))
        raise Failure(f"answers with an error: {_said(text)}", 200, text)
    try:
        choice = value["choices"][0]
        text = choice["message"]["content"] or ""
        if not isinstance(text, str):
            raise TypeError("content is no string")
    except (KeyError, IndexError, TypeError) as error:
        raise Failure(
            f"answers in no form known ({type(error).__name__}: {error})",
            200,
            advice="; expected an OpenAI chat completion",
        ) from None
    text = _whole(text)
    reason = _REASONS.get(choice.get("finish_reason") or "stop", "stop")
    return Completion(text, reason, *_log_probs(choice, text))


def read_names(value: Any) -> list[str]:
    """Return the models that a server lists."""
    rows = value.get("data") if isinstance(value, dict) else None
    names = [row.get("id") for row in rows or () if isinstance(row, dict)]
    return [name for name in names if isinstance(name, str)]


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


def shown_address(address: str) -> str:
    """Return an address without its password."""
    return re.sub(r"(//[^/@:]*:)[^/]*@", r"\1***@", address, count=1)


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
