"""What a client is told of an error, in the one form that all have."""

import logging

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from ..errors import ChinchillaError
from .errors import RequestError
from .guard import extra_headers

_log = logging.getLogger("chinchilla.serve")
_WORDS = {404: "there is nothing at this address", 405: "this address takes other methods"}
KINDS = (RequestError, ChinchillaError, HTTPException, RequestValidationError, Exception)


async def answer_error(request: Request, error: Exception) -> Response:
    """Answer with an error in the one form that all have."""
    told = as_request_error(error)
    if told.status == 500:
        _log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    headers = {key.decode(): value.decode() for key, value in extra_headers(told)}
    return JSONResponse(told.to_dict(), told.status, headers)


def as_request_error(error: Exception) -> RequestError:
    """Return what a client is told of an error: its own mistakes, and no inside of the service."""
    if isinstance(error, RequestError):
        return RequestError(error.status, error.code, _plain(str(error)), error.retry)
    if isinstance(error, RequestValidationError):
        parts = [
            f"{'.'.join(str(part) for part in one['loc'][1:]) or 'body'}: {one['msg']}"
            for one in error.errors()[:5]
        ]
        return RequestError(422, "invalid", _plain("; ".join(parts)))
    if isinstance(error, ChinchillaError):
        return RequestError(422, "invalid", _plain(str(error)))
    if isinstance(error, HTTPException):
        told = _WORDS.get(error.status_code, "the request cannot be read")
        return RequestError(error.status_code, "http", told)
    return RequestError(500, "internal", "something failed here; the service's log says what")


def _plain(message: str) -> str:
    """Return a message that UTF-8 can hold."""
    return message.encode("utf-8", "replace").decode()
