"""Shards answered on a Ray cluster: actors that hold the model, a shard a task.

This process reads the inputs and writes all files, so that nodes need no common disk. Ray starts an actor
again whose process or node died; its shard is asked again.
"""

from collections import Counter, deque
from collections.abc import Iterable, Iterator
from typing import Any

from ..data.extras import require_extra
from ..errors import ChinchillaError, ConfigError, ModelError
from .local import MOST_LOST
from .shards import Shard
from .work import Answered, Recipe, ShardWorker, lost_shard, use_cores


class RayWorker:
    """What an actor does; its model is loaded for its first shard, and again after a restart."""

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
    actors = _actors(ray, recipe, form, workers or _room(ray, gpus), gpus)
    left, again = iter(shards), deque[Shard]()
    losses: Counter[int] = Counter()
    # What is awaited: where an actor is, or its answer to a shard.
    awaited: dict[Any, tuple[Any, Shard | None]] = {
        actor.node.remote(): (actor, None) for actor in actors
    }
    slots = _Slots()
    try:
        while awaited:
            [reference], _ = ray.wait(list(awaited), num_returns=1)
            actor, shard = awaited.pop(reference)
            found: Answered | None = None
            try:
                said = ray.get(reference)
            except ray.exceptions.RayActorError:
                if shard is None:
                    raise ModelError("an actor could not be started; see the logs of Ray") from None
                losses[shard.number] += 1
                if losses[shard.number] < MOST_LOST:
                    again.append(shard)
                else:
                    found = lost_shard(shard, form, MOST_LOST)
            else:
                if isinstance(said, ChinchillaError):
                    raise said
                if shard is None:
                    slots.add(actor, said)
                else:
                    found = said
            if following := again.popleft() if again else next(left, None):
                awaited[actor.answer.remote(following, *slots.of(actor))] = actor, following
            if found is not None:
                yield found
    finally:
        for actor in actors:
            ray.kill(actor)


class _Slots:
    """Which share of its node's cores each actor takes."""

    def __init__(self) -> None:
        self._nodes: Counter[str] = Counter()
        self._slots: dict[Any, int] = {}
        self._cores: dict[str, int] = {}

    def add(self, actor: Any, node: str) -> None:
        import ray

        if not self._cores:
            self._cores = {
                found["NodeID"]: int(found["Resources"].get("CPU", 1)) for found in ray.nodes()
            }
        self._slots[actor] = self._nodes[node]
        self._nodes[node] += 1

    def of(self, actor: Any) -> tuple[int, int]:
        return self._slots[actor], max(self._cores.values())


def _connected() -> Any:
    """Return Ray, connected to the cluster that is there."""
    require_extra("--engine ray", "ray", ("ray",))
    import ray

    if not ray.is_initialized():
        try:
            ray.init(address="auto", log_to_driver=False, logging_level="ERROR")
        except ConnectionError as error:
            raise ModelError(
                f"no Ray cluster answers ({error}); start one with ray start --head, "
                "or set RAY_ADDRESS"
            ) from None
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


def _actors(ray: Any, recipe: Recipe, form: str, number: int, gpus: float) -> list[Any]:
    kept = ray.put(recipe)
    make = ray.remote(num_cpus=1, num_gpus=gpus, max_restarts=-1, max_task_retries=MOST_LOST - 1)(
        RayWorker
    )
    return [make.remote(kept, form) for _ in range(number)]
