"""What the routes share: settings, the worker, the figures, and the project if there is one."""

import asyncio
from collections.abc import AsyncIterator, Sequence

from ..data.documents import Document
from ..data.schema import Schema
from ..options import ExtractOptions
from .errors import too_slow
from .metrics import ServiceMetrics
from .project import Project
from .settings import MINI, Settings
from .tuning import Tuner
from .worker import Asking, Job, Worker


class Service:
    """One for each application; `close` it at the end."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.metrics = ServiceMetrics()
        self.project = Project(settings.project) if settings.project else None
        models = {**settings.models, **(self.project.models() if self.project else {})}
        self.worker = Worker(
            models,
            queue_limit=settings.limits.queue,
            batch=settings.limits.batch,
            opening=settings.opening,
            told=self.metrics.read,
        )
        self.metrics.waiting.set_function(lambda: self.worker.waiting)
        self.tuner: Tuner | None = None
        if self.project is not None and MINI in models:
            self.tuner = Tuner(self.project, self.predict, self.worker.models)

    def predict(self, model: str, schema: Schema, texts: Sequence[Document]) -> list[Document]:
        """Return what a model finds in texts; waits, on a thread of the caller's."""
        asking = Asking(model, schema, schema.tasks, ExtractOptions())
        return self.worker.read(asking, [Document(one.id, one.text) for one in texts])

    def close(self) -> None:
        """End a training, then the worker."""
        if self.tuner is not None:
            self.tuner.close()
        self.worker.close()

    async def read(self, asking: Asking, documents: Sequence[Document]) -> AsyncIterator[Document]:
        """Yield the documents as they are read.

        Raises:
            RequestError: the queue is full, or time is over.
        """
        if not documents:
            return
        loop = asyncio.get_running_loop()
        found: asyncio.Queue[Document | Exception] = asyncio.Queue()

        def deliver(one: Document | Exception) -> None:
            # Closed while the worker read: nobody waits any more.
            if not loop.is_closed():
                loop.call_soon_threadsafe(found.put_nowait, one)

        job = Job(asking, documents, deliver)
        self.worker.submit(job)
        seconds = self.settings.limits.seconds
        until = loop.time() + seconds
        try:
            for _ in documents:
                one = await asyncio.wait_for(found.get(), max(0.0, until - loop.time()))
                if isinstance(one, Exception):
                    raise one
                yield one
        except asyncio.TimeoutError:  # noqa: UP041 - another class before Python 3.11
            raise too_slow(seconds) from None
        finally:
            job.cancel()
