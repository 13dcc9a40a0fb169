"""Many line shapes at once: a napari Shapes layer of 100,000 graph edges in seconds instead of half a minute.

napari builds a Shapes layer shape by shape, and repeats a loop over all shapes at every update. This module builds all
lines of a graph with array operations, and gives the layer a shape list whose loops are array operations. The result is
an ordinary `napari.layers.Shapes`, with everything that the user can do to one.

It is built on private parts of napari, as the only module of the package. So it may fail under another napari, even to
import: nothing imports it but `napari_gdls.plugin.layers.edge_lines`, which checks its work first.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from napari.layers import Shapes
from napari.layers.shapes._shape_list import ShapeList
from napari.layers.shapes._shapes_models import Line
from napari.layers.shapes.shape_types import CoordinateDtype, IndexDtype, ShapeColorDtype, TriangleDtype, ZOrderDtype

# What differs from line to line. Everything else is taken over from a line that napari made.
_PER_LINE = ("_data", "data_displayed", "_bounding_box", "_box", "_edge_vertices", "_edge_offsets")


def edge_shapes(
    segments: npt.ArrayLike,
    *,
    edge_width: float,
    edge_color: npt.ArrayLike,
    features: Mapping[str, npt.NDArray[Any]] | None = None,
    **options: Any,
) -> Shapes:
    """Shapes layer with one `line` per segment, as ``Shapes(segments, shape_type="line", ...)`` would give.

    Parameters
    ----------
    segments : (E, 2, 2) array
        Both ends of every line: (row, column).
    edge_width : float
        Width of the lines, in data units.
    edge_color : (E, 4) array
        RGBA, 0 to 1.
    features : mapping, optional
        Column name -> E values.
    **options
        Any other argument of `napari.layers.Shapes` that is not about single shapes: name, scale, metadata ...

    Returns
    -------
    Shapes
    """
    ends = np.array(segments, dtype=CoordinateDtype)
    if ends.ndim != 3 or ends.shape[1:] != (2, 2) or len(ends) == 0:
        raise ValueError(f"segments have shape {ends.shape}; (E, 2, 2) with E > 0 is needed.")
    colors = np.array(edge_color, dtype=ShapeColorDtype)
    if colors.shape != (len(ends), 4):
        raise ValueError(f"edge_color has shape {colors.shape}; one RGBA per segment, ({len(ends)}, 4), is needed.")
    layer = Shapes(ndim=2, edge_width=edge_width, edge_color="white", face_color="transparent", **options)
    order, ndisplay = layer._slice_input.order, layer._slice_input.ndisplay
    template = Line([[0.0, 0.0], [3.0, 4.0]], edge_width=edge_width, z_index=0, dims_order=order, ndisplay=ndisplay)
    shapes = EdgeShapeList(ndisplay=ndisplay)
    shapes._slice_key = layer._data_view._slice_key
    shapes._fill(ends, template, colors)
    with layer.block_thumbnail_update():
        layer._data_view = shapes
        layer._current_edge_color, layer._current_face_color = shapes.edge_color[-1], shapes.face_color[-1]
        shapes._update_z_order()
        shapes._clear_cache()
        if features is not None:
            layer.features = dict(features)
        layer._update_dims()
    layer.refresh()
    return layer


def move_line(layer: Shapes, index: int, ends: npt.ArrayLike) -> None:
    """Move the ends of one line, (2, 2); the public way, `layer.data = ...`, would rebuild all shapes."""
    layer._data_view.edit(index, np.asarray(ends, dtype=CoordinateDtype))
    layer.refresh()


class EdgeShapeList(ShapeList):
    """A ShapeList whose updates are array operations; it holds any shapes, and is quick when most are lines.

    Each method does what the method of the same name in napari does.
    """

    def _fill(self, ends: npt.NDArray[Any], template: Line, colors: npt.NDArray[Any]) -> None:
        """Fill the empty list with lines."""
        n_lines = len(ends)
        parts = _line_parts(ends, template)
        self.shapes = _lines(parts, template)
        self._z_index = np.zeros(n_lines, dtype=IndexDtype)
        self._edge_color = colors
        self._face_color = np.zeros((n_lines, 4), dtype=ShapeColorDtype)
        self._vertices = ends.reshape(-1, 2).copy()
        self._vertices_index = np.arange(n_lines + 1, dtype=IndexDtype) * 2
        mesh, triangles = self._mesh, template._edge_triangles
        n_vertices = template.vertices_count
        mesh.vertices_centers = parts["_edge_vertices"].reshape(-1, 2).copy()
        mesh.vertices_offsets = parts["_edge_offsets"].reshape(-1, 2).copy()
        mesh.vertices = mesh.vertices_centers + CoordinateDtype(template.edge_width) * mesh.vertices_offsets
        mesh.vertices_index = np.arange(n_lines + 1, dtype=IndexDtype) * n_vertices
        first_vertex = np.arange(n_lines, dtype=TriangleDtype)[:, None, None] * n_vertices
        mesh.triangles = (first_vertex + triangles.astype(TriangleDtype)).reshape(-1, 3)
        mesh.triangles_index = np.arange(n_lines + 1, dtype=IndexDtype) * len(triangles)
        mesh.triangles_colors = np.repeat(colors, len(triangles), axis=0)

    @property
    def data(self) -> list[npt.NDArray[Any]]:
        return [shape._data for shape in self.shapes]

    @property
    def slice_keys(self) -> npt.NDArray[np.int64]:
        if len(self.slice_key) == 0:  # every axis is displayed: nothing to compare
            return np.empty((len(self.shapes), 2, 0), dtype=np.int64)
        return np.asarray(super().slice_keys)

    @cached_property
    def _bounding_boxes(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        if len(self.slice_key) or not self.shapes:
            return super()._bounding_boxes
        half_width = 0.5 * np.array([shape._edge_width for shape in self.shapes])[:, None]
        first = self._vertices_index[:-1]
        low = np.minimum.reduceat(self._vertices, first, axis=0) - half_width
        high = np.maximum.reduceat(self._vertices, first, axis=0) + half_width
        return low, high

    def _update_displayed_triangles_to_shape_index(self, displayed_indices: npt.NDArray[Any]) -> None:
        counts = np.diff(self._mesh.triangles_index)[displayed_indices]
        self._mesh.displayed_triangles_to_shape_index = np.repeat(displayed_indices, counts).astype(IndexDtype)

    def _update_displayed_vertices_to_shape_num(self, displayed_indices: npt.NDArray[Any]) -> None:
        counts = np.diff(self._vertices_index)[displayed_indices]
        self.displayed_vertices_to_shape_num = np.repeat(displayed_indices, counts).astype(IndexDtype)

    def _update_z_order(self) -> None:
        with self.batched_updates():
            self._z_order = np.argsort(self._z_index, kind="stable")
            index = self._mesh.triangles_index
            first, counts = index[:-1][self._z_order], np.diff(index)[self._z_order]
            # Runs of consecutive triangles, one per shape, in the order of the shapes.
            run_starts = np.cumsum(counts) - counts
            order = np.arange(counts.sum()) + np.repeat(first - run_starts, counts)
            self._mesh.triangles_z_order = order.astype(ZOrderDtype)
            self._update_displayed()

    def update_edge_colors(self, indices: Any, edge_colors: npt.NDArray[Any], update: bool = True) -> None:
        everything = len(edge_colors) == len(self.shapes) and np.array_equal(indices, np.arange(len(self.shapes)))
        if edge_colors.ndim != 2 or not everything or not self._only_outlines():
            super().update_edge_colors(indices, edge_colors, update)
            return
        with self.batched_updates():
            self._edge_color[:] = edge_colors
            counts = np.diff(self._mesh.triangles_index)
            self._mesh.triangles_colors = np.repeat(self._edge_color, counts, axis=0).astype(ShapeColorDtype)
            if update:
                self._update_displayed()

    def _only_outlines(self) -> bool:
        """Whether no shape has a filled face, so that every triangle has the colour of an edge."""
        return not any(len(shape._face_triangles) for shape in self.shapes)


def _line_parts(ends: npt.NDArray[Any], template: Line) -> dict[str, npt.NDArray[Any]]:
    """What differs from line to line, as arrays with one row per line.

    The template is a line that napari made; every other line is that one moved, turned and stretched. So the order of
    the vertices and the winding of the triangles are those of the triangulation in use, whichever it is.
    """
    start, stop = template._data
    along = (stop - start) / np.linalg.norm(stop - start)
    across = np.array([along[1], -along[0]])
    at_stop = ((template._edge_vertices - start) @ along) / np.linalg.norm(stop - start)
    offset_along, offset_across = template._edge_offsets @ along, template._edge_offsets @ across
    in_box = (template._box - template._box.min(axis=0)) / np.ptp(template._box, axis=0)

    step = ends[:, 1] - ends[:, 0]
    length = np.linalg.norm(step, axis=1, keepdims=True)
    if not (length > 0).all():
        raise ValueError(f"{np.count_nonzero(length == 0)} segments have no length.")
    unit = step / length
    normal = np.stack([unit[:, 1], -unit[:, 0]], axis=1)
    bounds = np.stack([ends.min(axis=1), ends.max(axis=1)], axis=1)
    parts = {
        "_data": ends,
        "data_displayed": ends,
        "_bounding_box": bounds,
        "_box": bounds[:, None, 0] + in_box * (bounds[:, 1] - bounds[:, 0])[:, None],
        "_edge_vertices": np.where(at_stop[:, None] > 0.5, ends[:, None, 1], ends[:, None, 0]),
        "_edge_offsets": offset_along[:, None] * unit[:, None] + offset_across[:, None] * normal[:, None],
    }
    return {name: part.astype(CoordinateDtype, copy=False) for name, part in parts.items()}


def _lines(parts: Mapping[str, npt.NDArray[Any]], template: Line) -> list[Line]:
    """One napari Line per row of `parts`."""
    shared = dict(template.__dict__)
    if "data_displayed" not in shared or not shared.keys() >= set(_PER_LINE):
        raise AttributeError(f"napari's Line has no {sorted(set(_PER_LINE) - shared.keys())}")
    create = functools.partial(object.__new__, Line)
    lines = []
    for values in zip(*(parts[name] for name in _PER_LINE), strict=True):
        line = create()
        line.__dict__ = {**shared, **dict(zip(_PER_LINE, values, strict=True))}
        lines.append(line)
    return lines
