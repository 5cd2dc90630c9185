"""Workers of one thread each that train apart and often average their weights (local SGD).

On two cores two of them read a third more than one of two threads.
"""

import multiprocessing
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import nn

# Steps between two averages.
EVERY = 16


@contextmanager
def others(work: Callable[..., Any], arguments: tuple[Any, ...], count: int) -> Iterator[None]:
    """Run `work(*arguments, rank)` in a process for each rank from 1 to `count - 1`; wait for them."""
    context = multiprocessing.get_context("spawn")
    started = [
        context.Process(target=work, args=(*arguments, rank), daemon=True)
        for rank in range(1, count)
    ]
    for one in started:
        one.start()
    try:
        yield
    except BaseException:
        for one in started:
            one.terminate()
        raise
    finally:
        for one in started:
            one.join()


class Workers:
    """This worker among all; alone it has nothing to average."""

    def __init__(self, rank: int, count: int, meeting: Path) -> None:
        """Meet the others by a file that none of them has used before."""
        self.rank, self.count = rank, count
        if count > 1:
            place = f"file://{meeting.resolve()}"
            dist.init_process_group("gloo", init_method=place, rank=rank, world_size=count)

    def average(self, model: nn.Module, minutes: float, read: int, asked: bool) -> Any:
        """Average weights; return the mean of the minutes, the sum of what was read, whether to end.

        The training ends when any worker is asked to.
        """
        if self.count == 1:
            return minutes, read, asked
        told = torch.tensor([minutes / self.count, read, asked], dtype=torch.float64)
        dist.all_reduce(told)
        with torch.no_grad():
            for weights in model.parameters():
                dist.all_reduce(weights.data)
                weights.data /= self.count
        return float(told[0]), int(told[1]), bool(told[2])

    def close(self) -> None:
        """Part from the others."""
        if self.count > 1:
            dist.destroy_process_group()
