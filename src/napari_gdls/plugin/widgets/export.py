"""A button that writes all that is known of the shown result: the files that the command line writes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from napari.utils.notifications import show_info
from qtpy.QtCore import Slot
from qtpy.QtWidgets import QFileDialog, QMenu, QMessageBox, QPushButton, QWidget

from napari_gdls.errors import OutputError
from napari_gdls.plugin.failures import show_failure
from napari_gdls.plugin.openings import opening_of
from napari_gdls.plugin.task import Task
from napari_gdls.plugin.widgets.rows import row_of
from napari_gdls.plugin.widgets.watching import watch
from napari_gdls.segmentation import (
    NamingChoices,
    require_field_fits,
    require_writable_files,
    result_files,
    write_results,
)
from napari_gdls.segmentation.output_formats import FORMATS, format_of

if TYPE_CHECKING:
    from napari_gdls.plugin.field_state import FieldState
    from napari_gdls.plugin.session import Session
    from napari_gdls.progress import Progress

_FILTERS = {f"{row.title} (*{row.endings[0]})": row.endings[0] for row in FORMATS.values() if row.holds_labels}
"""What the dialog offers, and the ending of each."""


class ExportButton(QWidget):
    """Writes the shown result of the chosen field, as it is seen.

    Parameters
    ----------
    session : Session
    parent : QWidget, optional
    """

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._task: Task | None = None
        self.button = QPushButton("Export…", self)
        self.button.setToolTip(
            "Writes the labels (OME-TIFF with the pixel size, PNG, OME-Zarr or GeoJSON), tables of segments, phases "
            "and minerals (CSV), the phase map, the probability of every pixel's phase, a picture with legend and "
            "scale bar, the recipe with all corrections, and a script that makes all of it again."
        )
        self.also_button = QPushButton("Also", self)
        self.also_button.setToolTip("Formats of other programs that Export writes besides.")
        self.also_menu = QMenu(self.also_button)
        for name, row in FORMATS.items():
            action = self.also_menu.addAction(row.title[0].upper() + row.title[1:])
            action.setCheckable(True)
            action.setData(name)
        self.also_button.setMenu(self.also_menu)
        layout = row_of(self.button, self.also_button)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setStretch(0, 1)
        self.setLayout(layout)
        self.button.clicked.connect(self._on_export)
        for signal in (session.chosen_changed, session.shown_changed):
            watch(self, signal, self._show)
        self._show()

    @property
    def busy(self) -> bool:
        """Whether files are being written."""
        return self._task is not None

    def _show(self, _: object = None) -> None:
        state = self._session.chosen
        self.button.setEnabled(state is not None and state.shown is not None and not self.busy)

    @Slot()
    def _on_export(self) -> None:
        state = self._session.chosen
        if state is None:
            return
        suggested = f"{state.field.name or 'field'}.ome.tif"
        path, chosen = QFileDialog.getSaveFileName(self, "Export the result", suggested, ";;".join(_FILTERS))
        if path:
            self.export(path if format_of(path) else path + _FILTERS.get(chosen, ""))

    @property
    def also(self) -> list[str]:
        """Names of the formats that are ticked, to be written besides."""
        return [action.data() for action in self.also_menu.actions() if action.isChecked()]

    def export(self, path: str | Path) -> None:
        """Write the labels under this name, and all else beside it; files that are there are asked about."""
        state = self._session.chosen
        shown = None if state is None else state.shown
        if state is None or shown is None:
            return
        result = shown.segmentation
        try:
            files = result_files(
                path,
                result.recipe,
                confidence=result.confidence is not None,
                constraints=bool(result.constraints),
                minerals=bool(result.names),
                also=self.also,
            )
            require_field_fits(files, state.field)
            require_writable_files(files, overwrite=True)
        except OutputError as error:
            show_failure(error)
            return
        # The dialog has asked about a file of the name that was given.
        there = [file.name for what, file in files.items() if file.exists() and (what != "labels" or file.is_dir())]
        if there and not self._may_replace(there):
            return
        opening = opening_of(state.field)
        naming = NamingChoices(library=state.naming.library or None, beam_energy=_given_energy(state))

        def written(report: Progress) -> None:
            report("files", 0.0)
            write_results(result, files, overwrite=True, opening=opening, naming=naming)

        task = Task(written)
        said = f"Written: {files['labels'].name} and {len(files) - 1} files beside it."
        task.succeeded.connect(lambda _: self._on_end(said))
        task.failed.connect(self._on_failure)
        self._task = task
        self._show()
        task.start()

    def _may_replace(self, names: list[str]) -> bool:
        box = QMessageBox.question(self, "Export", f"Replace files that are there?\n{', '.join(names)}")
        return bool(box == QMessageBox.StandardButton.Yes)

    def _on_end(self, text: str) -> None:
        self._task = None
        self._show()
        show_info(text)

    @Slot(object)
    def _on_failure(self, error: Exception) -> None:
        self._task = None
        self._show()
        show_failure(error)


def _given_energy(state: FieldState) -> float | None:
    """Energy of the beam in keV, where the user has said it and the field does not."""
    return state.naming.beam_energy if state.field.beam_energy is None else None
