"""The dock widget: choose a field, segment it, see the result."""

from __future__ import annotations

import html
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from napari.utils.notifications import show_error, show_info
from qtpy.QtCore import QTimer, Slot
from qtpy.QtWidgets import (
    QCheckBox,
    QFileDialog,
    QFormLayout,
    QLabel,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_gdls.errors import OutputError, RecipeError
from napari_gdls.io import write_text
from napari_gdls.plugin.failures import show_failure
from napari_gdls.plugin.layers.contents import LayerContents, contents_of_run
from napari_gdls.plugin.layers.edits import is_edited
from napari_gdls.plugin.layers.metadata import layers_of
from napari_gdls.plugin.layers.placing import is_being_painted, placing
from napari_gdls.plugin.qt_messages import take_back_message_handler_at_exit
from napari_gdls.plugin.task import Task
from napari_gdls.plugin.viewers import viewer_session
from napari_gdls.plugin.widgets.closing import AskBeforeClosing
from napari_gdls.plugin.widgets.compiling_line import CompilingLine
from napari_gdls.plugin.widgets.dock_buttons import DockButtons
from napari_gdls.plugin.widgets.export import ExportButton
from napari_gdls.plugin.widgets.field_choice import FieldChoice
from napari_gdls.plugin.widgets.minerals import MineralsPanel
from napari_gdls.plugin.widgets.parameter_fields import readable
from napari_gdls.plugin.widgets.recipe_form import RecipeForm
from napari_gdls.plugin.widgets.rows import row_of
from napari_gdls.plugin.widgets.run_progress import RunProgress
from napari_gdls.plugin.widgets.scrolling import VerticalScrollArea
from napari_gdls.plugin.widgets.section import Section
from napari_gdls.plugin.widgets.session_files import SessionFiles
from napari_gdls.plugin.widgets.watching import watch
from napari_gdls.recipe import METHODS, Recipe
from napari_gdls.segmentation.summary import summary_lines, title_line

if TYPE_CHECKING:
    import napari

    from napari_gdls.field import Field
    from napari_gdls.segmentation.result import Segmentation


_STROKE = 50
"""Milliseconds until it is looked again whether a stroke of the brush has ended, so that a result may come."""


class SegmentWidget(QWidget):
    """Dock widget that runs `napari_gdls.segment` on a loaded field.

    The run is a thread of its own; the window stays usable, and all layers are made here, in the thread of the window.
    What is known of each field is in the session of the viewer: the dock shows the chosen field, and may be closed and
    opened again. The embedding and the graph of the last run are kept, so that a change of thresholds repeats the last
    steps only. After a run that made phases a larger tau_z needs no run at all: its result is shown while the slider is
    moved. See `napari_gdls.plugin.layers.placing.placing` for what becomes of earlier results.

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
        take_back_message_handler_at_exit()
        self._viewer = napari_viewer
        self._task: Task | None = None
        followed = viewer_session(napari_viewer)
        self.session = followed.session
        self._steps = followed.steps

        self.field_choice = FieldChoice(self.session, self)
        self.field_label = QLabel(self)
        self.field_label.setWordWrap(True)
        self.recipe_form = RecipeForm(self)
        self.keep_earlier = QCheckBox("keep earlier results", self)
        self.keep_earlier.setToolTip(
            "Unticked, a run replaces the segments of the last one on this field, unless they have been edited."
        )
        self.run_button = QPushButton("Segment", self)
        self.cancel_button = QPushButton("Cancel", self)
        self.progress_bar = RunProgress("Segment", self)
        self.compiling = CompilingLine(self)
        self._before_closing = AskBeforeClosing(self, self._under_way, self.cancel)
        self.result_label = QLabel(self)
        self.result_label.setWordWrap(True)
        self.minerals = MineralsPanel(self.session, followed.naming, self)
        self.docks = DockButtons(napari_viewer, self)
        self.export = ExportButton(self.session, self)
        self.session_files = SessionFiles(napari_viewer, self.session, self)
        self.save_button = QPushButton("Save recipe…", self)
        self.load_button = QPushButton("Load recipe…", self)
        self._lay_out()

        self.run_button.clicked.connect(self.run)
        self.cancel_button.clicked.connect(self.cancel)
        self.save_button.clicked.connect(self._on_save_recipe)
        self.load_button.clicked.connect(self._on_load_recipe)
        self._show_field()
        if self.session.chosen is not None:  # thresholds of other methods that were tried before this dock was opened
            for recipe in self.session.chosen.recipes.values():
                self.recipe_form.set_recipe(recipe)
        self._show_recipe()
        self._show_result()
        self._show_idle()
        self.recipe_form.changed.connect(self._on_form)
        watch(self, self.session.chosen_changed, self._show_field)
        watch(self, self.session.run_changed, self._show_calibration)
        watch(self, self.session.recipe_changed, self._show_recipe)
        for signal in (self.session.chosen_changed, self.session.shown_changed):
            watch(self, signal, self._show_result)

    def _lay_out(self) -> None:
        form = QFormLayout()
        form.addRow("Field", self.field_choice)
        form.addRow(self.field_label)
        self.minerals_section = Section("Minerals", self.minerals, self, expanded=True)
        parts = QWidget(self)
        inner = QVBoxLayout(parts)
        inner.addWidget(self.docks)
        inner.addLayout(form)
        inner.addWidget(self.recipe_form)
        inner.addWidget(self.keep_earlier)
        inner.addLayout(row_of(self.run_button, self.cancel_button))
        inner.addWidget(self.progress_bar)
        inner.addWidget(self.compiling)
        inner.addWidget(self.result_label)
        inner.addWidget(self.minerals_section)
        inner.addStretch(1)
        inner.addWidget(self.export)
        inner.addWidget(self.session_files)
        inner.addLayout(row_of(self.load_button, self.save_button))
        scroll = VerticalScrollArea(parts, self)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(scroll)

    @property
    def running(self) -> bool:
        """Whether a run is under way, or its layers are not all there."""
        return self._task is not None or self._steps.pending

    @Slot()
    def run(self) -> None:
        """Segment the chosen field with the recipe of the form; a run under way is given up."""
        state = self.session.chosen
        if state is None:
            show_error("Open a field first: a file of spectra, or File > Open Sample > napari-gdls.")
            return
        try:
            recipe = self._recipe()
        except RecipeError as error:
            show_failure(error)
            return
        if recipe.corrections and not recipe.method_row.keeps_constraints:
            able = " or ".join(row.title for row in METHODS.values() if row.keeps_constraints)
            show_error(f"{recipe.method_row.title} cannot keep corrections; take them back, or choose {able}.")
            return
        self.cancel()
        field = state.field
        embedding, graph = state.reusable(recipe)
        task = Task(lambda progress: contents_of_run(field, recipe, progress, embedding=embedding, graph=graph))
        task.progressed.connect(self.progress_bar.report)
        task.succeeded.connect(lambda contents: self._on_success(recipe, contents))
        task.failed.connect(self._on_failure)
        self.destroyed.connect(task.cancel)
        self._task = task
        self.run_button.setEnabled(False)
        self.cancel_button.setEnabled(True)
        self.progress_bar.begin()
        self._before_closing.watch()
        task.start()

    @Slot()
    def cancel(self) -> None:
        """Give up the run under way: the window is free at once, and nothing of the run arrives."""
        if self._task is not None:
            self._task.cancel()
            self._end_run()
            self.result_label.setText("Cancelled.")

    def _under_way(self) -> str:
        return "" if self._task is None else "A run is under way, and its result will be lost."

    def _on_success(self, asked: Recipe, contents: LayerContents) -> None:
        field = contents.result.segmentation.field
        if is_being_painted(self._viewer, field):
            QTimer.singleShot(_STROKE, lambda: self._on_success(asked, contents))
            return
        self._end_run()
        if self.session.state_of(field) is None:
            self.result_label.setText("The field was closed; its result is dropped.")
            return
        edited = [layer for layer in layers_of(self._viewer, field, "segments") if is_edited(layer)]
        keep = self.keep_earlier.isChecked()
        self._steps.begin(placing(self._viewer, contents, keep_earlier=keep, graph_later=True))
        if edited:
            show_info(f"Edited labels are kept: {', '.join(layer.name for layer in edited)}.")
        self.session.finish_run(field, asked, contents.result)

    @Slot(object)
    def _on_failure(self, error: Exception) -> None:
        self._end_run()
        self.result_label.setText("The run failed; nothing was changed.")
        show_failure(error)

    @Slot()
    def _on_form(self) -> None:
        with suppress(RecipeError):  # the run will say it, too; a name that is being typed is no reason for a message
            self.session.set_recipe(self._recipe())

    def _recipe(self) -> Recipe:
        """The recipe of the form, with what was done by hand to the chosen field."""
        asked = self.session.recipe
        return self.recipe_form.recipe().replace(names=asked.names, corrections=asked.corrections)

    def _show_field(self) -> None:
        state = self.session.chosen
        self.field_label.setText("No field is open." if state is None else described(state.field))
        self.recipe_form.set_field(None if state is None else state.field)
        self._show_calibration()
        self.run_button.setEnabled(state is not None and not self.running)

    def _show_calibration(self) -> None:
        state = self.session.chosen
        self.recipe_form.set_calibration(None if state is None else state.calibration)

    def _show_recipe(self) -> None:
        try:
            shown: Recipe | None = self.recipe_form.recipe()
        except RecipeError:
            shown = None
        if shown != self.session.recipe:
            self.recipe_form.set_recipe(self.session.recipe)

    def _show_result(self) -> None:
        state = self.session.chosen
        shown = None if state is None else state.shown
        self.result_label.setText("" if shown is None else _summary(shown.segmentation))

    def _end_run(self) -> None:
        self._task = None
        self._show_idle()

    def _show_idle(self) -> None:
        self.run_button.setEnabled(self.session.chosen is not None)
        self.cancel_button.setEnabled(False)
        self.progress_bar.end()

    @Slot()
    def _on_save_recipe(self) -> None:
        path, _ = QFileDialog.getSaveFileName(self, "Save recipe", "recipe.json", "Recipes (*.json)")
        if path:
            self.save_recipe(path)

    @Slot()
    def _on_load_recipe(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Load recipe", "", "Recipes (*.json)")
        if path:
            self.load_recipe(path)

    def save_recipe(self, path: str) -> None:
        """Write the recipe of the form, with what was done by hand, to a JSON file; problems are shown."""
        try:
            write_text(path, self._recipe().to_json() + "\n")
        except (OutputError, RecipeError) as error:
            show_error(f"{path}: the recipe was not saved: {error}")

    def load_recipe(self, path: str) -> None:
        """Set the recipe from a JSON file, what was done by hand included; problems are shown and change nothing."""
        try:
            self.session.set_recipe(Recipe.from_json(Path(path).read_text(encoding="utf-8")))
        except (OSError, UnicodeError, RecipeError) as error:
            show_error(f"{path}: no recipe was loaded: {error}")


def described(field: Field) -> str:
    """Size and sampling of a field in a line."""
    height, width = field.shape
    kind = "every pixel" if field.is_dense else f"every {field.sampling_distance:.3g} px"
    pixel = "" if field.pixel_size is None else f", {field.pixel_size:.3g} um per pixel"
    return f"{width} x {height} px{pixel}; {field.n_measurements:,} spectra, {kind}"


def _summary(segmentation: Segmentation) -> str:
    lines = (html.escape(readable(line)) for line in summary_lines(segmentation))
    return "<br>".join([f"<b>{title_line(segmentation)}</b>", *lines])
