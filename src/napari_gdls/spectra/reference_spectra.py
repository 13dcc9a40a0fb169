"""Spectra of known materials, and which of them a measured spectrum most likely comes from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from napari_gdls.energy import DEFAULT_BEAM_ENERGY, EnergyAxis
from napari_gdls.errors import GdlsError, RecipeError
from napari_gdls.field.rows import row_blocks
from napari_gdls.materials.composition import Composition
from napari_gdls.materials.confusability import merge_confusable
from napari_gdls.materials.formula import composition_of
from napari_gdls.materials.minerals import find_mineral, load_minerals
from napari_gdls.spectra.synthesis import simulate_spectra

References: TypeAlias = Sequence[str] | Mapping[str, str | Composition] | npt.NDArray[Any]
"""Names of minerals of the package's table; names and what they are made of, a formula or mass fractions by element; or
expected spectra, one in each row, in any unit."""

LOWEST_CHANNEL = 350.0
"""Channels below this energy (eV) are left out: they hold the coating's carbon, and no two detectors agree on them."""

DEFAULT_SEPARATION = 4.0
"""N (1 - BC) below which classes are joined; above it less than one spectrum in a hundred is taken for the other."""

_COMMONNESS = 1
"""Rarest minerals among the usual references, by the commonness of the table: rock-forming and common ore minerals."""

_FLOOR = 1e-3
"""Part of every reference that is the mean of all: as much as stray X-rays and pile-up make, by order of magnitude."""

_LEAST_OF_FLOOR = 1e-3
"""Least rate of a channel, in the even share of `_FLOOR`: keeps logarithms finite where no reference has a count."""


def reference_spectra(
    references: References | None = None,
    *,
    energy: EnergyAxis,
    beam_energy: float = DEFAULT_BEAM_ENERGY,
    counts: float = 0.0,
    separation: float = DEFAULT_SEPARATION,
) -> npt.NDArray[np.float64]:
    """Probability of each channel for each class of materials.

    Parameters
    ----------
    references : sequence of str, mapping, or (M, D) array, optional
        The materials, see `References`; None: the rock-forming and common ore minerals of the package's table.
    energy : EnergyAxis
        Of the spectra, D channels.
    beam_energy : float
        In keV; for spectra that have to be simulated.
    counts : float
        Of the spectra that are to be named. Materials that so many counts cannot tell apart become one class; 0 keeps
        all.
    separation : float
        N (1 - BC) below which that is so, see `napari_gdls.materials.merge_confusable`. 0 keeps all.

    Returns
    -------
    (M, D) array of float64
        Rows sum to 1; channels below 350 eV are 0. In the order given, without those that joined an earlier one.

    Raises
    ------
    RecipeError
        If a mineral is unknown, a composition or spectrum impossible, or no channel lies above 350 eV.
    """
    channels = _channels(energy)
    try:
        expected = _expected(references, energy, beam_energy)
        expected[:, : channels.start] = 0
        totals = expected.sum(axis=1, keepdims=True)
        if not (np.isfinite(expected).all() and (expected >= 0).all() and (totals > 0).all()):
            raise RecipeError(
                "references: a spectrum is empty above 350 eV, or holds negative or infinite values; give expected "
                "counts or rates."
            )
        expected /= totals
        if separation > 0 and counts > 0:
            expected = expected[np.unique(merge_confusable(expected, counts, limit=separation))]
    except RecipeError:
        raise
    except GdlsError as error:
        raise RecipeError(f"references: {error}") from None
    return expected


def most_likely_reference(
    counts: Any, references: npt.NDArray[np.float64], energy: EnergyAxis
) -> npt.NDArray[np.int64]:
    """Class whose spectrum most likely gives these counts.

    Parameters
    ----------
    counts : (n, D) array, csr_array or SpectraOnDisk
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
    logarithms = np.log(np.maximum(rates, _LEAST_OF_FLOOR * _FLOOR / rates.shape[1]))
    best = np.empty(counts.shape[0], dtype=np.int64)
    for first, block in row_blocks(counts):
        seen = block[:, channels]
        likeliest = np.argmax(np.asarray(seen @ logarithms.T), axis=1)
        empty = np.asarray(seen.sum(axis=1)).ravel() <= 0
        best[first : first + block.shape[0]] = np.where(empty, len(references), likeliest)
    return best


def _channels(energy: EnergyAxis) -> slice:
    first = int(np.clip(energy.index(LOWEST_CHANNEL), 0, energy.size))
    if first == energy.size:
        raise RecipeError(f"the spectra have no channel above {LOWEST_CHANNEL:g} eV to tell minerals apart by.")
    return slice(first, energy.size)


def _expected(references: References | None, energy: EnergyAxis, beam_energy: float) -> npt.NDArray[np.float64]:
    if isinstance(references, np.ndarray):
        if references.ndim != 2 or not len(references) or references.shape[1] != energy.size:
            raise RecipeError(
                f"references have shape {references.shape}; one spectrum of {energy.size} channels per class, on the "
                "energy axis of the measured ones, is needed."
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
    return simulate_spectra(compositions, beam_energy=beam_energy, energy=energy).astype(np.float64)
