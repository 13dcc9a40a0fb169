"""The measurement graph as napari layers: every edge a line that can be picked, coloured, removed and drawn."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from napari.layers import Layer, Shapes, Vectors
from napari.utils.colormaps import Colormap, ensure_colormap
from napari.utils.notifications import show_warning
from scipy.spatial import cKDTree

from napari_gdls.plugin.layers import edge_lines
from napari_gdls.plugin.layers.appearance import layer_name, scale_and_units
from napari_gdls.plugin.layers.metadata import layer_metadata, layer_segmentation

if TYPE_CHECKING:
    from napari_gdls.graph import MeasurementGraph
    from napari_gdls.recipe import Recipe
    from napari_gdls.segmentation.result import Segmentation

# Quiet blue where edges stay, bright where they are cut: the colour turns at the threshold, in the middle of the scale.
EDGE_COLORMAP = Colormap(
    [
        [0.10, 0.35, 0.80, 0.40],
        [0.35, 0.70, 1.00, 0.60],
        [1.00, 0.90, 0.30, 1.00],
        [1.00, 0.35, 0.10, 1.00],
        [0.95, 0.05, 0.15, 1.00],
    ],
    controls=[0.0, 0.45, 0.52, 0.65, 1.0],
    name="kept to cut",
)
_USUAL_DELTA_Z = 1.0
"""delta_z that 5 % of the edges inside a material exceed, by its calibration."""
HEIGHT_LIMITS = (0.0, 2.0)
"""Ends of the colour scale of heights, in units of the largest one at which the run merges: that is in its middle."""
MOST_EDGES = 400_000
"""Graphs with more edges than this are shown as Vectors, which take less than half of the memory but cannot be
picked: 96,000 edges took 297 MB as Shapes, so this many take 1.2 GB."""
MOST_USUAL_SHAPES = 5_000
"""Without construction in bulk no more shapes than this are made: napari takes 0.3 ms for each, so 1.5 s."""
MOST_VISIBLE_EDGES = 20_000
"""Larger graphs come invisible, and those of dense fields: seen as a whole they hide the segments. Chosen by eye."""
_OPACITY = 0.9
"""Of edges, 0 to 1; chosen by eye: crossing edges can be told apart."""
_EDGE_WIDTH = 0.1
"""Of edges, in median lengths of an edge; chosen by eye: wide enough to be clicked, narrow enough to see between."""
_HIGHEST_PERCENTILE = 98
"""Of values that are coloured without limits: the few largest would leave one colour for all others."""


def graph_layers_of(segmentation: Segmentation, *, heights: npt.NDArray[np.float64] | None = None) -> list[Layer]:
    """Layers of the measurement graph of a segmentation; see `graph_layers`. Invisible if it would hide the segments.

    Parameters
    ----------
    segmentation : Segmentation
    heights : (E,) array, optional
        From `merge_heights`; None: made here.
    """
    field, graph = segmentation.field, segmentation.graph
    return graph_layers(
        graph,
        tau_z=decisive_tau_z(segmentation.recipe),
        measurement_labels=segmentation.measurement_labels,
        heights=merge_heights(segmentation, graph.edges) if heights is None else heights,
        name=layer_name(field, "graph"),
        visible=not hides_segments(segmentation),
        metadata=layer_metadata("graph", field, segmentation),
        **scale_and_units(field),
    )


def hides_segments(segmentation: Segmentation) -> bool:
    """Whether the graph of a segmentation would hide its segments, so that it is invisible at first."""
    return segmentation.graph.n_edges > MOST_VISIBLE_EDGES or segmentation.field.is_dense


def graph_layers(
    graph: MeasurementGraph,
    *,
    tau_z: float | None = None,
    measurement_labels: npt.NDArray[np.integer] | None = None,
    heights: npt.NDArray[np.float64] | None = None,
    name: str = "graph",
    **options: Any,
) -> list[Layer]:
    """Layers of a measurement graph, coloured by delta_z, or by heights where there are any.

    One Shapes layer, as `graph_shapes` makes it. Where that cannot be (a napari whose private parts have changed, or a
    graph of more than 400,000 edges), all edges come as Vectors, which cannot be picked, and the edges between segments
    as Shapes; napari shows a warning that says so.

    Parameters
    ----------
    graph : MeasurementGraph
    tau_z : float, optional
        Threshold at the middle of the colour scale. None: the default of the method.
    measurement_labels : (N,) array of int, optional
        Segment of every measurement: edges between two of them are cut.
    heights : (E,) array, optional
        From `merge_heights`.
    name : str
    **options
        Other arguments of the layers: scale, units, visible, metadata ...

    Returns
    -------
    list of Layer
        Bottom first.
    """
    limits = colour_limits(tau_z) if heights is None else HEIGHT_LIMITS
    reason = edge_lines.fault()
    if not reason and graph.n_edges <= MOST_EDGES:
        return [graph_shapes(graph, heights=heights, limits=limits, name=name, **options)]
    layers: list[Layer] = [_graph_vectors(graph, heights=heights, limits=limits, name=name, **options)]
    if reason:
        message = f"The quick graph layer does not work with this version of napari ({reason}). "
    else:
        message = f"The graph has {graph.n_edges:,} edges, more than a layer of shapes can hold. "
    message += "All edges are shown as vectors, which cannot be edited"
    if measurement_labels is not None:
        cut = measurement_labels[graph.edges[:, 0]] != measurement_labels[graph.edges[:, 1]]
        if 0 < np.count_nonzero(cut) <= (MOST_USUAL_SHAPES if reason else MOST_EDGES):
            layers.append(
                graph_shapes(graph, shown=cut, heights=heights, limits=limits, name=f"{name}: cut edges", **options)
            )
            message += "; the cut edges are a layer of their own, which can"
    show_warning(f"{message}.")
    return layers


def graph_shapes(
    graph: MeasurementGraph,
    *,
    shown: npt.NDArray[np.bool_] | None = None,
    heights: npt.NDArray[np.float64] | None = None,
    limits: tuple[float, float] | None = None,
    colormap: Any = EDGE_COLORMAP,
    edge_width: float | None = None,
    **options: Any,
) -> Shapes:
    """Shapes layer with one `line` per edge of a measurement graph, coloured by delta_z, or by height.

    The features of the layer are u and v, the two measurements, delta_b and delta_z, and height where there is a merge
    tree (see `merge_heights`). A line that the user draws gets the measurements nearest to its ends as u and v, and
    moves onto them; its deltas are those of the graph if it has this edge, else NaN; its height is that of the tree,
    which knows all pairs, if the layer carries a segmentation that has one. Lines that begin and end at one measurement
    get -1.

    Parameters
    ----------
    graph : MeasurementGraph
    shown : (E,) array of bool, optional
        Edges to take. None: all.
    heights : (E,) array, optional
        From `merge_heights`, for all edges of the graph.
    limits : (float, float), optional
        delta_z, or height, at both ends of the colour scale. None: 0 and twice the default threshold.
    colormap : Colormap or str
    edge_width : float, optional
        In px. None: a tenth of the median length.
    **options
        Other arguments of `napari.layers.Shapes`.

    Returns
    -------
    Shapes
    """
    edges, features = _features(graph, shown, heights)
    ends = graph.locations[edges].astype(np.float64)
    width = float(_edge_width(graph) if edge_width is None else edge_width)
    options = {"opacity": _OPACITY, "name": "graph", **options}
    white = np.ones((len(edges), 4))
    if len(edges) == 0:
        layer = Shapes(ndim=2, edge_width=width, **options)
    else:
        layer = edge_lines.line_shapes(ends, edge_width=width, edge_color=white, features=features, **options)
    if len(edges):
        if heights is None:
            recolour(layer, "delta_z", limits or colour_limits(None), colormap)
        else:
            recolour(layer, "height", limits or HEIGHT_LIMITS, colormap)
        _DrawnEdges(layer, graph)
    return layer


def colour_limits(tau_z: float | None) -> tuple[float, float]:
    """Ends of the colour scale of delta_z that put the threshold (None: the default one) in its middle."""
    threshold = _USUAL_DELTA_Z if tau_z is None else tau_z
    return 0.0, 2.0 * threshold if threshold > 0 else 1.0


def merge_heights(segmentation: Segmentation, pairs: npt.ArrayLike) -> npt.NDArray[np.float64] | None:
    """How far up in the merge tree pairs of measurements come together, in units of the significance of the run.

    Parameters
    ----------
    segmentation : Segmentation
    pairs : (P, 2) array of int
        Measurements, for instance the edges of the graph; pairs with a -1 get NaN.

    Returns
    -------
    (P,) array of float64 or None
        Height over the largest one at which a merge is not significant: the regions of a pair above 1 differ surely.
        None where the method has no tree.
    """
    tree, significance = segmentation.tree, segmentation.recipe.significance
    if tree is None or significance is None:
        return None
    ends = np.asarray(pairs, dtype=np.int64).reshape(-1, 2)
    heights = np.full(len(ends), np.nan)
    known = (ends >= 0).all(axis=1)
    heights[known] = tree.heights_of(ends[known]) / tree.height_of_significance(significance)
    return heights


def show_heights_of(segmentation: Segmentation, layer: Shapes | Vectors) -> None:
    """Let heights and colours of a graph layer be those of a later segmentation with the same graph."""
    features = layer.features.drop(columns="height", errors="ignore")
    heights = merge_heights(segmentation, features[["u", "v"]].to_numpy(dtype=np.int64))
    if heights is None:
        recolour(layer, "delta_z", colour_limits(decisive_tau_z(segmentation.recipe)))
        layer.features = features
    else:
        layer.features = features.assign(height=heights)
        recolour(layer, "height", HEIGHT_LIMITS)


def decisive_tau_z(recipe: Recipe) -> float | None:
    """The delta_z above which a method cuts edges; None if it does not cut by delta_z."""
    threshold = recipe.method_row.thresholds.get("tau_z")
    return recipe.tau_z if threshold is not None and threshold.of_edges else None


def recolour(
    layer: Shapes | Vectors,
    values: str | npt.ArrayLike,
    limits: tuple[float, float] | None = None,
    colormap: Any = None,
) -> None:
    """Colour the edges of a graph layer.

    Parameters
    ----------
    layer : Shapes or Vectors
        From `graph_layers`.
    values : str or (E,) array
        A feature of the layer, such as "delta_b"; or one number per edge, kept as the feature "value".
    limits : (float, float), optional
        Values at both ends of the colour scale. None: 0 and the 98th percentile.
    colormap : Colormap or str, optional
        None: as it is.
    """
    if isinstance(values, str):
        feature = values
        if feature not in layer.features:
            raise ValueError(f"the layer has no feature {feature!r}; there are {', '.join(layer.features)}.")
    else:
        feature = "value"
        numbers = np.asarray(values, dtype=np.float64)
        if numbers.shape != (len(layer.features),):
            raise ValueError(f"{numbers.shape} values for {len(layer.features)} edges; give one each.")
        layer.features = layer.features.assign(**{feature: numbers})
    if limits is None:
        known = layer.features[feature].to_numpy()
        high = float(np.nanpercentile(known, _HIGHEST_PERCENTILE)) if np.isfinite(known).any() else 0.0
        limits = (0.0, high if high > 0 else 1.0)
    with layer.block_update_properties():  # one pass over all edges, at the end
        if colormap is not None:
            layer.edge_colormap = _with_white_nan(colormap)
        layer.edge_color = feature
        layer.edge_contrast_limits = limits
    layer.refresh_colors()


def _with_white_nan(colormap: Any) -> Colormap:
    """The colormap with white for NaN, where napari's own are transparent: an edge without a value stays in view."""
    given = ensure_colormap(colormap)
    return Colormap(given.colors, controls=given.controls, name=given.name, nan_color="white")


def _features(
    graph: MeasurementGraph,
    shown: npt.NDArray[np.bool_] | None,
    heights: npt.NDArray[np.float64] | None,
) -> tuple[npt.NDArray[np.int64], Mapping[str, npt.NDArray[Any]]]:
    chosen = slice(None) if shown is None else shown
    edges = graph.edges[chosen]
    features = {
        "u": edges[:, 0],
        "v": edges[:, 1],
        "delta_b": graph.delta_b[chosen],
        "delta_z": graph.delta_z[chosen],
    }
    return edges, features if heights is None else features | {"height": heights[chosen]}


def _edge_width(graph: MeasurementGraph) -> float:
    return _EDGE_WIDTH * float(np.median(graph.length)) if graph.n_edges else 1.0


def _graph_vectors(
    graph: MeasurementGraph,
    *,
    heights: npt.NDArray[np.float64] | None,
    limits: tuple[float, float],
    **options: Any,
) -> Vectors:
    edges, features = _features(graph, None, heights)
    start = graph.locations[edges[:, 0]].astype(np.float32)
    step = graph.locations[edges[:, 1]] - start
    layer = Vectors(
        np.stack([start, step], axis=1),
        **{
            "vector_style": "line",
            "edge_width": _edge_width(graph),
            "opacity": _OPACITY,
            "features": features,
            **options,
        },
    )
    recolour(layer, "delta_z" if heights is None else "height", limits, EDGE_COLORMAP)
    return layer


class _DrawnEdges:
    """Gives lines that the user draws their measurements and their deltas, and moves them onto the measurements."""

    def __init__(self, layer: Shapes, graph: MeasurementGraph) -> None:
        self._layer = layer
        self._graph = graph
        self._tree = cKDTree(graph.locations)
        self._n_shapes = layer.nshapes
        # A layer holds methods weakly; through the function it keeps this object as long as itself.
        layer.events.data.connect(lambda event: self._on_data(event))

    def _on_data(self, event: Any) -> None:
        if event.action == "adding":
            return
        # napari calls everything that the mouse has finished "added"; what is new stands at the end.
        drawn = [i for i in range(self._n_shapes, self._layer.nshapes) if self._layer.shape_type[i] == "line"]
        self._n_shapes = self._layer.nshapes
        if not drawn:
            return
        segmentation = layer_segmentation(self._layer)
        features = self._layer.features.copy()
        features.loc[drawn, [name for name in features if name not in ("u", "v")]] = np.nan
        for index in drawn:
            u, v, delta_b, delta_z = self._nearest_edge(self._layer.data[index])
            features.loc[index, ["u", "v"]] = u, v
            features.loc[index, ["delta_b", "delta_z"]] = delta_b, delta_z
            if segmentation is not None and "height" in features:
                features.loc[index, "height"] = merge_heights(segmentation, [[u, v]])
            if u >= 0:
                edge_lines.move_line(self._layer, index, self._graph.locations[[u, v]])
        self._layer.features = features
        self._layer.refresh_colors()

    def _nearest_edge(self, ends: npt.NDArray[Any]) -> tuple[int, int, float, float]:
        """u, v, delta_b and delta_z for the ends of a line; -1, -1 when both are nearest to one measurement."""
        graph = self._graph
        u, v = sorted(int(i) for i in self._tree.query(ends)[1])
        if u == v:
            return -1, -1, np.nan, np.nan
        edge = np.flatnonzero((graph.edges[:, 0] == u) & (graph.edges[:, 1] == v))
        if len(edge) == 0:
            return u, v, np.nan, np.nan
        return u, v, float(graph.delta_b[edge[0]]), float(graph.delta_z[edge[0]])
