"""Under a napari whose private parts have changed, the graph is still drawn, selected, corrected and deleted."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from napari.layers import Shapes, Vectors
from napari.utils._test_utils import read_only_mouse_event
from napari.utils.interactions import mouse_press_callbacks, mouse_release_callbacks
from napari.utils.notifications import notification_manager

from napari_gdls.plugin.layers import edge_lines
from napari_gdls.plugin.layers.fields import field_layers
from napari_gdls.plugin.layers.metadata import layer_role, layer_segmentation
from napari_gdls.plugin.viewers import viewer_session


@pytest.fixture
def other_napari(monkeypatch):
    """The module that touches private parts cannot be imported."""
    monkeypatch.setitem(sys.modules, "napari_gdls.plugin.layers._edge_shapes", None)
    edge_lines.fault.cache_clear()
    notification_manager.records.clear()
    yield
    edge_lines.fault.cache_clear()
    notification_manager.records.clear()


def click(layer: Shapes, position: np.ndarray) -> None:
    for callbacks, kind in ((mouse_press_callbacks, "mouse_press"), (mouse_release_callbacks, "mouse_release")):
        callbacks(layer, read_only_mouse_event(type=kind, position=tuple(position), is_dragging=False))


def graph_of(viewer) -> list:
    return [layer for layer in viewer.layers if layer_role(layer) == "graph"]


def run(widget, qtbot) -> None:
    widget.run_button.click()
    qtbot.waitUntil(lambda: not widget.running, timeout=60_000)


def test_the_graph_is_drawn_selected_corrected_and_deleted(viewer, sparse_field, qtbot, other_napari):
    for layer in field_layers(sparse_field):
        viewer.add_layer(layer)
    widget = viewer.window.add_plugin_dock_widget("napari-gdls", "Segment EDS field")[1]
    run(widget, qtbot)
    vectors, cut = graph_of(viewer)
    assert isinstance(vectors, Vectors)
    assert isinstance(cut, Shapes)
    found = layer_segmentation(cut)
    ends = found.measurement_labels[found.graph.edges]
    assert len(vectors.data) == found.graph.n_edges
    assert cut.nshapes == np.count_nonzero(ends[:, 0] != ends[:, 1]) > 2
    (warning,) = [record.message for record in notification_manager.records if record.severity == "warning"]
    assert "does not work with this version of napari" in warning

    cut.mode = "select"
    click(cut, cut.data_to_world(np.mean(cut.data[-1], axis=0)))
    assert cut.selected_data == {cut.nshapes - 1}
    viewer_session(viewer).keys.actions.join_selected(cut)
    (link,) = widget.session.chosen.history.corrections
    u_v = cut.features[["u", "v"]].to_numpy(dtype=int)[-1]
    assert set(link.places) == {tuple(pixel) for pixel in sparse_field.locations[u_v].tolist()}
    edges = cut.features[["u", "v"]].to_numpy()
    cut.remove_selected()
    np.testing.assert_array_equal(cut.features[["u", "v"]], edges[:-1])

    run(widget, qtbot)
    linked = layer_segmentation(graph_of(viewer)[-1]).measurement_labels[u_v]
    assert linked[0] == linked[1]
