"""Spectra of known materials as another physics, a rough surface and carbon tape would have them.

The simulator that names are looked up with must not be the one that makes the spectra, or every method looks good. So
each spectrum is made with its own mistakes: a wrong factor for every element, an absorption path that is not that of a
flat surface, carbon tape or a coating, a continuum of another height and slope, a detector and an energy axis that
differ from what the fit is told. The constants stand below.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import numpy.typing as npt

from napari_gdls.elements import SYMBOLS
from napari_gdls.energy import EnergyAxis
from napari_gdls.materials import Materials, Series, load_materials, load_series
from napari_gdls.materials.composition import mass_fractions
from napari_gdls.spectra import Detector, Emission, sample_counts

BEAM_ENERGIES = (15.0, 20.0, 25.0)  # keV
TAKE_OFF = 35.0  # degrees, what the fit is told
NOMINAL = EnergyAxis(0.0, 10.0, 2048)
"""Energy axis that the fit is told."""

FACTOR_ERRORS = ((9, 0.12), (30, 0.06), (94, 0.12))
"""Standard deviation of the logarithm of an element's factor, up to an atomic number."""

OUTLIERS = 0.1
"""Share of elements whose factor is three times as wrong."""

PATH_ERRORS = (0.03, 0.35)
"""Standard deviation of the logarithm of the absorption path: of polished sections, and of rough particles."""

CONTINUUM_HEIGHT, CONTINUUM_SLOPE = 0.15, 0.08
"""Standard deviations of the logarithm of the continuum, and of its change per factor e of energy."""

RESOLUTIONS = (124.0, 134.0)  # eV at Mn K-alpha, from and to
OFFSET_ERROR, GAIN_ERROR = 3.0, 0.0008  # standard deviations: eV; part

ROUGH_SHARE = 0.5
"""Of all spectra, those of rough particles on tape."""

MOST_TAPE = 0.7
"""Largest share of carbon in the mass that a rough particle on tape shows."""

COMMON_WEIGHTS = {1: 1.0, 2: 0.5, 3: 0.12, 4: 0.02, 5: 0.0}
"""How often a material of a commonness is drawn, against one that is rock-forming."""

KINDS = ("named", "series", "natural")
"""Materials drawn: a named one of the library; a member of a solid solution that is in the library; one that is not,
with minor elements."""

MOST_OTHER = 0.8
"""Largest share of the mass of a natural mineral that is another member of its solid solution."""

_TAPE = {"C": 0.80, "O": 0.195, "Si": 0.005}
"""Mass fractions of carbon tape with its adhesive: by eye, as such tapes look."""

_MINOR = {
    "oxide": ("Na", "Mg", "Al", "K", "Ca", "Ti", "Cr", "Mn", "Fe"),
    "sulfide": ("Fe", "Cu", "Zn", "As", "Co", "Ni", "Pb", "Sb"),
}
"""Elements that natural minerals hold in small amounts."""

_MINOR_MEDIAN, _MINOR_SPREAD = 0.003, 0.9  # mass fraction, and standard deviation of its logarithm


@dataclass(frozen=True)
class Specimen:
    """A material with the mistakes of its measurement.

    Attributes
    ----------
    name : str
        Of the species in the library that is nearest.
    kind : str
        One of `KINDS`.
    fractions : (94,) float64
        Mass fractions.
    spectrum : (D,) float64
        Expected, on `NOMINAL`, of sum 1.
    beam_energy : float
    rough : bool
    index : int
        Of the material in the library that is nearest.
    """

    name: str
    kind: str
    fractions: npt.NDArray[np.float64]
    spectrum: npt.NDArray[np.float64]
    beam_energy: float
    rough: bool
    index: int


def specimens(number: int, seed: int, kinds: Sequence[str] = KINDS) -> list[Specimen]:
    """Draw specimens: the same seed gives the same."""
    rng = np.random.default_rng(seed)
    materials = load_materials()
    result = []
    for index in range(number):
        kind = kinds[index % len(kinds)]
        fractions, nearest = _draw(kind, materials, rng)
        beam = float(rng.choice(BEAM_ENERGIES))
        rough = bool(rng.random() < ROUGH_SHARE)
        spectrum = disturbed_spectrum(fractions, beam, rough, rng)
        result.append(Specimen(materials[nearest].name, kind, fractions, spectrum, beam, rough, nearest))
    return result


def counted(specimen: Specimen, counts: float, seed: int) -> npt.NDArray[np.float64]:
    """One spectrum of a specimen, drawn with so many counts."""
    return sample_counts(specimen.spectrum, counts, seed)[0].astype(np.float64)


def _draw(kind: str, materials: Materials, rng: np.random.Generator) -> tuple[npt.NDArray[np.float64], int]:
    compositions = materials.compositions
    pool, weights = _weighted(materials, series=kind == "series")
    index = int(rng.choice(pool, p=weights))
    if kind == "natural":
        fractions = natural_composition(compositions[index], materials[index].group, rng)
        return fractions, nearest_material(fractions, materials)
    return compositions[index].copy(), index


@cache
def _species_commonness(materials: Materials) -> dict[str, int]:
    """Commonness of the most common named material of each group, by the group's first word."""
    best: dict[str, int] = {}
    for material in materials:
        if material.source == "mineral":
            group = plain_group(material.group)
            best[group] = min(best.get(group, 9), material.commonness)
    return best


def plain_group(group: str) -> str:
    """A group without what comes after a comma: "mica, trioctahedral" is "mica"."""
    return group.split(",")[0]


@cache
def _weighted(materials: Materials, *, series: bool) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    groups = _species_commonness(materials)
    pool, weights = [], []
    for index, material in enumerate(materials):
        if (material.source == "series") != series or not material.mass_fractions.keys() - {"C", "H", "O", "N", "B"}:
            continue
        commonness = groups.get(plain_group(material.group), 4) if series else material.commonness
        if COMMON_WEIGHTS[commonness]:
            pool.append(index)
            weights.append(COMMON_WEIGHTS[commonness])
    return np.array(pool), np.array(weights) / sum(weights)


@cache
def _series_of_group() -> dict[str, list[Series]]:
    groups: dict[str, list[Series]] = {}
    for series in load_series():
        groups.setdefault(plain_group(series.group), []).append(series)
    return groups


def natural_composition(
    mineral: npt.NDArray[np.float64], group: str, rng: np.random.Generator
) -> npt.NDArray[np.float64]:
    """Mass fractions of a mineral as nature has it, (94,): part of another member of its group, and minor elements."""
    fractions = mineral
    series = _series_of_group().get(plain_group(group), [])
    if series:
        chosen = series[rng.integers(len(series))]
        other = mass_fractions(dict(chosen.at(chosen.sample(1, int(rng.integers(2**31)))[0]).mass_fractions))[0]
        share = MOST_OTHER * rng.beta(1.0, 3.0)
        fractions = (1 - share) * fractions + share * other
    pool = _MINOR["oxide" if fractions[SYMBOLS.index("O")] > 0.1 else "sulfide"]
    fractions = fractions.copy()
    for element in rng.choice(pool, 3, replace=False):
        fractions[SYMBOLS.index(element)] += _MINOR_MEDIAN * math.exp(_MINOR_SPREAD * rng.standard_normal())
    return fractions / fractions.sum()


def nearest_material(fractions: npt.NDArray[np.float64], materials: Materials) -> int:
    """Index of the material of the least summed difference of mass, of elements that are seen."""
    return int(np.argmin(np.abs(seen(materials.compositions) - seen(fractions)[None]).sum(axis=1)))


def seen(fractions: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Mass fractions without H, He, Li, Be and B."""
    result = np.array(fractions, dtype=np.float64)
    result[..., :5] = 0
    return result


def disturbed_spectrum(
    fractions: npt.NDArray[np.float64], beam_energy: float, rough: bool, rng: np.random.Generator
) -> npt.NDArray[np.float64]:
    """Expected spectrum of a material on `NOMINAL`, of sum 1, with mistakes drawn from `rng`."""
    path = math.exp(PATH_ERRORS[rough] * rng.standard_normal())
    angle = math.degrees(math.asin(np.clip(math.sin(math.radians(TAKE_OFF)) / path, 0.12, 0.985)))
    emission = Emission(beam_energy, angle, elements=[SYMBOLS[k] for k in np.flatnonzero(fractions > 0)])
    intensities = emission.intensities(fractions)[0].astype(np.float64)
    lines = len(emission.lines)
    intensities[:lines] *= _element_factors(rng)[emission.lines.element]
    energies = emission.continuum_energies / 1000
    intensities[lines:] *= np.exp(
        CONTINUUM_HEIGHT * rng.standard_normal() + CONTINUUM_SLOPE * rng.standard_normal() * np.log(energies / 3)
    )
    axis = EnergyAxis(
        NOMINAL.offset + OFFSET_ERROR * rng.standard_normal(),
        NOMINAL.width * (1 + GAIN_ERROR * rng.standard_normal()),
        NOMINAL.size,
    )
    detector = replace(Detector(), fwhm=float(rng.uniform(*RESOLUTIONS)))
    spectrum = intensities @ emission.response(detector, axis)
    share = rng.random() * MOST_TAPE if rough else 0.0
    coating = rng.random() * 0.04
    spectrum = _with_carbon(spectrum, beam_energy, share + coating, detector, axis)
    spectrum = detector.add_pile_up(spectrum[None].astype(np.float32), axis)[0].astype(np.float64)
    return spectrum / spectrum.sum()


def _element_factors(rng: np.random.Generator) -> npt.NDArray[np.float64]:
    bounds, deviations = np.array(FACTOR_ERRORS).T
    deviation = deviations[np.searchsorted(bounds, np.arange(1, len(SYMBOLS) + 1))]
    deviation = deviation * np.where(rng.random(len(SYMBOLS)) < OUTLIERS, 3.0, 1.0)
    return np.exp(np.clip(deviation * rng.standard_normal(len(SYMBOLS)), -0.5, 0.5))


def _with_carbon(
    spectrum: npt.NDArray[np.float64],
    beam_energy: float,
    share: float,
    detector: Detector,
    axis: EnergyAxis,
) -> npt.NDArray[np.float64]:
    """The spectrum with that of tape beside it: `share` of the mass that both show is tape."""
    tape = Emission(beam_energy, TAKE_OFF, elements=list(_TAPE))
    added = tape.intensities(_TAPE)[0].astype(np.float64) @ tape.response(detector, axis)
    return spectrum * (1 - share) + added * share
