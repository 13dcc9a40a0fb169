"""The machine that benchmarks run on, and how they measure on it."""

from __future__ import annotations

import os
import platform
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


def machine() -> str:
    """One line on the processor and the libraries that matter here."""
    processor = platform.processor() or platform.machine()
    if Path("/proc/cpuinfo").is_file():
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        processor = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), processor)
    n_cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    packages = ", ".join(f"{name} {version(name)}" for name in ("numpy", "scipy", "numba", "scikit-image", "networkx"))
    return f"{processor}, {n_cores} cores; Python {platform.python_version()}, {packages}"


def peak_memory() -> float:
    """Highest resident memory of this process so far, in MiB."""
    status = Path("/proc/self/status")
    if status.is_file():
        # The kernel's own figure: ru_maxrss of a child starts at the size of the process that started it.
        line = next(line for line in status.read_text(encoding="utf-8").splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    import resource  # not on Windows

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1 << 20) if sys.platform == "darwin" else peak / 1024


@dataclass(frozen=True)
class Time:
    """Seconds on the clock, and of all processor cores together: on a busy machine these tell more."""

    elapsed: float
    processor: float

    def __add__(self, other: Time) -> Time:
        return Time(self.elapsed + other.elapsed, self.processor + other.processor)

    def __str__(self) -> str:
        return f"{self.elapsed:.2f} s (processor {self.processor:.2f} s)"


def timed(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> tuple[T, Time]:
    elapsed, processor = time.perf_counter(), time.process_time()
    result = function(*args, **kwargs)
    return result, Time(time.perf_counter() - elapsed, time.process_time() - processor)


def verdict(what: str, value: float, target: float, unit: str, *, higher_is_better: bool) -> str:
    met = value >= target if higher_is_better else value <= target
    bound = "at least" if higher_is_better else "at most"
    return f"{what}: {value:,.1f}{unit}; target {bound} {target:,g}{unit}: {'met' if met else 'MISSED'}"
