"""Time, processor time and memory of each stage of `segment`, beside those of an earlier version of the program.

Part of ``python -m benchmarks.speed``. Each figure comes from a process of its own that runs on the cores it is given,
reads a field from a file and segments it; versions take turns, so that a machine that is busy for a while is so for
all.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np

from napari_gdls import Field, Segmentation, write_field

ROOT = Path(__file__).resolve().parents[1]

STAGES = ("drift", "embedding", "graph", "tree", "segments", "labelling")
"""Of all versions that are compared; here, since a process of an earlier one runs this file, too."""

THREADS = (1, 2)
"""Cores that a process is given."""


class Version(NamedTuple):
    """A version of the program: what it is called, and the folder that its package lies in."""

    name: str
    source: Path


class Measured(NamedTuple):
    """Of one version on one field: the quickest of its runs.

    Attributes
    ----------
    seconds, processor : dict of str to float
        By stage, and "all".
    peak : float
        Memory of the process, MiB.
    digest : str
        Of labels, phases, and labels of measurements.
    """

    seconds: dict[str, float]
    processor: dict[str, float]
    peak: float
    digest: str


def now() -> Version:
    """The version of this checkout."""
    return Version("now", ROOT / "src")


@contextmanager
def earlier(revision: str) -> Iterator[Version]:
    """The package as a revision of the repository has it.

    Raises
    ------
    SystemExit
        If git does not know it.
    """
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder) / "src.tar"
        command = ["git", "-C", str(ROOT), "archive", "--output", str(archive), revision, "src"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"--before {revision}: {done.stderr.strip() or 'git cannot give it'}")
        with tarfile.open(archive) as packed:
            packed.extractall(folder, filter="data")
        yield Version("before", Path(folder) / "src")


def measure(versions: Sequence[Version], path: Path, n_threads: int, repeats: int) -> dict[str, Measured]:
    """Run versions in turns on the field in a file, each run in a process of its own; the quickest of each, by name."""
    best: dict[str, Measured] = {}
    for turn in range(repeats):
        for version in versions if turn % 2 == 0 else reversed(versions):
            found = _run(version, path, n_threads)
            if version.name not in best or found.seconds["all"] < best[version.name].seconds["all"]:
                best[version.name] = found
    return best


def report(versions: Sequence[Version], path: Path, title: str, repeats: int) -> None:
    """Print the stages of all versions on a field, with one and two cores, and whether their labels are the same."""
    names = [version.name for version in versions]
    digests = set()
    for n_threads in THREADS:
        best = measure(versions, path, n_threads, repeats)
        digests |= {found.digest for found in best.values()}
        print(f"\n{title}, {n_threads} core{'s' if n_threads > 1 else ''}: ms, and of processor time")
        print(f"{'':<12}" + "".join(f"{name:>10}{'(cpu)':>10}" for name in names) + _if_two(names, f"{'ratio':>8}"))
        for stage in (*STAGES, "all"):
            cells = [f"{1e3 * best[n].seconds[stage]:>10,.0f}{1e3 * best[n].processor[stage]:>10,.0f}" for n in names]
            times = [best[name].seconds[stage] for name in names]
            print(f"{stage:<12}" + "".join(cells) + _if_two(names, f"{times[0] / max(times[-1], 1e-9):>7.1f}x"))
        peaks = ", ".join(f"{name} {best[name].peak:,.0f}" for name in names)
        print(f"peak memory of the process, MiB: {peaks}")
    print(f"labels the same to the byte, whatever the {_if_two(names, 'version and the ')}cores: {len(digests) == 1}")


def report_growth(sizes: Sequence[int], folder: Path) -> None:
    """Print time and memory over the number of measurements, and the power that the time grows with."""
    print(f"\n{'px':>6}{'spectra':>11}" + "".join(f"{stage:>11}" for stage in (*STAGES, "all")) + f"{'peak, MiB':>11}")
    numbers, times = [], []
    for size in sizes:
        path = folder / f"{size}.gdls.zarr"
        # Simulated in another process than segmented: its memory does not count.
        subprocess.run(
            [sys.executable, "-m", "benchmarks.stages", str(path), "--write", str(size)], check=True, cwd=ROOT
        )
        found = _run(now(), path, max(THREADS))
        numbers.append(int(found.seconds["spectra"]))
        times.append(found.seconds["all"])
        cells = "".join(f"{found.seconds[stage]:>11.3f}" for stage in (*STAGES, "all"))
        print(f"{size:>6}{numbers[-1]:>11,}{cells}{found.peak:>11,.0f}", flush=True)
    if len(sizes) > 1:
        power = np.polyfit(np.log(numbers), np.log(times), 1)[0]
        last = np.log(times[-1] / times[-2]) / np.log(numbers[-1] / numbers[-2])
        print(f"time grows with the power {power:.2f} of the number of spectra; between the last two with {last:.2f}")


def report_labels(versions: Sequence[Version], fields: Iterable[tuple[str, Field]], folder: Path) -> None:
    """Print on how many fields all versions give the same labels, to the byte, and on which they do not."""
    folder.mkdir()
    for name, field in fields:
        write_field(folder / f"{name}.gdls.zarr", field)
    found = [json.loads(_answer(version, folder, max(THREADS), "--digests")) for version in versions]
    other = [name for name in found[0] if len({digests[name] for digests in found}) > 1]
    print(f"\nlabels the same to the byte on {len(found[0]) - len(other)} of {len(found[0])} fields", end="")
    print(f"; others on {', '.join(other)}" if other else "")


def _if_two(names: Sequence[str], text: str) -> str:
    return text if len(names) > 1 else ""


def _run(version: Version, path: Path, n_threads: int) -> Measured:
    return Measured(*json.loads(_answer(version, path, n_threads)))


def _answer(version: Version, path: Path, n_threads: int, *options: str) -> str:
    """Last line that this file prints, run by a version of the program."""
    numbers = {name: str(n_threads) for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}
    environment = os.environ | numbers | {"PYTHONPATH": os.pathsep.join((str(version.source), str(ROOT)))}
    command = [sys.executable, "-m", "benchmarks.stages", str(path), "--threads", str(n_threads), *options]
    answer = subprocess.run(command, check=True, capture_output=True, text=True, env=environment, cwd=path.parent)
    return answer.stdout.splitlines()[-1]


def _measure_here(path: Path, n_threads: int) -> Measured:
    """In a process of its own: segment a field once for what is compiled and loaded, and then for the figures."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:n_threads])
    import torch

    from benchmarks.machine import peak_memory
    from napari_gdls import segment
    from napari_gdls.io import read_field

    torch.set_num_threads(n_threads)
    segment(read_field(path), device="cpu")
    field = read_field(path)  # nothing of it is known from the run before
    clock = _StageClock()
    seconds, processor = time.perf_counter(), time.process_time()
    result = segment(field, device="cpu", progress=clock)
    seconds, processor = time.perf_counter() - seconds, time.process_time() - processor
    return Measured(
        {stage: clock.seconds.get(stage, 0.0) for stage in STAGES} | {"all": seconds, "spectra": field.n_measurements},
        {stage: clock.processor.get(stage, 0.0) for stage in STAGES} | {"all": processor},
        peak_memory(),
        _digest(result),
    )


def _digest(result: Segmentation) -> str:
    digest = hashlib.sha256()
    for array in (result.labels, result.phases, result.measurement_labels):
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def _digests(folder: Path) -> dict[str, str]:
    """Of the results on all fields in a folder, by name."""
    from napari_gdls import segment
    from napari_gdls.io import read_field

    return {path.name: _digest(segment(read_field(path), device="cpu")) for path in sorted(folder.iterdir())}


class _StageClock:
    """A `Progress` that notes how long each stage took, from its first report to its last."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.processor: dict[str, float] = {}
        self._begun: dict[str, tuple[float, float]] = {}

    def __call__(self, stage: str, _: float, /) -> None:
        here = time.perf_counter(), time.process_time()
        begun = self._begun.setdefault(stage, here)
        self.seconds[stage], self.processor[stage] = here[0] - begun[0], here[1] - begun[1]


def main() -> None:
    """Parts that run in processes of their own."""
    parser = argparse.ArgumentParser(description="Parts of `benchmarks.speed`; run that.")
    parser.add_argument("path", type=Path)
    parser.add_argument("--threads", type=int, default=max(THREADS))
    parser.add_argument("--write", type=int, metavar="SIZE")
    parser.add_argument("--digests", action="store_true")
    options = parser.parse_args()
    if options.write is not None:
        from benchmarks.reference_field import large_field

        write_field(options.path, large_field(options.write))
        return
    if options.digests:
        print(json.dumps(_digests(options.path)))
        return
    print(json.dumps(_measure_here(options.path, options.threads)))


if __name__ == "__main__":
    main()
