"""What the map of a large section takes: ``python -m benchmarks.mosaic [--quick]``.

Fields whose labels are made up (round grains in a matrix) are put together to a mosaic of 40,000 x 40,000 pixels, in a
process of its own, whose peak of memory is read at the end; then it is opened in napari, until its first picture.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.machine import machine
from napari_gdls.batch.field_parts import Parts
from napari_gdls.batch.field_results import FieldResult, read_field_result, write_field_result
from napari_gdls.batch.layout import Layout
from napari_gdls.batch.mosaic_writing import write_mosaic
from napari_gdls.batch.places import places_of
from napari_gdls.batch.section_phases import SectionPhases
from napari_gdls.energy import EnergyAxis
from napari_gdls.phases.sums import Pool

SIDE, FIELD = 40_000, 2000
"""Pixels a side of the mosaic, and of a field."""

GRAINS = 300
"""In a field."""

_AXIS = EnergyAxis(0.0, 10.0, 4)
"""Four channels of 10 eV: there are no spectra that matter."""


def make(folder: Path, side: int, field: int) -> None:
    """Results of fields with round grains of two phases in a third; nine different ones, again and again."""
    made = []
    for seed in range(9):
        rng = np.random.default_rng(seed)
        phase = np.zeros((field, field), dtype=np.int8)
        labels = np.ones((field, field), dtype=np.int32)
        for k in range(GRAINS):
            radius = int(rng.integers(5, 60))
            row, column = rng.integers(radius, field - radius, 2)
            span = np.arange(-radius, radius + 1)
            disc = span[:, None] ** 2 + span[None, :] ** 2 <= radius**2
            box = (slice(row - radius, row + radius + 1), slice(column - radius, column + radius + 1))
            labels[box][disc] = k + 2
            phase[box][disc] = 1 + k % 2
        present, inverse = np.unique(labels, return_inverse=True)
        labels = (inverse.reshape(labels.shape) + 1).astype(np.int32)
        part = np.where(present == 1, 0, 1 + present % 2)
        bse = (60 + 60 * phase + rng.normal(0, 4, phase.shape)).astype(np.uint8)
        n = len(present)
        parts = Parts(
            Pool(np.ones((3, 2), dtype=np.int64), np.eye(3, 2), np.ones(3, dtype=np.int64), np.zeros(3)),
            np.ones((3, 4)), np.ones(3, bool), np.zeros(3, bool), np.arange(3), np.ones(3), np.zeros(3),
            np.empty((0, 2), dtype=np.int64), np.empty(0, dtype=np.int64), np.zeros((3, 3), dtype=np.int64),
        )  # fmt: skip
        result = FieldResult(
            name="", key="", parts=parts, energy=_AXIS, total_spectrum=np.zeros(4), n_measurements=1,
            shape=labels.shape, bse_full_scale=255.0, pixel_size=0.5, beam_energy=20.0, sampling_distance=1.0,
            scale={"c": 0.1}, part_of_segment=part.astype(np.int64), labels=labels,
            segments={"label": np.arange(1, n + 1), "measurements": np.ones(n, int), "counts": np.ones(n)},
            confidence=np.full(labels.shape, 250, np.uint8), bse=bse, valid=np.ones(labels.shape, bool),
        )  # fmt: skip
        made.append(result)

    n = side // field
    for number in range(n * n):
        name = f"{number:05d}"
        target = folder / f"{name}.gdls-field"
        if number < 9:
            write_field_result(target, dataclasses.replace(made[number], name=name))
        else:
            target.symlink_to(folder / f"{number % 9:05d}.gdls-field")


def write(folder: Path, side: int, field: int) -> None:
    """Write the mosaic, and say what it took."""
    n = side // field
    names = tuple(f"{number:05d}" for number in range(n * n))
    results = {name: folder / f"{name}.gdls-field" for name in names}
    corners = np.array([(field * (k // n), field * (k % n)) for k in range(n * n)], dtype=float)
    places = places_of(names, corners, np.full((n * n, 2), field), pixel_size=0.5)
    pool = read_field_result(results[names[0]], images=False).parts.pool
    phases = SectionPhases(
        pool=pool, spectra=np.ones((3, 4)), energy=_AXIS, inside=np.ones(3, bool), intergrown=np.zeros(3, bool),
        borders=np.zeros((3, 3), dtype=np.int64), points=np.ones(3),
        of_parts={f"{k:05d}": np.arange(3) for k in range(n * n)},
    )  # fmt: skip
    start, cpu = time.perf_counter(), time.process_time()
    done = write_mosaic(Layout(folder), places, phases, results, names=["matrix", "a", "b"], colours=np.eye(3))
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    peak = next(int(line.split()[1]) for line in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in line)
    size = sum(path.stat().st_size for path in done.mosaic.rglob("*") if path.is_file())
    print(
        f"{side:,} x {side:,} px of {n * n:,} fields, {done.n_segments:,} segments: {seconds:.0f} s, {cpu:.0f} s CPU, "
        f"peak {peak / 2**20:.2f} GiB, {size / 2**20:,.0f} MiB written"
    )


def show(folder: Path) -> None:
    """Open the mosaic in a window that is there already, until its first picture is drawn."""
    import napari
    from qtpy.QtWidgets import QApplication

    from napari_gdls.plugin.layers.mosaics import mosaic_layers

    viewer = napari.Viewer()
    QApplication.processEvents()
    start = time.perf_counter()
    for layer in mosaic_layers(Layout(folder).mosaic):
        viewer.add_layer(layer)
    viewer.window.screenshot(flash=False)
    print(f"opened in napari: {time.perf_counter() - start:.1f} s to the first picture")
    viewer.close()


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.mosaic", description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a mosaic of 6,000 x 6,000 px")
    parser.add_argument("--part", choices=["write", "show"], help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    side = 6000 if options.quick else SIDE
    if options.part == "write":
        write(options.folder, side, FIELD)
        return 0
    if options.part == "show":
        show(options.folder)
        return 0
    print(machine())
    with tempfile.TemporaryDirectory() as name:
        make(Path(name), side, FIELD)
        again = [sys.executable, "-m", "benchmarks.mosaic", "--folder", name] + ["--quick"] * options.quick
        subprocess.run([*again, "--part", "write"], check=True)
        if os.environ.get("DISPLAY"):
            subprocess.run([*again, "--part", "show"], check=True)
        else:
            print("no display: not opened in napari")
    return 0


if __name__ == "__main__":
    sys.exit(main())
