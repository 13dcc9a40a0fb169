"""A row of buttons that open the other docks."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtWidgets import QGridLayout, QPushButton, QWidget

from napari_gdls.plugin.docks import DOCKS, open_dock

if TYPE_CHECKING:
    import napari

_IN_A_ROW = 3
"""Buttons beside each other in a dock of the usual width."""


class DockButtons(QWidget):
    """A button for every dock but the one that they stand in, "segment".

    Parameters
    ----------
    viewer : napari.Viewer
    parent : QWidget, optional
    """

    def __init__(self, viewer: napari.Viewer, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.buttons: dict[str, QPushButton] = {}
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        for key, dock in DOCKS.items():
            if key == "segment":
                continue
            button = QPushButton(dock.button, self)
            button.setToolTip(dock.tip)
            button.clicked.connect(partial(_open, viewer, key))
            grid.addWidget(button, *divmod(len(self.buttons), _IN_A_ROW))
            self.buttons[key] = button


def _open(viewer: napari.Viewer, key: str, _: object = None) -> None:
    open_dock(viewer, key)
