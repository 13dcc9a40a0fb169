"""The row of the dock that says what spectra are of, and how they are drawn."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QButtonGroup,
    QCheckBox,
    QComboBox,
    QHBoxLayout,
    QLabel,
    QMenu,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_gdls.plugin.shown_spectra import SOURCES
from napari_gdls.plugin.widgets.element_field import ElementField
from napari_gdls.plugin.widgets.spectrum.curves import SCALES

_ELEMENTS_WIDTH = 150
"""Pixels of the line for elements, at least: six symbols."""


class Controls(QWidget):
    """Buttons and ticks of the dock of spectra, in two rows; they hold nothing but what they show.

    Parameters
    ----------
    parent : QWidget
    """

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.sources = QButtonGroup(self)
        self.source_buttons: dict[str, QPushButton] = {}
        for name, (title, tip) in SOURCES.items():
            button = QPushButton(title, self)
            button.setToolTip(tip)
            button.setCheckable(True)
            self.sources.addButton(button)
            self.source_buttons[name] = button
        self.source_buttons["segment"].setChecked(True)
        self.draw_region = _button(
            "Draw region", "Draw a polygon on the map; the measurements in it are selected.", self
        )
        self.follow = _tick("Follow mouse", "Show the spectrum of what the mouse is over, while it moves.", self)
        self.logarithmic = _tick("log", "Counts on a logarithmic scale.", self)
        self.band = _tick(
            "± 1 sd", "Band in which the expected counts lie: one standard deviation of counting on each side.", self
        )
        self.band.setChecked(True)
        self.scale = QComboBox(self)
        for name, scale in SCALES.items():
            self.scale.addItem(scale.title, name)
            self.scale.setItemData(self.scale.count() - 1, scale.tip, Qt.ItemDataRole.ToolTipRole)
        self.scale.setToolTip("What the counts of each spectrum are divided by.")
        self.pin = _button("Pin", "Keep this spectrum in sight while others are looked at.", self)
        self.clear = _button("Clear pins", "Take all pinned spectra away.", self)
        self.difference = QComboBox(self)
        self.difference.setToolTip("Show the spectrum less a pinned one, both in percent of all their counts.")
        self.elements = ElementField(
            self,
            placeholder="Lines of: Si Al Ca",
            tip="Elements whose lines are marked. Nothing: those of the fit, where there is one. "
            "Click a peak to see which lines it can be.",
        )
        self.elements.setMinimumWidth(_ELEMENTS_WIDTH)
        self.fit = _tick(
            "Fit", "Fit the elements: model and residuals, composition (wt%) with errors, what it can be.", self
        )
        self.window_tick = _tick("Window", "An energy window to drag (keV), for a map of its counts.", self)
        self.make_map = _button("Map of this window", "Adds an image layer with the counts in the window.", self)
        self.make_map.hide()
        self.save = _button("Save…", "Save the spectra as a table or as .msa, or the plot as a picture.", self)
        self.save.setStyleSheet("QPushButton::menu-indicator {image: none;}")  # it would lie on the text
        self.save_menu = QMenu(self.save)
        self.save.setMenu(self.save_menu)
        self.message = QLabel(self)
        self._lay_out()

    def _lay_out(self) -> None:
        first, second = QHBoxLayout(), QHBoxLayout()
        sources: tuple[QWidget, ...] = tuple(self.source_buttons.values())
        for widget in (*sources, self.draw_region, self.follow):
            first.addWidget(widget)
        first.addWidget(self.message, 1)
        looks: tuple[QWidget, ...] = (self.logarithmic, self.band, self.scale, self.pin, self.difference, self.clear)
        for widget in looks:
            second.addWidget(widget)
        second.addWidget(self.elements, 1)
        ends: tuple[QWidget, ...] = (self.fit, self.window_tick, self.make_map, self.save)
        for widget in ends:
            second.addWidget(widget)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        for row in (first, second):
            row.setSpacing(4)
            column.addLayout(row)

    @property
    def source(self) -> str:
        """What spectra are of: a name of `SOURCES`."""
        return next(name for name, button in self.source_buttons.items() if button.isChecked())

    @property
    def scale_name(self) -> str:
        """What they are divided by: a name of `SCALES`."""
        return str(self.scale.currentData())

    def offer_differences(self, titles: list[str]) -> None:
        """Offer pinned spectra to be taken away, with the same one chosen as far as it is there; silently."""
        chosen = self.difference.currentText()
        blocked = self.difference.blockSignals(True)
        self.difference.clear()
        self.difference.addItems(["no difference", *(f"less {title}" for title in titles)])
        self.difference.setCurrentIndex(max(self.difference.findText(chosen), 0))
        self.difference.blockSignals(blocked)
        self.difference.setEnabled(bool(titles))
        self.clear.setEnabled(bool(titles))


def _tick(text: str, tip: str, parent: QWidget) -> QCheckBox:
    tick = QCheckBox(text, parent)
    tick.setToolTip(tip)
    return tick


def _button(text: str, tip: str, parent: QWidget) -> QPushButton:
    button = QPushButton(text, parent)
    button.setToolTip(tip)
    return button
