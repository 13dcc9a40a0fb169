"""A segmented field in a viewer with the dock of spectra, and the mouse on its map."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from qtpy.QtWidgets import QApplication

from napari_gdls import Recipe
from napari_gdls.plugin.field_state import FieldState
from napari_gdls.plugin.layers.contents import contents_of_run
from napari_gdls.plugin.layers.fields import field_layers
from napari_gdls.plugin.layers.segments import segmentation_layers
from napari_gdls.plugin.viewers import viewer_session
from napari_gdls.plugin.widgets.spectrum.dock import SpectrumWidget
from napari_gdls.progress import silent

sys.path.insert(0, str(Path(__file__).parents[2]))
from mouse_on_map import MouseOnMap


class Bench:
    """A viewer with a segmented field, and what a hand does there.

    Parameters
    ----------
    viewer : napari.Viewer
    qtbot
    """

    def __init__(self, viewer, qtbot) -> None:
        self.viewer, self.qtbot = viewer, qtbot
        self.followed = viewer_session(viewer)
        self.session = self.followed.session
        self.dock: SpectrumWidget | None = None

    def add(self, field, contents=None) -> FieldState:
        """Open a field, and show what a run on it has found."""
        for layer in field_layers(field):
            self.viewer.add_layer(layer)
        state = self.session.state_of(field)
        self.session.choose(field)
        if contents is not None:
            for layer in segmentation_layers(contents.result.segmentation):
                self.viewer.add_layer(layer)
            self.session.finish_run(field, Recipe(), contents.result)
        return state

    def open(self) -> SpectrumWidget:
        """Open the dock."""
        self.dock = SpectrumWidget(self.viewer)
        self.frame = self.viewer.window.add_dock_widget(self.dock, area="bottom", name="spectra")
        self.settle()
        return self.dock

    def close(self) -> None:
        """Close the dock, as its x does."""
        self.viewer.window.remove_dock_widget(self.frame)
        self.dock = None
        QApplication.processEvents()

    def settle(self) -> None:
        """Wait until all that is under way is shown."""
        QApplication.processEvents()
        if self.dock is not None:
            self.qtbot.waitUntil(lambda: not self.dock.busy, timeout=20_000)
            QApplication.processEvents()

    def click(self, row, column, **options) -> None:
        """Click on a pixel of the segments, or of the field where there are none."""
        mouse = MouseOnMap(self.viewer)
        layer = self.followed.keys.tools.segments_layer() or self.viewer.layers[0]
        self.viewer.layers.selection.active = layer
        mouse.click(layer, row, column, **options)
        self.settle()


@pytest.fixture
def bench(viewer, qtbot) -> Bench:
    """A bench without a field."""
    return Bench(viewer, qtbot)


@pytest.fixture(scope="session")
def sparse_contents(sparse_field):
    """What a run on the sparse field finds."""
    return contents_of_run(sparse_field, Recipe(), silent)


@pytest.fixture(scope="session")
def dense_contents(dense_field):
    """What a run on the dense field finds."""
    return contents_of_run(dense_field, Recipe(), silent)
