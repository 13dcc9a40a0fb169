"""Which field of a viewer is in sight."""

from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image

from napari_gdls import Recipe
from napari_gdls.plugin.layers.contents import LayerContents, contents_of_run
from napari_gdls.plugin.layers.fields import field_layers
from napari_gdls.plugin.layers.metadata import layer_field, layer_role
from napari_gdls.plugin.layers.placing import place_layers
from napari_gdls.plugin.viewers import viewer_session
from napari_gdls.progress import silent

pytestmark = pytest.mark.usefixtures("display", "qapp")


@pytest.fixture(scope="module")
def found(sparse_field) -> LayerContents:
    return contents_of_run(sparse_field, Recipe(device="cpu"), silent)


@pytest.fixture
def viewer(sparse_field, dense_field) -> ViewerModel:
    """A viewer whose session has seen two fields being opened, the sparse one first."""
    model = ViewerModel()
    viewer_session(model)
    for layer in (*field_layers(sparse_field), *field_layers(dense_field)):
        model.add_layer(layer)
    return model


def in_sight(viewer):
    return [(layer_field(layer).name, layer_role(layer)) for layer in viewer.layers if layer.visible]


def layer_of(viewer, field, role):
    return next(layer for layer in viewer.layers if layer_field(layer) is field and layer_role(layer) == role)


def test_the_last_opened_field_is_the_one_in_sight(viewer, dense_field, qtbot):
    assert viewer_session(viewer).session.chosen.field is dense_field
    assert in_sight(viewer) == [("", "bse")]
    image = layer_of(viewer, dense_field, "bse")  # and not the hidden counts, which came last
    qtbot.waitUntil(lambda: viewer.layers.selection.active is image)


def test_fields_that_were_open_before_the_session_are_told_apart_too(sparse_field, dense_field):
    model = ViewerModel()
    for layer in (*field_layers(sparse_field), *field_layers(dense_field)):
        model.add_layer(layer)
    session = viewer_session(model).session
    assert session.chosen.field is dense_field
    assert {name for name, _ in in_sight(model)} == {""}
    assert model.layers.selection.active is layer_of(model, dense_field, "bse")


def test_the_active_layer_says_which_field_is_chosen(viewer, sparse_field, dense_field):
    session = viewer_session(viewer).session
    dots = layer_of(viewer, sparse_field, "measurements")
    viewer.layers.selection.active = dots
    assert session.chosen.field is sparse_field
    assert in_sight(viewer) == [("pair", "bse"), ("pair", "measurements")]
    assert viewer.layers.selection.active is dots
    viewer.add_layer(Image(np.zeros((4, 4))))
    assert session.chosen.field is sparse_field
    viewer.layers.selection.active = layer_of(viewer, dense_field, "counts")
    assert session.chosen.field is dense_field
    assert viewer.layers.selection.active is layer_of(viewer, dense_field, "counts")


def test_a_chosen_field_comes_with_its_layers_as_they_were(viewer, sparse_field, dense_field):
    session = viewer_session(viewer).session
    session.choose(sparse_field)
    assert viewer.layers.selection.active is layer_of(viewer, sparse_field, "bse")
    layer_of(viewer, sparse_field, "measurements").visible = False
    session.choose(dense_field)
    layer_of(viewer, dense_field, "counts").visible = True
    session.choose(sparse_field)
    assert in_sight(viewer) == [("pair", "bse")]
    session.choose(dense_field)
    assert in_sight(viewer) == [("", "bse"), ("", "counts")]


def test_the_camera_comes_back_with_the_field(viewer, sparse_field, dense_field):
    session, camera = viewer_session(viewer).session, viewer.scene.camera
    np.testing.assert_allclose(camera.center[-2:], (23.5, 29.5))
    session.choose(sparse_field)
    np.testing.assert_allclose(camera.center[-2:], (47.0, 59.0))  # 2 um per pixel
    session.look_at(session.chosen, 10, 20, 4, 3)
    np.testing.assert_allclose(camera.center[-2:], (23.0, 42.0))
    zoom = camera.zoom
    session.choose(dense_field)
    np.testing.assert_allclose(camera.center[-2:], (23.5, 29.5))
    assert camera.zoom != zoom
    session.choose(sparse_field)
    np.testing.assert_allclose(camera.center[-2:], (23.0, 42.0))
    assert camera.zoom == zoom


def test_looking_at_a_place_brings_its_field(viewer, sparse_field):
    session = viewer_session(viewer).session
    session.look_at(session.state_of(sparse_field), 0, 0, 48, 60)
    assert session.chosen.field is sparse_field
    np.testing.assert_allclose(viewer.scene.camera.center[-2:], (47.0, 59.0))
    assert viewer.scene.camera.zoom * 120 <= min(viewer.canvas.size)  # all of its 120 um are on the canvas


def test_a_map_that_nobody_moved_stays_in_sight_as_a_whole(viewer, dense_field):
    camera = viewer.scene.camera
    viewer.canvas.size = (300, 800)
    fits = camera.zoom
    assert 0.9 < fits * 48 / 300 < 1
    viewer.canvas.size = (300, 200)
    assert 0.9 < camera.zoom * 60 / 200 < 1
    camera.zoom = 7.0
    viewer.canvas.size = (300, 800)
    assert camera.zoom == 7.0


def test_results_of_a_field_out_of_sight_come_when_it_does(viewer, sparse_field, dense_field, found):
    session = viewer_session(viewer).session
    active = viewer.layers.selection.active
    place_layers(viewer, found)
    assert session.chosen.field is dense_field
    assert viewer.layers.selection.active is active
    assert in_sight(viewer) == [("", "bse")]
    session.choose(sparse_field)
    assert in_sight(viewer) == [("pair", "bse"), ("pair", "segments"), ("pair", "graph")]
    assert viewer.layers.selection.active is layer_of(viewer, sparse_field, "segments")


def test_closing_a_field_brings_the_other(viewer, sparse_field, dense_field):
    session = viewer_session(viewer).session
    for role in ("counts", "bse"):
        viewer.layers.remove(layer_of(viewer, dense_field, role))
    assert session.chosen.field is sparse_field
    assert in_sight(viewer) == [("pair", "bse"), ("pair", "measurements")]


def test_a_scale_bar_comes_once_with_a_field_of_known_size(viewer, sparse_field, dense_field):
    session, bar = viewer_session(viewer).session, viewer.canvas.overlays.scale_bar
    assert bar.visible
    bar.visible = False
    session.choose(sparse_field)
    session.choose(dense_field)
    assert not bar.visible
    other = ViewerModel()
    viewer_session(other)
    other.add_layer(field_layers(dense_field)[0])
    assert not other.canvas.overlays.scale_bar.visible
