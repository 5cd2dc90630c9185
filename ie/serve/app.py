"""The service: `create_app(Settings())` is the ASGI application that `chinchilla serve` runs."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import resources

from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles

from .. import __version__
from . import answers, routes
from .described import describe
from .guard import Guard
from .service import Service
from .settings import Settings


def create_app(settings: Settings | None = None) -> FastAPI:
    """Return the application; models are loaded when they are first asked.

    Raises:
        InputError: the project folder cannot be made.
    """
    settings = settings or Settings()
    service = Service(settings)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        await asyncio.to_thread(service.close)

    app = FastAPI(
        title="Chinchilla",
        version=__version__,
        description="Texts in, entities, relations and events out, with exact offsets.",
        # These pages load from elsewhere.
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
    )
    app.state.service = service
    app.add_middleware(Guard, settings=settings, observe=service.metrics.observe)
    app.include_router(routes.router)
    if service.project is not None:
        app.include_router(routes.project_router)
    app.mount("/", StaticFiles(directory=_page_folder(), html=True), name="page")
    for kind in answers.KINDS:
        app.add_exception_handler(kind, answers.answer_error)
    describe(app)
    return app


def _page_folder() -> str:
    return str(resources.files("chinchilla.serve").joinpath("static"))
