"""Buttons that save all that is known of a field, and open it again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari.utils.notifications import show_error, show_info
from qtpy.QtCore import Slot
from qtpy.QtWidgets import QFileDialog, QHBoxLayout, QPushButton, QWidget

from napari_gdls.io.store import STORE_ENDINGS
from napari_gdls.plugin.docks import PLUGIN
from napari_gdls.plugin.failures import show_failure
from napari_gdls.plugin.session import Session
from napari_gdls.plugin.task import Task
from napari_gdls.plugin.widgets.watching import watch

if TYPE_CHECKING:
    import napari

    from napari_gdls.progress import Progress

_ENDING = ".gdls.zarr.zip"
_FILTER = f"Fields with their sessions (*{_ENDING})"


class SessionFiles(QWidget):
    """Saves the chosen field with all that is known of it, and opens such files.

    Parameters
    ----------
    viewer : napari.Viewer
        That opened files go to.
    session : Session
    parent : QWidget, optional
    """

    def __init__(self, viewer: napari.Viewer, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._session = session
        self._task: Task | None = None
        self.save_button = QPushButton("Save session…", self)
        self.save_button.setToolTip(
            "Write the field, its segments, phases and names, and all that you did by hand to one file "
            f"(*{_ENDING}).\nDrag it into the window another day, and go on where you stopped."
        )
        self.open_button = QPushButton("Open session…", self)
        self.open_button.setToolTip("Open a field that was saved with its session.")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.open_button)
        layout.addWidget(self.save_button)
        self.save_button.clicked.connect(self._on_save)
        self.open_button.clicked.connect(self._on_open)
        for signal in (session.chosen_changed, session.shown_changed):
            watch(self, signal, self._show)
        self._show()

    @property
    def saving(self) -> bool:
        """Whether a session is being written."""
        return self._task is not None

    def save(self, path: str, *, overwrite: bool = False) -> None:
        """Write the chosen field with all that is known of it; problems are shown.

        Parameters
        ----------
        path : str
            Another ending than that of a store is completed.
        overwrite : bool
            Whether an existing file may be replaced.
        """
        from napari_gdls.plugin.saved_session import save_session, session_of

        state = self._session.chosen
        saved = None if state is None else session_of(state)
        if saved is None:
            show_error("There is nothing to save yet: open a field, and press Segment.")
            return
        if not path.endswith((*STORE_ENDINGS, ".zarr", ".zarr.zip")):
            path, overwrite = path + _ENDING, False

        def write(progress: Progress) -> str:
            save_session(path, saved, overwrite=overwrite)
            return path

        self._task = Task(write)
        self._task.succeeded.connect(self._on_saved)
        self._task.failed.connect(self._on_failure)
        self._show()
        self._task.start()

    def open(self, path: str) -> None:
        """Open a field, with its session where the file has one."""
        self._viewer.open(path, plugin=PLUGIN)

    @Slot()
    def _on_save(self) -> None:
        state = self._session.chosen
        suggested = "" if state is None else state.title.replace("/", "-") + _ENDING
        path, _ = QFileDialog.getSaveFileName(self, "Save session", suggested, _FILTER)
        if path:
            self.save(path, overwrite=True)  # the dialog has asked

    @Slot()
    def _on_open(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Open session", "", _FILTER)
        if path:
            self.open(path)

    @Slot(object)
    def _on_saved(self, path: str) -> None:
        self._task = None
        self._show()
        show_info(f"Saved: {path}")

    @Slot(object)
    def _on_failure(self, error: Exception) -> None:
        self._task = None
        self._show()
        show_failure(error)

    def _show(self) -> None:
        state = self._session.chosen
        self.save_button.setEnabled(state is not None and state.shown is not None and not self.saving)
        self.save_button.setText("Saving…" if self.saving else "Save session…")
