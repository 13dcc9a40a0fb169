"""X-rays that leave a material under the electron beam, before any detector."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_gdls.checks import checked_number, shown
from napari_gdls.energy import DEFAULT_BEAM_ENERGY, EnergyAxis
from napari_gdls.errors import RecipeError
from napari_gdls.materials.composition import N_ELEMENTS, Compositions, atomic_number, mass_fractions
from napari_gdls.spectra.atomic import (
    SUBSHELLS,
    element_density,
    line_absorption,
    mass_absorption,
    subshells,
)
from napari_gdls.spectra.continuum import generated_continuum
from napari_gdls.spectra.depth import DepthDistribution, Target, depth_distribution, target
from napari_gdls.spectra.detector import Detector
from napari_gdls.spectra.fluorescence import CharacteristicFluorescence, ContinuumFluorescence
from napari_gdls.spectra.ionisation import equivalent_exponents
from napari_gdls.spectra.strengths import LOWEST_ENERGY, chosen_elements, excited_lines, hard_line_corrections

FloatArray = npt.NDArray[np.floating]

LOWEST_BEAM_ENERGY, HIGHEST_BEAM_ENERGY = 2.0, 50.0
"""Beams (keV) that the model is used for; the standards of ``benchmarks/spectra.py`` were measured at 10 to 20 keV."""

LOWEST_TAKE_OFF, HIGHEST_TAKE_OFF = 5.0, 90.0
"""Take-off angles (degrees) likewise; below 5 degrees a real surface is never flat enough."""

DEFAULT_TAKE_OFF = 35.0
"""Take-off angle (degrees) that is taken where none is known; a usual one of microscopes."""

THICKEST_COATING = 1000.0
"""In nm; a film that thick slows the beam, which is left out here. Films are 5 to 30 nm as a rule."""

_BLOCK = 256  # materials at a time: the arrays of a block stay in the cache
_CONTINUUM_EXPONENT = 0.86  # that of K shells, Pouchou and Pichoir (1991)
# Depth distributions of the continuum are computed at so many energies up to `_FEW_ABOVE` of the beam energy, in equal
# ratios, and at so many above, in equal steps up to `_LAST_KNOT`. Choices.
_KNOTS_BELOW, _KNOTS_ABOVE = 24, 8
_FEW_ABOVE, _LAST_KNOT = 0.6, 0.98  # parts of the beam energy
# From, to, step, in eV: finer than a detector resolves.
_CONTINUUM_STEPS = (
    (LOWEST_ENERGY, 3000.0, 25.0),
    (3000.0, 10_000.0, 50.0),
    (10_000.0, 1000 * HIGHEST_BEAM_ENERGY, 100.0),
)


def checked_beam_energy(value: object) -> float:
    """The energy in keV, or a `RecipeError` where the model of a thick specimen does not hold."""
    try:
        return checked_number("beam energy", value, lowest=LOWEST_BEAM_ENERGY, highest=HIGHEST_BEAM_ENERGY)
    except RecipeError:
        raise RecipeError(
            f"beam energy is {shown(value)}; the model of a thick specimen needs one from {LOWEST_BEAM_ENERGY:g} to "
            f"{HIGHEST_BEAM_ENERGY:g} keV."
        ) from None


def checked_take_off(value: object) -> float:
    """The angle in degrees, or a `RecipeError` where it is impossible."""
    return checked_number("take-off angle", value, "in degrees", lowest=LOWEST_TAKE_OFF, highest=HIGHEST_TAKE_OFF)


def _checked_coating(coating: Any) -> tuple[str, float]:
    try:
        symbol, thickness = coating
    except (TypeError, ValueError):
        raise RecipeError(f"coating is {shown(coating)}; an element and a thickness in nm are needed.") from None
    atomic_number(symbol)  # or it is no element
    return symbol, checked_number(f"coating of {symbol}", thickness, "in nm", positive=True, highest=THICKEST_COATING)


class Emission:
    """Lines and continuum that leave a flat, polished, thick material, for one beam energy and take-off angle.

    The physics of the specimen is here and knows no detector; a `Detector` is one matrix (`response`), so that
    ``emission.intensities(compositions) @ emission.response(detector, axis)`` are spectra, and another detector costs
    one more product.

    Parameters
    ----------
    beam_energy : float
        keV, 2 to 50.
    take_off : float
        Angle between the surface and the detector, degrees; the beam falls in vertically.
    elements : iterable of str, optional
        Elements that the materials hold; None for any. Fewer elements make smaller matrices; an element
        that is not named has no lines.
    coating : (str, float), optional
        Element and thickness (nm) of a conducting film on the surface. It absorbs and adds its lines; it does not
        slow the beam.

    Attributes
    ----------
    lines : Lines
        Those that the beam excites, n_lines.
    continuum_energies : (n_continuum,) float64
        Energies at which the continuum is known, eV; it is linear in between.

    Raises
    ------
    RecipeError
        If a parameter is out of range.

    Notes
    -----
    A line's intensity is its strength (`strengths.line_strengths`, `strengths.hard_line_corrections`) times the mass
    fraction times the ionisations whose photons get out (`depth.DepthDistribution.emitted`), enhanced by what lines of
    other elements excite (`fluorescence.CharacteristicFluorescence`) and what the continuum excites
    (`fluorescence.ContinuumFluorescence`).
    """

    def __init__(
        self,
        beam_energy: float = DEFAULT_BEAM_ENERGY,
        take_off: float = DEFAULT_TAKE_OFF,
        *,
        elements: Iterable[str] | None = None,
        coating: tuple[str, float] | None = None,
    ) -> None:
        self.beam_energy = checked_beam_energy(beam_energy)
        self.take_off = checked_take_off(take_off)
        self.coating = coating
        self._cosecant = 1 / math.sin(math.radians(self.take_off))
        wanted = chosen_elements(elements)
        self._film = -1
        self._film_mass = 0.0  # g/cm2
        if coating is not None:
            symbol, thickness = _checked_coating(coating)
            self._film = atomic_number(symbol) - 1
            # 1e-7 cm are a nm.
            self._film_mass = 1e-7 * thickness * element_density(self._film + 1)
            wanted[self._film] = True

        self._prepare_lines(wanted)
        self._prepare_continuum()

    def _prepare_lines(self, wanted: npt.NDArray[np.bool_]) -> None:
        self.lines, strength = excited_lines(self.beam_energy, wanted)
        self._strength = strength * hard_line_corrections(self.lines)
        self._line_absorption = line_absorption(self.lines)
        # The depth distribution is one for all lines of a subshell.
        codes, self._group_of_line = np.unique(
            self.lines.element * len(SUBSHELLS) + self.lines.subshell, return_inverse=True
        )
        self._group_element, subshell = np.divmod(codes, len(SUBSHELLS))
        self._group_edge = subshells().edge[self._group_element, subshell] / 1000.0
        self._group_exponent = equivalent_exponents(self.beam_energy)[self._group_element, subshell]
        self._fluorescence = CharacteristicFluorescence(
            self.lines, self._strength, self._group_of_line, self.beam_energy, self._cosecant
        )
        self._continuum_fluorescence = ContinuumFluorescence(
            self.lines, self._strength, self._group_of_line, self.beam_energy, self._cosecant
        )

    def _prepare_continuum(self) -> None:
        end = 1000.0 * self.beam_energy
        nodes = np.concatenate([np.arange(start, stop, step) for start, stop, step in _CONTINUUM_STEPS])
        self.continuum_energies = np.append(nodes[nodes < end - 1.0], end)
        self._continuum_absorption = mass_absorption(self.continuum_energies).astype(np.float32)
        # The depth distribution changes slowly with energy: a few knots do, and linear interpolation in ln E.
        middle = _FEW_ABOVE * end
        knots = np.append(
            np.geomspace(LOWEST_ENERGY, middle, _KNOTS_BELOW)[:-1],
            np.linspace(middle, _LAST_KNOT * end, _KNOTS_ABOVE),
        )
        position = np.interp(np.log(self.continuum_energies), np.log(knots), np.arange(knots.size))
        self._knots = knots / 1000.0
        self._interpolation = np.maximum(1 - np.abs(position - np.arange(knots.size)[:, None]), 0.0).astype(np.float32)

    def line_intensities(self, compositions: Compositions) -> npt.NDArray[np.float32]:
        """Photons of each line that leave the specimen.

        Parameters
        ----------
        compositions : mapping, sequence of mappings, or (n, 94) array
            See `composition.mass_fractions`.

        Returns
        -------
        (n, n_lines) float32
            Per electron, as if sent into the full sphere.
        """
        return self.intensities(compositions)[:, : len(self.lines)]

    def continuum(self, compositions: Compositions) -> npt.NDArray[np.float32]:
        """Continuum that leaves the specimen.

        Parameters
        ----------
        compositions : mapping, sequence of mappings, or (n, 94) array

        Returns
        -------
        (n, n_continuum) float32
            Photons per electron and keV at `continuum_energies`, as if sent into the full sphere.
        """
        return self.intensities(compositions)[:, len(self.lines) :]

    def intensities(self, compositions: Compositions) -> npt.NDArray[np.float32]:
        """Lines, then continuum: what `response` takes.

        Parameters
        ----------
        compositions : mapping, sequence of mappings, or (n, 94) array

        Returns
        -------
        (n, n_lines + n_continuum) float32
            `line_intensities` and `continuum` side by side.

        Raises
        ------
        CompositionError
            If a composition is impossible.
        """
        fractions = mass_fractions(compositions)
        n_lines = len(self.lines)
        result = np.zeros((len(fractions), n_lines + self.continuum_energies.size), dtype=np.float32)
        for start in range(0, len(fractions), _BLOCK):
            block = fractions[start : start + _BLOCK]
            material = target(block)
            into = result[start : start + _BLOCK]
            self._add_lines(into[:, :n_lines], block, material)
            into[:, n_lines:] = self._continuum(block, material)
        if self._film >= 0:
            energies = np.append(self.lines.energy, self.continuum_energies)
            path = self._film_mass * self._cosecant
            result *= np.exp(-path * mass_absorption(energies)[self._film]).astype(np.float32)
            self._add_film(result[:, :n_lines], fractions)
        return result

    def response(self, detector: Detector, axis: EnergyAxis) -> npt.NDArray[np.float32]:
        """What a detector makes of the lines and the continuum.

        Parameters
        ----------
        detector : Detector
        axis : EnergyAxis

        Returns
        -------
        (n_lines + n_continuum, axis.size) float32
            ``intensities(...) @ response(...)`` are expected spectra without pile-up (`Detector.add_pile_up`), in
            counts per electron and full sphere of detectors.
        """
        return np.concatenate(
            [
                detector.response(self.lines.energy, axis),
                detector.continuum_response(self.continuum_energies, axis),
            ]
        )

    def _add_lines(self, into: npt.NDArray[np.float32], fractions: npt.NDArray[np.float64], material: Target) -> None:
        present = fractions[:, self._group_element] > 0
        row, group = np.nonzero(present)
        if not row.size:
            return
        distribution = depth_distribution(
            material[row], self.beam_energy, self._group_edge[group], self._group_exponent[group]
        )
        areas = np.zeros(present.shape)
        areas[row, group] = distribution.area
        number = np.zeros(present.shape, dtype=np.int64)
        number[row, group] = np.arange(row.size)
        row, line = np.nonzero(present[:, self._group_of_line])
        distribution = distribution[number[row, self._group_of_line[line]]]
        chi = fractions @ self._line_absorption * self._cosecant
        into[row, line] = self._strength[line] * distribution.emitted(chi[row, line])
        enhancement = self._fluorescence.enhancement(fractions, areas, chi, into)
        by_continuum = self._continuum_fluorescence.enhancement(fractions, chi, into)
        enhancement[:, : by_continuum.shape[1]] += by_continuum
        into[row, line] *= fractions[row, self.lines.element[line]] * (1 + enhancement[row, self._group_of_line[line]])

    def _add_film(self, into: npt.NDArray[np.float32], fractions: FloatArray) -> None:
        """Lines of the coating: it sees the surface ionisation of the material below, which sends electrons back."""
        own = np.flatnonzero(self.lines.element == self._film)
        group = self._group_of_line[own]
        surface = depth_distribution(
            target(fractions)[:, None], self.beam_energy, self._group_edge[group], self._group_exponent[group]
        ).surface
        depth = self._film_mass * self._cosecant * self._line_absorption[self._film, own]
        into[:, own] += surface * (self._strength[own] * self._film_mass * -np.expm1(-depth) / depth)

    def _continuum(self, fractions: FloatArray, material: Target) -> npt.NDArray[np.float32]:
        knots = depth_distribution(
            material[:, None], self.beam_energy, self._knots, np.full(self._knots.shape, _CONTINUUM_EXPONENT)
        )
        # Only the part that gets out counts here: an area of 1.
        quantities = (knots.surface / knots.area, knots.slope / knots.area, knots.decay_deep, knots.decay_shallow)
        surface, slope, deep, shallow = (np.asarray(q, dtype=np.float32) @ self._interpolation for q in quantities)
        distribution = DepthDistribution(np.ones_like(surface), surface, slope, deep, shallow)
        chi = (fractions.astype(np.float32) @ self._continuum_absorption) * np.float32(self._cosecant)
        mean_z = (fractions @ np.arange(1.0, N_ELEMENTS + 1)).astype(np.float32)[:, None]
        energies = (self.continuum_energies / 1000.0).astype(np.float32)
        emitted = generated_continuum(energies, self.beam_energy, mean_z) * distribution.emitted(chi)
        return np.asarray(emitted, dtype=np.float32)
