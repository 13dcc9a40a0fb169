"""The dock widget of overlapping phases: from the spectra of a thin specimen to the pure spectra of its phases."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Slot
from qtpy.QtWidgets import (
    QComboBox,
    QFormLayout,
    QLabel,
    QLineEdit,
    QProgressBar,
    QPushButton,
    QSpinBox,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)
from superqt.utils import signals_blocked

from napari_gdls.errors import RecipeError
from napari_gdls.overlap.recipe import UNMIXING_METHODS
from napari_gdls.plugin.failures import show_failure
from napari_gdls.plugin.overlap_viewers import viewer_overlap
from napari_gdls.plugin.qt_messages import take_back_message_handler_at_exit
from napari_gdls.plugin.widgets.element_text import elements_of
from napari_gdls.plugin.widgets.field_choice import FieldChoice
from napari_gdls.plugin.widgets.overlap.components import ComponentsPanel
from napari_gdls.plugin.widgets.overlap.export import ExportPanel
from napari_gdls.plugin.widgets.overlap.masks import MasksPanel
from napari_gdls.plugin.widgets.overlap.separation import SeparationPanel
from napari_gdls.plugin.widgets.overlap.traces import TracesPanel
from napari_gdls.plugin.widgets.rows import row_of
from napari_gdls.plugin.widgets.scrolling import VerticalScrollArea
from napari_gdls.plugin.widgets.segment import described
from napari_gdls.plugin.widgets.watching import watch

if TYPE_CHECKING:
    import napari

    from napari_gdls.field import Field

_MOST_COMPONENTS = 16
"""In the dock; more cannot be told apart by colour, nor by their spectra in any map that is known."""


class OverlapWidget(QWidget):
    """Dock widget for phases that lie on top of one another in a thin specimen (STEM-EDS).

    What is known of each field is kept beside the viewer: the dock shows it, and may be closed and opened again, also
    during a run. Each step is a tab: components, masks, separation, traces, export.

    Parameters
    ----------
    napari_viewer : napari.Viewer
        Given by napari.

    Attributes
    ----------
    overlap : ViewerOverlap
    """

    def __init__(self, napari_viewer: napari.viewer.Viewer) -> None:
        super().__init__()
        take_back_message_handler_at_exit()
        self.overlap = viewer_overlap(napari_viewer)
        session, work = self.overlap.session, self.overlap.work
        self.field_choice = FieldChoice(session.fields, self)
        self.field_label = QLabel(self)
        self.field_label.setWordWrap(True)
        self.artefacts = QLineEdit(self)
        self.artefacts.setPlaceholderText("such as Cu, Ga")
        self.artefacts.setToolTip(
            "Elements that are no part of the specimen: Cu of the grid, Ga of the ion beam, Si of the detector. Their "
            "lines are left out, and they are never ties."
        )
        self.n_components = QSpinBox(self)
        self.n_components.setRange(0, _MOST_COMPONENTS)
        self.n_components.setSpecialValueText("auto")
        self.n_components.setToolTip("Phases, the matrix among them. auto: as many as predict held-out counts best.")
        self.method = QComboBox(self)
        self.method.addItems(UNMIXING_METHODS)
        self.method.setToolTip("psnmf: non-negative factors, weighted by counting noise, of the binned map.")
        self.unmix_button = QPushButton("Unmix automatically", self)
        self.unmix_button.setToolTip("All steps at once; each can be corrected by hand afterwards.")
        self.decompose_button = QPushButton("Decompose", self)
        self.decompose_button.setToolTip("The first step only, to go on by hand.")
        self.cancel_button = QPushButton("Cancel", self)
        self.progress_bar = QProgressBar(self)
        self.progress_bar.setRange(0, 1000)
        self.status = QLabel(self)
        self.status.setWordWrap(True)
        self.status.hide()
        self.components = ComponentsPanel(session, self)
        self.masks = MasksPanel(self.overlap, self)
        self.separation = SeparationPanel(self.overlap, self)
        self.traces = TracesPanel(self.overlap, self)
        self.export = ExportPanel(self.overlap, self)
        self._lay_out()
        self.artefacts.editingFinished.connect(self._on_artefacts)
        self.n_components.valueChanged.connect(self._on_settings)
        self.method.currentTextChanged.connect(self._on_settings)
        self.unmix_button.clicked.connect(self.unmix)
        self.decompose_button.clicked.connect(self.decompose)
        self.cancel_button.clicked.connect(work.cancel)
        work.progressed.connect(self._on_progress)
        work.running_changed.connect(self._show_running)
        work.ended.connect(self._on_ended)
        for signal in (session.fields.chosen_changed, session.settings_changed):
            watch(self, signal, self._show)
        self._show()

    def _lay_out(self) -> None:
        form = QFormLayout()
        form.addRow("Field", self.field_choice)
        form.addRow(self.field_label)
        form.addRow("Artefacts", self.artefacts)
        form.addRow("Components", row_of(self.n_components, self.method))
        self.tabs = QTabWidget(self)
        self.tabs.setUsesScrollButtons(False)
        for number, (panel, title) in enumerate(
            (
                (self.components, "Components"),
                (self.masks, "Masks"),
                (self.separation, "Separation"),
                (self.traces, "Traces"),
                (self.export, "Export"),
            ),
            start=1,
        ):
            self.tabs.addTab(VerticalScrollArea(panel, self.tabs), f"{number} {title}")
        layout = QVBoxLayout(self)
        layout.addLayout(form)
        layout.addLayout(row_of(self.unmix_button, self.decompose_button, self.cancel_button))
        layout.addWidget(self.progress_bar)
        layout.addWidget(self.status)
        layout.addWidget(self.tabs, 1)

    @property
    def running(self) -> bool:
        """Whether a run is under way."""
        return self.overlap.work.running

    @Slot()
    def unmix(self) -> None:
        """Do all steps at once, for the chosen field."""
        state = self.overlap.session.chosen
        if state is not None:
            self.overlap.work.unmix(state)

    @Slot()
    def decompose(self) -> None:
        """Do the first step, for the chosen field."""
        state = self.overlap.session.chosen
        if state is not None:
            self.overlap.work.decompose(state)

    @Slot()
    def _show(self, _: object = None) -> None:
        state = self.overlap.session.chosen
        self.field_label.setText("No field is open." if state is None else _in_words(state.field))
        if state is not None:
            self.artefacts.setText(", ".join(state.artefacts))
            with signals_blocked(self.n_components), signals_blocked(self.method):
                self.n_components.setValue(state.n_components or 0)
                self.method.setCurrentText(state.method)
        self._show_running()

    @Slot()
    def _show_running(self) -> None:
        state = self.overlap.session.chosen
        able = state is not None and state.field.is_dense
        for widget in (self.artefacts, self.n_components, self.method):
            widget.setEnabled(able)
        for button in (self.unmix_button, self.decompose_button):
            button.setEnabled(able and not self.running)
        self.cancel_button.setEnabled(self.running)
        self.progress_bar.setVisible(self.running)
        if self.running:
            self._on_ended("")

    @Slot(str, float)
    def _on_progress(self, stage: str, fraction: float) -> None:
        self.progress_bar.setValue(round(1000 * fraction))
        self.progress_bar.setFormat(f"{stage} %p%")

    @Slot(str)
    def _on_ended(self, text: str) -> None:
        self.status.setText(text)
        self.status.setVisible(bool(text))

    @Slot()
    def _on_artefacts(self) -> None:
        state = self.overlap.session.chosen
        if state is None:
            return
        try:
            self.overlap.session.ask(state, artefacts=elements_of(self.artefacts.text()))
        except RecipeError as error:
            show_failure(error)
            self.artefacts.setText(", ".join(state.artefacts))

    @Slot()
    def _on_settings(self, _: object = None) -> None:
        state = self.overlap.session.chosen
        if state is not None:
            self.overlap.session.ask(
                state, n_components=self.n_components.value() or None, method=self.method.currentText()
            )


def _in_words(field: Field) -> str:
    text = described(field)
    return text if field.is_dense else f"{text}. Overlapping phases need a spectrum at every pixel."
