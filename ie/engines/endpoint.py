"""An OpenAI-compatible endpoint, asked once: the JSON that it replies, or why there is none."""

import json
import re
import time
from dataclasses import dataclass
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Any

CONNECT_TIMEOUT = 10.0  # seconds
_BUSY = (408, 409, 425, 429, 500, 502, 503, 504, 529)
# What a server says of a key that has nothing left; a limit by the minute passes, this does not.
_EXHAUSTED = re.compile(
    r"insufficient[_ ](?:quota|balance|funds|credits?)|exceeded your current quota|billing_hard_limit"
    r"|out of credits?|credit balance is too low|arrear|余额不足|欠费|额度(?:已|不足|用[完尽]|耗尽)",
    re.IGNORECASE,
)
# Who is to come back later than this many seconds has no quota left either.
_LATEST = 600.0
_TOO_LONG = re.compile(
    r"context[_ ](?:length|window|size)|n_ctx|max_model_len|maximum (?:input|sequence|prompt)"
    r"|(?:prompt|input|request|text)s? (?:is|are|was)? ?too (?:long|large)|too many (?:input )?tokens"
    r"|range of input length|exceeds? the (?:available|model|max)|上下文|超[过出].{0,12}(?:长度|上限)|长度.{0,12}超",
    re.IGNORECASE,
)
# What a chat template says of turns that it does not know; llama.cpp tells it as a fault of its own.
_NO_SUCH_TURN = re.compile(
    r"system role|role.{0,20}not supported|roles must alternate", re.IGNORECASE
)
_SOON = re.compile(
    r"(?:try again in|retry in|retryDelay\W+)\s*(?:(\d+)m(?!s))?\s*(?:([\d.]+)\s*(ms|s))?", re.I
)


@dataclass(eq=False)
class RequestFailure(Exception):
    """Why a request brought no answer.

    `status` is 0 where no reply came. `text` is the whole body, `problem` the message in it. `wait` is in
    seconds, if the server asks for a wait. `advice` is for a user who has had no answer yet.
    `attempts` is 0 unless more than one might have helped.
    """

    problem: str
    status: int = 0
    text: str = ""
    advice: str = ""
    wait: float | None = None
    is_passing: bool = False
    is_late: bool = False
    takes_no_schema: bool = False
    attempts: int = 0

    @property
    def is_exhausted(self) -> bool:
        """Whether the key has no quota left, which waiting does not mend."""
        if self.status == 402 or (self.wait or 0) > _LATEST:
            return True
        said = self.status in (400, 403, 429) and _EXHAUSTED.search(self.text)
        return bool(said) and self.wait is None

    @property
    def is_too_long(self) -> bool:
        """Whether the prompt is beyond what the server takes."""
        if self.status == 413:
            return True
        return self.status in (400, 422, 500) and bool(_TOO_LONG.search(self.text))

    @property
    def numbers(self) -> list[int]:
        """The numbers that the server names, such as its context, in order."""
        return [int(n.replace(",", "")) for n in re.findall(r"\d[\d,]*(?<!,)", said(self.text))]


def send(client: Any, method: str, address: str, body: Any, timeout: float) -> Any:
    """Send a request once; return the JSON that came with status 200 within the timeout (seconds).

    Raises:
        Failure: no reply came, or none with that status and JSON.
    """
    import httpx

    late = f"no whole answer within {timeout:g} s"
    until = time.monotonic() + timeout
    try:
        limits = httpx.Timeout(timeout, connect=min(timeout, CONNECT_TIMEOUT))
        with client.stream(method, address, json=body, timeout=limits) as response:
            parts = []
            for part in response.iter_bytes():
                parts.append(part)
                # Each part of an answer that drips comes in time.
                if time.monotonic() > until:
                    raise RequestFailure(late, is_passing=True, is_late=True)
    except httpx.ConnectError as error:
        raise RequestFailure(
            f"no server answers there ({error})", advice="; start it, or check host and port"
        ) from None
    except httpx.TimeoutException:
        raise RequestFailure(late, is_passing=True, is_late=True) from None
    except httpx.TransportError as error:
        problem = f"the connection broke ({error or type(error).__name__})"
    except httpx.DecodingError as error:
        problem = f"the answer cannot be unpacked ({error})"
    else:
        return _json_of(response, b"".join(parts).decode("utf-8", "replace"))
    raise RequestFailure(problem, is_passing=True)


def _json_of(response: Any, text: str) -> Any:
    status = response.status_code
    if status != 200:
        text = _without_escapes(text)
        wait = _seconds(response.headers.get("retry-after"))
        raise RequestFailure(
            f"status {status}: {said(text)}",
            status,
            text,
            wait=_told_in_words(text) if wait is None and status in _BUSY else wait,
            is_passing=status in _BUSY and not _NO_SUCH_TURN.search(text),
        )
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise RequestFailure(
            f"answers {said(text)!r}, which is not JSON",
            status,
            advice="; is this an OpenAI-compatible endpoint?",
        ) from None


def _without_escapes(text: str) -> str:
    """Return a body with its characters as they are, of which servers write most in escapes."""
    try:
        plain = json.dumps(json.loads(text), ensure_ascii=False)
    except (ValueError, RecursionError):
        return text
    return plain.encode("utf-8", "replace").decode()


def shown_address(address: str) -> str:
    """Return an address without its password, and without what stands in its query."""
    shown = re.sub(r"(//[^/@:]*:)[^/]*@", r"\1***@", address, count=1)
    return re.sub(r"([?&][^=&#]*=)[^&#]*", r"\1***", shown)


def said(text: str) -> str:
    """Return the message within an error's body, shortened."""
    match = re.search(r'"(?:message|detail|error)"\s*:\s*"((?:[^"\\]|\\.)*)"', text)
    short = " ".join((match.group(1) if match else text).split())
    return short if len(short) <= 200 else short[:200] + "…"


def _told_in_words(text: str) -> float | None:
    """Return the seconds until a server wants to be asked again, if its message tells them."""
    match = _SOON.search(text)
    if match is None or not any(match.groups()):
        return None
    minutes, amount, unit = match.groups()
    try:
        seconds = float(amount or 0) / (1000 if unit == "ms" else 1)
    except ValueError:
        return None
    return 60 * int(minutes or 0) + seconds


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
