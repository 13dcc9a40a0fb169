"""Lines of the elements as a user sees them: names, energies, energy windows, and maps of their counts."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy.typing as npt

from napari_gdls.errors import GdlsError
from napari_gdls.field import Field
from napari_gdls.spectra.detector import Detector
from napari_gdls.spectra.emission import emission
from napari_gdls.spectra.transitions import LOWEST_ENERGY, edge_energy, transitions

# Siegbahn names; those without a number are groups that a detector does not resolve.
_SIEGBAHN = {
    "Ka": ("K-L3", "K-L2"),
    "Ka1": ("K-L3",),
    "Ka2": ("K-L2",),
    "Kb": ("K-M3", "K-M2"),
    "Kb1": ("K-M3",),
    "Kb2": ("K-N3",),
    "Kb3": ("K-M2",),
    "La": ("L3-M5", "L3-M4"),
    "La1": ("L3-M5",),
    "La2": ("L3-M4",),
    "Lb1": ("L2-M4",),
    "Lb2": ("L3-N5",),
    "Lb3": ("L1-M3",),
    "Lb4": ("L1-M2",),
    "Lg1": ("L2-N4",),
    "Lg3": ("L1-N3",),
    "Ll": ("L3-M1",),
    "Ln": ("L2-M1",),
    "Ma": ("M5-N7", "M5-N6"),
    "Ma1": ("M5-N7",),
    "Ma2": ("M5-N6",),
    "Mb": ("M4-N6",),
    "Mg": ("M3-N5",),
    "Mz": ("M5-N3",),
}
_ALPHA_LINES = ("Ka", "La", "Ma")
_PEAKS = ("Ka", "Kb", "La", "Lb1", "Lb2", "Lb3", "Lg1", "Ll", "Ma", "Mb", "Mg")

LOWEST_OVERVOLTAGE = 1.5
"""A family is worth mapping when the beam energy is this many times its ionisation energy, or more."""

CROWDED_BELOW = 1500.0
"""Below this energy (eV) L and M lines of heavy elements lie among the K lines of light ones and are absorbed more."""

WINDOW_WIDTH = 1.2
"""Width of an energy window, in FWHM of the detector: 84 % of the counts of a line."""


@dataclass(frozen=True)
class Line:
    """A peak of an element in an EDS spectrum.

    Attributes
    ----------
    element : str
        Symbol.
    name : str
        Siegbahn name, such as "Ka".
    energy : float
        In eV.
    weight : float
        Counts from the pure element relative to those of its strongest peak, 0 to 1.
    """

    element: str
    name: str
    energy: float
    weight: float


def line_energy(element: str, line: str = "Ka1") -> float:
    """Energy of a characteristic line.

    Parameters
    ----------
    element : str
        Symbol, such as "Fe".
    line : str
        Siegbahn ("Ka1", "Lb1", "Ma") or IUPAC ("K-L3") name; "Ka", "Kb", "La" and "Ma" are means weighted by intensity.

    Returns
    -------
    float
        In eV.

    Raises
    ------
    GdlsError
        If the element or line is unknown, or the element has no such line above 100 eV.

    Examples
    --------
    >>> round(line_energy("Fe"))
    6404
    """
    by_name = {transition.name: transition for transition in transitions(element)}
    wanted = _SIEGBAHN.get(line, (line,))
    present = [by_name[name] for name in wanted if name in by_name]
    if not present:
        known = [name for name, parts in _SIEGBAHN.items() if any(part in by_name for part in parts)]
        if not known:
            raise GdlsError(f"{element} has no X-ray line above {LOWEST_ENERGY:.0f} eV.")
        raise GdlsError(f"{element} has no line {line!r}; it has {', '.join(known)} (or IUPAC names such as 'K-L3').")
    return sum(each.energy * each.rate for each in present) / sum(each.rate for each in present)


def main_lines(element: str, beam_energy: float = 25.0, *, smallest: float = 0.01) -> tuple[Line, ...]:
    """Peaks that an element shows in a spectrum, strongest first.

    Parameters
    ----------
    element : str
        Symbol.
    beam_energy : float
        In keV; only shells that it ionises count.
    smallest : float
        Leave out peaks with fewer counts than this part of the strongest.

    Returns
    -------
    tuple of Line
        Relative counts are those of the pure element in the first-order model of `ideal_spectra`.

    Raises
    ------
    GdlsError
        If the element is unknown, or the beam excites no line of it above 100 eV.
    """
    counts = _peak_counts(element, beam_energy)
    highest = max(counts.values())
    lines = [Line(element, name, line_energy(element, name), value / highest) for name, value in counts.items()]
    return tuple(sorted((line for line in lines if line.weight >= smallest), key=lambda line: -line.weight))


def element_window(
    element: str, *, line: str | None = None, beam_energy: float = 25.0, width: float | None = None
) -> tuple[float, float]:
    """Energy window of an element's line.

    Parameters
    ----------
    element : str
        Symbol.
    line : str, optional
        See `line_energy`. None: of Ka, La and Ma the one with most counts among those the beam excites well
        (overvoltage 1.5), above 1.5 keV where there is one.
    beam_energy : float
        In keV.
    width : float, optional
        Of the window, in eV. None: 1.2 FWHM of a detector with 130 eV at Mn K-alpha.

    Returns
    -------
    low, high : float
        In eV.

    Raises
    ------
    GdlsError
        If the element or line is unknown, the beam does not excite it, or the width is not positive.

    Examples
    --------
    >>> [round(limit) for limit in element_window("Fe")]
    [6319, 6480]
    """
    return _window(element, line, beam_energy, width, math.inf)


def element_map(
    field: Field,
    element: str,
    *,
    line: str | None = None,
    beam_energy: float | None = None,
    width: float | None = None,
) -> npt.NDArray[Any]:
    """Map of an element: total counts in the window of its line, background included.

    Parameters
    ----------
    field : Field
    element : str
        Symbol.
    line, width : optional
        See `element_window`; only lines on the energy axis of the field are chosen.
    beam_energy : float, optional
        In keV. None: that of the field, or 25 keV where the field does not know it.

    Returns
    -------
    (H, W) array of float64
        NaN where nothing was measured.

    Raises
    ------
    GdlsError
        If the element or line is unknown or not excited, or the window reaches beyond the energy axis.
    """
    beam = beam_energy if beam_energy is not None else field.beam_energy or 25.0
    first, last = field.energy.edges[0], field.energy.edges[-1]
    low, high = _window(element, line, beam, width, float(last))
    if low < first or high > last:
        raise GdlsError(
            f"the window of {element}, {low:.0f} to {high:.0f} eV, reaches beyond the spectra, which run from "
            f"{first:.0f} to {last:.0f} eV; choose another line or a smaller width."
        )
    return field.window_map(low, high)


def _window(
    element: str, line: str | None, beam_energy: float, width: float | None, highest: float
) -> tuple[float, float]:
    name = _best_line(element, beam_energy, highest) if line is None else line
    centre = line_energy(element, name)
    shell = _SIEGBAHN.get(name, (name,))[0].split("-")[0]
    edge = edge_energy(element, shell)
    if edge >= 1000 * beam_energy:
        raise GdlsError(
            f"a beam of {beam_energy:g} keV does not excite {element} {name}, which needs {edge / 1000:.2f} keV."
        )
    full = WINDOW_WIDTH * float(Detector().fwhm(centre)) if width is None else width
    if not (math.isfinite(full) and full > 0):
        raise GdlsError(f"width is {width!r}; a positive number of eV is needed.")
    return centre - full / 2, centre + full / 2


def _best_line(element: str, beam_energy: float, highest: float) -> str:
    counts = _peak_counts(element, beam_energy)
    excited = [name for name in _ALPHA_LINES if name in counts and line_energy(element, name) < highest]
    if not excited:
        raise GdlsError(
            f"{element} has no alpha line below {highest:.0f} eV that a beam of {beam_energy:g} keV excites."
        )

    def worth_mapping(name: str) -> bool:
        shell = _SIEGBAHN[name][0].split("-")[0]
        return 1000 * beam_energy >= LOWEST_OVERVOLTAGE * edge_energy(element, shell)

    well_excited = [name for name in excited if worth_mapping(name)] or excited
    clear = [name for name in well_excited if line_energy(element, name) >= CROWDED_BELOW] or well_excited
    return max(clear, key=counts.__getitem__)


@cache
def _peak_counts(element: str, beam_energy: float) -> dict[str, float]:
    """Counts of the peaks of a pure element, by Siegbahn name, in an arbitrary unit."""
    photons = emission({element: 1.0}, beam_energy=beam_energy)
    detected = photons.line_intensity * Detector().efficiency(photons.line_energy)
    by_name = dict(zip(photons.line_name, detected, strict=True))
    counts = {name: float(sum(by_name.get(part, 0.0) for part in _SIEGBAHN[name])) for name in _PEAKS}
    counts = {name: value for name, value in counts.items() if value > 0}
    if not counts:
        raise GdlsError(
            f"a beam of {beam_energy:g} keV excites no X-ray line of {element} above {LOWEST_ENERGY:.0f} eV."
        )
    return counts
