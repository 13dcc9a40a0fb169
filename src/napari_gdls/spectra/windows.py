"""Energy windows that together cover a spectrum, one around each group of lines."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_gdls.energy import DEFAULT_BEAM_ENERGY, EnergyAxis
from napari_gdls.errors import GdlsError
from napari_gdls.field import Field
from napari_gdls.field.rows import ROWS_OF_A_THREAD, blocks_in_memory, row_blocks
from napari_gdls.spectra.emission import HIGHEST_BEAM_ENERGY, LOWEST_BEAM_ENERGY
from napari_gdls.spectra.lines import main_lines
from napari_gdls.summing import add_channels
from napari_gdls.threads import in_blocks

LOWEST, HIGHEST = 200.0, 15_560.0
"""Where windows begin and end, in eV: the range of the embedding."""

# fmt: off
_ELEMENTS = (
    "C", "O", "F", "Na", "Mg", "Al", "Si", "P", "S", "Cl", "K", "Ca", "Ti", "V", "Cr", "Mn", "Fe", "Co", "Ni",
    "Cu", "Zn", "As", "Rb", "Sr", "Y", "Zr", "Nb", "Mo", "Ag", "Sn", "Sb", "Ba", "La", "Ce", "Nd", "Ta", "W",
    "Pb", "Bi", "Th", "U",
)
# fmt: on
_LINES = ("Ka", "La", "Ma")
_LEAST_WEIGHT = 0.12  # of a line beside the strongest one of its element: a choice
_LEAST_DISTANCE = 80.0  # eV between centres; about the resolution of a detector below 1 keV


def element_windows(beam_energy: float = DEFAULT_BEAM_ENERGY, highest: float = HIGHEST) -> npt.NDArray[np.float64]:
    """Limits of neighbouring energy windows that cover a spectrum, each around lines that a detector hardly resolves.

    The centres are the alpha lines of the elements that most minerals consist of; those closer together than 80 eV
    share a window, and the limits lie halfway between centres. More and narrower windows hold more noise than they
    tell, less and wider ones hide lines: these 38 (at 25 kV) are near the best for telling materials apart by a
    likelihood ratio.

    Parameters
    ----------
    beam_energy : float
        In keV, 2 or more. Only lines that the beam excites count; more than 50 excites no others than 50.
    highest : float
        End of the last window, in eV.

    Returns
    -------
    (K + 1,) array of float64
        Limits of K windows in eV, rising from 200 to `highest` or 15,560 eV, whichever is less.

    Raises
    ------
    GdlsError
        If the beam energy is less than 2 keV or the spectra end below 280 eV.
    """
    if not beam_energy >= LOWEST_BEAM_ENERGY:
        raise GdlsError(
            f"a beam of {beam_energy:g} keV excites too few lines for energy windows; {LOWEST_BEAM_ENERGY:g} keV or "
            "more is needed. Is the beam energy of the field right?"
        )
    end = min(HIGHEST, highest)
    if not end > LOWEST + _LEAST_DISTANCE:
        raise GdlsError(f"spectra end at {end:g} eV; energy windows begin at {LOWEST:g} eV.")
    centres = [centre for centre in _line_groups(min(beam_energy, HIGHEST_BEAM_ENERGY)) if centre < end]
    between = [(low + high) / 2 for low, high in pairwise(centres)]
    return np.array([LOWEST, *between, end])


@cache
def _line_groups(beam_energy: float) -> tuple[float, ...]:
    energies: set[float] = set()
    for element in _ELEMENTS:
        try:
            lines = main_lines(element, beam_energy, smallest=_LEAST_WEIGHT)
        except GdlsError:  # not excited
            continue
        energies.update(line.energy for line in lines if line.name in _LINES and LOWEST < line.energy < HIGHEST)
    groups: list[list[float]] = []
    for energy in sorted(energies):
        if groups and energy - groups[-1][0] < _LEAST_DISTANCE:
            groups[-1].append(energy)
        else:
            groups.append([energy])
    return tuple(float(np.mean(group)) for group in groups)


def window_counts(
    field: Field, limits: npt.ArrayLike | None = None, *, poll: Callable[[], None] = lambda: None
) -> npt.NDArray[np.int32]:
    """Counts of every measurement in neighbouring energy windows.

    Parameters
    ----------
    field : Field
    limits : (K + 1,) array, optional
        Rising, in eV. A channel belongs to the window that its centre lies in. None: those of `element_windows` for the
        beam energy of the field, or 25 keV where the field does not know it.
    poll : callable
        Called several times a second; may raise.

    Returns
    -------
    (N, K) array of int32
        Fractional counts are rounded.

    Raises
    ------
    GdlsError
        If the limits do not rise.
    """
    window, n_windows = _windows_of_channels(field, limits)
    out = np.zeros((field.n_measurements, n_windows), dtype=np.int32)
    for start, spectra in blocks_in_memory(field.spectra):

        def count(first: int, last: int, start: int = start, spectra: Any = spectra) -> None:
            counts = out[start + first : start + last]  # `Field` has no more than 2**31 - 1 in a spectrum
            if spectra.dtype.kind in "ui":
                add_channels(spectra, first, last, window, counts)
            else:
                counts[:] = np.rint(add_channels(spectra, first, last, window, np.zeros(counts.shape)))

        in_blocks(spectra.shape[0], count, size=ROWS_OF_A_THREAD, poll=poll)
    return out


def window_counts_of_groups(field: Field, groups: npt.NDArray[np.int64], n_groups: int) -> npt.NDArray[np.int64]:
    """Sums of `window_counts` over groups of measurements, without those of measurements in no group.

    Parameters
    ----------
    field : Field
    groups : (N,) array of int64
        0..n_groups - 1; -1: in no group.
    n_groups : int

    Returns
    -------
    (n_groups, K) array of int64
    """
    spectra: Any = field.spectra
    if spectra.dtype.kind in "ui":  # nothing is rounded, so that sums come first
        summed = _in_windows(field.summed_spectra(groups, n_groups), *_windows_of_channels(field, None))
        return np.rint(summed).astype(np.int64)
    window, n_windows = _windows_of_channels(field, None)
    out = np.zeros((n_groups, n_windows), dtype=np.int64)
    for first, block in row_blocks(spectra):
        here = groups[first : first + block.shape[0]]
        chosen = np.flatnonzero(here >= 0)
        np.add.at(out, here[chosen], np.rint(_in_windows(block[chosen], window, n_windows)).astype(np.int64))
    return out


def window_sums(spectra: npt.NDArray[np.float64], energy: EnergyAxis, beam_energy: float) -> npt.NDArray[np.int64]:
    """Counts of summed spectra in the windows of `element_windows`.

    Parameters
    ----------
    spectra : (P, D) array of float64
    energy : EnergyAxis
        Of the D channels.
    beam_energy : float
        In keV.

    Returns
    -------
    (P, K) array of int64
        Rounded.
    """
    limits = element_windows(beam_energy, float(energy.edges[-1]))
    return np.rint(_in_windows(spectra, *_windows_in(energy, limits))).astype(np.int64)


def _windows_of_channels(field: Field, limits: npt.ArrayLike | None) -> tuple[npt.NDArray[np.int64], int]:
    """Window of each channel, -1 for none, and the number of windows; see `window_counts`."""
    if limits is None:
        limits = element_windows(field.assumed_beam_energy, float(field.energy.edges[-1]))
    return _windows_in(field.energy, limits)


def _windows_in(energy: EnergyAxis, limits: npt.ArrayLike) -> tuple[npt.NDArray[np.int64], int]:
    edges = np.asarray(limits, dtype=np.float64)
    if edges.ndim != 1 or len(edges) < 2 or not (np.diff(edges) > 0).all():
        raise GdlsError("the limits of energy windows must rise.")
    window = np.searchsorted(edges, energy.centers, side="right") - 1
    window[(window < 0) | (window >= len(edges) - 1)] = -1
    return window, len(edges) - 1


def _in_windows(spectra: Any, window: npt.NDArray[np.int64], n_windows: int) -> npt.NDArray[np.float64]:
    n = spectra.shape[0]
    return np.asarray(add_channels(spectra, 0, n, window, np.zeros((n, n_windows))))
