"""A Shapes layer of many lines: built in bulk where the installed napari allows it, else by its own constructor."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from napari.layers import Shapes

_N_CHECKED = 50
"""Lines of the check: enough that they cross, and are removed and recoloured in any order, in half a second."""
_TOLERANCE = 1e-4
"""Of the check, in data units and parts of a colour: napari draws with 32-bit floats."""


def line_shapes(
    ends: npt.NDArray[np.float64],
    *,
    edge_width: float,
    edge_color: npt.NDArray[np.float64],
    features: Mapping[str, npt.NDArray[Any]],
    **options: Any,
) -> Shapes:
    """Shapes layer with one `line` per pair of ends.

    Parameters
    ----------
    ends : (E, 2, 2) array
        (row, column) of both ends of every line, E > 0.
    edge_width : float
        In data units.
    edge_color : (E, 4) array
        RGBA, 0 to 1.
    features : mapping
        Column name -> E values.
    **options
        Other arguments of `napari.layers.Shapes` that are not about single shapes.
    """
    if not fault():
        from napari_gdls.plugin.layers._edge_shapes import edge_shapes

        return edge_shapes(ends, edge_width=edge_width, edge_color=edge_color, features=features, **options)
    return Shapes(
        ends,
        shape_type="line",
        edge_width=edge_width,
        edge_color=edge_color,
        face_color="transparent",
        features=features,
        **options,
    )


def move_line(layer: Shapes, index: int, ends: npt.NDArray[Any]) -> None:
    """Move the ends of one line, (2, 2), where that takes no time; else it stays where it is.

    napari's public way builds all shapes of the layer again.
    """
    if not fault():
        from napari_gdls.plugin.layers import _edge_shapes

        _edge_shapes.move_line(layer, index, ends)


@functools.cache
def fault() -> str:
    """What is wrong with bulk construction under the installed napari; an empty string when nothing is.

    A small graph is built in both ways, the quick one and napari's own, and both layers go through the same edits.
    Their data, appearance, picking and triangles must agree after each. This takes half a second, once.
    """
    rng = np.random.default_rng(0)
    ends = rng.uniform(0, 30, (_N_CHECKED, 2, 2)).round(1)
    ends[0], ends[1] = [[5, 2], [5, 9]], [[3, 7], [8, 7]]  # along the axes, where the box has no area
    features = {"delta": rng.random(_N_CHECKED)}
    colors = rng.random((_N_CHECKED, 4))
    probes = np.concatenate([ends.mean(axis=1), rng.uniform(0, 30, (_N_CHECKED, 2))])
    try:
        from napari_gdls.plugin.layers._edge_shapes import edge_shapes

        quick = edge_shapes(ends, edge_width=0.4, edge_color=colors, features=features)
        usual = Shapes(
            ends,
            shape_type="line",
            edge_width=0.4,
            edge_color=colors,
            face_color="transparent",
            features=features,
        )
        problem = _difference(quick, usual, probes)
        for edit in (_recolour, _remove, _move_to_back, _add, _widen):
            if problem:
                break
            edit(quick)
            edit(usual)
            problem = _difference(quick, usual, probes)
            problem = problem and f"{problem} after {edit.__name__.strip('_')}"
        return problem
    except Exception as error:  # another napari may break private parts in any way
        return f"{type(error).__name__}: {error}"


def _recolour(layer: Shapes) -> None:
    layer.edge_colormap = "magma"
    layer.edge_color = "delta"


def _remove(layer: Shapes) -> None:
    layer.remove([3, 17, 40])


def _move_to_back(layer: Shapes) -> None:
    layer.selected_data = {5, 30}
    layer.move_to_back()
    layer.selected_data = set()


def _add(layer: Shapes) -> None:
    layer.add(np.array([[1.0, 1.0], [20.0, 4.0]]), shape_type="line", edge_width=0.7)
    layer.add(np.array([[2.0, 2.0], [2.0, 6.0], [7.0, 5.0]]), shape_type="polygon")


def _widen(layer: Shapes) -> None:
    layer.edge_width = 0.9


def _difference(quick: Shapes, usual: Shapes, probes: npt.NDArray[Any]) -> str:
    """Name of the first thing in which two layers differ; an empty string when they agree."""
    a, b = quick._data_view, usual._data_view
    box = np.array([[4.0, 4.0], [15.0, 12.0]])
    compared = {
        "number of shapes": (quick.nshapes, usual.nshapes),
        "data": (np.concatenate(quick.data), np.concatenate(usual.data)),
        "shape types": (quick.shape_type, usual.shape_type),
        "edge widths": (quick.edge_width, usual.edge_width),
        "z order": (quick.z_index, usual.z_index),
        "edge colours": (quick.edge_color, usual.edge_color),
        "colour of the next shape": (quick.current_edge_color, usual.current_edge_color),
        "features": (quick.features["delta"], usual.features["delta"]),
        "extent": (quick.extent.data, usual.extent.data),
        "thumbnail": (quick.thumbnail, usual.thumbnail),
        "drawn triangles": (_drawn(a._mesh), _drawn(b._mesh)),
        "drawn colours": (a._mesh.displayed_triangles_colors, b._mesh.displayed_triangles_colors),
        "shape of a triangle": (a._mesh.displayed_triangles_to_shape_index, b._mesh.displayed_triangles_to_shape_index),
        "shape of a vertex": (a.displayed_vertices_to_shape_num, b.displayed_vertices_to_shape_num),
        "interaction boxes": (np.stack([s._box for s in a.shapes]), np.stack([s._box for s in b.shapes])),
        "bounding boxes": (np.stack(a._bounding_boxes), np.stack(b._bounding_boxes)),
        "picking": (_picked(quick, probes), _picked(usual, probes)),
        "selection by box": (a.shapes_in_box(box), b.shapes_in_box(box)),
    }
    for what, (ours, theirs) in compared.items():
        one, other = np.asarray(ours), np.asarray(theirs)
        numeric = one.dtype.kind != "U"
        if one.shape != other.shape or not (
            np.allclose(one, other, atol=_TOLERANCE) if numeric else (one == other).all()
        ):
            return what
    return ""


def _drawn(mesh: Any) -> npt.NDArray[Any]:
    return np.asarray(mesh.vertices[mesh.displayed_triangles])


def _picked(layer: Shapes, probes: npt.NDArray[Any]) -> list[int]:
    return [-1 if (index := layer.get_value(probe)[0]) is None else index for probe in probes]
