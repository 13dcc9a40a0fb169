"""Backscattered electrons: how bright a material is in the BSE image."""

from __future__ import annotations

from napari_gdls.materials.composition import Composition, atomic_number
from napari_gdls.materials.formula import composition_of


def backscatter_coefficient(material: str | Composition) -> float:
    """Part of the beam's electrons that a flat sample sends back.

    Parameters
    ----------
    material : str or mapping
        Formula, or masses by element symbol.

    Returns
    -------
    float
        Mean of the elements' coefficients by mass (Castaing 1960, Adv. Electron. Electron Phys. 13:317), each by
        Reuter's polynomial for 20 keV (1972, Proc. 6th Int. Conf. X-ray Optics and Microanalysis, p. 121), eta =
        -0.0254 + 0.016 Z - 1.86e-4 Z^2 + 8.3e-7 Z^3; it hardly depends on the beam energy.

    Raises
    ------
    GdlsError
        If the material cannot be read.

    Examples
    --------
    >>> round(backscatter_coefficient("SiO2"), 3)
    0.125
    """
    total = 0.0
    for element, share in composition_of(material).items():
        z = atomic_number(element)
        # The polynomial starts at carbon and is negative for hydrogen.
        total += share * max(-0.0254 + 0.016 * z - 1.86e-4 * z**2 + 8.3e-7 * z**3, 0.0)
    return total
