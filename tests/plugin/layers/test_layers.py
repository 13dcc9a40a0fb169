"""Fields and segmentations as layers."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image, Labels, Layer, Points, Shapes

import napari_gdls as gdls
from napari_gdls.plugin.layers import graph as graph_layer
from napari_gdls.plugin.layers.fields import field_layers
from napari_gdls.plugin.layers.graph import graph_layers_of
from napari_gdls.plugin.layers.label_layers import label_colormap, label_data
from napari_gdls.plugin.layers.metadata import layer_field, layer_role, layer_segmentation
from napari_gdls.plugin.layers.segments import segment_layer, segmentation_layers
from napari_gdls.plugin.layers.viewer import show
from napari_gdls.segmentation.tables import segment_table


def test_sparse_field(sparse_field):
    bse, dots = field_layers(sparse_field)
    assert (type(bse), type(dots)) == (Image, Points)
    assert (bse.name, dots.name) == ("pair: BSE", "pair: measurements")
    np.testing.assert_array_equal(bse.data, sparse_field.bse)
    low, high = bse.contrast_limits
    assert sparse_field.bse.min() < low < 15_000 < 40_000 < high < sparse_field.bse.max()
    for layer in (bse, dots):
        assert layer.scale.tolist() == [2.0, 2.0]
        assert [str(unit) for unit in layer.units] == ["micrometer", "micrometer"]
        assert layer_field(layer) is sparse_field


def test_dense_field_without_pixel_size(dense_field):
    bse, counts = field_layers(dense_field)
    assert layer_role(counts) == "counts"
    assert not counts.visible
    assert counts.data[5, 7] == dense_field.total_counts[5 * 60 + 7]
    assert [str(unit) for unit in bse.units] == ["pixel", "pixel"]
    assert bse.name == "field: BSE"


def test_flat_image_has_contrast_limits(sparse_field):
    flat = gdls.Field(
        np.full(sparse_field.shape, 7, dtype=np.uint8),
        sparse_field.spectra,
        sparse_field.locations,
        sparse_field.energy,
    )
    low, high = field_layers(flat)[0].contrast_limits
    assert low < high


def test_segmentation(segmentation, sparse_field):
    phases, confidence, segments, graph = segmentation_layers(segmentation)
    assert [type(layer) for layer in (phases, confidence, segments, graph)] == [Labels, Image, Labels, Shapes]
    assert [layer_role(layer) for layer in (segments, graph)] == ["segments", "graph"]
    assert [layer.visible for layer in (phases, confidence, segments, graph)] == [False, False, True, True]
    assert layer_segmentation(segments) is segmentation
    assert layer_field(graph) is sparse_field
    assert segments.metadata["napari_gdls"]["recipe"] == segmentation.recipe
    assert graph.nshapes == segmentation.graph.n_edges
    assert segments.scale.tolist() == graph.scale.tolist() == [2.0, 2.0]


def test_segments_have_features_by_label(segmentation):
    layer = segment_layer(segmentation)
    assert layer.features["index"].tolist() == sorted(set(segmentation.labels.ravel()) - {0})
    areas = np.bincount(segmentation.labels.ravel())[layer.features["index"]]
    np.testing.assert_array_equal(layer.features["area [px]"], areas)
    np.testing.assert_array_equal(layer.features["area [um2]"], 4 * areas)
    inside = segmentation.labels[22, 30]
    status = layer.get_status((44.0, 60.0), world=True)["value"]
    assert status.startswith(f"{inside}; ")
    assert "mean BSE" in status


def test_segments_are_coloured_by_composition(segmentation):
    layer = segment_layer(segmentation)
    labels = np.unique(segmentation.labels)
    colors = {label: layer.get_color(label) for label in labels}
    disc, matrix = segmentation.labels[22, 30], segmentation.labels[2, 2]
    assert np.abs(colors[disc][:3] - colors[matrix][:3]).max() > 0.2
    assert layer.colormap.map(0)[3] == 0
    np.testing.assert_array_equal(layer.colormap.map(10_000), [1, 1, 1, 1])


def test_painting_does_not_change_the_segmentation(segmentation):
    layer = segment_layer(segmentation)
    before = segmentation.labels.copy()
    layer.fill((22, 30), 99)
    assert (layer.data == 99).any()
    np.testing.assert_array_equal(segmentation.labels, before)


def test_graphs_that_hide_the_segments_come_invisible(segmentation, dense_field, monkeypatch):
    (graph,) = graph_layers_of(segmentation)
    assert graph.visible
    (graph,) = graph_layers_of(dataclasses.replace(segmentation, field=dense_field))
    assert not graph.visible
    monkeypatch.setattr(graph_layer, "MOST_VISIBLE_EDGES", segmentation.graph.n_edges - 1)
    (graph,) = graph_layers_of(segmentation)
    assert not graph.visible


def test_names_say_nothing_that_changes(segmentation):
    assert [layer.name for layer in segmentation_layers(segmentation)] == [
        "pair: phases",
        "pair: confidence",
        "pair: segments",
        "pair: graph",
    ]


def test_many_labels_keep_their_colours_too():
    colours = np.random.default_rng(0).random((70_000, 3))
    labels = np.arange(70_001, dtype=np.int32).reshape(1, -1)
    layer = Labels(label_data(labels), colormap=label_colormap(colours, hidden=np.arange(70_000) == 4))
    assert layer.data.dtype == np.int32
    np.testing.assert_allclose(layer.get_color(69_999)[:3], colours[69_998], atol=1e-6)
    assert layer.get_color(5)[3] == layer.colormap.map(0)[3] == 0
    assert layer.get_color(6)[3] == 1


def test_layers_survive_as_layer_data(segmentation):
    for layer in (*field_layers(segmentation.field), *segmentation_layers(segmentation)):
        again = Layer.create(*layer.as_layer_data_tuple())
        assert type(again) is type(layer)
        assert layer_field(again) is segmentation.field


def test_show(segmentation, dense_field):
    viewer = ViewerModel()
    assert show(segmentation, viewer) is viewer
    assert [layer_role(layer) for layer in viewer.layers] == [
        "bse",
        "phases",
        "confidence",
        "segments",
        "measurements",
        "graph",
    ]
    assert not viewer.layers[4].visible  # the dots
    assert viewer.canvas.overlays.scale_bar.visible
    viewer = gdls.show(dense_field, ViewerModel())
    assert [layer_role(layer) for layer in viewer.layers] == ["bse", "counts"]
    assert not viewer.canvas.overlays.scale_bar.visible
    with pytest.raises(TypeError, match="not a ndarray"):
        show(dense_field.bse, viewer)


def test_layers_of_others_are_left_alone():
    layer = Image(np.zeros((3, 3)), metadata={"napari_gdls": "something else"})
    assert (layer_role(layer), layer_field(layer), layer_segmentation(layer)) == ("", None, None)


def test_show_opens_a_window(display, make_napari_viewer, sparse_field):
    viewer = make_napari_viewer(show=True)
    show(sparse_field, viewer)
    picture = viewer.screenshot(canvas_only=True, flash=False)
    assert len(np.unique(picture[..., 0])) > 20


def test_features_are_the_columns_of_the_table(segmentation):
    table = segment_table(
        segmentation.labels,
        segmentation.field,
        segmentation.measurement_labels,
        phases=segmentation.phases,
        confidence=segmentation.confidence,
    )
    features = segment_layer(segmentation).features
    assert list(features) == ["index", *list(table)[1:]]
    assert {"phase", "mean confidence"} < set(features)
    for name, column in table.items():
        np.testing.assert_array_equal(features["index" if name == "label" else name], column)
