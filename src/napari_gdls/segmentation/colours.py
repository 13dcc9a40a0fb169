"""Colours of phases: alike for alike compositions, and told apart by people with and without colour vision.

A composition has a place in CIELAB that does not depend on what else is in the field. Phases that would come too close
push each other away, small ones further than large ones, in small steps. So a phase keeps its colour, or nearly so,
from run to run of one field, and the dock, the picture and the tables show the same one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from napari_gdls.energy import EnergyAxis
from napari_gdls.errors import RecipeError

if TYPE_CHECKING:
    from napari_gdls.segmentation.result import Segmentation


class _Window(NamedTuple):
    """A window of an element: energies (eV), mean of the root of its share of the counts, weights of the three axes."""

    low: float
    high: float
    mean: float
    axes: tuple[float, float, float]


# The first three principal components of the roots of the shares of the counts in these windows, for the 80 common
# minerals of `napari_gdls.materials` at 15, 20 and 25 keV: `python -m benchmarks.colours --axes` prints the table. They
# tell silicates from sulfides and oxides; minerals of Ca from those of Al; those of Mg from those of Ca and Al.
_WINDOWS = {
    "O": _Window(488, 562, 0.294, (0.32, -0.04, 0.16)),
    "Na": _Window(998, 1084, 0.098, (-0.03, -0.09, -0.06)),
    "Mg": _Window(1209, 1298, 0.158, (0.16, 0.31, 0.61)),
    "Al": _Window(1440, 1534, 0.225, (0.46, -0.41, -0.52)),
    "Si": _Window(1691, 1789, 0.324, (0.60, 0.13, 0.15)),
    "P": _Window(1958, 2061, 0.088, (-0.06, 0.07, -0.05)),
    "S": _Window(2254, 2361, 0.138, (-0.44, -0.17, -0.05)),
    "Cl": _Window(2566, 2678, 0.082, (-0.05, -0.01, -0.01)),
    "K": _Window(3252, 3374, 0.102, (0.07, -0.08, -0.03)),
    "Ca": _Window(3627, 3754, 0.176, (-0.09, 0.76, -0.47)),
    "Ti": _Window(4440, 4578, 0.084, (-0.08, -0.00, -0.00)),
    "Mn": _Window(5818, 5972, 0.062, (-0.03, -0.01, 0.01)),
    "Fe": _Window(6320, 6479, 0.149, (-0.26, -0.27, 0.27)),
    "Cu": _Window(7953, 8129, 0.053, (-0.06, -0.03, 0.00)),
    "Zn": _Window(8541, 8722, 0.051, (-0.06, -0.03, -0.01)),
    "Zr": _Window(1990, 2094, 0.083, (-0.06, 0.06, -0.04)),
}

_LOWEST_CHANNEL = 350.0
"""eV; below lies the carbon of the coating."""

_MIDDLE = (64.0, 0.0, 0.0)
"""Lightness and the two colour axes of CIELAB of the mean composition: light enough to be seen over a BSE image."""

_STRETCH = ((30.0, 0.0, 0.0), (-20.0, 60.0, 260.0), (40.0, 280.0, 0.0))
"""From the three axes (rows) to L*, a*, b*: what varies most among silicates becomes blue against yellow, which nearly
everybody sees; the third axis green against red. By eye, so that common minerals fill the gamut."""

_REST = (0.25, 80.0)
"""What the three axes leave of a composition, in the units of the roots: its usual size, and L* per unit above. So
minerals of P, Ti, Zr, Cl are lighter than those that they would be taken for. By eye, and because phases that are told
apart keep their colours better from run to run."""

_LIGHTNESS = (38.0, 88.0)
"""Range of L* of all colours, so that neither black nor white comes up."""

_ENOUGH = 8.0
"""CIEDE2000 between any two phases, for the eye of whichever kind sees the least difference: about five times what is
just noticeable side by side."""

_AIM = 9.0
"""What pairs closer than that are pushed to, so that a finite number of steps is enough."""

_STEP = 0.5
"""Part of what two phases lack that is made up for in a step. Larger steps depend on chance, as tried on the samples:
equal phases of two runs then come out in other colours; smaller ones take longer."""

_LONGEST_STEP = 6.0
_FLATTEST = 0.05
"""Limits of a step: its length, in CIELAB, and the squared slope of CIEDE2000 that it is computed with, which goes to 0
at the edge of the gamut."""

_MOST_STEPS = 400
"""About 100 to 300 are needed for the samples; then colours stay as far apart as they have come."""

_MOST_APART = 32
"""Phases that are kept apart, the most frequent ones; more than can be told apart anyway."""

_LEAST_SHARE = 1e-3
"""Share of the measurements below which a phase weighs no less."""

# Colour vision without the cones for long and for middle wavelengths, on linear sRGB: G. M. Machado, M. M. Oliveira,
# L. A. F. Fernandes, A physiologically-based model for simulation of color vision deficiency, IEEE TVCG 15 (2009)
# 1291-1298, table 1, severity 1.
_DEFICIENCIES = (
    ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881)),
)


def segment_colours(
    segmentation: Segmentation, of_phases: npt.NDArray[np.float64] | None = None
) -> npt.NDArray[np.float64]:
    """Colour of every segment, (K, 3) sRGB: that of its phase, or of its own composition where there are no phases.

    Parameters
    ----------
    segmentation : Segmentation
    of_phases : (P, 3) array, optional
        The colours of the phases. None: `Segmentation.phase_colours`.
    """
    if not segmentation.has_phases:
        return composition_colours(segmentation.spectra(), segmentation.field.energy)
    return (segmentation.phase_colours if of_phases is None else of_phases)[segmentation.phases]


def phase_colours(segmentation: Segmentation) -> npt.NDArray[np.float64]:
    """Colour of every phase, (P, 3) sRGB: by the composition of its pure measurements, where it has any.

    Where phases have been taken together (`Segmentation.with_phases_merged`) one has the colour of its largest part.
    `Segmentation.phase_colours` is the same, computed once.

    Raises
    ------
    RecipeError
        If the method made no phases.
    """
    found, before = segmentation.measurement_phases, segmentation.merged_from
    if found is None:
        raise RecipeError(f"the method {segmentation.recipe.method!r} makes no phases; 'merge' does.")
    if segmentation.uncorrected is not None and segmentation.phases_before is not None:
        return _after_corrections(segmentation, segmentation.uncorrected, segmentation.phases_before)
    if before is not None and before.measurement_phases is not None:
        return before.phase_colours[_largest_parts(before.measurement_phases.labels, found.labels)]
    pure = found.partner < 0
    has_pure = np.bincount(found.labels[pure], minlength=found.n_phases) > 0
    spectra = segmentation.field.summed_spectra(np.where(pure | ~has_pure[found.labels], found.labels, -1))
    share = np.bincount(found.labels, minlength=found.n_phases) / len(found.labels)
    return colours_apart(spectra, segmentation.field.energy, share)


def colours_apart(
    spectra: npt.NDArray[np.float64], energy: EnergyAxis, share: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Colours of phases by their compositions, told apart from each other.

    Parameters
    ----------
    spectra : (P, D) array
        Summed counts.
    energy : EnergyAxis
    share : (P,) array
        Of the measurements: the colours of small phases give way.

    Returns
    -------
    (P, 3) array of float64
        sRGB, 0 to 1.
    """
    return _kept_apart(_in_gamut(_lab_of_compositions(spectra, energy)), share)


def _after_corrections(
    segmentation: Segmentation, before: Segmentation, number: npt.NDArray[np.int64]
) -> npt.NDArray[np.float64]:
    """Colours after corrections: of each phase that it had, of the largest of those merged; new ones by composition."""
    found, earlier = segmentation.grouped, before.grouped
    size = np.bincount(earlier.labels, minlength=earlier.n_phases)
    order = np.argsort(size, kind="stable")  # the largest come last, and stay
    order = order[number[order] >= 0]
    new = np.ones(found.n_phases, dtype=np.bool_)
    new[number[order]] = False
    colours = np.zeros((found.n_phases, 3))
    colours[number[order]] = before.phase_colours[order]
    if new.any():
        rank = np.where(new, np.cumsum(new) - 1, -1)
        spectra = segmentation.field.summed_spectra(rank[found.labels], int(new.sum()))
        colours[new] = composition_colours(spectra, segmentation.field.energy)
    return colours


def composition_colours(spectra: npt.ArrayLike, energy: EnergyAxis) -> npt.NDArray[np.float64]:
    """Colour of each summed spectrum by its composition alone, near for near compositions.

    Parameters
    ----------
    spectra : (K, D) array
        Counts.
    energy : EnergyAxis

    Returns
    -------
    (K, 3) array of float64
        sRGB, 0 to 1. Grey where there are no counts.
    """
    counts = np.asarray(spectra, dtype=np.float64)
    colours = _in_gamut(_lab_of_compositions(counts, energy))
    colours[counts.sum(axis=1) <= 0] = 0.5
    return colours


def smallest_distances(colours: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """CIEDE2000 of the two most similar of some colours, (K, 3) sRGB, for each kind of colour vision.

    Returns
    -------
    (3,) array of float64
        With all cones, without those for long wavelengths, without those for middle ones. inf for fewer than two.
    """
    seen = _as_seen(np.asarray(colours, dtype=np.float64))
    least = np.full(len(seen), np.inf)
    for i in range(1, seen.shape[1]):
        least = np.minimum(least, _distance(seen[:, :i], seen[:, i : i + 1]).min(axis=1))
    return least


def _lab_of_compositions(spectra: npt.NDArray[np.float64], energy: EnergyAxis) -> npt.NDArray[np.float64]:
    """Place of each summed spectrum in CIELAB, (K, 3), not always inside of sRGB."""
    total = np.maximum(spectra[:, energy.window(_LOWEST_CHANNEL, np.inf)].sum(axis=1), 1.0)
    counts = [spectra[:, energy.window(window.low, window.high)].sum(axis=1) for window in _WINDOWS.values()]
    roots = np.sqrt(np.stack(counts, axis=1) / total[:, None])
    centred = roots - [window.mean for window in _WINDOWS.values()]
    axes = np.array([window.axes for window in _WINDOWS.values()])
    scores = centred @ axes
    lab = np.array(_MIDDLE) + scores @ np.array(_STRETCH)
    usual, stretch = _REST
    lab[:, 0] += stretch * (np.linalg.norm(centred - scores @ axes.T, axis=1) - usual)
    # Bent to the range of lightness, so that no two are the same for being beyond it.
    middle, half = np.mean(_LIGHTNESS), np.ptp(_LIGHTNESS) / 2
    lab[:, 0] = middle + half * np.tanh((lab[:, 0] - middle) / half)
    return np.asarray(lab)


def _largest_parts(before: npt.NDArray[np.int64], after: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Label before of the largest part of each label after, (P,); of equal ones the first."""
    pair, size = np.unique(np.stack([after, before]), axis=1, return_counts=True)
    order = np.lexsort((pair[1], -size, pair[0]))
    _, largest = np.unique(pair[0, order], return_index=True)
    return np.asarray(pair[1, order][largest])


def _kept_apart(colours: npt.NDArray[np.float64], share: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Colours near the given ones, (P, 3) sRGB, but not so near each other, in the eyes of any kind.

    In each step all pairs that are too close move apart along the slope of their CIEDE2000, each phase by the share of
    the measurements that the other has. Small steps of all pairs at once make the outcome a smooth function of colours
    and shares as far as may be; choosing one after the other, or minimising, does not.
    """
    order = np.argsort(-share, kind="stable")[:_MOST_APART]
    first, second = np.triu_indices(len(order), 1)
    weight = np.maximum(share[order], _LEAST_SHARE)
    lab = _lab(colours[order])
    probes = np.concatenate([np.zeros((1, 3)), np.eye(3), -np.eye(3)])[:, None]
    for _ in range(_MOST_STEPS if len(order) > 1 else 0):
        seen = _as_seen(_clipped((lab + probes).reshape(-1, 3))).reshape(3, len(probes), len(order), 3)
        distance = _distance(seen[:, 0, first], seen[:, 0, second])
        close = np.flatnonzero(distance.min(axis=0) < _ENOUGH)
        if len(close) == 0:
            break
        eye, lack = distance[:, close].argmin(axis=0), _AIM - distance[:, close].min(axis=0)
        move, number = np.zeros_like(lab), np.zeros(len(lab))
        for here, there in ((first[close], second[close]), (second[close], first[close])):
            probed = _distance(seen[eye, 1:, here], seen[eye, 0, there][:, None])
            slope = (probed[:, :3] - probed[:, 3:]) / 2
            part = lack * weight[there] / (weight[here] + weight[there])
            step = slope * (part / np.maximum((slope**2).sum(axis=1), _FLATTEST))[:, None]
            length = np.linalg.norm(step, axis=1, keepdims=True)
            step *= np.minimum(1.0, _LONGEST_STEP / np.maximum(length, 1e-9))
            np.add.at(move, here, step)
            np.add.at(number, here, 1)
        lab += _STEP * move / np.sqrt(np.maximum(number, 1))[:, None]
        lab[:, 0] = np.clip(lab[:, 0], *_LIGHTNESS)
        lab = _lab(_clipped(lab))
    apart = colours.copy()
    apart[order] = _clipped(lab)
    return apart


def _in_gamut(lab: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """SRGB of CIELAB colours, (K, 3); where there is none of such chroma, the most colourful one of the same hue."""
    colour = lab.copy()
    colour[:, 0] = np.clip(colour[:, 0], *_LIGHTNESS)
    low, high = np.zeros(len(lab)), np.ones(len(lab))
    for _ in range(12):  # halves the uncertainty of the chroma each time: to less than a thousandth
        middle = (low + high) / 2
        tried = np.concatenate([colour[:, :1], colour[:, 1:] * middle[:, None]], axis=1)
        fits = _lab_error(tried) < 0.5
        low, high = np.where(fits, middle, low), np.where(fits, high, middle)
    fits = _lab_error(colour) < 0.5
    colour[:, 1:] *= np.where(fits, 1.0, low)[:, None]
    return _clipped(colour)


def _lab_error(lab: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """How far colours lie outside of sRGB: what clipping moves them by in CIELAB, (K,)."""
    return np.asarray(np.linalg.norm(_lab(_clipped(lab)) - lab, axis=1))


def _clipped(lab: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """SRGB of CIELAB colours, each part limited to 0..1."""
    import warnings

    from skimage.color import lab2rgb

    with warnings.catch_warnings():  # scikit-image warns of colours that do not exist, which come up on the way
        warnings.simplefilter("ignore", UserWarning)
        return np.asarray(np.clip(lab2rgb(lab), 0, 1))


def _lab(rgb: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    from skimage.color import rgb2lab

    return np.asarray(rgb2lab(rgb), dtype=np.float64)


def _as_seen(rgb: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """CIELAB of colours, (3, K, 3): with all cones, and as the two common deficiencies see them."""
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)  # IEC 61966-2-1
    seen = [rgb]
    for matrix in _DEFICIENCIES:
        dimmed = np.clip(linear @ np.array(matrix).T, 0, 1)
        seen.append(np.where(dimmed <= 0.0031308, 12.92 * dimmed, 1.055 * dimmed ** (1 / 2.4) - 0.055))
    return np.stack([_lab(colours) for colours in seen])


def _distance(first: npt.NDArray[np.float64], second: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    from skimage.color import deltaE_ciede2000

    return np.asarray(deltaE_ciede2000(first, second))
