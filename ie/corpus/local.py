"""Shards answered on this machine: in this process, or by several that each hold the model."""

import os
import signal
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection, wait
from threading import Thread

from ..errors import ChinchillaError
from .shards import Shard
from .work import Answered, Recipe, ShardWorker, lost_shard, use_cores

# A shard whose process died so often is given up.
MOST_LOST = 3
_SECONDS_TO_END = 5


def answer_here(recipe: Recipe, form: str, shards: Iterable[Shard]) -> Iterator[Answered]:
    """Yield each shard with its answers, in order."""
    worker = ShardWorker(recipe, form)
    for shard in shards:
        yield worker.answer(shard)


def answer_in_processes(
    recipe: Recipe, form: str, shards: Iterable[Shard], workers: int
) -> Iterator[Answered]:
    """Yield shards with their answers as they are done; a process that dies is replaced.

    Each process holds one shard. Its share of the cores is its own.

    Raises:
        ChinchillaError: as `ShardWorker.answer`.
    """
    left, again = iter(shards), deque[Shard]()
    losses: Counter[int] = Counter()
    staff: list[_Worker] = []

    def following() -> Shard | None:
        return again.popleft() if again else next(left, None)

    try:
        while len(staff) < workers and (shard := following()):
            staff.append(_Worker(recipe, form, len(staff), workers))
            staff[-1].give(shard)
        while busy := {worker.connection: worker for worker in staff if worker.shard}:
            for connection in wait(list(busy)):
                worker = busy[connection]  # type: ignore[index]
                shard, found = worker.take()
                if found is None:
                    worker.end()
                    place = staff.index(worker)
                    staff[place] = worker = _Worker(recipe, form, place, workers)
                    losses[shard.number] += 1
                    if losses[shard.number] < MOST_LOST:
                        again.append(shard)
                    else:
                        found = lost_shard(shard, form, MOST_LOST)
                if isinstance(found, ChinchillaError):
                    raise found
                if next_shard := following():
                    worker.give(next_shard)
                if found is not None:
                    yield found
    finally:
        for worker in staff:
            worker.end()


class _Worker:
    """A process that answers shards, and the one that it holds."""

    def __init__(self, recipe: Recipe, form: str, slot: int, slots: int) -> None:
        # Not forked: threads of a loaded model do not survive that.
        context = get_context("spawn")
        self.connection, theirs = context.Pipe()
        arguments = (theirs, recipe, form, slot, slots)
        self.process = context.Process(target=_serve, args=arguments, daemon=True)
        self.process.start()
        theirs.close()
        self.shard: Shard | None = None

    def give(self, shard: Shard) -> None:
        """Hand over a shard; that the process is dead is seen when its answer is taken."""
        self.shard = shard
        with suppress(OSError):
            self.connection.send(shard)

    def take(self) -> tuple[Shard, Answered | ChinchillaError | None]:
        """Return the shard with its answer, or with None if the process died."""
        assert self.shard is not None
        shard, self.shard = self.shard, None
        try:
            return shard, self.connection.recv()
        except (EOFError, OSError):
            return shard, None

    def end(self) -> None:
        """End the process, whatever it does."""
        self.connection.close()
        self.process.terminate()
        self.process.join(_SECONDS_TO_END)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()


def _serve(
    connection: "Connection[object, Shard]", recipe: Recipe, form: str, slot: int, slots: int
) -> None:
    """Answer shards until there are no more; this is the whole life of a process."""
    # A terminal interrupts all processes; the first one decides.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_die_with_parent, daemon=True).start()
    use_cores(slot, slots)
    worker = ShardWorker(recipe, form)
    while True:
        try:
            shard = connection.recv()
        except EOFError:
            return
        try:
            found: Answered | ChinchillaError = worker.answer(shard)
        except ChinchillaError as error:
            found = error
        connection.send(found)


def _die_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
