"""Strokes of the mouse on a field: what they cross. Pure geometry, in pixels: rows and columns, centres at integers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from napari_gdls.phases.parting import crossed

if TYPE_CHECKING:
    from napari_gdls.graph import MeasurementGraph

Stroke = Sequence[tuple[float, float]]
"""Vertices of a line, as the mouse passed them."""

_STEP = 0.25
"""Pixels between the points of a stroke whose segments are looked up: corners that it cuts by less are not crossed."""
_STRAIGHT = 0.5
"""Pixels that a vertex may lie beside the line that leaves it out: less than can be seen on the map."""


def length(stroke: Stroke) -> float:
    """Length of a stroke in pixels; that of the mouse held still is 0."""
    return math.fsum(math.dist(a, b) for a, b in pairwise(stroke))


def thinned(stroke: Stroke) -> tuple[tuple[float, float], ...]:
    """A stroke without the vertices that leave it within half a pixel of where it was (Douglas and Peucker, 1973).

    Its ends stay, so that a stroke of the mouse held still has two vertices at one place.
    """
    points = np.asarray(stroke, dtype=np.float64).reshape(-1, 2)
    if len(points) < 2:
        points = np.repeat(points, 2, axis=0)
    kept = np.zeros(len(points), dtype=bool)
    kept[[0, -1]] = True
    spans = [(0, len(points) - 1)]
    while spans:
        first, last = spans.pop()
        if last - first < 2:
            continue
        away = _distance_to(points[first + 1 : last], points[first], points[last])
        furthest = int(np.argmax(away))
        if away[furthest] > _STRAIGHT:
            middle = first + 1 + furthest
            kept[middle] = True
            spans += [(first, middle), (middle, last)]
    return tuple((float(row), float(column)) for row, column in points[kept])


def crossed_labels(labels: npt.NDArray[np.integer], stroke: Stroke) -> tuple[int, ...]:
    """Labels that a stroke passes over, each once, in its order; without 0.

    Parameters
    ----------
    labels : (H, W) array of int
    stroke : sequence of (float, float)
        May leave the image.
    """
    points = _points_along(stroke, _STEP)
    pixels = np.floor(points + 0.5).astype(np.int64)
    inside = ((pixels >= 0) & (pixels < labels.shape)).all(axis=1)
    passed = labels[tuple(pixels[inside].T)]
    return tuple(dict.fromkeys(label for label in passed.tolist() if label > 0))


def crossed_edges(graph: MeasurementGraph, stroke: Stroke) -> npt.NDArray[np.int64]:
    """Edges of the graph that a stroke crosses an odd number of times, so that their ends lie on its two sides.

    Parameters
    ----------
    graph : MeasurementGraph
    stroke : sequence of (float, float)

    Returns
    -------
    (C,) array of int64
        Their indices.
    """
    line = thinned(stroke)
    near = _near(graph, line)
    ends = graph.locations[graph.edges[near]].astype(np.float64)  # (C, 2, 2)
    odd, _ = crossed(np.asarray(line), ends[:, 0], ends[:, 1])
    return near[odd]


def _points_along(stroke: Stroke, step: float) -> npt.NDArray[np.float64]:
    """Points of a stroke that lie no further apart than a step."""
    vertices = np.asarray(stroke, dtype=np.float64).reshape(-1, 2)
    parts = [vertices[:1]]
    for a, b in pairwise(vertices):
        steps = max(1, math.ceil(math.dist(a, b) / step))
        parts.append(a + (b - a) * np.linspace(0, 1, steps + 1)[1:, None])
    return np.concatenate(parts)


def _distance_to(
    points: npt.NDArray[np.float64], a: npt.NDArray[np.float64], b: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Distance of points, (P, 2), from the line between two."""
    step = b - a
    square = float(step @ step)
    along = np.zeros(len(points)) if square == 0 else np.clip((points - a) @ step / square, 0, 1)
    distance: npt.NDArray[np.float64] = np.linalg.norm(points - (a + along[:, None] * step), axis=1)
    return distance


def _near(graph: MeasurementGraph, line: Stroke) -> npt.NDArray[np.int64]:
    """Edges that can cross a line: their first end lies in a cell beside it, whose side is twice the longest edge."""
    if graph.n_edges == 0:
        return np.zeros(0, dtype=np.int64)
    longest = max(1.0, float(graph.length.max()))
    side = 2 * longest
    cells = np.floor(graph.locations / side).astype(np.int64) + 1
    passed = np.zeros(cells.max(axis=0) + 2, dtype=bool)
    on_line = np.floor(_points_along(line, longest) / side).astype(np.int64) + 1
    for row in (-1, 0, 1):
        for column in (-1, 0, 1):
            beside = on_line + np.array([row, column])
            beside = beside[((beside >= 0) & (beside < passed.shape)).all(axis=1)]
            passed[tuple(beside.T)] = True
    at_measurements = passed[tuple(cells.T)]
    return np.flatnonzero(at_measurements[graph.edges[:, 0]])
