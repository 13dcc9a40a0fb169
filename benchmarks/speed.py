"""How long each step takes, beside other ways: ``python -m benchmarks.speed [--quick] [--before REVISION]``.

One run prints: the machine; the time of compilation; each stage of `segment` on the dacite, on a field like the
authors' example and on one of 305,000 spectra, with one core and with two, with ``--before`` beside an earlier
revision; how long new measurements take to join; time and memory as fields grow, up to a million spectra; a table of
the steps from embedded spectra to pixel labels on the example, ours and those of the authors on the same embedding and
equal thresholds, and the multichannel watershed; the scores of both results; the steps on 2,000 x 2,000 px; and the
peak memory of the whole chain. Times are the least of the repeats.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from itertools import chain
from pathlib import Path
from typing import ParamSpec, TypeVar

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from benchmarks import stages
from benchmarks.machine import Time, machine, peak_memory, timed, verdict
from benchmarks.reference_field import example_field, large_field
from benchmarks.segmentation.fields import fields
from napari_gdls import (
    EnergyAxis,
    Field,
    build_graph,
    embed,
    evaluate,
    label_pixels,
    load_embedding,
    sample_field,
    segment,
    watershed,
    write_field,
)
from napari_gdls.field.joining import part_of
from napari_gdls.graph import cut_by_thresholds
from napari_gdls.growing import GrowingField
from napari_gdls.samples import SAMPLES

P = ParamSpec("P")
T = TypeVar("T")

RATIO_TARGET = 15.0  # times as fast as the authors' steps
LARGE_TARGET = 12.0  # seconds without the embedding
MEMORY_TARGET = 1024.0  # MiB

GROWTH = (256, 362, 645, 1140, 2000, 3620)
"""Edges of the fields that show how times grow, in px: 5,000 to 1,000,000 spectra."""

QUICK_SIZE = 100
"""Edges of the fields whose labels are compared in a quick run, in px."""

NEW = 1000
"""Measurements that arrive at a time."""

TAU_B = 0.05  # fraction of the BSE full scale; suits the example field
TAU_Z = 1.0  # delta_z; where one in twenty pairs of equal spectra is parted


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed", description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a 200 x 200 px corner, one repeat, no large field")
    parser.add_argument(
        "--large", action=argparse.BooleanOptionalAction, default=None, help="the 2,000 x 2,000 px field"
    )
    parser.add_argument("--before", metavar="REVISION", help="compare each stage with that of this revision of git")
    parser.add_argument(
        "--only", choices=("stages", "steps"), help="the stages of `segment`, or the steps beside those of the authors"
    )
    parser.add_argument("--repeat", type=int, default=None, help="repeats, of which the quickest counts (default 3)")
    parser.add_argument("--model", default="cosine", help="embedding (default: cosine)")
    parser.add_argument("--memory-of", metavar="FILE", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.memory_of:
        return _print_memory(Path(options.memory_of), options.model)
    if options.repeat is not None and options.repeat < 1:
        parser.error("--repeat must be 1 or more")
    repeats = options.repeat or (1 if options.quick else 3)
    large = not options.quick if options.large is None else options.large

    print(machine())
    small, _ = example_field(crop=64)
    print(f"first run on 64 x 64 px, compilation included: {timed(_chain, small, options.model)[1]}\n")
    if options.only != "steps":
        report_stages(options.before, repeats, quick=options.quick)
    if options.only == "stages":
        return 0
    field, origin = example_field(crop=200 if options.quick else None)
    total = compare(field, origin, options.model, repeats)
    if not options.quick:
        print(verdict("total ratio", total, RATIO_TARGET, "x", higher_is_better=True))
    if large:
        time_large_field(options.model, min(repeats, 2))
    report_memory(field, options.model)
    return 0


def report_stages(before: str | None, repeats: int, *, quick: bool) -> None:
    """Print the stages of `segment` on fields of several sizes, how new measurements join, and how times grow."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        versions = [stages.now()] if before is None else [stack.enter_context(stages.earlier(before)), stages.now()]
        cases = {"dacite": sample_field("dacite"), "example": example_field(crop=150 if quick else None)[0]}
        if not quick:
            cases["large"] = large_field()
        for name, field in cases.items():
            path = Path(folder) / f"{name}.gdls.zarr"
            write_field(path, field)
            stages.report(versions, path, f"{name}, {field.n_measurements:,} spectra", repeats)
        if before is not None:
            several = fields(QUICK_SIZE)[:2] if quick else fields()
            samples = ((name, sample_field(name)) for name in SAMPLES)
            stages.report_labels(
                versions, chain(samples, ((case.name, case.make()) for case in several)), Path(folder) / "all"
            )
        report_joining(cases["example"])
        stages.report_growth(GROWTH[:2] if quick else GROWTH, Path(folder))


def report_joining(field: Field) -> None:
    """Print how long measurements that arrive later take to join graph and merge tree, beside building these anew."""
    n_new = min(NEW, field.n_measurements // 6)
    late = np.sort(np.random.default_rng(0).choice(field.n_measurements, 3 * n_new, replace=False))
    early = np.setdiff1d(np.arange(field.n_measurements), late)
    growing = GrowingField(part_of(field, early, sampling_distance=field.sampling_distance), device="cpu")
    times = [timed(growing.add, field.spectra[new], field.locations[new])[1] for new in np.split(late, 3)]
    least = min(times, key=lambda each: each.elapsed)
    whole, run = timed(segment, field, device="cpu")
    same = np.array_equal(growing.tree.height, whole.tree.height) and np.array_equal(growing.tree.kept, whole.tree.kept)
    print(f"\n{n_new:,} new of {field.n_measurements:,} spectra join graph and tree: {least}; a run on all: {run}")
    print(f"the same tree to the byte: {same}")


def compare(field: Field, origin: str, model: str, repeats: int) -> float:
    """Print scores and times of our steps and of the authors'; the ratio of the total times."""
    from napari_gdls.methods.published.measurements import components, voronoi_edges
    from napari_gdls.methods.published.pixels import component_colours, regions_of_colours

    print(f"{field!r}\n{origin}")
    z, embedding_time = timed(embed, field, model)
    rate = field.n_measurements / embedding_time.elapsed
    print(f"embedding ({model}), the same for both: {embedding_time}, {rate:,.0f} spectra/s\n")
    calibration = load_embedding(model).calibration

    # Their threshold is on the bare distance: the one that means the same at the counts of this field.
    graph = build_graph(field, z, calibration=calibration)
    bare = graph.distance_z > 0
    tau_z = TAU_Z * float(np.median(graph.distance_z[bare] / graph.delta_z[bare]))

    clock = _Clock()
    # Both take turns, so that a machine that is busy for a while is so for both.
    for _ in range(repeats):
        graph = clock("graph", build_graph, field, z, calibration=calibration)
        found = clock("components", cut_by_thresholds, graph, tau_b=TAU_B, tau_z=TAU_Z)
        labels = clock("labelling", label_pixels, field, found)
        edges = clock("their graph", voronoi_edges, field, z, TAU_B, tau_z)
        theirs = clock("their components", components, edges, field.n_measurements)
        colours = clock("their colouring", component_colours, field.locations, theirs)
        their_labels = clock("their walker", regions_of_colours, field, colours)
        clock("watershed", watershed, field)

    rows = [
        ("graph", clock.least("graph"), clock.least("their graph")),
        ("components", clock.least("components"), clock.least("their components")),
        ("labelling", clock.least("labelling"), clock.least("their colouring") + clock.least("their walker")),
    ]
    total = ("total", rows[0][1] + rows[1][1] + rows[2][1], rows[0][2] + rows[1][2] + rows[2][2])
    for name, result in (("ours", labels), ("authors", their_labels)):
        print(f"{name}:\n{evaluate(result, field.metadata['truth'])}\n")
    print(f"{'':<12}{'elapsed, s':^26}{'processor, s':^26}")
    print(f"{'':<12}" + 2 * f"{'ours':>9}{'authors':>9}{'ratio':>8}")
    for name, ours, reference in (*rows, total):
        pairs = ((ours.elapsed, reference.elapsed), (ours.processor, reference.processor))
        print(f"{name:<12}" + "".join(f"{x:>9.3f}{y:>9.3f}{y / x:>7.1f}x" for x, y in pairs))
    colouring, walker = clock.least("their colouring"), clock.least("their walker")
    print(f"authors' labelling: colouring {colouring}, random walker and regions {walker}")
    print(f"multichannel watershed of the same field: {clock.least('watershed')}")
    return total[2].elapsed / total[1].elapsed


def time_large_field(model: str, repeats: int) -> None:
    """Print the times of our steps on a field of 4 million pixels."""
    field = large_field()
    print(f"\n{field!r}")
    z, embedding_time = timed(embed, field, model)
    calibration = load_embedding(model).calibration
    clock = _Clock()
    for _ in range(repeats):
        graph = clock("graph", build_graph, field, z, calibration=calibration)
        found = clock("components", cut_by_thresholds, graph, tau_b=TAU_B, tau_z=TAU_Z)
        clock("labelling", label_pixels, field, found)
    times = [clock.least(step) for step in ("graph", "components", "labelling")]
    total = times[0] + times[1] + times[2]
    print(f"graph {times[0]}, components {times[1]}, labelling {times[2]}; ", end="")
    print(f"together {total}\n{int(found.max()) + 1:,} segments; embedding ({model}) {embedding_time}")
    print(verdict("elapsed without embedding", total.elapsed, LARGE_TARGET, " s", higher_is_better=False))


def report_memory(field: Field, model: str) -> None:
    """Print the peak memory of a fresh process that loads the field and runs the whole chain."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "field.npz"
        counts = sp.csr_array(field.spectra)
        np.savez(
            path, bse=field.bse, locations=field.locations, data=counts.data, indices=counts.indices,
            indptr=counts.indptr, energy=list(field.energy.to_dict().values()), spacing=field.sampling_distance,
        )  # fmt: skip
        command = [sys.executable, "-m", "benchmarks.speed", "--model", model, "--memory-of", str(path)]
        answer = subprocess.run(command, check=True, capture_output=True, text=True)
    imported, loaded, peak = (float(value) for value in answer.stdout.split())
    print(f"\npeak memory of the chain on {field.shape[0]} x {field.shape[1]} px: {peak:,.0f} MiB in all, ", end="")
    print(
        f"{peak - imported:,.0f} MiB above the {imported:,.0f} MiB after the imports (field loaded: {loaded:,.0f} MiB)"
    )
    print(verdict("peak memory", peak, MEMORY_TARGET, " MiB", higher_is_better=False))


def _print_memory(path: Path, model: str) -> int:
    """In a process of its own: memory after the imports, with the field, and at the peak of the chain, in MiB."""
    load_embedding(model).network()
    import napari_gdls.labelling.random_walker  # noqa: F401  (numba)

    figures = [peak_memory()]
    with np.load(path) as saved:
        offset, width, size = saved["energy"]
        axis = EnergyAxis(float(offset), float(width), int(size))
        counts = sp.csr_array(
            (saved["data"], saved["indices"], saved["indptr"]), shape=(len(saved["locations"]), axis.size)
        )
        field = Field(saved["bse"], counts, saved["locations"], axis, sampling_distance=float(saved["spacing"]))
    del counts
    figures.append(peak_memory())
    _chain(field, model)
    figures.append(peak_memory())
    print(*figures)
    return 0


def _chain(field: Field, model: str) -> npt.NDArray[np.int32]:
    labels: npt.NDArray[np.int32] = segment(field, model=model, method="threshold", tau_b=TAU_B, tau_z=TAU_Z).labels
    return labels


class _Clock:
    """Times steps by name, any number of times each."""

    def __init__(self) -> None:
        self.times: dict[str, list[Time]] = {}

    def __call__(self, step: str, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        result, duration = timed(function, *args, **kwargs)
        self.times.setdefault(step, []).append(duration)
        return result

    def least(self, step: str) -> Time:
        """Shortest time of a step."""
        times = self.times[step]
        return Time(min(each.elapsed for each in times), min(each.processor for each in times))


if __name__ == "__main__":
    sys.exit(main())
