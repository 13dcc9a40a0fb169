"""The simulated films that `benchmarks.overlap` runs on, each with its truth in the metadata."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from napari_gdls import Field
from napari_gdls.energy import EnergyAxis
from napari_gdls.simulation.thin_section import SYSTEMS, simulate_overlapping
from napari_gdls.spectra.detector import Detector

SIZE = (96, 96)
"""Height and width of most fields, in pixels."""

LARGE_SIZE = (200, 300)
"""Of the large field."""

COUNTS = (10.0, 30.0, 100.0, 300.0)
"""Median counts of a pixel."""

SEEDS = (100, 101)
"""No constant of the methods was chosen on fields of seeds from 100 on; 0 to 9 serve for that."""

OTHER_DETECTOR = Detector(fwhm=132.0, window="nitride", tail=0.75, dead_layer=80.0, escape=1.5, pile_up=0.01)
"""With more of a tail, escape peaks, pile-up and dead silicon than any part of the protocol takes for granted."""

TRAPS = ("spinel",)
"""Grains that hold every element of their matrix: no method can tell their share, so a run must say so. They are judged
apart."""

TRACES = {"mantle": ("Nd", "Hf"), "metal": ("Ca", "Ti"), "ceramic": ("Hf", "Ti")}
"""Trace elements by system."""


class Case(NamedTuple):
    """One field of the benchmark."""

    name: str
    system: str
    counts: float
    make: Callable[[], Field]
    what: str


def fields(seeds: Sequence[int] = SEEDS, counts: Sequence[float] = COUNTS) -> list[Case]:
    """The fields of the tables: three systems, each with several counts and seeds."""
    return [_case(system, count, seed) for count in counts for system in SYSTEMS for seed in seeds]


def large_field(seed: int = SEEDS[0]) -> Case:
    """One field of 200 x 300 pixels."""
    return _case("metal", 30.0, seed, LARGE_SIZE, what="large, 200 x 300 px")


def hard_fields(seed: int = SEEDS[0]) -> list[Case]:
    """What the protocol is known to find hard, and what must not lead it astray."""
    without_oxygen = EnergyAxis(830.0, 10.0, 1917)
    return [
        _case("metal", 100.0, seed, what="nested: chromite inside of troilite", nested=True),
        _case("mantle", 100.0, seed, what="grains through the whole film", pierced=True),
        _case("mantle", 100.0, seed, what="spectra from 830 eV on, without O", energy=without_oxygen),
        _case("mantle", 100.0, seed, what="matrix not the largest phase", coverage=0.8, depth=(0.7, 0.95)),
        _case("metal", 100.0, seed, what="another detector", detector=OTHER_DETECTOR),
        _case("metal", 100.0, seed, what="much copper of the grid, 20 %", grid=0.2),
    ]


def _case(
    system: str, counts: float, seed: int, shape: tuple[int, int] = SIZE, *, what: str = "", **options: Any
) -> Case:
    name = f"{system}-{counts:g}-{seed}" + (f" ({what})" if what else "")

    def make() -> Field:
        return simulate_overlapping(shape, system=system, counts=counts, seed=seed, name=name, **options)

    return Case(name, system, counts, make, what or f"{system}, {counts:g} counts, {shape[0]} x {shape[1]} px")
