"""The wide energy channels in which components and pixels of a spectrum image are told apart."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from napari_gdls.energy import EnergyAxis
from napari_gdls.errors import FieldError
from napari_gdls.field import Field
from napari_gdls.materials.composition import atomic_number
from napari_gdls.spectra.atomic import characteristic_lines
from napari_gdls.spectra.strengths import LOWEST_ENERGY, line_strengths

CHANNEL_WIDTH = 60.0
"""eV; half the width of a line in a silicon drift detector, so that lines stay apart and few counts are not spread over
more channels than they can fill. A choice."""
FIRST_ENERGY = 250.0
"""eV; below it are the noise of the electronics and what is left of it, and C K of contamination. A choice."""
ARTEFACT_REACH = 90.0
"""eV on both sides of a line of an artefact that are left out: 1.4 standard deviations of a line at 8 keV. A choice."""
WEAKEST_ARTEFACT_LINE = 0.05
"""Photons of a line that is left out, relative to the strongest line of its element in a thin film. A choice."""

_FEWEST_COUNTS = 10
"""Counts of the whole map in a wide channel: the last with as many is where counts end. A choice."""
_ROWS_AT_A_TIME = 8192  # spectra that are binned at a time: bounds the memory


@dataclass(frozen=True, eq=False)
class AnalysisChannels:
    """Wide channels, each the sum of some channels of a field.

    Attributes
    ----------
    group : (D,) array of int64
        Wide channel of every channel; -1: left out.
    energy : EnergyAxis
        Of the D channels.
    artefacts : tuple of str
        Elements whose lines are left out.
    """

    group: npt.NDArray[np.int64]
    energy: EnergyAxis
    artefacts: tuple[str, ...] = ()

    @property
    def n(self) -> int:
        """Number of wide channels."""
        return int(self.group.max(initial=-1)) + 1

    @cached_property
    def energies(self) -> npt.NDArray[np.float64]:
        """Mean energy of the channels in each wide one, (n,), in eV."""
        used = self.group >= 0
        total = np.bincount(self.group[used], weights=self.energy.centers[used], minlength=self.n)
        return np.asarray(total / np.bincount(self.group[used], minlength=self.n))

    def total(self, field: Field) -> float:
        """Counts of all spectra of a field in the wide channels."""
        return float(_summed_spectrum(field)[self.group >= 0].sum())

    @cached_property
    def _sums(self) -> sp.csr_array:
        used = np.flatnonzero(self.group >= 0)
        return sp.csr_array((np.ones(len(used)), (used, self.group[used])), shape=(len(self.group), self.n))

    def binned(self, spectra: Any) -> npt.NDArray[np.float64]:
        """Counts in the wide channels.

        Parameters
        ----------
        spectra : (N, D) array or csr_array

        Returns
        -------
        (N, n) array of float64

        Raises
        ------
        FieldError
            If the spectra do not have D channels.
        """
        if spectra.ndim != 2 or spectra.shape[1] != len(self.group):
            raise FieldError(f"spectra have shape {spectra.shape}; rows of {len(self.group)} channels are needed.")
        out = np.empty((spectra.shape[0], self.n))
        for first in range(0, len(out), _ROWS_AT_A_TIME):
            rows = spectra[first : first + _ROWS_AT_A_TIME].astype(np.float64)
            product = rows @ self._sums
            out[first : first + _ROWS_AT_A_TIME] = product.toarray() if sp.issparse(product) else product
        return out

    def sparse_parts(self, field: Field) -> Iterator[sp.csr_array]:
        """Counts of a field in the wide channels, some thousand rows (rows, n) at a time, so that few are dense."""
        for first in range(0, field.n_measurements, _ROWS_AT_A_TIME):
            yield sp.csr_array(self.binned(field.spectra[first : first + _ROWS_AT_A_TIME]))


def analysis_channels(field: Field, artefacts: Iterable[str] | None = None) -> AnalysisChannels:
    """Wide channels of a field: of 60 eV, from 250 eV or the start of the axis to where counts end.

    Parameters
    ----------
    field : Field
    artefacts : iterable of str, optional
        Symbols of elements that are no part of the specimen; channels within 90 eV of their lines are left out.
        None: those of the field.

    Returns
    -------
    AnalysisChannels

    Raises
    ------
    FieldError
        If no channel is left.
    RecipeError
        If a symbol is unknown.
    """
    left_out = artefact_elements(field, artefacts)
    axis = field.energy
    centers = axis.centers
    first = int(np.searchsorted(centers, FIRST_ENERGY))
    wide = max(1, round(CHANNEL_WIDTH / axis.width))
    group = np.maximum(np.arange(axis.size) - first, -wide) // wide
    sums = np.bincount(np.maximum(group, -1) + 1, weights=_summed_spectrum(field))[1:]
    filled = np.flatnonzero(sums >= min(_FEWEST_COUNTS, sums.max(initial=1.0)))
    group[group > filled.max(initial=-1)] = -1
    for line in artefact_lines(left_out, field.assumed_beam_energy):
        group[np.abs(centers - line) <= ARTEFACT_REACH] = -1
    used = group >= 0
    if not used.any():
        without = f" and lines of {', '.join(left_out)}" if left_out else ""
        raise FieldError(
            f"no counts are left from {FIRST_ENERGY:g} eV on without empty channels{without}; the spectra run from "
            f"{axis.edges[0]:.0f} to {axis.edges[-1]:.0f} eV. Check the calibration and the artefacts."
        )
    group[used] = np.unique(group[used], return_inverse=True)[1]
    return AnalysisChannels(group, axis, left_out)


def _summed_spectrum(field: Field) -> npt.NDArray[np.float64]:
    return np.asarray(field.summed_spectra(np.zeros(field.n_measurements, dtype=np.int64))[0])


def artefact_elements(field: Field, artefacts: Iterable[str] | None = None) -> tuple[str, ...]:
    """Symbols of the elements that are no part of the specimen; None: those that the field names."""
    given = field.artefacts if artefacts is None else artefacts
    symbols = (given,) if isinstance(given, str) else tuple(given)
    for symbol in symbols:
        atomic_number(symbol)
    return tuple(dict.fromkeys(symbols))


def artefact_lines(elements: Sequence[str], beam_energy: float) -> npt.NDArray[np.float64]:
    """Energies (eV) of the lines of elements above 100 eV, of 5 % of the strongest in a thin film or more, sorted."""
    lines = characteristic_lines()
    strengths = line_strengths(lines, beam_energy)
    energies: list[npt.NDArray[np.float64]] = [np.empty(0)]
    for symbol in elements:
        own = (lines.element == atomic_number(symbol) - 1) & (lines.energy > LOWEST_ENERGY)
        strongest = strengths[own].max(initial=0.0)
        energies.append(lines.energy[own & (strengths > 0) & (strengths >= WEAKEST_ARTEFACT_LINE * strongest)])
    return np.sort(np.concatenate(energies))


def require_spectrum_image(field: Field) -> None:
    """See to it that every pixel was measured, as overlapping phases are found pixel by pixel.

    Raises
    ------
    FieldError
        If measurements lie further apart than pixels.
    """
    if field.sampling_distance != 1:
        raise FieldError(
            f"spectra were measured every {field.sampling_distance:.3g} px; overlapping phases need one at every "
            "pixel (a spectrum image). Read the map without the larger image, or use segment."
        )
