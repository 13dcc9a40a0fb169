"""The slider for the share of the matrix."""

from __future__ import annotations

import pytest
from qtpy.QtWidgets import QWidget

from napari_gdls.plugin.widgets.overlap.share_slider import ShareSlider

pytestmark = pytest.mark.usefixtures("display")


@pytest.fixture
def slider(qtbot) -> ShareSlider:
    window = QWidget()
    qtbot.addWidget(window)
    slider = ShareSlider(window)
    slider.window_kept = window
    return slider


def test_what_is_shown_is_no_move(slider, qtbot):
    with qtbot.assertNotEmitted(slider.moved):
        slider.show_share(0.1234, (0.1, 0.15), "#ff0000")
    assert slider.share == pytest.approx(0.123)
    assert slider.slider.value() == 123
    assert slider.slider.band == (100, 150)


@pytest.mark.parametrize(("interval", "band"), [(None, None), ((-0.1, 1.2), (0, 1000)), ((0.5, 0.5), (500, 500))])
def test_the_band_stays_on_the_slider(slider, interval, band):
    slider.show_share(0.5, interval, "#ff0000")
    assert slider.slider.band == band
    slider.slider.grab()  # draws it


def test_slider_and_number_go_together(slider, qtbot):
    with qtbot.waitSignal(slider.moved) as moved:
        slider.slider.setValue(250)
    assert moved.args == [0.25]
    assert slider.number.value() == 0.25
    with qtbot.waitSignal(slider.moved) as moved:
        slider.number.setValue(0.4321)
    assert moved.args == [pytest.approx(0.432)]
    assert slider.slider.value() == 432
