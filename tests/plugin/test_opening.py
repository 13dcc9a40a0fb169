"""Opening files in a window that is being used: beside it, and with a dialog for what a file leaves open."""

from __future__ import annotations

import numpy as np
import pytest
from napari.utils.notifications import notification_manager
from qtpy.QtCore import Qt, QTimer
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QDialogButtonBox

import napari_gdls as gdls
from napari_gdls.errors import FieldReadError, ReadChoiceError
from napari_gdls.io import file_choices
from napari_gdls.plugin.layers.metadata import layer_field, layer_role
from napari_gdls.plugin.opening import open_with_choices
from napari_gdls.plugin.readers import NOTHING, get_reader
from napari_gdls.plugin.widgets.opening_choices import OpeningChoices

hs_writer = pytest.importorskip("rsciio.hspy")


def write_map(path, *, scale: float = 0.01, units: str = "keV", images=(), maps: int = 1, kind: str = "EDS_SEM"):
    """A HyperSpy file with maps of 6 x 8 px and 200 channels and images."""
    rng = np.random.default_rng(0)
    h5py = pytest.importorskip("h5py")
    counts = rng.poisson(3.0, (6, 8, 200)).astype(np.uint16)
    axes = [
        {"name": "y", "scale": 1.0, "offset": 0.0, "size": 6, "units": "um", "navigate": True},
        {"name": "x", "scale": 1.0, "offset": 0.0, "size": 8, "units": "um", "navigate": True},
        {"name": "Energy", "scale": scale, "offset": 0.0, "size": 200, "units": units, "navigate": False},
    ]
    signals = [(f"map {k}", counts + k, axes, kind) for k in range(maps)]
    signals += [(title, pixels, axes[:2], "") for title, pixels in images]
    for axis in axes:
        axis["_type"] = "UniformDataAxis"
    path.unlink(missing_ok=True)
    for number, (title, data, these, signal_type) in enumerate(signals):
        signal = {
            "data": data,
            "axes": [
                {**axis, "size": data.shape[i], "navigate": i < 2 and data.ndim == 3} for i, axis in enumerate(these)
            ],
            "metadata": {"General": {"title": title}, "Signal": {"signal_type": signal_type}},
            "original_metadata": {},
            "learning_results": {},
            "models": {},
            "package_info": {},
            "tmp_parameters": {},
            "attributes": {"_lazy": False, "ragged": False},
        }
        target = path if number == 0 else path.with_name(f"part{number}.hspy")
        hs_writer.file_writer(str(target), signal)
        if number:
            with h5py.File(target) as part, h5py.File(path, "a") as whole:
                name = next(iter(part["Experiments"]))
                part.copy(f"Experiments/{name}", whole["Experiments"], name=f"{number} {name}")
            target.unlink()
    return path


@pytest.fixture
def errors():
    notification_manager.records.clear()
    yield lambda: [record.message for record in notification_manager.records if record.severity == "error"]
    notification_manager.records.clear()


def open_by_hand(viewer, qtbot, path) -> list:
    """Open a file as a drag into the window does: from its event loop."""
    answers: list = []
    QTimer.singleShot(0, lambda: answers.append(get_reader(str(path))(str(path))))
    qtbot.waitUntil(lambda: bool(answers), timeout=10_000)
    return answers[0]


def dialog_of(qtbot) -> OpeningChoices:
    def visible() -> list[OpeningChoices]:
        return [w for w in QApplication.topLevelWidgets() if isinstance(w, OpeningChoices) and w.isVisible()]

    qtbot.waitUntil(lambda: bool(visible()), timeout=20_000)
    return visible()[0]


def press(dialog: OpeningChoices, button) -> None:
    QTest.mouseClick(dialog.buttons.button(button), Qt.MouseButton.LeftButton)


def field_in(viewer, qtbot) -> gdls.Field:
    qtbot.waitUntil(lambda: any(layer_role(layer) == "bse" for layer in viewer.layers), timeout=20_000)
    return next(field for layer in viewer.layers if (field := layer_field(layer)) is not None)


def test_a_file_opens_beside_the_window(viewer, qtbot, tmp_path, sparse_field, errors):
    path = tmp_path / "pair.gdls.zarr.zip"
    gdls.write_field(path, sparse_field)
    assert open_by_hand(viewer, qtbot, path) == NOTHING
    found = field_in(viewer, qtbot)
    np.testing.assert_array_equal(found.bse, sparse_field.bse)
    assert errors() == []


def test_a_script_waits_for_what_it_opens(viewer, tmp_path, sparse_field):
    path = tmp_path / "pair.gdls.zarr.zip"
    gdls.write_field(path, sparse_field)
    assert [layer_role(layer) for layer in viewer.open(path, plugin="napari-gdls")] == ["bse", "measurements"]


def test_the_counts_stand_in_where_there_is_no_image(viewer, qtbot, tmp_path, errors):
    path = write_map(tmp_path / "map.hspy")
    open_by_hand(viewer, qtbot, path)
    dialog = dialog_of(qtbot)
    assert "does not say which image is the BSE image" in dialog.reason.text()
    assert "bse=" not in dialog.reason.text()
    assert str(tmp_path) not in dialog.reason.text()
    assert not dialog.map_box.isVisible()
    press(dialog, QDialogButtonBox.StandardButton.Ok)
    found = field_in(viewer, qtbot)
    assert found.metadata["bse_image"] == "counts"
    assert errors() == []


def test_cancelling_opens_nothing(viewer, qtbot, tmp_path, errors):
    open_by_hand(viewer, qtbot, write_map(tmp_path / "map.hspy"))
    press(dialog_of(qtbot), QDialogButtonBox.StandardButton.Cancel)
    qtbot.wait(50)
    assert len(viewer.layers) == 0
    assert errors() == []


def test_map_and_image_are_chosen(viewer, qtbot, tmp_path):
    ramp = np.arange(48, dtype=np.uint8).reshape(6, 8)
    other = np.zeros((20, 30), np.uint8)
    path = write_map(
        tmp_path / "two.hspy", maps=2, images=[("Ch 1", other), ("Ch 1", ramp), ("Ch 2", ramp[::-1].copy())]
    )
    choices = file_choices(path)
    titles = [image.title for image in choices.images]
    open_by_hand(viewer, qtbot, path)
    dialog = dialog_of(qtbot)
    assert dialog.map_box.isVisible()
    wanted = next(row for row, each in enumerate(choices.maps) if each.title == "map 1")
    rect = dialog.maps.visualItemRect(dialog.maps.item(wanted, 0))
    QTest.mouseClick(dialog.maps.viewport(), Qt.MouseButton.LeftButton, pos=rect.center())
    for row, image in enumerate(choices.images):  # what lies in another frame cannot be chosen
        assert bool(dialog.images.item(row).flags() & Qt.ItemFlag.ItemIsEnabled) == (image.shape == (6, 8))
    row = titles.index("Ch 2")
    QTest.mouseClick(
        dialog.images.viewport(),
        Qt.MouseButton.LeftButton,
        pos=dialog.images.visualItemRect(dialog.images.item(row)).center(),
    )
    press(dialog, QDialogButtonBox.StandardButton.Ok)
    found = field_in(viewer, qtbot)
    assert found.metadata["dataset"] == "map 1"
    np.testing.assert_array_equal(found.bse, ramp[::-1])


def test_an_impossible_energy_axis_is_given_by_hand(viewer, qtbot, tmp_path):
    path = write_map(tmp_path / "ev.hspy", scale=10.0, units="keV")  # eV called keV
    with pytest.raises(ReadChoiceError) as refused:
        gdls.read_field(path, bse="counts")
    assert refused.value.option == "energy"
    open_by_hand(viewer, qtbot, path)
    dialog = dialog_of(qtbot)
    assert dialog.energy_box.isChecked()
    dialog.energy_box.setChecked(False)
    assert not dialog.buttons.button(QDialogButtonBox.StandardButton.Ok).isEnabled()
    dialog.energy_box.setChecked(True)
    dialog.first_channel.setValue(-50.0)
    dialog.width_of_channel.setValue(10.0)
    assert "-0.05 to 1.94 keV" in dialog.energy_note.text()
    press(dialog, QDialogButtonBox.StandardButton.Ok)
    found = field_in(viewer, qtbot)
    assert (found.energy.offset, found.energy.width, found.energy.size) == (-50.0, 10.0, 200)


def test_gain_and_energy_of_the_beam_are_given_by_hand(viewer, qtbot, tmp_path):
    path = write_map(tmp_path / "ev.hspy", scale=10.0, units="keV")
    open_by_hand(viewer, qtbot, path)
    dialog = dialog_of(qtbot)
    assert not {"gain", "beam_energy"} & dialog.options.keys()  # as in the file, unless given
    dialog.first_channel.setValue(-50.0)
    dialog.width_of_channel.setValue(10.0)
    dialog.gain.setValue(1.0)
    dialog.beam_energy.setValue(12.5)
    press(dialog, QDialogButtonBox.StandardButton.Ok)
    found = field_in(viewer, qtbot)
    assert (found.gain, found.beam_energy) == (1.0, 12.5)


def test_an_image_file_is_chosen(viewer, qtbot, tmp_path):
    from napari_gdls.io import write_image

    image = np.linspace(0, 255, 48).astype(np.uint8).reshape(6, 8)
    write_image(tmp_path / "bse.png", image)
    open_by_hand(viewer, qtbot, write_map(tmp_path / "map.hspy"))
    dialog = dialog_of(qtbot)
    dialog.take_image_file(str(tmp_path / "bse.png"))
    press(dialog, QDialogButtonBox.StandardButton.Ok)
    np.testing.assert_array_equal(field_in(viewer, qtbot).bse, image)


def test_an_empty_file_is_refused_in_our_words(viewer, qtbot, tmp_path, errors):
    path = tmp_path / "empty.bcf"
    path.touch()
    open_by_hand(viewer, qtbot, path)
    qtbot.waitUntil(lambda: bool(errors()), timeout=10_000)
    assert errors()[0].startswith("This file is an empty file. Copy it again from its source.")
    assert errors()[0].endswith("empty.bcf")


def test_what_cannot_be_understood_comes_before_the_path():
    one = FieldReadError("/a/b.bcf", "its axes cannot be understood", where="axis 1")
    assert one.reason_first == "Its axes cannot be understood (axis 1). File: /a/b.bcf"


def test_maps_of_other_signals_are_listed_and_cannot_be_chosen(tmp_path, qtbot, display):
    path = write_map(tmp_path / "eels.hspy", maps=1, kind="EELS")
    choices = file_choices(path)
    assert [each.index for each in choices.maps] == [None]
    assert "EELS" in choices.maps[0].kind


def test_a_sample_opens_from_the_menu_of_a_window_in_use(viewer, qtbot):
    opened: list = []
    QTimer.singleShot(0, lambda: opened.append(viewer.open_sample("napari-gdls", "dacite-fast")))
    qtbot.waitUntil(lambda: bool(opened), timeout=30_000)
    assert [layer_role(layer) for layer in opened[0]] == ["bse", "counts"]


def test_the_image_that_the_file_calls_bse_is_chosen_first(qtbot, display, tmp_path):
    pixels = np.random.default_rng(0).integers(0, 255, (6, 8)).astype(np.uint8)
    path = write_map(tmp_path / "x.hspy", images=[("SE2 left", pixels), ("BSE", pixels // 2)], maps=2)
    dialog = OpeningChoices(path, "", file_choices(path))
    qtbot.addWidget(dialog)
    assert dialog.options["bse"] == 1


def limit_memory(monkeypatch, limit: int) -> list[str]:
    """Let files be read with less memory than is usual; the files that were asked for what they leave open."""
    from napari_gdls.io import limits, registry

    asked: list[str] = []
    choices_of = registry.file_choices

    def counted(path, *args, **kwargs):
        asked.append(path.name)
        return choices_of(path, *args, **kwargs)

    real = limits.checked_memory_limit
    smaller = lambda given: real(limit if given is None else given)  # noqa: E731
    for module in (limits, registry):
        monkeypatch.setattr(module, "checked_memory_limit", smaller)
    monkeypatch.setattr("napari_gdls.plugin.opening.file_choices", counted)
    return asked


@pytest.mark.parametrize("by_choice", [False, True])
def test_what_no_choice_can_mend_is_said_once(viewer, qtbot, tmp_path, dense_field, errors, monkeypatch, by_choice):
    """A store leaves no choice: whoever asks again and again shows nothing for ever."""
    path = tmp_path / "large.gdls.zarr.zip"
    gdls.write_field(path, dense_field)
    asked = limit_memory(monkeypatch, 2_000)
    if by_choice:
        monkeypatch.setattr("napari_gdls.plugin.opening.QFileDialog.getOpenFileName", lambda *a: (str(path), ""))
        open_with_choices(viewer)
    else:
        open_by_hand(viewer, qtbot, path)
    qtbot.waitUntil(lambda: bool(errors()), timeout=20_000)
    qtbot.wait(300)
    assert len(errors()) == 1
    assert "memory" in errors()[0]
    assert len(asked) <= 1
    assert len(viewer.layers) == 0


def test_a_map_beyond_the_memory_limit_is_no_question(viewer, qtbot, tmp_path, errors, monkeypatch):
    """The dialog has no field for the limit, so it would come back at every answer."""
    path = write_map(tmp_path / "map.hspy", images=[("BSE", np.zeros((6, 8), np.uint8))])
    asked = limit_memory(monkeypatch, 4_000)
    open_by_hand(viewer, qtbot, path)
    qtbot.waitUntil(lambda: bool(errors()), timeout=20_000)
    qtbot.wait(300)
    assert len(errors()) == 1
    assert asked == []


def test_a_refusal_of_the_choices_themselves_is_shown(viewer, qtbot, tmp_path, dense_field, errors, monkeypatch):
    path = tmp_path / "field.gdls.zarr.zip"
    gdls.write_field(path, dense_field)

    def refuse(*args, **kwargs):
        raise ReadChoiceError(path, "has no gain", option="gain")

    monkeypatch.setattr("napari_gdls.plugin.opening.file_choices", refuse)
    monkeypatch.setattr("napari_gdls.plugin.opening.layers_in", refuse)
    monkeypatch.setattr("napari_gdls.plugin.readers.layers_in", refuse, raising=False)
    monkeypatch.setattr("napari_gdls.plugin.opening.QFileDialog.getOpenFileName", lambda *a: (str(path), ""))
    open_with_choices(viewer)
    qtbot.waitUntil(lambda: bool(errors()), timeout=20_000)
    qtbot.wait(300)
    assert len(errors()) == 1
    assert "has no gain" in errors()[0]
