"""Corrections by hand become constraints, and the next run keeps them."""

from __future__ import annotations

import numpy as np
import pytest
from napari.utils.notifications import notification_manager

from napari_gdls import Constraints
from napari_gdls.plugin.corrections import Corrections
from napari_gdls.plugin.layers.edits import painted_labels, selected_pairs
from napari_gdls.plugin.layers.fields import field_layers
from napari_gdls.plugin.layers.graph import graph_layers_of, merge_heights
from napari_gdls.plugin.layers.metadata import layer_role
from napari_gdls.plugin.layers.segments import segment_layer
from napari_gdls.plugin.widgets.method_choices import METHOD_CHOICES

A, B, C = (1, 1), (1, 4), (4, 1)


def test_links_and_cuts_are_collected_once_and_the_later_one_holds():
    corrections = Corrections()
    assert not corrections.constraints
    assert corrections.cut([(B, A), (A, C)])
    assert corrections.constraints == Constraints(cuts=((A, B), (A, C)))
    assert not corrections.cut([(A, B)])
    assert corrections.link([(A, B)])
    assert corrections.constraints == Constraints(links=((A, B),), cuts=((A, C),))
    assert corrections.text == "1 link, 1 cut, 0 fixed"
    corrections.undo()
    assert corrections.constraints == Constraints(cuts=((A, B), (A, C)))
    assert corrections.clear()
    assert not corrections.clear()
    assert not corrections.constraints
    corrections.undo()
    assert corrections.text == "0 links, 2 cuts, 0 fixed"
    corrections.undo()
    corrections.undo()
    assert not corrections.can_undo


def test_fixed_measurements_of_several_rounds_add_up():
    corrections = Corrections()
    assert corrections.fix({A: 5, B: 5, C: 2})
    numbers = dict(corrections.constraints.fixed)
    assert numbers[A] == numbers[B] != numbers[C]
    assert not corrections.fix({A: 5, B: 5, C: 2})
    # The next run numbers otherwise; B is painted with the label of C.
    assert corrections.fix({A: 1, B: 7, C: 7, (9, 9): 1})
    after = dict(corrections.constraints.fixed)
    assert after == {A: numbers[A], (9, 9): numbers[A], B: numbers[C], C: numbers[C]}


@pytest.fixture
def graph(segmentation):
    return graph_layers_of(segmentation)[0]


def test_selected_edges_are_pairs_of_measurements(graph, segmentation):
    assert selected_pairs(graph) == []
    graph.selected_data = {7, 2}
    expected = segmentation.field.locations[segmentation.graph.edges[[2, 7]]]
    np.testing.assert_array_equal(selected_pairs(graph), expected)
    graph.add(segmentation.field.locations[[0, -1]] + 0.3, shape_type="line")
    graph.add(segmentation.field.locations[[0, 0]] + 0.3, shape_type="line")  # of one measurement
    graph.selected_data = {graph.nshapes - 2, graph.nshapes - 1}
    np.testing.assert_array_equal(selected_pairs(graph), segmentation.field.locations[[[0, -1]]])
    u_v = graph.features[["u", "v"]].to_numpy(dtype=int)[-2]
    np.testing.assert_array_equal(graph.features["height"].iloc[-2], merge_heights(segmentation, [u_v])[0])
    assert np.isnan(graph.features["height"].iloc[-1])


def test_heights_are_above_one_where_the_run_would_not_merge(graph, segmentation, sparse_field):
    edges = segmentation.graph.edges
    apart = np.diff(segmentation.measurement_labels[edges], axis=1)[:, 0] != 0
    heights = graph.features["height"].to_numpy()
    assert (heights[apart] > 1).all()
    assert (heights[~apart] <= 1).mean() > 0.95
    assert graph.edge_contrast_limits == (0.0, 2.0)
    tree, significance = segmentation.tree, segmentation.recipe.significance
    np.testing.assert_allclose(heights * tree.height_of_significance(significance), tree.heights_of(edges))
    assert np.isnan(merge_heights(segmentation, [[-1, 4]])[0])


def test_painted_measurements_and_their_neighbours_are_fixed(segmentation):
    field = segmentation.field
    layer = segment_layer(segmentation)
    assert painted_labels(layer, Constraints()) == {}
    matrix, disc = segmentation.labels[2, 2], segmentation.labels[22, 30]
    layer.data[4:8, 4:12] = 9  # two measurements, at (6, 6) and (6, 10)
    labels = painted_labels(layer, Constraints())
    assert labels[6, 6] == labels[6, 10] == 9
    around = {place for place, label in labels.items() if label == matrix}
    assert {(2, 6), (6, 2), (10, 6), (6, 14), (10, 10)} <= around
    assert disc not in labels.values()
    # Painted with a label that is elsewhere: one of its own measurements comes along.
    layer.data[4:8, 4:12] = disc
    labels = painted_labels(layer, Constraints(fixed=(((46, 58), 3),)))
    assert sum(label == disc for label in labels.values()) == 3
    assert labels[46, 58] == matrix  # fixed earlier
    layer.data[4:8, 4:12] = 0
    assert painted_labels(layer, Constraints()) == {}
    assert field.n_measurements == 180


@pytest.fixture
def widget(viewer, sparse_field):
    notification_manager.records.clear()
    for layer in field_layers(sparse_field):
        viewer.add_layer(layer)
    yield viewer.window.add_plugin_dock_widget("napari-gdls", "Segment EDS field")[1]
    notification_manager.records.clear()


def run(widget, qtbot):
    widget.run_button.click()
    qtbot.waitUntil(lambda: not widget.running, timeout=60_000)


def layer_of(viewer, role):
    """The newest layer of a role."""
    return [layer for layer in viewer.layers if layer_role(layer) == role][-1]


def test_cut_and_linked_edges_are_kept_by_the_next_run(widget, viewer, qtbot, sparse_field):
    run(widget, qtbot)
    graph, segments = layer_of(viewer, "graph"), layer_of(viewer, "segments")
    ends = segments.data[tuple(np.moveaxis(sparse_field.locations[graph.features[["u", "v"]].to_numpy()], -1, 0))]
    inside, across = np.flatnonzero(ends[:, 0] == ends[:, 1])[3], np.flatnonzero(ends[:, 0] != ends[:, 1])[0]
    graph.selected_data = {int(inside)}
    widget.corrections.cut_button.click()
    graph.selected_data = {int(across)}
    widget.corrections.link_button.click()
    assert widget.corrections.counts.text() == "For the next run: 1 link, 1 cut, 0 fixed."
    run(widget, qtbot)
    edges = graph.features[["u", "v"]].to_numpy()
    now = layer_of(viewer, "segments").data[tuple(np.moveaxis(sparse_field.locations[edges[[inside, across]]], -1, 0))]
    assert now[0, 0] != now[0, 1]
    assert now[1, 0] == now[1, 1]
    widget.corrections.clear_button.click()
    run(widget, qtbot)
    np.testing.assert_array_equal(layer_of(viewer, "segments").data, segments.data)


def test_painted_labels_are_kept_by_the_next_run(widget, viewer, qtbot):
    run(widget, qtbot)
    segments = layer_of(viewer, "segments")
    corner = np.zeros(segments.data.shape, dtype=bool)
    corner[:12, :12] = True  # nine measurements of the matrix
    segments.data_setitem(np.nonzero(corner), 9)
    widget.corrections.paint_button.click()
    assert "0 links, 0 cuts, " in widget.corrections.counts.text()
    fixed = widget.corrections.constraints.fixed
    widget.corrections.paint_button.click()
    assert widget.corrections.constraints.fixed == fixed
    run(widget, qtbot)
    new = layer_of(viewer, "segments")
    assert new is not segments
    place = tuple(np.array([place for place, _ in fixed]).T)
    at_corner = np.unique(new.data[2:12:4, 2:12:4])
    assert len(at_corner) == 1
    elsewhere = new.data[2::4, 2::4].copy()
    elsewhere[:3, :3] = 0
    assert at_corner[0] not in elsewhere
    assert len(np.unique(new.data[place])) == 2
    widget.corrections.undo_button.click()
    assert not widget.corrections.constraints


def test_what_cannot_be_done_is_said(widget, viewer, qtbot, dense_field):
    panel = widget.corrections
    panel.cut_button.click()
    panel.paint_button.click()
    run(widget, qtbot)
    panel.paint_button.click()
    said = [record.message for record in notification_manager.records if record.severity == "info"]
    assert len(said) == 3
    assert said[0].startswith("No edge is selected")
    assert "segment it first" in said[1]
    assert said[2].startswith("No measurement is painted")
    layer_of(viewer, "graph").selected_data = {0}
    panel.cut_button.click()
    widget.recipe_form.choose(METHOD_CHOICES[3])
    widget.run_button.click()
    assert not widget.running
    (error,) = [record.message for record in notification_manager.records if record.severity == "error"]
    assert error.startswith("Watershed (TIMA) cannot keep corrections")
    # Each field has its own.
    for layer in field_layers(dense_field):
        viewer.add_layer(layer)
    widget.field_choice.choose(dense_field)
    assert panel.counts.text() == "For the next run: 0 links, 0 cuts, 0 fixed."
    widget.field_choice.setCurrentIndex(0)
    assert panel.counts.text() == "For the next run: 0 links, 1 cut, 0 fixed."
    viewer.layers.clear()
    assert panel.counts.text() == ""
    assert not panel.cut_button.isEnabled()
