"""Minerals of a simulated rock: what they are made of, how common they are, and how they occur."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from napari_gdls.errors import GdlsError
from napari_gdls.materials.composition import SYMBOLS, Composition, mass_fractions

OCCURRENCES = ("grains", "rims", "inclusions", "veins")


@dataclass(frozen=True)
class Mineral:
    """One phase of a simulated rock.

    Parameters
    ----------
    name : str
    formula : str or mapping
        A formula, as `napari_gdls.materials.parse_formula` reads it, or mass fractions by element symbol.
    share : float
        Of the area of the rock, in any unit: shares are divided by their sum.
    occurrence : {"grains", "rims", "inclusions", "veins"}
        Grains fill the rock; rims are the outer parts of the grains of `host`, with a sharp border; inclusions are
        small and lie inside grains of any mineral; veins cut everything.
    host : str, optional
        Name of the mineral that has the rims.
    rim_formula : str or mapping, optional
        Composition at the border of zoned grains; it changes gradually from `formula` in the middle, and stays one
        phase.

    Raises
    ------
    GdlsError
        If a formula cannot be read, the share is not positive, the occurrence unknown, or a host is missing or not
        wanted.
    """

    name: str
    formula: str | Composition
    share: float
    occurrence: str = "grains"
    host: str | None = None
    rim_formula: str | Composition | None = None

    def __post_init__(self) -> None:
        try:
            _ = self.composition, self.rim_composition
        except GdlsError as error:
            raise GdlsError(f"{self.name}: {error}") from None
        if not (math.isfinite(self.share) and self.share > 0):
            raise GdlsError(f"{self.name}: the share is {self.share}; it must be positive.")
        if self.occurrence not in OCCURRENCES:
            raise GdlsError(f"{self.name}: occurrence {self.occurrence!r} is unknown; use {', '.join(OCCURRENCES)}.")
        if (self.host is not None) != (self.occurrence == "rims"):
            raise GdlsError(f"{self.name}: name a host mineral for rims, and for nothing else.")

    @cached_property
    def composition(self) -> dict[str, float]:
        """Mass fractions by element symbol, of the middle of the grains; they sum to 1."""
        return composition_of(self.formula)

    @cached_property
    def rim_composition(self) -> dict[str, float] | None:
        """Mass fractions at the border of zoned grains; None where there is no `rim_formula`."""
        return None if self.rim_formula is None else composition_of(self.rim_formula)


def composition_of(material: str | Composition) -> dict[str, float]:
    """Mass fractions of a material, adding up to 1.

    Parameters
    ----------
    material : str or mapping
        A formula ("Ca5(PO4)3F"), or the mass of each element by symbol in any unit.

    Returns
    -------
    dict of str to float
        By symbol, in the order of the atomic numbers; elements without mass are left out.

    Raises
    ------
    FormulaError
        If the formula cannot be read.
    CompositionError
        If an element is unknown, a mass is negative or not finite, or no element is heavier than beryllium.

    Examples
    --------
    >>> {symbol: round(fraction, 4) for symbol, fraction in composition_of("SiO2").items()}
    {'O': 0.5325, 'Si': 0.4675}
    """
    from napari_gdls.materials.formula import parse_formula

    given: Mapping[str, float] = parse_formula(material).mass_fractions if isinstance(material, str) else material
    row = mass_fractions(given)[0]
    return {symbol: float(fraction) for symbol, fraction in zip(SYMBOLS, row, strict=True) if fraction > 0}


ROCK = (
    Mineral("quartz", "SiO2", 0.17),
    Mineral("orthoclase", "K0.85Na0.15AlSi3O8", 0.12),
    Mineral("plagioclase", "Na0.5Ca0.5Al1.5Si2.5O8", 0.24, rim_formula="Na0.7Ca0.3Al1.3Si2.7O8"),
    Mineral("biotite", "KMg1.1Fe1.9AlSi3O10(OH)2", 0.08),
    Mineral("magnesian biotite", "KMg1.8Fe1.2AlSi3O10(OH)2", 0.06),
    Mineral("muscovite", "KAl3Si3O10(OH)2", 0.05),
    Mineral("hornblende", "Na0.3Ca1.9Mg2.8Fe1.7Al1.9Si6.6O22(OH)2", 0.09),
    Mineral("almandine", "Fe2.3Mg0.5Ca0.2Al2Si3O12", 0.06),
    Mineral("grossular-rich almandine", "Fe1.9Mg0.45Ca0.65Al2Si3O12", 0.03, "rims", host="almandine"),
    Mineral("magnetite", "Fe3O4", 0.02),
    Mineral("ilmenite", "FeTiO3", 0.025),
    Mineral("apatite", "Ca5(PO4)3F", 0.02, "inclusions"),
    Mineral("zircon", "ZrSiO4", 0.01, "inclusions"),
    Mineral("calcite", "CaCO3", 0.025, "veins"),
)
"""A garnet-mica gneiss with pairs that are hard to tell apart: two biotites, two garnets, gradually zoned plagioclase
beside orthoclase of nearly the same brightness, muscovite beside orthoclase."""
