"""What is at which address."""

from collections.abc import AsyncIterator
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response, StreamingResponse

from .. import __version__
from ..data.documents import Document
from ..data.issues import KINDS
from ..data.schema import TASKS, builtin_schemas, read_schema
from .answers import as_request_error
from .asking import (
    ExportRequest,
    ExtractRequest,
    GoldRequest,
    named_schema,
    read_asking,
    read_documents,
)
from .described import ERRORS, MANY, ONE, error_answer
from .errors import RequestError
from .exports import TYPES, export
from .project import GOLD, SCHEMA
from .service import Service
from .tuning import FEWEST, Tuner
from .uploads import read_upload

_LINES = "application/x-ndjson"


def _service(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


Here = Annotated[Service, Depends(_service)]
router = APIRouter()
project_router = APIRouter(prefix="/project", tags=["project"])


def _json(value: Any) -> Response:
    return Response(msgspec.json.encode(value), media_type="application/json")


@router.post(
    "/extract",
    responses={
        200: {
            "description": "A document, a list of documents, or a document a line.",
            "content": {
                "application/json": {"schema": {"anyOf": [ONE, MANY]}},
                _LINES: {"schema": ONE},
            },
        },
        **ERRORS,
    },
)
async def extract(request: ExtractRequest, service: Here) -> Response:
    """Extract entities, relations and events from a text or several."""
    documents = read_documents(request, service.settings)
    asking = read_asking(request, service.settings, service.worker.models)
    found = service.read(asking, documents)
    if request.stream:
        first = [document async for document in _first(found)]
        return StreamingResponse(_lines(first, found), media_type=_LINES)
    read = [document async for document in found]
    if request.text is not None:
        return _json(read[0])
    return _json({"documents": read, "untrained": service.worker.untrained(asking)})


async def _first(found: AsyncIterator[Document]) -> AsyncIterator[Document]:
    """Yield the first document: what goes wrong before it still has a status of its own."""
    async for document in found:
        yield document
        return


async def _lines(first: list[Document], found: AsyncIterator[Document]) -> AsyncIterator[bytes]:
    """Yield documents as lines; an error that ends them is the last line."""
    try:
        for document in first:
            yield msgspec.json.encode(document) + b"\n"
        async for document in found:
            yield msgspec.json.encode(document) + b"\n"
    except Exception as error:
        # The status is out; a client must still see that lines are missing.
        yield msgspec.json.encode(as_request_error(error).to_dict()) + b"\n"


@router.post(
    "/texts",
    responses=ERRORS,
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/octet-stream": {"schema": {"type": "string"}}},
        }
    },
)
async def texts(
    request: Request,
    service: Here,
    name: Annotated[str, Query(max_length=255, description="The file's name.")],
    lines: Annotated[bool, Query(description="Take each line of a text as a document.")] = False,
) -> Response:
    """Read the texts of a file: any that `chinchilla extract` reads. The file is the body."""
    content = await request.body()
    found = await run_in_threadpool(
        read_upload, name, content, service.settings.limits, lines=lines
    )
    return _json({"documents": found[0], "notes": found[1]})


@router.post(
    "/export",
    response_class=Response,
    responses={
        200: {"description": "A file.", "content": {kind: {} for kind in TYPES.values()}},
        **ERRORS,
    },
)
def export_documents(request: ExportRequest) -> Response:
    """Write documents as CSV, as a workbook of Excel, or as a page."""
    documents = [Document.from_dict(value) for value in request.documents]
    return Response(export(documents, request.form), media_type=TYPES[request.form])


@router.get("/schemas")
def schemas() -> Response:
    """List the built-in schemas."""
    found = [read_schema(name) for name in builtin_schemas()]
    return _json(
        [
            {
                "name": name,
                "description": schema.description,
                "tasks": schema.tasks,
                "types": {task: len(schema.types(task)) for task in TASKS},
            }
            for name, schema in zip(builtin_schemas(), found, strict=True)
        ]
    )


@router.get("/schemas/{name}", responses={404: error_answer("No such schema is built in.")})
def schema(name: str) -> Response:
    """Return a built-in schema."""
    try:
        return _json(named_schema(name).to_dict())
    except RequestError as error:
        raise RequestError(404, "unknown", str(error)) from None


@router.get("/about")
def about(service: Here) -> Response:
    """Say what there is to ask: models, limits, kinds of issue."""
    limits = service.settings.limits
    return _json(
        {
            "version": __version__,
            "models": list(service.worker.models),
            "schema": read_schema(service.settings.schema).to_dict(),
            "tasks": TASKS,
            "limits": {"characters": limits.characters, "texts": limits.texts, "body": limits.body},
            "issues": [kind._asdict() for kind in KINDS],
            "project": service.project is not None,
            "tunes": service.tuner is not None,
        }
    )


@router.get("/health")
def health(service: Here) -> Response:
    """Say that the service is there, and how many requests wait."""
    return _json({"status": "ok", "waiting": service.worker.waiting})


@router.get("/metrics", response_class=Response)
def metrics(service: Here) -> Response:
    """Return the service's figures for Prometheus."""
    return Response(service.metrics.page(), media_type="text/plain; version=0.0.4; charset=utf-8")


def _tuner(service: Service) -> Tuner:
    if service.tuner is None:
        raise RequestError(
            409, "no-mini", "only the embedded model can be tuned, and it is not served"
        )
    return service.tuner


@project_router.get("")
def project(service: Here) -> Response:
    """Say what the project folder holds."""
    assert service.project is not None
    documents, schema = service.project.documents(), service.project.schema()
    return _json(
        {
            "folder": service.project.folder.name,
            "documents": [{"id": one.id, "beginning": one.text[:60]} for one in documents],
            "schema": schema.to_dict() if schema else None,
            "models": list(service.project.models()),
            "fewest": FEWEST,
        }
    )


@project_router.put("/documents", responses=ERRORS)
def save(request: GoldRequest, service: Here) -> Response:
    """Save a corrected document in place of one with the same id."""
    assert service.project is not None
    document = Document.from_dict(request.document)
    return _json({"documents": service.project.save(document, named_schema(request.schema_))})


@project_router.get("/document", responses=ERRORS)
def saved(id: str, service: Here) -> Response:
    """Return a saved document."""
    assert service.project is not None
    for document in service.project.documents():
        if document.id == id:
            return _json(document)
    raise RequestError(404, "unknown", "no document of this id is saved")


@project_router.delete("/document", responses=ERRORS)
def remove(id: str, service: Here) -> Response:
    """Take a saved document out."""
    assert service.project is not None
    return _json({"documents": service.project.remove(id)})


@project_router.get("/files/{name}", responses=ERRORS)
def file(name: str, service: Here) -> Response:
    """Return the saved documents or their schema as a file."""
    assert service.project is not None
    if name not in (GOLD, SCHEMA):
        raise RequestError(404, "unknown", "expected gold.jsonl or schema.json")
    path = service.project.folder / name
    content = path.read_bytes() if path.is_file() else b""
    return Response(content, media_type=_LINES if name == GOLD else "application/json")


@project_router.get("/tune")
def tuning(service: Here) -> Response:
    """Say how the last training goes or went."""
    return _json(_tuner(service).status())


@project_router.post("/tune", responses=ERRORS)
def tune(service: Here) -> Response:
    """Teach the embedded model the saved documents, in a process of its own."""
    _tuner(service).start()
    return _json(_tuner(service).status())


@project_router.delete("/tune", responses=ERRORS)
def stop_tuning(service: Here) -> Response:
    """Stop the training under way."""
    _tuner(service).stop()
    return _json(_tuner(service).status())
