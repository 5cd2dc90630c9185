"""Shards answered on a Ray cluster: actors that hold the model, a shard a task.

This process reads the inputs and writes all files, so that nodes need no common disk. An actor whose process
or node died is replaced, and its shard is given to the next that is free. (Ray Data is not used: its
checkpoints want ids as a column and keep no order, and a shard is our unit of both.)
"""

import logging
import signal
import threading
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from typing import Any

from ..data.extras import require_extra
from ..errors import ChinchillaError, ConfigError, ModelError
from .local import MOST_LOST
from .shards import Shard
from .work import Answered, Recipe, ShardWorker, lost_shard, use_cores


class RayWorker:
    """What an actor does; its model is loaded for its first shard."""

    def __init__(self, recipe: Recipe, form: str) -> None:
        self._worker = ShardWorker(recipe, form)
        self._has_cores = False

    def node(self) -> str:
        """Return the node that the actor is on."""
        import ray

        name: str = ray.get_runtime_context().get_node_id()
        return name

    def answer(self, shard: Shard, slot: int, slots: int) -> Answered | ChinchillaError:
        """Return a shard with its answers, or why there can be none."""
        if not self._has_cores:
            use_cores(slot, slots)
            self._has_cores = True
        try:
            return self._worker.answer(shard)
        except ChinchillaError as error:
            return error


def answer_on_ray(
    recipe: Recipe, form: str, shards: Iterable[Shard], workers: int | None, gpus: float
) -> Iterator[Answered]:
    """Yield shards with their answers as they are done.

    Args:
        recipe: how each actor makes its extractor.
        form: see `shard_files.FORMS`.
        shards: read as actors become free.
        workers: how many actors; None is as many as the cluster has cores or, with `gpus`, room.
        gpus: of each actor; it has one core.

    Raises:
        ModelError: Ray is not installed, or no cluster answers.
        ConfigError: the cluster has no such GPUs.
        ChinchillaError: as `ShardWorker.answer`.
    """
    ray = _connected()
    staff = _Staff(ray, recipe, form, gpus)
    left, again = iter(shards), deque[Shard]()
    losses: Counter[int] = Counter()
    failed_starts = 0
    idle: list[Any] = []
    # What is awaited: where a new actor is, or an actor's answer to a shard.
    awaited: dict[Any, tuple[Any, Shard | None]] = {}

    def hire() -> None:
        actor = staff.hire()
        awaited[actor.node.remote()] = actor, None

    try:
        for _ in range(workers or _room(ray, gpus)):
            hire()
        while True:
            while idle and (shard := again.popleft() if again else next(left, None)):
                actor = idle.pop()
                awaited[actor.answer.remote(shard, *staff.slot(actor))] = actor, shard
            if idle and all(shard is None for _, shard in awaited.values()):
                return
            [reference], _ = ray.wait(list(awaited))
            actor, shard = awaited.pop(reference)
            try:
                said = ray.get(reference)
            except ray.exceptions.RayError as error:
                # Not restarted by Ray: another actor that is free may take the shard at once.
                staff.dismiss(actor)
                hire()
                if shard is None:
                    failed_starts += 1
                    if failed_starts >= MOST_LOST:
                        raise ModelError(f"no worker could be started on Ray: {error}") from None
                    continue
                losses[shard.number] += 1
                if losses[shard.number] >= MOST_LOST:
                    yield lost_shard(shard, form, MOST_LOST)
                else:
                    again.append(shard)
                continue
            if isinstance(said, ChinchillaError):
                raise said
            idle.append(actor)
            if shard is None:
                staff.placed(actor, said)
            else:
                yield said
    finally:
        staff.dismiss_all()


class _Staff:
    """The actors, and which share of its node's cores each takes."""

    def __init__(self, ray: Any, recipe: Recipe, form: str, gpus: float) -> None:
        self._ray = ray
        self._make = ray.remote(num_cpus=1, num_gpus=gpus)(RayWorker)
        self._arguments = (ray.put(recipe), form)
        self._cores = {
            found["NodeID"]: int(found["Resources"].get("CPU", 1)) for found in ray.nodes()
        }
        self._on_node: Counter[str] = Counter()
        self._slots: dict[Any, tuple[int, int]] = {}
        self._actors: set[Any] = set()

    def hire(self) -> Any:
        """Ask for an actor; it comes when the cluster has room."""
        actor = self._make.remote(*self._arguments)
        self._actors.add(actor)
        return actor

    def placed(self, actor: Any, node: str) -> None:
        """Take note of the node that an actor is on."""
        self._slots[actor] = self._on_node[node], self._cores.get(node, 1)
        self._on_node[node] += 1

    def slot(self, actor: Any) -> tuple[int, int]:
        """Return which share of how many an actor takes of the cores of its node."""
        return self._slots[actor]

    def dismiss(self, actor: Any) -> None:
        """End an actor."""
        self._actors.discard(actor)
        self._ray.kill(actor)

    def dismiss_all(self) -> None:
        """End all actors."""
        for actor in list(self._actors):
            self.dismiss(actor)


def _connected() -> Any:
    """Return Ray, connected to the cluster that is there."""
    require_extra("--engine ray", "ray", ("ray",))
    import ray

    if not ray.is_initialized():
        handler = signal.getsignal(signal.SIGTERM)
        try:
            ray.init(address="auto", log_to_driver=False, logging_level=logging.ERROR)
        except ConnectionError as error:
            raise ModelError(
                f"no Ray cluster answers ({error}); start one with ray start --head, "
                "or set RAY_ADDRESS"
            ) from None
        if threading.current_thread() is threading.main_thread():
            # Ray puts its own in its place.
            signal.signal(signal.SIGTERM, handler)
    return ray


def _room(ray: Any, gpus: float) -> int:
    """Return how many actors the cluster holds."""
    resources = ray.cluster_resources()
    room = int(resources.get("CPU", 0))
    if gpus:
        room = min(room, int(resources.get("GPU", 0) / gpus))
    if room < 1:
        shown = ", ".join(f"{resources.get(kind, 0):g} {kind}" for kind in ("CPU", "GPU"))
        raise ConfigError(f"the Ray cluster has {shown}; a worker needs 1 CPU and {gpus:g} GPU")
    return room
