"""Pixel labels as the published program of the paper's authors makes them.

Steps and constants are those of their program (github.com/RomanJuranek/graph-segmentation), with the libraries it uses;
`napari_gdls.methods.published.measurements` holds the steps before. It is here to compare with: our own labelling,
`label_pixels`, is quicker, sees the BSE image, and keeps the segments of the measurements.

1. Segments of measurements are coloured so that those of a measurement and of its nearest ones differ (networkx), since
   the random walker takes time in proportion to the number of labels.
2. Pixels outside the squares around the measurements, of the sampling distance, are background. The others get their
   colour from a random walker (scikit-image, direct solution) on 10 x BSE with beta 0.01.
3. Segments are the connected regions of equal colour.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from napari_gdls.errors import FieldError, RecipeError
from napari_gdls.field import Field
from napari_gdls.progress import Progress, silent

N_NEAREST = 20
"""Measurements that must not share a colour, the measurement itself among them."""

# Of the published program.
BSE_FACTOR = 10.0  # by which the BSE image, as a fraction of its full scale, is multiplied for the random walker
BETA = 0.01  # `beta` of the random walker, see scikit-image
_BACKGROUND = 1  # marker of pixels far from all measurements


def label_pixels_as_published(
    field: Field,
    measurement_labels: npt.ArrayLike,
    *,
    beta: float = BETA,
    progress: Progress | None = None,
) -> npt.NDArray[np.int32]:
    """Give every pixel a segment as the published program of the authors does (paper, section 3.7).

    Parameters
    ----------
    field : Field
    measurement_labels : (N,) array of int
        Segment of every measurement, 0..K-1, from `label_measurements_as_published` or any other method.
    beta : float
        Of `skimage.segmentation.random_walker`. At the published 0.01 the walker hardly sees the image.
    progress : Progress, optional

    Returns
    -------
    (H, W) array of int32
        Connected regions of equal colour, from 1; 0 is background. These are not the labels of the measurements: a
        segment that falls into several regions gets several numbers.

    Raises
    ------
    FieldError
        If the labels do not fit the field.
    RecipeError
        If `beta` is negative.
    Cancelled
        If `progress` asks for it.
    """
    given = np.asarray(measurement_labels)
    if given.shape != (field.n_measurements,) or given.dtype.kind not in "ui" or given.min() < 0:
        raise FieldError(
            f"measurement labels are {given.dtype} of shape {given.shape}; one whole number, 0 or more, for each of "
            f"the {field.n_measurements} measurements is needed."
        )
    if not (np.isfinite(beta) and beta >= 0):
        raise RecipeError(f"beta is {beta}; it must be 0 or more.")
    report = progress or silent
    report("labelling", 0.0)
    colours = component_colours(field.locations, given.astype(np.int64))
    report("labelling", 0.3)
    labels = regions_of_colours(field, colours, beta=beta)
    report("labelling", 1.0)
    return labels


def component_colours(locations: npt.NDArray[np.int64], component: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Colour of every measurement, (N,), from 0: those of components near each other differ.

    Parameters
    ----------
    locations : (N, 2) array of int64
    component : (N,) array of int64
        From 0. Components conflict where a measurement of one is among the `N_NEAREST` of a measurement of the other.
    """
    import networkx as nx
    from scipy.spatial import cKDTree

    n_near = min(N_NEAREST, len(locations))
    near = cKDTree(locations).query(locations, k=n_near)[1].reshape(len(locations), n_near)
    conflicts = nx.Graph()
    conflicts.add_nodes_from(range(int(component.max()) + 1))
    for neighbour in near.T[1:]:
        conflicts.add_edges_from(np.stack([component, component[neighbour]], axis=1).tolist())
    # A component near itself is an edge from a node to itself, which has no say in its colour.
    colour = np.empty(len(conflicts), dtype=np.int64)
    for number, chosen in nx.greedy_color(conflicts).items():
        colour[number] = chosen
    return np.take(colour, component)


def regions_of_colours(field: Field, colour: npt.NDArray[np.int64], *, beta: float = BETA) -> npt.NDArray[np.int32]:
    """Segments of the pixels, (H, W), from 1, from the colours (N,) of the measurements; 0 is background."""
    from skimage.measure import label
    from skimage.segmentation import random_walker

    markers = np.zeros(field.shape, dtype=np.int64)
    markers[field.locations[:, 0], field.locations[:, 1]] = colour + _BACKGROUND + 1
    markers[(markers == 0) & ~_near_measurements(field)] = _BACKGROUND
    if (markers == 0).any() and np.count_nonzero(np.bincount(markers.ravel())[1:]) > 1:
        bse = BSE_FACTOR * field.bse / field.bse_full_scale
        if bse.min() == bse.max():
            # scikit-image divides by the standard deviation of the image; without contrast beta has no meaning.
            bse, beta = markers.astype(np.float64), 0.0
        # The walker numbers the markers anew, from 1.
        markers = np.unique(markers[markers > 0])[random_walker(bse, markers, beta=beta, mode="bf") - 1]
    elif (markers == 0).any():
        markers[:] = markers.max()
    regions: npt.NDArray[np.integer] = label(markers, background=_BACKGROUND, connectivity=1)
    return regions.astype(np.int32)


def _near_measurements(field: Field) -> npt.NDArray[np.bool_]:
    """Valid pixels in a square around a measurement, (H, W) bool; its side is the sampling distance in whole pixels."""
    from skimage.morphology import dilation

    measured = np.zeros(field.shape, dtype=bool)
    measured[field.locations[:, 0], field.locations[:, 1]] = True
    side = min(max(round(field.sampling_distance), 1), 2 * max(field.shape) + 1)
    near: npt.NDArray[np.bool_] = dilation(measured, np.ones((side, side), dtype=bool)) & field.valid
    return near
