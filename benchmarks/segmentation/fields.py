"""The fields that `benchmarks.segmentation` runs on: real and drawn textures, painted with simulated spectra."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from benchmarks import SHARED_DATA
from benchmarks.reference_field import example_field
from napari_gdls import Field, simulate_field
from napari_gdls.simulation import ROCK, Disturbances, RockMineral

SIZE = 300
"""Height and width to which textures are cut, in pixels."""

# Drift, charging and the like at the levels that the simulated instruments of the training have at most.
DRIFT = Disturbances(offset_drift=(6.0, -4.0), gain_drift=(0.0015, 0.001))
ZONING = Disturbances(zoning=0.6)
CHARGING = Disturbances(charging=4.0, charged_area=0.1)
TOPOGRAPHY = Disturbances(grain_tilt=4.0, patch_tilt=2.0, counts_spread=0.1)
PILE_UP = Disturbances(pile_up=0.03)
EVERYTHING = Disturbances(
    offset_drift=(4.0, -3.0),
    gain_drift=(0.001, 0.0005),
    zoning=0.6,
    charging=3.0,
    charged_area=0.06,
    grain_tilt=3.0,
    patch_tilt=1.5,
    pile_up=0.02,
    counts_spread=0.1,
)

AS_FOUND = {
    "Actinolite_Mg": "Ca2Mg3.8Fe1.2Si8O22(OH)2",
    "Albite": "Na0.95Ca0.05Al1.05Si2.95O8",
    "Allanite": "Ca1.2Ce0.8Al2FeSi3O12(OH)",
    "Apatite": "Ca5(PO4)3F",
    "Biotite": "KMg1.1Fe1.9AlSi3O10(OH)2",
    "Calcite": "CaCO3",
    "Clinochlore": "Mg3.8Fe1.2Al2Si3O10(OH)8",
    "Hematite_Magnetite": "Fe3O4",
    "Hornblende": "Na0.3Ca1.9Mg2.8Fe1.7Al1.9Si6.6O22(OH)2",
    "K-Feldspar": "K0.85Na0.15AlSi3O8",
    "Microcline": "K0.95Na0.05AlSi3O8",
    "Muscovite": "KAl3Si3O10(OH)2",
    "Muscovite_phengitic": "KAl2.4Mg0.3Fe0.2Si3.2O10(OH)2",
    "Pyrite": "FeS2",
    "Quartz": "SiO2",
    "Rutile": "TiO2",
    "Tremolite": "Ca2Mg5Si8O22(OH)2",
}
"""What the phases of the real textures are made of."""

GARNETS = {
    "Hematite_Magnetite": ("andradite", "Ca3Fe2Si3O12"),
    "Quartz": ("andradite with 18 % grossular", "Ca3Fe1.64Al0.36Si3O12"),
    "Muscovite": ("wollastonite", "CaSiO3"),
}
PLAGIOCLASES = {"Albite": ("An30", "Na0.7Ca0.3Al1.3Si2.7O8"), "Quartz": ("An40", "Na0.6Ca0.4Al1.4Si2.6O8")}
COLUMBITES = {
    "Biotite": ("columbite with 20 % Ta", "MnNb1.6Ta0.4O6"),
    "Quartz": ("columbite with 25 % Ta", "MnNb1.5Ta0.5O6"),
}
"""Pairs that are hard to tell apart, in place of the two commonest phases; the first and the last are the paper's."""

ORE = (
    RockMineral("quartz", "SiO2", 4.0),
    RockMineral("pyrite", "FeS2", 3.0),
    RockMineral("chalcopyrite", "CuFeS2", 2.0),
    RockMineral("sphalerite", "Zn0.9Fe0.1S", 2.0),
    RockMineral("calcite", "CaCO3", 2.0),
    RockMineral("galena", "PbS", 1.0),
    RockMineral("siderite", "FeCO3", 1.0),
    RockMineral("barite", "BaSO4", 1.0),
    RockMineral("arsenopyrite", "FeAsS", 1.0),
)
GABBRO = (
    RockMineral("An60", "Na0.4Ca0.6Al1.6Si2.4O8", 4.0),
    RockMineral("augite", "CaMg0.75Fe0.25Si2O6", 3.0),
    RockMineral("Fo75", "Mg1.5Fe0.5SiO4", 2.0),
    RockMineral("Fo82", "Mg1.64Fe0.36SiO4", 2.0),
    RockMineral("enstatite", "Mg1.6Fe0.4Si2O6", 2.0),
    RockMineral("ilmenite", "FeTiO3", 1.0),
    RockMineral("chromite", "FeCr2O4", 0.5),
    RockMineral("apatite", "Ca5(PO4)3F", 0.5),
)
"""Rocks that were added when the constants of all methods had been chosen on the other fields."""


class Case(NamedTuple):
    """One field of the benchmark."""

    name: str
    make: Callable[[], Field]
    what: str


def fields(size: int = SIZE) -> list[Case]:
    """All fields, each with "truth" and "truth_phases" in its metadata; without the public data only the drawn ones.

    Parameters
    ----------
    size : int
        Textures are drawn, or cut, to ``size`` x ``size`` px.
    """
    return [*(_real_textures(size) if has_textures() else []), *_drawn_textures(size), *_later_rocks(size)]


def has_textures() -> bool:
    """Whether the real textures are at hand."""
    return (SHARED_DATA / "textures").is_dir()


def _real_textures(size: int) -> list[Case]:
    cases = [
        _painted("H08-garnets", "1ff0813f_H08", size, counts=1000, instead=GARNETS),
        _painted("H08-garnets-grey", "1ff0813f_H08", size, counts=3000, instead=GARNETS, bse_noise=0.02),
        _painted("D10", "353a5a30_D10", size, counts=1000),
        _painted("D10-300", "353a5a30_D10", size, counts=300),
        _painted("M03-plagioclases", "353a5a30_M03", size, counts=3000, instead=PLAGIOCLASES),
        _painted("N12-drift", "353a5a30_N12", size, counts=10_000, disturbances=DRIFT),
        _painted("D09-charging", "5c4d2019_D09", size, counts=1000, disturbances=CHARGING),
        _painted("E04-topography", "5c4d2019_E04", size, counts=1000, disturbances=TOPOGRAPHY),
        _painted("E04-columbites", "5c4d2019_E04", size, counts=1000, instead=COLUMBITES),
    ]
    if (SHARED_DATA / "reference" / "bse.png").is_file():
        crop = None if size >= SIZE else size
        cases.append(Case("example", lambda: example_field(crop=crop)[0], "BSE image and dots of the authors' example"))
    return cases


def _drawn_textures(size: int) -> list[Case]:
    return [
        _rock("rock-200", size, counts=200),
        _rock("rock-1000", size, counts=1000),
        _rock("rock-10000", size, counts=10_000),
        _rock("rock-coarse", size, counts=1000, grain_size=40.0, seed=12),
        _rock("rock-fine", size, counts=1000, grain_size=8.0, seed=13),
        _rock("rock-zoning", size, counts=3000, disturbances=ZONING),
        _rock("rock-drift", size, counts=1000, disturbances=DRIFT),
        _rock("rock-charging", size, counts=1000, disturbances=CHARGING),
        _rock("rock-topography", size, counts=3000, disturbances=TOPOGRAPHY),
        _rock("rock-pile-up", size, counts=3000, disturbances=PILE_UP),
        _rock("rock-everything", size, counts=1000, disturbances=EVERYTHING),
        _rock("rock-dense", size // 3, counts=300, dense=True, grain_size=10.0),
    ]


def _later_rocks(size: int) -> list[Case]:
    """Fields that no constant was chosen on."""
    drift = Disturbances(offset_drift=(5.0, -3.0), gain_drift=(0.001, 0.001))
    tilt = Disturbances(grain_tilt=3.0, patch_tilt=1.5)
    return [
        _rock("later-ore-500", size, counts=500, seed=101, minerals=ORE),
        _rock("later-ore-drift", size, counts=2000, seed=102, minerals=ORE, disturbances=drift),
        _rock("later-gabbro", size, counts=1000, seed=103, minerals=GABBRO),
        _rock("later-gabbro-topography", size, counts=4000, seed=104, minerals=GABBRO, disturbances=tilt),
        _rock("later-gabbro-dense", size // 3, counts=400, seed=107, minerals=GABBRO, dense=True, grain_size=12.0),
        _rock("later-gneiss-700", size, counts=700, seed=105),
        _rock("later-gneiss-sparse", size, counts=2000, seed=106, spacing=4.0, grain_size=24.0),
    ]


def _rock(name: str, size: int, *, counts: float, seed: int = 11, **options: Any) -> Case:
    """The gneiss of `simulate_field`, or other minerals in a texture of its kind."""

    def make() -> Field:
        dots = "grid" if options.get("dense") else "tima"
        return simulate_field((size, size), seed=seed, counts=counts, dots=dots, name=name, **options)

    n_minerals = len(options.get("minerals", ROCK))
    return Case(name, make, f"drawn texture of {n_minerals} minerals, {counts:,.0f} counts")


def _painted(
    name: str,
    texture: str,
    size: int,
    *,
    counts: float,
    instead: Mapping[str, tuple[str, str]] | None = None,
    **options: Any,
) -> Case:
    """A real texture, with its own BSE image where the minerals are those it was measured on."""

    def make() -> Field:
        with np.load(SHARED_DATA / "textures" / f"{texture}.npz") as saved:
            phases, names = saved["phase"][:size, :size], [str(each) for each in saved["phase_names"]]
            bse = saved["bse"][:size, :size]
        pairs = [instead[each] if instead and each in instead else (each, AS_FOUND[each]) for each in names]
        return simulate_field(
            seed=7,
            counts=counts,
            dots="tima",
            minerals=[RockMineral(mineral, formula, 1.0) for mineral, formula in pairs],
            texture=phases.astype(np.int32),
            bse=None if instead else bse,
            name=name,
            **options,
        )

    kind = "simulated BSE" if instead else "its own BSE"
    return Case(name, make, f"real texture {texture}, {kind}, {counts:,.0f} counts")


def true_phase_of_measurements(field: Field) -> npt.NDArray[np.int64]:
    """Index of the true phase at every measurement, (N,), from 0."""
    phases: npt.NDArray[np.int32] = field.metadata["truth_phases"]
    return phases[field.locations[:, 0], field.locations[:, 1]].astype(np.int64) - 1
