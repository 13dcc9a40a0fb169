"""A slider for a threshold that can be left to the method."""

from __future__ import annotations

from typing import Any, cast

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QCheckBox, QHBoxLayout, QWidget
from superqt import QLabeledDoubleSlider
from superqt.utils import signals_blocked

from napari_gdls.plugin.widgets.method_choices import ThresholdRange


class ThresholdSlider(QWidget):
    """A slider with a box "default": ticked, the value is None and the slider stands at the default; moving it unticks.

    Parameters
    ----------
    limits : ThresholdRange
        Its default is what None stands for; shown, never returned. Values above the maximum that are set by
        `set_value` extend the slider.
    parent : QWidget, optional

    Attributes
    ----------
    changed : Signal()
        The value has changed, or what None stands for.
    """

    changed = Signal()

    def __init__(self, limits: ThresholdRange, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._default = limits.default
        self._without = limits.without
        self.slider = cast("Any", QLabeledDoubleSlider(Qt.Orientation.Horizontal, self))
        self.slider.setDecimals(limits.decimals)
        self.slider.setRange(0.0, limits.maximum)
        self.slider.setSingleStep(10.0**-limits.decimals)
        self.box = QCheckBox(limits.without, self)
        self.setToolTip(limits.explanation)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.slider, 1)
        layout.addWidget(self.box)
        self.set_default(limits.default)
        self.set_value(None)
        self.slider.valueChanged.connect(self._on_moved)
        self.box.toggled.connect(self._on_ticked)

    def value(self) -> float | None:
        """The threshold; None for the default."""
        return None if self.box.isChecked() else float(self.slider.value())

    def in_effect(self) -> float:
        """The threshold, with the default in the place of None."""
        return self._default if self.box.isChecked() else float(self.slider.value())

    def set_value(self, value: float | None) -> None:
        """Set the threshold; None for the default."""
        shown = self._default if value is None else value
        with signals_blocked(self.slider), signals_blocked(self.box):
            self.slider.setMaximum(max(self.slider.maximum(), shown))
            self.slider.setValue(shown)
            self.box.setChecked(value is None)
        self.changed.emit()

    def set_default(self, default: float) -> None:
        """Set what None stands for, where it depends on the field."""
        self._default = default
        if self._without == "default":
            self.box.setToolTip(f"Take the default of the method, {default:.4g}.")
        else:
            self.box.setToolTip(f"Take the method without it. {self.toolTip()}")
        if self.box.isChecked():
            self.set_value(None)

    def _on_moved(self, value: float) -> None:
        with signals_blocked(self.box):
            self.box.setChecked(False)
        self.changed.emit()

    def _on_ticked(self, ticked: bool) -> None:
        if ticked:
            self.set_value(None)
        else:
            self.changed.emit()
