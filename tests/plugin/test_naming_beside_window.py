"""Phases are named beside the window after a run, no longer than somebody wants it, and for what is shown."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image
from napari.utils.notifications import notification_manager
from stand_in_minerals import NAMES

import napari_gdls as gdls
from napari_gdls.errors import RecipeError
from napari_gdls.plugin.layers.contents import contents_of_derived
from napari_gdls.plugin.layers.fields import field_layers
from napari_gdls.plugin.layers.placing import place_layers
from napari_gdls.plugin.viewers import viewer_session
from napari_gdls.progress import silent

pytestmark = pytest.mark.usefixtures("display", "qapp")


@pytest.fixture
def found(contents_to_name) -> gdls.Segmentation:
    return contents_to_name.result.segmentation


@pytest.fixture
def opened(found, naming, qtbot):
    """A viewer without a window, its session, and a way to end a run in it."""
    viewer = ViewerModel()
    for layer in field_layers(found.field):
        viewer.add_layer(layer)
    followed = viewer_session(viewer)

    def finish(segmentation=found):
        contents = contents_of_derived(segmentation, silent)
        place_layers(viewer, contents)
        assert followed.session.finish_run(found.field, gdls.Recipe(), contents.result)

    def settled():
        qtbot.waitUntil(lambda: not (followed.naming.busy or followed.busy), timeout=10_000)

    yield viewer, followed, finish, settled
    naming.held = False
    followed.naming.cancel()


def names_in(state) -> list[str]:
    return [name.name for name in state.shown.segmentation.names]


def test_a_run_is_named(opened, naming, found):
    _, followed, finish, settled = opened
    state = followed.session.chosen
    assert not followed.naming.busy
    finish()
    assert followed.naming.busy
    assert names_in(state) == []
    settled()
    assert names_in(state) == list(NAMES[:3])
    assert state.shown.minerals.rows[0].name.name == NAMES[0]
    assert naming.asked == [(3, "", 20.0)]
    np.testing.assert_array_equal(state.shown.segmentation.labels, found.labels)


def test_only_what_is_wanted_is_named(opened, naming):
    _, followed, finish, settled = opened
    session, state = followed.session, followed.session.chosen
    session.ask_names(state, wanted=False)
    finish()
    assert not followed.naming.busy
    session.ask_names(state, wanted=True, library="granite")
    settled()
    assert naming.asked == [(3, "granite", 20.0)]
    naming.names = ("albite",)
    session.ask_names(state, library="basalt")
    settled()
    assert naming.asked[1:] == [(3, "basalt", 20.0)]
    assert set(names_in(state)) == {"albite"}
    session.ask_names(state, wanted=False)
    session.ask_names(state, wanted=True)
    settled()
    assert len(naming.asked) == 2  # they are known
    with pytest.raises(TypeError):
        session.ask_names(state, wish=True)


def test_without_a_beam_energy_nothing_is_named_until_it_is_given(naming, sparse_field, segmentation, qtbot):
    viewer = ViewerModel()
    for layer in field_layers(sparse_field):
        viewer.add_layer(layer)
    followed = viewer_session(viewer)
    session, state = followed.session, followed.session.chosen
    contents = contents_of_derived(segmentation, silent)
    place_layers(viewer, contents)
    session.finish_run(sparse_field, gdls.Recipe(), contents.result)
    assert not followed.naming.busy
    session.ask_names(state, beam_energy=15.0)
    qtbot.waitUntil(lambda: not (followed.naming.busy or followed.busy), timeout=10_000)
    assert naming.asked == [(2, "", 15.0)]
    assert state.beam_energy == 15.0


def test_what_a_new_run_has_overtaken_is_dropped(opened, naming, qtbot, found):
    _, followed, finish, settled = opened
    naming.held = True
    finish()
    qtbot.waitUntil(lambda: len(naming.asked) == 1)
    other = gdls.segment(found.field, tau_z=3.0, device="cpu")
    assert other.n_phases == 2
    finish(other)
    qtbot.waitUntil(lambda: naming.cancelled == 1)
    naming.held = False
    settled()
    state = followed.session.chosen
    assert [asked[0] for asked in naming.asked] == [3, 2]
    assert names_in(state) == list(NAMES[:2])


def test_cancelled_naming_begins_again_when_asked(opened, naming, qtbot):
    _, followed, finish, settled = opened
    state = followed.session.chosen
    naming.held = True
    finish()
    qtbot.waitUntil(lambda: followed.naming.state is state)
    followed.naming.cancel()
    assert not followed.naming.busy
    qtbot.waitUntil(lambda: naming.cancelled == 1)
    assert not state.to_be_named
    assert state.naming_problem == ""
    naming.held = False
    followed.session.name_again(state)
    settled()
    assert names_in(state) == list(NAMES[:3])


def test_complaints_are_kept_and_faults_are_shown(opened, naming, qtbot):
    _, followed, finish, settled = opened
    state = followed.session.chosen
    naming.error = RecipeError("my.csv, line 3: no formula.")
    finish()
    settled()
    assert state.naming_problem == "The phases were not named: my.csv, line 3: no formula."
    assert names_in(state) == []
    naming.error = ZeroDivisionError("a fault")
    notification_manager.records.clear()
    with qtbot.captureExceptions():
        followed.session.name_again(state)
        settled()
    assert isinstance(notification_manager.records[-1].exception, ZeroDivisionError)
    assert "fault" in state.naming_problem
    naming.error = None
    followed.session.name_again(state)
    settled()
    assert state.naming_problem == ""
    assert names_in(state) == list(NAMES[:3])


def test_a_slider_that_is_moved_asks_once(opened, naming, qtbot):
    _, followed, finish, settled = opened
    session, state = followed.session, followed.session.chosen
    finish()
    settled()
    for tau_z in (0.5, 1.0, 2.0, 2.7):
        session.set_recipe(gdls.Recipe(tau_z=tau_z))
        qtbot.wait(10)
    settled()
    assert state.shown.segmentation.n_phases == 2
    assert [asked[0] for asked in naming.asked] == [3, 2]
    assert names_in(state) == list(NAMES[:2])
    session.set_recipe(gdls.Recipe())
    settled()
    assert names_in(state) == list(NAMES[:3])
    assert len(naming.asked) == 2  # both are known


def test_names_by_hand_stay_where_names_are_measured(opened, naming):
    _, followed, finish, settled = opened
    session, state = followed.session, followed.session.chosen
    session.ask_names(state, wanted=False)
    finish()
    session.rename_phase(state, 1, "  my  glass ")
    settled()
    assert names_in(state) == ["", "my  glass", ""]
    session.ask_names(state, wanted=True)
    settled()
    assert names_in(state) == [NAMES[0], "my  glass", NAMES[2]]
    session.rename_phase(state, 1, "")
    settled()
    assert names_in(state) == list(NAMES[:3])
    assert state.recipe.names == ()


def test_a_closed_field_is_not_named(opened, naming, qtbot):
    viewer, followed, finish, _ = opened
    naming.held = True
    finish()
    qtbot.waitUntil(lambda: len(naming.asked) == 1)
    viewer.layers.clear()
    qtbot.waitUntil(lambda: naming.cancelled == 1)
    assert not followed.naming.busy


def test_the_memory_of_a_named_field_is_free_again(naming, found, qtbot):
    viewer = ViewerModel()
    field = found.field.thinned(0.9)
    for layer in field_layers(field):
        viewer.add_layer(layer)
    followed = viewer_session(viewer)
    contents = contents_of_derived(gdls.segment(field, device="cpu"), silent)
    followed.session.finish_run(field, gdls.Recipe(), contents.result)
    qtbot.waitUntil(lambda: not (followed.naming.busy or followed.busy), timeout=10_000)
    assert followed.session.chosen.shown.minerals is not None
    reference = weakref.ref(field)
    del field, contents, layer
    viewer.layers.clear()
    viewer.add_layer(Image(np.zeros((2, 2))))  # napari remembers the last active layer until there is another
    gc.collect()
    assert reference() is None
