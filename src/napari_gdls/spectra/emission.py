"""X-rays that a flat, thick, homogeneous sample emits under the electron beam: characteristic lines and continuum.

A first-order model: enough for textures with known truth, for benchmarks, and for choosing energy windows. Against
measured spectra of standards the shape is right to about a tenth of the counts. Do not quantify with it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache, lru_cache

import numpy as np
import numpy.typing as npt

from napari_gdls.errors import GdlsError
from napari_gdls.spectra.elements import Composition, atomic_number, mass_fractions
from napari_gdls.spectra.transitions import SHELLS, coster_kronig, edge_energy, transitions

_Array = npt.NDArray[np.float64]

# Ionisation cross-section per electron shell, k ln(U) / (U^m Ec^2): k in 1e-20 cm2 keV2, by shell.
_CROSS_SECTION = dict(zip(SHELLS, (7.82, 6.42, 8.06, 16.4, 4.19, 4.98, 10.4, 14.0, 20.9), strict=True))

# L lines of the light transition elements are weaker than yields and cross-sections say (fitted to NIST standards).
_L_CORRECTION = ((20, 21, 22, 26, 27, 28, 29, 30), (0.8, 0.7, 0.47, 0.42, 0.5, 0.65, 0.85, 1.0))

# Kramers' constant in the unit of the lines: the median over 13 measured standards, which lie within a third of it.
_CONTINUUM_SCALE = 4.2e-8


@dataclass(frozen=True)
class Emission:
    """Photons that leave the sample towards the detector, in one arbitrary unit for all samples.

    Attributes
    ----------
    line_element, line_name : tuple of str
        Element and IUPAC name of each line.
    line_energy : (L,) array
        In eV.
    line_intensity : (L,) array
    continuum_energy : (M,) array
        Evenly spaced energies, in eV.
    continuum_intensity : (M,) array
        Per interval of the spacing.
    """

    line_element: tuple[str, ...]
    line_name: tuple[str, ...]
    line_energy: _Array
    line_intensity: _Array
    continuum_energy: _Array
    continuum_intensity: _Array


def emission(
    composition: Composition, *, beam_energy: float = 25.0, take_off: float = 40.0, continuum_step: float = 20.0
) -> Emission:
    """Emission of a thick, flat sample under normal incidence.

    Parameters
    ----------
    composition : str or mapping
        Formula, or masses by element; see `mass_fractions`.
    beam_energy : float
        In keV.
    take_off : float
        Angle between surface and detector, in degrees.
    continuum_step : float
        Spacing of the continuum, in eV.

    Returns
    -------
    Emission

    Raises
    ------
    GdlsError
        If the composition cannot be read, or beam energy or angle are out of range.

    Notes
    -----
    A line's intensity is mass fraction / atomic weight x ionisations x fluorescence yield x radiative rate x absorption
    factor. Ionisations are the integral of the cross-section k ln(U) / (U^m Ec^2) over the stopping power of Bethe
    with the low-energy form of Joy and Luo (1989, doi:10.1002/sca.4950110404), followed by Coster-Kronig transfer
    inside the L and M shells. The absorption factor is Philibert's (1963) with Heinrich's constant; the continuum is
    Kramers' (1923), Z (E0 - E) / E, with the same factor. Backscatter loss and secondary fluorescence are left out.
    """
    if not (math.isfinite(beam_energy) and 1 <= beam_energy <= 400):
        raise GdlsError(f"beam_energy is {beam_energy!r}; it must lie between 1 and 400 keV.")
    if not 5 <= take_off <= 90:
        raise GdlsError(f"take_off is {take_off!r}; it must lie between 5 and 90 degrees.")
    fractions = {element: share for element, share in mass_fractions(composition).items() if share > 0}
    sample = _Sample(fractions, beam_energy, 1 / math.sin(math.radians(take_off)))

    elements: list[str] = []
    names: list[str] = []
    energies: list[float] = []
    generated: list[float] = []
    edges: list[float] = []
    for element in fractions:
        ionisations = _ionisations(element, sample)
        for line in transitions(element):
            if ionisations.get(line.shell, 0.0) > 0:
                elements.append(element)
                names.append(line.name)
                energies.append(line.energy)
                edges.append(edge_energy(element, line.shell))
                generated.append(ionisations[line.shell] * line.rate)
    line_energy = np.array(energies)
    continuum_energy = np.arange(100.0, 1000 * beam_energy, continuum_step)
    kramers = sample.mean_number * (1000 * beam_energy - continuum_energy) / continuum_energy
    return Emission(
        line_element=tuple(elements),
        line_name=tuple(names),
        line_energy=line_energy,
        line_intensity=np.array(generated) * sample.absorption_factor(line_energy, np.array(edges)),
        continuum_energy=continuum_energy,
        continuum_intensity=_CONTINUUM_SCALE
        * continuum_step
        * kramers
        * sample.absorption_factor(continuum_energy, continuum_energy),
    )


class _Sample:
    """What the lines and the continuum of one sample share."""

    def __init__(self, fractions: dict[str, float], beam_energy: float, path_factor: float) -> None:
        self.fractions = fractions
        self.beam_energy = beam_energy
        self.path_factor = path_factor
        self.share = np.array(list(fractions.values()))
        self.number = np.array([atomic_number(element) for element in fractions], dtype=float)
        self.weight = np.array([_atomic_weight(element) for element in fractions])
        self.mean_number = float(self.share @ self.number)
        self.mean_weight = float(self.share @ self.weight)

    def stopping_power(self, energy: _Array) -> _Array:
        """Energy loss per mass thickness at energies in keV, in arbitrary units."""
        # Mean ionisation potential of Berger and Seltzer (1964), in keV.
        potential = 1e-3 * (9.76 * self.number + 58.5 * self.number**-0.19)
        logarithm = np.log(1.166 * (energy[:, None] + 0.85 * potential) / potential)
        return np.asarray((logarithm @ (self.share * self.number / self.weight)) / energy)

    def absorption_factor(self, energy: _Array, edge: _Array) -> _Array:
        """Part of the photons of `energy` (eV) that leave the sample, for an ionisation at `edge` (eV)."""
        chi = self.path_factor * sum(
            share * mass_absorption(element, energy) for element, share in self.fractions.items()
        )
        # Electrons below the edge make no such photon, so the depth falls to 0 as the edge nears the beam energy.
        depth = np.maximum(self.beam_energy**1.65 - (edge / 1000) ** 1.65, 1e-6)
        ratio = chi * depth / 4.5e5
        h = 1.2 * self.mean_weight / self.mean_number**2
        return np.asarray(1 / ((1 + ratio) * (1 + h / (1 + h) * ratio)))


def mass_absorption(element: str, energy: npt.ArrayLike) -> _Array:
    """Photoelectric mass absorption coefficient of an element.

    Parameters
    ----------
    element : str
    energy : array_like
        Photon energies, in eV.

    Returns
    -------
    array of float64
        In cm2/g, shape of `energy`.
    """
    number = atomic_number(element)
    energies = np.asarray(energy, dtype=np.float64)
    values = [_photo_absorption(number, float(value)) for value in energies.ravel()]
    return np.array(values).reshape(energies.shape)


@lru_cache(maxsize=1 << 18)
def _photo_absorption(number: int, energy: float) -> float:
    import xraylib

    try:
        return float(xraylib.CS_Photo_Total(number, energy / 1000))
    except ValueError:
        return 0.0


@cache
def _atomic_weight(element: str) -> float:
    import xraylib

    return float(xraylib.AtomicWeight(atomic_number(element)))


def _ionisations(element: str, sample: _Sample) -> dict[str, float]:
    """Vacancies by shell that the beam makes in one element of a sample, after Coster-Kronig transfer."""
    number = atomic_number(element)
    atoms = sample.fractions[element] / _atomic_weight(element)
    vacancies = {}
    for shell in SHELLS:
        edge = edge_energy(element, shell) / 1000
        if not 0 < edge < sample.beam_energy:
            continue
        energy = np.geomspace(edge, sample.beam_energy, 64)
        overvoltage = energy / edge
        exponent = _cross_section_exponent(shell, number)
        cross_section = _CROSS_SECTION[shell] * np.log(overvoltage) / (overvoltage**exponent * edge**2)
        correction = np.interp(number, *_L_CORRECTION) if shell[0] == "L" else 1.0
        vacancies[shell] = (
            atoms * correction * float(np.trapezoid(cross_section / sample.stopping_power(energy), energy))
        )
    for outer in vacancies:
        for inner in vacancies:
            if inner[0] == outer[0] and inner < outer:
                # Inner subshells come first, so their own share of transferred vacancies is already there.
                vacancies[outer] += vacancies[inner] * coster_kronig(element, inner, outer)
    return vacancies


def _cross_section_exponent(shell: str, number: int) -> float:
    if shell == "K":
        return 0.86 + 0.12 * math.exp(-((number / 5) ** 2))
    return 0.82 if shell[0] == "L" else 0.78
