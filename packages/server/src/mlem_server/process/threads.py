"""Threads of numerical libraries: as many as the processors that this container, or this worker, may use.

A library counts the machine's processors. In a container that may use two of sixty-four it starts sixty-four threads,
which wait for each other: the Linux kernel stops them all when the quota of a period is used up.

Sources: https://docs.kernel.org/admin-guide/cgroup-v2.html (``cpu.max``),
https://docs.kernel.org/scheduler/sched-bwc.html (``cpu.cfs_quota_us``),
https://www.openmp.org/spec-html/5.0/openmpse50.html (``OMP_NUM_THREADS``) (read 2026-11).
"""

from __future__ import annotations

import math
import os
from collections.abc import MutableMapping
from pathlib import Path

VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "RAYON_NUM_THREADS",
    "POLARS_MAX_THREADS",
    "TF_NUM_INTRAOP_THREADS",
)
"""What the libraries read when they are imported; PyTorch and LightGBM read the first."""
CGROUPS = Path("/sys/fs/cgroup")


def limit_threads(environment: MutableMapping[str, str], workers: int, cgroups: Path = CGROUPS) -> str:
    """Set the variables that numerical libraries read, where they would count too many processors.

    It has to be called before one of them is imported. What the environment sets already stays.

    Args:
        environment: The variables of this process and of those that it starts.
        workers: How many processes share the processors.
        cgroups: Where the kernel shows the limits of this container.

    Returns:
        What was set and why, for the log; empty where nothing was.
    """
    machine, usable = os.cpu_count() or 1, processors(cgroups)
    threads = max(1, math.floor(usable / workers))
    unset = [name for name in VARIABLES if name not in environment]
    if threads >= machine or not unset:
        return ""
    environment.update(dict.fromkeys(unset, str(threads)))
    shared = f" for each of {workers} workers" if workers > 1 else ""
    return (
        f"numerical libraries get {threads} of the machine's {machine} processors{shared}: {usable:g} may be used here"
    )


def processors(cgroups: Path = CGROUPS) -> float:
    """Return how many processors this process may use: its affinity, or the quota of its container."""
    usable = float(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)
    quota = _quota(cgroups)
    return usable if quota is None else max(0.01, min(usable, quota))


def _quota(cgroups: Path) -> float | None:
    """Return the container's quota in processors; None without one, and where it can't be read."""
    try:
        quota, period = (cgroups / "cpu.max").read_text().split()
    except (OSError, ValueError):
        try:
            quota = (cgroups / "cpu" / "cpu.cfs_quota_us").read_text()
            period = (cgroups / "cpu" / "cpu.cfs_period_us").read_text()
        except (OSError, ValueError):
            return None
    try:
        found = int(quota) / int(period)
    except (ValueError, ZeroDivisionError):  # "max"
        return None
    return found if found > 0 else None
