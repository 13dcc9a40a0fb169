"""Colours of phases: alike for alike compositions, and told apart by people with and without colour vision.

A composition has a place in CIELAB that does not depend on what else is in the field. Phases that would come too close
are moved to the nearest free colour, the most frequent ones first. So a phase keeps its colour, or nearly so, from run
to run of one field, and the dock, the picture and the tables show the same one.
"""

from __future__ import annotations

from functools import cache
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

_LIGHTNESS = (38.0, 88.0)
"""Range of L* of all colours, so that neither black nor white comes up."""

_GRID = (7.0, 12.0, 12.0)
"""Steps of L*, a*, b* between the colours that are free to be taken: about the smallest distance that is wanted."""

_WANTED_DISTANCE = 10.0
"""CIEDE2000 between any two phases, for the eye of whichever kind sees the least difference: about six times what is
just noticeable side by side."""

_LEAST_DISTANCE = 2.0
_RELAXATION = 0.9
"""The wanted distance is lowered by this factor until a colour is free, down to the least one."""

_MOST_APART = 64
"""Phases that are kept apart, the most frequent ones; more than can be told apart anyway."""

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
        From `phase_colours`; None: made here.
    """
    if not segmentation.has_phases:
        return composition_colours(segmentation.spectra(), segmentation.field.energy)
    return (phase_colours(segmentation) if of_phases is None else of_phases)[segmentation.phases]


def phase_colours(segmentation: Segmentation) -> npt.NDArray[np.float64]:
    """Colour of every phase, (P, 3) sRGB: by the composition of its pure measurements, where it has any.

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
    wanted = _lab_of_compositions(spectra, segmentation.field.energy)
    frequency = np.bincount(found.labels, minlength=found.n_phases)
    return _in_gamut(_kept_apart(wanted, np.argsort(-frequency, kind="stable")))


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
    scores = np.zeros((len(spectra), 3))
    for window in _WINDOWS.values():
        share = spectra[:, energy.window(window.low, window.high)].sum(axis=1) / total
        scores += (np.sqrt(share) - window.mean)[:, None] * np.array(window.axes)
    return np.asarray(np.array(_MIDDLE) + scores @ np.array(_STRETCH))


def _kept_apart(wanted: npt.NDArray[np.float64], order: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """CIELAB colours, (P, 3), near the wanted ones and as far from each other as there is room for."""
    free = _free_colours()
    free_seen = _as_seen(_in_gamut(free))
    wanted = _lab(_in_gamut(wanted))
    chosen = wanted.copy()
    taken = np.empty((3, 0, 3))
    nearest = np.full(len(free), np.inf)  # of each free colour to those that are taken
    for phase in order[:_MOST_APART]:
        own = _as_seen(_in_gamut(wanted[phase][None]))
        distance = np.append(_distance(taken, own).min(initial=np.inf), nearest)
        candidates = np.vstack([wanted[phase][None], free])
        moved = np.linalg.norm(candidates - wanted[phase], axis=1)
        least = _WANTED_DISTANCE
        while least > _LEAST_DISTANCE and not (distance >= least).any():
            least *= _RELAXATION
        possible = np.where(distance >= least, moved, np.inf) if (distance >= least).any() else -distance
        chosen[phase] = candidates[int(np.argmin(possible))]
        seen = _as_seen(_in_gamut(chosen[phase][None]))
        taken = np.concatenate([taken, seen], axis=1)
        nearest = np.minimum(nearest, _distance(free_seen, seen).min(axis=0))
    return chosen


@cache
def _free_colours() -> npt.NDArray[np.float64]:
    """A lattice of CIELAB colours inside of sRGB, (C, 3)."""
    steps = (
        np.arange(_LIGHTNESS[0], _LIGHTNESS[1] + 1e-9, _GRID[0]),
        np.arange(-96.0, 97.0, _GRID[1]),
        np.arange(-96.0, 97.0, _GRID[2]),
    )
    lattice = np.stack(np.meshgrid(*steps, indexing="ij"), axis=-1).reshape(-1, 3)
    inside = np.abs(_lab(_in_gamut(lattice)) - lattice).max(axis=1) < 0.5
    return np.asarray(lattice[inside])


def _in_gamut(lab: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """SRGB of CIELAB colours, (K, 3); where there is none of such chroma, the most colourful one of the same hue."""
    from skimage.color import lab2rgb

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
    return np.asarray(np.clip(lab2rgb(colour), 0, 1))


def _lab_error(lab: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """How far colours lie outside of sRGB: what clipping moves them by in CIELAB, (K,)."""
    import warnings

    from skimage.color import lab2rgb

    with warnings.catch_warnings():  # scikit-image warns of colours that do not exist, which are looked for here
        warnings.simplefilter("ignore", UserWarning)
        clipped = np.clip(lab2rgb(lab), 0, 1)
    return np.asarray(np.linalg.norm(_lab(clipped) - lab, axis=1))


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
