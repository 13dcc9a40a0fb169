"""Overlapping phases as layers, and the layers as what the session knows; without a window."""

from __future__ import annotations

import gc
import weakref
from types import SimpleNamespace

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Labels

from napari_gdls.plugin.layers.fields import field_layers
from napari_gdls.plugin.layers.metadata import layer_role
from napari_gdls.plugin.layers.overlap import box_of, show_box, show_strokes
from napari_gdls.plugin.overlap_state import central_box
from napari_gdls.plugin.overlap_viewers import viewer_overlap

pytestmark = pytest.mark.usefixtures("display", "qapp")


def decomposition(field, k: int = 3, *, turned: int = 0) -> SimpleNamespace:
    rng = np.random.default_rng(0)
    return SimpleNamespace(
        field=field,
        n_components=k,
        matrix_component=0,
        evidence=None,
        scores=rng.poisson(50.0, (*field.shape, k)).astype(np.float64),
        loadings=np.roll(np.eye(field.energy.size), turned, axis=1)[:k],
    )


@pytest.fixture
def viewer(dense_field) -> ViewerModel:
    model = ViewerModel()
    for layer in field_layers(dense_field):
        model.add_layer(layer)
    return model


@pytest.fixture
def overlap(viewer, dense_field):
    overlap = viewer_overlap(viewer)
    overlap.session.take_decomposition(dense_field, decomposition(dense_field))
    return overlap


def roles(viewer) -> list[str]:
    return [layer_role(layer) for layer in viewer.layers]


def layers_of(viewer, role: str) -> list:
    return [layer for layer in viewer.layers if layer_role(layer) == role]


def grain_masks(state, *parts: tuple[slice, slice]) -> dict:
    masks = {}
    for i, part in zip(state.grains, parts, strict=False):
        masks[i] = np.zeros(state.field.shape, dtype=bool)
        masks[i][part] = True
    return masks


def test_layers_lie_in_the_order_in_which_they_are_looked_at(viewer, overlap):
    state = overlap.session.chosen
    overlap.session.take_masks(state, grain_masks(state, np.s_[:10, :10], np.s_[5:15, 5:15]))
    assert roles(viewer) == ["bse", "counts", "score", "score", "score", "grain masks", "strokes"]
    labels = layers_of(viewer, "grain masks")[0].data
    assert (labels[:5, :5] == state.grains[0] + 1).all()
    assert (labels[5:10, 5:10] == state.both_label).all()


def test_each_class_has_one_colour_everywhere(viewer, overlap):
    state = overlap.session.chosen
    overlap.session.take_masks(state, grain_masks(state, np.s_[:10, :10]))
    overlap.session.edit_component(state, 1, colour="#00ff80", name="olivine")
    for role in ("strokes", "grain masks"):
        colormap = layers_of(viewer, role)[0].colormap
        np.testing.assert_allclose(colormap.map(2), (0.0, 1.0, 0.502, 1.0), atol=0.01)
        np.testing.assert_allclose(colormap.map(0)[3], 0.0)
    score = layers_of(viewer, "score")[1]
    assert score.name.endswith("score olivine")
    np.testing.assert_allclose(score.colormap.colors[-1], (0.0, 1.0, 0.502, 1.0), atol=0.01)
    np.testing.assert_allclose(score.colormap.colors[0], (0.0, 0.0, 0.0, 1.0))


def test_scores_where_nothing_was_measured_are_black(viewer, dense_field):
    overlap = viewer_overlap(viewer)
    found = decomposition(dense_field)
    found.scores[:3] = np.nan
    overlap.session.take_decomposition(dense_field, found)
    assert all((layer.data[:3] == 0).all() for layer in layers_of(viewer, "score"))


def test_strokes_are_read_after_a_pause(viewer, overlap, qtbot):
    state = overlap.session.chosen
    overlap.paint(state, 2)
    strokes = layers_of(viewer, "strokes")[0]
    assert viewer.layers.selection.active is strokes
    assert (strokes.mode, strokes.selected_label) == ("paint", 2)
    with qtbot.waitSignal(overlap.work.busy_changed, timeout=5_000):  # the classifier begins
        strokes.paint((10, 10), 2)
        strokes.paint((12, 12), 2)
        assert state.strokes is None
    np.testing.assert_array_equal(state.strokes, strokes.data)
    qtbot.waitUntil(lambda: not overlap.work.busy, timeout=20_000)
    overlap.paint(state, 0)
    assert strokes.mode == "erase"


def test_one_class_alone_makes_no_masks_but_a_message(viewer, overlap, qtbot):
    state = overlap.session.chosen
    overlap.paint(state, 2)
    layers_of(viewer, "strokes")[0].paint((10, 10), 2)
    overlap.read_layers()
    qtbot.waitUntil(lambda: not overlap.work.busy, timeout=20_000)
    assert state.problems["masks"]
    assert state.masks == {}


def test_strokes_of_other_components_are_set_aside(viewer, overlap, dense_field):
    state = overlap.session.chosen
    strokes = layers_of(viewer, "strokes")[0]
    strokes.paint((10, 10), 2)
    overlap.read_layers()
    overlap.session.take_decomposition(dense_field, decomposition(dense_field))  # alike: they stay
    assert layers_of(viewer, "strokes") == [strokes]
    painted = strokes.data.copy()
    overlap.session.take_decomposition(dense_field, decomposition(dense_field, 4))
    assert layers_of(viewer, "earlier strokes") == [strokes]
    np.testing.assert_array_equal(strokes.data, painted)
    (new,) = layers_of(viewer, "strokes")
    assert not new.data.any()
    assert state.strokes is None


def test_painting_before_it_is_read_sets_nothing_aside(viewer, overlap):
    state = overlap.session.chosen
    strokes = layers_of(viewer, "strokes")[0]
    strokes.paint((10, 10), 2)
    overlap.paint(state, 3)
    assert layers_of(viewer, "strokes") == [strokes]


def test_strokes_that_are_deleted_are_no_strokes(viewer, overlap):
    state = overlap.session.chosen
    strokes = layers_of(viewer, "strokes")[0]
    strokes.paint((10, 10), 2)
    overlap.read_layers()
    viewer.layers.remove(strokes)
    overlap.read_layers()
    assert not state.is_painted
    overlap.paint(state, 2)
    assert isinstance(viewer.layers.selection.active, Labels)


def test_masks_follow_in_the_same_layer(viewer, overlap):
    state = overlap.session.chosen
    overlap.session.take_masks(state, grain_masks(state, np.s_[:10, :10]))
    (layer,) = layers_of(viewer, "grain masks")
    layer.visible = False
    overlap.session.take_masks(state, grain_masks(state, np.s_[:20, :10]))
    assert layers_of(viewer, "grain masks") == [layer]
    assert not layer.visible
    np.testing.assert_array_equal(layer.data, state.mask_labels())
    overlap.session.take_masks(state, {})
    assert not layer.data.any()


@pytest.mark.parametrize(
    ("low", "high", "box"),
    [
        ((-0.5, -0.5), (7.5, 3.5), (0, 0, 8, 4)),
        ((2.2, 3.4), (2.3, 3.6), (3, 4, 4, 5)),  # smaller than a pixel
        ((4.0, 5.0), (9.9, 11.2), (4, 6, 10, 12)),
    ],
)
def test_pixels_in_a_box(viewer, overlap, low, high, box):
    layer = show_box(viewer, overlap.session.chosen)
    (top, left), (bottom, right) = low, high
    layer.data = [np.array([[top, left], [top, right], [bottom, right], [bottom, left]])]
    assert box_of(layer) == box


def test_the_first_box_is_in_the_middle(viewer, overlap, dense_field):
    layer = show_box(viewer, overlap.session.chosen)
    assert box_of(layer) == central_box(dense_field.shape) == (20, 26, 28, 34)
    assert show_box(viewer, overlap.session.chosen) is layer
    layer.data = []
    assert box_of(layer) is None
    assert central_box((5, 100)) == (0, 46, 5, 54)


def test_strokes_layer_is_made_once(viewer, overlap):
    assert show_strokes(viewer, overlap.session.chosen) is show_strokes(viewer, overlap.session.chosen)


def test_the_memory_of_a_closed_field_is_free_again(dense_field, qtbot):
    viewer = ViewerModel()
    field = dense_field.thinned(0.9)
    for layer in field_layers(field):
        viewer.add_layer(layer)
    overlap = viewer_overlap(viewer)
    overlap.session.take_decomposition(field, decomposition(field))
    reference = weakref.ref(field)
    del field, layer
    viewer.layers.clear()
    viewer.add_layer(
        Labels(np.zeros((2, 2), dtype=int))
    )  # napari remembers the last active layer until there is another
    assert overlap.session.chosen is None
    gc.collect()
    assert reference() is None


def test_it_ends_with_its_viewer(qtbot):
    viewer = ViewerModel()
    reference = weakref.ref(viewer_overlap(viewer).session)
    assert viewer_overlap(viewer).session is reference()
    del viewer
    gc.collect()
    qtbot.waitUntil(lambda: reference() is None)
