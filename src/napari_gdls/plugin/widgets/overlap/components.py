"""Step 1 of the dock: the components of the decomposition, what they are, and their loading spectra."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from qtpy.QtCore import Slot
from qtpy.QtGui import QColor
from qtpy.QtWidgets import (
    QCheckBox,
    QColorDialog,
    QComboBox,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QLineEdit,
    QPushButton,
    QTableWidget,
    QVBoxLayout,
    QWidget,
)
from superqt.utils import signals_blocked

from napari_gdls.errors import RecipeError
from napari_gdls.plugin.failures import show_failure
from napari_gdls.plugin.widgets.element_text import elements_of
from napari_gdls.plugin.widgets.overlap.plots import EvidencePlots, LowSpectrumPlot
from napari_gdls.plugin.widgets.spectrum_plot import Curve
from napari_gdls.plugin.widgets.tables import fit_height, read_only_table
from napari_gdls.plugin.widgets.watching import watch

if TYPE_CHECKING:
    from napari_gdls.overlap import Decomposition
    from napari_gdls.plugin.overlap_session import OverlapSession
    from napari_gdls.plugin.overlap_state import OverlapState

_ROLES = ("matrix", "grain", "artefact")
_ROLE_TIP = (
    "matrix: what the grains are embedded in, one component. grain: a phase in it. artefact: a hole, the carbon film, "
    "the grid; its pixels belong to no phase."
)
_ROW_HEIGHT = 26
"""Pixels: fields to type in are higher than text."""
_ROLE_WIDTH = 96
"""Pixels: the longest role and the arrow of the list."""
_LOWEST = 250.0
"""eV: counts below are noise of the detector; the decomposition starts there, too."""
_SEEN_SHARE = 0.985
"""Of all counts, in the range of energies that plots show at first."""


class ComponentRow(NamedTuple):
    """What a component is shown and changed with."""

    colour: QPushButton
    name: QLineEdit
    role: QComboBox


class ComponentsPanel(QWidget):
    """Evidence for the number of components, their names, roles and colours, and their loading spectra.

    Parameters
    ----------
    session : OverlapSession
    parent : QWidget
    """

    def __init__(self, session: OverlapSession, parent: QWidget) -> None:
        super().__init__(parent)
        self._session = session
        self.evidence = EvidencePlots(self)
        self.table = read_only_table(("", "Name", "Role"), ("Colour; click to change it.", "", _ROLE_TIP), 1, self)
        self.table.setSelectionMode(QTableWidget.SelectionMode.NoSelection)
        self.table.horizontalHeader().setSectionResizeMode(2, QHeaderView.ResizeMode.Fixed)
        self.table.setColumnWidth(2, _ROLE_WIDTH)
        self.table.verticalHeader().setDefaultSectionSize(_ROW_HEIGHT)
        self.rows: list[ComponentRow] = []
        self.spectra = LowSpectrumPlot(self)
        self.logarithmic = QCheckBox("logarithmic", self)
        self.lines = QLineEdit(self)
        self.lines.setPlaceholderText("mark lines of: Mg, Si, Ca, Fe")
        self.message = QLabel("Decompose the map, or unmix it automatically.", self)
        self.message.setWordWrap(True)
        layout = QVBoxLayout(self)
        layout.addWidget(self.message)
        layout.addWidget(self.evidence)
        layout.addWidget(self.table)
        layout.addWidget(self.spectra)
        below = QHBoxLayout()
        below.addWidget(self.logarithmic)
        below.addWidget(self.lines, 1)
        layout.addLayout(below)
        layout.addStretch(1)
        self.logarithmic.toggled.connect(self.spectra.set_logarithmic)
        self.lines.editingFinished.connect(self._on_lines)
        for signal in (session.fields.chosen_changed, session.decomposed, session.evidence_changed):
            watch(self, signal, self._show)
        watch(self, session.components_changed, self._show_components)
        self._show()

    def _show(self, _: object = None) -> None:
        state = self._session.chosen
        decomposition = None if state is None else state.decomposition
        evidence = None if state is None else state.evidence
        self.evidence.setVisible(evidence is not None)
        self.evidence.show_evidence(evidence, None if decomposition is None else decomposition.n_components)
        for widget in (self.table, self.spectra, self.logarithmic, self.lines):
            widget.setVisible(decomposition is not None)
        if decomposition is None:
            self.message.setText("No decomposition yet: press Unmix automatically, or Decompose.")
        else:
            self.spectra.set_axis(decomposition.field.energy, *seen_energies(decomposition))
        self._show_components()

    def _show_components(self, _: object = None) -> None:
        state = self._session.chosen
        if state is None or state.decomposition is None:
            return
        k = state.decomposition.n_components
        found = state.evidence is not None and state.evidence.chosen == k
        self.message.setText(f"{k} components{' (as the held-out counts say)' if found else ''}. Say what they are:")
        self.table.setRowCount(k)
        del self.rows[k:]  # their widgets go with the rows of the table
        for i in range(k):
            self._fill(state, i)
        fit_height(self.table)
        self.spectra.show_curves(
            [
                Curve(loading, component.colour, component.name)
                for loading, component in zip(state.decomposition.loadings, state.components, strict=True)
            ]
        )
        self._on_lines()

    def _fill(self, state: OverlapState, row: int) -> None:
        """Show a component in its row; the fields of a row stay the same once there was one."""
        if row == len(self.rows):
            self.rows.append(self._new_row(row))
        component, fields = state.components[row], self.rows[row]
        fields.colour.setStyleSheet(f"background-color: {component.colour}; border-radius: 3px; margin: 3px;")
        if fields.name.text() != component.name:
            fields.name.setText(component.name)
        with signals_blocked(fields.role):
            fields.role.setCurrentText(component.role)

    def _new_row(self, row: int) -> ComponentRow:
        fields = ComponentRow(QPushButton(self.table), QLineEdit(self.table), QComboBox(self.table))
        fields.colour.setFixedWidth(_ROW_HEIGHT)
        fields.name.setFrame(False)
        fields.role.addItems(_ROLES)
        for column, widget in enumerate((fields.colour, fields.name, fields.role)):
            self.table.setCellWidget(row, column, widget)
        fields.colour.clicked.connect(lambda _=False: self._on_colour(row))
        fields.name.editingFinished.connect(lambda: self._on_name(row))
        fields.role.currentTextChanged.connect(lambda text: self._edit(row, role=text))
        return fields

    def _on_name(self, row: int) -> None:
        state = self._session.chosen
        if state is not None and row < len(state.components):
            name = self.rows[row].name.text().strip()
            if name != state.components[row].name:
                self._edit(row, name=name)

    def _on_colour(self, row: int) -> None:
        state = self._session.chosen
        if state is not None:
            chosen = QColorDialog.getColor(QColor(state.components[row].colour), self)
            if chosen.isValid():
                self._edit(row, colour=chosen.name())

    def _edit(self, row: int, **changes: str) -> None:
        state = self._session.chosen
        if state is None:
            return
        try:
            self._session.edit_component(state, row, **changes)  # type: ignore[arg-type]
        except RecipeError as error:
            show_failure(error)
            self._fill(state, row)

    @Slot()
    def _on_lines(self) -> None:
        state = self._session.chosen
        if state is None or state.decomposition is None:
            return
        try:
            elements = elements_of(self.lines.text())
        except RecipeError as error:
            show_failure(error)
            return
        self.spectra.mark_lines(elements, state.field.assumed_beam_energy)


def seen_energies(decomposition: Decomposition) -> tuple[float, float]:
    """Range of energies in eV that plots show at first: from where counts begin to where nearly all have been."""
    energy = decomposition.field.energy.centers
    counts = np.nansum(decomposition.scores, axis=(0, 1)) @ decomposition.loadings
    counts = np.where(energy < _LOWEST, 0.0, np.maximum(counts, 0.0))
    passed = np.cumsum(counts)
    if passed[-1] <= 0:
        return float(energy[0]), float(energy[-1])
    first, last = np.searchsorted(passed, [0.0, _SEEN_SHARE * passed[-1]], side="right")
    return float(energy[first]), float(energy[min(last, len(energy) - 1)])
