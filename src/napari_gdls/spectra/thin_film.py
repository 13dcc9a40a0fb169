"""X-rays that leave a thin film in a transmission microscope, before any detector."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from napari_gdls.checks import checked_number, shown
from napari_gdls.energy import EnergyAxis
from napari_gdls.errors import RecipeError
from napari_gdls.materials.composition import Compositions, mass_fractions
from napari_gdls.spectra.atomic import atomic_weights
from napari_gdls.spectra.continuum import film_continuum
from napari_gdls.spectra.detector import Detector
from napari_gdls.spectra.emission import (
    DEFAULT_TAKE_OFF,
    HIGHEST_BEAM_ENERGY,
    Emission,
    checked_take_off,
)
from napari_gdls.spectra.strengths import AVOGADRO, LOWEST_ENERGY, chosen_elements, excited_lines

DEFAULT_FILM_BEAM_ENERGY = 200.0
"""Energy of the beam (keV) of a usual transmission microscope for X-ray analysis."""

LOWEST_FILM_BEAM_ENERGY, HIGHEST_FILM_BEAM_ENERGY = 2.0, 400.0
"""Beams (keV) that the model is used for: from those of scanning microscopes, for films of some nm, to the fastest of
transmission microscopes that carry an X-ray detector."""

DEFAULT_FILM_TAKE_OFF = 20.0
"""Take-off angle (degrees) of detectors beside the pole piece, 18 to 22 as a rule. The continuum depends on it."""

HIGHEST_PHOTON_ENERGY = 100_000.0
"""Photons above this energy (eV) are left out: there the tables of absorption end, and detectors count none."""

MEASURED_BACKGROUND = 1.8
"""Continuum of a lamella against the theory of `continuum.film_continuum`: what the grid, the rest of the lamella and
the column scatter comes on top. From bridgmanite at 200 kV and 22 degrees (a lamella on a copper grid), where Si K is
2,107, 3,321 and 7,939 times the continuum in 10 eV at 3, 5 and 10 keV: 1.65, 1.94 and 2.01 times the theory."""

_MOST_BACKGROUND = 100.0
"""Limit of the factor: far above that of any specimen holder."""

# From, to, step, in eV: finer than a detector resolves.
_CONTINUUM_STEPS = (
    (LOWEST_ENERGY, 3000.0, 25.0),
    (3000.0, 10_000.0, 50.0),
    (10_000.0, HIGHEST_PHOTON_ENERGY, 100.0),
)


def checked_film_beam_energy(value: object) -> float:
    """The energy in keV, or a `RecipeError` where the model of a thin film does not hold."""
    try:
        return checked_number("beam energy", value, lowest=LOWEST_FILM_BEAM_ENERGY, highest=HIGHEST_FILM_BEAM_ENERGY)
    except RecipeError:
        raise RecipeError(
            f"beam energy is {shown(value)}; the model of a thin film needs one from {LOWEST_FILM_BEAM_ENERGY:g} to "
            f"{HIGHEST_FILM_BEAM_ENERGY:g} keV."
        ) from None


class ThinFilm:
    """Lines and continuum that leave a film through which the beam passes without slowing down.

    Used like `Emission`, its counterpart for thick specimens. Nothing is absorbed in the film and nothing fluoresces
    (the approximation of Cliff and Lorimer 1975, J. Microsc. 103:203), so intensities are proportional to the mass of
    each element, and those of films that lie over one another add up.

    Parameters
    ----------
    beam_energy : float
        keV, 2 to 400.
    take_off : float
        Angle between the film and the detector, degrees; the beam falls in vertically. Only the continuum depends on
        it.
    elements : iterable of str, optional
        Elements that the films hold; None for any. Fewer elements make smaller matrices; an element that is not named
        has no lines.
    background : float
        Factor of the continuum, 0 to 100: 1 for that of the film alone, as theory has it.

    Attributes
    ----------
    lines : Lines
        Those that the beam excites, up to 100 keV, n_lines.
    continuum_energies : (n_continuum,) float64
        Energies at which the continuum is known, eV; it is linear in between.

    Raises
    ------
    RecipeError
        If a parameter is out of range.

    Notes
    -----
    A line's intensity is its strength (`strengths.line_strengths`, with the cross-sections of Bote and Salvat) times
    the mass fraction. The continuum is that of `continuum.film_continuum` in the direction of the detector, times
    `background`.

    Examples
    --------
    >>> film = ThinFilm(200.0, elements=["Si", "O"])
    >>> spectrum = film.intensities({"Si": 0.467, "O": 0.533}) @ film.response(Detector(), EnergyAxis(0, 10, 1000))
    >>> spectrum.shape
    (1, 1000)
    """

    def __init__(
        self,
        beam_energy: float = DEFAULT_FILM_BEAM_ENERGY,
        take_off: float = DEFAULT_FILM_TAKE_OFF,
        *,
        elements: Iterable[str] | None = None,
        background: float = MEASURED_BACKGROUND,
    ) -> None:
        self.beam_energy = checked_film_beam_energy(beam_energy)
        self.take_off = checked_take_off(take_off)
        self.lines, self._strength = excited_lines(self.beam_energy, chosen_elements(elements), HIGHEST_PHOTON_ENERGY)
        end = min(1000.0 * self.beam_energy, HIGHEST_PHOTON_ENERGY)
        nodes = np.concatenate([np.arange(start, stop, step) for start, stop, step in _CONTINUUM_STEPS])
        self.continuum_energies = np.append(nodes[nodes < end - 1.0], end)
        per_atom = film_continuum(self.continuum_energies / 1000.0, self.beam_energy, 90.0 + self.take_off)
        # As if sent into the full sphere, as lines are.
        scale = checked_number("background", background, highest=_MOST_BACKGROUND)
        self._continuum = scale * 4 * math.pi * AVOGADRO * per_atom / atomic_weights()[:, None]

    def line_intensities(self, compositions: Compositions) -> npt.NDArray[np.float32]:
        """Photons of each line that leave the film.

        Parameters
        ----------
        compositions : mapping, sequence of mappings, or (n, 94) array
            See `composition.mass_fractions`.

        Returns
        -------
        (n, n_lines) float32
            Per electron and g/cm2 of the film, as if sent into the full sphere.
        """
        fractions = mass_fractions(compositions)
        return np.asarray(fractions[:, self.lines.element] * self._strength, dtype=np.float32)

    def continuum(self, compositions: Compositions) -> npt.NDArray[np.float32]:
        """Continuum that leaves the film.

        Parameters
        ----------
        compositions : mapping, sequence of mappings, or (n, 94) array

        Returns
        -------
        (n, n_continuum) float32
            Photons per electron, keV and g/cm2 of the film at `continuum_energies`, as if sent into the full sphere.
        """
        # Without BLAS, whose sums depend on the number of threads.
        return np.asarray(np.einsum("ij,jk->ik", mass_fractions(compositions), self._continuum), dtype=np.float32)

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
        return np.concatenate([self.line_intensities(fractions), self.continuum(fractions)], axis=1)

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
            counts per electron, g/cm2 of the film and full sphere of detectors.
        """
        return np.concatenate(
            [
                detector.response(self.lines.energy, axis),
                detector.continuum_response(self.continuum_energies, axis),
            ]
        )


def usual_emission(
    beam_energy: float, take_off: float = DEFAULT_TAKE_OFF, *, elements: Iterable[str] | None = None
) -> Emission | ThinFilm:
    """Emission of the specimens that are usual for a beam: thick ones up to 50 keV, thin films above.

    Parameters
    ----------
    beam_energy : float
        keV, 2 to 400.
    take_off : float
        Degrees.
    elements : iterable of str, optional
        See `Emission`.

    Raises
    ------
    RecipeError
        If a parameter is out of range.
    """
    film = checked_film_beam_energy(beam_energy) > HIGHEST_BEAM_ENERGY
    return (ThinFilm if film else Emission)(beam_energy, take_off, elements=elements)
