"""Speed of two versions of the package beside each other: ``python -m benchmarks.versions OTHER_CHECKOUT``.

Segments the same fields with the version at hand and with that of another checkout (``git worktree add ../before
COMMIT``). Each version runs in a process of its own that stays alive, and both take turns, so that a machine that is
busy for a while is so for both. What counts is the processor time on one thread: the median over the pairs of
its ratio, new over old, with the quartiles of the pairs.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

import numpy as np

FIELDS = ("synthetic", "dacite-fast", "dacite")
"""Names of sample fields."""

PAIRS = 7
"""Runs of each version on each field."""

ALLOWED = 1.03
"""Largest ratio that passes."""

ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")
"""Threads that wait for each other take processor time, the more the busier the machine is."""

ROOT = Path(__file__).resolve().parents[1]


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.versions", description=__doc__.splitlines()[0])
    parser.add_argument("other", type=Path, help="folder of the checkout to compare with")
    parser.add_argument("--fields", nargs="+", default=list(FIELDS), metavar="NAME", help="sample fields")
    parser.add_argument("--pairs", type=int, default=PAIRS, help=f"runs of each version (default {PAIRS})")
    parser.add_argument("--run", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.run:
        return _serve(options.other)
    if not (options.other / "src" / "napari_gdls").is_dir():
        parser.error(f"{options.other} is no checkout of this package")
    if options.pairs < 1:
        parser.error("--pairs must be 1 or more")
    print(f"{'field':14s}{'old, s':>9}{'new, s':>9}{'ratio':>8}{'quartiles':>16}  labels")
    passed = [compare(name, options.other.resolve(), options.pairs) for name in options.fields]
    return 0 if all(passed) else 1


def compare(name: str, other: Path, pairs: int) -> bool:
    """Print the times of both versions on a field; whether the new one is no slower and finds the same labels."""
    with ExitStack() as stack:
        versions = [stack.enter_context(_version(checkout)) for checkout in (other, ROOT)]
        digests = [_ask(version, name)[1] for version in versions]  # compiles, too
        seconds = np.array([_turn(versions, name, first=pair % 2) for pair in range(pairs)])
    ratios = seconds[:, 1] / seconds[:, 0]
    low, ratio, high = np.quantile(ratios, [0.25, 0.5, 0.75])
    old, new = np.median(seconds, axis=0)
    same = digests[0] == digests[1]
    print(
        f"{name:14s}{old:>9.2f}{new:>9.2f}{ratio:>8.3f}{f'{low:.3f} - {high:.3f}':>16}  "
        f"{'the same' if same else 'DIFFER'}; {'met' if ratio <= ALLOWED else 'MISSED'}",
        flush=True,
    )
    return bool(same and ratio <= ALLOWED)


def _turn(versions: Sequence[subprocess.Popen[str]], name: str, *, first: int) -> list[float]:
    """Processor seconds of the old and of the new version, of which number `first` runs first."""
    seconds = [0.0, 0.0]
    for which in (first, 1 - first):
        seconds[which] = _ask(versions[which], name)[0]
    return seconds


@contextmanager
def _version(checkout: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that segments with the package of a checkout."""
    command = [sys.executable, str(Path(__file__).resolve()), "--run", str(checkout)]
    environment = {**os.environ, **ONE_THREAD, "PYTHONPATH": str(checkout / "src")}
    process = subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        _pipe(process.stdin).close()
        process.wait()


def _ask(version: subprocess.Popen[str], name: str) -> tuple[float, str]:
    """Processor seconds of one segmentation, and a digest of its labels."""
    question, answers = _pipe(version.stdin), _pipe(version.stdout)
    question.write(f"{name}\n")
    question.flush()
    answer = answers.readline()
    if not answer:
        raise SystemExit("one of the versions ended; what it wrote stands above.")
    seconds, digest = json.loads(answer)
    return float(seconds), str(digest)


def _pipe(stream: IO[str] | None) -> IO[str]:
    assert stream is not None
    return stream


def _serve(checkout: Path) -> int:
    """In a process of its own: segment the fields whose names come in, until none comes."""
    import hashlib

    import napari_gdls

    if not Path(napari_gdls.__file__).resolve().is_relative_to(checkout.resolve()):
        raise SystemExit(f"{napari_gdls.__file__} is not the package of {checkout}.")
    for line in sys.stdin:
        field = napari_gdls.sample_field(line.strip())
        start = time.process_time()
        labels = napari_gdls.segment(field).labels
        seconds = time.process_time() - start
        print(json.dumps([seconds, hashlib.sha256(labels.tobytes()).hexdigest()]), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
