"""The OpenAPI document: what FastAPI makes of the routes, with the form of a document put in."""

from typing import Any

import msgspec
from fastapi import FastAPI

from ..data.documents import Document

ONE = {"$ref": "#/components/schemas/Document"}
MANY = {
    "type": "object",
    "required": ["documents"],
    "properties": {
        "documents": {"type": "array", "items": ONE},
        "untrained": {
            "type": "object",
            "description": "By task, the types asked for that the model never met.",
        },
    },
}
_ERROR = {
    "type": "object",
    "properties": {
        "error": {
            "type": "object",
            "properties": {"code": {"type": "string"}, "message": {"type": "string"}},
        }
    },
}


def error_answer(told: str) -> dict[str, Any]:
    """Return how an error is described."""
    return {"description": told, "content": {"application/json": {"schema": _ERROR}}}


ERRORS: dict[int | str, dict[str, Any]] = {
    401: error_answer("The bearer token is missing or wrong."),
    413: error_answer("Too large, too long, or too many texts."),
    422: error_answer("The request is not what it should be; the message says where."),
    503: error_answer("Too many requests are waiting; Retry-After says when to try again."),
    504: error_answer("The answer took too long."),
}


def describe(app: FastAPI) -> None:
    """Put the JSON form of documents into the application's OpenAPI document."""
    made = app.openapi
    _, parts = msgspec.json.schema_components(
        [Document], ref_template="#/components/schemas/{name}"
    )

    def openapi() -> dict[str, Any]:
        document = made()
        document.setdefault("components", {}).setdefault("schemas", {}).update(parts)
        return document

    app.openapi = openapi  # type: ignore[method-assign]
