"""Pure spectra by subtraction: what lies under a grain is taken off the sum of its mask (Chen et al., figure 2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_gdls.errors import RecipeError
from napari_gdls.overlap.layout import Layout
from napari_gdls.overlap.prepared import PreparedMap
from napari_gdls.overlap.shares import Share, Sum, matrix_share, summed

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Subtraction:
    """Sums of the masks, and what is left of them.

    Attributes
    ----------
    masks : dict of str to (H, W) bool
        Pixels that were summed, by phase, the matrix first.
    sums : dict of str to (D,) float64
        Their summed spectra.
    shares : dict of str to Share
        Of what lies under each grain.
    spectra : dict of str to (D,) float64
        Pure spectra, counts; the matrix's is its sum.
    variances : dict of str to (D,) float64
        Of counting.
    """

    masks: dict[str, BoolArray]
    sums: dict[str, FloatArray]
    shares: dict[str, Share]
    spectra: dict[str, FloatArray]
    variances: dict[str, FloatArray]


def sums_of_masks(prepared: PreparedMap, masks: Mapping[str, BoolArray]) -> dict[str, FloatArray]:
    """Summed spectra by phase.

    Raises
    ------
    RecipeError
        If a mask has no pixel, or no count.
    """
    for name, mask in masks.items():
        if not mask.any():
            raise RecipeError(
                f"no pixel is left for {name!r}: its mask is empty, or lies wholly within other masks. Take more "
                "pixels into it, or fewer into the others; where it lies over another grain, name both as its matrix."
            )
    sums = prepared.sums(masks)
    for name, spectrum in sums.items():
        if not spectrum[prepared.own].sum() > 0:
            raise RecipeError(f"the pixels of {name!r} hold no count in the channels of the specimen; choose others.")
    return sums


def subtract(
    prepared: PreparedMap,
    layout: Layout,
    masks: Mapping[str, BoolArray],
    sums: Mapping[str, FloatArray],
    *,
    ties: Mapping[str, str | Mapping[str, str]] | None = None,
    given: Mapping[str, float] | None = None,
    mask_errors: Mapping[str, float] | None = None,
) -> Subtraction:
    """Subtract from each sum what lies under the grain.

    Parameters
    ----------
    prepared : PreparedMap
    layout : Layout
    masks, sums : mapping
        Pixels of each phase and their summed spectra, see `sums_of_masks`.
    ties : mapping of str to str or mapping, optional
        Chosen ties, by grain; see `shares.matrix_share`.
    given : mapping of str to float, optional
        Shares that the user gave, by grain.
    mask_errors : mapping of str to float, optional
        Standard errors of the shares from the masks, by grain.
    """
    elements = prepared.lines.elements
    names = layout.names
    found = summed(prepared.lines, np.array([sums[name] for name in names]), prepared.artefacts)
    totals: dict[str, Sum] = dict(zip(names, found, strict=True))
    spectra = {layout.matrix: sums[layout.matrix]}
    variances = {layout.matrix: sums[layout.matrix]}
    shares: dict[str, Share] = {}
    for grain in layout.grains:
        mask = totals[grain]
        share = matrix_share(
            grain,
            elements,
            mask,
            {name: totals[name] for name in layout.under[grain]},
            artefacts=prepared.artefacts,
            tie=(ties or {}).get(grain),
            given=(given or {}).get(grain),
            mask_error=(mask_errors or {}).get(grain, 0.0),
        )
        shares[grain] = share
        spectrum, variance = sums[grain].copy(), sums[grain].copy()
        net, covariance, counts = mask.net.copy(), mask.covariance.copy(), mask.counts
        for name, part in share.parts.items():
            # How often the pure spectrum of what lies under is in the sum of the mask.
            beta = part * mask.counts / totals[name].counts
            spectrum -= beta * spectra[name]
            variance += beta**2 * variances[name]
            net -= beta * totals[name].net
            covariance = covariance + beta**2 * totals[name].covariance
            counts -= part * mask.counts
        spectra[grain], variances[grain] = spectrum, variance
        # From here on the sum stands for the pure phase, for what lies over it.
        totals[grain] = Sum(max(counts, np.finfo(float).tiny), net, covariance)
    return Subtraction(
        {name: masks[name] for name in names}, {name: sums[name] for name in names}, shares, spectra, variances
    )
