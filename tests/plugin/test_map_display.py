"""What is selected and what is hidden, on the map."""

from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_gdls import Recipe
from napari_gdls.plugin.layers.contents import contents_of_derived, contents_of_run
from napari_gdls.plugin.layers.fields import field_layers
from napari_gdls.plugin.layers.highlight import outline_of_segments
from napari_gdls.plugin.layers.metadata import layers_of
from napari_gdls.plugin.layers.placing import placing
from napari_gdls.plugin.viewers import viewer_session
from napari_gdls.progress import silent

pytestmark = pytest.mark.usefixtures("display", "qapp")


@pytest.fixture(scope="module")
def found(zoned_field):
    return contents_of_run(zoned_field, Recipe(device="cpu"), silent)


@pytest.fixture
def viewer(zoned_field, found) -> ViewerModel:
    model = ViewerModel()
    known = viewer_session(model)
    for layer in field_layers(zoned_field):
        model.add_layer(layer)
    known.steps.begin(placing(model, found, graph_later=True))
    known.session.finish_run(zoned_field, Recipe(device="cpu"), found.result)
    known.steps.finish()
    return model


def alphas(viewer, field, role):
    (layer,) = layers_of(viewer, field, role)
    return [layer.get_color(label)[3] for label in range(1, int(layer.data.max()) + 1)]


def borders(layer):
    """Outer borders of the pixels of a layer."""
    return layer.extent.world + np.array([[-0.5], [0.5]]) * layer.scale


def test_what_is_selected_is_outlined(viewer, zoned_field, found):
    known = viewer_session(viewer)
    state, active = known.session.chosen, viewer.layers.selection.active
    assert known.display.layer is None
    viewer.scene.camera.zoom = 1.5
    known.session.select(state, segments=[2])
    layer = known.display.layer
    assert layer.visible
    np.testing.assert_array_equal(layer.data, outline_of_segments(found.result.segmentation.labels, [2]))
    assert viewer.layers.selection.active is active
    known.session.select(state, segments=[1])
    assert known.display.layer is layer
    np.testing.assert_array_equal(layer.data, outline_of_segments(found.result.segmentation.labels, [1]))
    known.session.select(state, segments=[], phases=[], measurements=[])
    assert not layer.visible


def test_lines_are_as_wide_when_the_map_is_small(viewer, found, qtbot):
    known = viewer_session(viewer)
    known.session.select(known.session.chosen, segments=[1])
    viewer.scene.camera.zoom = 0.5
    labels = found.result.segmentation.labels
    qtbot.waitUntil(lambda: np.array_equal(known.display.layer.data, outline_of_segments(labels, [1], 3)))
    viewer.scene.camera.zoom = 6.0
    qtbot.waitUntil(lambda: np.array_equal(known.display.layer.data, outline_of_segments(labels, [1], 1, 4)))
    layer, (segments,) = known.display.layer, layers_of(viewer, known.session.chosen.field, "segments")
    np.testing.assert_allclose(borders(layer), borders(segments))


def test_the_selection_goes_with_its_field(viewer, segmentation, sparse_field, zoned_field):
    known = viewer_session(viewer)
    known.session.select(known.session.chosen, segments=[1])
    for layer in field_layers(sparse_field):
        viewer.add_layer(layer)
    layer = known.display.layer
    assert not layer.visible
    known.session.finish_run(sparse_field, Recipe(device="cpu"), contents_of_derived(segmentation, silent).result)
    known.session.select(known.session.chosen, segments=[2])
    assert layer.visible
    (image,) = layers_of(viewer, sparse_field, "bse")
    np.testing.assert_allclose(borders(layer), borders(image))
    assert layer.name == "pair: selection"
    known.session.choose(zoned_field)
    assert layer.visible
    assert layer.name == "zoned: selection"


def test_hidden_phases_are_transparent(viewer, zoned_field, found):
    known, segmentation = viewer_session(viewer), found.result.segmentation
    session, state = known.session, known.session.chosen
    session.hide_phases(state, [1])
    expected = [0.0 if phase == 1 else 1.0 for phase in segmentation.phases]
    assert alphas(viewer, zoned_field, "segments") == expected
    assert alphas(viewer, zoned_field, "phases") == [0.0 if phase == 1 else 1.0 for phase in range(3)]
    colours = [layer.get_color(1)[:3].tolist() for layer in layers_of(viewer, zoned_field, "phases")]
    np.testing.assert_allclose(colours, found.result.phase_colours[:1], atol=1e-6)
    session.hide_phases(state, [])
    assert alphas(viewer, zoned_field, "segments") == [1.0] * segmentation.n_segments


def test_phases_stay_hidden_in_the_next_result(viewer, zoned_field, found):
    known, segmentation = viewer_session(viewer), found.result.segmentation
    session, state = known.session, known.session.chosen
    session.hide_phases(state, [1])
    known.steps.begin(placing(viewer, found, graph_later=True))
    session.finish_run(zoned_field, Recipe(device="cpu"), found.result)
    known.steps.finish()
    assert state.hidden_phases == {1}
    assert alphas(viewer, zoned_field, "segments") == [0.0 if phase == 1 else 1.0 for phase in segmentation.phases]
    assert alphas(viewer, zoned_field, "phases") == [1.0, 0.0, 1.0]
