"""A MinDIF export in the viewer: BSE image and phases with the names and colours of the export."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from napari.utils.notifications import notification_manager
from qtpy.QtCore import Qt, QTimer
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QDialogButtonBox

from napari_gdls.io import MindifField, MindifPhase, write_mindif
from napari_gdls.plugin.layers.exported_phases import exported_phase_layers
from napari_gdls.plugin.readers import NOTHING, get_reader
from napari_gdls.plugin.widgets.opening_choices import OpeningChoices

TABLE = (MindifPhase(0, "[Unclassified]", "#000000"), MindifPhase(700_000, "Quartz", "#828282"))


def field(name: str) -> MindifField:
    phases = np.zeros((8, 9), np.int32)
    phases[2:5, 3:7] = 700_000
    phases[6, 6] = 3  # not in the table
    mask = np.ones((8, 9), bool)
    mask[2, 3] = False
    bse = np.random.default_rng(0).integers(0, 65_536, (8, 9)).astype(np.uint16)
    return MindifField(name, bse, phases, mask, 2.5, (0.0, 0.0), TABLE)


@pytest.fixture
def export(tmp_path: Path) -> Path:
    write_mindif(tmp_path / "export", [field("A1"), field("A2")])
    return tmp_path / "export"


def test_names_colours_and_places(viewer) -> None:
    one = field("A1")
    bse, phases = exported_phase_layers(one)
    viewer.add_layer(bse)
    viewer.add_layer(phases)
    np.testing.assert_array_equal(bse.data, one.bse)
    np.testing.assert_array_equal(phases.data, np.where(one.mask, one.phases, 0))
    np.testing.assert_allclose(phases.scale, 2.5)
    np.testing.assert_allclose(phases.get_color(700_000)[:3], 0x82 / 255, atol=1e-6)
    np.testing.assert_allclose(phases.get_color(3)[:3], 1.0)
    assert phases.features.to_dict("list") == {
        "index": [0, 3, 700_000],
        "name": ["[Unclassified]", "phase 3", "Quartz"],
        "colour": ["#000000", "#ffffff", "#828282"],
        "area [px]": [60, 1, 11],
    }
    status = phases.get_status((2.5 * 3, 2.5 * 4), world=True)
    assert "Quartz" in str(status["value"])


def test_the_folder_of_a_field_opens_by_itself(viewer, export: Path) -> None:
    notification_manager.records.clear()
    layers = viewer.open(export / "fields" / "A2", plugin="napari-gdls")
    assert [layer.name for layer in layers] == ["A2: BSE", "A2: phases"]
    assert ["no spectra" in record.message for record in notification_manager.records] == [True]


def test_a_field_of_several_is_chosen(viewer, qtbot, export: Path) -> None:
    notification_manager.records.clear()
    answers: list[object] = []
    QTimer.singleShot(0, lambda: answers.append(get_reader(str(export))(str(export))))
    qtbot.waitUntil(lambda: bool(answers), timeout=10_000)
    assert answers == [NOTHING]

    def visible() -> list[OpeningChoices]:
        return [w for w in QApplication.topLevelWidgets() if isinstance(w, OpeningChoices) and w.isVisible()]

    qtbot.waitUntil(lambda: bool(visible()), timeout=20_000)
    (dialog,) = visible()
    assert not dialog.image_box.isVisible()
    assert not dialog.energy_box.isVisible()
    dialog.maps.selectRow(1)
    QTest.mouseClick(dialog.buttons.button(QDialogButtonBox.StandardButton.Ok), Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: len(viewer.layers) == 2, timeout=20_000)
    assert [layer.name for layer in viewer.layers] == ["A2: BSE", "A2: phases"]
    said = [record.message for record in notification_manager.records]
    assert any("no spectra" in message for message in said)
    assert not [record for record in notification_manager.records if record.severity == "error"]
    notification_manager.records.clear()
