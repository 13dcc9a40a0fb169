"""All that is known of a field is saved with it, and the next day is exactly this one."""

from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel

import napari_gdls as gdls
from napari_gdls.errors import FieldReadError, OutputError
from napari_gdls.io import read_field, read_results
from napari_gdls.plugin.edit_history import Naming
from napari_gdls.plugin.field_state import Pinned, Result
from napari_gdls.plugin.layers.contents import LayerContents, contents_of_derived
from napari_gdls.plugin.layers.fields import field_layers
from napari_gdls.plugin.layers.metadata import layer_field, layer_role
from napari_gdls.plugin.layers.placing import place_layers
from napari_gdls.plugin.saved_session import save_session, session_of, stored_session
from napari_gdls.plugin.session import Session
from napari_gdls.plugin.viewers import viewer_session
from napari_gdls.progress import silent
from napari_gdls.recipe import Assign, Join, MergePhases, Paint
from napari_gdls.segmentation import place_of_phase, read_segmentation, write_segmentation


@pytest.fixture
def worked_on(contents_to_name: LayerContents):
    """A session in which much was done to one field, without a window."""
    found = contents_to_name.result.segmentation
    session = Session()
    session.set_fields([(found.field, "zoned")])
    state = session.chosen
    assert session.finish_run(found.field, gdls.Recipe(), contents_to_name.result)
    inside = [place_of_phase(found, phase) for phase in range(found.n_phases)]
    some = [tuple(place) for place in found.field.locations[:5].tolist()]
    session.do(state, Assign(tuple(some), inside[1]))
    session.do(state, Paint((some[0],)), Naming(*inside[2], "rim"))
    session.do(state, Join((inside[0], inside[1])))
    session.undo(state)
    named = gdls.correct(found, state.history.corrections)
    session.show(state, Result(named, named.phase_colours, None))
    session.hide_phases(state, {1})
    session.pin(state, [Pinned("rim", np.arange(512.0), 3, (0.25, 0.5, 1.0))])
    state.colours[inside[0]] = (1.0, 0.0, 0.5)
    session.ask_names(state, library="granite")
    session.set_recipe(state.recipe.replace(smallest=2))
    return session, state


def reopened(path):
    field = read_field(path)
    return stored_session(path, read_results(path), field)


def test_the_next_day_is_exactly_this_one(worked_on, tmp_path):
    _, state = worked_on
    path = tmp_path / "day.gdls.zarr.zip"
    save_session(path, session_of(state))
    saved = reopened(path)
    assert saved.history == state.history
    assert saved.history.can_redo
    for name in ("recipe", "recipes", "asked", "tau_z", "naming", "colours", "calibration"):
        assert getattr(saved, name) == getattr(state, name), name
    for one, other in ((saved.shown, state.shown.segmentation), (saved.run, state.run)):
        assert one.labels.tobytes() == other.labels.tobytes()
        assert one.measurement_labels.tobytes() == other.measurement_labels.tobytes()
        assert one.confidence.tobytes() == other.confidence.tobytes()
        assert one.names == other.names
        assert one.recipe == other.recipe
        np.testing.assert_array_equal(one.phase_colours, other.phase_colours)
        np.testing.assert_array_equal(one.modal.percent, other.modal.percent)
        assert [each.difference for each in one.merges] == [each.difference for each in other.merges]
    np.testing.assert_array_equal(saved.hidden, state.hidden_measurements)
    (pinned,) = saved.pinned
    np.testing.assert_array_equal(pinned.counts, np.arange(512.0))
    assert (pinned.title, pinned.n_spectra, pinned.colour) == ("rim", 3, (0.25, 0.5, 1.0))
    # It can be corrected and coarsened on as if it had just been made.
    edits = (*state.history.corrections, Join(tuple(state.history.states[-1][-1].places)))
    again = gdls.correct(saved.run.coarsened(1.5), edits)
    assert again.labels.tobytes() == gdls.correct(state.run.coarsened(1.5), edits).labels.tobytes()


def test_what_is_restored_is_what_was_saved(worked_on, tmp_path):
    _, state = worked_on
    path = tmp_path / "day.gdls.zarr"
    save_session(path, session_of(state))
    saved = reopened(path)
    session = Session()
    session.set_fields([(saved.shown.field, "zoned")])
    wanted = []
    session.wanted_changed.connect(wanted.append)
    contents = contents_of_derived(saved.shown, silent)
    assert session.restore(saved.shown.field, saved, contents.result)
    new = session.chosen
    assert new.hidden_phases == state.hidden_phases == {1}
    assert session.recipe == state.recipe
    # The name by hand had not been shown yet.
    assert wanted == [new]
    session.undo(new)
    session.redo(new)
    session.redo(new)
    assert new.history.edits[-1] == state.history.states[-1][-1]


def test_a_result_of_a_script_is_a_session_too(contents_to_name, tmp_path):
    found = contents_to_name.result.segmentation
    place = place_of_phase(found, 0)
    merge = MergePhases((place_of_phase(found, 1), place_of_phase(found, 2)))
    made = gdls.correct(found.coarsened(0.5), [merge]).renamed(0, "matrix")
    path = tmp_path / "made.gdls.zarr.zip"
    write_segmentation(path, made)
    with pytest.raises(OutputError, match="made"):
        write_segmentation(path, made)
    assert read_segmentation(path).names == made.names
    saved = reopened(path)
    assert saved.history.edits == (merge, Naming(*place, "matrix"))
    assert saved.tau_z == 0.5
    assert not saved.run.recipe.names
    assert saved.run.merged_from is None
    # Phases that were merged in another way than by tau_z stay so, however it is gone on.
    other = found.with_phases_merged([0, 1, 0])
    write_segmentation(path, other, overwrite=True)
    assert reopened(path).run.n_phases == 2


def damage(parts, how):
    """Make something impossible of the parts of a store."""
    (result,) = [each for each in parts["objects"] if each["class"] == "Segmentation" and each["fields"]["names"]][:1]
    fields = result["fields"]
    if how == "labels":
        fields["labels"] = fields["labels"].astype(np.int64)
    elif how == "segments":
        fields["measurement_labels"] = fields["measurement_labels"] + 1000
    elif how == "phases":
        fields["phases"] = fields["phases"] - 1
    elif how == "shape":
        fields["embedding"] = fields["embedding"][1:]
    elif how == "nan":
        fields["confidence"] = np.full_like(fields["confidence"], np.nan)
    elif how == "class":
        result["class"] = "Field"
    elif how == "missing":
        del fields["graph"]
    elif how == "object":
        fields["graph"] = {"object": 10_000}
    elif how == "kind":
        fields["graph"] = fields["tree"]
    elif how == "recipe":
        fields["recipe"] = {"recipe": "{}"}
    elif how == "version":
        parts["version"] = 2
    elif how == "history":
        parts["values"]["history"]["mapping"]["position"] = 99
    elif how == "edit":
        parts["values"]["history"]["mapping"]["edits"] = ('{"kind": "shake"}',) * 4
    elif how == "hidden":
        parts["values"]["hidden"] = np.ones(3, dtype=bool)
    elif how == "colours":
        parts["values"]["colours"] = ((0, 0, 1.0, 2.0, 0.0),)
    elif how == "pinned":
        parts["values"]["pinned"][0]["mapping"]["counts"] = np.zeros(3)
    elif how == "naming":
        parts["values"]["naming"]["mapping"]["library"] = 3
    else:
        parts["values"]["tau_z"] = -1.0


LIES = (
    *("labels", "segments", "phases", "shape", "nan", "class", "missing", "object", "kind", "recipe", "version"),
    *("history", "edit", "hidden", "colours", "pinned", "naming", "tau_z"),
)


@pytest.mark.parametrize("how", LIES)
def test_files_that_lie_are_refused_in_one_way(worked_on, tmp_path, monkeypatch, how):
    from napari_gdls.segmentation import stored_segmentations

    _, state = worked_on
    original = stored_segmentations.to_parts

    def lying(values):
        parts = original(values)
        damage(parts, how)
        return parts

    monkeypatch.setattr(stored_segmentations, "to_parts", lying)
    path = tmp_path / "lie.gdls.zarr.zip"
    # The corrected result is the one with names: give it some.
    named = session_of(state)
    named = type(named)(**{**vars(named), "shown": named.shown.renamed(0, "matrix")})
    if how == "version":
        monkeypatch.setattr(stored_segmentations, "PARTS_VERSION", 2)
        save_session(path, named)
        monkeypatch.setattr(stored_segmentations, "PARTS_VERSION", 1)
    else:
        save_session(path, named)
    assert read_field(path).name == "zoned"  # the field itself is whole
    with pytest.raises(FieldReadError, match="lie"):
        reopened(path)


@pytest.mark.usefixtures("display", "qapp")
def test_a_session_is_opened_by_drag_and_gone_on_with(
    worked_on, contents_to_name, naming, tmp_path, qtbot, monkeypatch
):
    _, before = worked_on
    path = str(tmp_path / "day.gdls.zarr.zip")
    save_session(path, session_of(before))
    from napari_gdls.plugin.readers import read

    viewer = ViewerModel()
    followed = viewer_session(viewer)
    for data in read(path):
        viewer.add_layer(type_of(data))
    state = followed.session.chosen

    def settled():
        qtbot.waitUntil(lambda: not (followed.naming.busy or followed.busy), timeout=20_000)

    qtbot.waitUntil(lambda: any(layer_role(layer) == "phases" for layer in viewer.layers))
    settled()
    segments = [layer for layer in viewer.layers if layer_role(layer) == "segments"]
    assert len(segments) == 1
    assert layer_field(segments[0]) is state.field
    assert state.history == before.history
    expected = gdls.correct(state.run, state.history.corrections)
    np.testing.assert_array_equal(segments[0].data, expected.labels)
    assert "rim" in [name.name for name in state.shown.segmentation.names]
    followed.session.undo(state)
    settled()
    followed.session.undo(state)
    settled()
    np.testing.assert_array_equal(segments[0].data, state.run.labels)
    followed.session.redo(state)
    settled()
    followed.session.merge_phases(state, {0, 1})
    settled()
    assert state.shown.segmentation.recipe.corrections == state.history.corrections
    assert state.shown.segmentation.n_phases < state.run.n_phases
    place_layers(viewer, contents_of_derived(state.shown.segmentation, silent))  # takes over, and makes no others
    assert [layer for layer in viewer.layers if layer_role(layer) == "segments"] == segments


def type_of(data):
    from napari.layers import Layer

    return Layer.create(*data)


def test_a_session_that_is_not_there_is_none(zoned_field, tmp_path):
    path = tmp_path / "field.gdls.zarr"
    gdls.io.write_field(path, zoned_field)
    assert reopened(path) is None
    with pytest.raises(FieldReadError, match="without a whole segmentation"):
        read_segmentation(path)
    assert session_of(Session().chosen or _unopened(zoned_field)) is None


def _unopened(field):
    session = Session()
    session.set_fields([(field, "zoned")])
    assert field_layers(field)
    return session.chosen
