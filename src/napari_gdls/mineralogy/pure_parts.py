"""What is left of a phase when the material around its grains is taken away, and what a mixture consists of.

Grains that are smaller than the excited volume, or than the distance of the measurements, are never measured alone:
their spectra hold those of what lies around them. Such a phase has the composition of no mineral.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_gdls.elements import SYMBOLS
from napari_gdls.mineralogy.spectrum_fit import SpectrumFit

_SURE = 5.0
"""Standard errors of an element in the host from which on its share may tell how much host there is. A choice."""

_LEAST_MASS = 0.01
"""Of an element in the host, as a part of all masses, likewise: traces vary from grain to grain. A choice."""

_WITHIN = 1.0
"""Standard errors by which the element that limits the share may be overdrawn. A choice."""

_LEAST_SHARE = 0.05
"""Of counts or masses; less is neither taken away nor named. A choice."""

_LEAST_LEFT = 0.1
"""Of the counts; less is not worth an answer: what is left is then the error of what was taken away. A choice."""

_FEWEST_LEFT = 300.0
"""Counts that a pure part must have to be named; below, hardly any mineral is told from others."""

_MASS_ERROR = 0.07
"""Relative error of a mass beside that of counting, as the physics of emission leaves it between two materials."""

_FLOOR = 0.005
"""Of all masses: error of an element that neither part holds. A choice."""

_EXPLAINED = 2.5
"""Mean squared standardised difference up to which a mixture explains a composition. A choice."""

_NOT_MASS = tuple(SYMBOLS.index(symbol) for symbol in ("C", "N", "O"))
"""Carbon of a coating, nitrogen that is hardly measured, and oxygen, which all rocks hold, tell nothing."""


@dataclass(frozen=True, eq=False)
class PurePart:
    """A spectrum without that of its host.

    Attributes
    ----------
    counts : (D,) float64
    share : float
        Part of the counts that the host had, 0 to 1.
    limited_by : str
        Symbol of the element of the host of which none is left.
    """

    counts: npt.NDArray[np.float64]
    share: float
    limited_by: str


def without_host(mixed: SpectrumFit, host: SpectrumFit) -> PurePart | None:
    """Take away as much of the host as the elements of the mixed spectrum allow.

    Parameters
    ----------
    mixed, host : SpectrumFit
        Of the grains as they were measured, and of what lies around them.

    Returns
    -------
    PurePart or None
        None where no element tells how much host there is, it is next to nothing, or next to nothing is left.

    Notes
    -----
    Whether the mineral itself holds some of the element that limits the share cannot be known: the share is the
    largest that is possible, so the pure part is pure or poor in that element.
    """
    masses, errors = mixed.open_masses, mixed.open_errors
    known = (host.masses > _SURE * host.mass_errors) & (host.masses > _LEAST_MASS * host.masses.sum())
    known[list(_NOT_MASS)] = False
    known &= np.isfinite(errors)
    if not known.any():
        return None
    most = (masses[known] + _WITHIN * errors[known]) / host.masses[known]
    limit = int(most.argmin())
    taken = _dose(mixed, host) * float(most[limit]) * host.counts
    total = float(mixed.counts[mixed.used].sum())
    share = float(taken[mixed.used].sum()) / total if total > 0 else 0.0
    if share < _LEAST_SHARE or share > 1 - _LEAST_LEFT or (1 - share) * total < _FEWEST_LEFT:
        return None
    symbol = SYMBOLS[np.flatnonzero(known)[limit]]
    return PurePart(np.maximum(mixed.counts - taken, 0.0), share, symbol)


def _dose(mixed: SpectrumFit, host: SpectrumFit) -> float:
    """Counts per mass of one spectrum by those of another: the median over the elements of both.

    Masses are shares of each spectrum; counts know how long it was measured.
    """
    common = (mixed.significance > _SURE) & (host.significance > _SURE)
    common[list(_NOT_MASS)] = False
    if not common.any():
        common = (mixed.masses > 0) & (host.masses > 0)
    if not common.any():
        return 0.0
    per_mass = [fit.net_areas[common] / fit.masses[common] for fit in (mixed, host)]
    return float(np.median(per_mass[0] / per_mass[1]))


def parts_of_mixture(mixed: SpectrumFit, parts: list[SpectrumFit]) -> list[tuple[int, float]]:
    """The parts that a composition is a mixture of.

    Parameters
    ----------
    mixed : SpectrumFit
    parts : list of SpectrumFit
        Of what it may consist of.

    Returns
    -------
    list of (int, float)
        Index of each part and its share of the mass, the largest first; empty where the parts do not explain it, or
        one alone does.
    """
    from scipy.optimize import nnls

    if len(parts) < 2:
        return []
    counted = np.ones(len(SYMBOLS), dtype=np.bool_)
    counted[list(_NOT_MASS)] = False
    counted &= np.isfinite(mixed.open_errors)
    columns = np.stack([part.masses[counted] / max(part.masses[counted].sum(), 1e-300) for part in parts], axis=1)
    masses = mixed.open_masses[counted]
    total = max(masses.sum(), 1e-300)
    error = np.hypot(mixed.open_errors[counted] / total, np.hypot(_MASS_ERROR * masses / total, _FLOOR))
    weights, _ = nnls(columns / error[:, None], masses / total / error)
    present = (columns @ weights > _FLOOR) | (masses / total > _FLOOR)
    residual = (columns @ weights - masses / total) / error
    if not present.any() or np.mean(residual[present] ** 2) > _EXPLAINED:
        return []
    shares = weights / max(weights.sum(), 1e-300)
    named = [(int(k), float(shares[k])) for k in np.argsort(-shares, kind="stable") if shares[k] >= _LEAST_SHARE]
    return named if len(named) > 1 else []
