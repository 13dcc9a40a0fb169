"""Lines of the elements under their usual names: energies, energy windows, and maps of their counts."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from napari_gdls.energy import DEFAULT_BEAM_ENERGY
from napari_gdls.errors import GdlsError
from napari_gdls.field import Field
from napari_gdls.materials.composition import atomic_number
from napari_gdls.spectra.atomic import characteristic_lines, siegbahn_name, subshells
from napari_gdls.spectra.detector import Detector
from napari_gdls.spectra.strengths import LOWEST_ENERGY
from napari_gdls.spectra.thin_film import usual_emission

# Lines that a detector does not resolve, by the name of their group.
_GROUPS = {"Ka": ("Ka1", "Ka2"), "Kb": ("Kb1", "Kb3"), "La": ("La1", "La2"), "Ma": ("Ma1", "Ma2"), "Mz": ("Mz1", "Mz2")}
_LATIN = str.maketrans("\u03b1\u03b2\u03b3\u03b7\u03b6", "abgnz")
_GREEK = str.maketrans("abgnz", "\u03b1\u03b2\u03b3\u03b7\u03b6")
_ALPHA_LINES = ("Ka", "La", "Ma")
_PEAKS = ("Ka", "Kb", "La", "Lb1", "Lb2", "Lb3", "Lg1", "Ll", "Ma", "Mb", "Mg")

LOWEST_OVERVOLTAGE = 1.5
"""A family is worth mapping when the beam energy is this many times its ionisation energy, or more; a usual rule."""

CROWDED_BELOW = 1500.0
"""Below this energy (eV) L and M lines of heavy elements lie among the K lines of light ones and are absorbed more. A
choice."""

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

    @property
    def title(self) -> str:
        """Element and line with Greek letters: "Fe K\u03b1"."""
        return f"{self.element} {self.name[0]}{self.name[1:].translate(_GREEK)}"


def line_energy(element: str, line: str = "Ka1") -> float:
    """Energy of a characteristic line.

    Parameters
    ----------
    element : str
        Symbol, such as "Fe".
    line : str
        Siegbahn name in Latin ("Ka1", "Lb1") or Greek letters, or IUPAC name ("K-L3"). "Ka", "Kb", "La", "Ma" and "Mz"
        are means weighted by intensity.

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
    transitions = _transitions(element)
    parts = _parts(element, line)
    if not parts:
        singles = dict.fromkeys(each.siegbahn for each in transitions if each.siegbahn)
        known = [*(group for group in _GROUPS if _parts(element, group)), *singles]
        if not known:
            raise GdlsError(f"{element} has no X-ray line above {LOWEST_ENERGY:.0f} eV.")
        raise GdlsError(f"{element} has no line {line!r}; it has {', '.join(known)} (or IUPAC names such as 'K-L3').")
    return sum(each.energy * each.rate for each in parts) / sum(each.rate for each in parts)


def main_lines(element: str, beam_energy: float = DEFAULT_BEAM_ENERGY, *, smallest: float = 0.01) -> tuple[Line, ...]:
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
        Relative counts are those of the pure element in a `Detector` with its defaults: flat and thick up to 50 keV,
        and a thin film above, since such beams are those of transmission microscopes.

    Raises
    ------
    GdlsError
        If the element is unknown, the beam excites no line of it above 100 eV, or the beam energy is not from 2 to
        400 keV, where the models hold.
    """
    counts = _peak_counts(element, beam_energy)
    highest = max(counts.values())
    lines = [Line(element, name, line_energy(element, name), value / highest) for name, value in counts.items()]
    return tuple(sorted((line for line in lines if line.weight >= smallest), key=lambda line: -line.weight))


def element_window(
    element: str, *, line: str | None = None, beam_energy: float = DEFAULT_BEAM_ENERGY, width: float | None = None
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
        Of the window, in eV. None: 1.2 FWHM of a `Detector` with its defaults.

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
    [6320, 6479]
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
    beam = beam_energy if beam_energy is not None else field.assumed_beam_energy
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
    edge = _edge(element, name)
    if edge >= 1000 * beam_energy:
        raise GdlsError(
            f"a beam of {beam_energy:g} keV does not excite {element} {name}, which needs {edge / 1000:.2f} keV."
        )
    full = WINDOW_WIDTH * float(Detector().resolution(centre)) if width is None else width
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
        return 1000 * beam_energy >= LOWEST_OVERVOLTAGE * _edge(element, name)

    well_excited = [name for name in excited if worth_mapping(name)] or excited
    clear = [name for name in well_excited if line_energy(element, name) >= CROWDED_BELOW] or well_excited
    return max(clear, key=counts.__getitem__)


class _Transition(NamedTuple):
    iupac: str
    siegbahn: str  # in Latin letters; "" where there is no such name
    energy: float
    rate: float
    subshell: int


@cache
def _transitions(element: str) -> tuple[_Transition, ...]:
    """Lines of an element above 100 eV."""
    lines = characteristic_lines()
    own = np.flatnonzero((lines.element == atomic_number(element) - 1) & (lines.energy > LOWEST_ENERGY))
    return tuple(
        _Transition(
            lines.name[i],
            siegbahn_name(lines.name[i]).translate(_LATIN),
            float(lines.energy[i]),
            float(lines.rate[i]),
            int(lines.subshell[i]),
        )
        for i in own
    )


def _parts(element: str, line: str) -> list[_Transition]:
    """Transitions that a name stands for; all fill vacancies of one subshell."""
    latin = line.translate(_LATIN)
    names = (latin, *_GROUPS.get(latin, ()))
    return [each for each in _transitions(element) if each.iupac == line or each.siegbahn in names]


def _edge(element: str, line: str) -> float:
    """Ionisation energy (eV) that excites a line."""
    return float(subshells().edge[atomic_number(element) - 1, _parts(element, line)[0].subshell])


@cache
def _peak_counts(element: str, beam_energy: float) -> dict[str, float]:
    """Counts of the peaks of a pure element, by Siegbahn name, in an arbitrary unit."""
    emission = usual_emission(beam_energy, elements=[element])
    counts: dict[str, float] = {}
    if len(emission.lines):
        detected = emission.line_intensities({element: 1.0})[0] * Detector().efficiency(emission.lines.energy)
        by_name = dict(zip(emission.lines.name, detected, strict=True))
        counts = {name: float(sum(by_name.get(p.iupac, 0.0) for p in _parts(element, name))) for name in _PEAKS}
        counts = {name: value for name, value in counts.items() if value > 0}
    if not counts:
        raise GdlsError(
            f"a beam of {beam_energy:g} keV excites no X-ray line of {element} above {LOWEST_ENERGY:.0f} eV."
        )
    return counts
