"""What a GPU is worth: ``python -m benchmarks.gpu``. Says so where there is none.

One run prints, for 1,000 to 305,000 spectra, the time of the embedding on the CPU and on each device that torch finds,
and from how many spectra on the device is quicker; for the largest field the stages of `segment` that a device could
take over, to say what more could be had; and whether the labels with the embedding of the device are those of the CPU,
or on which share of the pixels they differ, and how far the vectors do.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

import numpy as np

from benchmarks.machine import machine, timed
from benchmarks.reference_field import large_field
from napari_gdls import Field, embed, segment
from napari_gdls.embedding.inference import available_devices
from napari_gdls.field.joining import evenly_thinned

NUMBERS = (1_000, 3_000, 10_000, 30_000, 100_000)
"""Spectra that are embedded, besides all of the field."""

REPEATS = 3
"""Of each time, of which the least counts; the first finds the device at rest, and is told apart."""


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=2000, help="height and width of the field, px (default 2000)")
    options = parser.parse_args(arguments)
    print(machine())
    devices = [device for device in available_devices() if device != "cpu"]
    if not devices:
        print("no GPU here: torch finds no device but the CPU, and nothing is measured.")
        return 0
    field = large_field(options.size)
    for device in devices:
        report_crossover(field, device, [n for n in NUMBERS if n < field.n_measurements])
        report_labels(field, device)
    return 0


def report_crossover(field: Field, device: str, numbers: Sequence[int]) -> None:
    """Print the time of the embedding on the CPU and on a device, and where the device begins to be quicker."""
    first = timed(embed, field, device=device)[1]
    print(f"\n{device}: {field.n_measurements:,} spectra the first time: {first}")
    print(f"{'spectra':>10}{'cpu, ms':>10}{device + ', ms':>12}{'ratio':>8}")
    quicker_from = None
    for n in (*numbers, field.n_measurements):
        part, _ = evenly_thinned(field, n / field.n_measurements)
        cpu, other = (
            min(timed(embed, part, device=name)[1].elapsed for _ in range(REPEATS)) for name in ("cpu", device)
        )
        print(f"{part.n_measurements:>10,}{1e3 * cpu:>10.1f}{1e3 * other:>12.1f}{cpu / other:>7.1f}x")
        if cpu <= other:
            quicker_from = None
        elif quicker_from is None:
            quicker_from = part.n_measurements
    print(
        f"{device} is quicker from about {quicker_from:,} spectra on" if quicker_from else f"{device} is never quicker"
    )


def report_labels(field: Field, device: str) -> None:
    """Print whether a device gives the labels of the CPU, and the stages that remain on the CPU."""
    expected, found = (segment(field, device=name) for name in ("cpu", device))
    difference = float(np.abs(expected.embedding - found.embedding).max())
    differing = float((expected.labels != found.labels).mean())
    print(f"vectors differ by {difference:.1e} at most; labels on {100 * differing:.4f} % of the pixels")
    stages = ", ".join(f"{stage} {seconds:.2f} s" for stage, seconds in found.timings.items())
    print(f"stages with the embedding on {device}: {stages}")


if __name__ == "__main__":
    sys.exit(main())
