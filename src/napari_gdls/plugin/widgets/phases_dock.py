"""The dock of phases and segments: what they are, and what of them is seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QSplitter, QTabWidget, QVBoxLayout, QWidget

from napari_gdls.plugin.docks import open_dock
from napari_gdls.plugin.viewers import viewer_session
from napari_gdls.plugin.widgets.phase_details import PhaseDetails
from napari_gdls.plugin.widgets.phases import PhasePanel
from napari_gdls.plugin.widgets.scrolling import VerticalScrollArea
from napari_gdls.plugin.widgets.segment_list import SegmentList
from napari_gdls.plugin.widgets.spectrum.dock import SpectrumWidget

if TYPE_CHECKING:
    import napari


class PhasesWidget(QWidget):
    """Dock widget with the lists of phases and of segments, and what the selected phase is.

    Parameters
    ----------
    napari_viewer : napari.Viewer
        Given by napari.

    Attributes
    ----------
    session : Session
    """

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        super().__init__()
        self._viewer = napari_viewer
        self.session = viewer_session(napari_viewer).session
        self.panel = PhasePanel(self.session, self)
        self.details = PhaseDetails(self.session, self)
        self.segments = SegmentList(self.session, self)
        phases = QSplitter(Qt.Orientation.Vertical, self)
        phases.addWidget(VerticalScrollArea(self.panel, self))
        phases.addWidget(VerticalScrollArea(self.details, self))
        self.tabs = QTabWidget(self)
        self.tabs.addTab(phases, "Phases")
        self.tabs.addTab(self.segments, "Segments")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.tabs)
        self.panel.spectra_wanted.connect(self._on_spectra)

    def _on_spectra(self, first: int, second: int) -> None:
        spectrum = open_dock(self._viewer, "spectrum")
        assert isinstance(spectrum, SpectrumWidget)
        spectrum.overlay((first, second))
