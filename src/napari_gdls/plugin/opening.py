"""Opening files beside the window: it stays usable while a file is read, and is asked what the file leaves open."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import napari
from qtpy.QtCore import QCoreApplication, QThread
from qtpy.QtWidgets import QApplication, QDialog, QFileDialog

from napari_gdls.errors import ReadChoiceError
from napari_gdls.io.contracts import FileChoices
from napari_gdls.io.registry import file_choices
from napari_gdls.plugin.beside import run_beside
from napari_gdls.plugin.failures import show_failure
from napari_gdls.plugin.file_layers import layers_in
from napari_gdls.plugin.widgets.opening_choices import OFFERED, OpeningChoices

if TYPE_CHECKING:
    from napari.layers import Layer

    from napari_gdls.progress import Progress

MakeLayers = Callable[..., "Sequence[Layer]"]
"""Reads a file and makes its layers; takes what was chosen as arguments of `napari_gdls.read_field`."""


def viewer_at_work() -> napari.Viewer | None:
    """The viewer that is being used with mouse and keys; None in scripts, which wait for what they open.

    Whoever drags a file into a window is served by its event loop; a script that opens one runs before or between.
    """
    application = QCoreApplication.instance()
    if application is None or QThread.currentThread() is not application.thread():
        return None
    return napari.current_viewer() if QThread.currentThread().loopLevel() > 0 else None


def open_beside(viewer: napari.Viewer, name: str, make: MakeLayers, path: Path | None = None) -> None:
    """Read beside the window, then add the layers; a problem is shown as one message.

    Parameters
    ----------
    viewer : napari.Viewer
    name : str
        What is opened, for the bar in the activity dock.
    make : callable
    path : Path, optional
        The file, if what it leaves open can be chosen.
    """
    _Opening(viewer, name, make, path).read({})


def open_with_choices(viewer: napari.Viewer) -> None:
    """Ask for a file, and for its map, BSE image and energy axis whether or not it says them itself."""
    file, _ = QFileDialog.getOpenFileName(None, "Open a field, and choose what in it")
    if file:
        path = Path(file)
        _Opening(viewer, path.name, lambda **options: layers_in(path, **options), path).ask(
            "Choose what of this file is to be opened."
        )


class _Opening:
    """One file on its way into a viewer."""

    def __init__(self, viewer: napari.Viewer, name: str, make: MakeLayers, path: Path | None) -> None:
        self._viewer = viewer
        self._name = name
        self._make = make
        self._path = path

    def read(self, options: dict[str, Any]) -> None:
        """Read with what was chosen; asks where another choice could do better."""
        self._read(options, self._on_refusal)

    def _read(self, options: dict[str, Any], failed: Callable[[Exception], None]) -> None:
        def layers(report: Progress) -> Sequence[Layer]:
            report("reading", 0.0)
            return self._make(**options)

        run_beside(self._name, layers, self._add, failed)

    def ask(self, reason: str, refused: ReadChoiceError | None = None) -> None:
        """Look what can be chosen, and ask; where there is nothing, show what was `refused`, if anything was."""
        path = self._path
        assert path is not None  # whoever asks has a file

        def choices(report: Progress) -> FileChoices:
            report("reading", 0.0)
            return file_choices(path)

        run_beside(self._name, choices, lambda found: self._choose(reason, found, refused))

    def _add(self, layers: Sequence[Layer]) -> None:
        for layer in layers:
            self._viewer.add_layer(layer)

    def _choose(self, reason: str, found: FileChoices, refused: ReadChoiceError | None) -> None:
        path = self._path
        assert path is not None
        if not found.maps:  # a format that leaves no choice; to ask again would never end
            if refused is None:
                self._read({}, show_failure)
            else:
                show_failure(refused)
            return
        dialog = OpeningChoices(path, reason, found, QApplication.activeWindow())
        dialog.finished.connect(lambda result: self._on_dialog(dialog, result))
        dialog.open()

    def _on_dialog(self, dialog: OpeningChoices, result: int) -> None:
        if result == QDialog.DialogCode.Accepted:
            self.read(dialog.options)
        dialog.deleteLater()

    def _on_refusal(self, error: Exception) -> None:
        if isinstance(error, ReadChoiceError) and error.option in OFFERED and self._path is not None:
            self.ask(error.reason, error)
        else:
            show_failure(error)
