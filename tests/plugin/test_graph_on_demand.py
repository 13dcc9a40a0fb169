"""Graphs that hide the segments are built when somebody looks at them."""

from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_gdls import Recipe
from napari_gdls.plugin.layers.contents import contents_of_run
from napari_gdls.plugin.layers.fields import field_layers
from napari_gdls.plugin.layers.graph import graph_layers_of, merge_heights
from napari_gdls.plugin.layers.metadata import layer_role, layer_segmentation, layers_of
from napari_gdls.plugin.layers.placing import placing
from napari_gdls.plugin.viewers import viewer_session
from napari_gdls.progress import silent

pytestmark = pytest.mark.usefixtures("display", "qapp")


@pytest.fixture(scope="module")
def first(dense_field):
    return contents_of_run(dense_field, Recipe(device="cpu"), silent)


@pytest.fixture(scope="module")
def second(dense_field, first):
    known = first.result.segmentation
    return contents_of_run(
        dense_field, Recipe(device="cpu", significance=20.0), silent, embedding=known.embedding, graph=known.graph
    )


@pytest.fixture
def viewer(dense_field) -> ViewerModel:
    model = ViewerModel()
    viewer_session(model)
    for layer in field_layers(dense_field):
        model.add_layer(layer)
    return model


def place(viewer, contents):
    viewer_session(viewer).steps.begin(placing(viewer, contents, graph_later=True))
    viewer_session(viewer).steps.finish()
    (graph,) = layers_of(viewer, contents.result.segmentation.field, "graph")
    return graph


def shown_graph(viewer, field, qtbot):
    (graph,) = layers_of(viewer, field, "graph")
    graph.visible = True
    qtbot.waitUntil(lambda: not viewer_session(viewer).graphs.busy, timeout=20_000)
    (graph,) = layers_of(viewer, field, "graph")
    return graph


def test_the_graph_is_there_as_soon_as_it_is_looked_at(viewer, dense_field, first, qtbot):
    waiting = place(viewer, first)
    assert waiting.nshapes == 0
    waiting.name = "mine"
    viewer.layers.selection.active = waiting
    graph = shown_graph(viewer, dense_field, qtbot)
    assert graph is not waiting
    assert (graph.name, graph.visible) == ("mine", True)
    assert viewer.layers.selection.active is graph
    assert [layer_role(layer) for layer in viewer.layers][-1] == "graph"
    (expected,) = graph_layers_of(first.result.segmentation)
    np.testing.assert_array_equal(np.array(graph.data), np.array(expected.data))
    np.testing.assert_array_equal(graph.edge_color, expected.edge_color)


def test_a_hidden_graph_has_the_heights_of_the_last_run_when_it_is_shown(viewer, dense_field, first, second, qtbot):
    place(viewer, first)
    graph = shown_graph(viewer, dense_field, qtbot)
    graph.visible = False
    assert place(viewer, second) is graph
    assert layer_segmentation(graph) is second.result.segmentation
    graph.visible = True
    expected = merge_heights(second.result.segmentation, second.result.segmentation.graph.edges)
    assert not np.array_equal(expected, first.heights)
    np.testing.assert_array_equal(graph.features["height"], expected)


def test_a_graph_that_was_deleted_while_it_was_built_stays_so(viewer, dense_field, first, qtbot):
    waiting = place(viewer, first)
    waiting.visible = True
    viewer.layers.remove(waiting)
    qtbot.waitUntil(lambda: not viewer_session(viewer).graphs.busy, timeout=20_000)
    assert layers_of(viewer, dense_field, "graph") == []


def test_segments_come_first_and_the_window_answers_in_between(viewer, dense_field, first, qtbot):
    steps = viewer_session(viewer).steps
    steps.begin(placing(viewer, first, graph_later=True))
    assert [layer_role(layer) for layer in viewer.layers] == ["bse", "counts", "segments"]
    assert steps.pending
    qtbot.waitUntil(lambda: not steps.pending)
    assert [layer_role(layer) for layer in viewer.layers] == [
        "bse", "counts", "phases", "confidence", "segments", "graph",
    ]  # fmt: skip


def test_nothing_comes_any_more_when_the_field_is_closed_in_between(viewer, first, qtbot):
    steps = viewer_session(viewer).steps
    steps.begin(placing(viewer, first, graph_later=True))
    viewer.layers.clear()
    qtbot.waitUntil(lambda: not steps.pending)
    assert len(viewer.layers) == 0
