"""The dock of corrections: tools for the map, what can be done to the selected grains, and the list of all edits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QSize, Slot
from qtpy.QtGui import QColor, QIcon, QPixmap
from qtpy.QtWidgets import (
    QButtonGroup,
    QCheckBox,
    QComboBox,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)
from superqt.utils import signals_blocked

from napari_gdls.plugin.gestures.tools import TOOLS, tool_tip
from napari_gdls.plugin.shortcuts import shortcut_of
from napari_gdls.plugin.viewers import viewer_session
from napari_gdls.plugin.widgets.edit_list import EditList
from napari_gdls.plugin.widgets.scrolling import VerticalScrollArea
from napari_gdls.plugin.widgets.watching import watch

if TYPE_CHECKING:
    import napari

    from napari_gdls.plugin.field_state import FieldState

_COLUMNS = 4
"""Tools in a row: two rows of them are as wide as the rest of the dock."""
_LARGEST_SPECK = 100_000
"""Pixels; a choice: larger ones are no specks."""
_SWATCH = 12
"""Pixels of the side of a patch of colour: the height of a line of text."""


class CorrectionsWidget(QWidget):
    """Dock widget for corrections by hand of the chosen field; it shows the tools of the viewer and its session.

    Parameters
    ----------
    napari_viewer : napari.Viewer
        Given by napari.
    """

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        super().__init__()
        followed = viewer_session(napari_viewer)
        self.session, self._marks = followed.session, followed.marks
        self.tools, self.on_selected = followed.keys.tools, followed.keys.actions
        self.message = QLabel(self)
        self.message.setWordWrap(True)
        self.buttons = QButtonGroup(self)
        self.tool_buttons = {name: self._tool_button(name) for name in TOOLS}
        self.hint = QLabel(self)
        self.hint.setWordWrap(True)
        self.phase = QComboBox(self)
        self.phase.setToolTip("Phase that grains are assigned to ([ and ] on the layer of the segments).")
        self.phase.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.phase.setIconSize(QSize(_SWATCH, _SWATCH))
        self.assign_button = self._button(
            "Assign", "The selected grains, or the measurements of a lasso, get this phase"
        )
        self.merge_button = self._button(
            "Join", "The selected grains become one; or the selected phases, where no two grains are selected"
        )
        self.fill_button = self._button(
            "Fill holes", "What the selected grains surround, up to this size, goes to them"
        )
        self.grow_button = self._button("Grow", "The measurements beside the selected grains go to them")
        self.shrink_button = self._button(
            "Shrink", "The outermost measurements of the selected grains go to their neighbours"
        )
        for button, command in (
            (self.merge_button, "merge_selected"),
            (self.fill_button, "fill_holes"),
            (self.grow_button, "grow"),
            (self.shrink_button, "shrink"),
        ):
            button.setToolTip(f"{button.toolTip()[:-1]} (key {shortcut_of(command)}).")
        self.smallest = QSpinBox(self)
        self.smallest.setRange(1, _LARGEST_SPECK)
        self.smallest.setValue(self.on_selected.smallest)
        self.smallest.setSuffix(" px")
        self.smallest.setToolTip("Largest hole that is filled, and largest grain that counts as a speck, in pixels.")
        self.area = QLabel(self)
        self.specks_button = self._button(
            "Remove specks",
            "All grains of the field up to this size go to the neighbour that they share most of their border with",
        )
        self.marks_tick = QCheckBox("Show marks", self)
        self.marks_tick.setToolTip("Red lines where grains were parted, green dashes where they were joined.")
        self.edits = EditList(self.tools, self.on_selected, self)
        self._lay_out()
        self.phase.activated.connect(self._on_phase)
        self.assign_button.clicked.connect(self.on_selected.assign_selected)
        self.merge_button.clicked.connect(self.on_selected.merge_selected)
        self.fill_button.clicked.connect(self.on_selected.fill_holes)
        self.grow_button.clicked.connect(self.on_selected.grow)
        self.shrink_button.clicked.connect(self.on_selected.shrink)
        self.specks_button.clicked.connect(self.on_selected.remove_specks)
        self.smallest.valueChanged.connect(self._on_smallest)
        self.marks_tick.toggled.connect(self._marks.set_visible)
        watch(self, self.tools.changed, self._show_tool)
        for signal in (self.session.chosen_changed, self.session.shown_changed, self.session.selection_changed):
            watch(self, signal, self._show_state)
        self._show_state()

    def _lay_out(self) -> None:
        grid = QGridLayout()
        grid.setSpacing(2)
        for index, button in enumerate(self.tool_buttons.values()):
            grid.addWidget(button, index // _COLUMNS, index % _COLUMNS)
        assign = QHBoxLayout()
        assign.addWidget(QLabel("Phase", self))
        assign.addWidget(self.phase, 1)
        assign.addWidget(self.assign_button)
        selected = QHBoxLayout()
        selected.addWidget(QLabel("Selected", self))
        for button in (self.merge_button, self.grow_button, self.shrink_button):
            selected.addWidget(button)
        sizes = QHBoxLayout()
        sizes.addWidget(QLabel("Up to", self))
        sizes.addWidget(self.smallest)
        sizes.addWidget(self.area, 1)
        by_size = QHBoxLayout()
        by_size.addWidget(self.fill_button)
        by_size.addWidget(self.specks_button)
        parts = QWidget(self)
        inner = QVBoxLayout(parts)
        inner.addWidget(self.message)
        inner.addLayout(grid)
        inner.addWidget(self.hint)
        inner.addLayout(assign)
        inner.addLayout(selected)
        inner.addLayout(sizes)
        inner.addLayout(by_size)
        inner.addWidget(self.edits, 1)
        inner.addWidget(self.marks_tick)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(VerticalScrollArea(parts, self))

    def _tool_button(self, name: str) -> QPushButton:
        button = QPushButton(TOOLS[name].title, self)
        button.setToolTip(tool_tip(name))
        button.setCheckable(True)
        button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        button.clicked.connect(lambda checked=False: self.tools.choose(name))
        self.buttons.addButton(button)
        return button

    def _button(self, text: str, tip: str) -> QPushButton:
        button = QPushButton(text, self)
        button.setToolTip(f"{tip}.")
        return button

    @Slot(int)
    def _on_phase(self, index: int) -> None:
        self.tools.set_target(self.phase.itemData(index))

    @Slot(int)
    def _on_smallest(self, pixels: int) -> None:
        self.on_selected.smallest = pixels
        self._show_area()

    def _show_area(self) -> None:
        chosen = self.session.chosen
        size = None if chosen is None else chosen.field.pixel_size
        self.area.setText("" if size is None else f"{self.smallest.value() * size**2:.3g} um²")

    def _show_state(self, state: FieldState | None = None) -> None:
        chosen = self.session.chosen
        shown = None if chosen is None else chosen.shown
        self.message.setText(
            "No field is open."
            if chosen is None
            else "There are no segments yet; press Segment in the dock beside."
            if shown is None
            else ""
        )
        self.message.setVisible(shown is None)
        on_selected = (self.merge_button, self.grow_button, self.shrink_button, self.fill_button, self.specks_button)
        for button in (*self.tool_buttons.values(), *on_selected):
            button.setEnabled(shown is not None)
        self._show_area()
        with_phases = shown is not None and shown.segmentation.has_phases
        self.phase.setEnabled(with_phases)
        self.assign_button.setEnabled(with_phases)
        self.tool_buttons["assign"].setEnabled(with_phases)
        with signals_blocked(self.phase):
            self.phase.clear()
            self.phase.addItem("new phase", None)
            if shown is not None and shown.phase_colours is not None:
                for phase, title in enumerate(shown.segmentation.phase_titles):
                    self.phase.addItem(_swatch(shown.phase_colours[phase].tolist()), title, phase)
        with signals_blocked(self.marks_tick):
            self.marks_tick.setChecked(self._marks.visible)
        self._show_tool()

    def _show_tool(self) -> None:
        self.tool_buttons[self.tools.name].setChecked(True)
        self.hint.setText(self.tools.hint)
        with signals_blocked(self.phase):
            self.phase.setCurrentIndex(0 if self.tools.target is None else 1 + self.tools.target)


def _swatch(colour: list[float]) -> QIcon:
    picture = QPixmap(_SWATCH, _SWATCH)
    picture.fill(QColor.fromRgbF(*colour))
    return QIcon(picture)
