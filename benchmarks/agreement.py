"""How well phases agree from one measurement to another: ``python -m benchmarks.agreement [--quick]``.

One run prints three tables, of the default method with its defaults: how far parts of a field, segmented alone, agree
with the whole; how far short measurements of the dacite agree with the longest one at hand; and how many phases are
found on rough surfaces, beside the number of true ones.

Agreement is the share of the pixels, of those labelled in both, that have the same phase. As phases have no names
beyond their run, they are matched in two ways: "one to one", the best matching of phases to phases, by area, where what
one side splits is lost; and "majority", where each phase counts as the one of the whole, the longest measurement or the
truth that it shares most of its area with, which forgives splitting, and so flatters results of many phases.

Thinned measurements hold counts of the one that they are compared with, which flatters them; the sample "dacite-fast"
and two halves of the counts, compared with one another, do not.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment
from skimage.metrics import contingency_table

from benchmarks.machine import machine
from benchmarks.segmentation.fields import COLUMBITES, GABBRO, GARNETS, PLAGIOCLASES, SIZE
from benchmarks.segmentation.scores import LEAST_COUNTED, n_true_phases
from napari_gdls import Field, Segmentation, sample_field, segment, simulate_field
from napari_gdls.simulation import ROCK, Disturbances, RockMineral

DOSES = (18.0, 101.0, 513.0, 1000.0, 2800.0)
"""Counts per spectrum that the dacite is thinned to: next to nothing, those of the sample "dacite-fast", five times as
many, those of `COUNTS`, and half of all. A choice."""

TILTS = (0.0, 4.0, 12.0, 25.0)
"""Degrees, standard deviation of the tilt of grains: flat, polished with some relief, rough, a powder. A choice."""

COUNTS = 1000.0
"""Expected counts per spectrum of the rough fields: the default of `simulate_field`."""

THINNINGS = (0, 1, 2)
"""Seeds of the thinnings."""

SEEDS = (201, 202, 203)
"""Seeds of the rough fields. No constant of the methods was chosen on them."""

QUICK_SIZE = 120
"""Height and width of the rough fields of a quick run, in pixels."""

HARD_PAIRS = tuple(
    RockMineral(name, formula, 1.0)
    for name, formula in (
        *list(GARNETS.values())[:2],
        *PLAGIOCLASES.values(),
        *COLUMBITES.values(),
        *((each.name, each.formula) for each in GABBRO if each.name.startswith("Fo")),
        *((each.name, each.formula) for each in ROCK if "biotite" in each.name or "almandine" in each.name),
        ("calcite", "CaCO3"),
        ("magnesian calcite", "Ca0.9Mg0.1CO3"),
    )
)
"""Seven pairs that are hard to tell apart, equally frequent."""

Crop = tuple[int, int, int, int]
"""First row, row behind the last, first column, column behind the last."""


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.agreement", description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="quarters; two doses; small fields of one seed, two tilts")
    parser.add_argument("--seeds", nargs="+", type=int, default=None, metavar="N", help=f"default: {SEEDS}")
    options = parser.parse_args(arguments)
    seeds = options.seeds or (SEEDS[:1] if options.quick else SEEDS)

    print(machine())
    print_crops(sample_field("synthetic"), quarters_only=options.quick)
    dacite, fast = sample_field("dacite"), sample_field("dacite-fast")
    if options.quick:
        print_doses(dacite, fast, DOSES[1:3], THINNINGS[:1])
        print_rough(seeds, (TILTS[0], TILTS[2]), QUICK_SIZE)
    else:
        print_doses(dacite, fast, DOSES, THINNINGS)
        print_rough(seeds, TILTS, SIZE)
    return 0


def agreements(phases: npt.NDArray[np.int32], reference: npt.NDArray[np.int32]) -> tuple[float, float]:
    """Shares of the pixels that agree, matched one to one and by majority; 0 is no phase.

    Parameters
    ----------
    phases, reference : (H, W) arrays of int32
    """
    both = (phases > 0) & (reference > 0)
    area = contingency_table(phases[both], reference[both], sparse_type="array").toarray()
    rows, columns = linear_sum_assignment(area, maximize=True)
    total = max(float(area.sum()), 1.0)
    return float(area[rows, columns].sum()) / total, float(area.max(axis=1).sum()) / total


def crops(shape: tuple[int, int], *, quarters_only: bool = False) -> Iterator[Crop]:
    """Quarters of an image, and halves of its height and of its width, each begun at 0, 1/4 and 1/2."""
    height, width = shape
    for row in (0, height // 2):
        for column in (0, width // 2):
            yield row, row + height // 2, column, column + width // 2
    if not quarters_only:
        for row in (0, height // 4, height // 2):
            yield row, row + height // 2, 0, width
        for column in (0, width // 4, width // 2):
            yield 0, height, column, column + width // 2


def cropped(field: Field, crop: Crop) -> Field:
    """A part of a field, as if nothing else had been measured."""
    top, bottom, left, right = crop
    row, column = field.locations.T
    inside = (row >= top) & (row < bottom) & (column >= left) & (column < right)
    return Field(
        field.bse[top:bottom, left:right],
        field.spectra[inside],
        field.locations[inside] - (top, left),
        field.energy,
        sampling_distance=field.sampling_distance,
        pixel_size=field.pixel_size,
        beam_energy=field.beam_energy,
        valid=field.valid[top:bottom, left:right],
        bse_full_scale=field.bse_full_scale,
        gain=1.0,
        name=field.name,
    )


def halves(field: Field, seed: int) -> tuple[Field, Field]:
    """Two fields that share out the counts of one: measurements of half the time, independent of each other."""
    first = field.thinned(0.5, seed)
    return first, field.with_spectra(field.spectra - first.spectra)


def print_crops(field: Field, *, quarters_only: bool) -> None:
    """Parts of a field against the whole."""
    whole = segment(field).phase_map()
    print(f"\nParts of the sample '{field.name}', segmented alone, against the whole ({n_counted(whole)} phases)")
    _row("rows, columns", "phases", "one to one", "majority")
    found = []
    for crop in crops(field.shape, quarters_only=quarters_only):
        top, bottom, left, right = crop
        part = segment(cropped(field, crop)).phase_map()
        found.append(agreements(part, whole[top:bottom, left:right]))
        _row(f"{top}-{bottom}, {left}-{right}", n_counted(part), *found[-1])
    for name, statistic in (("mean", np.mean), ("least", np.min), ("most", np.max)):
        _row(name, "", *statistic(found, axis=0))


def print_doses(field: Field, fast: Field, doses: Iterable[float], thinnings: Sequence[int]) -> None:
    """Short measurements of a field against the longest one at hand; `fast` is a short one that was really made."""
    longest = segment(field).phase_map()
    counts = float(np.median(field.total_counts))
    print(
        f"\nDoses: the longest measurement at hand, the sample '{field.name}', is the reference: "
        f"{counts:,.0f} counts\nper spectrum above 50 eV, {n_counted(longest)} phases. Means of thinnings with seeds "
        f"{_listed(thinnings)}"
    )
    _row("counts per spectrum", "phases", "one to one", "majority")
    for dose in doses:
        runs = [segment(field.thinned(dose / counts, seed)).phase_map() for seed in thinnings]
        _mean_row(f"{dose:,.0f}, thinned", runs, [agreements(run, longest) for run in runs])
    run = segment(fast).phase_map()
    _mean_row(f"{np.median(fast.total_counts):,.0f}, measured", [run], [agreements(run, longest)])
    pairs = [[segment(half).phase_map() for half in halves(field, seed)] for seed in thinnings]
    both_ways = [agreements(*each) for pair in pairs for each in (pair, pair[::-1])]
    _mean_row("half against half", [run for pair in pairs for run in pair], both_ways)


def print_rough(seeds: Sequence[int], tilts: Iterable[float], size: int) -> None:
    """Phases found on rough surfaces beside true ones."""
    print(
        f"\nRough surfaces: phases over {100 * LEAST_COUNTED:g} % of the area, and agreement with the truth; "
        f"{size} x {size} px,\n{COUNTS:,.0f} counts, means of seeds {_listed(seeds)}"
    )
    _row("field, tilt of grains", "true", "found", "one to one", "majority")
    for name, minerals in (("rock", ROCK), ("hard pairs", HARD_PAIRS)):
        for tilt in tilts:
            fields = [rough_field(minerals, tilt, seed, size) for seed in seeds]
            runs = [segment(field) for field in fields]
            _row(
                f"{name}, {tilt:g} deg",
                f"{np.mean([n_true_phases(field) for field in fields]):.1f}",
                f"{np.mean([n_counted(run.phase_map(), LEAST_COUNTED) for run in runs]):.1f}",
                *np.mean([_against_truth(*each) for each in zip(runs, fields, strict=True)], axis=0),
            )


def rough_field(minerals: Sequence[RockMineral], tilt: float, seed: int, size: int = SIZE) -> Field:
    """A drawn texture whose grains are tilted by so many degrees (standard deviation)."""
    return simulate_field(
        (size, size),
        seed=seed,
        counts=COUNTS,
        dots="tima",
        minerals=minerals,
        disturbances=Disturbances(grain_tilt=tilt),
    )


def n_counted(phases: npt.NDArray[np.int32], least: float = 0.0) -> int:
    """Phases with more than a share of the labelled area."""
    area = np.bincount(phases.ravel())[1:]
    return int(np.count_nonzero(area > least * area.sum()))


def _against_truth(run: Segmentation, field: Field) -> tuple[float, float]:
    return agreements(run.phase_map(), field.metadata["truth_phases"])


def _mean_row(name: str, runs: Sequence[npt.NDArray[np.int32]], found: Sequence[tuple[float, float]]) -> None:
    _row(name, f"{np.mean([n_counted(run) for run in runs]):.1f}", *np.mean(found, axis=0))


def _row(name: str, *cells: object) -> None:
    print(f"{name:24s}" + "".join(f"{_shown(cell):>12s}" for cell in cells), flush=True)


def _shown(cell: object) -> str:
    return f"{cell:.3f}" if isinstance(cell, float) else str(cell)


def _listed(values: Iterable[int]) -> str:
    return ", ".join(map(str, values))


if __name__ == "__main__":
    sys.exit(main())
