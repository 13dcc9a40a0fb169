"""What in a spectrum is not of the specimen: coatings, tape, the detector's own lines, sum peaks."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from napari_gdls.elements import SYMBOLS
from napari_gdls.mineralogy.oxygen import LEAST_OXYGEN
from napari_gdls.mineralogy.spectrum_fit import Artefact

FloatArray = npt.NDArray[np.float64]

COATING, TAPE, STUB, FLUORESCENCE, SUM_PEAK = "coating", "tape or resin", "stub", "internal fluorescence", "sum peak"
"""Kinds of artefacts."""

NOT_OF_THE_SPECIMEN = frozenset({COATING, TAPE, FLUORESCENCE})
"""Kinds whose elements are left out of compositions. The Al of a stub and sum peaks cannot be told from the specimen's
own; they are said."""

COATING_METALS = ("Au", "Pd", "Pt", "Ir")
"""What specimens are sputtered with; Cr is, too, but minerals hold it."""

_MOST_COATING_METAL = 10.0
"""Percent of mass, as if of the bulk. A choice: minerals of these metals hold tens of percent."""

_TAPE_FROM = 20.0
"""Percent of mass of carbon, as if of the bulk, from which it is taken for more than a coating. A choice."""

_ONLY_CARBON = 95.0
"""Percent of mass from which carbon is the specimen (graphite, diamond, resin)."""

_MOST_FLUORESCENCE = 0.4
"""Percent of mass that Si K of the detector's dead layer looks like at most. A choice."""

_STUB_MOST = 3.0
"""Percent of mass of aluminium beside so much carbon that the holder can be seen past a particle."""

_SUM_PEAK_SHARE = 2e-3
"""Share of pile-up counts from which it is said."""


def artefacts_of(
    masses: FloatArray, piled_share: float, strongest: tuple[str, ...], *, carbonate: bool
) -> tuple[Artefact, ...]:
    """What can be seen to be no part of the specimen.

    Parameters
    ----------
    masses : (94,) array
        Of all elements found.
    piled_share : float
        Pile-up by all counts.
    strongest : tuple of str
        The elements with most counts, of whose lines the sum peaks are.
    carbonate : bool
        Whether carbon is that of a carbonate.
    """
    total = float(masses.sum())
    if total <= 0:
        return ()
    found: list[Artefact] = []
    carbon = masses[SYMBOLS.index("C")]
    rest = max(total - float(carbon), 1e-300)
    percent = {symbol: 100 * float(masses[SYMBOLS.index(symbol)]) / rest for symbol in SYMBOLS}
    carbon_percent = 100 * float(carbon) / total
    if 0 < carbon_percent < _ONLY_CARBON and not carbonate:
        if carbon_percent < _TAPE_FROM:
            found.append(Artefact(COATING, ("C",), f"{carbon_percent:.0f} wt% of carbon, as a film has it: left out"))
        else:
            found.append(Artefact(TAPE, ("C",), f"{carbon_percent:.0f} wt% of carbon, more than a film has: left out"))
    metals = tuple(symbol for symbol in COATING_METALS if percent[symbol] > 0)
    if metals and sum(percent[s] for s in metals) < _MOST_COATING_METAL and percent["O"] > LEAST_OXYGEN:
        found.append(Artefact(COATING, metals, f"little {' and '.join(metals)} on a material of oxides: left out"))
    if 0 < percent["Si"] < _MOST_FLUORESCENCE:
        found.append(
            Artefact(
                FLUORESCENCE, ("Si",), f"{percent['Si']:.1f} wt% of silicon, as detectors add themselves: left out"
            )
        )
    if carbon_percent >= _TAPE_FROM and 0 < percent["Al"] < _STUB_MOST:
        found.append(Artefact(STUB, ("Al",), f"{percent['Al']:.1f} wt% of aluminium beside tape can be the stub: kept"))
    if piled_share > _SUM_PEAK_SHARE and strongest:
        found.append(
            Artefact(
                SUM_PEAK, strongest, f"{100 * piled_share:.1f} % of the counts are two photons taken as one: fitted"
            )
        )
    return tuple(found)


def left_out(artefacts: tuple[Artefact, ...]) -> tuple[str, ...]:
    """Elements that compositions leave out."""
    return tuple(symbol for each in artefacts if each.kind in NOT_OF_THE_SPECIMEN for symbol in each.elements)
