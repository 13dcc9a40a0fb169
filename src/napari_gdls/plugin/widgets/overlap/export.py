"""Step 5 of the dock: files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import Slot
from qtpy.QtWidgets import QCheckBox, QFileDialog, QPushButton, QVBoxLayout, QWidget

from napari_gdls.plugin.widgets.overlap.panel import StepPanel
from napari_gdls.plugin.widgets.watching import watch

if TYPE_CHECKING:
    from napari_gdls.plugin.overlap_viewers import ViewerOverlap

_WRITTEN = (
    "Masks and abundances (OME-TIFF), pure spectra (.msa), shares, ties and traces (CSV), a picture, and the recipe."
)


class ExportPanel(StepPanel):
    """Writes all that is known of the separated phases to a folder.

    Parameters
    ----------
    overlap : ViewerOverlap
    parent : QWidget
    """

    def __init__(self, overlap: ViewerOverlap, parent: QWidget) -> None:
        super().__init__(overlap, parent)
        session = self._session
        self.overwrite = QCheckBox("replace files of an earlier export", self)
        self.export_button = QPushButton("Export to a folder…", self)
        layout = QVBoxLayout(self)
        for widget in (self.message, self.overwrite, self.export_button):
            layout.addWidget(widget)
        layout.addStretch(1)
        self.export_button.clicked.connect(self._on_export)
        for signal in (session.fields.chosen_changed, session.separation_changed):
            watch(self, signal, self._show)
        overlap.work.running_changed.connect(self._show)
        self._show()

    @Slot()
    def _show(self, _: object = None) -> None:
        state = self._session.chosen
        there = state is not None and state.separation is not None
        self.export_button.setEnabled(there and not self._overlap.work.running)
        self.message.setText(_WRITTEN if there else "No pure spectra yet: separate the phases (step 3).")

    @Slot()
    def _on_export(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "Folder for the separated phases")
        if folder:
            self.export(folder)

    def export(self, folder: str | Path) -> None:
        """Write everything to a folder."""
        if self._session.chosen is not None:
            self._overlap.work.write(self._session.chosen, folder, overwrite=self.overwrite.isChecked())
