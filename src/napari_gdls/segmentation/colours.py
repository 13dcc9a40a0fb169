"""Colours that show composition: segments with similar spectra look alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from napari_gdls.energy import CANONICAL_AXIS, EnergyAxis, rebin
from napari_gdls.errors import RecipeError

if TYPE_CHECKING:
    from napari_gdls.segmentation.result import Segmentation


def segment_colours(segmentation: Segmentation) -> npt.NDArray[np.float64]:
    """Colour of every segment, (K, 3) sRGB: that of its phase, or of its own composition where there are no phases."""
    if segmentation.measurement_phases is None:
        return composition_colours(segmentation.spectra(), segmentation.field.energy)
    return phase_colours(segmentation)[segmentation.phases]


def phase_colours(segmentation: Segmentation) -> npt.NDArray[np.float64]:
    """Colour of every phase by its composition, (P, 3) sRGB; that of its pure measurements, where it has any.

    Raises
    ------
    RecipeError
        If the method made no phases.
    """
    found = segmentation.measurement_phases
    if found is None:
        raise RecipeError(f"the method {segmentation.recipe.method!r} makes no phases; 'merge' does.")
    pure = found.partner < 0
    has_pure = np.bincount(found.labels[pure], minlength=found.n_phases) > 0
    spectra = segmentation.field.summed_spectra(np.where(pure | ~has_pure[found.labels], found.labels, -1))
    weight = np.sqrt(spectra.sum(axis=1))  # so that one that fills the field leaves colours for the others
    return composition_colours(spectra, segmentation.field.energy, weight=weight)


def composition_colours(
    spectra: npt.ArrayLike, energy: EnergyAxis, *, weight: npt.ArrayLike | None = None
) -> npt.NDArray[np.float64]:
    """Colour for each cumulative spectrum, near for near compositions.

    The first three weighted principal components of the spectra (square roots of relative counts) become lightness and
    the two colour axes of CIELAB; each is spread out by rank, so that rare materials do not crowd the common ones
    together. Signs are fixed, so equal input gives equal colours.

    Parameters
    ----------
    spectra : (K, D) array
        Cumulative spectra, in counts.
    energy : EnergyAxis
    weight : (K,) array, optional
        How much each counts, 0 or more. None: by its counts.

    Returns
    -------
    (K, 3) array of float64
        sRGB, 0 to 1. Grey where there are no counts.
    """
    from skimage.color import lab2rgb

    counts = np.asarray(rebin(np.asarray(spectra, dtype=np.float64), energy, CANONICAL_AXIS), dtype=np.float64)
    # 40 eV bins: finer ones only carry noise.
    coarse = counts.reshape(len(counts), -1, 4).sum(axis=2)
    total = coarse.sum(axis=1)
    share = total if weight is None else np.where(total > 0, np.asarray(weight, dtype=np.float64), 0.0)
    share = share / (share.sum() or 1.0)
    features = np.sqrt(coarse / np.maximum(total, 1.0)[:, None])
    centred = (features - share @ features) * np.sqrt(share)[:, None]
    _, axes = np.linalg.eigh(centred.T @ centred)
    axes = axes[:, :-4:-1]
    axes *= np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(axes.shape[1])])
    scores = (features - share @ features) @ axes
    spread = np.stack([_weighted_rank(column, share) for column in scores.T], axis=1)
    lab = np.stack([45 + 40 * spread[:, 1], 120 * (spread[:, 0] - 0.5), 120 * (spread[:, 2] - 0.5)], axis=1)
    colours = np.clip(lab2rgb(lab), 0, 1)
    colours[total <= 0] = 0.5
    return np.asarray(colours)


def _weighted_rank(values: npt.NDArray[np.float64], weight: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Half rank, half position between the extremes, in 0..1."""
    order = np.argsort(values, kind="stable")
    rank = np.empty(len(values))
    rank[order] = np.cumsum(weight[order]) - weight[order] / 2
    low, high = values.min(), values.max()
    position = (values - low) / (high - low) if high > low else np.full(len(values), 0.5)
    return np.asarray((rank + position) / 2)
