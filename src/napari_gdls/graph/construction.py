"""Which measurements are neighbours: Voronoi analysis on the pixel grid (paper, section 3.6)."""

from __future__ import annotations

from collections.abc import Callable

import numba as nb
import numpy as np
import numpy.typing as npt

from napari_gdls.bse import bse_fractions_at_measurements
from napari_gdls.checks import checked_number
from napari_gdls.embedding.calibration import Calibration
from napari_gdls.errors import GdlsError
from napari_gdls.field import Field
from napari_gdls.graph.borders import border_sides
from napari_gdls.graph.measurement_graph import MeasurementGraph
from napari_gdls.progress import Progress, silent
from napari_gdls.threads import in_blocks

_EDGES_AT_A_TIME = 1 << 12
"""Edges whose distances a thread finds at a time: 1 MB of differences in 64 dimensions."""

_ROWS_AT_A_TIME = 64
"""Rows of an image that a thread looks at a time: a millisecond where they are 2,000 px wide."""


def nearest_measurement(field: Field) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Nearest measurement of every pixel: the Voronoi diagram of the measurements, on the pixel grid.

    Parameters
    ----------
    field : Field

    Returns
    -------
    nearest : (H, W) array of int64
        Index of the measurement, valid or not the pixel. Of equally near ones always the same.
    distance : (H, W) array of float64
        Distance to it, in px.
    """
    nearest, rows, columns = _nearest(field)
    down, right = rows - np.arange(field.shape[0])[:, None], columns - np.arange(field.shape[1])
    return nearest, np.sqrt((down.astype(np.int64) ** 2 + right.astype(np.int64) ** 2).astype(np.float64))


def _nearest(field: Field) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.integer], npt.NDArray[np.integer]]:
    """Index of the nearest measurement of every pixel, its row, and its column, (H, W)."""
    from scipy.ndimage import distance_transform_edt

    index = field.to_map(np.arange(field.n_measurements), fill=-1)
    if field.n_measurements == index.size:
        here = np.indices(index.shape)
        return index, here[0], here[1]
    rows, columns = distance_transform_edt(index < 0, return_distances=False, return_indices=True)
    out = np.empty_like(index)
    in_blocks(len(out), lambda first, last: _taken(index, rows, columns, first, last, out), size=_ROWS_AT_A_TIME)
    return out, rows, columns


@nb.njit(cache=True, nogil=True)
def _taken(
    values: npt.NDArray[np.int64],
    rows: npt.NDArray[np.int32],
    columns: npt.NDArray[np.int32],
    first: int,
    last: int,
    out: npt.NDArray[np.int64],
) -> None:
    """``values[rows, columns]`` in the rows first..last - 1 of the image.

    Relies on arrays of one (H, W), on rows and columns inside of it, which those of a distance transform are, and on
    0 <= first <= last <= H.
    """
    for y in range(first, last):
        for x in range(out.shape[1]):
            out[y, x] = values[rows[y, x], columns[y, x]]


def voronoi_neighbours(field: Field, nearest: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Pairs of measurements whose cells share a pixel side.

    Cells are cut down to their valid pixels, and of those to the ones joined, side by side, with the measurement. What
    is left of a cell is connected, so the pairs make a planar graph.

    Parameters
    ----------
    field : Field
    nearest : (H, W) array of int64
        From `nearest_measurement`.

    Returns
    -------
    (P, 2) array of int64
        Lower index first, sorted, each pair once.
    """
    from skimage.measure import label

    if field.is_dense and field.n_measurements == nearest.size:
        joined = np.ones(nearest.shape, dtype=bool)
    else:
        parts = label(np.where(field.valid, nearest + 1, 0), connectivity=1, background=0)
        own_part = parts[field.locations[:, 0], field.locations[:, 1]]
        joined = field.valid & (parts == own_part[nearest])
    return touching_labels(nearest, joined)


def touching_labels(labels: npt.NDArray[np.integer], where: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """Pairs of different labels of pixels that share a side.

    Parameters
    ----------
    labels : (H, W) array of int
        0 or more.
    where : (H, W) array of bool
        Pixels that count.

    Returns
    -------
    (P, 2) array of int64
        Lower label first, sorted, each pair once.
    """
    image, counts = np.ascontiguousarray(labels), np.ascontiguousarray(where)
    n = int(image.max()) + 1
    keys = in_blocks(
        len(image), lambda first, last: border_sides(image, counts, n, first, last)[0], size=_ROWS_AT_A_TIME
    )
    key = np.sort(np.concatenate(keys))  # with `diff`, a tenth of the time of `unique`
    key = key[np.diff(key, prepend=-1) > 0]
    return np.stack([key // n, key % n], axis=1)


def build_graph(
    field: Field,
    z: npt.NDArray[np.floating],
    *,
    max_distance: float = 2.0,
    calibration: Calibration | None = None,
    progress: Progress | None = None,
) -> MeasurementGraph:
    """Build the measurement graph (paper, section 3.6, eq. 1 and 2).

    Neighbours are measurements whose Voronoi cells touch. The cells are those of the pixel grid (the map of the nearest
    measurement), which differ from the exact ones only at ridges shorter than a pixel, and cost a twentieth.

    Parameters
    ----------
    field : Field
    z : (N, d) array
        Embedded spectra, from `embed`.
    max_distance : float
        Longer edges are left out; in sampling distances.
    calibration : Calibration, optional
        Scale of the embedding that made `z`. None: that of the default embedding.
    progress : Progress, optional
        Receives the stage "graph"; may cancel.

    Returns
    -------
    MeasurementGraph

    Raises
    ------
    GdlsError
        If `z` does not have one finite row per measurement or `max_distance` is not positive.
    """
    vectors = np.asarray(z)
    if vectors.ndim != 2 or len(vectors) != field.n_measurements:
        raise GdlsError(
            f"z has shape {vectors.shape}; one row for each of the {field.n_measurements} spectra is needed."
        )
    if not np.isfinite(vectors).all():
        raise GdlsError("z holds NaN or infinite values; embed the spectra again.")
    checked_number("max_distance", max_distance, "in sampling distances", positive=True)
    if calibration is None:
        from napari_gdls.embedding.models import load_embedding

        calibration = load_embedding().calibration
    report = progress or silent
    report("graph", 0.1)
    nearest = _nearest(field)[0]
    report("graph", 0.3)
    pairs = voronoi_neighbours(field, nearest)
    report("graph", 0.6)
    length = np.linalg.norm(field.locations[pairs[:, 0]] - field.locations[pairs[:, 1]], axis=1)
    near = length <= max_distance * field.sampling_distance
    edges, length = pairs[near], length[near]
    bse = bse_fractions_at_measurements(field)
    distance_z = _distances(vectors, edges, lambda: report("graph", 0.8))
    counts = field.total_counts
    return MeasurementGraph(
        locations=field.locations,
        edges=edges,
        delta_b=np.abs(bse[edges[:, 0]] - bse[edges[:, 1]]),
        delta_z=calibration.delta_z(distance_z, counts[edges[:, 0]], counts[edges[:, 1]]),
        distance_z=distance_z,
        length=length,
    )


def _distances(
    vectors: npt.NDArray[np.floating], edges: npt.NDArray[np.int64], poll: Callable[[], None]
) -> npt.NDArray[np.float64]:
    out = np.empty(len(edges))

    def find(first: int, last: int) -> None:
        u, v = edges[first:last].T
        difference = vectors[u] - vectors[v]
        out[first:last] = np.sqrt(np.einsum("ed,ed->e", difference, difference))

    in_blocks(len(edges), find, size=_EDGES_AT_A_TIME, poll=poll)
    return out
