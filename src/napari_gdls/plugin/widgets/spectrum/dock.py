"""The dock of spectra: those of what is selected on the map or under the mouse, and of what was pinned."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import Qt, Slot
from qtpy.QtWidgets import QApplication, QFileDialog, QSplitter, QVBoxLayout, QWidget
from superqt.utils import signals_blocked

from napari_gdls.energy import ZERO_PEAK_END
from napari_gdls.errors import GdlsError
from napari_gdls.plugin.failures import show_failure
from napari_gdls.plugin.field_state import FieldState, Pinned
from napari_gdls.plugin.spectrum_answers import SpectrumAnswer, residuals
from napari_gdls.plugin.viewers import viewer_session
from napari_gdls.plugin.widgets.spectrum import saving
from napari_gdls.plugin.widgets.spectrum.controls import Controls
from napari_gdls.plugin.widgets.spectrum.curves import (
    SCALES,
    difference_curve,
    fit_curves,
    hex_colour,
    spectrum_curve,
)
from napari_gdls.plugin.widgets.spectrum.feed import SpectrumFeed
from napari_gdls.plugin.widgets.spectrum.material import MaterialPanel, SpectrumFits
from napari_gdls.plugin.widgets.spectrum.peaks import PeakRow
from napari_gdls.plugin.widgets.spectrum.regions import RegionTool
from napari_gdls.plugin.widgets.spectrum.view import SpectrumView
from napari_gdls.plugin.widgets.spectrum.windows import WindowMaps
from napari_gdls.plugin.widgets.watching import watch

if TYPE_CHECKING:
    import napari

    from napari_gdls.plugin.shown_spectra import ShownSpectrum
    from napari_gdls.plugin.widgets.spectrum_plot import Curve

_LOWEST_SEEN = 250.0
"""eV; below is the noise of the detector."""
_LEAST_COUNT = 0.5
"""Counts at the bottom of a logarithmic plot: below a single one."""
_GREY = (0.5, 0.5, 0.5)
"""Of pinned spectra of several phases; seen on light and dark ground."""
_EV_PER_KEV = 1000.0  # by definition


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
        self.session = followed.session
        self.controls, self.view, self.peaks = Controls(self), SpectrumView(self), PeakRow(self)
        self.material = MaterialPanel(self)
        self.feed = SpectrumFeed(self.session, followed.picking, self)
        self.fits = SpectrumFits(self)
        self.region = RegionTool(napari_viewer, self.session, self)
        self.maps = WindowMaps(napari_viewer, self.session, self)
        self._axis_of: FieldState | None = None
        self._above_noise = np.zeros(0, dtype=np.bool_)
        self._lay_out()
        self._connect()
        self._on_field()
        self.feed.look()

    def _lay_out(self) -> None:
        left = QWidget(self)
        inner = QVBoxLayout(left)
        inner.setContentsMargins(0, 0, 0, 0)
        inner.setSpacing(2)
        inner.addWidget(self.peaks)
        inner.addWidget(self.view, 1)
        parts = QSplitter(Qt.Orientation.Horizontal, self)
        parts.addWidget(left)
        parts.addWidget(self.material)
        parts.setStretchFactor(0, 1)
        parts.setCollapsible(0, False)
        self.material.hide()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 2, 4, 2)
        layout.setSpacing(2)
        layout.addWidget(self.controls)
        layout.addWidget(parts, 1)

    def _connect(self) -> None:
        controls = self.controls
        controls.sources.buttonClicked.connect(lambda _: self.feed.set_source(controls.source))
        controls.follow.toggled.connect(self.feed.follow)
        controls.draw_region.clicked.connect(self._on_draw_region)
        controls.logarithmic.toggled.connect(self.view.spectra.set_logarithmic)
        controls.band.toggled.connect(self._draw)
        for choice in (controls.scale, controls.difference):
            choice.currentIndexChanged.connect(self._draw)
        controls.pin.clicked.connect(self.pin)
        controls.clear.clicked.connect(self.clear_pins)
        controls.elements.changed.connect(self._on_elements)
        controls.fit.toggled.connect(self._on_fit)
        controls.window_tick.toggled.connect(self._on_window)
        self.view.window_changed.connect(self._on_window_moved)
        controls.make_map.clicked.connect(lambda: self.maps.make(*self.view.window_limits))
        for text, slot in (
            ("Copy as table", self.copy),
            ("Save as table (CSV)…", self._on_save_table),
            ("Save spectrum as .msa…", self._on_save_msa),
            ("Save picture…", self._on_save_picture),
        ):
            controls.save_menu.addAction(text).triggered.connect(slot)
        self.view.spectra.recoloured.connect(self._draw)
        self.view.clicked.connect(self._on_peak)
        self.peaks.chosen.connect(self._on_candidate)
        self.peaks.peak_found.connect(self.view.mark_peak)
        self.feed.changed.connect(self._on_spectra)
        self.fits.changed.connect(self._on_answer)
        watch(self, self.session.chosen_changed, self._on_field)
        watch(self, self.session.display_changed, self._on_display)
        watch(self, self.session.shown_changed, self._on_shown)
        watch(self, self.session.naming_changed, self._on_shown)

    @property
    def spectra(self) -> tuple[ShownSpectrum, ...]:
        """What is shown beside the pinned ones."""
        return self.feed.spectra

    @property
    def busy(self) -> bool:
        """Whether sums, fits, candidates or maps are under way."""
        return self.feed.busy or self.fits.busy or self.peaks.busy or self.maps.busy

    def set_source(self, name: str) -> None:
        """Show spectra of another kind of thing, of `napari_gdls.plugin.shown_spectra.SOURCES`."""
        self.controls.source_buttons[name].setChecked(True)
        self.feed.set_source(name)

    def overlay(self, phases: tuple[int, int]) -> None:
        """Show two phases of the chosen field, from 0, over each other, in percent of their counts.

        Parameters
        ----------
        phases : (int, int)
        """
        if self.session.chosen is not None:
            self.controls.scale.setCurrentIndex(self.controls.scale.findData("total"))
            self.session.select(self.session.chosen, phases=phases)
            self.set_source("phase")

    @Slot()
    def pin(self) -> None:
        """Keep what is shown in sight."""
        state = self.session.chosen
        if state is None:
            return
        new = [
            Pinned(each.title, each.counts, each.n_spectra, each.colour or _GREY)
            for each in self.spectra
            if not any(np.array_equal(each.counts, other.counts) for other in state.pinned)
        ]
        self.session.pin(state, (*state.pinned, *new))

    @Slot()
    def clear_pins(self) -> None:
        """Take all pinned spectra away."""
        if self.session.chosen is not None:
            self.session.pin(self.session.chosen, ())

    @Slot()
    def copy(self) -> None:
        """Put the spectra on the clipboard, as a table of counts."""
        QApplication.clipboard().setText(
            saving.as_text(saving.spectrum_columns(self._all_spectra(), self.view.spectra.energies))
        )

    def _all_spectra(self) -> list[ShownSpectrum | Pinned]:
        state = self.session.chosen
        return [*self.spectra, *(() if state is None else state.pinned)]

    def _on_field(self) -> None:
        """Another field: its channels, its pins, its elements."""
        state = self.session.chosen
        self.controls.offer_differences([] if state is None else [each.title for each in state.pinned])
        self.peaks.forget()
        self.fits.forget()
        if state is not None and state is not self._axis_of:
            energy = state.field.energy
            self._above_noise = energy.centers >= ZERO_PEAK_END
            self.view.spectra.show_curves(())
            self.view.set_axis(energy, *_first_range(state))
            with signals_blocked(self.controls.elements):
                self.controls.elements.set_elements(state.marked_elements)
        self._axis_of = state
        self._draw()

    def _on_spectra(self) -> None:
        spectra = self.feed.spectra
        text = self.feed.problem
        if len(spectra) == 1:
            each = "" if spectra[0].n_spectra == 1 else f", {spectra[0].n_spectra:,} measurements"
            text = f"{spectra[0].title}: {int(spectra[0].counts[self._above_noise].sum()):,} counts{each}"
        elif spectra:
            text = " | ".join(spectrum.title for spectrum in spectra)
        self.controls.message.setText(text)
        self.controls.message.setToolTip(text)
        self._ask_fit()
        self._draw()

    def _on_display(self, state: FieldState) -> None:
        if state is not self.session.chosen:
            return
        if self.controls.elements.elements != state.marked_elements:
            self.controls.elements.set_elements(state.marked_elements)
        self.controls.offer_differences([each.title for each in state.pinned])
        self._draw()

    def _on_shown(self, state: FieldState) -> None:
        if state is self.session.chosen:
            self._ask_fit()  # phases may have been named, or the beam energy be known now

    @Slot(object)
    def _on_elements(self, elements: tuple[str, ...]) -> None:
        if self.session.chosen is not None:
            self.session.mark_elements(self.session.chosen, elements)

    @Slot()
    def _on_draw_region(self) -> None:
        self.region.draw()
        self.set_source("region")

    @Slot(bool)
    def _on_window(self, shown: bool) -> None:
        self.view.show_window(shown)
        self.controls.make_map.setVisible(shown)
        self._on_window_moved()

    @Slot()
    def _on_window_moved(self) -> None:
        low, high = (limit / _EV_PER_KEV for limit in self.view.window_limits)
        self.controls.make_map.setText(f"Map of {low:.2f}-{high:.2f} keV")

    @Slot(float)
    def _on_peak(self, energy: float) -> None:
        """An energy (keV) was clicked."""
        state, spectra = self.session.chosen, self._all_spectra()
        if state is not None and spectra:
            self.peaks.ask(spectra[0].counts, state.field.energy, energy * _EV_PER_KEV, _beam_energy(state))

    @Slot(str)
    def _on_candidate(self, element: str) -> None:
        state = self.session.chosen
        if state is not None:
            self.session.mark_elements(state, tuple(dict.fromkeys((*state.marked_elements, element))))

    @Slot()
    def _on_fit(self, _: object = None) -> None:
        self.material.setVisible(self.controls.fit.isChecked())
        self._ask_fit()
        self._draw()

    def _ask_fit(self) -> None:
        """Fit what is shown, where that is one spectrum."""
        state, spectra, wanted = self.session.chosen, self.feed.spectra, self.feed.wanted
        if not self.controls.fit.isChecked():
            self.fits.forget()
        elif state is None or len(spectra) != 1:
            self.fits.forget()
            self.material.show_problem("Select one segment, phase, measurement or region to be fitted.")
        else:
            self.fits.ask(state, wanted[0], spectra[0])

    def _on_answer(self) -> None:
        answer, spectra = self.fits.answer, self.feed.spectra
        if answer is None or not spectra:
            self.material.show_problem(self.fits.problem)
        else:
            self.material.show_answer(spectra[0].title, answer)
        self._draw()

    @property
    def _answer(self) -> SpectrumAnswer | None:
        return self.fits.answer if self.controls.fit.isChecked() and len(self.feed.spectra) == 1 else None

    @Slot()
    def _draw(self, _: object = None) -> None:
        state, spectra, plot = self.session.chosen, self.feed.spectra, self.view.spectra
        controls, answer = self.controls, self._answer
        controls.pin.setEnabled(bool(spectra))
        controls.save.setEnabled(bool(self._all_spectra()))
        if state is None:
            plot.show_curves(())
            self.view.show_residuals(None)
            return
        index = controls.difference.currentIndex() - 1
        other = state.pinned[index] if 0 <= index < len(state.pinned) else None
        controls.scale.setEnabled(other is None)
        scale = controls.scale_name if other is None else "total"
        plot.least = _LEAST_COUNT if scale == "counts" else 0.0
        plot.setLabel("left", SCALES[scale].label)
        if other is not None:
            curves = [self._difference(each, other) for each in spectra]
        else:
            curves = self._curves(state, scale, answer)
        plot.show_curves(curves)
        marked = state.marked_elements or (() if answer is None else answer.fit.elements)
        plot.mark_lines(marked, _beam_energy(state))
        self.view.show_residuals(None if answer is None or other is not None else residuals(answer.fit))

    def _difference(self, spectrum: ShownSpectrum, other: Pinned) -> Curve:
        colour = hex_colour(spectrum.colour, self.view.spectra.text_colour)
        return difference_curve(spectrum, other, self._above_noise, colour=colour, band=self.controls.band.isChecked())

    def _curves(self, state: FieldState, scale: str, answer: SpectrumAnswer | None) -> list[Curve]:
        text, band, above = self.view.spectra.text_colour, self.controls.band.isChecked(), self._above_noise
        spectra: tuple[ShownSpectrum, ...] = self.feed.spectra
        # Alone a spectrum has the colour of text, which stands out in both themes.
        several = len(spectra) > 1
        curves = []
        for each in spectra:
            colour = hex_colour(each.colour if several else None, text)
            if answer is not None:
                curves += fit_curves(answer.fit, each, scale, above, colour=colour, band=band)
            else:
                curves.append(spectrum_curve(each, scale, above, colour=colour, band=band))
        return curves + [
            spectrum_curve(each, scale, above, colour=hex_colour(each.colour, text), band=False)
            for each in state.pinned
        ]

    @Slot()
    def _on_save_table(self) -> None:
        path, _ = QFileDialog.getSaveFileName(self, "Save spectra", "spectra.csv", "Tables (*.csv)")
        if path:
            self._save(lambda: saving.save_table(path, self._all_spectra(), self.view.spectra.energies))

    @Slot()
    def _on_save_msa(self) -> None:
        state, spectra = self.session.chosen, self._all_spectra()
        path, _ = QFileDialog.getSaveFileName(self, "Save spectrum", "spectrum.msa", "EMSA/MAS spectra (*.msa *.emsa)")
        if path and state is not None:
            self._save(lambda: saving.save_msa(path, spectra[0], state))

    @Slot()
    def _on_save_picture(self) -> None:
        path, _ = QFileDialog.getSaveFileName(self, "Save picture", "spectra.png", "Pictures (*.png *.svg)")
        if path:
            self._save(lambda: saving.save_picture(path, self.view.spectra))

    def _save(self, write: Callable[[], None]) -> None:
        try:
            write()
        except GdlsError as error:
            show_failure(error)


def _beam_energy(state: FieldState) -> float:
    """In keV, for heights of lines: they depend little on it."""
    return state.beam_energy or state.field.assumed_beam_energy


def _first_range(state: FieldState) -> tuple[float, float]:
    """Energies in eV that are seen at first: up to the beam energy, where it is known and within the axis."""
    centers = state.field.energy.centers
    beam = state.beam_energy
    high = float(centers[-1]) if beam is None else min(float(centers[-1]), _EV_PER_KEV * beam)
    return max(float(centers[0]), min(_LOWEST_SEEN, high / 2)), high
