"""What the processor can do, and how much of it this process may use, as Linux tells it."""

import math
import os
from pathlib import Path

_CPU_INFO = Path("/proc/cpuinfo")
# Of the second version of control groups, and of the first.
_CGROUPS, _OWN_GROUPS = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")


def usable_cores() -> int:
    """Return how many cores this process may use: by its affinity and by its control group."""
    try:
        cores = len(os.sched_getaffinity(0))
    except AttributeError:  # no Linux
        cores = os.cpu_count() or 1
    quotas = [quota for folder in _groups() if (quota := _quota(folder))]
    return max(1, min([cores, *(math.ceil(quota) for quota in quotas)]))


def _groups() -> list[Path]:
    """Return the folders of this process's control groups and of those around them."""
    try:
        lines = _OWN_GROUPS.read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    found = []
    for line in lines:
        _, controllers, own = line.split(":", 2)
        if controllers in ("", "cpu", "cpu,cpuacct"):
            root = _CGROUPS / controllers
            path = root / own.lstrip("/")
            found += [folder for folder in (path, *path.parents) if folder.is_relative_to(root)]
    return found


def _quota(folder: Path) -> float | None:
    """Return the cores that a control group allows, None if it sets no limit."""
    try:
        if (folder / "cpu.max").is_file():
            quota, period = (folder / "cpu.max").read_text(encoding="utf-8").split()
        else:
            quota, period = (
                (folder / f"cpu.cfs_{name}_us").read_text(encoding="utf-8").strip()
                for name in ("quota", "period")
            )
        return int(quota) / int(period) if int(quota) > 0 else None
    except (OSError, ValueError, ZeroDivisionError):  # "max", or no such file
        return None


def processor_flags() -> frozenset[str] | None:
    """Return the names of what the processor can do, or None where they are not told."""
    try:
        lines = _CPU_INFO.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:  # no Linux
        return None
    told = (
        line.partition(":")[2].split() for line in lines if line.startswith(("flags", "Features"))
    )
    return frozenset(next(told, ()))
