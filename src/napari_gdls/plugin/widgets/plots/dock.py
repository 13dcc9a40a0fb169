"""The dock of plots: scatter and ternary plots of measurements and segments, linked with the map both ways."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from qtpy.QtCore import Slot
from qtpy.QtGui import QColor, QIcon, QPixmap
from qtpy.QtWidgets import QFileDialog, QHBoxLayout, QWidget

from napari_gdls.errors import GdlsError
from napari_gdls.plugin.failures import show_failure
from napari_gdls.plugin.field_state import FieldState
from napari_gdls.plugin.plot_choice import PlotChoice
from napari_gdls.plugin.plotting.points import (
    PlotPoints,
    plot_points,
    selected_measurements,
    selected_points,
)
from napari_gdls.plugin.plotting.quantities import PlotSource, Quantities, offered
from napari_gdls.plugin.task import Latest
from napari_gdls.plugin.viewers import viewer_session
from napari_gdls.plugin.widgets.plots.canvas import PlotCanvas
from napari_gdls.plugin.widgets.plots.controls import PlotControls
from napari_gdls.plugin.widgets.plots.saving import save_plot, save_points
from napari_gdls.plugin.widgets.problems import problem_text
from napari_gdls.plugin.widgets.scrolling import VerticalScrollArea
from napari_gdls.plugin.widgets.watching import watch
from napari_gdls.recipe import Assign
from napari_gdls.segmentation import place_of_phase

if TYPE_CHECKING:
    import napari

    from napari_gdls.progress import Progress

_SWATCH = 12
"""Pixels: side of the colour of a phase in the menu."""


class PlotsWidget(QWidget):
    """Dock widget that plots quantities of the chosen field.

    What is outlined in the plot is selected on the map, and what is selected there stands out in the plot.

    Parameters
    ----------
    napari_viewer : napari.Viewer
        Given by napari.

    Attributes
    ----------
    session : Session
    """

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        super().__init__()
        self.session = viewer_session(napari_viewer).session
        self.controls, self.canvas = PlotControls(self), PlotCanvas(self)
        self._quantities = Quantities()
        self._latest = Latest(self)
        self._problem = ""
        self.scrolled = VerticalScrollArea(self.controls, self)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(4, 2, 4, 2)
        layout.addWidget(self.scrolled)
        layout.addWidget(self.canvas, 1)
        self._connect()
        self._look()

    def _connect(self) -> None:
        controls, session = self.controls, self.session
        controls.chosen.connect(self._on_choice)
        for name, button in controls.tool_buttons.items():
            button.clicked.connect(partial(self._set_tool, name))
        controls.all.clicked.connect(self.canvas.show_all)
        controls.new_phase.clicked.connect(self.make_phase)
        controls.assign_menu.aboutToShow.connect(self._list_phases)
        controls.clear.clicked.connect(self.clear_selection)
        for text, slot in (
            ("Picture (PNG, SVG)…", self._on_save_picture),
            ("Points as a table (CSV)…", self._on_save_points),
        ):
            controls.save_menu.addAction(text).triggered.connect(slot)
        self.canvas.chosen.connect(self._on_chosen)
        self.canvas.escaped.connect(self.clear_selection)
        self.canvas.recoloured.connect(self._draw)
        self._latest.succeeded.connect(self._on_points)
        self._latest.failed.connect(self._on_failure)
        watch(self, session.chosen_changed, self._look)
        watch(self, session.shown_changed, self._on_state)
        watch(self, session.naming_changed, self._on_state)
        watch(self, session.display_changed, self._on_display)
        watch(self, session.selection_changed, self._on_selection)

    @property
    def busy(self) -> bool:
        """Whether points are to come."""
        return self._latest.busy

    @property
    def points(self) -> PlotPoints | None:
        """What is plotted."""
        return self.canvas.points

    @Slot()
    def make_phase(self) -> None:
        """Let the selected measurements be a phase of their own."""
        self._assign(None)

    @Slot()
    def clear_selection(self) -> None:
        """Select nothing."""
        if self.session.chosen is not None:
            self.session.select(self.session.chosen, segments=(), phases=(), measurements=())

    def _look(self) -> None:
        """Plot what the chosen field wants."""
        state = self.session.chosen
        if state is None:
            self._latest.drop()
            self._problem = "No field is open."
            self.canvas.show_points(None, None, frozenset())
            self._show_selection()
            return
        source, choice, quantities = PlotSource.of_state(state), state.plot, self._quantities
        self.controls.show_choice(choice)
        self.controls.offer(offered(source, choice.subject))
        if self.points is not None and self.points.source.field is not state.field:
            self.canvas.show_points(None, None, frozenset())

        def wanted(progress: Progress) -> PlotPoints | GdlsError:
            try:
                return plot_points(choice, source, quantities, progress)
            except GdlsError as error:  # told where the axes are chosen, not in a message over the window
                return error

        self._latest.ask(wanted)
        self._show_selection()

    def _on_state(self, state: FieldState) -> None:
        if state is self.session.chosen:
            self._look()

    def _on_display(self, state: FieldState) -> None:
        if state is not self.session.chosen:
            return
        if self.points is None or self.points.choice != state.plot:
            self._look()
        else:
            self._draw()

    def _on_selection(self, state: FieldState) -> None:
        if state is self.session.chosen:
            self._show_selection()

    @Slot(object)
    def _on_choice(self, choice: PlotChoice) -> None:
        if self.session.chosen is not None:
            self.session.choose_plot(self.session.chosen, choice)

    def _set_tool(self, name: str, _: object = None) -> None:
        self.canvas.box.tool = name  # type: ignore[assignment]

    @Slot(object)
    def _on_points(self, found: PlotPoints | GdlsError) -> None:
        state = self.session.chosen
        if isinstance(found, GdlsError):
            if not self._latest.busy and state is not None:
                self._problem = str(found)
                self.canvas.show_points(None, None, frozenset())
                self._show_selection()
            return
        if state is None or found.source.field is not state.field or found.choice != state.plot:
            return
        self._problem = ""
        self._draw(found)

    @Slot(object)
    def _on_failure(self, error: Exception) -> None:
        self.canvas.show_points(None, None, frozenset())
        show_failure(error)

    @Slot()
    def _draw(self, found: PlotPoints | None = None) -> None:
        state, points = self.session.chosen, found or self.points
        if state is None or points is None:
            return
        colours = None
        if state.shown is not None and points.source.segmentation is state.shown.segmentation:
            colours = state.shown.phase_colours
        elif points.source.segmentation is not None:
            return  # of a result before; other points come
        self.canvas.show_points(points, colours, state.hidden_phases)
        self._show_selection()

    def _show_selection(self) -> None:
        state, points, controls = self.session.chosen, self.points, self.controls
        chosen: npt.NDArray[np.bool_] = np.zeros(0, dtype=bool)
        if state is not None:
            chosen = selected_measurements(state)
            if points is not None and points.source.field is state.field:
                self.canvas.show_selection(selected_points(state, points) if chosen.any() else None)
        n = int(np.count_nonzero(chosen))
        has_phases = state is not None and state.shown is not None and state.shown.segmentation.has_phases
        controls.selection.setText(
            f"{n:,} of {len(chosen):,} measurements selected." if n else "Nothing is selected: draw around points."
        )
        for button in (controls.new_phase, controls.assign):
            button.setEnabled(n > 0 and has_phases)
        controls.clear.setEnabled(n > 0)
        controls.save.setEnabled(points is not None)
        text = problem_text(self._problem) if self._problem else ""
        if points is not None and points.n_without_place:
            text = f"{points.n_without_place:,} of {len(points.x):,} have no value, and are not drawn."
        controls.message.setText(text)
        controls.message.setVisible(bool(text))

    @Slot(object, str)
    def _on_chosen(self, which: npt.NDArray[np.bool_], way: str) -> None:
        """Points were outlined or picked."""
        state, points = self.session.chosen, self.points
        if state is None or points is None:
            return
        before = selected_points(state, points) if way != "replace" else np.zeros_like(which)
        now = before & ~which if way == "remove" else before | which
        found = points.source.segmentation
        if points.choice.subject == "measurements" or found is None:
            self.session.select(state, segments=(), phases=(), measurements=np.flatnonzero(now).tolist())
            return
        members = now[found.measurement_labels] & (found.measurement_labels >= 0)
        self.session.select(
            state,
            segments=(np.flatnonzero(now) + 1).tolist(),
            phases=np.unique(found.phases[now]).tolist() if found.has_phases else (),
            measurements=np.flatnonzero(members).tolist(),
        )

    def _list_phases(self) -> None:
        menu, state = self.controls.assign_menu, self.session.chosen
        menu.clear()
        if state is None or state.shown is None or state.shown.phase_colours is None:
            return
        for phase, title in enumerate(state.shown.segmentation.phase_titles):
            swatch = QPixmap(_SWATCH, _SWATCH)
            swatch.fill(QColor.fromRgbF(*(float(part) for part in state.shown.phase_colours[phase])))
            menu.addAction(QIcon(swatch), f"{phase + 1}: {title}").triggered.connect(partial(self._assign, phase))

    def _assign(self, phase: int | None, _: object = None) -> None:
        state = self.session.chosen
        if state is None or state.shown is None:
            return
        chosen = selected_measurements(state)
        if not chosen.any():
            return
        places = tuple((row, column) for row, column in state.field.locations[chosen].tolist())
        try:
            target = None if phase is None else place_of_phase(state.shown.segmentation, phase)
            self.session.do(state, Assign(places, target))
        except GdlsError as error:
            show_failure(error)

    @Slot()
    def _on_save_picture(self) -> None:
        self._save("Save picture of the plot", "plot.png", "Pictures (*.png *.svg)", self.save_picture)

    @Slot()
    def _on_save_points(self) -> None:
        self._save("Save points of the plot", "plot.csv", "Tables (*.csv)", self.save_table)

    def _save(self, title: str, name: str, kinds: str, save: Callable[[str], None]) -> None:
        path, _ = QFileDialog.getSaveFileName(self, title, name, kinds)
        if path:
            save(path)

    def save_picture(self, path: str) -> None:
        """Write the plot as a PNG or SVG file; problems are shown."""
        try:
            save_plot(path, self.canvas)
        except GdlsError as error:
            show_failure(error)

    def save_table(self, path: str) -> None:
        """Write the points as a CSV file; problems are shown."""
        if self.points is None:
            return
        try:
            save_points(path, self.points)
        except GdlsError as error:
            show_failure(error)
