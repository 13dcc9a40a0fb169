"""A slider for a threshold that has a default."""

from __future__ import annotations

from typing import Any, cast

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QCheckBox, QHBoxLayout, QWidget
from superqt import QLabeledDoubleSlider
from superqt.utils import signals_blocked


class ThresholdSlider(QWidget):
    """A slider with a box "default": ticked, the value is None and the slider stands at the default; moving it unticks.

    Parameters
    ----------
    default : float
        What None stands for; shown, never returned.
    maximum : float
        Right end of the slider. Larger values that are set by `set_value` move it.
    decimals : int
        Decimals that the label shows.
    parent : QWidget, optional
    """

    def __init__(self, default: float, maximum: float, decimals: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._default = default
        self.slider = cast("Any", QLabeledDoubleSlider(Qt.Orientation.Horizontal, self))
        self.slider.setDecimals(decimals)
        self.slider.setRange(0.0, maximum)
        self.slider.setSingleStep(10.0**-decimals)
        self.box = QCheckBox("default", self)
        self.box.setToolTip(f"Take the default of the method, {default:g}.")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.slider, 1)
        layout.addWidget(self.box)
        self.set_value(None)
        self.slider.valueChanged.connect(self._on_moved)
        self.box.toggled.connect(self._on_ticked)

    def value(self) -> float | None:
        """The threshold; None for the default."""
        return None if self.box.isChecked() else float(self.slider.value())

    def set_value(self, value: float | None) -> None:
        """Set the threshold; None for the default."""
        shown = self._default if value is None else value
        with signals_blocked(self.slider), signals_blocked(self.box):
            self.slider.setMaximum(max(self.slider.maximum(), shown))
            self.slider.setValue(shown)
            self.box.setChecked(value is None)

    def _on_moved(self, value: float) -> None:
        with signals_blocked(self.box):
            self.box.setChecked(False)

    def _on_ticked(self, ticked: bool) -> None:
        if ticked:
            self.set_value(None)
