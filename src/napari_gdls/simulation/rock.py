"""Minerals of a simulated rock: what they are made of, how common they are, and how they occur."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from napari_gdls.checks import checked_choice, checked_number
from napari_gdls.errors import GdlsError, RecipeError
from napari_gdls.materials.composition import Composition
from napari_gdls.materials.formula import composition_of

OCCURRENCES = ("grains", "rims", "inclusions", "veins")


@dataclass(frozen=True)
class RockMineral:
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
    RecipeError
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
            raise RecipeError(f"{self.name}: {error}") from None
        checked_number(f"{self.name}: the share", self.share, positive=True)
        checked_choice(f"{self.name}: the occurrence", self.occurrence, OCCURRENCES)
        if (self.host is not None) != (self.occurrence == "rims"):
            raise RecipeError(f"{self.name}: name a host mineral for rims, and for nothing else.")

    @cached_property
    def composition(self) -> dict[str, float]:
        """Mass fractions by element symbol, of the middle of the grains; they sum to 1."""
        return composition_of(self.formula)

    @cached_property
    def rim_composition(self) -> dict[str, float] | None:
        """Mass fractions at the border of zoned grains; None where there is no `rim_formula`."""
        return None if self.rim_formula is None else composition_of(self.rim_formula)


ROCK = (
    RockMineral("quartz", "SiO2", 0.17),
    RockMineral("orthoclase", "K0.85Na0.15AlSi3O8", 0.12),
    RockMineral("plagioclase", "Na0.5Ca0.5Al1.5Si2.5O8", 0.24, rim_formula="Na0.7Ca0.3Al1.3Si2.7O8"),
    RockMineral("biotite", "KMg1.1Fe1.9AlSi3O10(OH)2", 0.08),
    RockMineral("magnesian biotite", "KMg1.8Fe1.2AlSi3O10(OH)2", 0.06),
    RockMineral("muscovite", "KAl3Si3O10(OH)2", 0.05),
    RockMineral("hornblende", "Na0.3Ca1.9Mg2.8Fe1.7Al1.9Si6.6O22(OH)2", 0.09),
    RockMineral("almandine", "Fe2.3Mg0.5Ca0.2Al2Si3O12", 0.06),
    RockMineral("grossular-rich almandine", "Fe1.9Mg0.45Ca0.65Al2Si3O12", 0.03, "rims", host="almandine"),
    RockMineral("magnetite", "Fe3O4", 0.02),
    RockMineral("ilmenite", "FeTiO3", 0.025),
    RockMineral("apatite", "Ca5(PO4)3F", 0.02, "inclusions"),
    RockMineral("zircon", "ZrSiO4", 0.01, "inclusions"),
    RockMineral("calcite", "CaCO3", 0.025, "veins"),
)
"""A garnet-mica gneiss with pairs that are hard to tell apart: two biotites, two garnets, gradually zoned plagioclase
beside orthoclase of nearly the same brightness, muscovite beside orthoclase."""
