"""The list of what a batch is to work on: files, folders and tables, chosen or dropped."""

from __future__ import annotations

from qtpy.QtCore import Qt, Signal, Slot
from qtpy.QtGui import QDragEnterEvent, QDropEvent, QKeySequence, QShortcut
from qtpy.QtWidgets import QFileDialog, QHBoxLayout, QListWidget, QPushButton, QVBoxLayout, QWidget

_HEIGHT = 90
"""Pixels of the list: some four lines; by eye."""


class InputList(QWidget):
    """Paths that a batch is to work on.

    Attributes
    ----------
    changed : Signal()
        There are others.
    """

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAcceptDrops(True)
        self.list = QListWidget(self)
        self.list.setMaximumHeight(_HEIGHT)
        self.list.setSelectionMode(QListWidget.SelectionMode.ExtendedSelection)
        self.list.setToolTip("Files of fields, folders with such, or tables (CSV) of them; drop them here.")
        self.files_button = QPushButton("Files…", self)
        self.folder_button = QPushButton("Folder…", self)
        self.remove_button = QPushButton("Remove", self)
        buttons = QHBoxLayout()
        for button in (self.files_button, self.folder_button, self.remove_button):
            buttons.addWidget(button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.list)
        layout.addLayout(buttons)
        self.files_button.clicked.connect(self._choose_files)
        self.folder_button.clicked.connect(self._choose_folder)
        self.remove_button.clicked.connect(self.remove_selected)
        delete = QShortcut(QKeySequence(Qt.Key.Key_Delete), self.list)
        delete.setContext(Qt.ShortcutContext.WidgetShortcut)
        delete.activated.connect(self.remove_selected)

    def paths(self) -> tuple[str, ...]:
        """What is in the list, in its order."""
        return tuple(self.list.item(row).text() for row in range(self.list.count()))

    def add(self, *paths: str) -> None:
        """Add paths, each once."""
        known = set(self.paths())
        self.list.addItems([path for path in dict.fromkeys(paths) if path not in known])
        self.changed.emit()

    @Slot()
    def remove_selected(self) -> None:
        """Take the selected paths out."""
        for item in self.list.selectedItems():
            self.list.takeItem(self.list.row(item))
        self.changed.emit()

    @Slot()
    def _choose_files(self) -> None:
        files, _ = QFileDialog.getOpenFileNames(self, "Fields, or tables of them")
        self.add(*files)

    @Slot()
    def _choose_folder(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "Folder with fields")
        if folder:
            self.add(folder)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Take files of the file manager."""
        if event.mimeData().hasUrls():
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        """Add what is dropped."""
        self.add(*(url.toLocalFile() for url in event.mimeData().urls() if url.isLocalFile()))
        event.acceptProposedAction()
