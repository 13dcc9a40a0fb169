"""The docks of the plugin: which there are, and opening one where it belongs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QDockWidget, QMainWindow, QWidget

if TYPE_CHECKING:
    import napari

PLUGIN = "napari-gdls"
"""Name of the plugin in the manifest."""


@dataclass(frozen=True)
class Dock:
    """One dock.

    Parameters
    ----------
    name : str
        Display name of its widget in the manifest; napari calls the dock so.
    button : str
        For the row of buttons that opens docks.
    tip : str
        What it is for.
    area : {"right", "bottom"}
        Where it opens; on the right as a tab beside the others.
    """

    name: str
    button: str
    tip: str
    area: Literal["right", "bottom"] = "right"


DOCKS: dict[str, Dock] = {
    "segment": Dock("Segment EDS field", "Segment", "Choose a field and segment it."),
    "phases": Dock("Phases and segments", "Phases", "Lists of phases and segments: names, amounts, colours, merging."),
    "corrections": Dock("Corrections", "Corrections", "Join, split and paint grains; undo what was done by hand."),
    "spectrum": Dock("Spectrum", "Spectrum", "Spectra of what is clicked, and the lines in them.", "bottom"),
    "maps": Dock("Element maps", "Maps", "Maps of elements, their ratios, and compositions of minerals."),
    "plots": Dock("Plots", "Plots", "Scatter and ternary plots; a lasso selects on the map.", "bottom"),
}
"""All docks that show the session of a viewer, in the order of their buttons."""


def open_dock(viewer: napari.Viewer, key: str) -> QWidget:
    """Open a dock of `DOCKS`, or bring it to the front; gives its widget.

    Parameters
    ----------
    viewer : napari.Viewer
        With a window.
    key : str
    """
    dock = DOCKS[key]
    opened: tuple[QDockWidget, QWidget] = viewer.window.add_plugin_dock_widget(
        PLUGIN, dock.name, tabify=dock.area == "right"
    )
    frame, widget = opened
    main = frame.parentWidget()
    if dock.area == "bottom" and isinstance(main, QMainWindow) and not frame.isFloating():
        _put_at_the_bottom(main, frame)
    frame.show()
    frame.raise_()
    return widget


def _put_at_the_bottom(main: QMainWindow, frame: QDockWidget) -> None:
    """Move a dock to the bottom, as a tab beside the others there: side by side they would be too narrow."""
    bottom = Qt.DockWidgetArea.BottomDockWidgetArea
    others = [
        each
        for each in main.findChildren(QDockWidget)
        if each is not frame and main.dockWidgetArea(each) == bottom and not each.isFloating() and not each.isHidden()
    ]
    if main.dockWidgetArea(frame) != bottom:
        main.addDockWidget(bottom, frame)
    if others and frame not in main.tabifiedDockWidgets(others[-1]):
        main.tabifyDockWidget(others[-1], frame)
