"""A plot in the colours of napari's theme, which all plots of the docks are made from."""

from __future__ import annotations

import weakref
from typing import Any

import pyqtgraph as pg
from napari.settings import get_settings
from napari.utils.theme import get_theme
from qtpy.QtWidgets import QWidget


class ThemedPlot(pg.PlotWidget):
    """A plot on the ground of the dock, with axes in the colour of its text.

    Parameters
    ----------
    parent : QWidget
    **options
        Other arguments of `pyqtgraph.PlotWidget`.
    """

    def __init__(self, parent: QWidget, **options: Any) -> None:
        super().__init__(parent, **options)
        self.setMenuEnabled(False)
        self.hideButtons()
        self._follow_theme()
        theme_changed = get_settings().appearance.events.theme
        theme_changed.connect(self._follow_theme)
        known = weakref.WeakMethod(self._follow_theme)

        def forget(_: object = None) -> None:
            method = known()
            if method is not None:
                theme_changed.disconnect(method)

        # No method of the plot: PySide would look for what is being deleted, and crash.
        self.destroyed.connect(forget)

    @property
    def text_colour(self) -> str:
        """Of napari's theme, as "#rrggbb"."""
        return str(get_theme(get_settings().appearance.theme).text.as_hex("long"))

    def _follow_theme(self, event: object = None) -> None:
        theme = get_theme(get_settings().appearance.theme)
        self.setBackground(theme.background.as_hex("long"))
        for side in ("left", "bottom"):
            axis = self.getAxis(side)
            axis.setPen(theme.secondary.as_hex("long"))
            axis.setTextPen(theme.text.as_hex("long"))
