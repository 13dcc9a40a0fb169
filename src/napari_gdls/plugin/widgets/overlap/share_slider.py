"""A slider for the share of the matrix, with the interval that the data leave."""

from __future__ import annotations

from qtpy.QtCore import QRect, Qt, Signal, Slot
from qtpy.QtGui import QColor, QPainter, QPaintEvent
from qtpy.QtWidgets import QDoubleSpinBox, QHBoxLayout, QSlider, QStyle, QStyleOptionSlider, QWidget
from superqt.utils import signals_blocked

_STEPS = 1000
"""Of the slider, from 0 to 1: a tenth of a percent, below the uncertainty of most shares."""
_BAND_HEIGHT = 14
"""Pixels, of the band; more than that of the groove, less than that of the slider."""


class BandSlider(QSlider):
    """Horizontal slider with a band behind it.

    Parameters
    ----------
    parent : QWidget
    """

    def __init__(self, parent: QWidget) -> None:
        super().__init__(Qt.Orientation.Horizontal, parent)
        self.setRange(0, _STEPS)
        self._band: tuple[int, int] | None = None
        self._colour = QColor("#ffffff")

    @property
    def band(self) -> tuple[int, int] | None:
        """Lower and upper end in steps; None if there is none."""
        return self._band

    def set_band(self, band: tuple[int, int] | None, colour: str) -> None:
        """Draw another band, or none."""
        self._band, self._colour = band, QColor(colour)
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the slider, and the band over its groove."""
        super().paintEvent(event)
        if self._band is None:
            return
        option = QStyleOptionSlider()
        self.initStyleOption(option)
        handle = self.style().subControlRect(
            QStyle.ComplexControl.CC_Slider, option, QStyle.SubControl.SC_SliderHandle, self
        )
        span = self.width() - handle.width()
        left, right = (handle.width() // 2 + round(span * end / _STEPS) for end in self._band)
        colour = QColor(self._colour)
        colour.setAlphaF(0.5)
        painter = QPainter(self)
        painter.fillRect(QRect(left, (self.height() - _BAND_HEIGHT) // 2, max(right - left, 2), _BAND_HEIGHT), colour)
        painter.end()


class ShareSlider(QWidget):
    """Slider and number for a share from 0 to 1.

    Parameters
    ----------
    parent : QWidget

    Attributes
    ----------
    moved : Signal(float)
        The user has set another share.
    """

    moved = Signal(float)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.slider = BandSlider(self)
        self.number = QDoubleSpinBox(self)
        self.number.setRange(0.0, 1.0)
        self.number.setDecimals(3)
        self.number.setSingleStep(0.005)
        self.number.setKeyboardTracking(False)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.slider, 1)
        layout.addWidget(self.number)
        self.slider.valueChanged.connect(self._on_slider)
        self.number.valueChanged.connect(self._on_number)

    @property
    def share(self) -> float:
        """What is set."""
        return float(self.number.value())

    def show_share(self, share: float, interval: tuple[float, float] | None, colour: str) -> None:
        """Show a share and its interval, without a signal."""
        with signals_blocked(self.slider), signals_blocked(self.number):
            self.number.setValue(share)
            self.slider.setValue(round(share * _STEPS))
        band = None
        if interval is not None:
            low, high = (min(max(end, 0.0), 1.0) for end in interval)
            band = round(low * _STEPS), round(high * _STEPS)
        self.slider.set_band(band, colour)

    @Slot(int)
    def _on_slider(self, step: int) -> None:
        with signals_blocked(self.number):
            self.number.setValue(step / _STEPS)
        self.moved.emit(step / _STEPS)

    @Slot(float)
    def _on_number(self, share: float) -> None:
        with signals_blocked(self.slider):
            self.slider.setValue(round(share * _STEPS))
        self.moved.emit(share)
