"""Speed, memory and repeatability of whole segmentations, for `benchmarks.segmentation`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import ParamSpec, TypeVar

import numba
import numpy as np
import torch

from benchmarks.machine import verdict
from benchmarks.reference_field import example_field
from benchmarks.segmentation.methods import AUTHORS_TAU_Z, WEIGHTS, authors_vectors
from napari_gdls import Field, Segmentation, segment
from napari_gdls.graph.merging import build_merge_tree
from napari_gdls.methods.published.measurements import PUBLISHED_TAU_B, label_measurements_as_published
from napari_gdls.methods.published.pixels import label_pixels_as_published

P = ParamSpec("P")
T = TypeVar("T")

MOST_WITHOUT_EMBEDDING = 1.5  # seconds, 500 x 500 px with 31,766 dots
MOST_IN_ALL = 3.0  # seconds, the same field
MOST_FOR_A_CUT = 10.0  # ms, at 32,000 dots

REPEATS = 3  # of the example, of which the quickest counts
RUNS = 10  # whose results have to be equal


def report(*, quick: bool = False) -> None:
    """Print everything; `quick` leaves out large fields and repeats less."""
    _warm_up()
    field, origin = example_field(crop=150 if quick else None)
    result = report_example(field, origin, 1 if quick else REPEATS, with_authors=WEIGHTS.is_file() and not quick)
    report_cuts(result)
    report_repeatability(example_field(crop=80 if quick else 200)[0], 3 if quick else RUNS)


def report_example(field: Field, origin: str, repeats: int, *, with_authors: bool) -> Segmentation:
    """Print the times on the example of the authors, beside those of their way."""
    print(f"\nspeed\n{field!r}\n{origin}")
    processor = time.process_time()
    runs = [_timed(segment, field) for _ in range(repeats)]
    processor = (time.process_time() - processor) / repeats
    result, whole = min(runs, key=lambda run: run[1])
    without = whole - result.timings["embedding"]
    stages = ", ".join(f"{stage} {result.timings[stage]:.2f}" for stage in result.timings)
    print(f"ours ({result.recipe.method}): {without:.2f} s and the embedding, {whole:.2f} s in all ({stages})")
    print(f"processor time of all cores together: {processor:.2f} s; on a busy machine that tells more")
    print(verdict("all but the embedding", without, MOST_WITHOUT_EMBEDDING, " s", higher_is_better=False))
    print(verdict("in all", whole, MOST_IN_ALL, " s", higher_is_better=False))
    if with_authors:
        report_authors(field, without, whole)
    return result


def report_authors(field: Field, without: float, whole: float) -> None:
    """Print the times of the published chain beside ours, in seconds, without the embedding and in all."""
    z, embedding = _timed(authors_vectors, field)
    steps = []
    for tau_z in AUTHORS_TAU_Z[1:]:
        found, graph = _timed(label_measurements_as_published, field, z, PUBLISHED_TAU_B[0], tau_z)
        _, pixels = _timed(label_pixels_as_published, field, found)
        steps.append(graph + pixels)
        print(f"authors, tau_z {tau_z:g}: graph {graph:.2f} s, pixels {pixels:.2f} s, {found.max() + 1:,} segments")
    print(
        f"authors: {min(steps):.2f} to {max(steps):.2f} s and the embedding, {embedding:.2f} s; that is "
        f"{min(steps) / without:.1f} x ours without the embedding, {(min(steps) + embedding) / whole:.1f} x with it"
    )


def report_cuts(result: Segmentation) -> None:
    """Print how long new segments of the measurements take after a slider has moved."""
    build_merge_tree(result.field, result.graph)
    tree, built = _timed(build_merge_tree, result.field, result.graph)
    tree.cut(float(np.median(tree.height)))  # compilation is not what is measured
    heights = np.quantile(tree.height, np.linspace(0.05, 0.95, 20))
    times = [1000 * _timed(tree.cut, float(height))[1] for height in heights]
    print(f"\nmerge tree of {tree.n_measurements:,} measurements: {built:.2f} s")
    print(verdict("cut, the slowest of 20", max(times), MOST_FOR_A_CUT, " ms", higher_is_better=False))


def report_repeatability(field: Field, runs: int) -> None:
    """Print whether results are the same to the byte."""
    first = _digest(segment(field))
    same = all(_digest(segment(field)) == first for _ in range(runs - 1))
    print(f"\nthe same labels to the byte, {field.n_measurements:,} measurements")
    print(f"  in {runs} runs: {_yes(same)}")
    for n_threads in (1, 2):
        with _threads(n_threads):
            print(f"  on {n_threads} thread{'s' if n_threads > 1 else ''}: {_yes(_digest(segment(field)) == first)}")
    order = np.random.default_rng(0).permutation(field.n_measurements)
    shuffled = Field(
        field.bse,
        field.spectra[order],
        field.locations[order],
        field.energy,
        sampling_distance=field.sampling_distance,
        beam_energy=field.beam_energy,
        valid=field.valid,
    )
    print(f"  with the measurements shuffled: {_yes(_digest(segment(shuffled)) == first)}")


@contextmanager
def _threads(n: int) -> Iterator[None]:
    """Run the block with so many threads, or as many as there are."""
    before = torch.get_num_threads(), numba.get_num_threads()
    torch.set_num_threads(n)
    numba.set_num_threads(min(n, numba.config.NUMBA_NUM_THREADS))
    try:
        yield
    finally:
        torch.set_num_threads(before[0])
        numba.set_num_threads(before[1])


def _warm_up() -> None:
    """Compile and load everything: that is not what is measured. A smaller field would leave parts out."""
    segment(example_field(crop=150)[0])


def _digest(result: Segmentation) -> tuple[bytes, bytes, bytes]:
    return result.labels.tobytes(), result.measurement_labels.tobytes(), result.phases.tobytes()


def _yes(same: bool) -> str:
    return "yes" if same else "NO"


def _timed(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> tuple[T, float]:
    start = time.perf_counter()
    result = function(*args, **kwargs)
    return result, time.perf_counter() - start
