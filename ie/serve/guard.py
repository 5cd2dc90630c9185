"""What stands before every request: who may ask, how much, and what headers the answer has."""

import asyncio
import hmac
import json
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from .errors import RequestError
from .settings import NEAR, Settings

# No script, style or picture from elsewhere, and none within the page itself.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = [
    (b"content-security-policy", _POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
]
_ANYWHERE = ("0.0.0.0", "::", "")
_Scope = dict[str, Any]
_App = Callable[[_Scope, Any, Any], Any]


class Guard:
    """An ASGI application before another."""

    def __init__(
        self, app: _App, settings: Settings, observe: Callable[[_Scope, int, float], None]
    ) -> None:
        self.app = app
        self.settings = settings
        self.observe = observe
        own = () if settings.host in _ANYWHERE else (settings.host,)
        self.hosts = frozenset(name.lower() for name in (*NEAR, *own, *settings.hosts))

    async def __call__(self, scope: _Scope, receive: Any, send: Any) -> None:
        """Answer a request, or hand it on."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self.app(scope, receive, send)
            return
        begin = time.perf_counter()
        status = 500

        async def send_guarded(message: dict[str, Any]) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message = {**message, "headers": [*message.get("headers", ()), *_HEADERS]}
            await send(message)

        try:
            self._check(scope)
            body = await self._body(scope, receive)
            await self.app(scope, _again(body, receive), send_guarded)
        except RequestError as error:
            await _refuse(error, send_guarded)
        except _GoneError:
            status = 499
        finally:
            self.observe(scope, status, time.perf_counter() - begin)

    def _check(self, scope: _Scope) -> None:
        headers = dict(scope["headers"])
        host = headers.get(b"host", b"").decode("latin-1")
        if "*" not in self.hosts and _hostname(host) not in self.hosts:
            raise RequestError(
                421, "host", "this name is not served; start with --allow-host NAME to allow it"
            )
        origin = headers.get(b"origin")
        if origin is not None and urlsplit(origin.decode("latin-1")).netloc.lower() != host.lower():
            raise RequestError(403, "origin", "requests from other pages are refused")
        if self.settings.token is not None and not _is_open(scope["path"]):
            given = headers.get(b"authorization", b"")
            if not hmac.compare_digest(given, b"Bearer " + self.settings.token.encode()):
                raise RequestError(401, "token", "a valid bearer token is needed")

    async def _body(self, scope: _Scope, receive: Any) -> bytes:
        """Read the body, within the limits of size and time."""
        limits = self.settings.limits
        told = dict(scope["headers"]).get(b"content-length", b"0")
        if told.isdigit() and int(told[:20]) > limits.body:
            raise _too_large(limits.body)
        try:
            return await asyncio.wait_for(_read(receive, limits.body), limits.seconds)
        except asyncio.TimeoutError:  # noqa: UP041 - another class before Python 3.11
            raise RequestError(408, "slow", "the request did not come in time") from None


class _GoneError(Exception):
    """The client left before its request was there."""


async def _read(receive: Any, limit: int) -> bytes:
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _GoneError
        body += message.get("body", b"")
        if len(body) > limit:
            raise _too_large(limit)
        if not message.get("more_body"):
            return bytes(body)


def _again(body: bytes, receive: Any) -> Any:
    """Return what gives the body that was read, then what comes after it."""
    left: list[dict[str, Any]] = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Any:
        return left.pop() if left else await receive()

    return again


async def _refuse(error: RequestError, send: Any) -> None:
    headers = [(b"content-type", b"application/json")]
    headers += extra_headers(error)
    await send({"type": "http.response.start", "status": error.status, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps(error.to_dict()).encode()})


def extra_headers(error: RequestError) -> list[tuple[bytes, bytes]]:
    """Return the headers that belong to an error: when to try again, how to be let in."""
    found = []
    if error.retry is not None:
        found.append((b"retry-after", str(error.retry).encode()))
    if error.status == 401:
        found.append((b"www-authenticate", b"Bearer"))
    return found


def _too_large(limit: int) -> RequestError:
    return RequestError(413, "too-large", f"the request is larger than {limit:,} bytes")


def _hostname(host: str) -> str:
    """Return a host without its port, an IPv6 address without its brackets."""
    try:
        return (urlsplit(f"//{host}").hostname or "").lower()
    except ValueError:
        return ""


def _is_open(path: str) -> bool:
    """Return whether a path needs no token: the page holds nothing but itself."""
    return path in ("/", "/index.html", "/health", "/favicon.svg") or path.startswith("/assets/")
