"""One thread owns the models; what waits meanwhile is read together.

Requests ask for texts to be read. While the thread reads, further requests gather; it then takes a few
texts of each that asks alike and gives them to the model in one go. A request with many texts
shares each go with those that come later, so that it does not hold them up.
"""

import queue
import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from ..data.documents import Document
from ..data.schema import Schema
from ..options import ExtractOptions
from ..pipeline import Extractor
from .errors import RequestError, closing, too_busy

# Models kept loaded.
_LOADED = 2
# Characters that are read in one go, beyond the first text.
_CHARACTERS = 20_000


@dataclass(frozen=True)
class Asking:
    """What is asked of texts; those that ask alike are read together."""

    model: str
    schema: Schema
    tasks: tuple[str, ...]
    options: ExtractOptions

    @property
    def key(self) -> tuple[str, bytes, tuple[str, ...], ExtractOptions]:
        """What tells one asking from another."""
        schema = msgspec.json.encode(self.schema.to_dict())
        return self.model, schema, self.tasks, self.options


class Job:
    """The texts of a request. `deliver` is called on the worker's thread, for each in order.

    It gets a document, or the error that ends the job.
    """

    def __init__(
        self,
        asking: Asking,
        documents: Sequence[Document],
        deliver: Callable[[Document | Exception], None],
    ) -> None:
        self.asking = asking
        self.key = asking.key
        self.waiting = deque(documents)
        self.deliver = deliver
        self.is_cancelled = False

    def cancel(self) -> None:
        """Read no further text."""
        self.is_cancelled = True


class Worker:
    """Reads the texts of jobs with the models it owns."""

    def __init__(
        self,
        models: Mapping[str, str | None],
        *,
        queue_limit: int = 256,
        batch: int = 32,
        opening: Mapping[str, Any] | None = None,
        told: Callable[[int, int], None] = lambda documents, jobs: None,
    ) -> None:
        """Start the thread; models are loaded when they are first asked.

        `told` is called with the number of texts and of jobs of each go.
        """
        self.models = dict(models)
        self.batch = batch
        self._opening = dict(opening or {})
        self._told = told
        self._limit = queue_limit
        self._count = 0
        self._lock = threading.Lock()
        self._new: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._engines: OrderedDict[str, Any] = OrderedDict()
        self._extractors: OrderedDict[Any, Extractor] = OrderedDict()
        self._is_closing = False
        self._thread = threading.Thread(target=self._run, name="chinchilla-worker", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """How many jobs wait or are under way."""
        return self._count

    def submit(self, job: Job) -> None:
        """Take a job.

        Raises:
            RequestError: too many wait, or the worker is closing.
        """
        with self._lock:
            if self._is_closing:
                raise closing()
            if self._count >= self._limit:
                raise too_busy()
            self._count += 1
        self._new.put(job)

    def read(self, asking: Asking, documents: Sequence[Document]) -> list[Document]:
        """Read texts and wait for them; for other threads than the worker's.

        Raises:
            RequestError: see `submit`; or what ended the job.
        """
        found: queue.SimpleQueue[Document | Exception] = queue.SimpleQueue()
        if documents:
            self.submit(Job(asking, documents, found.put))
        result = []
        for _ in documents:
            one = found.get()
            if isinstance(one, Exception):
                raise one
            result.append(one)
        return result

    def untrained(self, asking: Asking) -> dict[str, list[str]]:
        """Return `Extractor.untrained` for what was asked not long ago, else nothing."""
        extractor = self._extractors.get(asking.key)
        return extractor.untrained() if extractor else {}

    def close(self) -> None:
        """Finish the go under way, refuse what waits, and free the models."""
        with self._lock:
            if self._is_closing:
                return
            self._is_closing = True
        self._new.put(None)
        self._thread.join(timeout=60)

    def _run(self) -> None:
        jobs: deque[Job] = deque()
        while not self._is_closing:
            self._gather(jobs)
            if jobs and not self._is_closing:
                self._go(jobs)
        self._gather_waiting(jobs)
        for job in jobs:
            self._end(job, closing())
        for engine in self._engines.values():
            engine.close()

    def _gather(self, jobs: deque[Job]) -> None:
        """Take new jobs; wait for one only if there is none."""
        if not jobs:
            job = self._new.get()
            if job is not None:
                jobs.append(job)
        self._gather_waiting(jobs)

    def _gather_waiting(self, jobs: deque[Job]) -> None:
        while True:
            try:
                job = self._new.get_nowait()
            except queue.Empty:
                return
            if job is not None:
                jobs.append(job)

    def _go(self, jobs: deque[Job]) -> None:
        """Read a few texts of the first job, and of those that ask alike."""
        for job in [job for job in jobs if job.is_cancelled]:
            jobs.remove(job)
            self._end(job)
        if not jobs:
            return
        alike = [job for job in jobs if job.key == jobs[0].key]
        taken = list(_turns(alike, self.batch))
        self._told(len(taken), len({id(job) for job, _ in taken}))
        try:
            extractor = self._extractor(alike[0].asking, alike[0].key)
            read = extractor.stream([document for _, document in taken], "keep")
            for (job, _), document in zip(taken, read, strict=True):
                if not job.is_cancelled:
                    job.deliver(document)
        except Exception as error:
            # The outer shell of the service: whatever a model does ends these jobs alone.
            for job in {id(job): job for job, _ in taken}.values():
                jobs.remove(job)
                self._end(job, error)
            return
        for job in alike:
            jobs.remove(job)
            if job.waiting:
                jobs.append(job)
            else:
                self._end(job)

    def _end(self, job: Job, error: Exception | None = None) -> None:
        with self._lock:
            self._count -= 1
        if error is not None and not job.is_cancelled:
            job.deliver(error)

    def _extractor(self, asking: Asking, key: Any) -> Extractor:
        if key not in self._extractors:
            engine = self._engine(asking.model)
            self._extractors[key] = Extractor(
                engine, asking.schema, asking.tasks, options=asking.options
            )
            while len(self._extractors) > 32:
                self._extractors.popitem(last=False)
        self._extractors.move_to_end(key)
        return self._extractors[key]

    def _engine(self, model: str) -> Any:
        from ..engines.open import open_engine

        if model not in self.models:
            raise RequestError(422, "invalid", f"no model {model!r} here")
        if model not in self._engines:
            while len(self._engines) >= _LOADED:
                name, engine = self._engines.popitem(last=False)
                self._extractors = OrderedDict(
                    (key, one) for key, one in self._extractors.items() if key[0] != name
                )
                engine.close()
            self._engines[model] = open_engine(self.models[model], **self._opening)
        self._engines.move_to_end(model)
        return self._engines[model]


def _turns(jobs: Sequence[Job], limit: int) -> Iterator[tuple[Job, Document]]:
    """Take texts of each job in turn, up to `limit` and some number of characters."""
    count = characters = 0
    while count < limit and characters < _CHARACTERS:
        before = count
        for job in jobs:
            if job.waiting and count < limit and (not count or characters < _CHARACTERS):
                document = job.waiting.popleft()
                count += 1
                characters += len(document.text)
                yield job, document
        if count == before:
            return
