"""The dock of element maps: layers whose values are net counts, ratios and percents, with everything by the mouse."""

from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from napari_gdls import EnergyAxis, Field, Recipe
from napari_gdls.materials.formula import composition_of
from napari_gdls.mineralogy import element_counts
from napari_gdls.plugin.layers.contents import contents_of_run
from napari_gdls.plugin.layers.fields import field_layers
from napari_gdls.plugin.layers.metadata import METADATA_KEY
from napari_gdls.plugin.layers.placing import place_layers
from napari_gdls.plugin.widgets.element_maps import ElementMapsWidget
from napari_gdls.progress import silent
from napari_gdls.spectra import simulate_spectra

AXIS = EnergyAxis(0.0, 20.0, 600)
HEIGHT, WIDTH, STEP = 12, 24, 2
TITANIUM = slice(0, WIDTH // 2)


def ilmenite_beside_pyrite(*, beam_energy: float | None = 15.0) -> Field:
    """Ilmenite on the left, pyrite on the right, measured every 2 px; some pixels are no specimen."""
    rows, columns = np.meshgrid(range(0, HEIGHT, STEP), range(0, WIDTH, STEP), indexing="ij")
    places = np.stack([rows.ravel(), columns.ravel()], axis=1)
    both = simulate_spectra(
        [composition_of("FeTiO3"), composition_of("FeS2")], beam_energy=15.0, energy=AXIS, counts=2000.0
    )
    spectra = np.random.default_rng(0).poisson(both[(places[:, 1] >= WIDTH // 2).astype(int)])
    valid = np.ones((HEIGHT, WIDTH), dtype=bool)
    valid[-1, -1] = False
    bse = np.tile(np.arange(WIDTH, dtype=np.uint8) * 5, (HEIGHT, 1))
    return Field(
        bse, spectra.astype(np.uint16), places, AXIS, beam_energy=beam_energy, valid=valid, pixel_size=2.0, name="ore"
    )


@pytest.fixture
def dock(viewer, qtbot):
    def opened(field=None):
        for layer in [] if field is None else field_layers(field):
            viewer.add_layer(layer)
        widget = ElementMapsWidget(viewer)
        viewer.window.add_dock_widget(widget, area="right", name="Element maps")
        return widget

    return opened


def make(widget, qtbot):
    QTest.mouseClick(widget.button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not widget.busy, timeout=60_000)


def type_elements(widget, text):
    widget.elements.text.clear()
    QTest.keyClicks(widget.elements.text, text)
    QTest.keyClick(widget.elements.text, Qt.Key.Key_Return)


def test_net_counts_of_typed_elements_are_layers_between_bse_and_dots(viewer, dock, qtbot):
    field = ilmenite_beside_pyrite()
    widget = dock(field)
    type_elements(widget, "Ti S")
    make(widget, qtbot)
    names = [layer.name for layer in viewer.layers]
    assert names == ["ore: BSE", "ore: S net counts", "ore: Ti net counts", "ore: measurements"]
    layer = viewer.layers["ore: Ti net counts"]
    assert layer.metadata[METADATA_KEY]["unit"] == "counts"
    assert layer.scale.tolist() == [2.0, 2.0]
    found = element_counts(field, ["Ti", "S"])
    rows, columns = field.locations.T
    assert np.asarray(layer.data)[rows, columns] == pytest.approx(found.counts[:, 0], abs=1.0)
    assert np.isnan(layer.data[-1, -1])
    assert np.isfinite(layer.data[1, 1])
    assert layer.contrast_limits[0] == 0
    assert layer.visible
    assert not viewer.layers["ore: S net counts"].visible
    assert "2 maps: Ti net counts, S net counts" in widget.message.text()
    kept = viewer.layers["ore: Ti net counts"]
    make(widget, qtbot)
    assert viewer.layers["ore: Ti net counts"] is kept
    assert len(viewer.layers) == 4


def test_ratios_windows_and_dots(viewer, dock, qtbot):
    widget = dock(ilmenite_beside_pyrite())
    QTest.keyClicks(widget.expression, "Ti/(Ti+S)")
    make(widget, qtbot)
    ratio = viewer.layers["ore: Ti/(Ti+S)"].data
    assert np.nanmean(ratio[:, TITANIUM]) == pytest.approx(1.0, abs=0.05)
    assert np.nanmean(ratio[:, WIDTH // 2 :]) == pytest.approx(0.0, abs=0.05)
    widget.expression.clear()
    type_elements(widget, "Fe")
    widget.kind.setCurrentIndex(widget.kind.findData("window"))
    widget.fill.setCurrentIndex(widget.fill.findData("dots"))
    make(widget, qtbot)
    window = next(layer for layer in viewer.layers if layer.name.startswith("ore: Fe counts 6."))
    assert np.isfinite(window.data).sum() == HEIGHT * WIDTH // STEP**2
    assert not viewer.layers["ore: Ti/(Ti+S)"].visible


def test_one_picture_of_several_elements_adds_their_colours_above_the_bse_image(viewer, dock, qtbot):
    widget = dock(ilmenite_beside_pyrite())
    type_elements(widget, "Ti S Fe")
    widget.overlay.setChecked(True)
    make(widget, qtbot)
    maps = [viewer.layers[f"ore: {symbol} net counts"] for symbol in ("Ti", "S", "Fe")]
    assert [layer.colormap.name for layer in maps] == ["cyan", "magenta", "yellow"]
    assert [layer.blending for layer in maps] == ["translucent", "additive", "additive"]
    assert all(layer.visible for layer in maps)
    assert "S net counts (magenta)" in widget.message.text()
    assert not viewer.layers["ore: measurements"].visible
    type_elements(widget, "Fe S")
    make(widget, qtbot)
    assert [layer.visible for layer in maps] == [False, True, True]
    assert [layer.colormap.name for layer in maps[1:]] == ["magenta", "cyan"]
    assert [layer.blending for layer in maps[1:]] == ["translucent", "additive"]


def test_an_expression_that_cannot_be_read_says_where_and_is_not_made(viewer, dock):
    widget = dock(ilmenite_beside_pyrite())
    QTest.keyClicks(widget.expression, "Fe/(Fe+")
    assert "is missing" in widget.message.text()
    assert not widget.button.isEnabled()
    QTest.keyClicks(widget.expression, "Ti)")
    assert widget.message.text() == ""
    assert widget.button.isEnabled()


def test_without_a_beam_energy_it_says_where_to_set_it(viewer, dock, qtbot):
    widget = dock(ilmenite_beside_pyrite(beam_energy=None))
    type_elements(widget, "Ti")
    make(widget, qtbot)
    assert "Set it in the dock Segment, under Minerals" in widget.message.text()
    widget.elements.set_elements(())
    QTest.keyClicks(widget.expression, "BSE/counts")
    make(widget, qtbot)
    assert "ore: BSE/counts" in viewer.layers


def test_cancelled_maps_do_not_come_and_a_dock_without_a_field_waits(viewer, dock, qtbot):
    widget = dock()
    assert not widget.button.isEnabled()
    for layer in field_layers(ilmenite_beside_pyrite()):
        viewer.add_layer(layer)
    assert widget.button.isEnabled()
    make(widget, qtbot)
    assert "Name elements" in widget.message.text()
    assert not widget.fill.model().item(1).isEnabled()
    type_elements(widget, "Ti")
    QTest.mouseClick(widget.button, Qt.MouseButton.LeftButton)
    assert not widget.button.isEnabled()
    QTest.mouseClick(widget.cancel_button, Qt.MouseButton.LeftButton)
    assert widget.message.text() == "Cancelled."
    qtbot.wait(200)
    assert len(viewer.layers) == 2


def test_percents_are_those_of_segments_of_the_result_that_is_shown(viewer, dock, qtbot):
    field = ilmenite_beside_pyrite()
    widget = dock(field)
    recipe = Recipe(method="threshold")
    contents = contents_of_run(field, recipe, silent)
    place_layers(viewer, contents)
    widget.session.finish_run(field, recipe, contents.result)
    assert widget.fill.model().item(1).isEnabled()
    type_elements(widget, "Ti")
    widget.kind.setCurrentIndex(widget.kind.findData("segments"))
    make(widget, qtbot)
    layer = viewer.layers["ore: Ti wt% by segment"]
    assert layer.metadata[METADATA_KEY]["unit"] == "wt%"
    assert np.nanmedian(layer.data[:, TITANIUM]) == pytest.approx(31.6, abs=3.0)
    assert np.nanmedian(layer.data[:, WIDTH // 2 :]) == pytest.approx(0.0, abs=0.5)
    assert not viewer.layers["ore: segments"].visible
    QTest.keyClicks(widget.expression, "wt(Fe) + wt(Ti) + wt(O) + wt(S)")
    make(widget, qtbot)
    whole = viewer.layers["ore: wt(Fe) + wt(Ti) + wt(O) + wt(S)"].data
    assert np.nanmedian(whole) == pytest.approx(100, abs=2)
