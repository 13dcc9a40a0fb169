"""The way of the paper's authors from embedded spectra to pixel labels: the reference for speed and quality.

Written anew after the published program (github.com/RomanJuranek/graph-segmentation, MIT), with the libraries it uses,
step by step as it works, and without what it does for previews only. The embedding is left out.

1. Edges are ridges of the Voronoi diagram of the dots (Qhull), shorter than 1.5 dot spacings, with |b_i - b_j| / 65,536
   below tau_b and |z_i - z_j| below tau_z.
2. Segments of dots are connected components (networkx).
3. Components are coloured so that those of a dot and of its 20 nearest dots differ (networkx), since the random walker
   takes time in proportion to the number of labels.
4. Pixels farther than the dot spacing from every dot are background. The others between the dots get their colour from
   a random walker (scikit-image, direct solution) on 10 x BSE with beta 0.01.
5. Segments are the connected regions of equal colour.
"""

from __future__ import annotations

from typing import Any

import networkx as nx
import numpy as np
import numpy.typing as npt
from scipy.ndimage import distance_transform_edt
from scipy.spatial import Voronoi, cKDTree
from skimage.measure import label
from skimage.segmentation import random_walker

from napari_gdls import Field

LONGEST_EDGE = 1.5
"""In dot spacings; the paper says 2."""

N_NEAREST = 20
"""Dots that must not share a colour, the dot itself among them."""

BSE_FACTOR = 10.0
BETA = 0.01
_BACKGROUND = 1


def voronoi_edges(field: Field, z: npt.NDArray[np.float32], tau_b: float, tau_z: float) -> npt.NDArray[np.intp]:
    """Pairs of neighbouring dots of one material, (E, 2)."""
    pairs = np.asarray(Voronoi(field.locations.astype(np.float64)).ridge_points, dtype=np.intp)
    length = np.linalg.norm(field.locations[pairs[:, 0]] - field.locations[pairs[:, 1]], axis=1)
    bse = field.bse_at_measurements.astype(np.float64) / field.bse_full_scale
    delta_b = np.abs(bse[pairs[:, 0]] - bse[pairs[:, 1]])
    delta_z = np.linalg.norm(z[pairs[:, 0]] - z[pairs[:, 1]], axis=1)
    kept = (length < LONGEST_EDGE * field.sampling_distance) & (delta_b < tau_b) & (delta_z < tau_z)
    return np.compress(kept, pairs, axis=0)


def components(edges: npt.NDArray[np.intp], n_dots: int) -> npt.NDArray[np.int64]:
    """Component of every dot, (N,), from 0."""
    graph = nx.Graph()
    graph.add_nodes_from(range(n_dots))
    graph.add_edges_from(edges)
    found = np.empty(n_dots, dtype=np.int64)
    for number, members in enumerate(nx.connected_components(graph)):
        found[list(members)] = number
    return found


def colours(locations: npt.NDArray[np.int64], component: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Colour of every dot, (N,), from 0: those of components near each other differ."""
    _, near = cKDTree(locations).query(locations, k=min(N_NEAREST, len(locations)))
    conflicts = nx.Graph()
    conflicts.add_nodes_from(range(int(component.max()) + 1))
    for neighbour in near.T[1:]:
        conflicts.add_edges_from(np.stack([component, component[neighbour]], axis=1))
    colour = np.empty_like(component)
    for number, chosen in nx.greedy_color(conflicts).items():
        colour[component == number] = chosen
    return colour


def pixel_labels(field: Field, colour: npt.NDArray[np.int64]) -> npt.NDArray[np.int32]:
    """Segments of the pixels, (H, W), from 1; 0 beyond the dot spacing from every dot."""
    markers = np.zeros(field.shape, dtype=np.int64)
    markers[field.locations[:, 0], field.locations[:, 1]] = colour + _BACKGROUND + 1
    markers[distance_transform_edt(markers == 0) > field.sampling_distance] = _BACKGROUND
    bse = BSE_FACTOR * field.bse / field.bse_full_scale
    walked = markers
    if (markers == 0).any():
        # The walker numbers the markers anew, from 1.
        walked = np.unique(markers[markers > 0])[random_walker(bse, markers, beta=BETA, mode="bf") - 1]
    segments: npt.NDArray[Any] = label(walked, background=_BACKGROUND, connectivity=1)
    return segments.astype(np.int32)
