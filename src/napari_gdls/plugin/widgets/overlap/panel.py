"""What the tabs of the dock have in common: the session that they show, and a line that says what is missing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QLabel, QWidget

if TYPE_CHECKING:
    from napari_gdls.plugin.overlap_viewers import ViewerOverlap


class StepPanel(QWidget):
    """A tab of the dock, for one step.

    Parameters
    ----------
    overlap : ViewerOverlap
    parent : QWidget

    Attributes
    ----------
    message : QLabel
        What is missing, or went wrong; to be laid out by the tab.
    """

    def __init__(self, overlap: ViewerOverlap, parent: QWidget) -> None:
        super().__init__(parent)
        self._overlap = overlap
        self._session = overlap.session
        self.message = QLabel(self)
        self.message.setWordWrap(True)
