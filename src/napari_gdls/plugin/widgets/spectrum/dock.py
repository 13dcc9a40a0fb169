"""The dock of spectra: those of what is selected on the map or under the mouse, and of what was pinned."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import Slot
from qtpy.QtWidgets import (
    QButtonGroup,
    QCheckBox,
    QComboBox,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QVBoxLayout,
    QWidget,
)
from superqt.utils import signals_blocked

from napari_gdls.energy import ZERO_PEAK_END
from napari_gdls.plugin.failures import show_failure
from napari_gdls.plugin.field_state import FieldState, Pinned
from napari_gdls.plugin.shown_spectra import (
    SOURCES,
    ShownSpectrum,
    Wanted,
    spectrum_of,
    wanted_spectra,
    wanted_under,
)
from napari_gdls.plugin.spectrum_sums import ResultSums, result_sums
from napari_gdls.plugin.task import Latest
from napari_gdls.plugin.viewers import viewer_session
from napari_gdls.plugin.widgets.element_field import ElementField
from napari_gdls.plugin.widgets.spectrum.curves import (
    SCALES,
    difference_curve,
    hex_colour,
    spectrum_curve,
)
from napari_gdls.plugin.widgets.spectrum_plot import SpectrumPlot
from napari_gdls.plugin.widgets.watching import watch

if TYPE_CHECKING:
    import napari

    from napari_gdls.plugin.layers.picking import Picked
    from napari_gdls.progress import Progress
    from napari_gdls.segmentation.result import Segmentation

_LOWEST_SEEN = 250.0
"""eV; below is the noise of the detector."""
_HEIGHT = 150
"""Pixels that the plot has at least, so that peaks stand out in a small window."""
_LEAST_COUNT = 0.5
"""Counts at the bottom of a logarithmic plot: below a single one."""


class SpectrumWidget(QWidget):
    """Dock widget for spectra of the chosen field; it follows the selection of the session, or the mouse.

    Parameters
    ----------
    napari_viewer : napari.Viewer
        Given by napari.
    """

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        super().__init__()
        followed = viewer_session(napari_viewer)
        followed.spectrum_opened = True
        self.session, self._picking = followed.session, followed.picking
        self._sums: ResultSums | None = None
        self._earlier: ResultSums | None = None
        self._wanted: tuple[Wanted, ...] = ()
        self._shown: tuple[ShownSpectrum, ...] = ()
        self._under: Picked | None = None
        self._axis_of: FieldState | None = None
        self._summing, self._answers = Latest(self), Latest(self)
        self._make_controls()
        self.plot = SpectrumPlot(self)
        self.plot.setMinimumHeight(_HEIGHT)
        self.message = QLabel(self)
        self.message.setWordWrap(True)
        self._lay_out()
        self._connect()
        self._on_result()

    # -- what there is to see and to press

    def _make_controls(self) -> None:
        self.sources = QButtonGroup(self)
        self.source_buttons: dict[str, QPushButton] = {}
        for name, (title, tip) in SOURCES.items():
            button = QPushButton(title, self)
            button.setToolTip(tip)
            button.setCheckable(True)
            self.sources.addButton(button)
            self.source_buttons[name] = button
        self.source_buttons["segment"].setChecked(True)
        self.follow = _tick("Follow mouse", "Show the spectrum of what the mouse is over, while it moves.", self)
        self.logarithmic = _tick("log", "Counts on a logarithmic scale.", self)
        self.band = _tick(
            "± 1 sd", "Band in which the expected counts lie: one standard deviation of counting on each side.", self
        )
        self.band.setChecked(True)
        self.scale = QComboBox(self)
        for name, scale in SCALES.items():
            self.scale.addItem(scale.title, name)
            self.scale.setItemData(self.scale.count() - 1, scale.tip, 3)
        self.scale.setToolTip("What the counts of each spectrum are divided by.")
        self.pin_button = QPushButton("Pin", self)
        self.pin_button.setToolTip("Keep this spectrum in sight while others are looked at.")
        self.clear_button = QPushButton("Clear pins", self)
        self.clear_button.setToolTip("Take all pinned spectra away.")
        self.difference = QComboBox(self)
        self.difference.setToolTip("Show the spectrum less a pinned one, both in percent of all their counts.")
        self.elements = ElementField(
            self, placeholder="Lines of: Si Al Ca", tip="Elements whose lines are marked; keV at the axis."
        )

    def _lay_out(self) -> None:
        row = QHBoxLayout()
        row.setSpacing(4)
        for button in self.source_buttons.values():
            row.addWidget(button)
        others: tuple[QWidget, ...] = (
            self.follow, self.logarithmic, self.band, self.scale, self.pin_button, self.difference, self.clear_button
        )  # fmt: skip
        for widget in others:
            row.addWidget(widget)
        row.addWidget(self.elements, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 2, 4, 2)
        layout.addLayout(row)
        layout.addWidget(self.message)
        layout.addWidget(self.plot, 1)

    def _connect(self) -> None:
        self.sources.buttonClicked.connect(self._on_source)
        self.follow.toggled.connect(self._on_follow)
        self.logarithmic.toggled.connect(self._on_scale)
        self.band.toggled.connect(self._draw)
        self.scale.currentIndexChanged.connect(self._on_scale)
        self.difference.currentIndexChanged.connect(self._draw)
        self.pin_button.clicked.connect(self.pin)
        self.clear_button.clicked.connect(self.clear_pins)
        self.elements.changed.connect(self._on_elements)
        self._summing.succeeded.connect(self._on_sums)
        self._answers.succeeded.connect(self._on_spectra)
        for worker in (self._summing, self._answers):
            worker.failed.connect(show_failure)
        session = self.session
        for signal in (session.chosen_changed, session.shown_changed):
            watch(self, signal, self._on_result)
        watch(self, session.selection_changed, self._on_selection)
        watch(self, session.display_changed, self._on_display)
        watch(self, self._picking.hovered, self._on_hover)

    # -- what is shown

    @property
    def source(self) -> str:
        """What spectra are of: a name of `SOURCES`."""
        return next(name for name, button in self.source_buttons.items() if button.isChecked())

    @property
    def spectra(self) -> tuple[ShownSpectrum, ...]:
        """What is shown beside the pinned ones."""
        return self._shown

    @property
    def busy(self) -> bool:
        """Whether sums or spectra are under way."""
        return self._summing.busy or self._answers.busy

    def set_source(self, name: str) -> None:
        """Show spectra of another kind of thing, of `SOURCES`."""
        self.source_buttons[name].setChecked(True)
        self._on_source()

    def overlay(self, phases: tuple[int, int]) -> None:
        """Show two phases of the chosen field, from 0, over each other, in percent of their counts.

        Parameters
        ----------
        phases : (int, int)
        """
        if self.session.chosen is None:
            return
        self.scale.setCurrentIndex(self.scale.findData("total"))
        self.source_buttons["phase"].setChecked(True)
        self.session.select(self.session.chosen, phases=phases)
        self._on_source()

    @Slot()
    def pin(self) -> None:
        """Keep what is shown in sight."""
        state = self.session.chosen
        if state is None:
            return
        new = [
            Pinned(each.title, each.counts, each.n_spectra, each.colour or _GREY)
            for each in self._shown
            if not any(np.array_equal(each.counts, other.counts) for other in state.pinned)
        ]
        self.session.pin(state, (*state.pinned, *new))

    @Slot()
    def clear_pins(self) -> None:
        """Take all pinned spectra away."""
        if self.session.chosen is not None:
            self.session.pin(self.session.chosen, ())

    # -- what others change

    def _on_result(self, _: object = None) -> None:
        """Another field, or another result of it: its sums are made beside the window."""
        state = self.session.chosen
        if state is not self._axis_of:
            self._axis_of = state
            self._under = None
            self._sums = self._earlier = None
            if state is not None:
                self._show_axis(state)
        segmentation = None if state is None or state.shown is None else state.shown.segmentation
        if segmentation is None:
            self._sums = self._earlier = None
            self._summing.drop()
        elif self._sums is None or self._sums.segmentation is not segmentation:
            self._earlier, self._sums = self._sums or self._earlier, None
            self._summing.ask(partial(_summed, segmentation, self._earlier))
        self._show_pins()
        self._show()

    def _show_axis(self, state: FieldState) -> None:
        energy = state.field.energy
        with signals_blocked(self.elements):
            self.elements.set_elements(state.marked_elements)
        self._above_noise = energy.centers >= ZERO_PEAK_END
        self.plot.show_curves(())
        self.plot.set_axis(energy, *_first_range(state))
        self._mark()

    @Slot(object)
    def _on_sums(self, sums: ResultSums) -> None:
        state = self.session.chosen
        if state is not None and state.shown is not None and state.shown.segmentation is sums.segmentation:
            self._sums, self._earlier = sums, None
            self._show()

    def _on_selection(self, state: FieldState) -> None:
        if state is self.session.chosen:
            self._show()

    def _on_display(self, state: FieldState) -> None:
        if state is not self.session.chosen:
            return
        if self.elements.elements != state.marked_elements:
            self.elements.set_elements(state.marked_elements)
        self._mark()
        self._show_pins()
        self._draw()

    def _on_hover(self, picked: Picked | None) -> None:
        if self.follow.isChecked():
            self._under = picked
            self._show()

    # -- what the user changes here

    @Slot()
    def _on_source(self, _: object = None) -> None:
        self._show()

    @Slot(bool)
    def _on_follow(self, follow: bool) -> None:
        self._picking.following = follow
        self._under = None
        self._show()

    @Slot()
    def _on_scale(self, _: object = None) -> None:
        self.plot.set_logarithmic(self.logarithmic.isChecked())
        self._draw()

    @Slot(object)
    def _on_elements(self, elements: tuple[str, ...]) -> None:
        if self.session.chosen is not None:
            self.session.mark_elements(self.session.chosen, elements)

    # -- drawing

    def _show(self) -> None:
        """Show what is wanted now: at once if that is quick, else as soon as a thread beside the window has it."""
        state = self.session.chosen
        if state is None:
            self._wanted, self._shown = (), ()
            self._say("No field is open.")
            self._draw()
            return
        found: tuple[Wanted, ...] | str = ()
        if self._under is not None and self._under.state is state:
            found = wanted_under(state, self.source, self._under)
        if not found:
            found = wanted_spectra(state, self.source)
        if isinstance(found, str):
            self._wanted, self._shown = (), ()
            self._say(found)
            self._draw()
            return
        self._wanted = found
        spectra = [spectrum_of(each, state, self._sums, at_once=True) for each in found]
        if all(each is not None for each in spectra):
            self._answers.drop()
            self._take([each for each in spectra if each is not None])
        elif self._sums is not None or all(each.kind in ("all", "measurement") for each in found):
            self._answers.ask(partial(_summed_spectra, found, state, self._sums))
            self._say("Summing…")
        else:
            self._say("Summing…")  # `_on_sums` comes

    @Slot(object)
    def _on_spectra(self, found: tuple[FieldState, ResultSums | None, tuple[Wanted, ...], list[ShownSpectrum]]) -> None:
        state, sums, wanted, spectra = found
        if state is self.session.chosen and sums is self._sums and wanted == self._wanted:
            self._take(spectra)

    def _take(self, spectra: list[ShownSpectrum]) -> None:
        self._shown = tuple(spectra)
        if len(spectra) == 1:
            spectrum = spectra[0]
            each = "" if spectrum.n_spectra == 1 else f", {spectrum.n_spectra:,} measurements"
            self._say(f"{spectrum.title}: {int(spectrum.counts[self._above_noise].sum()):,} counts{each}")
        else:
            self._say(" | ".join(spectrum.title for spectrum in spectra))
        self._draw()

    def _say(self, text: str) -> None:
        self.message.setText(text)

    def _show_pins(self) -> None:
        state = self.session.chosen
        pinned = () if state is None else state.pinned
        chosen = self.difference.currentText()
        with signals_blocked(self.difference):
            self.difference.clear()
            self.difference.addItem("no difference")
            for each in pinned:
                self.difference.addItem(f"less {each.title}")
            self.difference.setCurrentIndex(max(self.difference.findText(chosen), 0))
        self.difference.setEnabled(bool(pinned))
        self.clear_button.setEnabled(bool(pinned))

    def _mark(self) -> None:
        state = self.session.chosen
        if state is not None:
            self.plot.mark_lines(state.marked_elements, state.beam_energy or state.field.assumed_beam_energy)

    @Slot()
    def _draw(self, _: object = None) -> None:
        state = self.session.chosen
        self.pin_button.setEnabled(bool(self._shown))
        if state is None:
            self.plot.show_curves(())
            return
        band, scale, text = self.band.isChecked(), str(self.scale.currentData()), self.plot.text_colour
        index = self.difference.currentIndex() - 1
        other = state.pinned[index] if 0 <= index < len(state.pinned) else None
        self.scale.setEnabled(other is None)
        if other is not None:
            curves = [
                difference_curve(each, other, self._above_noise, colour=hex_colour(each.colour, text), band=band)
                for each in self._shown
            ]
        else:
            # Alone a spectrum has the colour of text, which stands out in both themes.
            several = len(self._shown) > 1
            curves = [
                spectrum_curve(
                    each, scale, self._above_noise, colour=hex_colour(each.colour if several else None, text), band=band
                )
                for each in self._shown
            ] + [
                spectrum_curve(each, scale, self._above_noise, colour=hex_colour(each.colour, text), band=False)
                for each in state.pinned
            ]
        self.plot.least = _LEAST_COUNT if scale == "counts" and other is None else 0.0
        self.plot.setLabel("left", SCALES["total" if other is not None else scale].label)
        self.plot.show_curves(curves)


_GREY = (0.5, 0.5, 0.5)
"""Of pinned spectra of several phases; seen on light and dark ground."""


def _first_range(state: FieldState) -> tuple[float, float]:
    """Energies in eV that are seen at first: up to the beam energy, where it is known and within the axis."""
    centers = state.field.energy.centers
    beam = state.beam_energy
    high = float(centers[-1]) if beam is None else min(float(centers[-1]), 1000.0 * beam)
    return max(float(centers[0]), min(_LOWEST_SEEN, high / 2)), high


def _summed(segmentation: Segmentation, before: ResultSums | None, progress: Progress) -> ResultSums:
    return result_sums(segmentation, before, progress)


def _summed_spectra(
    wanted: tuple[Wanted, ...], state: FieldState, sums: ResultSums | None, progress: Progress
) -> tuple[FieldState, ResultSums | None, tuple[Wanted, ...], list[ShownSpectrum]]:
    progress("spectra", 0.0)
    spectra = [spectrum_of(each, state, sums) for each in wanted]
    return state, sums, wanted, [each for each in spectra if each is not None]


def _tick(text: str, tip: str, parent: QWidget) -> QCheckBox:
    tick = QCheckBox(text, parent)
    tick.setToolTip(tip)
    return tick
