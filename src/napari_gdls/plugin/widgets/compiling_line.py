"""A line in the dock that says that code is being compiled, while it is."""

from __future__ import annotations

from qtpy.QtWidgets import QLabel, QWidget

from napari_gdls.plugin.compiling import compilation


class CompilingLine(QLabel):
    """Says so, the first time on a machine, and goes when it is done.

    Parameters
    ----------
    parent : QWidget, optional
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Compiling for the first use, beside the window: about half a minute, once.", parent)
        self.setWordWrap(True)
        self.setToolTip("You can open files meanwhile. A run that is started before takes longer, and says so.")
        started = compilation()
        self.setVisible(started is not None)
        if started is not None:
            started.ended.connect(self.hide)
