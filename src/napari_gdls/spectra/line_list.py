"""A table of X-ray lines for users: what lies where, and how high it stands."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from napari_gdls.checks import checked_kind, checked_number
from napari_gdls.elements import SYMBOLS
from napari_gdls.energy import DEFAULT_BEAM_ENERGY
from napari_gdls.materials.composition import Composition, mass_fractions
from napari_gdls.spectra.atomic import siegbahn_name
from napari_gdls.spectra.detector import Detector
from napari_gdls.spectra.emission import DEFAULT_TAKE_OFF
from napari_gdls.spectra.thin_film import usual_emission


class SpectralLine(NamedTuple):
    """One row of `line_table`.

    Parameters
    ----------
    element : str
        Symbol.
    siegbahn : str
        Such as "K\u03b11"; "" for transitions without such a name.
    iupac : str
        Such as "K-L3".
    energy : float
        In eV.
    height : float
        Height of the peak in a spectrum; the highest line of the table has 1.
    """

    element: str
    siegbahn: str
    iupac: str
    energy: float
    height: float


def line_table(
    material: str | Composition,
    beam_energy: float = DEFAULT_BEAM_ENERGY,
    *,
    take_off: float = DEFAULT_TAKE_OFF,
    detector: Detector | None = None,
    smallest: float = 1e-3,
) -> list[SpectralLine]:
    """Lines of an element or a material, by energy.

    Parameters
    ----------
    material : str or mapping
        An element symbol, or mass fractions by element symbol.
    beam_energy : float
        keV. Lines that it cannot excite are left out. Above 50 keV the heights are those of a thin film.
    take_off : float
        Degrees.
    detector : Detector, optional
        Its efficiency and resolution decide on the heights. None: `Detector()`.
    smallest : float
        Lines lower than this are left out, 0 to 1.

    Returns
    -------
    list of SpectralLine

    Raises
    ------
    CompositionError
        If the material is impossible.
    RecipeError
        If another parameter is out of range.

    Examples
    --------
    >>> for line in line_table("Fe", 15.0, smallest=0.1):
    ...     print(f"{line.element} {line.iupac:5} {line.energy:6.0f} eV {line.height:.2f}")
    Fe L3-M1    615 eV 0.27
    Fe L3-M4    704 eV 0.11
    Fe L3-M5    704 eV 1.00
    Fe K-L2    6391 eV 0.27
    Fe K-L3    6404 eV 0.52
    """
    lowest = checked_number("smallest", smallest, "a height", highest=1.0)
    composition = {material: 1.0} if isinstance(material, str) else material
    fractions = mass_fractions(composition)
    detector = Detector() if detector is None else checked_kind("detector", detector, Detector)
    emission = usual_emission(beam_energy, take_off, elements=[SYMBOLS[i] for i in np.flatnonzero(fractions[0])])
    lines = emission.lines
    if not len(lines):
        return []
    counts = emission.line_intensities(fractions)[0] * detector.efficiency(lines.energy)
    heights = counts / detector.resolution(lines.energy)
    heights /= heights.max()
    return [
        SpectralLine(
            SYMBOLS[lines.element[i]],
            siegbahn_name(lines.name[i]),
            lines.name[i],
            float(lines.energy[i]),
            float(heights[i]),
        )
        for i in np.argsort(lines.energy, kind="stable")
        if heights[i] >= lowest
    ]
