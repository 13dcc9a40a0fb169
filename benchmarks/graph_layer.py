"""How long napari takes to show and to edit a measurement graph: built by napari, built in bulk, and as vectors.

Run with ``python -m benchmarks.graph_layer``; it needs a display (Xvfb will do). Times are CPU seconds, with a shown
window, including the drawing.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

# Before napari reads its settings: the user's own would change the picture.
_SETTINGS = tempfile.TemporaryDirectory(prefix="napari-gdls-benchmark-")
os.environ["NAPARI_CONFIG"] = str(Path(_SETTINGS.name) / "settings.yaml")

import napari  # noqa: E402
from napari.layers import Layer, Shapes  # noqa: E402
from qtpy.QtWidgets import QApplication  # noqa: E402
from rich.console import Console  # noqa: E402
from rich.table import Table  # noqa: E402

from napari_gdls.graph import MeasurementGraph  # noqa: E402
from napari_gdls.plugin.layers import graph as graph_layer  # noqa: E402


def planar_graph(n: int, seed: int = 0) -> MeasurementGraph:
    """Delaunay graph of about `n` random pixels, six pixels apart on average; it has about 3 `n` edges."""
    from scipy.spatial import Delaunay

    rng = np.random.default_rng(seed)
    locations = np.unique((rng.random((n, 2)) * 6 * np.sqrt(n)).astype(np.int64), axis=0)
    triangles = Delaunay(locations).simplices
    pairs = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [0, 2]]])
    edges = np.unique(np.sort(pairs, axis=1), axis=0).astype(np.int64)
    step = locations[edges[:, 0]] - locations[edges[:, 1]]
    delta_b, delta_z = rng.random(len(edges)) * 0.1, rng.random(len(edges)) * 2
    return MeasurementGraph(locations, edges, delta_b, delta_z, delta_z, np.linalg.norm(step, axis=1))


def built_by_napari(graph: MeasurementGraph) -> Shapes:
    features = {"u": graph.edges[:, 0], "v": graph.edges[:, 1], "delta_b": graph.delta_b, "delta_z": graph.delta_z}
    return Shapes(
        graph.locations[graph.edges],
        shape_type="line",
        edge_width=0.6,
        face_color="transparent",
        features=features,
        edge_color="delta_z",
        edge_colormap=graph_layer.EDGE_COLORMAP,
        edge_contrast_limits=(0, 2),
    )


def built_in_bulk(graph: MeasurementGraph) -> Shapes:
    return graph_layer.graph_shapes(graph, edge_width=0.6)


def as_vectors(graph: MeasurementGraph) -> Layer:
    return graph_layer._graph_vectors(graph, heights=None, limits=(0, 2))


def measure(viewer: napari.Viewer, graph: MeasurementGraph, build: Callable[[MeasurementGraph], Layer]) -> list[float]:
    """CPU seconds of: build and add; recolour; remove an edge; add an edge; find the edge under the mouse."""

    def timed(step: Callable[[], object]) -> float:
        start = time.process_time()
        step()
        QApplication.processEvents()
        return time.process_time() - start

    made: list[Layer] = []
    times = [timed(lambda: made.append(viewer.add_layer(build(graph))))]
    layer = made[0]
    times.append(timed(lambda: graph_layer.recolour(layer, "delta_b")))
    if isinstance(layer, Shapes):
        times.append(timed(lambda: layer.remove([graph.n_edges // 2])))
        times.append(timed(lambda: layer.add(graph.locations[graph.edges[0]], shape_type="line")))
        middle = graph.locations[graph.edges[9]].mean(axis=0)
        layer.get_value(middle)  # the first one after an edit makes tables of all shapes
        QApplication.processEvents()
        times.append(timed(lambda: layer.get_value(middle)))
    viewer.layers.clear()
    return times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--points", type=int, default=32_000, help="measurements; there are three times as many edges")
    options = parser.parse_args()
    viewer = napari.Viewer()
    small, whole = planar_graph(max(options.points // 10, 10)), planar_graph(options.points)
    warm_up = planar_graph(50)
    for build in (built_by_napari, built_in_bulk, as_vectors):
        measure(viewer, warm_up, build)  # compiling, and the check of the quick construction

    table = Table(title=f"napari {napari.__version__}, CPU seconds")
    for column in ("layer", "edges", "build + add", "recolour", "remove one", "add one", "pick"):
        table.add_column(column, justify="left" if column == "layer" else "right")
    kinds = [("Shapes, by napari", built_by_napari), ("Shapes, in bulk", built_in_bulk), ("Vectors", as_vectors)]
    rows = [(name, graph, build) for graph in (small, whole) for name, build in kinds]
    for name, graph, build in rows:
        times = measure(viewer, graph, build)
        table.add_row(name, f"{graph.n_edges:,}", *(f"{seconds:.2f}" for seconds in times))
    viewer.close()
    Console(width=100).print(table)


if __name__ == "__main__":
    main()
