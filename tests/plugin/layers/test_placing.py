"""New results never overwrite what the user has edited."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Layer

import napari_gdls as gdls
from napari_gdls.plugin.layers import edge_lines
from napari_gdls.plugin.layers.contents import LayerContents, contents_of_derived, contents_of_run
from napari_gdls.plugin.layers.edits import is_edited
from napari_gdls.plugin.layers.fields import field_layers
from napari_gdls.plugin.layers.metadata import layer_role, layer_segmentation
from napari_gdls.plugin.layers.placing import place_layers, update_layers
from napari_gdls.progress import silent
from napari_gdls.recipe import METHODS


def run(field: gdls.Field, earlier: LayerContents | None = None, **changes: Any) -> LayerContents:
    recipe = gdls.Recipe(device="cpu", **changes)
    if earlier is None:
        return contents_of_run(field, recipe, silent)
    known = earlier.result.segmentation
    return contents_of_run(field, recipe, silent, embedding=known.embedding, graph=known.graph)


def merged_of(segmentation: gdls.Segmentation) -> LayerContents:
    return contents_of_derived(segmentation, silent)


@pytest.fixture
def viewer(sparse_field) -> ViewerModel:
    model = ViewerModel()
    for layer in field_layers(sparse_field):
        model.add_layer(layer)
    return model


@pytest.fixture(scope="module")
def first(sparse_field) -> LayerContents:
    return run(sparse_field)


@pytest.fixture(scope="module")
def second(sparse_field, first) -> LayerContents:
    return run(sparse_field, first, tau_z=0.4)


OF_MERGE = ["bse", "phases", "confidence", "segments", "measurements", "graph"]
ASIDE = ["bse", "phases", "confidence", "earlier segments", "segments", "measurements", "graph"]


def layer_of(viewer: ViewerModel, role: str) -> Layer:
    return next(layer for layer in viewer.layers if layer_role(layer) == role)


def roles(viewer: ViewerModel) -> list[str]:
    return [layer_role(layer) for layer in viewer.layers]


def test_layers_come_between_image_and_dots(viewer, first):
    labels = place_layers(viewer, first)
    assert roles(viewer) == OF_MERGE
    assert viewer.layers.selection.active is labels


def test_unedited_results_are_taken_over_in_place(viewer, first, second):
    old = place_layers(viewer, first)
    graph, before = layer_of(viewer, "graph"), list(viewer.layers)
    assert old.name == "pair: segments"
    old.opacity, old.visible, old.name = 0.9, False, "mine"
    new = place_layers(viewer, second)
    assert list(viewer.layers) == before
    assert new is old
    assert (new.opacity, new.visible, new.name) == (0.9, False, "mine")
    np.testing.assert_array_equal(new.data, second.result.segmentation.labels)
    assert layer_of(viewer, "graph") is graph  # the same graph: no need to build 100,000 shapes again
    assert layer_segmentation(graph) is second.result.segmentation
    assert graph.edge_contrast_limits == (0.0, 2.0)


def test_without_the_quick_graph_the_cut_edges_follow(viewer, first, second, monkeypatch):
    monkeypatch.setattr(edge_lines, "fault", lambda: "another napari")
    place_layers(viewer, first)
    assert roles(viewer) == ["bse", "phases", "confidence", "segments", "measurements", "graph", "graph"]
    place_layers(viewer, second)
    assert roles(viewer) == ["bse", "phases", "confidence", "segments", "measurements", "graph", "graph"]
    vectors, cut = viewer.layers[5:7]
    ends = second.result.segmentation.measurement_labels[second.result.segmentation.graph.edges]
    assert len(vectors.data) == second.result.segmentation.graph.n_edges
    assert cut.nshapes == (ends[:, 0] != ends[:, 1]).sum()


def test_another_graph_replaces_the_old_one(viewer, sparse_field, first):
    place_layers(viewer, first)
    graph = layer_of(viewer, "graph")
    other = run(sparse_field, max_distance=0.9)
    place_layers(viewer, other)
    assert roles(viewer) == OF_MERGE
    assert layer_of(viewer, "graph") is not graph
    assert layer_of(viewer, "graph").nshapes == other.result.segmentation.graph.n_edges < graph.nshapes


@pytest.mark.parametrize(
    "edit",
    [
        lambda layer: layer.paint((5, 5), 77),
        lambda layer: layer.fill((5, 5), 77),
        lambda layer: layer.data_setitem((np.array([0]), np.array([0])), 77),
        lambda layer: layer.data.__setitem__((3, 4), 77),
        lambda layer: setattr(layer, "data", np.zeros_like(layer.data)),
    ],
)
def test_edited_labels_stay(viewer, first, second, edit):
    old = place_layers(viewer, first)
    edit(old)
    kept = old.data.copy()
    assert is_edited(old)
    old.opacity = 0.8
    new = place_layers(viewer, second)
    assert roles(viewer) == ASIDE
    assert old in viewer.layers
    assert (old.name, new.name) == ("pair: segments before (merge 0.3)", "pair: segments")
    assert (old.visible, new.visible, new.opacity) == (False, True, 0.8)
    assert viewer.layers.selection.active is new
    np.testing.assert_array_equal(old.data, kept)
    assert place_layers(viewer, first) is new  # it was not edited
    assert roles(viewer) == ASIDE
    np.testing.assert_array_equal(old.data, kept)


def test_what_was_undone_does_not_come_back_into_another_result(viewer, first, second):
    labels = place_layers(viewer, first)
    labels.paint((5, 5), 77)
    labels.undo()
    place_layers(viewer, second)
    labels.redo()
    labels.undo()
    np.testing.assert_array_equal(labels.data, second.result.segmentation.labels)


def test_undone_edits_are_no_edits(viewer, first, second):
    old = place_layers(viewer, first)
    old.paint((5, 5), 77)
    old.undo()
    assert not is_edited(old)
    assert place_layers(viewer, second) is old


def test_edited_graphs_stay(viewer, sparse_field, first):
    place_layers(viewer, first)
    graph = layer_of(viewer, "graph")
    assert not is_edited(graph)
    graph.remove([0])
    assert is_edited(graph)
    place_layers(viewer, run(sparse_field, max_distance=0.9))
    assert roles(viewer)[-2:] == ["earlier graph", "graph"]
    assert not graph.visible
    assert graph.nshapes == first.result.segmentation.graph.n_edges - 1


def test_drawn_and_moved_edges_are_edits(viewer, first):
    place_layers(viewer, first)
    graph = layer_of(viewer, "graph")
    removed = graph.data[-1]
    graph.remove([graph.nshapes - 1])
    graph.add(removed, shape_type="line")
    assert not is_edited(graph)  # back to what it was
    graph.add(np.array([[0, 0], [40, 40]]), shape_type="line")
    assert is_edited(graph)


def test_earlier_results_can_be_kept(viewer, first, second):
    old = place_layers(viewer, first)
    new = place_layers(viewer, second, keep_earlier=True)
    assert new is not old
    assert (old.name, old.visible) == ("pair: segments before (merge 0.3)", False)
    assert (new.name, new.visible) == ("pair: segments", True)
    assert roles(viewer) == [
        "bse", "earlier phases", "phases", "earlier confidence", "confidence", "earlier segments", "segments",
        "measurements", "graph",
    ]  # fmt: skip
    np.testing.assert_array_equal(old.data, first.result.segmentation.labels)


def test_results_of_another_field_are_left_alone(viewer, first, dense_field):
    place_layers(viewer, first)
    for layer in field_layers(dense_field):
        viewer.add_layer(layer)
    place_layers(viewer, run(dense_field))
    assert roles(viewer) == [*OF_MERGE, "bse", "counts", "phases", "confidence", "segments", "graph"]


def test_a_missing_image_comes_back(first):
    viewer = ViewerModel()
    place_layers(viewer, first)
    assert roles(viewer) == [*OF_MERGE[:-2], "graph"]


def test_methods_without_phases_leave_no_phases_behind(viewer, sparse_field, first):
    place_layers(viewer, first)
    graph = layer_of(viewer, "graph")
    assert graph.features["height"].max() > 1 > graph.features["height"].min()
    by_thresholds = run(sparse_field, first, method="threshold", tau_z=1.5)
    place_layers(viewer, by_thresholds)
    assert roles(viewer) == ["bse", "segments", "measurements", "graph"]
    assert layer_of(viewer, "graph") is graph
    assert "height" not in graph.features
    assert graph.edge_contrast_limits == (0.0, 3.0)
    place_layers(viewer, first)
    assert roles(viewer) == OF_MERGE
    np.testing.assert_array_equal(graph.features["height"], first.heights)


@pytest.mark.parametrize("method", [name for name, row in METHODS.items() if not row.makes_phases])
def test_other_ways_have_segments_and_the_graph(viewer, sparse_field, first, method):
    result = run(sparse_field, first, method=method)
    labels = place_layers(viewer, result)
    assert roles(viewer) == ["bse", "segments", "measurements", "graph"]
    assert labels.name == "pair: segments"
    assert len(np.unique(labels.data[labels.data > 0])) == result.result.segmentation.n_segments > 1


def test_merged_phases_keep_the_colour_of_the_larger_one(first):
    segmentation = first.result.segmentation
    sizes = np.bincount(segmentation.measurement_phases.labels)
    merged = merged_of(segmentation.with_phases_merged(np.zeros(len(sizes), dtype=int)))
    np.testing.assert_array_equal(merged.result.phase_colours, first.result.phase_colours[[sizes.argmax()]])
    np.testing.assert_array_equal(
        merged.looks["segments"].options["colormap"].map(1)[:3],
        first.result.phase_colours[sizes.argmax()].astype(np.float32),
    )
    np.testing.assert_array_equal(merged_of(segmentation).result.phase_colours, first.result.phase_colours)


def test_layers_are_updated_in_place_unless_edited(viewer, first):
    place_layers(viewer, first)
    before = list(viewer.layers)
    n_phases = first.result.segmentation.n_phases
    merged = merged_of(first.result.segmentation.with_phases_merged(np.zeros(n_phases, dtype=int)))
    update_layers(viewer, merged)
    assert list(viewer.layers) == before
    segments = layer_of(viewer, "segments")
    np.testing.assert_array_equal(segments.data, merged.result.segmentation.labels)
    np.testing.assert_array_equal(layer_of(viewer, "phases").data, merged.result.segmentation.phase_map())
    assert segments.features["index"].tolist() == [1]
    assert layer_segmentation(segments) is merged.result.segmentation
    assert not is_edited(segments)
    segments.fill((5, 5), 7)
    kept = segments.data.copy()
    update_layers(viewer, first)
    assert roles(viewer) == ASIDE
    assert not segments.visible
    assert layer_of(viewer, "segments").visible
    np.testing.assert_array_equal(segments.data, kept)
    update_layers(viewer, merged)  # the new layer is no edited one
    assert roles(viewer) == ASIDE


def test_a_slider_does_not_bring_back_what_was_deleted(viewer, first):
    place_layers(viewer, first)
    shown = first.result.segmentation
    merged = merged_of(shown.with_phases_merged(np.zeros(shown.n_phases, dtype=int)))
    viewer.layers.remove(layer_of(viewer, "phases"))
    update_layers(viewer, merged, shown)
    assert roles(viewer) == ["bse", "confidence", "segments", "measurements", "graph"]
    np.testing.assert_array_equal(layer_of(viewer, "segments").data, merged.result.segmentation.labels)
    place_layers(viewer, first)  # a run does
    assert roles(viewer) == OF_MERGE


def test_the_first_result_hides_the_dots_and_no_later_one(viewer, first, second):
    dots = layer_of(viewer, "measurements")
    assert dots.visible
    place_layers(viewer, first)
    assert not dots.visible
    dots.visible = True
    place_layers(viewer, second)
    assert dots.visible


def test_mixed_measurements_follow_in_place(viewer, first):
    found = first.result.segmentation
    phases = found.measurement_phases
    assert phases.n_phases == 2
    runs = []
    for places in ([3, 90], [4], [4, 5, 90]):
        partner, fraction = phases.partner.copy(), phases.fraction.copy()
        partner[places], fraction[places] = 1 - phases.labels[places], 0.75
        mixed = dataclasses.replace(phases, partner=partner, fraction=fraction)
        runs.append(merged_of(dataclasses.replace(found, measurement_phases=mixed)))
    place_layers(viewer, runs[0])
    assert roles(viewer) == [*OF_MERGE[:-2], "mixed", "measurements", "graph"]
    layer = layer_of(viewer, "mixed")
    for result in (*runs[1:], runs[0]):
        update_layers(viewer, result)
        now = result.result.segmentation.measurement_phases
        at = np.flatnonzero(now.partner >= 0)
        assert layer_of(viewer, "mixed") is layer
        np.testing.assert_array_equal(layer.data, found.field.locations[at])
        assert layer.features["second phase"].tolist() == (now.partner[at] + 1).tolist()
        np.testing.assert_allclose(layer.face_color[:, :3], first.result.phase_colours[now.partner[at]], atol=1e-6)
        assert not is_edited(layer)
