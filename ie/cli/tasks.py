"""The option `--tasks`, read alike by every command that has it."""

from typing import Any

import click


def read_tasks(ctx: click.Context, param: click.Parameter, value: Any) -> tuple[str, ...] | None:
    """Return the tasks named by commas, or in a list from a file, in the project's order.

    None if none is named.
    """
    from ..data.schema import TASKS
    from ..errors import near_miss

    parts = value if isinstance(value, list | tuple) else (value or "").split(",")
    named = [name for part in parts if (name := str(part).strip())]
    for task in named:
        if task not in TASKS:
            raise click.BadParameter(
                f"unknown task {task!r}{near_miss(task, TASKS)}; tasks are {', '.join(TASKS)}"
            )
    return tuple(task for task in TASKS if task in named) or None
