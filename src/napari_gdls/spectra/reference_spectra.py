"""Reference spectra of minerals, and the mineral of a spectrum by likelihood."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from napari_gdls.energy import EnergyAxis
from napari_gdls.errors import GdlsError, RecipeError
from napari_gdls.field import Field
from napari_gdls.materials.composition import Composition
from napari_gdls.materials.confusability import merge_confusable
from napari_gdls.materials.minerals import find_mineral, load_minerals
from napari_gdls.simulation.rock import composition_of
from napari_gdls.spectra.synthesis import simulate_spectra

References: TypeAlias = Sequence[str] | Mapping[str, str | Composition] | npt.NDArray[Any]

LOWEST_CHANNEL = 350.0
"""Channels below this energy (eV) are left out: they hold the coating's carbon, and no two detectors agree on them."""

DEFAULT_SEPARATION = 4.0
"""N (1 - BC) below which classes are joined; above it less than one spectrum in a hundred is taken for the other."""

_COMMONNESS = 1
_FLOOR = 1e-3


def reference_spectra(
    field: Field, references: References | None = None, separation: float = DEFAULT_SEPARATION
) -> npt.NDArray[np.float64]:
    """Probability of each channel for each class.

    Parameters
    ----------
    field : Field
        Its energy axis, beam energy (25 keV where it is not known) and median counts count.
    references : sequence of str, mapping, or (M, D) array, optional
        Names of minerals of the package's table; names and what they are made of, a formula or mass fractions by
        element; or expected spectra on the energy axis of the field, in any unit. None: the rock-forming and common ore
        minerals of the table.
    separation : float
        Classes that so many counts as the median spectrum of the field has cannot tell apart, N (1 - BC) below this,
        become one; see `napari_gdls.materials.merge_confusable`. 0 keeps all.

    Returns
    -------
    (M, D) array of float64
        Rows sum to 1; channels below 350 eV are 0. In the order given, without those that joined an earlier one.

    Raises
    ------
    RecipeError
        If a mineral is unknown, a composition or spectrum impossible, or no channel lies above 350 eV.
    """
    channels = _channels(field.energy)
    try:
        expected = _expected(field, references)
        expected[:, : channels.start] = 0
        totals = expected.sum(axis=1, keepdims=True)
        if not (np.isfinite(expected).all() and (expected >= 0).all() and (totals > 0).all()):
            raise RecipeError(
                "references: a spectrum is empty above 350 eV, or holds negative or infinite values; give expected "
                "counts or rates."
            )
        expected /= totals
        counts = float(np.median(field.total_counts))
        if separation > 0 and counts > 0:
            expected = expected[np.unique(merge_confusable(expected, counts, limit=separation))]
    except RecipeError:
        raise
    except GdlsError as error:
        raise RecipeError(f"references: {error}") from None
    return expected


def most_likely(counts: Any, references: npt.NDArray[np.float64], energy: EnergyAxis) -> npt.NDArray[np.int64]:
    """Class whose spectrum most likely gives these counts.

    Parameters
    ----------
    counts : (n, D) array or csr_array
    references : (M, D) array
        From `reference_spectra`.
    energy : EnergyAxis
        Of both.

    Returns
    -------
    (n,) array of int64
        Row of `references`; M where nothing was counted above 350 eV.

    Notes
    -----
    The likelihood is that of Poisson counts with the total as measured. A thousandth of every reference is the mean of
    all, so that a stray count rules no class out.
    """
    channels = _channels(energy)
    rates = references[:, channels]
    rates = (1 - _FLOOR) * rates + _FLOOR * rates.mean(axis=0)
    logarithms = np.log(np.maximum(rates, 1e-3 * _FLOOR / rates.shape[1]))
    seen = counts[:, channels]
    best = np.argmax(np.asarray(seen @ logarithms.T), axis=1)
    empty = np.asarray(seen.sum(axis=1)).ravel() <= 0
    return np.where(empty, len(references), best)


def _channels(energy: EnergyAxis) -> slice:
    first = int(np.clip(energy.index(LOWEST_CHANNEL), 0, energy.size))
    if first == energy.size:
        raise RecipeError(f"the spectra have no channel above {LOWEST_CHANNEL:g} eV to tell minerals apart by.")
    return slice(first, energy.size)


def _expected(field: Field, references: References | None) -> npt.NDArray[np.float64]:
    if isinstance(references, np.ndarray):
        if references.ndim != 2 or not len(references) or references.shape[1] != field.energy.size:
            raise RecipeError(
                f"references have shape {references.shape}; one spectrum of {field.energy.size} channels per class, on "
                "the energy axis of the field, is needed."
            )
        if references.dtype.kind not in "uif":
            raise RecipeError(f"references have dtype {references.dtype}; spectra are real numbers.")
        return references.astype(np.float64)
    compositions: list[Mapping[str, float]]
    if references is None:
        compositions = [m.formula.mass_fractions for m in load_minerals() if m.commonness <= _COMMONNESS]
    elif isinstance(references, Mapping):
        compositions = [composition_of(material) for material in references.values()]
    elif isinstance(references, str) or not all(isinstance(name, str) for name in references):
        raise RecipeError("references must be names of minerals, a mapping of names to compositions, or spectra.")
    else:
        compositions = [find_mineral(name).formula.mass_fractions for name in references]
    if not compositions:
        raise RecipeError("references are empty; at least one class is needed.")
    beam = field.assumed_beam_energy
    return simulate_spectra(compositions, beam_energy=beam, energy=field.energy).astype(np.float64)
