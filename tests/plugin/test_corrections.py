"""Corrections by hand become constraints, and the next run keeps them."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from napari.utils.notifications import notification_manager

from napari_gdls import Constraints
from napari_gdls.plugin.corrections import Corrections
from napari_gdls.plugin.layers.edits import painted_labels, selected_pairs
from napari_gdls.plugin.layers.fields import field_layers
from napari_gdls.plugin.layers.graph import graph_layers_of, merge_heights
from napari_gdls.plugin.layers.metadata import layer_role
from napari_gdls.plugin.layers.segments import segment_layer

A, B, C = (1, 1), (1, 4), (4, 1)
PIXELS = st.tuples(st.integers(0, 1), st.integers(0, 2))


def test_links_and_cuts_are_collected_once_and_the_later_one_holds():
    nothing = Corrections()
    assert not nothing.constraints
    cut = nothing.with_cuts([(B, A), (A, C)])
    assert cut.constraints == Constraints(cuts=((A, B), (A, C)))
    assert cut.with_cuts([(A, B)]) is cut
    linked = cut.with_links([(A, B)])
    assert linked.constraints == Constraints(links=((A, B),), cuts=((A, C),))
    assert linked.text == "1 link, 1 cut, 0 fixed"
    assert linked.undone() == cut
    cleared = linked.cleared()
    assert cleared.cleared() is cleared
    assert not cleared.constraints
    assert cleared.undone().undone().text == "0 links, 2 cuts, 0 fixed"
    assert cleared.undone().undone().undone() == nothing
    assert not nothing.can_undo
    assert nothing.undone() is nothing


def test_fixed_measurements_of_several_rounds_add_up():
    corrections = Corrections().with_fixed({A: 5, B: 5, C: 2})
    numbers = dict(corrections.constraints.fixed)
    assert numbers[A] == numbers[B] != numbers[C]
    assert corrections.with_fixed({A: 5, B: 5, C: 2}) is corrections
    # The next run numbers otherwise; B is painted with the label of C.
    after = dict(corrections.with_fixed({A: 1, B: 7, C: 7, (9, 9): 1}).constraints.fixed)
    assert after == {A: numbers[A], (9, 9): numbers[A], B: numbers[C], C: numbers[C]}


class CorrectionsMachine(RuleBasedStateMachine):
    """Any corrections in any order, beside a plain list of the constraints that there were."""

    def __init__(self):
        super().__init__()
        self.corrections = Corrections()
        self.expected = [Constraints()]

    def follow(self, corrections: Corrections) -> None:
        assert (corrections is self.corrections) == (corrections.constraints == self.expected[-1])
        if corrections is not self.corrections:
            self.expected.append(corrections.constraints)
        self.corrections = corrections

    @rule(pairs=st.lists(st.tuples(PIXELS, PIXELS).filter(lambda pair: pair[0] != pair[1]), max_size=3))
    def cut(self, pairs):
        self.follow(self.corrections.with_cuts(pairs))
        assert {tuple(sorted(pair)) for pair in pairs} <= set(self.corrections.constraints.cuts)

    @rule(pairs=st.lists(st.tuples(PIXELS, PIXELS).filter(lambda pair: pair[0] != pair[1]), max_size=3))
    def link(self, pairs):
        self.follow(self.corrections.with_links(pairs))
        assert {tuple(sorted(pair)) for pair in pairs} <= set(self.corrections.constraints.links)

    @rule(labels=st.dictionaries(PIXELS, st.integers(1, 4), max_size=4))
    def fix(self, labels):
        self.follow(self.corrections.with_fixed(labels))
        fixed = dict(self.corrections.constraints.fixed)
        for a, b in itertools.combinations(labels, 2):
            assert (fixed[a] == fixed[b]) == (labels[a] == labels[b])

    @rule()
    def clear(self):
        self.follow(self.corrections.cleared())
        assert not self.corrections.constraints

    @precondition(lambda self: len(self.expected) > 1)
    @rule()
    def undo(self):
        self.expected.pop()
        self.corrections = self.corrections.undone()

    @invariant()
    def what_is_required_is_what_was_said(self):
        assert self.corrections.states == tuple(self.expected)
        assert self.corrections.can_undo == (len(self.expected) > 1)
        now = self.corrections.constraints
        assert not set(now.links) & set(now.cuts)


TestCorrectionsInAnyOrder = CorrectionsMachine.TestCase
TestCorrectionsInAnyOrder.settings = settings(max_examples=25, stateful_step_count=12, deadline=None)


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
    fixed = widget.session.chosen.corrections.constraints.fixed
    widget.corrections.paint_button.click()
    assert widget.session.chosen.corrections.constraints.fixed == fixed
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
    assert not widget.session.chosen.corrections.constraints


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
    widget.recipe_form.method.value = "watershed"
    widget.run_button.click()
    assert not widget.running
    (error,) = [record.message for record in notification_manager.records if record.severity == "error"]
    assert error.startswith("Watershed (TIMA) cannot keep corrections")
    # Each field has its own.
    for layer in field_layers(dense_field):
        viewer.add_layer(layer)
    widget.session.choose(dense_field)
    assert panel.counts.text() == "For the next run: 0 links, 0 cuts, 0 fixed."
    widget.field_choice.setCurrentIndex(0)
    assert panel.counts.text() == "For the next run: 0 links, 1 cut, 0 fixed."
    viewer.layers.clear()
    assert panel.counts.text() == ""
    assert not panel.cut_button.isEnabled()
